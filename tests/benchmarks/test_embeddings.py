"""Embeddings from the cache against computing them again each time."""

import numpy as np
import pytest

from cssim.demo.scenes import draw, random_scenes
from cssim.embeddings.classic import METRICS
from cssim.embeddings.store import EmbeddingCache

pytestmark = pytest.mark.benchmark(group="embeddings of 96 pictures by colour histogram")


@pytest.fixture(scope="module")
def pictures():
    return {f"{i:064x}": draw(scene) for i, (_, scene) in enumerate(random_scenes(12, 3))}


def test_embed_by_obvious(benchmark, pictures):
    encoder = METRICS["histogram"]()
    vectors = benchmark(lambda: np.concatenate([encoder.embed([p]) for p in pictures.values()]))
    assert vectors.shape == (96, encoder.dim)


def test_embed_by_cache(benchmark, pictures, tmp_path):
    encoder, cache, hashes = METRICS["histogram"](), EmbeddingCache(tmp_path), list(pictures)

    def cached() -> np.ndarray:
        return cache.get_or_compute(
            encoder.fingerprint, hashes, pictures.__getitem__, encoder.embed
        )

    first = cached()
    again = benchmark(cached)
    assert np.array_equal(first, again)
