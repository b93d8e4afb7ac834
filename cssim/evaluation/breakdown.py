"""Where a model is right: accuracy in cells of triples, by context, class gap, margin or distance.

A cell with fewer than `FEW` references is hidden: its number would be read, and it means nothing.
Intervals are Wilson's, of as many answers as the cell's triples are worth (`statistics.wilson`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.evaluation.accuracy import by_reference
from cssim.evaluation.statistics import cluster_error, wilson

Floats = NDArray[np.float64]

FEW = 10
"""Cells with fewer references show no number."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of triples that have something in common."""

    label: str
    triples: int
    references: int
    accuracy: tuple[float | None, ...]
    """Mean credit of each model, 0..1; None where hidden, or where no triple counts for a model."""
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    @property
    def hidden(self) -> bool:
        """Whether it has too few references to say anything."""
        return self.references < FEW


def breakdown(
    credits: Floats,
    reference: NDArray[np.int64],
    labels: NDArray[np.str_],
    *,
    order: Sequence[str] | None = None,
    level: float = 0.95,
) -> list[Cell]:
    """Accuracy of each model in each cell.

    Args:
        credits: (models, n) 0..1, NaN where a triple does not count.
        reference: (n,) image ids.
        labels: (n,) cell of each triple; the empty string leaves a triple out.
        order: cells in the order wanted, empty ones left out; None sorts them by name.
        level: of the intervals.

    Raises:
        BadInput: columns of different lengths, or a label that is missing from the order.
    """
    if credits.ndim != 2 or not credits.shape[1] == len(reference) == len(labels):
        raise BadInput(
            f"credits (models, n) need n references and labels, got {credits.shape}, "
            f"{len(reference)} and {len(labels)}"
        )
    found = sorted(set(labels.tolist()) - {""})
    unknown = set(found) - set(found if order is None else order)
    if unknown:
        raise BadInput(f"labels missing from the order: {', '.join(sorted(unknown))}")
    wanted = found if order is None else [label for label in order if label in set(found)]
    return [_cell(label, credits, reference, labels == label, level) for label in wanted]


def class_gaps(class_a: Floats, class_b: Floats) -> NDArray[np.str_]:
    """(n,) `0` to `4`: difference of the candidates' mean classes, rounded; empty where unknown."""
    gap = np.abs(class_a - class_b)
    return np.array(["" if np.isnan(g) else str(int(np.floor(g + 0.5))) for g in gap], dtype=str)


def agreement_steps(share_a: Floats) -> NDArray[np.str_]:
    """(n,) how far people agreed: share of the larger side, in steps of a tenth, `50-60 %` up."""
    larger = np.maximum(share_a, 1 - share_a)
    low = np.minimum(9, np.floor(larger * 10 + 1e-9)).astype(int) * 10
    return np.array([f"{step}-{step + 10} %" for step in low], dtype=str)


def quantile_steps(values: Floats, parts: int, unit: str = "") -> NDArray[np.str_]:
    """(n,) labels of `parts` steps with about equally many triples each, e.g. `1: 0.02 to 0.11`.

    For a model's margin |d(R, B) - d(R, A)|, or the distance to the nearest cluster reference.
    Equal values never part, so there may be fewer steps. NaN gets the empty label.

    Args:
        values: (n,) of any range.
        parts: 1 or more.
        unit: written after the numbers.
    """
    if parts < 1:
        raise BadInput(f"need 1 or more parts, got {parts}")
    out = np.full(len(values), "", dtype="<U64")
    seen = ~np.isnan(values)
    if not seen.any():
        return out
    cuts = np.unique(np.quantile(values[seen], np.linspace(0, 1, parts + 1)[1:-1]))
    step = np.searchsorted(cuts, values, side="right")
    steps = np.unique(step[seen])
    width = len(str(len(steps)))
    for number, k in enumerate(steps, 1):
        own = seen & (step == k)
        low, high = values[own].min(), values[own].max()
        out[own] = f"{number:0{width}d}: {low:.3g} to {high:.3g}{unit}"
    return out


def nearest_cluster(
    reference_features: NDArray[np.floating], cluster_features: NDArray[np.floating]
) -> tuple[Floats, NDArray[np.int64]]:
    """Cosine distance of each reference to the nearest cluster's reference, and which one: (n,).

    Args:
        reference_features: (n, d) by one encoder.
        cluster_features: (clusters, d) of the references of the CS clusters.

    Raises:
        BadInput: no clusters, or features of different widths.
    """
    one, other = _unit(reference_features), _unit(cluster_features)
    if not len(other) or one.shape[1] != other.shape[1]:
        raise BadInput(f"features {one.shape} cannot be compared with clusters {other.shape}")
    distance = np.clip(1 - one @ other.T, 0.0, 2.0)
    return distance.min(axis=1), distance.argmin(axis=1)


def _unit(rows: NDArray[np.floating]) -> Floats:
    wide = np.atleast_2d(rows).astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))


def _cell(
    label: str,
    credits: Floats,
    reference: NDArray[np.int64],
    inside: NDArray[np.bool_],
    level: float,
) -> Cell:
    own, ids = credits[:, inside], reference[inside]
    references = len(np.unique(ids))
    empty = (None,) * len(credits)
    if references < FEW:
        return Cell(label, int(inside.sum()), references, empty, empty, empty)
    table = by_reference(own, ids)
    errors = cluster_error(table.sums, table.counts)
    rows = [
        _number(float(mean), float(error), row[~np.isnan(row)], level)
        for mean, error, row in zip(table.overall, errors, own, strict=True)
    ]
    accuracy, low, high = zip(*rows, strict=True)
    return Cell(label, int(inside.sum()), references, accuracy, low, high)


def _number(
    mean: float, error: float, counted: Floats, level: float
) -> tuple[float, float, float] | tuple[None, None, None]:
    """Accuracy and its interval; nothing where no triple counts."""
    if not len(counted):
        return None, None, None
    return (mean, *wilson(mean, len(counted), error=error, level=level))
