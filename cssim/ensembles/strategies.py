"""Ways to combine members: one registry, one contract.

A strategy is fitted on the distances of all members on *validation* triples and becomes a `Fitted`.
The contract, tested for each: swapping A and B swaps the answer, permuting the members permutes the
weights, one member gives that member, exact ties stay ties, and weights are shares that sum to 1
(of their absolute values where a strategy may weigh against a member). Members that nobody can tell
apart share equally, but where a rule gives all to the best one, the first of equals gets it.

Sources: vote, uniform sum, maps and MLPs: Liao and Chen 2024, sections 4.3, 4.4 and 5; their maps
and MLPs weigh raw distances, all that came later weighs distances in units of each member's spread.
Stacking: Wolpert 1992, here as logistic regression without intercept, so that the order of A and B
cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles import rules
from cssim.ensembles.distances import margins
from cssim.ensembles.fitted import Fitted
from cssim.ensembles.folds import folds_by_reference
from cssim.ensembles.logistic import fit_logistic, sigmoid
from cssim.ensembles.projection import Projection
from cssim.ensembles.rules import Rule, Validation
from cssim.errors import BadInput, NotFound

__all__ = [
    "STRATEGIES",
    "Fitted",
    "Strategy",
    "Validation",
    "cross_confidence",
    "cross_fit",
    "fit_slope",
    "folds_by_reference",
    "strategy",
]

Floats = NDArray[np.float64]

FOLDS = 5
"""Parts into which references are dealt, unless told otherwise."""
LEAST_REFERENCES = 3
"""With fewer references nothing can be held out: networks learn from two."""


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
    rule: Callable[[Validation], Rule]
    needs_features: bool = False
    """Whether weights depend on the reference, so that features of references are needed."""

    def fit(
        self,
        distances: Floats,
        share_a: Floats,
        *,
        reference: NDArray[np.int64] | None = None,
        features: NDArray[np.floating] | None = None,
        projection: Projection | None = None,
        faithful: bool = False,
        projector: str = "",
        seed: int = 0,
        folds: int = FOLDS,
    ) -> Fitted:
        """The strategy fitted on validation triples.

        The confidence is fitted on answers of fits that have not seen their references: on the
        triples that weights were fitted on, an ensemble is surer than it may be.

        Args:
            distances: (members, n, 2); n = 0 will do where `needs_labels` is False, and then the
                ensemble states no confidence.
            share_a: (n,) share of the voters who said A, 0..1.
            reference: (n,) image ids; needed where `needs_features`, and for the confidence to be
                fitted by reference: without it each triple counts as one of its own.
            features: (n, d) of each triple's reference; only where `needs_features`.
            projection: fitted elsewhere, of the strategy's dimension; None: on these references.
            faithful: maps as in the paper's release.
            projector: name of the encoder that made the features, kept with the numbers.
            seed: of the networks, and of the folds.
            folds: parts into which references are dealt to fit the confidence; fewer where there
                are fewer references, and one or two have to do themselves. 0 fits none.

        Raises:
            BadInput: shapes that do not fit, or no triples or features where they are needed.
        """
        data = Validation(distances, share_a, reference, features, projection, faithful, seed)
        if self.needs_labels and not len(share_a):
            raise BadInput(f"{self.title!r} is fitted on validation triples, got none")
        if not self.needs_features:
            features = None
        elif features is None:
            raise BadInput(f"{self.title!r} needs the features of each triple's reference")
        found = self.rule(data)
        if found.weighting is not None:
            known = data.evidence.features
            weights = found.weighting.weights(known).mean(axis=0)
        else:
            assert found.weights is not None
            weights = found.weights / np.abs(found.weights).sum()
        bare = Fitted(
            strategy=self.name,
            weights=tuple(weights.tolist()),
            spreads=tuple(found.spreads.tolist()),
            votes=found.votes,
            weighting=found.weighting,
            projector=projector if self.needs_features else "",
        )
        if not len(share_a) or not folds:
            return bare
        of = np.arange(len(share_a)) if reference is None else reference
        references = len(np.unique(of))
        if references < LEAST_REFERENCES:
            combined = bare.combine(distances, features)
        else:
            folds = min(folds, references)
            combined = _held_out(
                self, distances, share_a, of, features, projection, faithful, folds, seed
            )
        return replace(bare, slope=fit_slope(combined, share_a))


def strategy(name: str) -> Strategy:
    """The strategy of that name; raises `NotFound` with the names there are."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise NotFound(f"no strategy {name!r}; there are: {', '.join(STRATEGIES)}") from None


def cross_fit(
    name: str,
    distances: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    *,
    features: NDArray[np.floating] | None = None,
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
        features: (n, d) of each triple's reference; only where the strategy needs them.
        folds: how many parts.
        seed: deals the references, and seeds the fits.
    """
    row = strategy(name)
    return _held_out(row, distances, share_a, reference, features, None, False, folds, seed)


def _held_out(
    row: Strategy,
    distances: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    features: NDArray[np.floating] | None,
    projection: Projection | None,
    faithful: bool,
    folds: int,
    seed: int,
) -> Floats:
    """(n, 2), each triple by a fit of the other folds."""
    fold = folds_by_reference(reference, folds, seed)
    out = np.empty(distances.shape[1:])
    for k in range(folds):
        seen, held = fold != k, fold == k
        fitted = row.fit(
            distances[:, seen],
            share_a[seen],
            reference=reference[seen],
            features=None if features is None else features[seen],
            projection=projection,
            faithful=faithful,
            seed=seed,
            folds=0,
        )
        out[held] = fitted.combine(distances[:, held], None if features is None else features[held])
    return out


def cross_confidence(
    combined: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> Floats:
    """(n,) estimated probability that people find A closer, by slopes of the other folds.

    With the distances of `cross_fit`, by the same folds, neither the weights nor the confidence of
    a triple have seen its reference: what calibration is to be measured on.

    Args:
        combined: (n, 2), from `cross_fit`.
        share_a: (n,) 0..1.
        reference: (n,) image ids.
        folds: how many parts.
        seed: deals the references.
    """
    fold = folds_by_reference(reference, folds, seed)
    out = np.empty(len(share_a))
    for k in range(folds):
        held = fold == k
        slope = fit_slope(combined[~held], share_a[~held])
        out[held] = sigmoid(slope * margins(combined[held]))
    return out


def _by_reference(name: str, title: str, rule: Callable[[Validation], Rule]) -> Strategy:
    """A strategy of competence: fitted on answers, weights >= 0 that depend on the reference."""
    return Strategy(name, title, True, True, rule, needs_features=True)


STRATEGIES: dict[str, Strategy] = {
    row.name: row
    for row in (
        Strategy("best-single", "Best single member", True, True, rules.best_single),
        Strategy("vote", "Majority vote", False, True, partial(rules.equal, votes=True)),
        Strategy("uniform", "Uniform sum", False, True, rules.equal),
        Strategy("uniform-standardised", "Uniform sum, standardised", True, True, rules.spread_out),
        _by_reference("map-thres", "Map, threshold", partial(rules.by_map, rule="thres")),
        _by_reference("map-avg", "Map, average", partial(rules.by_map, rule="avg")),
        _by_reference("map-max", "Map, best", partial(rules.by_map, rule="max")),
        _by_reference("mlp-8", "MLP on 8 components", partial(rules.by_mlp, dim=8)),
        _by_reference("mlp-64", "MLP on 64 components", partial(rules.by_mlp, dim=64)),
        _by_reference("knn", "Nearest references", rules.by_neighbours),
        _by_reference("gp", "Gaussian process", rules.by_process),
        Strategy("stacking", "Stacking", True, False, rules.stacking),
        Strategy("gated", "Gated stacking", True, False, rules.gated, needs_features=True),
    )
}
"""All strategies by name, in the order in which tables show them."""


def fit_slope(combined: Floats, share_a: Floats) -> float:
    """What turns combined margins into probabilities of A, >= 0.

    Args:
        combined: (n, 2) distances of an ensemble.
        share_a: (n,) 0..1.
    """
    own = margins(combined)
    scale = float(np.sqrt(np.mean(own**2)))
    if scale == 0:  # every triple a tie: any slope says one half
        return 0.0
    return max(0.0, float(fit_logistic(own[:, None] / scale, share_a)[0] / scale))
