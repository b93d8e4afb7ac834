"""Judgements become triples here, and only here.

A page with k candidates gives k(k-1)/2 triples. Which candidate of a pair is called `a` is a fair
coin tossed by a hash of the three image ids: released label files list the closest candidate
first, so the order on the page would give the answers away. Answers of several people to one page
meet in the same triple as votes.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.types import Answer, Judgement, JudgementKind, Page, Triple

_INT_COLUMNS = ("reference", "a", "b", "page")


@dataclass(frozen=True, eq=False)
class Triples:
    """Columns of n triples; arrays of one length, never written to."""

    reference: NDArray[np.int64]
    """(n,) image ids."""
    a: NDArray[np.int64]
    """(n,) image ids."""
    b: NDArray[np.int64]
    """(n,) image ids."""
    votes_a: NDArray[np.float64]
    """(n,) votes for `a`, ties half, >= 0."""
    votes_b: NDArray[np.float64]
    """(n,) votes for `b`; votes_a + votes_b > 0."""
    class_a: NDArray[np.float64]
    """(n,) mean class 1..5 over the voters; NaN where no classes were given."""
    class_b: NDArray[np.float64]
    """(n,) likewise."""
    page: NDArray[np.int64]
    """(n,) page ids: triples of one page depend on each other and are never split apart."""

    def __post_init__(self) -> None:
        n = len(self.reference)
        for f in fields(self):
            dtype = np.int64 if f.name in _INT_COLUMNS else np.float64
            column = np.array(getattr(self, f.name), dtype=dtype)
            if column.shape != (n,):
                raise BadInput(f"column {f.name} has shape {column.shape}, expected ({n},)")
            column.setflags(write=False)
            object.__setattr__(self, f.name, column)
        if not bool(np.all(self.votes_a + self.votes_b > 0)):
            raise BadInput("each triple needs at least one vote")

    def __len__(self) -> int:
        return len(self.reference)

    def __getitem__(self, index: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Triples:
        """The triples at `index` (a mask, positions, or a slice)."""
        return Triples(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @property
    def share_a(self) -> NDArray[np.float64]:
        """(n,) share of the voters who said `a`, 0..1."""
        return self.votes_a / (self.votes_a + self.votes_b)

    @property
    def same_class(self) -> NDArray[np.bool_]:
        """(n,) whether both candidates got the same class."""
        return np.equal(self.class_a, self.class_b)

    @property
    def images(self) -> NDArray[np.int64]:
        """The distinct image ids, sorted."""
        return np.unique(np.concatenate([self.reference, self.a, self.b]))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when any column, or the order, changes."""
        digest = hashlib.sha256()
        for f in fields(self):
            digest.update(np.ascontiguousarray(getattr(self, f.name)).tobytes())
        return digest.hexdigest()[:16]

    def rows(self) -> Iterable[Triple]:
        """The triples one by one, for people and files; arrays are for arithmetic."""
        for i in range(len(self)):
            class_a, class_b = float(self.class_a[i]), float(self.class_b[i])
            yield Triple(
                reference=int(self.reference[i]),
                a=int(self.a[i]),
                b=int(self.b[i]),
                votes_a=float(self.votes_a[i]),
                votes_b=float(self.votes_b[i]),
                class_a=None if np.isnan(class_a) else round(class_a),
                class_b=None if np.isnan(class_b) else round(class_b),
                page_id=int(self.page[i]),
            )

    @staticmethod
    def concatenate(parts: Sequence[Triples]) -> Triples:
        """All triples of `parts`, in order; no parts give no triples."""
        return Triples(
            **{
                f.name: np.concatenate([getattr(p, f.name) for p in parts] or [np.zeros(0)])
                for f in fields(Triples)
            }
        )


def standing(judgements: Iterable[Judgement]) -> list[Judgement]:
    """The judgements that still hold: not superseded, and neither skipped nor retracted."""
    rows = list(judgements)
    replaced = {row.supersedes for row in rows if row.supersedes is not None}
    holds = (JudgementKind.ANSWER, JudgementKind.TIE)
    return [row for row in rows if row.id not in replaced and row.answer.kind in holds]


def triples_from(pages: Iterable[Page], judgements: Iterable[Judgement]) -> Triples:
    """Triples of `pages` with the votes of the standing `judgements`.

    Pages without a standing judgement give none. Every vote counts once (`Judgement.votes` times),
    a tie counts half on each side, and classes are averaged over the voters who gave them.
    """
    by_page: dict[int, list[Judgement]] = {}
    for judgement in standing(judgements):
        by_page.setdefault(judgement.page_id, []).append(judgement)
    columns: dict[str, list[float]] = {f.name: [] for f in fields(Triples)}
    for page in pages:
        answers = by_page.get(page.id)
        if answers:
            _add_page(columns, page, answers)
    return Triples(**{name: np.array(values) for name, values in columns.items()})


def _add_page(columns: Mapping[str, list[float]], page: Page, answers: list[Judgement]) -> None:
    ranks = [_ranks(j.answer, len(page.candidates)) for j in answers]
    means = _mean_classes(answers, len(page.candidates))
    for pair in combinations(range(len(page.candidates)), 2):
        i, j = reversed(pair) if _swapped(page, *pair) else pair
        row = {
            "reference": page.reference,
            "a": page.candidates[i],
            "b": page.candidates[j],
            "votes_a": sum(_vote(r, i, j) * g.votes for r, g in zip(ranks, answers, strict=True)),
            "votes_b": sum(_vote(r, j, i) * g.votes for r, g in zip(ranks, answers, strict=True)),
            "class_a": means[i],
            "class_b": means[j],
            "page": page.id,
        }
        for name, value in row.items():
            columns[name].append(value)


def _swapped(page: Page, i: int, j: int) -> bool:
    """A fair, repeatable coin for the question, whichever candidate the page lists first."""
    low, high = sorted((page.candidates[i], page.candidates[j]))
    coin = bool(zlib.crc32(f"{page.reference},{low},{high}".encode()) & 1)
    return coin != (page.candidates[i] == low)


def _ranks(answer: Answer, n: int) -> list[int]:
    """Rank of each candidate, 0 = closest; all 0 in a tie."""
    ranks = [0] * n
    for rank, position in enumerate(answer.order):
        ranks[position] = rank
    return ranks


def _vote(ranks: list[int], i: int, j: int) -> float:
    """One person's vote for candidate i against j: 1, 0, or one half."""
    return 0.5 if ranks[i] == ranks[j] else float(ranks[i] < ranks[j])


def _mean_classes(answers: list[Judgement], n: int) -> list[float]:
    given = [(g.answer.classes, g.votes) for g in answers if g.answer.classes]
    if not given:
        return [float("nan")] * n
    total = sum(votes for _, votes in given)
    return [sum(classes[i] * votes for classes, votes in given) / total for i in range(n)]
