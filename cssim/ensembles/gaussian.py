"""Competence as a Gaussian process over the references' features, with its uncertainty.

For each member: accuracy(R) = overall + f(R) + noise, f with covariance s^2 exp(-|u - v|^2 / 2 l^2)
on unit features, the noise of variance p (1 - p) / triples(R) (Rasmussen and Williams 2006, section
2.2). Signal s and length l maximise the marginal likelihood on a small grid; s = 0, the overall
accuracy everywhere, is among the choices. Where the error is large, a label says most.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.weighting import Estimate, Evidence, WeightFunction, by_log_odds
from cssim.errors import BadInput

Floats = NDArray[np.float64]

SIGNALS = (0.0, 0.03, 0.1, 0.2)
"""Standard deviations of competence over references that are tried."""
LENGTHS = (0.5, 1.0, 2.0)
"""Lengths that are tried, in median distances between references."""
_LEAST = 0.01
"""Least p (1 - p): a member that was always right on few triples is not known without error."""


@dataclass(frozen=True, eq=False)
class GaussianWeights(WeightFunction):
    """Weights by the log odds of the process's mean, clipped to 0..1."""

    known: Evidence
    signal: Floats
    """(members,) standard deviation of the process, >= 0."""
    length: Floats
    """(members,) > 0, in Euclidean distance of unit features (0..2)."""

    def __post_init__(self) -> None:
        if np.any(self.signal < 0) or not np.all(self.length > 0):
            raise BadInput("a Gaussian process needs a signal of 0 or more and lengths above 0")

    @property
    def evidence(self) -> Evidence:
        """The references that the process has seen."""
        return self.known

    def estimate(self, features: NDArray[np.floating]) -> Estimate:
        """Mean and standard error of the process; it rests on all validation references."""
        from scipy.linalg import solve_triangular

        cross, error = self._cross(features), []
        for (lower, _), signal, own in zip(self._solved, self.signal, cross, strict=True):
            explained = solve_triangular(lower, own.T, lower=True)
            error.append(np.sqrt(np.clip(signal**2 - (explained**2).sum(axis=0), 0.0, None)))
        everywhere = np.ones(len(features), dtype=np.int64)
        return Estimate(
            competence=self._mean(cross),
            error=np.stack(error, axis=1),
            references=everywhere * len(self.known.reference),
            triples=everywhere * int(self.known.triples.sum()),
        )

    def weights(self, features: NDArray[np.floating]) -> Floats:
        """(k, members), >= 0."""
        return by_log_odds(self._mean(self._cross(features)))

    def _cross(self, features: NDArray[np.floating]) -> list[Floats]:
        """Of each member: (k, g) covariance of new references with the known ones."""
        square = 2 * self.known.cosine(features)  # |u - v|^2 of unit vectors
        return [
            signal**2 * np.exp(-square / (2 * length**2))
            for signal, length in zip(self.signal, self.length, strict=True)
        ]

    def _mean(self, cross: list[Floats]) -> Floats:
        """(k, members) 0..1."""
        mean = [
            overall + own @ alpha
            for overall, own, (_, alpha) in zip(
                self.known.overall, cross, self._solved, strict=True
            )
        ]
        return np.asarray(np.clip(np.stack(mean, axis=1), 0.0, 1.0))

    @cached_property
    def _solved(self) -> list[tuple[Floats, Floats]]:
        """Of each member: Cholesky factor of the covariance, and covariance^-1 (y - mean)."""
        square = 2 * self.known.cosine(self.known.features)
        return [
            _solve(square, *_observed(self.known, m), signal, length)[:2]
            for m, (signal, length) in enumerate(zip(self.signal, self.length, strict=True))
        ]


def fit_gaussian(known: Evidence) -> GaussianWeights:
    """The process of each member with the most likely signal and length, the first of equals."""
    square = 2 * known.cosine(known.features)
    above = square[np.triu_indices(len(square), 1)]
    median = float(np.sqrt(np.median(above))) if len(above) else 0.0
    median = median if median > 0 else 1.0
    signals, lengths = [], []
    for m in range(len(known.credit)):
        best = (-np.inf, 0.0, median)
        for signal in SIGNALS:
            for length in LENGTHS if signal else LENGTHS[-1:]:
                found = _solve(square, *_observed(known, m), signal, length * median)[2]
                if found > best[0] + 1e-9:
                    best = (found, signal, length * median)
        signals.append(best[1])
        lengths.append(best[2])
    return GaussianWeights(known, np.array(signals), np.array(lengths))


def _observed(known: Evidence, m: int) -> tuple[Floats, Floats]:
    """(g,) accuracy minus the overall one, and (g,) variance of the noise."""
    overall = float(known.overall[m])
    noise = max(_LEAST, overall * (1 - overall)) / known.triples
    return known.accuracy[m] - overall, noise


def _solve(
    square: Floats, observed: Floats, noise: Floats, signal: float, length: float
) -> tuple[Floats, Floats, float]:
    """Cholesky factor, covariance^-1 observed, and log likelihood without its constant."""
    from scipy.linalg import cholesky, solve_triangular

    covariance = signal**2 * np.exp(-square / (2 * length**2))
    covariance[np.diag_indices(len(covariance))] += noise
    lower = np.asarray(cholesky(covariance, lower=True, overwrite_a=True), dtype=np.float64)
    white = solve_triangular(lower, observed, lower=True)
    alpha = np.asarray(solve_triangular(lower, white, lower=True, trans="T"), dtype=np.float64)
    likelihood = -0.5 * float(white @ white) - float(np.log(np.diag(lower)).sum())
    return lower, alpha, likelihood
