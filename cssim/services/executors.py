"""Worker processes: the loop that takes jobs, and the start of a worker where none is alive."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cssim
from cssim.config import Settings, worker_environment
from cssim.services.running import RUNNERS, claim_next, run_claimed, silence, worker_identity
from cssim.services.workspace import Workspace
from cssim.types import JobInfo
from db import jobs as rows
from db import workers
from db.engine import Database, open_database
from db.models import now

log = logging.getLogger(__name__)

_children: list[subprocess.Popen[bytes]] = []
"""Workers that this process started; kept so that the ended ones are reaped."""


def run_worker(
    ws: Workspace,
    *,
    limit: int | None = None,
    drain: bool = False,
    parent: int | None = None,
    poll_seconds: float = 1.0,
    stop: threading.Event | None = None,
) -> list[JobInfo]:
    """The jobs that this worker ran, once it ends; without an option it runs until `stop` is set.

    Args:
        ws: any workspace on the database; jobs of all projects are taken.
        limit: end after so many jobs, or when the queue is empty.
        drain: end when no job waits or runs anywhere.
        parent: process id of whoever started this one; end when that is gone and no job waits.
        poll_seconds: pause between two looks at an empty queue.
        stop: end in an orderly way; the job at hand goes back into the queue.
    """
    stop = stop or threading.Event()
    worker = worker_identity()
    ran: list[JobInfo] = []
    with alive(ws, worker):
        while not stop.is_set() and (limit is None or len(ran) < limit):
            job = _claim(ws, worker)
            if job is not None:
                ran.append(run_claimed(ws, job, stop=stop))
                continue
            if limit is not None or parent_is_gone(parent):
                break
            if drain and open_jobs(ws) == 0:
                break
            stop.wait(poll_seconds)
    return ran


@contextmanager
def stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on SIGTERM and SIGINT; a second signal ends the process at once."""

    def handle(number: int, _frame: object) -> None:
        if stop.is_set():
            raise SystemExit(128 + number)
        stop.set()

    before = {n: signal.signal(n, handle) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ensure_worker(settings: Settings) -> int | None:
    """Process id of the worker that was started, or None where one is alive already.

    The worker is a process of its own: it goes on with its job when this one ends, and ends when
    the queue is empty. It writes to `worker.log` in the folder of logs.
    """
    _children[:] = [child for child in _children if child.poll() is None]
    database = open_database(settings.url)
    try:
        if live_workers(database, settings):
            return None
    finally:
        database.close()
    settings.logs.mkdir(parents=True, exist_ok=True)
    environment = worker_environment(settings)
    source = str(Path(cssim.__file__).resolve().parent.parent)
    paths = [source, environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
    with (settings.logs / "worker.log").open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "cssim", "worker", "--with-parent", str(os.getpid())],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C meant for the app must not reach the job
        )
    _children.append(child)
    return child.pid


def tend_worker(ws: Workspace) -> int | None:
    """Start a worker where a job waits or runs and none is alive, as after one was killed.

    Gives its process id, or None where there was nothing to do. The app asks now and then; a job
    whose workers keep dying fails by itself, see `cssim.services.running.MAX_ATTEMPTS`.
    """
    starting = any(child.poll() is None for child in _children)  # not in the table yet
    return None if starting or not open_jobs(ws) else ensure_worker(ws.settings)


def live_workers(database: Database, settings: Settings) -> list[str]:
    """Identities of the workers that are alive: heard of lately, and no ended process of here."""
    since = now() - silence(settings)
    with database.reading() as session:
        return [name for name in workers.live_workers(session, since) if not _gone(name)]


def _gone(worker: str) -> bool:
    host, process, _ = worker.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _claim(ws: Workspace, worker: str) -> JobInfo | None:
    try:
        return claim_next(ws, worker)
    except Exception:  # the database may be away for a moment: a worker waits and asks again
        log.exception("cannot ask for a job")
        return None


def parent_is_gone(parent: int | None) -> bool:
    """Whether the process that started this one, with the id `parent`, has ended.

    The id comes from the parent: one that is killed at once is gone before anybody could ask.
    """
    return parent is not None and os.getppid() != parent


def open_jobs(ws: Workspace) -> int:
    """How many jobs wait or run, in all projects."""
    with ws.database.reading() as session:
        return rows.count_open(session, sorted(RUNNERS))


@contextmanager
def alive(ws: Workspace, worker: str) -> Iterator[None]:
    """Say in the table of workers, from a thread, that this one is alive; forget the dead."""
    done = threading.Event()

    def beat() -> None:
        with ws.database.writing() as session:
            workers.beat_worker(session, worker, now())

    def keep_beating() -> None:
        while not done.wait(ws.settings.heartbeat_seconds):
            try:
                beat()
            except Exception:  # the database may be away for a moment: the next beat will tell
                log.exception("the worker's heartbeat failed")

    with ws.database.writing() as session:
        workers.remove_workers(session, before=now() - 2 * silence(ws.settings))
    beat()
    thread = threading.Thread(target=keep_beating, name="heart of the worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        with ws.database.writing() as session:
            workers.remove_workers(session, worker=worker)
