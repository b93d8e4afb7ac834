"""Cached embeddings as they lie on the disk: looked up, compared and ranked without an encoder.

Nothing is computed and no weights are loaded, so that the web process may use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssim import words
from cssim.embeddings import ssim
from cssim.embeddings.store import EmbeddingCache
from cssim.errors import BadInput

_BLOCK = 2048
"""Rows that are widened at a time."""


@dataclass(frozen=True, eq=False)
class CachedRows:
    """One encoder's vectors of n images, some of which may be missing; memory-mapped."""

    shards: tuple[NDArray[np.float32], ...]
    """Vectors of each shard, (m, dim)."""
    shard: NDArray[np.int64]
    """(n,) the shard in which each image's vector lies; -1: there is none."""
    row: NDArray[np.int64]
    """(n,) its row there."""
    made_by: str = ""
    """Fingerprint of the encoder, which says how its vectors are compared."""

    def __len__(self) -> int:
        return len(self.shard)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(n,) whether each image has a vector."""
        return self.shard >= 0

    @property
    def dim(self) -> int:
        """Length of a vector; 0 where there is none at all."""
        return self.shards[0].shape[1] if self.shards else 0

    def take(self, at: ArrayLike) -> NDArray[np.float32]:
        """(k, dim) vectors of the images at these positions.

        Raises:
            BadInput: one of them has none.
        """
        wanted = np.asarray(at, dtype=np.int64)
        shard, row = self.shard[wanted], self.row[wanted]
        missing = int((shard < 0).sum())
        if missing:
            raise BadInput(
                f"{missing} of {words.count(len(wanted), 'image is', 'images are')} "
                "not embedded; embed them first"
            )
        out = np.empty((len(wanted), self.dim), dtype=np.float32)
        for number in np.unique(shard):
            here = shard == number
            out[here] = self.shards[number][row[here]]
        return out

    def near(self, vector: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n,) rough distances to a vector, in float32; NaN where there is no vector.

        Good for ranking, to be followed by exact distances of the first ones: float32 may swap
        neighbours that are within 1e-6.
        """
        if ssim.compares(self.made_by):
            return self._unlike(vector)
        query = np.asarray(vector, dtype=np.float64)
        length = float(np.linalg.norm(query))
        unit = (query / length if length > 0 else query).astype(np.float32)
        out = np.full(len(self), np.nan, dtype=np.float32)
        for number, vectors in enumerate(self.shards):
            here = np.flatnonzero(self.shard == number)
            close = (vectors @ unit)[self.row[here]]
            out[here] = 1 - close / self._lengths[here]
        return out

    def _unlike(self, picture: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n,) 1 - SSIM to a picture; NaN where there is none."""
        out = np.full(len(self), np.nan, dtype=np.float32)
        known = np.flatnonzero(self.found)
        for start in range(0, len(known), _BLOCK):
            here = known[start : start + _BLOCK]
            both = np.concatenate([np.asarray(picture)[None], self.take(here)])
            out[here] = 1 - ssim.similarities(both, [0] * len(here), range(1, len(both)))
        return out

    @cached_property
    def _lengths(self) -> NDArray[np.float32]:
        """(n,) Euclidean lengths; 1 for rows of zeros and where there is no vector."""
        out = np.ones(len(self), dtype=np.float32)
        for number, vectors in enumerate(self.shards):
            here = np.flatnonzero(self.shard == number)
            rows = self.row[here]
            for start in range(0, len(rows), _BLOCK):
                some = vectors[rows[start : start + _BLOCK]].astype(np.float64)
                out[here[start : start + _BLOCK]] = np.sqrt(np.vecdot(some, some))
        return np.where(out > 0, out, np.float32(1))


def read_rows(cache: EmbeddingCache, fingerprint: str, hashes: Sequence[str]) -> CachedRows:
    """What the cache holds of these images by one encoder.

    Args:
        cache: of a home folder.
        fingerprint: of the encoder.
        hashes: SHA-256 of each image, 64 hexadecimal digits.
    """
    place: dict[bytes, int] = {}
    first = np.array([place.setdefault(bytes.fromhex(text), at) for at, text in enumerate(hashes)])
    shard = np.full(len(hashes), -1, dtype=np.int64)
    row = np.zeros(len(hashes), dtype=np.int64)
    kept: list[NDArray[np.float32]] = []
    for keys, vectors in cache.shards(fingerprint):
        if kept and vectors.shape[1] != kept[0].shape[1]:
            continue  # of another encoder: it would be refused when embedding, too
        text = keys.tobytes()
        for number in range(len(vectors)):
            at = place.get(text[32 * number : 32 * number + 32])
            if at is not None and shard[at] < 0:
                shard[at], row[at] = len(kept), number
        kept.append(vectors)
    whole = first.astype(np.int64)  # pictures with the same bytes share a vector
    return CachedRows(tuple(kept), shard[whole], row[whole], fingerprint)
