"""What each strategy makes of validation triples: weights, or a function that gives them.

Maps and networks weigh raw distances, as Liao and Chen 2024 do; all that came later weighs
distances in units of each member's spread on validation triples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.ensembles.distances import margins, spreads
from cssim.ensembles.gating import DIM, fit_gates
from cssim.ensembles.gaussian import fit_gaussian
from cssim.ensembles.logistic import fit_logistic
from cssim.ensembles.maps import MapWeights
from cssim.ensembles.neighbours import fit_neighbours
from cssim.ensembles.projection import Projection, fit_projection
from cssim.ensembles.regressors import fit_mlp
from cssim.ensembles.weighting import Evidence, WeightFunction, collect
from cssim.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Validation:
    """What strategies are fitted on."""

    distances: Floats
    """(members, n, 2)."""
    share_a: Floats
    """(n,) share of the voters who said A, 0..1."""
    reference: NDArray[np.int64] | None = None
    """(n,) image ids."""
    features: NDArray[np.floating] | None = None
    """(n, d) of each triple's reference, by one frozen encoder; rows of one reference are equal."""
    projection: Projection | None = None
    """A projection fitted elsewhere, e.g. the paper's; None: fitted on these references."""
    faithful: bool = False
    """Maps as in the paper's release."""
    seed: int = 0
    """Of the networks, and of the folds in which a ridge is chosen."""

    def __post_init__(self) -> None:
        n = len(self.share_a)
        if (
            self.distances.ndim != 3
            or not len(self.distances)
            or self.distances.shape[1:] != (n, 2)
        ):
            raise BadInput(
                f"expected distances of shape (members, {n}, 2), got {self.distances.shape}"
            )
        if not np.isfinite(self.distances).all():
            raise BadInput("distances must be finite")
        if n and not bool(np.all((self.share_a >= 0) & (self.share_a <= 1))):
            raise BadInput("share_a must lie in 0..1")

    @property
    def references(self) -> NDArray[np.int64]:
        """(n,) image ids; raises `BadInput` where they were not given."""
        if self.reference is None or self.reference.shape != self.share_a.shape:
            raise BadInput(
                f"expected the reference of each of {words.count(len(self.share_a), 'triple')}"
            )
        return self.reference

    @cached_property
    def evidence(self) -> Evidence:
        """Credit by reference, with features."""
        assert self.features is not None
        return collect(self.distances, self.share_a, self.references, self.features)

    def projected(self, known: Evidence, dim: int) -> Projection:
        """The given projection, or one of these references."""
        if self.projection is None:
            return fit_projection(known.features, dim)
        if self.projection.dim != dim:
            raise BadInput(
                f"expected a projection to {words.count(dim, 'dimension')}, got "
                f"{self.projection.dim}"
            )
        return self.projection


@dataclass(frozen=True, eq=False)
class Rule:
    """What a strategy makes of validation triples."""

    spreads: Floats
    """(members,) > 0."""
    weights: Floats | None = None
    """(members,) of any sum; None where `weighting` says it."""
    weighting: WeightFunction | None = None
    votes: bool = False


def best_single(data: Validation) -> Rule:
    """All weight to the member with the most soft credit on validation; the first of equals."""
    credit = np.mean(np.sign(margins(data.distances)) * (data.share_a - 0.5), axis=1)
    weights = np.zeros(len(data.distances))
    weights[int(np.argmax(credit))] = 1.0
    return Rule(_raw(data), weights)


def equal(data: Validation, *, votes: bool = False) -> Rule:
    """The same weight for all, as votes or as a sum of raw distances."""
    return Rule(_raw(data), np.ones(len(data.distances)), votes=votes)


def spread_out(data: Validation) -> Rule:
    """The same weight for all, on distances in units of each member's spread."""
    return Rule(spreads(data.distances), np.ones(len(data.distances)))


def stacking(data: Validation) -> Rule:
    """Logistic regression of the answers on the members' standardised margins."""
    spread = spreads(data.distances)
    if len(data.distances) == 1:  # nothing to weigh: the answer is the member's, however poor
        return Rule(spread, np.ones(1))
    found = fit_logistic(margins(data.distances).T / spread, data.share_a)
    return Rule(spread, found if np.any(found) else np.ones(len(found)))


def by_map(data: Validation, *, rule: str) -> Rule:
    """The paper's map on raw distances."""
    known = data.evidence
    plane = data.projected(known, 2)
    return Rule(_raw(data), weighting=MapWeights(known, plane, rule, faithful=data.faithful))


def by_mlp(data: Validation, *, dim: int) -> Rule:
    """The paper's networks on raw distances."""
    known = data.evidence
    return Rule(_raw(data), weighting=fit_mlp(known, data.projected(known, dim), seed=data.seed))


def by_neighbours(data: Validation) -> Rule:
    """Log odds of the shrunk accuracy on the nearest references."""
    return Rule(spreads(data.distances), weighting=fit_neighbours(data.evidence))


def by_process(data: Validation) -> Rule:
    """Log odds of a Gaussian process's mean."""
    return Rule(spreads(data.distances), weighting=fit_gaussian(data.evidence))


def gated(data: Validation) -> Rule:
    """Stacking whose weights are linear in the reference's first components."""
    known, spread = data.evidence, spreads(data.distances)
    gates = fit_gates(
        margins(data.distances) / spread[:, None],
        data.share_a,
        data.references,
        known,
        data.projected(known, DIM),
        seed=data.seed,
    )
    return Rule(spread, weighting=gates)


def _raw(data: Validation) -> Floats:
    return np.ones(len(data.distances))
