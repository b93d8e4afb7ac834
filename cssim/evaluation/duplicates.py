"""Near duplicates: other files with the same picture, between any two sets of images.

Two witnesses. A *print* of how a picture looks (a 64-bit perceptual hash and its colours) finds
copies that were resized, re-encoded, mirrored, brightened or trimmed a little; the embeddings of a
frozen model find stronger crops too. What they miss and what they find wrongly is measured in
docs/methods.md; near duplicates are shown and marked, and never refused.

Source of the hash: Zauner 2010, Implementation and benchmarking of perceptual image hash functions
(the DCT hash), with the hash of the mirrored picture beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cssim.errors import BadInput

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

BITS = 12
"""Prints of near duplicates differ in at most so many of 64 bits."""
COLOURS = 0.3
"""And their 8 x 8 colours in at most so many standard deviations of brightness, on average."""
COSINE = 0.9
"""Embeddings of near duplicates, from which the mean was taken, have at least this cosine."""
CLOSER = 0.25
"""And are at most this share as far apart as an image and its nearest other one typically are."""

_SIDE, _KEPT, _GRID = 32, 8, 8
_FLAT = 2.0
"""Standard deviation of brightness, 0..255, below which a picture has no look to compare."""
_GREY = np.array([0.299, 0.587, 0.114])
_SAMPLE = 1000
"""Rows whose neighbours are looked at to learn what near means."""
_BLOCK = 1 << 22
"""Pairs that are compared at a time: 32 MiB of 64-bit words."""
_WIDE = 1 << 13
"""Rows, or pairs, whose many numbers are held at a time."""

Step = Callable[[int, int], None]
"""Called with (rows compared, rows in all) after each block; what it raises stops the search."""


class Prints:
    """How pictures look, as rows of small numbers; meets the contract of an encoder.

    So the embedding cache keeps them, and computes only those that are missing. A row holds the 8
    bytes of the hash, the 8 of the mirrored picture's, and 8 x 8 mean colours in RGB, all 0..255.
    """

    name = "prints"
    fingerprint = "prints-1"
    dim = 16 + 3 * _GRID * _GRID

    def embed(self, images: Sequence[PIL.Image.Image]) -> NDArray[np.float32]:
        """(n, 208) float32 rows of n pictures in RGB."""
        rows = [_print(image) for image in images]
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.dim)


def look_alikes(
    left: NDArray[np.float32],
    right: NDArray[np.float32] | None = None,
    *,
    bits: int = BITS,
    colours: float = COLOURS,
    most: int | None = None,
    step: Step | None = None,
) -> Rows:
    """Pairs (k, 2) of a row of `left` and a row of `right` that show the same picture.

    Args:
        left: (n, 208), from `Prints`.
        right: (m, 208); None: rows of `left` among each other, each pair once, the smaller first.
        bits: see `BITS`.
        colours: see `COLOURS`.
        most: stop once so many pairs are found; None finds all.
        step: told how far it is.
    """
    one = _Parts.of(left)
    other = one if right is None else _Parts.of(right)

    def compare(start: int, stop: int, first: int) -> Rows:
        block = one.plain[start:stop, None]
        near = np.bitwise_count(block ^ other.plain[None, first:]) <= bits
        near |= np.bitwise_count(block ^ other.mirrored[None, first:]) <= bits
        near &= one.structured[start:stop, None] & other.structured[None, first:]
        pairs = _where(near, start, first)
        if right is None:
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        return _stacked([some[_gaps(one, other, some) <= colours] for some in _parts(pairs)])

    return _compared(len(left), len(other.plain), compare, right is None, most, step)


def _gaps(one: _Parts, other: _Parts, pairs: Rows) -> NDArray[np.float32]:
    """(k,) mean differences of the colours of pairs, mirrored or not: the smaller."""
    mine, theirs = one.colours[pairs[:, 0]], other.colours[pairs[:, 1]]
    plain = np.abs(mine - theirs).mean(axis=(1, 2, 3))
    return np.asarray(np.minimum(plain, np.abs(mine - theirs[:, :, ::-1]).mean(axis=(1, 2, 3))))


def close_vectors(
    left: NDArray[np.float32],
    right: NDArray[np.float32] | None = None,
    *,
    cosine: float = COSINE,
    closer: float = CLOSER,
    most: int | None = None,
    step: Step | None = None,
) -> Rows:
    """Pairs (k, 2) of a row of `left` and a row of `right` that point the same way.

    The mean of all rows is taken away first: in many networks every picture is close to every
    other, and what they have in common says nothing. How near neighbours are in `right` itself says
    what near means to this network and these pictures.

    Args:
        left: (n, d) embeddings.
        right: (m, d), by the same encoder; None: rows of `left` among each other, each pair once,
            the smaller first.
        cosine: see `COSINE`.
        closer: see `CLOSER`; infinity where the cosine alone is to decide.
        most: stop once so many pairs are found; None finds all.
        step: told how far it is.

    Raises:
        BadInput: rows of other lengths.
    """
    both = left if right is None else right
    if left.shape[1:] != both.shape[1:]:
        raise BadInput(
            f"expected embeddings of one encoder, got rows of {left.shape[1:]} and "
            f"{both.shape[1:]} numbers"
        )
    if not len(left) or not len(both):
        return _stacked([])
    mean = (left.sum(axis=0, dtype=np.float64) + both.sum(axis=0, dtype=np.float64)) / (
        len(left) + len(both)
    )
    one = _directions(left, mean)
    other = one if right is None else _directions(right, mean)
    least = max(cosine, 1 - closer * _typical_gap(other))

    def compare(start: int, stop: int, first: int) -> Rows:
        pairs = _where(one[start:stop] @ other[first:].T >= least, start, first)
        return pairs[pairs[:, 0] < pairs[:, 1]] if right is None else pairs

    return _compared(len(one), len(other), compare, right is None, most, step)


def _directions(rows: NDArray[np.float32], mean: Floats) -> NDArray[np.float32]:
    """(n, d) unit vectors of rows from which `mean` was taken; wide numbers a part at a time."""
    out = np.empty(rows.shape, dtype=np.float32)
    for start in range(0, len(rows), _WIDE):
        out[start : start + _WIDE] = _unit((rows[start : start + _WIDE] - mean).astype(np.float32))
    return out


def _compared(
    n: int,
    m: int,
    compare: Callable[[int, int, int], Rows],
    alone: bool,
    most: int | None,
    step: Step | None,
) -> Rows:
    """What `compare` finds in blocks of rows `start` to `stop` against columns from `first` on."""
    found, count, start = [], 0, 0
    while start < n and (most is None or count < most):
        first = start if alone else 0
        stop = min(n, start + max(1, _BLOCK // max(1, m - first)))
        found.append(compare(start, stop, first))
        count += len(found[-1])
        start = stop
        if step is not None:
            step(start, n)
    return _stacked(found)[:most]


def different_images(pairs: Rows, left: Rows, right: Rows) -> set[tuple[int, int]]:
    """Rows turned into pairs of image ids, without those of an image with itself.

    Args:
        pairs: (k, 2), from `look_alikes` or `close_vectors`.
        left: (n,) image ids of the rows.
        right: (m,) image ids of the rows.
    """
    ids = zip(left[pairs[:, 0]].tolist(), right[pairs[:, 1]].tolist(), strict=True)
    return {(one, other) for one, other in ids if one != other}


@dataclass(frozen=True, eq=False)
class _Parts:
    """Rows of `Prints` taken apart."""

    plain: NDArray[np.uint64]  # (n,)
    mirrored: NDArray[np.uint64]  # (n,)
    colours: NDArray[np.float32]  # (n, 8, 8, 3), brightness of mean 0 and deviation 1
    structured: NDArray[np.bool_]  # (n,)

    @staticmethod
    def of(rows: NDArray[np.float32]) -> _Parts:
        if rows.ndim != 2 or rows.shape[1] != Prints.dim:
            raise BadInput(f"expected prints of shape (n, {Prints.dim}), got {rows.shape}")
        words = rows[:, :16].astype(np.uint8).copy().view(np.uint64)
        colours = rows[:, 16:].reshape(-1, _GRID, _GRID, 3).astype(np.float64)
        grey = colours @ _GREY
        spread = grey.std(axis=(1, 2))
        scale = (colours - grey.mean(axis=(1, 2))[:, None, None, None]) / (spread + _FLAT)[
            :, None, None, None
        ]
        return _Parts(words[:, 0], words[:, 1], scale.astype(np.float32), spread >= _FLAT)


def _print(image: PIL.Image.Image) -> Floats:
    small = image.convert("L").resize((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
    waves = _dct(_SIDE)[:_KEPT]
    low = waves @ np.asarray(small, dtype=np.float64) @ waves.T
    # Mirroring a picture turns the sign of its odd horizontal waves.
    mirrored = low * np.where(np.arange(_KEPT) % 2, -1.0, 1.0)
    colours = image.convert("RGB").resize((_GRID, _GRID), PIL.Image.Resampling.BOX)
    return np.concatenate([_hash(low), _hash(mirrored), np.asarray(colours, dtype=float).ravel()])


def _hash(low: Floats) -> NDArray[np.uint8]:
    """8 bytes: which waves are stronger than the median one; the mean brightness says nothing."""
    values = low.ravel()[1:]
    return np.packbits(np.concatenate([[False], values > np.median(values)]))


@cache
def _dct(n: int) -> Floats:
    """(n, n) orthonormal matrix of the discrete cosine transform, type 2."""
    wave, at = np.arange(n)[:, None], np.arange(n)[None]
    matrix: Floats = np.cos(np.pi * (2 * at + 1) * wave / (2 * n)) * np.sqrt(2 / n)
    matrix[0] /= np.sqrt(2)
    return matrix


def _typical_gap(rows: NDArray[np.float32]) -> float:
    """Median of 1 - cosine to the nearest other row, over a sample; infinite for a single row."""
    if len(rows) < 2:
        return np.inf
    sample = np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.int64)
    nearest = np.empty(len(sample), dtype=np.float32)
    part = max(1, _BLOCK // len(rows))
    for start in range(0, len(sample), part):
        some = sample[start : start + part]
        cosines = rows[some] @ rows.T
        cosines[np.arange(len(some)), some] = -np.inf
        nearest[start : start + part] = cosines.max(axis=1)
    return max(0.0, 1 - float(np.median(nearest)))


def _where(block: NDArray[np.bool_], start: int, first: int) -> Rows:
    """(k, 2) places of what is true in the rows from `start` and the columns from `first` on."""
    rows, columns = np.nonzero(block)
    return np.stack([rows + start, columns + first], axis=1)


def _parts(pairs: Rows) -> list[Rows]:
    """Pairs in parts whose colours are small beside a block."""
    return [pairs[start : start + _WIDE] for start in range(0, len(pairs), _WIDE)]


def _stacked(parts: Sequence[Rows]) -> Rows:
    return np.concatenate([np.zeros((0, 2), dtype=np.int64), *parts])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.vecdot(rows, rows))[:, None]
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
