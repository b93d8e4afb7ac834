"""What is said of selected references: accuracy of every row, and the very triples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssim.evaluation.statistics import (
    bootstrap,
    cluster_error,
    draw_weights,
    interval,
    wilson,
)
from cssim.services.inspection_types import Inspection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALL, LARGE = 10, 2_000
"""Under so many references intervals are Wilson's, above them closed-form, between bootstrapped."""
DRAWS = 1_000
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class RowAccuracy:
    """One row on selected references; shares 0..1."""

    name: str
    kind: str
    accuracy: float
    low: float
    high: float
    overall: float
    """On all references of the inspection."""
    method: str
    """`Wilson`, `bootstrap` or `cluster-robust`."""


@dataclass(frozen=True, slots=True)
class RowDifference:
    """One row on two selections, and the difference between them; shares 0..1."""

    name: str
    kind: str
    first: float
    second: float
    difference: float
    """Second minus first."""
    low: float | None
    """None where a selection has fewer than two references: nothing can be resampled."""
    high: float | None


@dataclass(frozen=True, slots=True)
class SelectedTriple:
    """A question with what people and every row said."""

    place: int
    """Among the inspection's triples."""
    reference: int
    a: int
    b: int
    votes_a: float
    votes_b: float
    class_a: float | None
    class_b: float | None
    page: int
    answers: tuple[str, ...]
    """`A`, `B` or `tie`, of each row in order."""
    margins: tuple[float, ...]
    """How much closer A is than B, in each row's own units."""
    credits: tuple[float, ...]
    """Share of the voters who agree with each row."""


def accuracies(inspection: Inspection, places: Ints, *, seed: int = 0) -> list[RowAccuracy]:
    """Every row on selected references, with 95 % intervals.

    Fewer than ten references: Wilson's interval of as many answers as the triples are worth.
    From ten on the percentiles of a bootstrap by reference, above 2,000 its closed form (CR1).

    Args:
        inspection: what is looked at.
        places: of the references; none gives no rows.
        seed: of the bootstrap.
    """
    if not len(places):
        return []
    sums = np.asarray(inspection.sums[:, places])
    counts = np.broadcast_to(inspection.counts[places].astype(np.float64), sums.shape)
    means = sums.sum(axis=1) / counts.sum(axis=1)
    low, high, method = _intervals(inspection, places, sums, counts, means, seed)
    overall = inspection.overall
    return [
        RowAccuracy(
            row.name, row.kind, float(means[i]), float(low[i]), float(high[i]),
            float(overall[i]), method,
        )
        for i, row in enumerate(inspection.info.rows)
    ]  # fmt: skip


def _intervals(
    inspection: Inspection, places: Ints, sums: Floats, counts: Floats, means: Floats, seed: int
) -> tuple[Floats, Floats, str]:
    if len(places) < SMALL:
        errors, triples = cluster_error(sums, counts), float(counts[0].sum())
        found = [
            wilson(float(mean), triples, error=float(error))
            for mean, error in zip(means, errors, strict=True)
        ]
        return np.array([a for a, _ in found]), np.array([b for _, b in found]), "Wilson"
    if len(places) > LARGE:
        half = _Z * cluster_error(sums, counts)
        return np.clip(means - half, 0, 1), np.clip(means + half, 0, 1), "cluster-robust"
    weights = draw_weights(len(places), DRAWS, seed)
    low, high = interval(bootstrap(sums, counts, weights))
    return low, high, "bootstrap"


def differences(
    inspection: Inspection, first: Ints, second: Ints, *, seed: int = 0
) -> list[RowDifference]:
    """Every row on two selections; intervals by a bootstrap of the references of both together.

    A reference in both selections is drawn for both at once, so overlaps count as what they are.

    Args:
        inspection: what is looked at.
        first: places of references.
        second: likewise.
        seed: of the bootstrap.
    """
    if not len(first) or not len(second):
        return []
    union = np.union1d(first, second)
    sums = np.asarray(inspection.sums[:, union])
    counts = np.broadcast_to(inspection.counts[union].astype(np.float64), sums.shape)
    masks = [np.isin(union, own).astype(np.float64) for own in (first, second)]
    one, other = ((sums * m).sum(axis=1) / (counts * m).sum(axis=1) for m in masks)
    low: Sequence[float | None] = [None] * len(sums)
    high = low
    if min(len(first), len(second)) > 1:
        # Above `LARGE` fewer draws: their matrix would not fit into memory.
        draws = DRAWS if len(union) <= LARGE else max(100, DRAWS * LARGE // len(union))
        weights = _weights(len(union), draws, seed)
        parts = [bootstrap(sums * m, counts * m, weights) for m in masks]
        low, high = (row.tolist() for row in interval(parts[1] - parts[0]))
    return [
        RowDifference(
            row.name, row.kind, float(one[i]), float(other[i]), float(other[i] - one[i]),
            low[i], high[i],
        )
        for i, row in enumerate(inspection.info.rows)
    ]  # fmt: skip


@lru_cache(maxsize=1)
def _weights(references: int, draws: int, seed: int) -> Floats:
    """`draw_weights`, kept: a selection and all the others are as many, whatever is selected."""
    return draw_weights(references, draws, seed)


def triples_of(
    inspection: Inspection,
    places: Ints,
    row: int,
    *,
    offset: int = 0,
    limit: int = 12,
    mistakes: bool = True,
) -> tuple[list[SelectedTriple], int]:
    """Some of the selected references' triples, and how many there are.

    Mistakes of the chosen row come first: least agreement with people, then the surest answers.

    Args:
        inspection: what is looked at.
        places: of the references.
        row: whose mistakes come first.
        offset: triples to leave out at the beginning.
        limit: how many to give at most.
        mistakes: False keeps the order of the pages.
    """
    found = np.flatnonzero(np.isin(inspection.which, places))
    if mistakes:
        gaps = inspection.distances[row, found, 1] - inspection.distances[row, found, 0]
        order = np.lexsort((found, -np.abs(gaps), inspection.credit[row, found]))
        found = found[order]
    some = found[offset : offset + limit]
    return [_triple(inspection, int(place)) for place in some], len(found)


def count_mistakes(inspection: Inspection, places: Ints, row: int) -> int:
    """Triples of these references where less than half of the voters agree with the row."""
    inside = np.isin(inspection.which, places)
    return int(np.sum(inspection.credit[row, inside] < 0.5))


def triple_count(inspection: Inspection, places: Ints) -> int:
    """How many triples these references have."""
    return int(inspection.counts[places].sum())


ORDERS = ("worst first", "best first", "most triples", "name")
"""How a gallery of references may be sorted."""


def sorted_places(
    inspection: Inspection, places: Ints, row: int, order: str, names: Sequence[str]
) -> Ints:
    """The same places in another order: by the accuracy of a row, by triples, by name.

    Args:
        inspection: what is looked at.
        places: of references.
        row: whose accuracy counts.
        order: one of `ORDERS`.
        names: of all references of the inspection, in order.
    """
    if order == "name":
        return np.array(sorted(places.tolist(), key=lambda place: names[place]), dtype=np.int64)
    accuracy = np.asarray(inspection.sums[row, places]) / inspection.counts[places]
    keys = {
        "worst first": accuracy,
        "best first": -accuracy,
        "most triples": -inspection.counts[places],
    }
    return places[np.lexsort((places, keys[order]))]


def _triple(inspection: Inspection, place: int) -> SelectedTriple:
    triples = inspection.triples
    gaps = inspection.distances[:, place, 1] - inspection.distances[:, place, 0]
    words = {1: "A", -1: "B", 0: "tie"}
    class_a, class_b = float(triples.class_a[place]), float(triples.class_b[place])
    return SelectedTriple(
        place=place,
        reference=int(triples.reference[place]),
        a=int(triples.a[place]),
        b=int(triples.b[place]),
        votes_a=float(triples.votes_a[place]),
        votes_b=float(triples.votes_b[place]),
        class_a=None if np.isnan(class_a) else class_a,
        class_b=None if np.isnan(class_b) else class_b,
        page=int(triples.page[place]),
        answers=tuple(words[int(sign)] for sign in np.sign(gaps)),
        margins=tuple(float(gap) for gap in gaps),
        credits=tuple(float(one) for one in inspection.credit[:, place]),
    )
