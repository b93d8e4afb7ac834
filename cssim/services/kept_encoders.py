"""Encoders that stay loaded in this process.

An analysis of many ensembles asks for the same few encoders again and again, mostly for their
fingerprints. They are kept as long as their files are as they were and there is room.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cssim.embeddings.encoder import Encoder

ROOM = 1 << 29
"""Bytes of weights that are kept: all of the tiny backbones' models, or one ViT-B/16."""
Files = tuple[tuple[str, int, int], ...]
"""(path, bytes, time of change in ns) of what an encoder was read from."""


@dataclass(frozen=True, slots=True)
class _Kept:
    encoder: Encoder
    folders: tuple[Path, ...]
    files: Files
    size: int


class KeptEncoders:
    """The encoders that were used last, by whatever decides which one is meant."""

    def __init__(self, room: int = ROOM) -> None:
        """Keep encoders whose weights together have at most `room` bytes."""
        self.room = room
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], Encoder], *folders: Path) -> Encoder:
        """The encoder of that key: kept, or loaded where it is not or its files have changed.

        Args:
            key: whatever else than files decides what is loaded.
            load: gives the encoder; what it raises goes through.
            folders: what it is read from, besides the folder of its backbone.
        """
        with self._lock:
            found = self._kept.pop(key, None)
        if found is None or _files(found.folders) != found.files:
            encoder = load()
            every = (*folders, *_backbone_folder(encoder))
            found = _Kept(encoder, every, _files(every), _size(encoder))
        with self._lock:
            self._kept[key] = found
            while sum(kept.size for kept in self._kept.values()) > self.room:
                self._kept.popitem(last=False)
        return found.encoder


def _files(folders: tuple[Path, ...]) -> Files:
    found = []
    for folder in folders:
        for path in sorted(folder.glob("*")):
            try:
                stat = path.stat()
            except FileNotFoundError:  # just deleted: then it is no part of the folder any more
                continue
            found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _backbone_folder(encoder: Any) -> tuple[Path, ...]:
    """Where the weights of a frozen or a trained model's backbone lie; nothing for metrics."""
    spec = getattr(getattr(encoder, "backbone", encoder), "spec", None)
    return (spec.folder,) if spec is not None and spec.folder is not None else ()


def _size(encoder: Any) -> int:
    """Bytes of all weights, the frozen backbone's and a trained model's own copy of it."""
    modules = (
        getattr(encoder, "model", None),
        getattr(getattr(encoder, "backbone", encoder), "module", None),
    )
    tensors = {id(p): p for m in modules if m is not None for p in m.state_dict().values()}
    return sum(p.numel() * p.element_size() for p in tensors.values())
