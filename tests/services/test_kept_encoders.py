from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cssim.services.kept_encoders import KeptEncoders


@dataclass(eq=False)
class Loaded:
    """What is read of an encoder: its weights and where they came from."""

    module: torch.nn.Module
    spec: SimpleNamespace


class Shelf:
    """Kept encoders, and how often each was loaded."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder, self.kept = folder, KeptEncoders(room)
        self.loads: list[str] = []

    def get(self, name: str, *, weights: int = 10) -> Any:
        def load() -> Any:
            self.loads.append(name)
            layer = torch.nn.Linear(weights, 1, bias=False)
            return Loaded(layer, SimpleNamespace(folder=self.folder))

        return self.kept.get(name, load)


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "weights").write_bytes(b"1")
    return Shelf(tmp_path, room=100)


def test_what_is_asked_for_again_is_loaded_once(shelf):
    assert shelf.get("a") is shelf.get("a")
    assert shelf.loads == ["a"]


def test_changed_added_and_deleted_files_are_read_again(shelf):
    shelf.get("a")
    (shelf.folder / "weights").write_bytes(b"22")
    shelf.get("a")
    (shelf.folder / "more").write_bytes(b"1")
    shelf.get("a")
    (shelf.folder / "weights").unlink()
    shelf.get("a")
    assert shelf.loads == ["a"] * 4


def test_what_was_used_longest_ago_makes_room(shelf):
    for name in ("a", "b", "a", "c", "a", "b"):  # 40 bytes each, 100 in all
        shelf.get(name)
    assert shelf.loads == ["a", "b", "c", "b"]


def test_what_is_larger_than_the_room_is_given_and_not_kept(shelf):
    assert shelf.get("huge", weights=26).module.in_features == 26
    shelf.get("huge", weights=26)
    assert shelf.loads == ["huge", "huge"]


def test_an_error_goes_through_and_the_next_one_tries_again(shelf):
    def fail() -> Any:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        shelf.kept.get("a", fail)
    shelf.get("a")
    assert shelf.loads == ["a"]
