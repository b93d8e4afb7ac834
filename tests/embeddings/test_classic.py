import numpy as np
import PIL.Image
import pytest

from cssim.embeddings.classic import METRICS, ColourHistogram, OrientedGradients
from cssim.errors import BadInput


def test_a_histogram_holds_the_square_roots_of_the_shares_of_its_colours():
    image = PIL.Image.new("RGB", (4, 1), (0, 0, 0))
    image.putpixel((0, 0), (255, 0, 127))  # bins 1, 0, 0 of two
    vector = ColourHistogram(bins=2).embed([image])[0]
    expected = np.zeros(8)
    expected[0], expected[4] = np.sqrt(3 / 4), np.sqrt(1 / 4)
    np.testing.assert_allclose(vector, expected, atol=1e-7)


def test_the_cosine_of_two_histograms_is_their_bhattacharyya_coefficient():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 20, 20, 3), dtype=np.uint8)
    u, v = ColourHistogram(bins=4).embed([PIL.Image.fromarray(p) for p in pixels])
    shares = []
    for picture in pixels:
        counts = np.zeros((4, 4, 4))
        for r, g, b in picture.reshape(-1, 3) // 64:
            counts[r, g, b] += 1
        shares.append(counts.ravel() / 400)
    assert float(u @ v) == pytest.approx(float(np.sum(np.sqrt(shares[0] * shares[1]))), abs=1e-6)


def test_a_histogram_ignores_where_the_colours_are():
    pixels = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    mixed = np.random.default_rng(2).permutation(pixels.reshape(-1, 3)).reshape(8, 8, 3)
    u, v = ColourHistogram().embed([PIL.Image.fromarray(p) for p in (pixels, mixed)])
    np.testing.assert_array_equal(u, v)


def test_an_upright_edge_votes_for_the_two_bins_around_its_angle():
    hog = OrientedGradients(size=8, cell=4, angles=9)
    grey = np.zeros((8, 8))
    grey[:, 4:] = 100.0  # gradient 100 along x in columns 3 and 4, angle 0
    cells = hog.cells(grey)
    # Angle 0 lies on the border of the last bin and the first: half a vote each, 4 pixels a cell.
    np.testing.assert_allclose(cells[..., 0], 200.0)
    np.testing.assert_allclose(cells[..., 8], 200.0)
    np.testing.assert_allclose(cells[..., 1:8], 0.0, atol=1e-9)


def test_cells_equal_a_loop_over_pixels():
    hog = OrientedGradients(size=12, cell=4, angles=6)
    grey = np.random.default_rng(0).uniform(0, 255, (12, 12))
    expected = np.zeros((3, 3, 6))
    for y in range(12):
        for x in range(12):
            dx = grey[y, x + 1] - grey[y, x - 1] if 0 < x < 11 else 0.0
            dy = grey[y + 1, x] - grey[y - 1, x] if 0 < y < 11 else 0.0
            position = (np.degrees(np.arctan2(dy, dx)) % 180) / 30 - 0.5
            low = int(np.floor(position))
            length = np.hypot(dx, dy)
            expected[y // 4, x // 4, low % 6] += (1 - (position - low)) * length
            expected[y // 4, x // 4, (low + 1) % 6] += (position - low) * length
    np.testing.assert_allclose(hog.cells(grey), expected, atol=1e-9)


def test_hog_ignores_brightness_and_contrast():
    grey = np.random.default_rng(3).integers(60, 120, (128, 128), dtype=np.uint8)
    images = [PIL.Image.fromarray(g) for g in (grey, grey + 40, grey * 2 - 20)]
    u, v, w = OrientedGradients().embed(images)
    np.testing.assert_allclose(u, v, atol=1e-6)
    np.testing.assert_allclose(u, w, atol=1e-6)


def test_hog_blocks_are_clipped_and_at_most_of_unit_length():
    image = PIL.Image.fromarray(np.random.default_rng(4).integers(0, 256, (99, 60), dtype=np.uint8))
    blocks = OrientedGradients().embed([image]).reshape(49, 36)
    lengths = np.linalg.norm(blocks, axis=1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-6)
    assert np.isfinite(OrientedGradients().embed([PIL.Image.new("L", (9, 9))])).all()


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metrics_take_any_mode_and_number_of_images(name):
    metric = METRICS[name]()
    images = [PIL.Image.new(mode, (20, 10)) for mode in ("RGB", "L", "RGBA", "CMYK", "P", "1")]
    vectors = metric.embed(images)
    assert vectors.shape == (6, metric.dim)
    assert vectors.dtype == np.float32
    assert metric.embed([]).shape == (0, metric.dim)


def test_other_settings_are_another_fingerprint():
    assert ColourHistogram().fingerprint != ColourHistogram(bins=4).fingerprint
    assert OrientedGradients().fingerprint != OrientedGradients(cell=8).fingerprint


def test_impossible_settings_are_refused():
    with pytest.raises(BadInput, match="1 to 256 bins"):
        ColourHistogram(bins=0)
    with pytest.raises(BadInput, match="divides the size"):
        OrientedGradients(size=100, cell=16)
