"""Cached vectors read without an encoder: the same numbers, and what is missing is named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cssim.embeddings.reading import CachedRows, read_rows
from cssim.embeddings.store import EmbeddingCache
from cssim.ensembles.distances import pair_distances
from cssim.errors import BadInput

DIM = 6


def hashes(n: int) -> list[str]:
    return [hashlib.sha256(bytes([i])).hexdigest() for i in range(n)]


def filled(root: Path, parts: Sequence[Sequence[str]], seed: int = 0) -> dict[str, np.ndarray]:
    """A cache with a shard for each part; gives the vectors by hash."""
    cache, rng = EmbeddingCache(root), np.random.default_rng(seed)
    known: dict[str, np.ndarray] = {}
    for part in parts:
        vectors = rng.normal(size=(len(part), DIM)).astype(np.float32)
        rows = iter(vectors)

        def embed(
            images: Sequence[PIL.Image.Image], rows: Iterator[np.ndarray] = rows
        ) -> np.ndarray:
            return np.stack([next(rows) for _ in images])

        cache.get_or_compute("maker", part, _blank, embed)
        known |= dict(zip(part, vectors, strict=True))
    return known


def _blank(_: str) -> PIL.Image.Image:
    return PIL.Image.new("RGB", (1, 1))


@pytest.fixture
def names() -> list[str]:
    return hashes(9)


@pytest.fixture
def rows(tmp_path: Path, names: list[str]) -> CachedRows:
    """Seven of nine pictures, in two shards, in another order than asked for."""
    filled(tmp_path, [names[6:2:-1], names[:3]])
    return read_rows(EmbeddingCache(tmp_path), "maker", names)


def test_vectors_are_those_that_the_encoder_gave(tmp_path: Path, names: list[str]) -> None:
    known = filled(tmp_path, [names[6:2:-1], names[:3]])
    rows = read_rows(EmbeddingCache(tmp_path), "maker", names)
    order = [5, 0, 6, 2, 0]
    assert np.array_equal(rows.take(order), np.stack([known[names[i]] for i in order]))


def test_what_is_missing_is_known_and_never_made_up(rows: CachedRows) -> None:
    assert rows.found.tolist() == [True] * 7 + [False] * 2
    assert np.isnan(rows.near(np.ones(DIM))).tolist() == [False] * 7 + [True] * 2
    with pytest.raises(BadInput, match="2 of 3 images are not embedded"):
        rows.take([1, 7, 8])


def test_rough_distances_are_the_exact_ones_in_single_precision(rows: CachedRows) -> None:
    whole = rows.take(range(7))
    exact = pair_distances(whole, [3] * 7, range(7))
    assert np.allclose(rows.near(whole[3])[:7], exact, atol=2e-6)


def test_the_same_picture_twice_shares_its_vector(tmp_path: Path, names: list[str]) -> None:
    filled(tmp_path, [names])
    rows = read_rows(EmbeddingCache(tmp_path), "maker", [names[2], names[4], names[2]])
    assert rows.found.all()
    first, _, again = rows.take([0, 1, 2])
    assert np.array_equal(first, again)


def test_nothing_in_the_cache_is_nothing_found(tmp_path: Path, names: list[str]) -> None:
    rows = read_rows(EmbeddingCache(tmp_path), "nobody", names)
    assert not rows.found.any()
    assert rows.dim == 0
    assert len(read_rows(EmbeddingCache(tmp_path), "nobody", [])) == 0


def test_the_state_changes_when_vectors_come(tmp_path: Path, names: list[str]) -> None:
    cache = EmbeddingCache(tmp_path)
    before = cache.state("maker")
    filled(tmp_path, [names])
    assert before == 0
    assert cache.state("maker") != before
