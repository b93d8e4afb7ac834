"""How well people agree beyond chance: Krippendorff's alpha and Cohen's kappa.

alpha = 1 - observed disagreement / expected disagreement (Krippendorff 2011, "Computing
Krippendorff's alpha-reliability"); any number of people, missing answers allowed. 1 is perfect, 0
is what chance gives, below 0 people contradict each other. For triples (A, B, tie) take `nominal`;
for the five classes `ordinal`. People saw other sides as A and B, so expected agreement on triples
is near one half whatever they think.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssim import words
from cssim.errors import BadInput

Floats = NDArray[np.float64]

LEVELS = ("nominal", "ordinal", "interval")
WEIGHTS = ("none", "linear", "quadratic")


def counts_of(unit: ArrayLike, value: ArrayLike) -> tuple[Floats, NDArray[np.generic]]:
    """Answers as counts: (units, values) how many gave each value to each unit, and the values.

    Args:
        unit: (k,) what was judged.
        value: (k,) what was said; values are sorted, which is their order.
    """
    units, values = np.asarray(unit), np.asarray(value)
    if units.shape != values.shape or units.ndim != 1:
        raise BadInput(f"expected two columns of one length, got {units.shape} and {values.shape}")
    distinct, which = np.unique(units, return_inverse=True)
    kinds, said = np.unique(values, return_inverse=True)
    cells = np.bincount(which * len(kinds) + said, minlength=len(distinct) * len(kinds))
    return cells.reshape(len(distinct), len(kinds)).astype(np.float64), kinds


def krippendorff_alpha(
    counts: Floats, *, level: str = "nominal", values: ArrayLike | None = None
) -> float | None:
    """Krippendorff's alpha; None where nobody overlaps, or all answers are the same.

    Args:
        counts: (units, values) how many people gave each value, in the values' order.
        level: `nominal`, `ordinal`, or `interval` (squared difference of `values`).
        values: (values,) numbers, only for `interval`; None: 0, 1, 2, ...

    Raises:
        BadInput: an unknown level, or counts that are negative or of another shape.
    """
    if level not in LEVELS:
        raise BadInput(f"the level is one of {', '.join(LEVELS)}, got {level!r}")
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or np.any(table < 0):
        raise BadInput(f"expected counts >= 0 of shape (units, values), got {table.shape}")
    table = table[table.sum(axis=1) >= 2]
    people = table.sum(axis=1, keepdims=True)
    pairs = (table.T @ (table / (people - 1))) - np.diag((table / (people - 1)).sum(axis=0))
    margin = pairs.sum(axis=1)
    total = float(margin.sum())
    delta = _differences(margin, level, values)
    expected = float((np.outer(margin, margin) * delta).sum()) / max(total - 1, 1)
    if expected == 0:
        return None
    return 1 - float((pairs * delta).sum()) / expected


def cohen_kappa(one: ArrayLike, other: ArrayLike, *, weights: str = "none") -> float | None:
    """Cohen's kappa of two people on the same units; None where chance alone explains everything.

    kappa = 1 - observed / expected weighted disagreement (Cohen 1960, 1968).

    Args:
        one: (n,) what the first said.
        other: (n,) what the second said about the same.
        weights: `none` (any difference counts 1), or `linear` or `quadratic` in steps between the
            sorted values that occur.

    Raises:
        BadInput: unknown weights, or columns of different lengths.
    """
    if weights not in WEIGHTS:
        raise BadInput(f"weights are one of {', '.join(WEIGHTS)}, got {weights!r}")
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape or a.ndim != 1:
        raise BadInput(f"expected two columns of one length, got {a.shape} and {b.shape}")
    kinds, which = np.unique(np.concatenate([a, b]), return_inverse=True)
    k = len(kinds)
    cells = which[: len(a)] * k + which[len(a) :]
    table = np.bincount(cells, minlength=k * k).reshape(k, k).astype(np.float64)
    steps = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(np.float64)
    cost = {"none": np.sign(steps), "linear": steps, "quadratic": steps**2}[weights]
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(1, len(a))
    chance = float((expected * cost).sum())
    return None if chance == 0 else 1 - float((table * cost).sum()) / chance


def _differences(margin: Floats, level: str, values: ArrayLike | None) -> Floats:
    """(values, values) squared difference of two values, 0 on the diagonal."""
    k = len(margin)
    if level == "nominal":
        return 1 - np.eye(k)
    if level == "interval":
        numbers = np.arange(k) if values is None else np.asarray(values, dtype=np.float64)
        if numbers.shape != (k,):
            raise BadInput(f"expected {words.count(k, 'value')}, got {numbers.shape}")
        return np.asarray(np.subtract.outer(numbers, numbers) ** 2, dtype=np.float64)
    # Ordinal: ranks from c to k, with half of both ends, as many as hold these values.
    middle = np.cumsum(margin) - margin / 2
    return np.asarray(np.subtract.outer(middle, middle) ** 2)
