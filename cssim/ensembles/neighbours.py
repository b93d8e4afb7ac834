"""Competence from the nearest validation references, shrunk towards each member's overall accuracy.

About nine triples a reference are mostly noise (a binomial standard deviation of 13 points), so the
neighbours' triples are pooled and joined by `prior` triples of the member's overall accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.weighting import Estimate, Evidence, WeightFunction, by_log_odds
from cssim.errors import BadInput

Floats = NDArray[np.float64]

NEIGHBOURS = (5, 10, 20, 40, 80)
PRIORS = (10.0, 30.0, 100.0, 300.0, 1e9)
"""What is tried by leaving validation references out; the last prior is the overall accuracy."""


@dataclass(frozen=True, eq=False)
class NeighbourWeights(WeightFunction):
    """Weights by the log odds of c = (credit of the neighbours + prior p) / (triples + prior)."""

    known: Evidence
    neighbours: int
    """How many references are asked, >= 1; all, where there are fewer."""
    prior: float
    """Triples that the overall accuracy p counts for, > 0."""

    def __post_init__(self) -> None:
        if self.neighbours < 1 or not self.prior > 0:
            raise BadInput(
                f"expected 1 or more neighbours and a prior above 0, got {self.neighbours} and "
                f"{self.prior}"
            )

    @property
    def evidence(self) -> Evidence:
        """The references that are asked."""
        return self.known

    def estimate(self, features: NDArray[np.floating]) -> Estimate:
        """Shrunk accuracy, with the standard deviation of a Beta of as many triples."""
        near = np.argsort(self.known.cosine(features), axis=1, kind="stable")[:, : self.neighbours]
        competence, triples = _shrunk(self.known, near, self.prior, self.known.overall)
        spread = competence * (1 - competence) / (triples[:, None] + self.prior + 1)
        return Estimate(
            competence=competence,
            error=np.sqrt(np.clip(spread, 0.0, None)),
            references=np.full(len(near), near.shape[1]),
            triples=triples,
        )

    def weights(self, features: NDArray[np.floating]) -> Floats:
        """(k, members), >= 0."""
        return by_log_odds(self.estimate(features).competence)


def fit_neighbours(known: Evidence) -> NeighbourWeights:
    """Neighbours and prior that best predict each validation reference from the others.

    The error is the squared difference of predicted and observed accuracy, weighted by triples and
    summed over members; the first of equals is taken, and a single reference gives the overall
    accuracy. The overall accuracy that a reference is predicted by is that of the others, too: with
    its own answers in it, few references would speak for the strongest prior.
    """
    if len(known.reference) < 2:
        return NeighbourWeights(known, 1, PRIORS[-1])
    rest = known.credit.sum(axis=1, keepdims=True) - known.credit
    others = (rest / (known.triples.sum() - known.triples)).T  # (g, members)
    distance = known.cosine(known.features)
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")[:, :-1]  # itself stands last
    best = (np.inf, 1, PRIORS[-1])
    for neighbours in [k for k in NEIGHBOURS if k < len(known.reference)] or [1]:
        for prior in reversed(PRIORS):
            found, _ = _shrunk(known, order[:, :neighbours], prior, others)
            error = float(np.sum(known.triples[:, None] * (known.accuracy.T - found) ** 2))
            if error < best[0] * (1 - 1e-12):
                best = (error, neighbours, prior)
    return NeighbourWeights(known, best[1], best[2])


def _shrunk(
    known: Evidence, near: NDArray[np.int64], prior: float, overall: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """(k, members) accuracy on the rows `near` (k, neighbours), and their (k,) triples.

    `overall`, (members,) or (k, members), is what the prior's triples say.
    """
    triples = known.triples[near].sum(axis=1)
    credit = known.credit[:, near].sum(axis=2).T
    return (credit + prior * overall) / (triples[:, None] + prior), triples
