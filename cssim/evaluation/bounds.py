"""What no combination of the members can pass: bounds that know the answers, for scale only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.evaluation.accuracy import by_reference

Floats = NDArray[np.float64]


def oracle_credit(credits: Floats) -> Floats:
    """(n,) credit of choosing, for each triple, the member that will be right.

    With enough members somebody is always right by luck, so it rises towards 1 with their number.

    Args:
        credits: (members, n) 0..1, NaN where a triple does not count.
    """
    _check(credits)
    return np.asarray(credits.max(axis=0))


def oracle_by_reference(credits: Floats, reference: NDArray[np.int64]) -> Floats:
    """(n,) credit of choosing, for each reference, the member that does best on it.

    No reference-dependent choice of one member can pass it on these triples.

    Args:
        credits: (members, n) 0..1, NaN where a triple does not count, for all members alike.
        reference: (n,) image ids.
    """
    _check(credits)
    table = by_reference(credits, reference)
    best = np.argmax(table.sums, axis=0)
    which = np.searchsorted(table.reference, reference)
    return np.asarray(credits[best[which], np.arange(len(reference))])


def _check(credits: Floats) -> None:
    if credits.ndim != 2 or not len(credits):
        raise BadInput(f"credits have shape (members, n), at least one, got {credits.shape}")
    gaps = np.isnan(credits)
    if not np.array_equal(gaps, np.broadcast_to(gaps[0], gaps.shape)):
        raise BadInput("a bound needs members that answer the same triples")
