"""Copies of a picture are found, other pictures are not, and all pairs are compared."""

import io
import tracemalloc
from itertools import product
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageOps
import pytest

from cssim.embeddings.encoder import Encoder
from cssim.errors import BadInput, Cancelled
from cssim.evaluation import duplicates
from cssim.evaluation.duplicates import (
    Prints,
    close_vectors,
    different_images,
    look_alikes,
)


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> PIL.Image.Image:
    """Soft coloured shapes: a picture with a look of its own."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return PIL.Image.fromarray(coarse).resize(size, PIL.Image.Resampling.BICUBIC)


def encoded(image: PIL.Image.Image, quality: int) -> PIL.Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return PIL.Image.open(io.BytesIO(file.getvalue())).convert("RGB")


COPIES = {
    "the same": lambda image: image,
    "smaller": lambda image: image.resize((67, 50)),
    "encoded": lambda image: encoded(image, 20),
    "mirrored": PIL.ImageOps.mirror,
    "mirrored, smaller, encoded": lambda i: encoded(PIL.ImageOps.mirror(i).resize((80, 60)), 50),
    "brighter": lambda image: PIL.ImageEnhance.Brightness(image).enhance(1.2),
    "trimmed": lambda i: i.crop((i.width // 50, i.height // 50, i.width, i.height)),
}


@pytest.fixture(scope="module")
def scenes() -> list[PIL.Image.Image]:
    return [scene(seed) for seed in range(40)]


def test_prints_can_be_cached_like_embeddings():
    assert isinstance(Prints(), Encoder)
    assert Prints().embed([]).shape == (0, Prints.dim)


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_copies_are_found_and_nothing_else(scenes, copy):
    left = Prints().embed(scenes)
    right = Prints().embed([copy(scenes[i]) for i in (7, 3, 21)])
    assert look_alikes(left, right).tolist() == [[3, 1], [7, 0], [21, 2]]


def test_mirroring_twice_gives_the_same_print(scenes):
    plain, mirrored = Prints().embed([scenes[0], PIL.ImageOps.mirror(scenes[0])])
    assert np.abs(plain[:8] - mirrored[8:16]).sum() == 0
    assert np.abs(plain[8:16] - mirrored[:8]).sum() == 0


def test_the_same_shapes_in_other_colours_are_another_picture(scenes):
    red, green, blue = scenes[0].split()
    other = PIL.Image.merge("RGB", (blue, red, green))
    assert not len(look_alikes(Prints().embed([scenes[0]]), Prints().embed([other])))


def test_plain_pictures_have_no_look_to_compare():
    plain = [PIL.Image.new("RGB", (30, 20), colour) for colour in ("red", "white", "black")]
    prints = Prints().embed(plain)
    assert not len(look_alikes(prints, prints))


def test_all_pairs_are_those_of_a_naive_loop(monkeypatch):
    rng = np.random.default_rng(0)
    left = rng.integers(0, 256, (30, Prints.dim)).astype(np.float32)
    right = left[rng.permutation(30)[:20]].copy()
    right[:, :16] = (right[:, :16].astype(int) ^ (1 << rng.integers(0, 8, (20, 16)))) % 256
    monkeypatch.setattr(duplicates, "_BLOCK", 50)  # blocks of two rows

    def bits(x: np.ndarray, y: np.ndarray) -> int:
        return sum(
            int(a ^ b).bit_count() for a, b in zip(x.astype(int), y.astype(int), strict=True)
        )

    expected = [
        [i, j]
        for i, j in product(range(30), range(20))
        if min(bits(left[i, :8], right[j, k : k + 8]) for k in (0, 8)) <= 26
    ]
    assert 20 < len(expected) < 600
    assert look_alikes(left, right, bits=26, colours=np.inf).tolist() == expected


def test_embeddings_are_compared_without_their_mean():
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((n, 16)).astype(np.float32) + 10 for n in (30, 20))
    right[4] = left[9] + 0.05
    assert close_vectors(left, right).tolist() == [[9, 4]]
    mean = np.concatenate([left, right]).mean(axis=0)
    expected = [
        [i, j]
        for i, j in product(range(30), range(20))
        if (left[i] - mean) @ (right[j] - mean)
        >= 0.4 * np.linalg.norm(left[i] - mean) * np.linalg.norm(right[j] - mean)
    ]
    assert close_vectors(left, right, cosine=0.4, closer=np.inf).tolist() == expected
    assert not len(close_vectors(left[:0], right))
    with pytest.raises(BadInput, match="one encoder"):
        close_vectors(left, right[:, :3])
    with pytest.raises(BadInput, match="prints"):
        look_alikes(left, right)


def test_where_all_pictures_are_close_only_much_closer_ones_count():
    rng = np.random.default_rng(0)
    centre = np.repeat(rng.standard_normal((4, 32)), 10, axis=0)  # 4 tight groups of 10
    left, right = (
        (centre + 0.05 * rng.standard_normal(centre.shape)).astype(np.float32) for _ in range(2)
    )
    right[7] = left[30] + 0.001
    crowded = close_vectors(left, right, closer=np.inf)
    assert len(crowded) > 300
    assert close_vectors(left, right).tolist() == [[30, 7]]
    assert close_vectors(left[:1], right[:1] * 0).tolist() == []


def test_an_image_is_no_duplicate_of_itself():
    pairs = np.array([[0, 0], [0, 1], [1, 1]])
    found = different_images(pairs, np.array([5, 6]), np.array([5, 7]))
    assert found == {(5, 7), (6, 7)}


def test_copies_of_real_photos_are_found_and_other_photos_are_not(shared: Path):
    files = sorted((shared / "contexts8").glob("*/*.jpg"))[::20]
    photos = [PIL.Image.open(file).convert("RGB") for file in files]
    prints = Prints().embed(photos)
    for copy in COPIES.values():
        found = look_alikes(prints, Prints().embed([copy(photo) for photo in photos]))
        hits = {(i, i) for i in range(len(photos))} & {(i, j) for i, j in found.tolist()}
        assert len(hits) >= 0.9 * len(photos) > 0
        assert len(found) - len(hits) <= 1


def upper(pairs) -> list[list[int]]:
    return sorted([one, other] for one, other in pairs.tolist() if one < other)


def test_pictures_among_each_other_give_each_pair_once(monkeypatch):
    monkeypatch.setattr(duplicates, "_BLOCK", 50)  # several blocks
    monkeypatch.setattr(duplicates, "_WIDE", 3)  # and several parts of each
    rng = np.random.default_rng(5)
    prints = rng.integers(0, 256, (40, 208)).astype(np.float32)
    both = look_alikes(prints, prints, bits=28, colours=1.6)
    alone = look_alikes(prints, bits=28, colours=1.6)
    assert 3 < len(alone) < 700
    assert sorted(alone.tolist()) == upper(both)
    vectors = rng.standard_normal((40, 6)).astype(np.float32)
    both = close_vectors(vectors, vectors, cosine=0.5, closer=np.inf)
    alone = close_vectors(vectors, cosine=0.5, closer=np.inf)
    assert 3 < len(alone) < 700
    assert sorted(alone.tolist()) == upper(both)


def test_progress_is_told_and_may_stop_the_search(monkeypatch):
    monkeypatch.setattr(duplicates, "_BLOCK", 50)
    vectors = np.random.default_rng(6).standard_normal((40, 6)).astype(np.float32)
    told = []
    close_vectors(vectors, step=lambda *call: told.append(call))
    assert told[-1] == (40, 40)
    assert [done for done, _ in told] == sorted({done for done, _ in told})

    def stop(_done, _total):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        look_alikes(np.zeros((9, 208), dtype=np.float32), step=stop)


def test_where_everything_is_alike_no_more_pairs_are_kept_than_asked_for():
    same = np.random.default_rng(7).standard_normal((1, 8)).astype(np.float32)
    rows = np.concatenate([np.repeat(same, 300, axis=0), -same])
    assert len(close_vectors(rows, closer=np.inf)) == 300 * 299 // 2
    some = close_vectors(rows, closer=np.inf, most=1000)
    assert len({tuple(pair) for pair in some.tolist()}) == 1000


def test_all_pairs_of_many_pictures_fit_into_little_memory():
    """The whole matrix of 12,000 x 12,000 cosines would take 576 MB."""
    vectors = np.random.default_rng(8).standard_normal((12_000, 16)).astype(np.float32)
    tracemalloc.start()
    close_vectors(vectors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6
