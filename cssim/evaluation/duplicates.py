"""Near duplicates: other files with the same picture, between any two sets of images.

Two witnesses. A *print* of how a picture looks (a 64-bit perceptual hash and its colours) finds
copies that were resized, re-encoded, mirrored, brightened or trimmed a little; the embeddings of a
frozen model find stronger crops too. What they miss and what they find wrongly is measured in
docs/methods.md; near duplicates are shown and marked, and never refused.

Source of the hash: Zauner 2010, Implementation and benchmarking of perceptual image hash functions
(the DCT hash), with the hash of the mirrored picture beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    right: NDArray[np.float32],
    *,
    bits: int = BITS,
    colours: float = COLOURS,
) -> Rows:
    """Pairs (k, 2) of a row of `left` and a row of `right` that show the same picture.

    Args:
        left: (n, 208), from `Prints`.
        right: (m, 208); 20,000 against 20,000 take seconds and 100 MB.
        bits: see `BITS`.
        colours: see `COLOURS`.
    """
    one, other = _Parts.of(left), _Parts.of(right)
    found = []
    for start, stop in _blocks(len(left), len(right)):
        block = one.plain[start:stop, None]
        near = np.bitwise_count(block ^ other.plain[None]) <= bits
        near |= np.bitwise_count(block ^ other.mirrored[None]) <= bits
        near &= one.structured[start:stop, None] & other.structured[None]
        found.append(_where(near, start))
    pairs = _stacked(found)
    mine, theirs = one.colours[pairs[:, 0]], other.colours[pairs[:, 1]]
    gap = np.minimum(
        np.abs(mine - theirs).mean(axis=(1, 2, 3)),
        np.abs(mine - theirs[:, :, ::-1]).mean(axis=(1, 2, 3)),
    )
    return np.asarray(pairs[gap <= colours])


def close_vectors(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    *,
    cosine: float = COSINE,
    closer: float = CLOSER,
) -> Rows:
    """Pairs (k, 2) of a row of `left` and a row of `right` that point the same way.

    The mean of all rows is taken away first: in many networks every picture is close to every
    other, and what they have in common says nothing. How near neighbours are in `right` itself says
    what near means to this network and these pictures.

    Args:
        left: (n, d) embeddings.
        right: (m, d), by the same encoder.
        cosine: see `COSINE`.
        closer: see `CLOSER`; infinity where the cosine alone is to decide.

    Raises:
        BadInput: rows of other lengths.
    """
    if left.shape[1:] != right.shape[1:]:
        raise BadInput(
            f"expected embeddings of one encoder, got rows of {left.shape[1:]} and "
            f"{right.shape[1:]} numbers"
        )
    if not len(left) or not len(right):
        return _stacked([])
    mean = (left.sum(axis=0, dtype=np.float64) + right.sum(axis=0, dtype=np.float64)) / (
        len(left) + len(right)
    )
    one, other = (_unit((rows - mean).astype(np.float32)) for rows in (left, right))
    least = max(cosine, 1 - closer * _typical_gap(other))
    return _stacked(
        [
            _where(one[start:stop] @ other.T >= least, start)
            for start, stop in _blocks(len(left), len(right))
        ]
    )


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
    cosines = rows[sample] @ rows.T
    cosines[np.arange(len(sample)), sample] = -np.inf
    return float(max(0.0, 1 - np.median(cosines.max(axis=1))))


def _where(block: NDArray[np.bool_], start: int) -> Rows:
    """(k, 2) places of what is true in the rows from `start` on."""
    rows, columns = np.nonzero(block)
    return np.stack([rows + start, columns], axis=1)


def _blocks(n: int, m: int) -> list[tuple[int, int]]:
    step = max(1, _BLOCK // max(1, m))
    return [(start, min(n, start + step)) for start in range(0, n, step)]


def _stacked(parts: Sequence[Rows]) -> Rows:
    return np.concatenate([np.zeros((0, 2), dtype=np.int64), *parts])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.vecdot(rows, rows))[:, None]
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
