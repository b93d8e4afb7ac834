"""What the frozen front of a backbone makes of an image, kept on disk for all models of it.

CS models that adapt the last blocks of one backbone share everything before those blocks: the
activations are computed once per image, not once per model. Files are mapped into memory, so what
several runs read lies in memory once. The folder is a cache: it stays below a size, forgets what
was not used for longest, and may be deleted at any time.
"""

from __future__ import annotations

import logging
import os
import tempfile
import zlib
from pathlib import Path

import torch

from cssim.errors import Unavailable

log = logging.getLogger(__name__)

_CHECK = 4
"""Bytes of the checksum behind the numbers."""
_KEEP = 0.9
"""Share of the largest size that is left after forgetting, so that it does not happen each time."""


class ActivationCache:
    """Tensors by key (what computed them) and image hash; safe with several processes."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        """A cache in the folder `root`, whose files together stay below `max_bytes`."""
        self.root, self.max_bytes = root, max_bytes
        self._size = sum(size for _, size, _ in self._files())
        self._full = False

    def get(
        self, key: str, image: str, shape: torch.Size, dtype: torch.dtype
    ) -> torch.Tensor | None:
        """The tensor, mapped from its file, or None where it is not there or damaged."""
        path = self._path(key, image)
        count = shape.numel()
        size = count * dtype.itemsize
        try:
            if path.stat().st_size != size + _CHECK:
                return None
            # Private: a stray write must never reach the file.
            raw = torch.from_file(str(path), shared=False, size=size + _CHECK, dtype=torch.uint8)
            os.utime(path)
        except (OSError, RuntimeError):  # another process forgot it in between
            return None
        numbers, check = raw[:size], bytes(raw[size:].tolist())
        if zlib.crc32(numbers.numpy().data).to_bytes(_CHECK, "little") != check:
            path.unlink(missing_ok=True)
            return None
        return numbers.view(dtype).view(shape)

    def put(self, key: str, image: str, tensor: torch.Tensor) -> None:
        """Keep a tensor; it appears complete or not at all.

        Where the disk is full the cache takes no more: training goes on without it.
        """
        if self._full:
            return
        try:
            self._put(key, image, tensor)
        except OSError as error:
            self._full = True
            log.warning("activations are not kept any more: %s; free some space", error)

    def _put(self, key: str, image: str, tensor: torch.Tensor) -> None:
        raw = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
        path = self._path(key, image)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.write(zlib.crc32(raw).to_bytes(_CHECK, "little"))
            os.replace(scratch, path)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
        self._size += raw.nbytes + _CHECK
        if self._size > self.max_bytes:
            self._forget()

    def _path(self, key: str, image: str) -> Path:
        return self.root / key / image[:2] / f"{image}.bin"

    def _files(self) -> list[tuple[float, int, Path]]:
        """(time of last use, bytes, path) of every file."""
        found = []
        for path in self.root.glob("*/*/*.bin"):
            try:
                stat = path.stat()
            except FileNotFoundError:  # another process forgot it in between
                continue
            found.append((stat.st_mtime, stat.st_size, path))
        return found

    def _forget(self) -> None:
        """Delete what was used longest ago; who has it mapped keeps it until they let go."""
        files = sorted(self._files())
        self._size = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._size <= _KEEP * self.max_bytes:
                break
            path.unlink(missing_ok=True)
            self._size -= size


def reserve(path: Path, size: int) -> None:
    """A file of so many bytes that has its room on the disk already.

    A file that is mapped without it ends the whole process when the disk is found to be full.

    Raises:
        Unavailable: the disk has no room for it.
    """
    if not hasattr(os, "posix_fallocate"):  # not on macOS
        return
    with open(path, "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise Unavailable(
                f"{path} needs {size / 1e9:.1f} GB and cannot be made ({error}): free some space "
                "on its disk, then try again; what was saved before is safe"
            ) from error
