"""The competence map: where in image space each model is right (Liao and Chen 2024, section 4.3).

Validation references lie in a plane (PCA of frozen features). A grid is laid over them, and each
cell's competence is the mean accuracy of the references in a window around it. A map turns into
weights per cell in three ways: `thres` (the paper's), `avg` and `max`.

Window means of exactly 3/4 are common, and floating-point sums fall on either side of the threshold
by chance. So sums are exact by default: accuracies are taken as fractions and counted in integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput

Floats = NDArray[np.float64]

GRID, WINDOW, THRESHOLD = 200, 10, 0.75
"""Cells along each side, cells along a window's side, and the accuracy to be exceeded."""
RULES = ("thres", "avg", "max")
_DENOMINATOR = 10_000
"""Accuracies are the nearest fractions with denominators up to this."""
_SMALL, _SAFE = 2**30, 2**62
"""Sums below these fit 32-bit and 64-bit integers; larger ones are counted in Python's own."""


@dataclass(frozen=True, eq=False)
class CompetenceMap:
    """Competence of each model in each cell; row = second dimension, column = first."""

    edges: Floats
    """(2, grid + 1) edges along the first and the second dimension."""
    accuracy: Floats
    """(models, grid, grid) mean accuracy over the window, 0..1; NaN where it holds no reference."""
    count: NDArray[np.int64]
    """(grid, grid) references in the window."""
    passes: NDArray[np.bool_]
    """(models, grid, grid) whether the accuracy is strictly above the threshold."""
    best: NDArray[np.int64]
    """(grid, grid) the most accurate model, the first of equals; 0 where there is no reference."""
    faithful: bool = False
    """Whether it was made, and weighs empty windows, as in the paper's release."""

    def bins(self, points: Floats) -> NDArray[np.int64]:
        """Cell of each point, (k, 2): along the first, then the second dimension.

        Bins are half-open; points outside the map belong to the nearest border cell.
        """
        return _bins(self.edges, _checked(points))

    def weights(self, rule: str = "thres") -> Floats:
        """Weights of the models in each cell, (models, grid, grid), >= 0, summing to 1 over models.

        `thres`: accuracies above the threshold, in proportion; where no model passes, the best one
        alone. `avg`: all accuracies in proportion. `max`: the best one alone. Where the window is
        empty, or nobody is ever right, all models share equally.

        With `faithful`, `max` gives model 0 alone 1 / models in empty windows, as the release does,
        so there the weights do not sum to 1.

        Raises:
            BadInput: no such rule.
        """
        if rule not in RULES:
            raise BadInput(f"weights are made by {', '.join(RULES)}, got {rule!r}")
        models = len(self.accuracy)
        known = np.nan_to_num(self.accuracy)
        alone = (np.arange(models)[:, None, None] == self.best).astype(np.float64)
        if rule == "max":
            raw = alone
        elif rule == "avg":
            raw = known
        else:
            raw = np.where(self.passes.any(axis=0), np.where(self.passes, known, 0.0), alone)
        total = raw.sum(axis=0)
        nobody = (self.count == 0) | (total == 0)
        out = np.where(nobody, 1 / models, raw / np.where(nobody, 1.0, total))
        if self.faithful and rule == "max":
            out[1:, self.count == 0] = 0.0
        return np.asarray(out)

    def weights_at(self, points: Floats, rule: str = "thres") -> Floats:
        """Weights of the models for references at these points: (k, models).

        Args:
            points: (k, 2) in the plane of the map.
            rule: see `weights`.
        """
        column, row = self.bins(points).T
        return np.asarray(self.weights(rule)[:, row, column].T)


def competence_map(
    points: Floats,
    accuracy: Floats,
    *,
    grid: int = GRID,
    window: int = WINDOW,
    threshold: float = THRESHOLD,
    faithful: bool = False,
) -> CompetenceMap:
    """The map of some validation references.

    The edges run from the least to the greatest point, in each dimension by itself. The window of
    cell i reaches from i - window // 2 to i - window // 2 + window - 1, cut at the border: -5 to +4
    for 10. Each reference counts once, however many triples it has.

    Args:
        points: (references, 2) in the plane.
        accuracy: (models, references) 0..1: the share of each reference's triples that a model
            answers rightly.
        grid: cells along each side.
        window: cells along a window's side.
        threshold: for `thres`.
        faithful: sum floats, in the order of the references, instead of counting exactly, and keep
            the release's weights of empty windows.

    Raises:
        BadInput: shapes that do not fit, accuracies out of range, or no reference.
    """
    points = _checked(points)
    if accuracy.ndim != 2 or accuracy.shape[1] != len(points) or not accuracy.size:
        raise BadInput(
            f"{words.count(len(points), 'reference needs', 'references need')} accuracies of shape "
            f"(models, {len(points)}), got {accuracy.shape}"
        )
    if not bool(np.all((accuracy >= 0) & (accuracy <= 1))):
        raise BadInput("accuracies lie in 0..1: leave out references that a model cannot answer")
    if grid < 1 or window < 1:
        raise BadInput(f"grid and window are 1 or more, got {grid} and {window}")
    edges = np.linspace(points.min(axis=0), points.max(axis=0), grid + 1).T
    column, row = _bins(edges, points).T
    count = window_sums(np.ones((1, len(points)), np.int64), row, column, grid, window)[0]
    if faithful:
        sums = _summed_in_order(accuracy, row, column, grid, window)
        mean = sums / np.where(count > 0, count, 1)
        passes, best = mean > threshold, np.argmax(mean, axis=0)
    else:
        limit = Fraction(threshold).limit_denominator(_DENOMINATOR)
        whole, unit = _as_integers(accuracy, len(points) * limit.denominator)
        exact = window_sums(whole, row, column, grid, window)
        full = np.where(count > 0, count, 1).astype(exact.dtype) * unit
        mean = (exact / full).astype(np.float64)
        # Above a fraction of `full` is, for whole numbers, above its whole part.
        passes = (exact > full * limit.numerator // limit.denominator).astype(bool)
        best = np.argmax(exact, axis=0)
    mean[:, count == 0] = np.nan
    return CompetenceMap(
        edges=edges,
        accuracy=mean,
        count=count,
        passes=passes & (count > 0),
        best=np.where(count > 0, best, 0),
        faithful=faithful,
    )


def window_sums(
    values: NDArray[np.generic],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    grid: int,
    window: int,
) -> NDArray[np.generic]:
    """(rows of values, grid, grid): sums over the window of each cell, exact for integers.

    Args:
        values: (any, references).
        row: (references,) cell along the second dimension.
        column: (references,) cell along the first.
        grid: cells along each side.
        window: cells along a window's side.
    """
    return _windows(_counted(values, row, column, grid), window)


def _checked(points: Floats) -> Floats:
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise BadInput(f"points have shape (references, 2), at least one, got {points.shape}")
    if not np.isfinite(points).all():
        raise BadInput("points must be finite")
    return points


def _bins(edges: Floats, points: Floats) -> NDArray[np.int64]:
    """(k, 2): index of the last edge that is not above the point, within the grid."""
    found = [
        np.searchsorted(side, values, side="right") - 1
        for side, values in zip(edges, points.T, strict=True)
    ]
    return np.asarray(np.clip(np.stack(found, axis=1), 0, edges.shape[1] - 2), dtype=np.int64)


def _as_integers(accuracy: Floats, times: int) -> tuple[NDArray[np.generic], int]:
    """Accuracies as whole multiples of 1 / unit, and unit; sums up to `times` of them must fit."""
    values, where = np.unique(accuracy, return_inverse=True)
    fractions = [Fraction(value).limit_denominator(_DENOMINATOR) for value in values.tolist()]
    unit = math.lcm(*(fraction.denominator for fraction in fractions))
    whole = [fraction.numerator * (unit // fraction.denominator) for fraction in fractions]
    most = unit * times
    dtype = np.int32 if most < _SMALL else np.int64 if most < _SAFE else object
    return np.array(whole, dtype=dtype)[where.reshape(accuracy.shape)], unit


def _counted(
    values: NDArray[np.generic], row: NDArray[np.int64], column: NDArray[np.int64], grid: int
) -> NDArray[np.generic]:
    """(models, grid, grid): each cell's sum of the values of the references in it."""
    out = np.zeros((len(values), grid, grid), dtype=values.dtype)
    for own, sums in zip(values, out, strict=True):
        np.add.at(sums, (row, column), own)
    return out


def _windows(cells: NDArray[np.generic], window: int) -> NDArray[np.generic]:
    """Sum over the window of each cell, by a summed-area table (Crow 1984)."""
    grid = cells.shape[-1]
    table = np.zeros((len(cells), grid + 1, grid + 1), dtype=cells.dtype)
    inner = table[:, 1:, 1:]
    np.cumsum(cells, axis=1, dtype=cells.dtype, out=inner)
    np.cumsum(inner, axis=2, dtype=cells.dtype, out=inner)
    low = np.clip(np.arange(grid) - window // 2, 0, grid)
    high = np.clip(np.arange(grid) - window // 2 + window, 0, grid)
    tall = table[:, high] - table[:, low]
    return np.asarray(tall[:, :, high] - tall[:, :, low])


def _summed_in_order(
    accuracy: Floats, row: NDArray[np.int64], column: NDArray[np.int64], grid: int, window: int
) -> Floats:
    """(models, grid, grid): float sums, each window's references added in the order given."""
    out = np.zeros((len(accuracy), grid, grid))
    # Cell i sees reference r when i - half <= r <= i - half + window - 1.
    before, after = window - window // 2 - 1, window // 2
    for own, r, c in zip(accuracy.T, row.tolist(), column.tolist(), strict=True):
        rows = slice(max(0, r - before), r + after + 1)
        columns = slice(max(0, c - before), c + after + 1)
        out[:, rows, columns] += own[:, None, None]
    return out
