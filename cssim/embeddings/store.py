"""A cache of embeddings: keyed by content and maker, append-only, safe to delete at any time.

Layout: `<root>/<fingerprint>/<shard>.npy`. A shard holds two arrays in one file, as `numpy.save`
writes them: (n, 32) bytes of image hashes, then (n, dim) float32 vectors. It is written beside its
place, synced and renamed, so that a reader sees all of it or nothing; several processes may
write, each its own shards, and where two computed the same image the first shard by name counts.

Vectors are kept in float32: the cache then returns exactly what the encoder gave, and no number
depends on whether the cache was warm. 20,000 images of 768 dimensions take 61 MB.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.lib import format as npy
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput, Cancelled

Progress = Callable[[int, int, str], None]
Load = Callable[[str], PIL.Image.Image]
Embed = Callable[[Sequence[PIL.Image.Image]], NDArray[np.float32]]

SHARD_ROWS = 1024
"""At most so many vectors in a shard."""
SHARD_SECONDS = 20.0
"""A shard is closed after so long at the latest: a crash costs no more than that."""
_ABANDONED = 60.0
"""Seconds after which nobody writes to a part of a shard any more."""
_AHEAD = 2
"""Batches that are decoded before they are needed."""


@dataclass(frozen=True, eq=False)
class _Shard:
    hashes: NDArray[np.uint8]
    """(n, 32) SHA-256 of the images, in memory."""
    vectors: NDArray[np.float32]
    """(n, dim), memory-mapped."""


@dataclass(frozen=True)
class EmbeddingCache:
    """Embeddings below `root`; opening costs nothing, the folder is made when it is needed."""

    root: Path

    def get_or_compute(
        self,
        fingerprint: str,
        hashes: Sequence[str],
        load: Load,
        embed: Embed,
        *,
        batch_size: int = 8,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """(n, dim) float32 embeddings in the order of `hashes`; computes only what is missing.

        Args:
            fingerprint: Of the encoder; letters, digits, `-`, `_` and `.`.
            hashes: SHA-256 of each image, 64 hexadecimal digits; repetitions cost nothing.
            load: Gives the image of a hash; called in a thread, ahead of the arithmetic.
            embed: Gives (n, dim) float32 for n images.
            batch_size: Images per call of `embed`.
            progress: Called with (images done, images wanted, message) after each batch.
            cancelled: Asked before each batch.

        Raises:
            Cancelled: `cancelled` said so; what was computed until then is kept.
            BadInput: a hash or fingerprint is none, or `embed` returned another shape.
            Whatever `load` and `embed` raise; what was computed until then is kept.
        """
        folder = self._folder(fingerprint)
        keys = [_key(text) for text in hashes]
        rows = _index(_shards(folder), set(keys))
        missing = [text for text in dict.fromkeys(hashes) if _key(text) not in rows]
        done, wanted = len(set(keys)) - len(missing), len(set(keys))
        writer = _Writer(folder)
        try:
            for batch, images in _decoded_ahead(missing, load, batch_size, cancelled):
                vectors = _checked(embed(images), len(batch), rows)
                new = {_key(text): vector for text, vector in zip(batch, vectors, strict=True)}
                writer.add(new)
                rows.update(new)
                done += len(batch)
                if progress is not None:
                    progress(done, wanted, f"{done} of {words.count(wanted, 'image')} embedded")
        finally:
            writer.flush()
        if not keys:
            return _checked(embed([]), 0, {})
        return np.stack([rows[key] for key in keys])

    def count(self, fingerprint: str, hashes: Sequence[str]) -> int:
        """How many of the distinct `hashes` are in the cache already."""
        keys = {_key(text) for text in hashes}
        return len(_index(_shards(self._folder(fingerprint)), keys))

    def shards(self, fingerprint: str) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """(n, 32) bytes of image hashes and their (n, dim) vectors, memory-mapped, shard by shard.

        An image that stands in several of them has the vector of the first.
        """
        for shard in _shards(self._folder(fingerprint)):
            yield shard.hashes, shard.vectors

    def state(self, fingerprint: str) -> int:
        """A number that changes when vectors of this encoder are added or taken away; 0: none."""
        try:
            return self._folder(fingerprint).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def forget(self, hashes: Collection[str]) -> int:
        """Delete the vectors of these images by every encoder: how many there were.

        Shards are written anew without them and take the place of the old ones; who has an old one
        mapped keeps it until they let go.
        """
        keys = {_key(text) for text in hashes}
        gone = 0
        for path in sorted(self.root.glob("*/*.npy")):
            try:
                shard = _open_shard(path)
            except (OSError, ValueError, EOFError):
                path.unlink(missing_ok=True)  # nobody can read it, or tell whose vectors it holds
                continue
            text = shard.hashes.tobytes()
            own = [text[at : at + 32] for at in range(0, len(text), 32)]
            if keys.isdisjoint(own):
                continue
            kept = [pair for pair in zip(own, shard.vectors, strict=True) if pair[0] not in keys]
            if kept:
                _write_shard(path.parent, kept)
            path.unlink(missing_ok=True)
            gone += len(own) - len(kept)
        for path in self.root.glob("*/.*.partial"):  # of a process that was killed while it wrote
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink(missing_ok=True)
        return gone

    def _folder(self, fingerprint: str) -> Path:
        plain = fingerprint.replace("-", "").replace("_", "").replace(".", "")
        if not plain.isalnum() or fingerprint.startswith("."):
            raise BadInput(
                f"a fingerprint has letters, digits, '-', '_' and '.', got {fingerprint!r}"
            )
        return self.root / fingerprint


class _Writer:
    """Collects vectors and writes them as bounded shards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[tuple[bytes, NDArray[np.float32]]] = []
        self._since = time.monotonic()

    def add(self, rows: dict[bytes, NDArray[np.float32]]) -> None:
        self._rows.extend(rows.items())
        while len(self._rows) >= SHARD_ROWS:
            _write_shard(self._folder, self._rows[:SHARD_ROWS])
            self._rows, self._since = self._rows[SHARD_ROWS:], time.monotonic()
        if time.monotonic() - self._since >= SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            _write_shard(self._folder, self._rows)
        self._rows, self._since = [], time.monotonic()


def _write_shard(folder: Path, rows: Sequence[tuple[bytes, NDArray[np.float32]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    partial = folder / f".{name}.partial"
    try:
        with open(partial, "wb") as file:
            np.save(file, np.frombuffer(b"".join(key for key, _ in rows), np.uint8).reshape(-1, 32))
            np.save(file, np.stack([vector for _, vector in rows]))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / f"{name}.npy")
    finally:
        partial.unlink(missing_ok=True)  # where the disk is full, half a shard only fills it more


def _shards(folder: Path) -> Iterator[_Shard]:
    """All readable shards, by name; one that vanished or is damaged counts as not there."""
    for path in sorted(folder.glob("*.npy")):
        try:
            yield _open_shard(path)
        except (OSError, ValueError, EOFError) as error:
            logging.getLogger(__name__).warning("embeddings in %s are left out: %s", path, error)


def _open_shard(path: Path) -> _Shard:
    with open(path, "rb") as file:
        hashes = np.load(file, allow_pickle=False)
        npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file)
        vectors = np.memmap(path, dtype=dtype, mode="r", offset=file.tell(), shape=shape)
    if hashes.shape != (len(vectors), 32) or vectors.dtype != np.float32 or vectors.ndim != 2:
        raise ValueError(f"hashes {hashes.shape} and vectors {vectors.shape} do not fit together")
    return _Shard(hashes, vectors)


def _index(shards: Iterator[_Shard], wanted: set[bytes]) -> dict[bytes, NDArray[np.float32]]:
    """Vectors of the wanted keys; views of the mapped files."""
    found: dict[bytes, NDArray[np.float32]] = {}
    for shard in shards:
        keys = shard.hashes.tobytes()
        for row in range(len(shard.vectors)):
            key = keys[32 * row : 32 * row + 32]
            if key in wanted and key not in found:
                found[key] = shard.vectors[row]
    return found


def _decoded_ahead(
    hashes: Sequence[str], load: Load, batch_size: int, cancelled: Callable[[], bool] | None
) -> Iterator[tuple[Sequence[str], list[PIL.Image.Image]]]:
    """Batches with their images; a thread decodes the next ones while one is in use."""
    if batch_size < 1:
        raise BadInput(f"a batch holds at least one image, got {batch_size}")
    batches = deque(hashes[i : i + batch_size] for i in range(0, len(hashes), batch_size))
    ahead: deque[tuple[Sequence[str], list[Future[PIL.Image.Image]]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        try:
            while batches or ahead:
                while batches and len(ahead) <= _AHEAD:
                    batch = batches.popleft()
                    ahead.append((batch, [pool.submit(load, text) for text in batch]))
                if cancelled is not None and cancelled():
                    raise Cancelled("embedding was stopped; what was computed is kept")
                batch, futures = ahead.popleft()
                yield batch, [future.result() for future in futures]
        finally:
            for _, futures in ahead:
                for future in futures:
                    future.cancel()


def _checked(
    vectors: NDArray[np.float32], n: int, rows: dict[bytes, NDArray[np.float32]]
) -> NDArray[np.float32]:
    dim = len(next(iter(rows.values()))) if rows else vectors.shape[-1]
    if vectors.shape != (n, dim):
        raise BadInput(f"an encoder gave shape {vectors.shape}, expected ({n}, {dim})")
    return np.asarray(vectors, dtype=np.float32)


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise BadInput(f"an image hash has 64 hexadecimal digits, got {text!r}")
    return key
