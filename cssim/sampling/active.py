"""Which of many possible pages say most: scores of pages, and a choice that does not clump.

Scores are per page, larger = ask sooner. `margins[model, pair]` is d(R, B) - d(R, A) of each pair
of candidates on the page, divided by the model's own spread, so that models count alike.

- **disagreement**: how evenly the models' votes split on a pair, 4 p (1 - p), mean over the pairs
  (query by committee, Seung, Opper and Sompolinsky 1992).
- **information**: mutual information of the answer and the model, H(mean p) - mean H(p) in bits,
  with p = logistic(2 margin) (Houlsby et al. 2011): high where models are sure and contradict each
  other, low where all of them are unsure, i.e. where people are, too.
- **uncertainty** is a score of references, not of pages: the error of the competence map there.

Part of the pages stays random: what was chosen because it is hard says nothing about how often a
model is right in general.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssim import words
from cssim.errors import BadInput

Floats = NDArray[np.float64]
Pages = Sequence[tuple[int, tuple[int, ...]]]

HOLDOUT = 0.15
"""Share of an active plan's pages that are drawn at random."""


def pairs_of(pages: Pages) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of candidates: (pairs, 3) image ids (reference, a, b), and (pairs,) its page."""
    rows = [
        (reference, a, b, at)
        for at, (reference, candidates) in enumerate(pages)
        for a, b in combinations(candidates, 2)
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return table[:, :3], table[:, 3]


def standardised(margins: ArrayLike) -> Floats:
    """(models, pairs) margins divided by each model's root mean square; a flat model stays flat."""
    values = np.asarray(margins, dtype=np.float64)
    spread = np.sqrt((values**2).mean(axis=1, keepdims=True)) if values.size else np.ones((1, 1))
    return values / np.where(spread > 0, spread, 1.0)


def disagreement(margins: ArrayLike) -> Floats:
    """(pairs,) 0..1: 0 where all models agree, 1 where they split evenly; ties give half a vote."""
    share = ((np.sign(np.asarray(margins, dtype=np.float64)) + 1) / 2).mean(axis=0)
    return np.asarray(4 * share * (1 - share))


def information(margins: ArrayLike) -> Floats:
    """(pairs,) bits, 0..1, that an answer is expected to say about which model is right."""
    chance = 1 / (1 + np.exp(-2 * np.asarray(margins, dtype=np.float64)))
    return np.asarray(np.clip(_entropy(chance.mean(axis=0)) - _entropy(chance).mean(axis=0), 0, 1))


def _entropy(p: Floats) -> Floats:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def page_scores(pair_scores: ArrayLike, page: NDArray[np.int64], pages: int) -> Floats:
    """(pages,) mean score of each page's pairs; every page has at least one."""
    scores = np.asarray(pair_scores, dtype=np.float64)
    return np.asarray(
        np.bincount(page, weights=scores, minlength=pages) / np.bincount(page, minlength=pages)
    )


def choose_pages(
    pages: Pages, scores: ArrayLike, count: int, *, per_reference: int | None = None
) -> list[int]:
    """Positions of `count` pages, the most telling first, so that no image is asked for too often.

    Greedy: the next page is the one with the largest score divided by 1 + how often its images were
    chosen already, relative to the mean. Without that, a few odd images fill the plan.

    Args:
        pages: (reference, candidates) each.
        scores: (pages,) >= 0.
        count: at most the number of pages.
        per_reference: at most so many pages of one reference; None: no limit.

    Raises:
        BadInput: fewer pages than `count`, or the limit leaves too few.
    """
    value = np.asarray(scores, dtype=np.float64)
    if not 0 <= count <= len(pages) or value.shape != (len(pages),):
        raise BadInput(
            f"{words.count(count, 'page was', 'pages were')} asked for out of {len(pages)} with "
            f"{value.shape}"
        )
    ids = sorted({i for _, candidates in pages for i in candidates})
    row = {image: at for at, image in enumerate(ids)}
    table = [[row[i] for i in candidates] for _, candidates in pages]
    used = np.zeros(len(ids))
    taken: dict[int, int] = {}
    open_ = np.ones(len(pages), dtype=bool)
    chosen: list[int] = []
    # Lazy greedy: values only fall, so the best is found by looking at the top of a stale order.
    heap = [(-float(value[at]), at) for at in range(len(pages))]
    heapq.heapify(heap)
    while len(chosen) < count:
        if not heap:
            raise BadInput(
                f"only {len(chosen)} of {words.count(count, 'page')} fit the limit per reference"
            )
        stale, at = heapq.heappop(heap)
        if not open_[at]:
            continue
        reference = pages[at][0]
        if per_reference is not None and taken.get(reference, 0) >= per_reference:
            open_[at] = False
            continue
        now = -float(value[at] / (1 + used[table[at]].mean()))
        if heap and now > heap[0][0] + 1e-12 and now != stale:
            heapq.heappush(heap, (now, at))
            continue
        open_[at] = False
        chosen.append(at)
        used[table[at]] += 1
        taken[reference] = taken.get(reference, 0) + 1
    return chosen


def split_count(count: int, holdout: float = HOLDOUT) -> tuple[int, int]:
    """How many of `count` pages are chosen, and how many stay random (at least one of two)."""
    if not 0 <= holdout < 1:
        raise BadInput(f"the random share lies in 0..1, below 1; got {holdout}")
    random = round(count * holdout)
    if holdout > 0 and count >= 2:
        random = max(1, random)
    return count - random, random


def spread_references(uncertainty: ArrayLike, distance: ArrayLike, count: int) -> NDArray[np.int64]:
    """Rows of `count` references: uncertain ones, but not next to each other.

    Greedy: the next one has the largest uncertainty times its distance to the nearest that was
    chosen, both relative to their largest.

    Args:
        uncertainty: (references,) >= 0.
        distance: (references, references) >= 0.
        count: 1 to the number of references.
    """
    value, apart = np.asarray(uncertainty, float), np.asarray(distance, float)
    if not 1 <= count <= len(value):
        raise BadInput(
            f"{words.count(count, 'reference was', 'references were')} asked for out of "
            f"{len(value)}"
        )
    if value.max() > 0:
        value = value / value.max()
    chosen = [int(np.argmax(value))]
    while len(chosen) < count:
        near = apart[:, chosen].min(axis=1)
        near = near / near.max() if near.max() > 0 else np.ones(len(near))
        gain = value * near
        gain[chosen] = -1
        chosen.append(int(np.argmax(gain)))
    return np.array(chosen, dtype=np.int64)
