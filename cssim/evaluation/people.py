"""How each person answers: agreement, gold, repeats, drift, cycles.

All measures speak of *pair votes*: an answer to a page with k candidates says k (k - 1) / 2 times
which of two candidates is closer. A question is (reference, {a, b}), whichever page asked it, so
that a vote is the smaller id, the larger id, or a tie. Intervals are Wilson's (1927) at 95 %; pair
votes of one page depend on each other, so for ranked pages they are somewhat too narrow.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.evaluation.agreement import cohen_kappa, krippendorff_alpha
from cssim.evaluation.statistics import wilson
from cssim.types import Answer, JudgementKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOW, HIGH, TIE = 0, 1, 2
"""Votes: the candidate with the smaller id is closer, the one with the larger id, or neither."""
NOBODY = -1
"""Stands for people whom the source does not name."""


@dataclass(frozen=True, slots=True)
class Said:
    """A standing answer with its page, as these measures need it."""

    person: int
    page: int
    reference: int
    candidates: tuple[int, ...]
    """Image ids in the page's order."""
    answer: Answer
    shown: tuple[int, ...] = ()
    response_ms: int | None = None
    at: datetime | None = None
    votes: int = 1
    """How many people's equal answers it stands for; more than 1 only for nobody in particular."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n things with its Wilson interval; NaN where there are none."""

    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class Votes:
    """Pair votes as columns, one row for each answer and pair."""

    person: Ints
    question: Ints
    """Number of the question, 0..questions - 1."""
    value: Ints
    """`LOW`, `HIGH` or `TIE`."""
    votes: Ints
    answer: Ints
    """Position of the answer among those that were given."""
    counts: Floats
    """(questions, 3) how many of the people who count said what."""
    counted: NDArray[np.bool_]
    """(rows,) whether the row is among the counts."""
    turned: NDArray[np.bool_]
    """(questions,) a fair coin of each question, for measures that look at how common votes are.

    The order of ids may have to do with what the images show; then one vote would be the more
    common one by itself, and chance agreement too high.
    """

    @property
    def fair_counts(self) -> Floats:
        """(questions, 3) the counts, with the two candidates changed round where `turned`."""
        return np.where(self.turned[:, None], self.counts[:, [HIGH, LOW, TIE]], self.counts)

    @property
    def fair_value(self) -> Ints:
        """(rows,) the votes likewise."""
        other = np.array([HIGH, LOW, TIE])[self.value]
        return np.where(self.turned[self.question], other, self.value)


def share_of(right: float, n: int) -> Share:
    """`right` of `n` with the Wilson interval."""
    if not n:
        return Share(float("nan"), float("nan"), float("nan"), 0)
    return Share(right / n, *wilson(right / n, n), n)


def pair_votes(
    answers: Sequence[Said], excluded: frozenset[int] = frozenset(), *, once: bool = True
) -> Votes:
    """Pair votes; those of `excluded` people are rows, but not in the counts of the others.

    Args:
        answers: of everybody.
        excluded: people who do not count.
        once: of a person who met a question on several pages, only the first vote is kept, so
            that nobody agrees with themselves. Votes of `NOBODY` are all kept.
    """
    numbers: dict[tuple[int, int, int], int] = {}
    rows: list[tuple[int, int, int, int, int]] = []
    met: set[tuple[int, int]] = set()
    for at, said in enumerate(answers):
        for low, high, value in votes_of(said):
            question = numbers.setdefault((said.reference, low, high), len(numbers))
            if once and said.person != NOBODY:
                if (said.person, question) in met:
                    continue
                met.add((said.person, question))
            rows.append((said.person, question, value, said.votes, at))
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    counted = ~np.isin(table[:, 0], sorted(excluded))
    cells = np.bincount(
        (table[:, 1] * 3 + table[:, 2])[counted],
        weights=table[counted, 3],
        minlength=3 * len(numbers),
    )
    counts = cells.reshape(-1, 3).astype(np.float64)
    return Votes(
        person=table[:, 0],
        question=table[:, 1],
        value=table[:, 2],
        votes=table[:, 3],
        answer=table[:, 4],
        counts=counts,
        counted=counted,
        turned=np.array([_coin(*key) for key in numbers], dtype=bool),
    )


def _coin(reference: int, low: int, high: int) -> bool:
    """The coin of `cssim.triples`, by which A and B of a triple are named."""
    return bool(zlib.crc32(f"{reference},{low},{high}".encode()) & 1)


def votes_of(said: Said) -> list[tuple[int, int, int]]:
    """(smaller id, larger id, vote) of each pair of the answer's page."""
    rank = {position: place for place, position in enumerate(said.answer.order)}
    found = []
    for i, j in combinations(range(len(said.candidates)), 2):
        a, b = said.candidates[i], said.candidates[j]
        if said.answer.kind is JudgementKind.TIE:
            value = TIE
        else:
            value = LOW if (rank[i] < rank[j]) == (a < b) else HIGH
        found.append((min(a, b), max(a, b), value))
    return found


@dataclass(frozen=True, slots=True)
class Overall:
    """How well all people who count agree."""

    questions: int
    overlapping: int
    """Questions with the votes of two or more people."""
    alpha: float | None
    """Krippendorff's alpha of pair votes, nominal; None where nobody overlaps."""
    fleiss: float | None
    """Fleiss' kappa of the same, each question weighing alike."""
    alpha_classes: float | None
    """Krippendorff's alpha of the classes, ordinal."""
    agreement: float
    """Probability that two people who saw the same question said the same; NaN if unknown."""


def overall(answers: Sequence[Said], excluded: frozenset[int] = frozenset()) -> Overall:
    """Agreement of everybody who is not excluded."""
    votes = pair_votes(answers, excluded)
    people = votes.counts.sum(axis=1)
    both = votes.counts[people >= 2]
    n = both.sum(axis=1)
    pairs, same = n * (n - 1), (both * (both - 1)).sum(axis=1)
    return Overall(
        questions=len(votes.counts),
        overlapping=len(both),
        alpha=krippendorff_alpha(votes.fair_counts) if len(votes.counts) else None,
        fleiss=fleiss_kappa(votes.fair_counts),
        alpha_classes=krippendorff_alpha(_class_counts(answers, excluded), level="ordinal"),
        agreement=float(same.sum() / pairs.sum()) if len(both) else float("nan"),
    )


def fleiss_kappa(counts: Floats) -> float | None:
    """Fleiss' kappa (1971): (P - Pe) / (1 - Pe), for any number of people per unit.

    P is the mean over units of the share of agreeing pairs of people, Pe the sum of the squared
    shares of the values over all answers. None where nobody overlaps, or all answers are the same.

    Args:
        counts: (units, values) how many people said what; units with one answer are left out.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or np.any(table < 0):
        raise BadInput(f"expected counts >= 0 of shape (units, values), got {table.shape}")
    table = table[table.sum(axis=1) >= 2]
    if not len(table):
        return None
    n = table.sum(axis=1)
    observed = float(((table * (table - 1)).sum(axis=1) / (n * (n - 1))).mean())
    expected = float(((table.sum(axis=0) / table.sum()) ** 2).sum())
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def _class_counts(answers: Sequence[Said], excluded: frozenset[int]) -> Floats:
    """(candidates of pages, 5) how many people gave each class."""
    units: dict[tuple[int, int], Floats] = {}
    for said in answers:
        if said.person in excluded:
            continue
        for place, value in enumerate(said.answer.classes):
            row = units.setdefault((said.page, place), np.zeros(5))
            row[value - 1] += said.votes
    return np.stack(list(units.values())) if units else np.zeros((0, 5))


@dataclass(frozen=True, slots=True)
class WithOthers:
    """How a person agrees with the other people."""

    agreement: Share
    """Over pair votes that others gave too: mean share of the others who said the same."""
    kappa: float | None
    """Cohen's kappa with the majority of the others, where they have one."""
    drift: float
    """Agreement in the later half of these votes minus that in the earlier; NaN if unknown."""
    drift_low: float
    drift_high: float
    """Newcombe's interval (1998) of the drift."""


def with_others(answers: Sequence[Said], votes: Votes) -> dict[int, WithOthers]:
    """How each named person agrees with the others who count."""
    moments = np.array([seconds_of(said.at) for said in answers], dtype=np.float64)
    value = votes.fair_value
    own = np.zeros((len(value), 3))
    own[np.arange(len(own)), value] = votes.votes * votes.counted
    others = votes.fair_counts[votes.question] - own
    total = others.sum(axis=1)
    same = others[np.arange(len(own)), value]
    found = {}
    for person in np.unique(votes.person[votes.person != NOBODY]).tolist():
        mine = np.flatnonzero((votes.person == person) & (total > 0))
        mine = mine[np.argsort(moments[votes.answer[mine]], kind="stable")]
        credit = same[mine] / total[mine]
        top = others[mine].max(axis=1)
        clear = (others[mine] == top[:, None]).sum(axis=1) == 1
        kappa = None
        if clear.any():
            kappa = cohen_kappa(value[mine][clear], others[mine][clear].argmax(axis=1))
        found[person] = WithOthers(share_of(float(credit.sum()), len(mine)), kappa, *_drift(credit))
    return found


def seconds_of(moment: datetime | None) -> float:
    """The moment as a number that sorts; what has none comes first."""
    return moment.timestamp() if moment else 0.0


def _drift(credit: Floats) -> tuple[float, float, float]:
    """Later half minus earlier half, with Newcombe's interval; NaN for fewer than ten."""
    if len(credit) < 10:
        return float("nan"), float("nan"), float("nan")
    half = len(credit) // 2
    one = share_of(float(credit[:half].sum()), half)
    two = share_of(float(credit[half:].sum()), len(credit) - half)
    gap = two.share - one.share
    low = gap - np.hypot(two.share - two.low, one.high - one.share)
    high = gap + np.hypot(two.high - two.share, one.share - one.low)
    return gap, float(low), float(high)


def self_agreement(repeats: Sequence[tuple[Said, Said]]) -> dict[int, Share]:
    """Share of pair votes in which people said the same again, of (first, again) answers."""
    same: dict[int, list[bool]] = {}
    for first, again in repeats:
        before = {(low, high): value for low, high, value in votes_of(first)}
        after = {(low, high): value for low, high, value in votes_of(again)}
        same.setdefault(first.person, []).extend(
            before[pair] == after[pair] for pair in before.keys() & after.keys()
        )
    return {person: share_of(sum(values), len(values)) for person, values in same.items()}


def cycles(answers: Sequence[Said]) -> Share:
    """Share of the triads (R; A, B, C) that one person ordered in a circle: A < B < C < A.

    Triads whose three pairs come from one page are left out: a ranking has no circles. By chance a
    quarter of the triads are circles (Kendall and Babington Smith 1940). Ties close no circle, and
    a pair asked twice counts by its latest answer.
    """
    wins: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
    for said in answers:
        for low, high, value in votes_of(said):
            edges = wins.setdefault(said.reference, {})
            edges.pop((low, high), None)
            if value != TIE:
                edges[low, high] = (value, said.page)
    circles = triads = 0
    for edges in wins.values():
        beside: dict[int, set[int]] = {}
        for low, high in edges:
            beside.setdefault(low, set()).add(high)
        for a, higher in beside.items():
            for b, c in combinations(sorted(higher), 2):
                if (b, c) not in edges:
                    continue
                (ab, p), (bc, q), (ac, r) = edges[a, b], edges[b, c], edges[a, c]
                if p == q == r:
                    continue
                triads += 1
                circles += ab == bc != ac
    return share_of(circles, triads)


def by_person(answers: Sequence[Said]) -> Mapping[int, list[Said]]:
    """Answers of each named person, in the order given."""
    found: dict[int, list[Said]] = {}
    for said in answers:
        if said.person != NOBODY:
            found.setdefault(said.person, []).append(said)
    return found
