"""Uncertainty of accuracies whose triples hang together by their reference.

The sampling unit is the reference image: another study would draw other references, so whole
references are resampled, flipped and summed here, never single triples. All functions take credits
already added up per reference (`accuracy.ByReference`): `sums[row, reference]` and
`counts[row, reference]`; an accuracy is the ratio of their totals.

- Bootstrap: percentiles of whole-reference resamples (Efron and Tibshirani 1993, chapter 13). BCa
  is not worth its price: at 100 references it moved the ends by 3 % of the standard error, and it
  cannot share draws between rows.
- CR1: cluster-robust standard error with the factor G / (G - 1) (Cameron and Miller 2015, eq. 12).
- Sign flips: under "no difference" the sign of each reference's difference is a fair coin;
  p = (1 + k) / (1 + B) (Phipson and Smyth 2010), exact where all flips can be listed.
"""

from __future__ import annotations

from itertools import product
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput

Floats = NDArray[np.float64]

DRAWS = 5_000
"""Bootstrap draws; the ends of an interval then move by about 2 % of its width."""
FLIPS = 9_999
"""Random sign flips; the smallest p is then 0.0001."""
EXHAUSTIVE = 12
"""Up to this many references all 2^G flips are listed instead."""
_CELLS = 1 << 20
"""Draws of a reference at a time: three times as fast as all at once, in half the memory."""
_BLOCK = 1_000
"""Flips at a time, so that memory stays below about 10 MB per thousand references."""


def draw_weights(references: int, draws: int, seed: int) -> Floats:
    """How often each reference is drawn in each bootstrap sample: (draws, references).

    One matrix serves all rows, so that differences between rows are paired.

    Raises:
        BadInput: no references or no draws.
    """
    if references < 1 or draws < 1:
        raise BadInput(f"need references and draws, got {references} and {draws}")
    rng = np.random.default_rng(seed)
    out = np.empty((draws, references))
    step = max(1, _CELLS // references)
    for start in range(0, draws, step):
        block = out[start : start + step]
        cells = rng.integers(0, references, block.shape)
        cells += np.arange(len(block))[:, None] * references
        block[:] = np.bincount(cells.ravel(), minlength=block.size).reshape(block.shape)
    return out


def bootstrap(sums: Floats, counts: Floats, weights: Floats) -> Floats:
    """Accuracy of each row in each sample: (draws, rows).

    Samples in which a row has no triple at all are NaN for that row.

    Args:
        sums: (rows, g) credit per reference.
        counts: (rows, g) triples per reference.
        weights: (draws, g), from `draw_weights`.
    """
    below = weights @ counts.T
    out = np.full(below.shape, np.nan)
    np.divide(weights @ sums.T, below, out=out, where=below > 0)
    return out


def interval(samples: Floats, level: float = 0.95) -> Floats:
    """Percentile interval of each column: (2, columns), low then high.

    Args:
        samples: (draws, columns), NaN left out; a column of nothing but NaN gives NaN.
        level: 0..1.
    """
    out = np.full((2, samples.shape[1]), np.nan)
    seen = ~np.isnan(samples).all(axis=0)
    tail = (1 - level) / 2
    if np.isnan(samples).any():
        out[:, seen] = np.nanquantile(samples[:, seen], [tail, 1 - tail], axis=0)
    else:
        out[:, seen] = np.quantile(samples[:, seen], [tail, 1 - tail], axis=0)
    return out


def cluster_error(sums: Floats, counts: Floats) -> Floats:
    """CR1 standard error of each row's accuracy: (rows,); NaN with fewer than two references.

    Equals that of a regression on a constant with errors clustered by reference.
    """
    total = counts.sum(axis=1)
    groups = (counts > 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.sum(axis=1) / total
        left = np.where(counts > 0, sums - mean[:, None] * counts, 0.0)
        error = np.sqrt((left**2).sum(axis=1) * groups / (groups - 1)) / total
    return np.where(groups >= 2, error, np.nan)


def sign_flip(differences: Floats, seed: int, *, flips: int = FLIPS) -> Floats:
    """Two-sided p of each row of paired differences: (rows,).

    The statistic is the total difference; signs are flipped by whole references, the same ones for
    all rows. Up to `EXHAUSTIVE` references all flips are listed and p is exact.

    Args:
        differences: (rows, g) sum over each reference's triples of credit minus credit.
        seed: draws the flips.
        flips: how many are drawn where they cannot be listed.
    """
    groups = differences.shape[1]
    seen = np.abs(differences.sum(axis=1))
    # A flip that changes nothing must count as equal, whichever way its sum was rounded.
    limit = seen - 1e-9 * np.abs(differences).sum(axis=1)
    if groups <= EXHAUSTIVE:
        signs = np.array(list(product((1.0, -1.0), repeat=groups)))
        return np.asarray(np.mean(np.abs(signs @ differences.T) >= limit, axis=0))
    rng = np.random.default_rng(seed)
    reached = np.zeros(len(differences))
    for start in range(0, flips, _BLOCK):
        size = (min(_BLOCK, flips - start), groups)
        signs = 2.0 * rng.integers(0, 2, size, dtype=np.int8) - 1.0
        reached += (np.abs(signs @ differences.T) >= limit).sum(axis=0)
    return np.asarray((1 + reached) / (1 + flips))


def least_p(groups: int, *, flips: int = FLIPS) -> float:
    """Smallest p that `sign_flip` can give with so many references, however large a difference.

    Few references have few flips, and all signs turned round are as extreme as none.
    """
    return 2.0 / 2**groups if groups <= EXHAUSTIVE else 1 / (1 + flips)


def holm(p: Floats) -> Floats:
    """Holm's adjusted p of a family of tests, (k,), in the given order (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    out = np.empty(len(p))
    out[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(p) else steps
    return out


def design_effect(error: float, credits: Floats) -> float:
    """Variance of the accuracy over what n independent triples would have: > 1 is less informative.

    Args:
        error: cluster-robust standard error of the mean.
        credits: (n,) credits without NaN.

    Returns:
        NaN where the credits do not vary, or where there are fewer than two.
    """
    if len(credits) < 2:
        return float("nan")
    independent = float(np.var(credits, ddof=1)) / len(credits)
    return error**2 / independent if independent > 0 else float("nan")


def wilson(
    share: float, n: float, *, error: float = float("nan"), level: float = 0.95
) -> tuple[float, float]:
    """Wilson's interval of a share, for small cells, of as many answers as the triples are worth.

    The interval is made for answers that are right or wrong. With a standard error, n becomes the
    number of such answers, independent of each other, that would have it: share (1 - share) /
    error^2. Soft credits vary less than right and wrong, and dependent ones more.

    Args:
        share: 0..1.
        n: triples, > 0.
        error: cluster-robust standard error of the share; unknown (NaN) or 0, and where it speaks
            for more than n answers, n stays as it is.
        level: 0..1.

    Raises:
        BadInput: a share out of range, or nothing counted.
    """
    if not 0 <= share <= 1 or n <= 0:
        raise BadInput(f"Wilson's interval needs a share in 0..1 of n > 0, got {share} of {n}")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    spread = share * (1 - share)
    size = min(float(n), spread / error**2) if error > 0 and spread > 0 else float(n)
    centre = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z * sqrt(spread / size + z * z / (4 * size * size)) / (1 + z * z / size)
    return max(0.0, centre - half), min(1.0, centre + half)


def detectable(error: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true difference that a two-sided test finds with the given power.

    Closed form of the normal approximation: (z(1 - alpha / 2) + z(power)) x error, that is 2.80
    standard errors at the usual 5 % and 80 %.

    Args:
        error: standard error of the paired difference, in the unit of the result.
        alpha: level of the test.
        power: wanted chance of finding it.
    """
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * error


def tie_group(p: Floats, leader: int, *, alpha: float = 0.05) -> NDArray[np.bool_]:
    """Which rows cannot be told from the leader: (rows,), the leader among them.

    Args:
        p: (rows,) p of each row's difference to the leader; the leader's own is not looked at.
        leader: the row with the highest accuracy.
        alpha: rows with a Holm-adjusted p above this are tied.
    """
    others = np.arange(len(p)) != leader
    tied = np.ones(len(p), dtype=bool)
    tied[others] = holm(p[others]) > alpha
    return tied
