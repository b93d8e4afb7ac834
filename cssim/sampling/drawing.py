"""Random candidates for given or random references, drawn evenly over images or over strata.

Everything is deterministic from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.types import MAX_CANDIDATES, MIN_CANDIDATES


def draw_references(images: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
    """`count` different image ids out of `images`, in random order.

    Raises:
        BadInput: `count` is below 1 or there are fewer images.
    """
    if not 1 <= count <= len(set(images)):
        raise BadInput(
            f"{words.count(count, 'reference was', 'references were')} asked for, there are "
            f"{words.count(len(set(images)), 'image')}"
        )
    pool = np.array(sorted(set(images)), dtype=np.int64)
    return [int(i) for i in rng.choice(pool, size=count, replace=False)]


def draw_pages(
    references: Sequence[int],
    images: Sequence[int],
    pages_per_reference: int,
    candidates: int,
    rng: np.random.Generator,
) -> list[tuple[int, tuple[int, ...]]]:
    """Pages as (reference, candidates), reference by reference.

    Candidates are drawn without replacement in rounds through a shuffled pool of `images` without
    the reference, so that all images come about equally often; a set that came before is left out
    and another one drawn, so that no two pages of a reference show the same candidates.

    Args:
        references: image ids.
        images: image ids to draw candidates from.
        pages_per_reference: pages for each reference, >= 1.
        candidates: per page, 2 to 5.
        rng: source of all randomness.

    Raises:
        BadInput: too few images for that many different pages, or a number is out of range.
    """
    if not MIN_CANDIDATES <= candidates <= MAX_CANDIDATES:
        raise BadInput(
            f"a page has {MIN_CANDIDATES} to {MAX_CANDIDATES} candidates, got {candidates}"
        )
    if pages_per_reference < 1:
        raise BadInput(f"pages per reference must be at least 1, got {pages_per_reference}")
    drawn = []
    for reference in references:
        pool = np.array(sorted(set(images) - {reference}), dtype=np.int64)
        for group in _groups(pool, pages_per_reference, candidates, rng):
            drawn.append((int(reference), group))
    return drawn


def _groups(
    pool: NDArray[np.int64], count: int, size: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """`count` different sets of `size` out of `pool`, as rounds through shuffled pools."""
    possible = comb(len(pool), size)
    if possible < count:
        raise BadInput(
            f"{words.count(count, 'page')} of {words.count(size, 'candidate')} need more images: "
            f"{len(pool)} give {possible}"
        )
    groups: dict[frozenset[int], tuple[int, ...]] = {}
    while len(groups) < count:
        order = rng.permutation(pool)
        for start in range(0, len(order) - size + 1, size):
            group = tuple(int(i) for i in order[start : start + size])
            groups.setdefault(frozenset(group), group)
            if len(groups) == count:
                break
    return list(groups.values())


def draw_stratified(
    references: Sequence[int],
    strata: Sequence[Sequence[int]],
    pages_per_reference: int,
    candidates: int,
    rng: np.random.Generator,
) -> list[tuple[int, tuple[int, ...]]]:
    """Pages whose candidates come from as many strata as they can, reference by reference.

    Each candidate of a page is drawn from another stratum while there are enough; over the pages
    of a reference all strata come equally often, up to one. Small strata are thus asked about as
    often as large ones.

    Args:
        references: image ids.
        strata: image ids of each stratum, e.g. of each tag; an image in several counts in each.
        pages_per_reference: pages for each reference, >= 1.
        candidates: per page, 2 to 5.
        rng: source of all randomness.

    Raises:
        BadInput: as `draw_pages`, or no stratum has an image.
    """
    pools = [np.array(sorted(set(s)), dtype=np.int64) for s in strata if len(s)]
    if not pools:
        raise BadInput("drawing by strata needs at least one tag with images")
    everything = [int(i) for i in np.unique(np.concatenate(pools))]
    drawn: list[tuple[int, tuple[int, ...]]] = []
    for reference in references:
        own = [pool[pool != reference] for pool in pools]
        own = [pool for pool in own if len(pool)]
        found: dict[frozenset[int], tuple[int, ...]] = {}
        tries, deck = 0, _Deck(len(own), rng)
        while len(found) < pages_per_reference and tries < 50 * pages_per_reference:
            tries += 1
            group = _one_of_each(own, deck, candidates, rng)
            if group:
                found.setdefault(frozenset(group), group)
        if len(found) < pages_per_reference:  # strata too small: whatever images there are
            rest = draw_pages([reference], everything, pages_per_reference, candidates, rng)
            for _, group in rest:
                if len(found) < pages_per_reference:
                    found.setdefault(frozenset(group), group)
        drawn += [(int(reference), group) for group in found.values()]
    return drawn


class _Deck:
    """Numbers below n in shuffled rounds: each comes equally often, up to one."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self._n, self._rng = n, rng
        self._left: list[int] = []

    def deal(self, count: int) -> list[int]:
        """The next `count` numbers; different ones where there are as many."""
        hand: list[int] = []
        while len(hand) < count:
            fresh = [number for number in self._left if number not in hand]
            if not fresh:
                self._left += self._rng.permutation(self._n).tolist()
                fresh = [n for n in self._left if n not in hand] or self._left
            hand.append(fresh[0])
            self._left.remove(fresh[0])
        return hand


def _one_of_each(
    pools: Sequence[NDArray[np.int64]], deck: _Deck, size: int, rng: np.random.Generator
) -> tuple[int, ...]:
    """An image of each of the next `size` strata; empty where they do not differ."""
    group = tuple(int(rng.choice(pools[at])) for at in deck.deal(size))
    return group if len(set(group)) == size else ()
