"""Learning curves: accuracy against the number of labels, where two designs cross, what more buys.

The same held-out references serve all points, so whole references are resampled once for all:
differences and crossing points are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.evaluation.accuracy import by_reference
from cssim.evaluation.statistics import DRAWS, bootstrap, draw_weights, interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """Accuracy of one design at growing sizes."""

    name: str
    sizes: Floats
    """(k,) labels, or clusters, rising."""
    accuracy: Floats
    """(k,) mean credit, 0..1."""
    low: Floats
    high: Floats
    """(k,) bootstrap intervals by reference."""
    samples: Floats
    """(draws, k) accuracy in each bootstrap sample; the same draws in each curve of a call."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number read off curves, with its interval; None where too few samples know it."""

    value: float | None
    low: float | None
    high: float | None
    known: float
    """Share of the bootstrap samples in which it exists, 0..1."""


def learning_curves(
    designs: Sequence[tuple[str, Sequence[float], Floats]],
    reference: NDArray[np.int64],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[Curve]:
    """Curves of some designs on the same triples.

    Args:
        designs: name, sizes (k,), and credits (k, n) or, over several seeds or splits, their mean.
        reference: (n,) image ids.
        draws: bootstrap samples of references.
        seed: of the samples.
        level: of the intervals.

    Raises:
        BadInput: sizes that do not rise, or shapes that do not fit.
    """
    distinct = len(np.unique(reference))
    weights = draw_weights(distinct, draws, seed)
    curves = []
    for name, given, credits in designs:
        sizes = np.asarray(given, dtype=np.float64)
        if credits.shape != (len(sizes), len(reference)) or np.any(np.diff(sizes) <= 0):
            raise BadInput(
                f"{name}: expected rising sizes and credits of shape (sizes, {len(reference)}), "
                f"got {list(given)} and {credits.shape}"
            )
        table = by_reference(credits, reference)
        samples = bootstrap(table.sums, table.counts, weights)
        low, high = interval(samples, level)
        curves.append(Curve(name, sizes, table.overall, low, high, samples))
    return curves


def crossing(one: Curve, other: Curve, *, level: float = 0.95) -> Estimate:
    """The size from which on `other` is at least as good as `one`, in the unit of the sizes.

    Both are read at the sizes that both have, and straight lines of log size lie between; beyond
    the last size nothing is claimed. Where `other` leads from the first size on, that is the value.

    Raises:
        BadInput: fewer than two sizes in common.
    """
    sizes, i, j = np.intersect1d(one.sizes, other.sizes, return_indices=True)
    if len(sizes) < 2:
        raise BadInput("two curves cross only over at least two sizes that both have")
    lead = other.samples[:, j] - one.samples[:, i]
    found = np.array([_from_where(sizes, row) for row in lead])
    value = _from_where(sizes, other.accuracy[j] - one.accuracy[i])
    return _estimate(value, found, level)


def next_labels(curve: Curve, more: float, *, level: float = 0.95) -> Estimate:
    """What so many more labels would add to the accuracy of a design, in shares (0.01 = a point).

    The error 1 - accuracy is taken to fall as a power law, log error = a - b log size, fitted to
    the curve by least squares (Hestness et al. 2017), with b >= 0; the gain is read from it between
    the last size and that plus `more`. An extrapolation: it says what the curve so far suggests.

    Args:
        curve: at least two sizes above 0, in labels.
        more: labels to be added, > 0.
        level: of the interval.

    Raises:
        BadInput: too few sizes, or nothing to add.
    """
    if len(curve.sizes) < 2 or curve.sizes[0] <= 0 or more <= 0:
        raise BadInput(
            f"a trend needs two sizes above 0 and labels to add, got {curve.sizes.tolist()} and "
            f"{more}"
        )
    value = _gain(curve.sizes, curve.accuracy[None], more)[0]
    return _estimate(float(value), _gain(curve.sizes, curve.samples, more), level)


def _gain(sizes: Floats, accuracy: Floats, more: float) -> Floats:
    """(draws,) accuracy gained from the last size on."""
    x = np.log(sizes) - np.log(sizes).mean()
    y = np.log(np.clip(1 - accuracy, 1e-9, None))
    slope = np.minimum(0.0, (y @ x) / (x @ x))  # more labels never harm, but for noise
    last = np.exp(y.mean(axis=1) + slope * x[-1])
    after = np.exp(y.mean(axis=1) + slope * (x[-1] + np.log1p(more / sizes[-1])))
    return np.asarray(last - after)


def _from_where(sizes: Floats, lead: Floats) -> float:
    """Size from which the lead stays >= 0; NaN where it is negative at the last size."""
    if np.isnan(lead).any() or lead[-1] < 0:
        return float("nan")
    behind = np.flatnonzero(lead < 0)
    if not len(behind):
        return float(sizes[0])
    k = int(behind[-1])
    share = -lead[k] / (lead[k + 1] - lead[k])
    return float(np.exp(np.log(sizes[k]) + share * np.log(sizes[k + 1] / sizes[k])))


def _estimate(value: float, samples: Floats, level: float) -> Estimate:
    """With an interval only where nearly all samples know the number."""
    seen = ~np.isnan(samples)
    known = float(seen.mean())
    tail = (1 - level) / 2
    if known < level:
        return Estimate(None if np.isnan(value) else value, None, None, known)
    low, high = np.quantile(samples[seen], [tail, 1 - tail])
    return Estimate(None if np.isnan(value) else value, float(low), float(high), known)
