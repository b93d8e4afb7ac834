"""Ways to combine members: one registry, one contract.

A strategy is fitted on the distances of all members on *validation* triples and becomes a `Fitted`:
plain numbers that turn any `distances[member, triple, 2]` into the ensemble's distances
`(triples, 2)`. The contract, tested for each: swapping A and B swaps the answer, permuting the
members permutes the weights, one member gives that member, exact ties stay ties, and weights are
shares that sum to 1 (of their absolute values where a strategy may weigh against a member).

Sources: uniform sum and majority vote: Liao and Chen 2024, sections 4.4 and 5; stacking: Wolpert
1992, here as logistic regression without intercept, so that the order of A and B cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.distances import margins, spreads
from cssim.ensembles.logistic import fit_logistic, sigmoid
from cssim.errors import BadInput, NotFound

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A strategy with its numbers; written to JSON as it is."""

    strategy: str
    """Name in `STRATEGIES`."""
    weights: tuple[float, ...]
    """(members,) shares; absolute values sum to 1."""
    spreads: tuple[float, ...]
    """(members,) > 0: each member's distances are divided by this first."""
    votes: bool = False
    """Whether members vote on the triple instead of adding their distances."""
    slope: float | None = None
    """P(A is closer) = sigmoid(slope (D(R, B) - D(R, A))), >= 0; None where nothing was fitted."""

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.spreads):
            raise BadInput(
                f"an ensemble needs a weight and a spread for each member, got "
                f"{len(self.weights)} and {len(self.spreads)}"
            )
        numbers = np.array([*self.weights, *self.spreads, self.slope or 0.0])
        if not np.isfinite(numbers).all() or min(self.spreads) <= 0 or (self.slope or 0.0) < 0:
            raise BadInput("weights must be finite, spreads > 0 and the slope >= 0")
        if abs(sum(abs(w) for w in self.weights) - 1) > 1e-6:
            raise BadInput(f"the absolute weights must sum to 1, got {list(self.weights)}")

    def combine(self, distances: Floats) -> Floats:
        """The ensemble's distances (n, 2), smaller = closer.

        A sum of distances for most strategies; where members vote, D(X) is the share of the weight
        that speaks against X, a tie counting half on each side.

        Args:
            distances: (members, n, 2) in the order of the weights.
        """
        if distances.ndim != 3 or len(distances) != len(self.weights):
            raise BadInput(
                f"expected distances of shape ({len(self.weights)} members, n, 2), "
                f"got {distances.shape}"
            )
        total = np.zeros(distances.shape[1:])
        # Member by member: a matrix product may round two equal columns differently and undo a tie.
        for weight, spread, own in zip(self.weights, self.spreads, distances, strict=True):
            total += weight * (_against(own) if self.votes else own / spread)
        return total

    def confidence(self, combined: Floats) -> Floats | None:
        """Estimated probability that people find A closer, (n,); None where nothing was fitted.

        Args:
            combined: (n, 2), from `combine`.
        """
        return None if self.slope is None else sigmoid(self.slope * margins(combined))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "strategy": self.strategy,
            "weights": list(self.weights),
            "spreads": list(self.spreads),
            "votes": self.votes,
            "slope": self.slope,
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Fitted:
        """What `to_dict` wrote; raises `BadInput` for anything else."""
        try:
            return Fitted(
                strategy=strategy(str(values["strategy"])).name,
                weights=tuple(float(w) for w in values["weights"]),
                spreads=tuple(float(s) for s in values["spreads"]),
                votes=bool(values["votes"]),
                slope=None if values["slope"] is None else float(values["slope"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"not a fitted strategy: {error!r} in {dict(values)}") from error


@dataclass(frozen=True)
class Strategy:
    """A row of the registry."""

    name: str
    title: str
    """As tables show it."""
    needs_labels: bool
    """Whether it cannot be fitted without validation triples."""
    nonnegative: bool
    """Whether its weights are promised to be >= 0."""
    rule: Callable[[Floats, Floats], tuple[Floats, Floats, bool]]
    """(distances, share_a) -> weights, spreads, whether members vote."""

    def fit(self, distances: Floats, share_a: Floats) -> Fitted:
        """The strategy fitted on validation triples.

        Args:
            distances: (members, n, 2); n = 0 will do where `needs_labels` is False, and then the
                ensemble states no confidence.
            share_a: (n,) share of the voters who said A, 0..1.

        Raises:
            BadInput: shapes that do not fit, or no triples where they are needed.
        """
        _check(distances, share_a)
        if self.needs_labels and not len(share_a):
            raise BadInput(f"{self.title!r} is fitted on validation triples, got none")
        weights, spread, votes = self.rule(distances, share_a)
        total = np.abs(weights).sum()
        bare = Fitted(
            strategy=self.name,
            weights=tuple((weights / total).tolist()),
            spreads=tuple(spread.tolist()),
            votes=votes,
        )
        return _with_slope(bare, distances, share_a)


def strategy(name: str) -> Strategy:
    """The strategy of that name; raises `NotFound` with the names there are."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise NotFound(f"no strategy {name!r}; there are: {', '.join(STRATEGIES)}") from None


def folds_by_reference(reference: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold 0..folds-1 of each triple, (n,): triples of one reference stay together.

    References are shuffled by `seed` and dealt out in turn, so folds differ by at most one
    reference.

    Raises:
        BadInput: fewer than two folds, or fewer references than folds.
    """
    distinct, which = np.unique(reference, return_inverse=True)
    if not 2 <= folds <= len(distinct):
        raise BadInput(f"{len(distinct)} references cannot be dealt into {folds} folds (2 or more)")
    dealt = np.empty(len(distinct), dtype=np.int64)
    dealt[np.random.default_rng(seed).permutation(len(distinct))] = np.arange(len(distinct)) % folds
    return np.asarray(dealt[which])


def cross_fit(
    name: str,
    distances: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    *,
    folds: int = 5,
    seed: int = 0,
) -> Floats:
    """The ensemble's distances (n, 2), each triple's by a fit that never saw its reference.

    Combined distances of different folds are in each fold's own units: compare A with B, not
    triple with triple.

    Args:
        name: a strategy of the registry.
        distances: (members, n, 2).
        share_a: (n,) 0..1.
        reference: (n,) image ids.
        folds: how many parts.
        seed: deals the references.
    """
    fold = folds_by_reference(reference, folds, seed)
    out = np.empty(distances.shape[1:])
    for k in range(folds):
        fitted = strategy(name).fit(distances[:, fold != k], share_a[fold != k])
        out[fold == k] = fitted.combine(distances[:, fold == k])
    return out


def _against(own: Floats) -> Floats:
    """(n, 2): 1 for the candidate that a member finds farther, 0 for the other, ties half."""
    return 0.5 + 0.5 * np.sign(own - own[:, ::-1])


def _best_single(distances: Floats, share_a: Floats) -> tuple[Floats, Floats, bool]:
    """All weight to the member with the most soft credit on validation; the first of equals."""
    credit = np.mean(np.sign(margins(distances)) * (share_a - 0.5), axis=1)
    weights = np.zeros(len(distances))
    weights[int(np.argmax(credit))] = 1.0
    return weights, np.ones(len(distances)), False


def _vote(distances: Floats, share_a: Floats) -> tuple[Floats, Floats, bool]:
    return np.ones(len(distances)), np.ones(len(distances)), True


def _uniform(distances: Floats, share_a: Floats) -> tuple[Floats, Floats, bool]:
    return np.ones(len(distances)), np.ones(len(distances)), False


def _uniform_standardised(distances: Floats, share_a: Floats) -> tuple[Floats, Floats, bool]:
    return np.ones(len(distances)), spreads(distances), False


def _stacking(distances: Floats, share_a: Floats) -> tuple[Floats, Floats, bool]:
    """Logistic regression of the answers on the members' standardised margins."""
    spread = spreads(distances)
    if len(distances) == 1:  # nothing to weigh: the answer is the member's, however poor
        return np.ones(1), spread, False
    found = fit_logistic(margins(distances).T / spread, share_a)
    return (found if np.any(found) else np.ones(len(found))), spread, False


STRATEGIES: dict[str, Strategy] = {
    row.name: row
    for row in (
        Strategy("best-single", "Best single member", True, True, _best_single),
        Strategy("vote", "Majority vote", False, True, _vote),
        Strategy("uniform", "Uniform sum", False, True, _uniform),
        Strategy(
            "uniform-standardised", "Uniform sum, standardised", True, True, _uniform_standardised
        ),
        Strategy("stacking", "Stacking", True, False, _stacking),
    )
}
"""All strategies by name, in the order in which tables show them."""


def _with_slope(bare: Fitted, distances: Floats, share_a: Floats) -> Fitted:
    """`bare` with the slope that turns its margins into probabilities, where there are answers."""
    if not len(share_a):
        return bare
    combined = margins(bare.combine(distances))
    scale = float(np.sqrt(np.mean(combined**2)))
    if scale == 0:  # every triple a tie: any slope says one half
        return Fitted(bare.strategy, bare.weights, bare.spreads, bare.votes, 0.0)
    slope = fit_logistic(combined[:, None] / scale, share_a)[0] / scale
    return Fitted(bare.strategy, bare.weights, bare.spreads, bare.votes, max(0.0, float(slope)))


def _check(distances: Floats, share_a: Floats) -> None:
    n = len(share_a)
    if distances.ndim != 3 or distances.shape[0] < 1 or distances.shape[1:] != (n, 2):
        raise BadInput(f"expected distances of shape (members, {n}, 2), got {distances.shape}")
    if not np.isfinite(distances).all():
        raise BadInput("distances must be finite")
    if n and not bool(np.all((share_a >= 0) & (share_a <= 1))):
        raise BadInput("share_a must lie in 0..1")
