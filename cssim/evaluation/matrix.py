"""The cross-validation matrix: each model on each cluster (Liao and Chen 2024, section 5).

CS models should be best on their own cluster: the diagonal against the rest says how far context
matters. The diagonal is only honest on pages that the model was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Matrix:
    """Accuracy of models (rows) on clusters (columns)."""

    models: tuple[str, ...]
    clusters: tuple[str, ...]
    accuracy: Floats
    """(models, clusters) mean credit, 0..1; NaN where nothing counts."""
    triples: NDArray[np.int64]
    """(models, clusters) triples that count."""
    own: NDArray[np.bool_]
    """(models, clusters) whether the model was trained on the cluster."""

    @property
    def home(self) -> float:
        """Mean accuracy of models on their own clusters; NaN where there is none."""
        return _mean(self.accuracy[self.own])

    @property
    def away(self) -> float:
        """Mean accuracy of models on others' clusters; NaN where there is none."""
        return _mean(self.accuracy[~self.own])

    @property
    def best(self) -> tuple[str | None, ...]:
        """For each cluster, the most accurate model, the first of equals; None where none is."""
        return tuple(
            None if np.isnan(column).all() else self.models[int(np.nanargmax(column))]
            for column in self.accuracy.T
        )


def cross_matrix(
    models: Sequence[str],
    clusters: Sequence[str],
    credits: Floats,
    cluster: NDArray[np.int64],
    trained_on: Sequence[Sequence[int]],
) -> Matrix:
    """The matrix of some models' credits.

    Args:
        models: names of the rows.
        clusters: names of the columns.
        credits: (models, n) 0..1, NaN where a triple does not count, e.g. was trained on.
        cluster: (n,) column 0.. of each triple.
        trained_on: for each model, the columns that it was trained on.

    Raises:
        BadInput: shapes that do not fit, or columns out of range.
    """
    columns = len(clusters)
    if credits.shape != (len(models), len(cluster)) or len(trained_on) != len(models):
        raise BadInput(
            f"{words.count(len(models), 'model')} and {words.count(len(cluster), 'triple')} need "
            f"credits of that shape and as many training sets as models, got {credits.shape} and "
            f"{len(trained_on)}"
        )
    every = [int(c) for own in trained_on for c in own] + np.unique(cluster).tolist()
    if every and not 0 <= min(every) <= max(every) < columns:
        raise BadInput(f"clusters are numbered 0..{columns - 1}, got {min(every)}..{max(every)}")
    counted = ~np.isnan(credits)
    sums = np.zeros((len(models), columns))
    triples = np.zeros((len(models), columns), dtype=np.int64)
    for m, row in enumerate(credits):
        sums[m] = np.bincount(cluster, np.where(counted[m], row, 0.0), minlength=columns)
        triples[m] = np.bincount(cluster[counted[m]], minlength=columns)
    own = np.zeros((len(models), columns), dtype=bool)
    for m, trained in enumerate(trained_on):
        own[m, list(trained)] = True
    accuracy = np.full(sums.shape, np.nan)
    np.divide(sums, triples, out=accuracy, where=triples > 0)
    return Matrix(tuple(models), tuple(clusters), accuracy, triples, own)


def _mean(values: Floats) -> float:
    seen = values[~np.isnan(values)]
    return float(seen.mean()) if len(seen) else float("nan")
