"""Everything that lies on the disk of pictures that were withdrawn, deleted for good.

The database says first that a picture is withdrawn, and from then on nothing shows it; only then do
its files go. Whatever interrupts that, the job `sweep`, queued in the same transaction, begins
again. It also waits for jobs that had begun before: they may still write what they have computed.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cssim import colour
from cssim.errors import BadInput, NotFound
from cssim.images import pixel_key
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from db import withdrawals

WAIT_SECONDS = 2.0
"""Between two looks whether a job that had begun before still runs."""


def run_sweep(context: JobContext) -> Mapping[str, Any]:
    """Job `sweep`: how many withdrawals were finished, and how many files and vectors went."""
    ws, pause = context.ws, threading.Event()
    with ws.database.reading() as session:
        waiting = withdrawals.unswept(session)
    while waiting:
        with ws.database.reading() as session:
            latest = max(at for _, _, at in waiting)
            older = withdrawals.running_since_before(session, latest, but=context.job.id)
        if not older:
            break
        context.progress(0, 1, f"waits for job {older[0]}, which had begun before")
        pause.wait(WAIT_SECONDS)
    gone = sweep(ws, last_of=[id_ for id_, _, _ in waiting])
    context.progress(1, 1, "deleted")
    return {"withdrawals": len(waiting), "deleted": gone}


def sweep(ws: Workspace, *, last_of: Collection[int] = ()) -> int:
    """Delete what is left of withdrawn pictures: how many files and vectors there were.

    Args:
        ws: the workspace.
        last_of: withdrawals of which nothing that runs can bring anything back any more.
    """
    with alone(ws):
        with ws.database.reading() as session:
            waiting = withdrawals.unswept(session)
        gone = purge(ws, {sha256 for _, sha256, _ in waiting})
        if last_of:
            with ws.database.writing() as session:
                withdrawals.set_swept(session, last_of)
    return gone


def sweep_again(ws: Workspace) -> int:
    """Delete what came back of any withdrawn picture, e.g. with a backup: how many files.

    Thumbnails that earlier versions have left go as well.
    """
    with alone(ws):
        with ws.database.reading() as session:
            every = list(withdrawals.standing(session))
            done = [
                id_
                for id_, _, at in withdrawals.unswept(session)
                if not withdrawals.running_since_before(session, at, but=0)
            ]
        gone = purge(ws, every)
        if done:
            with ws.database.writing() as session:
                withdrawals.set_swept(session, done)
    return gone + ws.store.forget_old_thumbnails()


@contextmanager
def alone(ws: Workspace) -> Iterator[None]:
    """Nobody else deletes, or allows bytes again, meanwhile: in no process, on no thread."""
    with (ws.settings.home / "withdrawals.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def purge(ws: Workspace, hashes: Collection[str]) -> int:
    """Delete bytes, thumbnails, uploads, vectors, activations and indices of pictures; how many.

    Models and ensembles that learned from them stay; see docs/decisions/0011.
    """
    from cssim.embeddings.store import EmbeddingCache
    from cssim.services.uploads import store_of

    if not hashes:
        return 0
    keys = {*hashes, *(pixel_key(sha256, colour.VERSION) for sha256 in hashes)}
    gone = 0
    for store in (ws.store, store_of(ws)):
        gone += sum(store.remove(sha256) for sha256 in hashes)
    gone += EmbeddingCache(ws.settings.embeddings).forget(keys)
    gone += _unlinked(
        path for key in keys for path in ws.settings.activations.glob(f"*/{key[:2]}/{key}.bin")
    )
    # What a training run that was killed has left; a running one keeps its own, which it has open.
    gone += _unlinked(ws.settings.checkpoints.glob("*/.features"))
    return gone + _unlinked(
        path for path in (ws.settings.home / "indexes").glob("*.npz") if _indexes(path, keys)
    )


def _unlinked(paths: Iterator[Path]) -> int:
    found = list(paths)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _indexes(path: Path, keys: Collection[str]) -> bool:
    """Whether an index of a folder knows one of the pictures, or cannot be read."""
    from cssim.ensembles.index import Index

    try:
        return not set(keys).isdisjoint(Index.load(path).keys)
    except NotFound:
        return False
    except BadInput:
        return True
