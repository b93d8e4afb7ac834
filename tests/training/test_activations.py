import multiprocessing
import os
from typing import Any

import numpy as np
import pytest
import torch

from cssim.training.activations import ActivationCache
from cssim.training.ahead import ahead
from cssim.training.config import TrainConfig
from cssim.training.features import Features, Shared
from cssim.training.loop import fit
from cssim.training.model import CSModel
from tests.training.worlds import backbone, load, triples
from tests.typed import present

SHAPE = torch.Size((3, 5))
HASHES = {i: f"{i:02d}{i:062d}" for i in range(1, 15)}


def numbers(seed: int, dtype=torch.float32) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)).to(dtype)


def files(root) -> list:
    return sorted(root.glob("*/*/*.bin"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_kept_comes_back_bit_for_bit(dtype, tmp_path):
    cache = ActivationCache(tmp_path, max_bytes=10**6)
    assert cache.get("k", "ab1", SHAPE, dtype) is None
    cache.put("k", "ab1", numbers(0, dtype))
    again = ActivationCache(tmp_path, max_bytes=10**6).get("k", "ab1", SHAPE, dtype)
    assert again is not None
    assert again.dtype == dtype
    assert torch.equal(again, numbers(0, dtype))
    assert cache.get("other", "ab1", SHAPE, dtype) is None


def test_a_damaged_or_cut_file_counts_as_absent(tmp_path):
    cache = ActivationCache(tmp_path, max_bytes=10**6)
    for change in (lambda raw: raw[:-1], lambda raw: bytes([raw[0] ^ 1]) + raw[1:]):
        cache.put("k", "ab1", numbers(0))
        (path,) = files(tmp_path)
        path.write_bytes(change(path.read_bytes()))
        assert cache.get("k", "ab1", SHAPE, torch.float32) is None
    cache.put("k", "ab1", numbers(0))
    assert cache.get("k", "ab1", SHAPE, torch.float32) is not None


def test_what_was_not_used_for_longest_is_forgotten_and_the_size_is_kept(tmp_path):
    one = SHAPE.numel() * 4 + 4
    cache = ActivationCache(tmp_path, max_bytes=10 * one)
    for i in range(10):
        cache.put("k", f"{i:02d}x", numbers(i))
        os.utime(files(tmp_path)[i], (i, i))
    assert cache.get("k", "00x", SHAPE, torch.float32) is not None  # used again just now
    mapped = present(cache.get("k", "02x", SHAPE, torch.float32))
    cache.put("k", "10x", numbers(10))
    left = {path.stem for path in files(tmp_path)}
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 9 * one
    assert "01x" not in left
    assert {"00x", "10x"} <= left
    assert torch.equal(mapped, numbers(2))


def test_a_write_to_what_was_mapped_never_reaches_the_file(tmp_path):
    cache = ActivationCache(tmp_path, max_bytes=10**6)
    cache.put("k", "ab1", numbers(0))
    present(cache.get("k", "ab1", SHAPE, torch.float32)).zero_()
    again = cache.get("k", "ab1", SHAPE, torch.float32)
    assert torch.equal(present(again), numbers(0))


def _put_many(root) -> None:
    cache = ActivationCache(root, max_bytes=40 * 64)
    for i in range(200):
        cache.put("k", f"{i % 50:02d}x", numbers(i % 50))
        found = cache.get("k", f"{(7 * i) % 50:02d}x", SHAPE, torch.float32)
        assert found is None or torch.equal(found, numbers((7 * i) % 50))


def test_processes_that_write_and_forget_at_once_never_read_nonsense(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_put_many, args=(tmp_path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert not list(tmp_path.glob("*/*/.*"))


@pytest.mark.parametrize("settings", [{"adapter": "lora", "last_blocks": 1}, {"adapter": "head"}])
def test_models_of_one_backbone_share_what_the_front_made(settings, tmp_path):
    source, ids = backbone(tmp_path / "b"), np.arange(1, 15)
    cache = ActivationCache(tmp_path / "cache", max_bytes=10**8)
    options = {"folder": tmp_path, "shared": Shared(cache, HASHES)}
    config = TrainConfig.from_dict({"targets": ["q_proj"], **settings})
    alone = Features(CSModel(source, config), source, load, ids, folder=tmp_path)
    first = Features(CSModel(source, config), source, load, ids[:9], **options)
    second = Features(CSModel(source, config), source, load, ids, **options)
    assert (alone.computed, first.computed, second.computed) == (14, 9, 5)
    rows = torch.arange(14)
    # Batches of another size may round the last digit differently.
    torch.testing.assert_close(second.rows(rows), alone.rows(rows), rtol=0, atol=1e-6)


def test_another_depth_or_backbone_shares_nothing(tmp_path):
    ids = np.arange(1, 5)
    cache = ActivationCache(tmp_path / "cache", max_bytes=10**8)
    one, other = backbone(tmp_path / "b"), backbone(tmp_path / "c", "resnet")
    for source, last in ((one, 1), (one, 2), (other, 1)):
        config = TrainConfig(last_blocks=last, targets=("q_proj", "convolution"))
        model = CSModel(source, config)
        shared = Shared(cache, HASHES)
        found = Features(model, source, load, ids, folder=tmp_path, shared=shared)
        assert found.computed == 4


def test_training_with_shared_activations_ends_with_the_same_weights(tmp_path):
    source, given = backbone(tmp_path / "b"), triples(12)
    config = TrainConfig(last_blocks=1, targets=("q_proj",), epochs=2)
    shared = Shared(ActivationCache(tmp_path / "cache", max_bytes=10**8), HASHES)
    told: list[tuple[int, int, str]] = []
    alone = list(fit(source, given, load, config, folder=tmp_path / "1"))
    options: dict[str, Any] = {"shared": shared, "progress": lambda *args: told.append(args)}
    first = list(fit(source, given, load, config, folder=tmp_path / "2", **options))
    images = len(given.images)
    assert told[-1] == (images, images, f"{images} of {images} images read")
    told.clear()
    second = list(fit(source, given, load, config, folder=tmp_path / "3", **options))
    assert told == []
    losses = [[e.train_loss for e in run][1:] for run in (alone, first, second)]
    assert losses[0] == losses[1] == losses[2]


def test_pixels_are_not_kept_where_every_block_learns(tmp_path):
    source = backbone(tmp_path / "b")
    cache = ActivationCache(tmp_path / "cache", max_bytes=10**8)
    model = CSModel(source, TrainConfig(last_blocks=None, targets=("q_proj",)))
    shared = Shared(cache, HASHES)
    Features(model, source, load, np.arange(1, 5), folder=tmp_path, shared=shared)
    assert files(tmp_path / "cache") == []


def test_work_ahead_keeps_order_random_numbers_and_errors():
    rng, plain = np.random.default_rng(3), np.random.default_rng(3)
    assert list(ahead(lambda n: rng.normal() + n, range(20))) == [
        plain.normal() + n for n in range(20)
    ]
    made = []

    def make(n: int) -> int:
        made.append(n)
        if n == 3:
            raise ValueError("three")
        return n

    results = ahead(make, range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(made) < 10
