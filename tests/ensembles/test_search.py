"""Search finds what `distance` says is closest, from a folder, a list, an index or its file."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cssim.ensembles.ensemble import Ensemble
from cssim.ensembles.fitted import Fitted
from cssim.ensembles.index import Index
from cssim.ensembles.strategies import strategy
from cssim.errors import BadImage, BadInput, NotFound
from tests.ensembles.test_ensemble import BLUE, ORANGE, RED, SUM, TWO, MeanColour, plain
from tests.icc import P3, rgb_profile

AGAINST = Fitted("stacking", (1.5 / 2, -0.5 / 2), (1.0, 0.3))
VOTE = Fitted("vote", (0.5, 0.5), (1.0, 1.0), votes=True)


def by_reference() -> Fitted:
    rng = np.random.default_rng(1)
    return strategy("knn").fit(
        rng.random((2, 40, 2)),
        rng.integers(0, 2, 40) / 1,
        reference=np.repeat(np.arange(10), 4),
        features=np.repeat(rng.random((10, 3)), 4, axis=0),
        projector="soft",
    )


class Counting(MeanColour):
    """Counts the pictures that it has embedded."""

    seen = 0

    def embed(self, images) -> np.ndarray:
        self.seen += len(images)
        return super().embed(images)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for i in range(40):
        image = PIL.Image.fromarray(plain(*rng.integers(0, 255, 3)))
        image.save(tmp_path / "photos" / ("deep" if i % 2 else "") / f"{i:02}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize("fitted", [SUM, AGAINST, by_reference()], ids=lambda f: f.strategy)
def test_search_is_distance_to_each_picture_sorted(folder: Path, fitted: Fitted):
    ensemble = Ensemble(TWO, fitted)
    expected = sorted(
        (ensemble.distance(RED, path), str(path)) for path in sorted(folder.rglob("*.png"))
    )
    found = ensemble.search(RED, folder, top=7)
    assert [(one.distance, one.path) for one in found] == expected[:7]
    assert len(ensemble.search(RED, str(folder), top=100)) == 40


def test_a_list_of_pictures_can_be_searched(folder: Path):
    path = folder / "00.png"
    found = Ensemble(TWO, SUM).search(RED, [BLUE, path, PIL.Image.fromarray(RED), ORANGE], top=2)
    assert [one.path for one in found] == ["images[2]", "images[3]"]
    assert found[0].distance == pytest.approx(0, abs=1e-12)
    assert Ensemble(TWO, SUM).search(RED, []) == []


def test_a_reference_among_the_pictures_is_found_first_at_zero(folder: Path):
    path = folder / "deep" / "07.png"
    (found,) = Ensemble(TWO, SUM).search(path, folder, top=1)
    assert found.path == str(path)
    assert found.distance == pytest.approx(0, abs=1e-12)


def test_a_saved_index_gives_the_same_answers_and_embeds_nothing(folder: Path, tmp_path: Path):
    counting = Counting()
    ensemble = Ensemble({"soft": counting, "sharp": TWO["sharp"]}, SUM)
    index = ensemble.index(folder)
    assert counting.seen == 40
    index.save(tmp_path / "made" / "photos.npz")
    loaded = Index.load(tmp_path / "made" / "photos.npz")
    assert (loaded.keys, loaded.paths, loaded.encoders) == (index.keys, index.paths, index.encoders)
    assert ensemble.search(RED, loaded) == ensemble.search(RED, index)
    assert ensemble.search(RED, tmp_path / "made" / "photos.npz") == ensemble.search(RED, index)
    assert counting.seen == 40 + 4  # the reference, each time
    other = Ensemble(ensemble.encoders, AGAINST)  # other weights, the same members
    assert other.search(RED, loaded) == other.search(RED, folder)


def test_an_index_brought_up_to_date_embeds_only_new_content(folder: Path):
    counting = Counting()
    ensemble = Ensemble({"soft": counting}, Fitted("uniform", (1.0,), (1.0,)))
    index = ensemble.index(folder)
    (folder / "00.png").rename(folder / "moved.png")
    (folder / "02.png").unlink()
    PIL.Image.fromarray(ORANGE).save(folder / "new.png")
    calls: list[tuple[int, int, str]] = []
    again = ensemble.index(folder, known=index, progress=lambda *call: calls.append(call))
    assert counting.seen == 41
    assert calls[-1] == (40, 40, "40 of 40 pictures")
    names = {Path(path).name for path in again.paths}
    assert {"moved.png", "new.png"} <= names
    assert "02.png" not in names
    fresh = ensemble.index(folder)
    assert np.array_equal(again.vectors, fresh.vectors)


def test_equal_files_are_embedded_once_and_found_twice(folder: Path):
    for name in ("copy.png", "again.png"):
        (folder / name).write_bytes((folder / "04.png").read_bytes())
    counting = Counting()
    found = Ensemble({"x": counting}, Fitted("uniform", (1.0,), (1.0,))).search(
        folder / "04.png", folder, top=3
    )
    assert counting.seen == 40
    assert {Path(one.path).name for one in found} == {"04.png", "copy.png", "again.png"}


def test_what_is_no_picture_is_left_out_of_a_folder_and_named(folder: Path):
    (folder / "notes.txt").write_text("no picture by name")
    (folder / "broken.jpg").write_bytes(b"no picture by content")
    (folder / ".hidden").mkdir()
    PIL.Image.fromarray(RED).save(folder / ".hidden" / "x.png")
    index = Ensemble(TWO, SUM).index(folder)
    assert len(index) == 40
    assert len(index.refused) == 1
    assert "broken.jpg" in index.refused[0]
    with pytest.raises(BadImage, match=r"broken\.jpg"):
        Ensemble(TWO, SUM).search(RED, [folder / "broken.jpg"])
    with pytest.raises(BadImage, match=r"broken\.jpg"):
        Ensemble(TWO, SUM).search(folder / "broken.jpg", folder)


def test_what_cannot_be_searched_says_so(folder: Path, tmp_path: Path):
    ensemble = Ensemble(TWO, SUM)
    with pytest.raises(NotFound, match="no folder"):
        ensemble.search(RED, tmp_path / "gone")
    with pytest.raises(NotFound, match="no image file"):
        ensemble.search(tmp_path / "gone.png", folder)
    with pytest.raises(BadInput, match="1 or more"):
        ensemble.search(RED, folder, top=0)
    with pytest.raises(BadInput, match="two candidates"):
        Ensemble(TWO, VOTE).search(RED, folder)
    index = ensemble.index(folder)
    others = {"soft": TWO["soft"], "sharp": MeanColour("sharp", "c9", power=2.0)}
    with pytest.raises(BadInput, match="build it again"):
        Ensemble(others, SUM).search(RED, index)
    with pytest.raises(BadInput, match="build it again"):
        ensemble.index(folder, known=replace(index, encoders={"soft": "c0"}))


def test_damaged_indices_say_so(folder: Path, tmp_path: Path):
    path = tmp_path / "photos.npz"
    with pytest.raises(NotFound, match=r"no index .*photos\.npz"):
        Index.load(path)
    index = Ensemble(TWO, SUM).index(folder)
    index.save(path)
    whole = path.read_bytes()
    for damaged in (b"", b"words", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match="build it again") as caught:
            Index.load(path)
        assert "pickle" not in str(caught.value)  # no advice to load what is not trusted
    replace(index, keys=index.keys[:-1]).save(path)
    with pytest.raises(BadInput, match="incomplete"):
        Index.load(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos", "photos.npz"]


def test_search_by_one_matrix_product_ranks_near_ties_exactly():
    rng = np.random.default_rng(3)

    def ensemble_of(vectors: np.ndarray) -> tuple[Ensemble, Index]:
        table = {bytes([i // 256, i % 256, 0]): row for i, row in enumerate(vectors)}

        class Table(MeanColour):
            def embed(self, images) -> np.ndarray:
                rows = [table[np.asarray(image)[0, 0].tobytes()] for image in images]
                return np.array(rows, dtype=np.float32).reshape(-1, 96)

        ensemble = Ensemble({"t": Table(dim=96)}, Fitted("uniform", (1.0,), (0.5,)))
        pictures = [plain(i // 256, i % 256, 0) for i in range(len(vectors))]
        return ensemble, ensemble.index(pictures)

    # Neighbours differ by less than float32 can tell: only exact distances order them.
    base = rng.standard_normal(96)
    vectors = base + 1e-2 * rng.standard_normal((600, 96))
    ensemble, index = ensemble_of(vectors.astype(np.float32))
    wide = index.vectors.astype(np.float64)
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    exact = 2 * (1 - unit @ unit[5])
    found = ensemble.search(plain(0, 5, 0), index, top=10)
    assert [one.distance for one in found] == pytest.approx(np.sort(exact)[:10], abs=1e-12)


def test_an_index_from_before_colours_were_converted_is_not_believed(tmp_path: Path):
    """Its vectors of pictures with a profile were made from other pixels; the others stay."""
    (tmp_path / "photos").mkdir()
    for name, profile in (("plain", None), ("wide", rgb_profile(P3))):
        image = PIL.Image.new("RGB", (4, 4), (234, 51, 35))
        image.save(tmp_path / "photos" / f"{name}.png", icc_profile=profile)
    encoder = Counting("soft", "c9")
    ensemble = Ensemble({"soft": encoder}, Fitted("single", (1.0,), (1.0,)))
    made = ensemble.index(tmp_path / "photos")
    files = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in made.paths]
    assert [key == file for key, file in zip(made.keys, files, strict=True)] == [True, False]
    before = replace(made, keys=tuple(files), vectors=made.vectors + 7)
    encoder.seen = 0
    again = ensemble.index(tmp_path / "photos", known=before)
    assert encoder.seen == 1
    assert again.vectors[0] == pytest.approx(made.vectors[0] + 7)
    assert again.vectors[1] == pytest.approx(made.vectors[1])
