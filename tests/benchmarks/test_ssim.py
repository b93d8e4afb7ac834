"""SSIM of a context's triples: moments once for each picture against all anew for each pair."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cssim.embeddings.ssim import C1, C2, StructuralSimilarity
from cssim.ensembles.distances import model_distances

pytestmark = pytest.mark.benchmark(group="SSIM of 1,002 triples of 334 pages about one reference")

METRIC = StructuralSimilarity()


@pytest.fixture(scope="module")
def world():
    """Vectors of a reference and of three candidates on each page, and the columns of triples."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (1 + 3 * 334, METRIC.dim)).astype(np.float32) - 128
    first = 1 + 3 * np.repeat(np.arange(334), 3)
    a = first + np.tile([0, 0, 1], 334)
    b = first + np.tile([1, 2, 2], 334)
    return rows, np.zeros_like(a), a, b


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """As scikit-image computes it: five filtered pictures for each pair."""

    def window(picture: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(picture, 1.5, truncate=3.5))

    x, y = (row.reshape(METRIC.size, -1).astype(np.float64) + 128 for row in (one, other))
    mean_x, mean_y = window(x), window(y)
    var_x, var_y = window(x * x) - mean_x**2, window(y * y) - mean_y**2
    both = window(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    below = (mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2)
    return float((above / below)[5:-5, 5:-5].mean())


def test_ssim_by_obvious(benchmark, world):
    rows, reference, a, b = world

    def loop() -> np.ndarray:
        pairs = zip(reference, a, b, strict=True)
        return np.array(
            [[1 - ssim(rows[r], rows[x]) for x in candidates] for r, *candidates in pairs]
        )

    found = benchmark.pedantic(loop, rounds=2)
    assert found == pytest.approx(model_distances(*world, made_by=METRIC.fingerprint), abs=1e-12)


def test_ssim_by_moments_once(benchmark, world):
    found = benchmark(model_distances, *world, made_by=METRIC.fingerprint)
    assert found.shape == (1002, 2)
