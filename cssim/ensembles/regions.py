"""Do regions of the map matter? What window means explain, against dealt-out references.

A competence map always shows hills and valleys, of noise alone. So every map is held against its
null: the same numbers dealt to other references, mapped again. What the map explains beyond that is
owed to where the references lie.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput

Floats = NDArray[np.float64]

DRAWS = 199
"""Shuffles; p is then at least 0.005."""
BATCH = 40
"""Shuffles that are mapped together: as many as a processor's cache holds at 2,000 references."""
PAIRS = 2_000_000
"""Up to so many references in all windows together, means are a sparse product."""


@dataclass(frozen=True, slots=True)
class RegionTest:
    """How much of the differences between references a map explains."""

    explained: float | None
    """1 - sum of squares around the map / around the mean; None where references are alike."""
    shuffled: float | None
    """The same, mean over the shuffles."""
    low: float | None
    high: float | None
    """Between these lie 95 % of the shuffles."""
    p: float | None
    """Share of the shuffles, the map itself among them, that explain at least as much."""
    references: int

    @property
    def beyond(self) -> float | None:
        """Explained beyond the null."""
        if self.explained is None or self.shuffled is None:
            return None
        return self.explained - self.shuffled


@dataclass(frozen=True, eq=False)
class Windows:
    """Which window each reference looks through: cells of a competence map, flattened."""

    low: NDArray[np.int64]
    """(g, 2) first row and column of the window of each reference's cell."""
    high: NDArray[np.int64]
    """(g, 2) one past the last."""
    cell: NDArray[np.int64]
    """(g,) row * grid + column."""
    grid: int
    window: int
    count: Floats
    """(g,) references in the window, >= 1."""

    @staticmethod
    def of(points: Floats, grid: int, window: int) -> Windows:
        """The windows of `competence.competence_map` at the references' own cells.

        Args:
            points: (g, 2) in the plane, finite.
            grid: cells along each side.
            window: cells along a window's side.

        Raises:
            BadInput: no points, or sizes below 1.
        """
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise BadInput(f"points have shape (references, 2), at least one, got {points.shape}")
        if grid < 1 or window < 1:
            raise BadInput(f"grid and window are 1 or more, got {grid} and {window}")
        edges = np.linspace(points.min(axis=0), points.max(axis=0), grid + 1).T
        column, row = (
            np.clip(np.searchsorted(side, own, side="right") - 1, 0, grid - 1)
            for side, own in zip(edges, points.T, strict=True)
        )
        place = np.stack([row, column], axis=1)
        low = np.clip(place - window // 2, 0, grid)
        high = np.clip(place - window // 2 + window, 0, grid)
        bare = Windows(low, high, row * grid + column, grid, window, np.ones(len(points)))
        return replace(bare, count=bare.sums(np.ones(len(points))))

    def sums(self, values: Floats) -> Floats:
        """(g,) sum of the values of the references in each one's window."""
        cells = np.bincount(self.cell, weights=values, minlength=self.grid**2)
        table = np.zeros((self.grid + 1, self.grid + 1))
        np.cumsum(cells.reshape(self.grid, self.grid), axis=0, out=table[1:, 1:])
        np.cumsum(table[1:, 1:], axis=1, out=table[1:, 1:])
        (top, left), (bottom, right) = self.low.T, self.high.T
        return np.asarray(
            table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
        )

    def means(self, values: Floats) -> Floats:
        """(g,) mean over each reference's window, itself included: what the map shows there."""
        return self.sums(values) / self.count

    def means_of(self, rows: Floats) -> Floats:
        """(rows, g) the same for several rows of values; much faster where windows hold few."""
        if self.pairs > PAIRS:
            return np.stack([self.means(row) for row in rows])
        return np.asarray((self._matrix @ np.ascontiguousarray(rows.T)).T)

    @property
    def pairs(self) -> int:
        """How many references all windows hold together."""
        return round(float(self.count.sum()))

    @cached_property
    def _matrix(self) -> Any:
        """(g, g) sparse: the share of each reference in each one's mean."""
        from scipy.sparse import csr_array
        from scipy.spatial import KDTree

        # Cells are whole numbers, so a window is all that lies within half its side of its middle.
        place = np.stack(np.divmod(self.cell, self.grid), axis=1)
        reach = (self.window - 1) / 2
        middle = place - self.window // 2 + reach
        near = KDTree(middle).sparse_distance_matrix(
            KDTree(place), reach + 0.25, p=np.inf, output_type="ndarray"
        )
        shares = 1.0 / self.count[near["i"]]
        return csr_array((shares, (near["i"], near["j"])), shape=(len(place), len(place)))


def explained(windows: Windows, values: Floats) -> float | None:
    """1 - residual / total sum of squares of the values around the map; None where all are equal.

    Args:
        windows: of the references.
        values: (g,) one number for each reference.
    """
    total = float(np.sum((values - values.mean()) ** 2))
    if total <= 1e-12 * len(values):
        return None
    return 1 - float(np.sum((values - windows.means(values)) ** 2)) / total


def region_test(
    points: Floats, values: Floats, *, grid: int, window: int, draws: int = DRAWS, seed: int = 0
) -> RegionTest:
    """What a map of these values explains, and what maps of shuffled references explain.

    See `region_tests`; values have shape (g,).
    """
    return region_tests(points, values[None], grid=grid, window=window, draws=draws, seed=seed)[0]


def region_tests(
    points: Floats, values: Floats, *, grid: int, window: int, draws: int = DRAWS, seed: int = 0
) -> list[RegionTest]:
    """What maps of several rows of values explain, and what maps of shuffled references explain.

    Under the null a reference's number has nothing to do with its place: the numbers are permuted
    between the references, in the same way for all rows. p = (1 + k) / (1 + draws) (Phipson and
    Smyth 2010).

    Args:
        points: (g, 2) in the plane.
        values: (rows, g) e.g. accuracies, differences of accuracies.
        grid: cells along each side.
        window: cells along a window's side.
        draws: shuffles.
        seed: of the shuffles.

    Raises:
        BadInput: shapes that do not fit, see `Windows.of`.
    """
    if values.ndim != 2 or values.shape[1] != len(points) or not np.isfinite(values).all():
        raise BadInput(
            f"expected rows of {words.count(len(points), 'finite value')}, got shape {values.shape}"
        )
    windows = Windows.of(points, grid, window)
    rng = np.random.default_rng(seed)
    orders = np.stack(
        [np.arange(len(points)), *(rng.permutation(len(points)) for _ in range(draws))]
    )
    batches = [np.ascontiguousarray(orders[k : k + BATCH].T) for k in range(0, len(orders), BATCH)]
    return [_tested(windows, row, batches) for row in values]


def _tested(windows: Windows, values: Floats, batches: list[NDArray[np.int64]]) -> RegionTest:
    """Orders are columns of the batches; the first is the map itself, the others are shuffles."""
    centred = values - values.mean()
    total = float(np.sum(centred**2))
    if total <= 1e-12 * len(values) or len(values) < 3:
        return RegionTest(None, None, None, None, None, len(values))
    shares = []
    for orders in batches:
        dealt = centred[orders]  # (g, batch)
        left = dealt - windows.means_of(dealt.T).T
        shares.append(1 - np.einsum("gb,gb->b", left, left) / total)
    found, null = float(shares[0][0]), np.concatenate(shares)[1:]
    low, high = np.quantile(null, [0.025, 0.975])
    # Rounding must not make a shuffle that equals the map count as less.
    reached = int(np.sum(null >= found - 1e-12))
    p = (1 + reached) / (1 + len(null))
    return RegionTest(found, float(null.mean()), float(low), float(high), p, len(values))


def shrunk(sums: Floats, counts: Floats) -> Floats:
    """(g,) accuracy of each reference, drawn towards the model's mean where triples are few.

    (sums + k mean) / (counts + k): the mean of a beta distribution that is fitted to all references
    by moments (Kleinman 1973), with k within `STRENGTH`.

    Args:
        sums: (g,) credit of each reference.
        counts: (g,) its triples, >= 1.
    """
    mean = float(sums.sum() / counts.sum())
    k = prior_strength(sums, counts)
    return np.asarray((sums + k * mean) / (counts + k))


STRENGTH = (0.5, 50.0)
"""Least and greatest number of triples that the mean is worth when accuracies are shrunk."""


def prior_strength(sums: Floats, counts: Floats) -> float:
    """How many triples the model's mean is worth: noise within references over spread between."""
    mean = float(sums.sum() / counts.sum())
    binomial = mean * (1 - mean)
    accuracy = sums / counts
    single = float(np.mean(1 / counts))
    # Observed spread = true spread (1 - 1/n) + binomial / n, averaged over the references.
    spread = float(np.mean((accuracy - mean) ** 2)) - binomial * single
    if spread <= 0 or single >= 1:
        return STRENGTH[1]
    between = spread / (1 - single)
    return float(np.clip(binomial / between - 1, *STRENGTH))


def pairwise_agreement(credit_sign: Floats, which: NDArray[np.int64], references: int) -> Floats:
    """(g,) how often two rows drawn at random give the same answer, mean over the triples, 0..1.

    Args:
        credit_sign: (rows, n) 1 says A, -1 says B, 0 a tie; a tie agrees with a tie alone.
        which: (n,) place of each triple's reference, 0..references - 1.
        references: how many there are, each with at least one triple.

    Raises:
        BadInput: fewer than two rows.
    """
    rows = len(credit_sign)
    if rows < 2:
        raise BadInput("agreement needs two rows or more")
    said = np.stack([np.sum(credit_sign == answer, axis=0) for answer in (-1, 0, 1)])
    same = np.sum(said * (said - 1), axis=0) / (rows * (rows - 1))
    return np.asarray(
        np.bincount(which, weights=same, minlength=references)
        / np.bincount(which, minlength=references)
    )
