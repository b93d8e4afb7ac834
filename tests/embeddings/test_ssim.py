"""SSIM against its definition window by window, scikit-image's numbers, and its mathematics."""

import math
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from cssim.embeddings import ssim
from cssim.embeddings.encoder import Encoder
from cssim.embeddings.ssim import StructuralSimilarity, compares, similarities
from cssim.errors import BadInput


def rows(*pictures: NDArray[Any]) -> NDArray[np.float32]:
    """Grey pictures as the encoder stores them."""
    return np.stack([p.ravel() for p in pictures]).astype(np.float32) - 128


def noise(n: int, side: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side), dtype=np.uint8)


def by_definition(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> float:
    """The paper's equations 13 to 17, pixel by pixel of each window."""
    weights = [
        [math.exp(-((r - 5) ** 2 + (c - 5) ** 2) / (2 * 1.5**2)) for c in range(11)]
        for r in range(11)
    ]
    total = sum(map(sum, weights))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = []
    for top in range(len(x) - 10):
        for left in range(len(x) - 10):
            window = [
                (weights[r][c] / total, float(x[top + r, left + c]), float(y[top + r, left + c]))
                for r in range(11)
                for c in range(11)
            ]
            mean_x, mean_y = sum(w * a for w, a, _ in window), sum(w * b for w, _, b in window)
            var_x = sum(w * (a - mean_x) ** 2 for w, a, _ in window)
            var_y = sum(w * (b - mean_y) ** 2 for w, _, b in window)
            both = sum(w * (a - mean_x) * (b - mean_y) for w, a, b in window)
            luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
            found.append(luminance * (2 * both + c2) / (var_x + var_y + c2))
    return sum(found) / len(found)


def test_similarities_are_those_of_the_definition():
    pictures = noise(4, 14)
    pictures[2] = pictures[1] // 2 + 60  # alike, so that not all are near 0
    left, right = np.triu_indices(4)
    expected = [by_definition(pictures[i], pictures[j]) for i, j in zip(left, right, strict=True)]
    np.testing.assert_allclose(similarities(rows(*pictures), left, right), expected, atol=1e-12)


SCIKIT_IMAGE = {
    (0, 1): 0.14634030741682807,
    (0, 2): -0.04141261744160904,
    (0, 3): 0.010836352271514058,
    (1, 3): 0.005715925197423167,
    (0, 4): 0.11728407495353858,
    (1, 4): 0.48466500771846016,
    (2, 4): -0.028299824775788313,
    (1, 5): 0.5590657886932627,
    (2, 5): 0.2709375389694006,
    (4, 5): 0.2570294282353984,
}
"""`skimage.metrics.structural_similarity` of scikit-image 0.26.0 with `gaussian_weights=True,
sigma=1.5, use_sample_covariance=False, data_range=255`."""


def test_similarities_are_those_of_scikit_image():
    y, x = np.indices((64, 64))
    pictures = [
        (7 * x + 13 * y) % 256,
        4 * x,
        255 - 4 * x,
        (x // 8 + y // 8) % 2 * 255,
        np.clip(4 * x + x * y % 41 - 20, 0, 255),
        3 * y + x,
    ]
    left, right = zip(*SCIKIT_IMAGE, strict=True)
    found = similarities(rows(*pictures), left, right)
    np.testing.assert_allclose(found, list(SCIKIT_IMAGE.values()), rtol=0, atol=1e-12)


def test_a_picture_is_one_with_itself_and_order_does_not_matter_bit_for_bit():
    pictures = rows(*noise(30, 64), np.zeros((64, 64)), np.full((64, 64), 255))
    i = np.arange(32)
    assert similarities(pictures, i, i).tolist() == [1.0] * 32
    other = np.roll(i, 5)
    np.testing.assert_array_equal(
        similarities(pictures, i, other), similarities(pictures, other, i)
    )


def test_equal_pictures_tie_exactly_wherever_they_stand_and_however_many_are_compared(monkeypatch):
    half = rows(*noise(40, 64))
    pictures = np.concatenate([half, half])
    left = np.random.default_rng(1).integers(0, 80, 40)
    at_once = similarities(pictures, left, np.arange(40))
    np.testing.assert_array_equal(similarities(pictures, left, np.arange(40, 80)), at_once)
    monkeypatch.setattr(ssim, "_BYTES", 24 * 64**2 * 5)  # no more than five pictures at a time
    np.testing.assert_array_equal(similarities(pictures, left, np.arange(40)), at_once)


def test_it_is_a_kernel_so_that_its_distance_is_half_a_squared_euclidean_one():
    smooth = [PIL.Image.fromarray(p).resize((32, 32)) for p in noise(30, 6)]
    pictures = rows(*(np.asarray(p) for p in smooth), *noise(10, 32, seed=1))
    left, right = np.indices((40, 40)).reshape(2, -1)
    gram = similarities(pictures, left, right).reshape(40, 40)
    assert gram[~np.eye(40, dtype=bool)].max() > 0.3  # else any diagonal would do
    assert np.linalg.eigvalsh(gram).min() > -1e-12


def test_flat_pictures_differ_by_their_brightness_alone():
    black, white = np.zeros((64, 64)), np.full((64, 64), 255)
    c1 = 2.55**2
    (found,) = similarities(rows(black, white), [0], [1])
    assert found == pytest.approx(c1 / (255**2 + c1), rel=1e-9)


def test_an_embedding_is_the_small_grey_picture_about_medium_grey():
    metric = StructuralSimilarity(size=16)
    image = PIL.Image.new("RGB", (32, 32), (255, 0, 0))
    assert isinstance(metric, Encoder)
    vector = metric.embed([image])[0]
    assert vector.tolist() == [76 - 128] * 256  # 0.299 x 255, the luma of pure red
    assert metric.fingerprint == "ssim-1-16"


def test_only_its_own_vectors_are_compared_by_it():
    assert compares(StructuralSimilarity().fingerprint)
    assert not compares("hog-1-128-16-9")
    assert not compares("5" * 64)
    assert not compares("")


def test_what_is_no_picture_is_refused():
    with pytest.raises(BadInput, match="11 pixels or more, got size 10"):
        StructuralSimilarity(size=10)
    for dim in (100, 122):
        with pytest.raises(BadInput, match="square pictures"):
            similarities(np.zeros((2, dim)), [0], [1])
    with pytest.raises(BadInput, match="not finite"):
        similarities(np.full((2, 121), np.nan), [0], [1])


def test_no_pairs_give_no_similarities():
    assert similarities(np.zeros((2, 121)), [], []).shape == (0,)
