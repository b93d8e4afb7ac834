"""SSIM as a member: each way of asking an ensemble compares its pictures window by window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cssim.embeddings.classic import METRICS
from cssim.embeddings.ssim import StructuralSimilarity
from cssim.ensembles.distances import model_distances, pair_distances, triple_distances
from cssim.ensembles.ensemble import Ensemble
from cssim.ensembles.fitted import Fitted
from cssim.ensembles.index import Index
from cssim.errors import BadInput
from tests.embeddings.test_ssim import by_definition

TWO = {"hog": METRICS["hog"](), "ssim": StructuralSimilarity(size=12)}
ALONE = {"ssim": TWO["ssim"]}
SUM = Fitted("uniform", (0.4, 0.6), (0.5, 2.0), slope=3.0)


def pictures(n: int, seed: int = 0) -> list[PIL.Image.Image]:
    """Soft ones, some of them alike: all far apart, ranking would be luck."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    return [PIL.Image.fromarray(one).resize((40, 30)) for one in coarse]


def apart(x: PIL.Image.Image, y: PIL.Image.Image) -> float:
    """1 - SSIM by its definition, of the pictures as the metric squeezes them."""
    one, other = (
        np.asarray(i.convert("L").resize((12, 12), PIL.Image.Resampling.BILINEAR)) for i in (x, y)
    )
    return 1 - by_definition(one, other)


def test_the_fingerprint_decides_how_rows_are_compared():
    given = pictures(3)
    rows = TWO["ssim"].embed(given)
    by_ssim = pair_distances(rows, [0, 0], [1, 2], made_by=TWO["ssim"].fingerprint)
    assert by_ssim == pytest.approx([apart(given[0], one) for one in given[1:]], abs=1e-12)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert pair_distances(rows, [0, 0], [1, 2]) == pytest.approx(1 - unit[1:] @ unit[0], abs=1e-6)


def test_models_of_both_kinds_stand_side_by_side_on_triples():
    given = pictures(12)
    rows = [encoder.embed(given) for encoder in TWO.values()]
    columns = np.random.default_rng(1).permuted(np.tile(np.arange(12), (30, 1)), axis=1)[:, :3].T
    makers = [encoder.fingerprint for encoder in TWO.values()]
    found = triple_distances(rows, *columns, made_by=makers)
    np.testing.assert_array_equal(found[0], triple_distances(rows[:1], *columns)[0])
    alone = model_distances(rows[1], *columns, made_by=makers[1])
    np.testing.assert_array_equal(found[1], alone)
    for t, (r, a, b) in enumerate(columns.T):
        expected = [apart(given[r], given[a]), apart(given[r], given[b])]
        assert found[1, t] == pytest.approx(expected, abs=1e-12)


def test_closer_and_distance_use_it():
    r, a, b = pictures(3, seed=2)
    ensemble = Ensemble(TWO, SUM)
    found = ensemble.closer(r, a, b)
    assert found.member_distances["ssim"] == pytest.approx((apart(r, a), apart(r, b)), abs=1e-12)
    both = [dict(found.member_distances)[name] for name in TWO]
    total = [0.4 * both[0][i] / 0.5 + 0.6 * both[1][i] / 2.0 for i in (0, 1)]
    assert found.distances == pytest.approx(total)
    assert ensemble.distance(r, a) == pytest.approx(total[0])
    assert ensemble.closer(r, a, a).choice is None


@pytest.mark.parametrize("members", [TWO, ALONE], ids=["with hog", "alone"])
def test_search_is_distance_to_each_picture_sorted(tmp_path: Path, members):
    for i, picture in enumerate(pictures(70, seed=3)):
        picture.save(tmp_path / f"{i:02}.png")
    query = pictures(1, seed=4)[0]
    fitted = SUM if len(members) == 2 else Fitted("uniform", (1.0,), (1.0,))
    ensemble = Ensemble(members, fitted)
    paths = sorted(tmp_path.glob("*.png"))
    expected = sorted((ensemble.distance(query, path), str(path)) for path in paths)
    found = ensemble.search(query, tmp_path, top=5)
    assert [one.path for one in found] == [path for _, path in expected[:5]]
    assert [one.distance for one in found] == pytest.approx([d for d, _ in expected[:5]])
    ensemble.index(tmp_path).save(tmp_path / "index.npz")
    assert ensemble.search(query, Index.load(tmp_path / "index.npz"), top=5) == found
    assert ensemble.search(paths[7], tmp_path, top=1)[0] == (str(paths[7]), 0.0)


def test_no_vector_stands_for_it():
    with pytest.raises(BadInput, match="ssim compares two pictures window by window"):
        Ensemble(TWO, SUM).embed(pictures(2))
