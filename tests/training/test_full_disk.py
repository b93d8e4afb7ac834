"""A disk that is full in mid-run: the reason is told, and nothing that was saved is lost."""

from __future__ import annotations

import logging
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from cssim.errors import Unavailable
from cssim.training.activations import ActivationCache, reserve
from cssim.training.checkpoint import STATE, TENSORS, read_tensors
from cssim.training.config import TrainConfig
from cssim.training.loop import fit
from tests.training.worlds import backbone, load, triples

SETTINGS = TrainConfig.from_dict(
    {"rank": 2, "last_blocks": 2, "epochs": 3, "lr": 0.01, "batch_pages": 4, "patience": 50}
)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes; writing then fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_run_on_a_full_disk_keeps_its_last_epoch_and_goes_on_to_the_same_weights(
    tmp_path: Path,
) -> None:
    source = backbone(tmp_path / "b")
    assert len(list(fit(source, triples(), load, SETTINGS, folder=tmp_path / "whole"))) == 4
    folder = tmp_path / "run"
    run = fit(source, triples(), load, SETTINGS, folder=folder)
    assert [next(run).number for _ in range(2)] == [0, 1]
    state = (folder / STATE).read_bytes()
    with full_disk(len(state) // 2), pytest.raises(Unavailable, match="free some space"):
        next(run)
    assert (folder / STATE).read_bytes() == state
    assert [path.name for path in folder.iterdir()] == [STATE]
    rest = fit(source, triples(), load, SETTINGS, folder=folder)
    assert [epoch.number for epoch in rest] == [2, 3]
    found, wanted = (read_tensors(f / TENSORS)[0] for f in (folder, tmp_path / "whole"))
    assert set(found) == set(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_the_last_file_of_a_run_is_written_again_when_there_is_room(tmp_path: Path) -> None:
    """All epochs are safe, only the finished model is not."""
    source, folder = backbone(tmp_path / "b"), tmp_path / "run"
    run = fit(source, triples(), load, SETTINGS, folder=folder)
    epochs = [next(run) for _ in range(4)]
    with full_disk(100), pytest.raises(Unavailable, match="what was saved before is safe"):
        next(run)
    assert list(fit(source, triples(), load, SETTINGS, folder=folder)) == []
    assert epochs[-1].number == 3
    assert (folder / TENSORS).is_file()


def test_a_cache_on_a_full_disk_takes_no_more_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ActivationCache(tmp_path, max_bytes=10**6)
    cache.put("key", "aa1", torch.ones(4))
    with full_disk(100), caplog.at_level(logging.WARNING):
        for image in ("aa2", "aa3"):
            cache.put("key", image, torch.ones(1000))
    assert caplog.text.count("free some space") == 1
    assert cache.get("key", "aa2", torch.Size([1000]), torch.float32) is None
    kept = cache.get("key", "aa1", torch.Size([4]), torch.float32)
    assert kept is not None
    assert torch.equal(kept, torch.ones(4))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["aa1.bin"]


def test_room_for_a_mapped_file_is_taken_before_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / ".features"
    reserve(file, 5000)
    assert file.stat().st_size == 5000
    assert file.stat().st_blocks * 512 >= 5000
    with full_disk(10_000), pytest.raises(Unavailable, match="free some space"):
        reserve(file, 20_000)
    assert not file.exists()
