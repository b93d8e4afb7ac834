"""How somebody clicks, whatever the pictures show: sides of the screen, speed, favourite class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cssim.evaluation.people import Said, Share, seconds_of, share_of


@dataclass(frozen=True, slots=True)
class Sides:
    """Whether a person prefers a side of the screen."""

    side: int
    """Place from the left, 0-based, that was called closest most often."""
    places: int
    """Candidates on such a page."""
    share: Share
    """Of the answers that called this place closest; by chance 1 / places."""
    p: float
    """Of the exact binomial test (2 places) or the chi-squared test (3 and more)."""


def sides(answers: Sequence[Said]) -> Sides | None:
    """Side bias over one person's answers to pages of the number of candidates they saw most."""
    from scipy.stats import binomtest, chisquare

    firsts: dict[int, list[int]] = {}
    for said in answers:
        if said.answer.order and said.shown:
            place = said.shown.index(said.answer.order[0])
            firsts.setdefault(len(said.shown), []).append(place)
    if not firsts:
        return None
    places = max(firsts, key=lambda k: (len(firsts[k]), -k))
    counts = np.bincount(firsts[places], minlength=places)
    n, side = int(counts.sum()), int(counts.argmax())
    if places == 2:
        p = float(binomtest(int(counts[0]), n, 0.5).pvalue)
    else:
        p = float(chisquare(counts).pvalue)
    return Sides(side, places, share_of(int(counts[side]), n), p)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a person answers; response times below 0 are of broken clocks and left out."""

    median_ms: float
    """NaN where no time is known."""
    fast: Share
    """Share of the answers below the limit."""
    slowing: float
    """Median of the later half of the answers divided by that of the earlier; NaN if unknown."""


def pace(answers: Sequence[Said], fast_ms: int) -> Pace:
    """Speed over one person's answers, in order of time."""
    timed = sorted(
        (said for said in answers if said.response_ms is not None and said.response_ms >= 0),
        key=lambda said: seconds_of(said.at),
    )
    times = np.array([said.response_ms for said in timed], dtype=np.float64)
    if not len(times):
        return Pace(float("nan"), share_of(0, 0), float("nan"))
    half = len(times) // 2
    first = float(np.median(times[:half])) if half else 0.0
    slowing = float(np.median(times[half:])) / first if len(times) >= 10 and first else float("nan")
    return Pace(
        float(np.median(times)), share_of(int((times < fast_ms).sum()), len(times)), slowing
    )


def constant_class(answers: Sequence[Said]) -> tuple[int, Share] | None:
    """The class that one person gives most often, and its share of all classes they gave."""
    given = [value for said in answers for value in said.answer.classes]
    if not given:
        return None
    counts = np.bincount(given, minlength=6)
    return int(counts.argmax()), share_of(int(counts.max()), len(given))
