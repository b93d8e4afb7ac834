"""What each member is worth: the ensemble without it against the whole one, by reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.evaluation.accuracy import by_reference
from cssim.evaluation.statistics import DRAWS, bootstrap, draw_weights, holm, interval, sign_flip

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The ensemble without one member."""

    member: str
    accuracy: float
    """Mean credit without it, 0..1."""
    difference: float
    """That minus the whole ensemble's: below 0 where the member helps."""
    low: float
    high: float
    """Bootstrap interval of the difference, with the same references drawn for both."""
    p_holm: float
    """Two-sided p of the difference by sign flips of references, Holm-adjusted over the members."""


def left_out(
    members: Sequence[str],
    without: Floats,
    whole: Floats,
    reference: NDArray[np.int64],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[LeftOut]:
    """What leaving each member out changes.

    Args:
        members: names.
        without: (members, n) credit of the ensemble refitted without each, 0..1, NaN where a triple
            does not count.
        whole: (n,) credit of the whole ensemble, NaN at the same places.
        reference: (n,) image ids.
        draws: bootstrap samples of references.
        seed: of samples and sign flips.
        level: of the intervals.

    Raises:
        BadInput: shapes that do not fit, or triples that count for one but not for the other.
    """
    if without.shape != (len(members), len(whole)) or whole.shape != np.shape(reference):
        raise BadInput(
            f"{words.count(len(members), 'member needs', 'members need')} credits of shape "
            f"({len(members)}, n) and (n,), got {without.shape} and {whole.shape}"
        )
    if np.any(np.isnan(without) != np.isnan(whole)):
        raise BadInput("the ensemble and its parts must answer the same triples")
    own, changes = by_reference(without, reference), by_reference(without - whole, reference)
    weights = draw_weights(len(changes.reference), draws, seed)
    low, high = interval(bootstrap(changes.sums, changes.counts, weights), level)
    p = holm(sign_flip(changes.sums, seed + 1))
    columns = zip(members, own.overall, changes.overall, low, high, p, strict=True)
    return [LeftOut(name, *(float(number) for number in numbers)) for name, *numbers in columns]
