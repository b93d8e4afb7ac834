import errno
import hashlib
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cssim.embeddings import store
from cssim.embeddings.store import EmbeddingCache
from cssim.errors import BadInput, Cancelled

HASHES = [hashlib.sha256(bytes([i])).hexdigest() for i in range(30)]


def load(text: str) -> PIL.Image.Image:
    """A picture of one pixel that carries the first three bytes of its hash."""
    return PIL.Image.new("RGB", (1, 1), tuple(bytes.fromhex(text[:6])))


def embed(images) -> np.ndarray:
    rows = [(*image.getpixel((0, 0)), 1 / 3) for image in images]
    return np.array(rows, dtype=np.float32).reshape(len(rows), 4)


def expected(hashes) -> np.ndarray:
    return embed([load(text) for text in hashes])


class Counting:
    """An `embed` that remembers how many images it was given."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, images) -> np.ndarray:
        self.batches.append(len(images))
        return embed(images)


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "embeddings")


def test_rows_come_in_the_order_asked_and_repetitions_cost_nothing(cache):
    counting = Counting()
    asked = [HASHES[3], HASHES[1], HASHES[3], HASHES[2], HASHES[1]]
    vectors = cache.get_or_compute("f", asked, load, counting, batch_size=2)
    np.testing.assert_array_equal(vectors, expected(asked))
    assert vectors.dtype == np.float32
    assert counting.batches == [2, 1]


def test_a_second_call_computes_only_what_is_missing_and_gives_the_same_bits(cache):
    first = cache.get_or_compute("f", HASHES[:10], load, embed)
    counting = Counting()
    again = cache.get_or_compute("f", HASHES[:13], load, counting)
    assert sum(counting.batches) == 3
    np.testing.assert_array_equal(again[:10], first)
    assert cache.count("f", HASHES) == 13


def test_another_fingerprint_shares_nothing(cache):
    cache.get_or_compute("f", HASHES, load, embed)
    counting = Counting()
    cache.get_or_compute("g", HASHES, load, counting)
    assert sum(counting.batches) == len(HASHES)


def test_no_images_give_no_rows_of_the_right_width(cache):
    assert cache.get_or_compute("f", [], load, embed).shape == (0, 4)


def test_the_cache_may_be_deleted_at_any_time(cache):
    cache.get_or_compute("f", HASHES, load, embed)
    for path in (cache.root / "f").iterdir():
        path.unlink()
    np.testing.assert_array_equal(cache.get_or_compute("f", HASHES, load, embed), expected(HASHES))


def test_shards_are_bounded(cache, monkeypatch):
    monkeypatch.setattr(store, "SHARD_ROWS", 8)
    cache.get_or_compute("f", HASHES, load, embed, batch_size=3)
    shards = list((cache.root / "f").glob("*.npy"))
    assert len(shards) == 4  # 8 + 8 + 8 + 6
    np.testing.assert_array_equal(cache.get_or_compute("f", HASHES, load, embed), expected(HASHES))


def test_finished_shards_count_when_a_later_image_fails(cache):
    def failing(text: str) -> PIL.Image.Image:
        if text == HASHES[20]:
            raise BadInput("this image is broken")
        return load(text)

    with pytest.raises(BadInput, match="broken"):
        cache.get_or_compute("f", HASHES, failing, embed, batch_size=4)
    assert cache.count("f", HASHES) == 20


def test_cancelling_keeps_what_was_computed(cache):
    counting = Counting()
    with pytest.raises(Cancelled):
        cache.get_or_compute(
            "f", HASHES, load, counting, batch_size=5, cancelled=lambda: len(counting.batches) == 2
        )
    assert cache.count("f", HASHES) == 10


def test_progress_counts_distinct_images_and_ends_at_all(cache):
    seen: list[tuple[int, int]] = []
    cache.get_or_compute("f", HASHES[:4], load, embed)
    cache.get_or_compute(
        "f", [*HASHES, HASHES[0]], load, embed, progress=lambda done, n, _: seen.append((done, n))
    )
    assert seen == [(12, 30), (20, 30), (28, 30), (30, 30)]


def test_images_are_decoded_by_a_thread_of_their_own(cache):
    threads: set[str] = set()

    def noting(text: str) -> PIL.Image.Image:
        threads.add(threading.current_thread().name)
        return load(text)

    cache.get_or_compute("f", HASHES, noting, embed)
    assert threading.current_thread().name not in threads


def test_a_full_disk_leaves_nothing_of_half_a_shard(cache, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        cache.get_or_compute("f", HASHES[:3], load, embed)
    assert list((cache.root / "f").iterdir()) == []


def test_a_damaged_shard_is_computed_again(cache, caplog):
    cache.get_or_compute("f", HASHES, load, embed)
    (path,) = (cache.root / "f").glob("*.npy")
    path.write_bytes(path.read_bytes()[:-7])
    np.testing.assert_array_equal(cache.get_or_compute("f", HASHES, load, embed), expected(HASHES))
    assert "left out" in caplog.text


def test_rows_of_another_width_are_refused(cache):
    cache.get_or_compute("f", HASHES[:4], load, embed)
    with pytest.raises(BadInput, match=r"expected \(1, 4\)"):
        cache.get_or_compute("f", HASHES[:5], load, lambda images: np.zeros((len(images), 3), "f4"))


@pytest.mark.parametrize("fingerprint", ["../up", "", ".hidden", "a/b"])
def test_a_fingerprint_never_leaves_the_folder(cache, fingerprint):
    with pytest.raises(BadInput, match="fingerprint"):
        cache.get_or_compute(fingerprint, HASHES, load, embed)


def test_a_hash_that_is_none_is_refused(cache):
    with pytest.raises(BadInput, match="64 hexadecimal"):
        cache.get_or_compute("f", ["abc"], load, embed)


def _fill(root: Path, hashes: list[str]) -> None:
    EmbeddingCache(root).get_or_compute("f", hashes, load, embed, batch_size=1)


def test_two_processes_may_write_at_once(cache):
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_fill, args=(cache.root, part))
        for part in (HASHES[:20], HASHES[10:])
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    counting = Counting()
    np.testing.assert_array_equal(
        cache.get_or_compute("f", HASHES, load, counting), expected(HASHES)
    )
    assert counting.batches == []


def _fill_and_die(root: Path) -> None:
    store.SHARD_ROWS = 8

    def deadly(images):
        if images[0].getpixel((0, 0)) == load(HASHES[20]).getpixel((0, 0)):
            os.kill(os.getpid(), signal.SIGKILL)
        return embed(images)

    EmbeddingCache(root).get_or_compute("f", HASHES, load, deadly, batch_size=4)


def test_a_killed_process_leaves_whole_shards_behind(cache):
    worker = multiprocessing.get_context("spawn").Process(target=_fill_and_die, args=(cache.root,))
    worker.start()
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL
    assert cache.count("f", HASHES) == 16
    np.testing.assert_array_equal(cache.get_or_compute("f", HASHES, load, embed), expected(HASHES))
