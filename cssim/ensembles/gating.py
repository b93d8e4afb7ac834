"""Gated stacking: stacking whose weights are linear in the reference's projected features.

w(R) = base + gates z(R), with z the PCA-8 coordinates in standard deviations, fitted by logistic
regression without intercept on the members' standardised margins. The gates' ridge is chosen by
cross-validation over references, "no gates at all" among the choices: then it is plain stacking.

Whoever calls an ensemble context-sensitive must show that its gating beats both plain stacking and
itself with the features of the references shuffled: `gating_null`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.ensembles.folds import folds_by_reference
from cssim.ensembles.logistic import fit_logistic
from cssim.ensembles.projection import Projection
from cssim.ensembles.weighting import Evidence, WeightFunction, shares
from cssim.errors import BadInput

Floats = NDArray[np.float64]

DIM = 8
RIDGES = (np.inf, 1000.0, 100.0)
"""Penalties of the gates that are tried; infinite means none."""
_ROUGH = 1e-3
"""Coefficients need be no surer than this to compare penalties by their held-out loss."""


@dataclass(frozen=True, eq=False)
class GatedWeights(WeightFunction):
    """Weights base + gates z, divided by the sum of their absolute values; they may be negative."""

    known: Evidence
    projection: Projection
    base: Floats
    """(members,)."""
    gates: Floats
    """(members, dim)."""
    ridge: float
    """The chosen penalty of the gates; 0 where there are none."""

    def __post_init__(self) -> None:
        if self.gates.shape != (len(self.base), self.projection.dim):
            raise BadInput(
                f"{words.count(len(self.base), 'member')} and "
                f"{words.count(self.projection.dim, 'dimension')} need gates of that shape, got "
                f"{self.gates.shape}"
            )

    @property
    def evidence(self) -> Evidence:
        """The references that the gates were fitted on."""
        return self.known

    def weights(self, features: NDArray[np.floating]) -> Floats:
        """(k, members); where all are 0, everybody gets the same."""
        if len(self.base) == 1:  # nothing to weigh: the answer is the member's, however poor
            return np.ones((len(features), 1))
        return shares(self.base + self.projection.scaled(features) @ self.gates.T)


def fit_gates(
    margins: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    known: Evidence,
    projection: Projection,
    *,
    folds: int = 5,
    seed: int = 0,
) -> GatedWeights:
    """Gated stacking on validation triples.

    Args:
        margins: (members, n) in units of each member's spread.
        share_a: (n,) 0..1.
        reference: (n,) image ids, all among those of `known`.
        known: the evidence of these triples.
        projection: fitted on features that may be known.
        folds: parts into which references are dealt to choose the ridge.
        seed: deals them.
    """
    z = projection.scaled(known.features)[np.searchsorted(known.reference, reference)]
    ridge = _chosen(margins.T, z, share_a, reference, min(folds, len(known.reference)), seed)
    base, gates = _fit(margins.T, z, share_a, ridge)
    return GatedWeights(known, projection, base, gates, 0.0 if np.isinf(ridge) else ridge)


def _chosen(
    x: Floats, z: Floats, share: Floats, reference: NDArray[np.int64], folds: int, seed: int
) -> float:
    """The ridge with the least held-out log loss; the largest where nothing can be held out."""
    if folds < 2 or x.shape[1] < 2:
        return RIDGES[0]
    fold = folds_by_reference(reference, folds, seed)
    losses = np.zeros(len(RIDGES))
    for k in range(folds):
        seen, held = fold != k, fold == k
        found = None
        for i, ridge in enumerate(RIDGES):
            found = _fit(x[seen], z[seen], share[seen], ridge, found, small=_ROUGH)
            base, gates = found
            logit = np.sum(x[held] * (base + z[held] @ gates.T), axis=1)
            losses[i] += float(np.sum(np.logaddexp(0.0, logit) - share[held] * logit))
    return RIDGES[int(np.argmin(losses))]


def _fit(
    x: Floats,
    z: Floats,
    share: Floats,
    ridge: float,
    near: tuple[Floats, Floats] | None = None,
    *,
    small: float = 1e-10,
) -> tuple[Floats, Floats]:
    """Base (members,) with ridge 1, and gates (members, dim) with the given one.

    `near`: the solution for another ridge, from which the way is shorter.
    """
    members, dim = x.shape[1], z.shape[1]
    if np.isinf(ridge):
        return fit_logistic(x, share, small=small), np.zeros((members, dim))
    root = np.sqrt(ridge)
    crossed = (x[:, :, None] * z[:, None, :]).reshape(len(x), members * dim)
    start = None if near is None else np.concatenate([near[0], near[1].ravel() * root])
    found = fit_logistic(np.hstack([x, crossed / root]), share, start=start, small=small)
    return found[:members], (found[members:] / root).reshape(members, dim)
