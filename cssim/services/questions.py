"""Questions to an ensemble: examples, what people said of them, and who pulls which way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cssim.services.answering import Ready
from cssim.services.vectors import Shelf
from cssim.triples import Triples


def example(shelf: Shelf, answers: Triples, number: int) -> dict[str, int] | None:
    """Image ids of an answered question, by `reference`, `a` and `b`; the same for each number.

    Votes that are even, and pictures without pixels, make no example; None where there is none.
    """
    usable = np.flatnonzero(answers.votes_a != answers.votes_b)
    if not len(usable):
        return None
    row = int(usable[np.random.default_rng(number).integers(len(usable))])
    ids = {
        "reference": int(answers.reference[row]),
        "a": int(answers.a[row]),
        "b": int(answers.b[row]),
    }
    return ids if all(i in shelf.place for i in ids.values()) else None


def people_said(answers: Triples, reference: int, a: int, b: int) -> tuple[float, float] | None:
    """Votes for A and for B on this question, whichever way round it was asked; None: never."""
    here = answers.reference == reference
    straight = here & (answers.a == a) & (answers.b == b)
    turned = here & (answers.a == b) & (answers.b == a)
    if not (straight | turned).any():
        return None
    for_a = answers.votes_a[straight].sum() + answers.votes_b[turned].sum()
    for_b = answers.votes_b[straight].sum() + answers.votes_a[turned].sum()
    return float(for_a), float(for_b)


def pull_of(ensemble: Ready, found: Mapping[str, Any]) -> dict[str, float]:
    """Each member's share of D(A) - D(B), strongest first: they add up to the difference.

    Args:
        ensemble: the one that was asked.
        found: its answer, from `answering.answer` or the job `ask`.
    """
    shares = {}
    for (name, (to_a, to_b)), spread in zip(
        found["member_distances"].items(), ensemble.fitted.spreads, strict=True
    ):
        apart = float(np.sign(to_a - to_b)) if ensemble.fitted.votes else (to_a - to_b) / spread
        shares[name] = found["explanation"]["weights"][name] * apart
    return dict(sorted(shares.items(), key=lambda item: -abs(item[1])))
