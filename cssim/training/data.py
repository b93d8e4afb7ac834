"""Triples as batches of tensors, and honest ways to hold a part of them out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.training.config import SPLITS
from cssim.training.losses import margins
from cssim.triples import Triples


def split(
    triples: Triples, share: float, *, by: str = "page", seed: int = 0
) -> tuple[Triples, Triples]:
    """(train, held out); triples of one page are never parted, except by `paper`.

    Args:
        triples: What to divide; the order of rows is kept.
        share: Part to hold out, 0..1; of the pages (`page`, `strict`) or references (`reference`).
        by: `page`; `reference`: no reference in common; `strict`: no candidate in common, at the
            price of the pages whose candidates fall on both sides, which are left out; `paper`: the
            last rows in their order, as Liao and Chen 2024 did, only to repeat their numbers.
        seed: Of the shuffling.

    Raises:
        BadInput: `by` or `share` is none, or a side would be empty although `share` > 0.
    """
    if by not in SPLITS or not 0 <= share < 1:
        raise BadInput(
            f"a split is by {', '.join(SPLITS)} and holds out a share of 0 to below 1, "
            f"got by={by!r} and share={share}"
        )
    if share == 0:
        return triples, triples[:0]
    if by == "paper":
        held = np.arange(len(triples)) >= round(len(triples) * (1 - share))
        train = ~held
    elif by == "strict":
        train, held = _strict(triples, share, seed)
    else:
        groups = triples.page if by == "page" else triples.reference
        held = np.isin(groups, _drawn(groups, share, seed))
        train = ~held
    if not train.any() or not held.any():
        raise BadInput(
            f"{words.count(len(triples), 'triple')} on "
            f"{words.count(len(np.unique(triples.page)), 'page')} with "
            f"{words.count(len(np.unique(triples.reference)), 'reference is', 'references are')} "
            f"too few to hold out {share:.0%} by {by}: collect more answers, or train without a "
            "validation part"
        )
    return triples[train], triples[held]


def composition(triples: Triples) -> dict[str, int]:
    """What a body of triples is made of, in counts.

    `triples`, `pages`, `references`, `images`; `ties` (as many votes for A as for B), `one_vote`
    and `several_votes`; `equal_classes` (both candidates in the same class, so the order alone
    says which is closer), `class_gap_1` to `class_gap_4`, and `no_classes`.
    """
    votes = triples.votes_a + triples.votes_b
    gap = np.abs(triples.class_a - triples.class_b)
    return {
        "triples": len(triples),
        "pages": len(np.unique(triples.page)),
        "references": len(np.unique(triples.reference)),
        "images": len(triples.images),
        "ties": int((triples.votes_a == triples.votes_b).sum()),
        "one_vote": int((votes <= 1).sum()),
        "several_votes": int((votes > 1).sum()),
        "equal_classes": int((gap == 0).sum()),
        **{f"class_gap_{step}": int((gap == step).sum()) for step in range(1, 5)},
        "no_classes": int(np.isnan(gap).sum()),
    }


def _drawn(groups: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """A random share of the distinct groups, rounded up."""
    distinct = np.unique(groups)
    n = int(np.ceil(share * len(distinct) - 1e-9))
    return np.random.default_rng(seed).permutation(distinct)[:n]


def _strict(
    triples: Triples, share: float, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of the pages whose candidates all lie on one side of a cut through the candidates.

    With k candidates a page and a share q of the candidates held, the pages held are a share
    q^k / (q^k + (1-q)^k) of those that remain; q is solved from that.
    """
    pages, row_page = np.unique(triples.page, return_inverse=True)
    # k candidates make k (k - 1) / 2 triples; on pages of several sizes their mean decides.
    k = (1 + np.sqrt(1 + 8 * len(triples) / len(pages))) / 2
    odds = (share / (1 - share)) ** (1 / k)
    candidates = np.unique(np.concatenate([triples.a, triples.b]))
    held_images = _drawn(candidates, odds / (1 + odds), seed)
    inside = np.isin(triples.a, held_images).astype(int) + np.isin(triples.b, held_images)
    held_by_page = np.bincount(row_page, inside, len(pages))
    rows_by_page = np.bincount(row_page, minlength=len(pages))
    held = held_by_page == 2 * rows_by_page
    return (held_by_page == 0)[row_page], held[row_page]


@dataclass(frozen=True, eq=False)
class Batch:
    """n triples over m distinct images, as tensors."""

    images: torch.Tensor
    """(m,) int64 rows of the distinct images among all images of the run."""
    reference: torch.Tensor
    """(n,) int64 positions in `images`."""
    a: torch.Tensor
    b: torch.Tensor
    share_a: torch.Tensor
    """(n,) float32 share of the votes for `a`, 0..1."""
    weight: torch.Tensor
    """(n,) float32 votes, divided by their mean over the run."""
    margin: torch.Tensor
    """(n,) float32 margin of the order triplet."""

    def __len__(self) -> int:
        return len(self.share_a)

    def parts(self, limit: int) -> Iterator[tuple[Batch, torch.Tensor]]:
        """The same triples in order, in parts of at most `limit` (>= 3) distinct images.

        Each with the positions of its images among those of the whole batch.
        """
        places = torch.stack([self.reference, self.a, self.b])  # (3, n)
        start, inside = 0, set[int]()
        for row, images in enumerate(places.T.tolist()):
            if len(inside | set(images)) > limit:
                yield self._part(places, start, row)
                start, inside = row, set()
            inside |= set(images)
        yield self._part(places, start, len(self))

    def _part(self, places: torch.Tensor, start: int, end: int) -> tuple[Batch, torch.Tensor]:
        kept, inverse = torch.unique(places[:, start:end], return_inverse=True)
        reference, a, b = inverse
        row = slice(start, end)
        part = Batch(
            self.images[kept], reference, a, b, self.share_a[row], self.weight[row],
            self.margin[row],
        )  # fmt: skip
        return part, kept


@dataclass(frozen=True, eq=False)
class Dataset:
    """Triples with their images as rows 0..m-1, ready to be cut into batches of whole pages."""

    triples: Triples
    image_ids: NDArray[np.int64]
    """(m,) sorted ids of the images of the run; may hold more than the triples need."""
    base_margin: float
    class_margin: float
    mean_votes: float
    """Over the training triples: weights are in units of it."""
    soft: bool = True
    """Targets are shares of the votes; False: 1 where the majority says `a`, else 0."""

    def batch(self, index: NDArray[np.int64], *, swapped: NDArray[np.bool_] | None = None) -> Batch:
        """The triples at `index` with their distinct images.

        Args:
            index: (n,) rows of the triples.
            swapped: (n,) where A and B change places; where it is given, each triple keeps images
                of its own, however often one of them occurs.
        """
        part = self.triples[index]
        rows = np.searchsorted(self.image_ids, np.stack([part.reference, part.a, part.b]))
        if swapped is None:
            images, inverse = np.unique(rows, return_inverse=True)
        else:
            images, inverse = rows.ravel(), np.arange(rows.size)
        reference, a, b = torch.from_numpy(inverse.reshape(3, -1))
        gap = margins(part.class_a, part.class_b, self.base_margin, self.class_margin)
        share_a = torch.from_numpy(part.share_a).float()
        if swapped is not None:
            turned = torch.from_numpy(swapped)
            a, b = torch.where(turned, b, a), torch.where(turned, a, b)
            share_a = torch.where(turned, 1 - share_a, share_a)
        return Batch(
            images=torch.from_numpy(images),
            reference=reference,
            a=a,
            b=b,
            share_a=share_a if self.soft else (share_a > 0.5).float(),
            weight=torch.from_numpy((part.votes_a + part.votes_b) / self.mean_votes).float(),
            margin=torch.from_numpy(gap).float(),
        )

    def batches(self, pages: int, rng: np.random.Generator | None = None) -> Iterator[Batch]:
        """Batches of so many whole pages, shuffled where there is a generator."""
        distinct, row_page = np.unique(self.triples.page, return_inverse=True)
        order = np.arange(len(distinct)) if rng is None else rng.permutation(len(distinct))
        place = np.argsort(order)[row_page]
        rows = np.argsort(place, kind="stable")
        cuts = np.searchsorted(place[rows], np.arange(pages, len(distinct), pages))
        for index in np.split(rows, cuts):
            if len(index):
                yield self.batch(index)

    def single_batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Batches of so many shuffled triples, each once as it is and once swapped."""
        n = len(self.triples)
        order = rng.permutation(2 * n)
        for start in range(0, 2 * n, size):
            chosen = order[start : start + size]
            yield self.batch(chosen % n, swapped=chosen >= n)
