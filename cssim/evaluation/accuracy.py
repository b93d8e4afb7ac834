"""How many of the people's answers a row of distances gets right.

Two measures, always reported by name:

- **soft credit** of a triple: the share of its voters who agree with the answer; an exact tie of
  distances counts one half. Its mean is the expected agreement with one more person of the same
  crowd.
- **strict credit**: 1 where the answer is the majority's, 0 where it is not, one half for an exact
  tie of distances; triples whose votes are even have no majority and are left out (NaN).

Where every triple has one voter, both are the plain accuracy of Liao and Chen 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssim import words
from cssim.errors import BadInput

Floats = NDArray[np.float64]


def soft_credit(distances: Floats, share_a: Floats) -> Floats:
    """Share of the voters who agree with the answer: (..., n), 0..1, distance ties one half.

    Args:
        distances: (..., n, 2), column 0 to A and column 1 to B, smaller = closer.
        share_a: (n,) share of the voters who said A, 0..1.

    Raises:
        BadInput: shapes that do not fit, or distances that are not finite.
    """
    says_a = _answers(distances, share_a)
    return np.asarray(0.5 + says_a * (share_a - 0.5))


def strict_credit(distances: Floats, share_a: Floats) -> Floats:
    """Agreement with the majority: (..., n) of 0, 1/2 and 1, NaN where the votes are even.

    Args:
        distances: (..., n, 2), smaller = closer.
        share_a: (n,) 0..1.

    Raises:
        BadInput: see `soft_credit`.
    """
    says_a = _answers(distances, share_a)
    majority = np.sign(share_a - 0.5)
    return np.where(majority == 0, np.nan, 0.5 + 0.5 * says_a * majority)


def human_credit(votes_a: ArrayLike, votes_b: ArrayLike) -> Floats:
    """What the other voters' majority earns on a voter left out, averaged over voters: (n,).

    With n_a and n_b whole votes, a fraction n_a / (n_a + n_b) of the voters said A; each is judged
    by the remaining ones: 1 where most of them said A, one half where they are even, 0 otherwise.

    Returns:
        (n,) 0..1; NaN where fewer than two people voted, where votes are halves (somebody saw a
        tie, so "the others" cannot be told from the counts), or where they are NaN: two ties add up
        to whole votes, and only whoever knows the answers can tell them from two opposite ones.
    """
    a, b = _votes(votes_a, votes_b)
    total = a + b
    left_a = 0.5 + 0.5 * np.sign(a - 1 - b)  # others' verdict on somebody who said A
    left_b = 0.5 + 0.5 * np.sign(b - 1 - a)
    usable = (total >= 2) & (a % 1 == 0) & (b % 1 == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(usable, (a * left_a + b * left_b) / total, np.nan)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How well people agree with each other; shares 0..1, or None where nobody can tell."""

    triples: int
    """Triples with at least two whole votes: only they count here."""
    others: float | None
    """Expected agreement of the other voters' majority with the next person: the ceiling."""
    person: float | None
    """Expected agreement of one voter with another of the same triple."""
    bound: float | None
    """Mean share of the larger side: no answer can earn more on just these votes."""


def human_ceiling(votes_a: ArrayLike, votes_b: ArrayLike) -> Ceiling:
    """Expected agreement with the next person, estimated by leaving each voter out in turn.

    The two outer figures frame it as a noise ceiling does (Nili et al. 2014): `others` is a little
    low, since one voter fewer decides, and `bound` too high, since it knows the votes themselves.

    Args:
        votes_a: (n,) votes for A.
        votes_b: (n,) votes for B.

    Raises:
        BadInput: negative votes, or columns of different lengths.
    """
    a, b = _votes(votes_a, votes_b)
    credit = human_credit(a, b)
    usable = ~np.isnan(credit)
    if not usable.any():
        return Ceiling(0, None, None, None)
    a, b = a[usable], b[usable]
    n = a + b
    pairs = (a * (a - 1) + b * (b - 1)) / (n * (n - 1))
    return Ceiling(
        triples=int(usable.sum()),
        others=float(credit[usable].mean()),
        person=float(pairs.mean()),
        bound=float((np.maximum(a, b) / n).mean()),
    )


@dataclass(frozen=True, eq=False)
class ByReference:
    """Credits added up per reference; everything else is computed from these."""

    reference: NDArray[np.int64]
    """(g,) distinct image ids, sorted."""
    sums: Floats
    """(rows, g) credit earned."""
    counts: Floats
    """(rows, g) triples counted; NaN credits count nowhere."""

    @property
    def accuracy(self) -> Floats:
        """(rows, g) accuracy on each reference; NaN where a row has no triple."""
        return _ratio(self.sums, self.counts)

    @property
    def overall(self) -> Floats:
        """(rows,) each triple counts once."""
        return _ratio(self.sums.sum(axis=1), self.counts.sum(axis=1))


def by_reference(credits: Floats, reference: NDArray[np.int64]) -> ByReference:
    """Credits of each row added up over the triples of each reference.

    Args:
        credits: (rows, n) 0..1, NaN where a triple does not count for a row.
        reference: (n,) image ids.

    Raises:
        BadInput: shapes that do not fit.
    """
    if credits.ndim != 2 or credits.shape[1:] != np.shape(reference):
        raise BadInput(
            f"credits of shape (rows, n) need n references, got {credits.shape} and "
            f"{np.shape(reference)}"
        )
    distinct, which = np.unique(reference, return_inverse=True)
    counted = ~np.isnan(credits)
    sums = _add_up(np.where(counted, credits, 0.0), which, len(distinct))
    return ByReference(distinct, sums, _add_up(counted.astype(np.float64), which, len(distinct)))


def macro(credits: Floats, groups: NDArray[np.generic]) -> Floats:
    """(rows,) mean over groups of each group's accuracy: each context, or reference, counts once.

    Args:
        credits: (rows, n) 0..1 or NaN.
        groups: (n,) what each triple belongs to; any sortable type.
    """
    codes = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    accuracy = by_reference(credits, codes).accuracy
    seen = ~np.isnan(accuracy)
    return _ratio(np.where(seen, accuracy, 0.0).sum(axis=1), seen.sum(axis=1).astype(np.float64))


def _answers(distances: Floats, share_a: Floats) -> Floats:
    """(..., n): 1 says A, -1 says B, 0 is an exact tie."""
    if distances.shape[-2:] != (len(share_a), 2):
        raise BadInput(
            f"{words.count(len(share_a), 'triple needs', 'triples need')} distances of shape (..., "
            f"{len(share_a)}, 2), got {distances.shape}"
        )
    if not np.isfinite(distances).all():
        raise BadInput("distances must be finite: a row that cannot answer is not available")
    return np.asarray(np.sign(distances[..., 1] - distances[..., 0]))


def _votes(votes_a: ArrayLike, votes_b: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(votes_a, dtype=np.float64), np.asarray(votes_b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise BadInput(f"votes are two columns of one length, got {a.shape} and {b.shape}")
    if np.any(a < 0) or np.any(b < 0):
        raise BadInput("votes cannot be negative")
    return a, b


def _add_up(values: Floats, which: NDArray[np.intp], groups: int) -> Floats:
    if not len(values):
        return np.zeros((0, groups))
    return np.stack([np.bincount(which, weights=row, minlength=groups) for row in values])


def _ratio(above: Floats, below: Floats) -> Floats:
    """Quotient, NaN where nothing was counted."""
    out = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=out, where=below > 0)
    return out
