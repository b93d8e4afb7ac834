"""Run one claimed job: heartbeat, progress, events, the wish to stop, its log and its end."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from cssim.config import Settings
from cssim.errors import Cancelled, CSSimError
from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from cssim.types import JobInfo, JobState
from db import jobs as rows
from db.models import now

log = logging.getLogger(__name__)

RUNNERS: dict[str, str] = {
    "embed": "cssim.services.runners:run_embed",
    "train": "cssim.services.runners:run_train",
    "export": "cssim.services.model_files:run_export",
    "import": "cssim.services.uploaded_packages:run_import",
    "ensemble": "cssim.services.building:run_ensemble",
    "estimate": "cssim.services.estimate_jobs:run_estimate",
    "ask": "cssim.services.answer_jobs:run_ask",
    "search": "cssim.services.answer_jobs:run_search",
    "compare": "cssim.services.comparing:run_compare",
    "analyse": "cssim.services.analysing:run_analyse",
    "curves": "cssim.services.regime_runs:run_curves",
    "plan": "cssim.services.planning_run:run_plan",
    "survey": "cssim.services.surveying:run_survey",
    "sweep": "cssim.services.sweeping:run_sweep",
    "inspect": "cssim.services.inspecting_run:run_inspect",
}
"""Kind of job -> `module:function`; loaded by the process that runs it, for it imports torch."""

SILENT_PERIODS = 6
"""After so many heartbeats left out, a worker counts as dead."""
MAX_ATTEMPTS = 5
"""A job that killed so many workers is not given to another one."""
REPORT_SECONDS = 0.5
"""Progress reaches the database, and the wish to stop the job, at most this often."""

Listener = Callable[[float, str], None]
"""Called with progress 0..1 and a message, for a progress bar in the same process."""


def worker_identity() -> str:
    """A name for this process that no other has: host, process id, a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def silence(settings: Settings) -> timedelta:
    """How long a worker may be silent before it counts as dead."""
    return timedelta(seconds=SILENT_PERIODS * settings.heartbeat_seconds)


def log_path(ws: Workspace, job_id: int) -> Path:
    """The file into which a job logs."""
    return ws.settings.logs / f"job-{job_id}.log"


def claim_next(ws: Workspace, worker: str, *, job_id: int | None = None) -> JobInfo | None:
    """The next job for `worker`, of any project, or None; ends hopeless jobs on the way."""
    moment, kinds = now(), sorted(RUNNERS)
    since = moment - silence(ws.settings)
    with ws.database.reading() as session:
        # An idle worker asks each second: it must not take the one place of who writes.
        if not rows.is_work(session, silent_since=since, kinds=kinds):
            return None
    with ws.database.writing() as session:
        rows.sweep(session, moment=moment, silent_since=since, max_attempts=MAX_ATTEMPTS)
        return rows.claim(
            session, worker=worker, moment=moment, silent_since=since, kinds=kinds, job_id=job_id
        )


class JobContext:
    """What a runner gets: the workspace of the job's project, and a line to whoever watches."""

    def __init__(
        self,
        ws: Workspace,
        job: JobInfo,
        *,
        stop: threading.Event | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.ws = ws
        self.job = job
        self.asked = False
        """A person asked the job to stop."""
        self.lost = False
        """The job is no longer this worker's."""
        self._stop = stop or threading.Event()
        self._listener = listener
        self._lock = threading.Lock()
        self._progress, self._message = job.progress, job.message
        self._reported = 0.0

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Report `done` of `total`; raises `Cancelled` where the job is to stop."""
        self._progress = min(1.0, done / total) if total > 0 else 0.0
        self._message = message
        if self._listener is not None:
            self._listener(self._progress, message)
        self.check()

    def part(self, start: float, end: float) -> Callable[[int, int, str], None]:
        """A progress function for a step that covers `start`..`end` (0..1) of the job."""

        def report(done: int, total: int, message: str) -> None:
            share = done / total if total > 0 else 0.0
            self.progress(start + (end - start) * share, 1.0, message)

        return report

    def event(self, **data: Any) -> None:
        """Store something that the pages draw, e.g. an epoch."""
        with self.ws.database.writing() as session:
            if not rows.add_event(session, self.job, plain(data), now()):
                self.lost = True
        self.check()

    def check(self) -> None:
        """Raise `Cancelled` where the job is to stop."""
        if self.cancelled():
            raise Cancelled(self.reason)

    def cancelled(self) -> bool:
        """Whether the job is to stop; asks the database twice a second at most."""
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            self.beat()
        return self.asked or self.lost or self._stop.is_set()

    @property
    def reason(self) -> str:
        """Why the job is to stop."""
        if self.lost:
            return "another worker took the job over"
        return "stopped by a person" if self.asked else "the worker was told to end"

    def beat(self) -> None:
        """Tell the database that the job is alive, and hear whether it is to stop."""
        with self._lock:
            self._reported = time.monotonic()
            with self.ws.database.writing() as session:
                answer = rows.heartbeat(
                    session,
                    self.job,
                    moment=now(),
                    progress=self._progress,
                    message=self._message,
                )
        if answer is None:
            self.lost = True
        elif answer:
            self.asked = True


def run_claimed(
    ws: Workspace,
    job: JobInfo,
    *,
    stop: threading.Event | None = None,
    listener: Listener | None = None,
    keep: bool = True,
) -> JobInfo:
    """Run a job that was just claimed, to its end; what goes wrong is stored, not raised.

    Args:
        ws: any workspace on the job's database.
        job: what `claim_next` returned.
        stop: set by whoever wants the job to stop in an orderly way.
        listener: told of the progress in this process.
        keep: put a job that `stop` ended back into the queue; False cancels it.
    """
    with ws.database.reading() as session:
        ws = replace(ws, project=rows.project_of(session, job.project_id))
    context = JobContext(ws, job, stop=stop, listener=listener)
    with _logging_to(log_path(ws, job.id)), _heart(context):
        log.info("job %d (%s), attempt %d: %s", job.id, job.kind, job.attempt, job.params)
        try:
            result = plain(dict(_runner(job.kind)(context)))
        except Cancelled:
            _stopped(context, keep)
        except CSSimError as error:
            log.exception("job %d failed", job.id)
            _end(context, JobState.FAILED, error=str(error))
        except Exception as error:
            log.exception("job %d failed", job.id)
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            _end(context, JobState.FAILED, error=f"{reason} (details in the log of job {job.id})")
        except BaseException:
            _stopped(context, keep)
            raise
        else:
            _end(context, JobState.DONE, result=result)
    with ws.database.reading() as session:
        return rows.get_job(session, job.project_id, job.id)


def _runner(kind: str) -> Callable[[JobContext], Mapping[str, Any]]:
    module, _, name = RUNNERS[kind].partition(":")
    function: Callable[[JobContext], Mapping[str, Any]] = getattr(import_module(module), name)
    return function


def _stopped(context: JobContext, keep: bool) -> None:
    log.info("job %d stops: %s", context.job.id, context.reason)
    if context.lost:
        return
    with context.ws.database.writing() as session:
        waits = rows.only_paused(session, context.job) or (keep and not context.asked)
        # A wish to cancel that this worker has not heard of yet counts as well.
        if waits and rows.release(session, context.job):
            return
    _end(context, JobState.CANCELLED)


def _end(
    context: JobContext,
    state: JobState,
    *,
    error: str = "",
    result: Mapping[str, Any] | None = None,
) -> None:
    with context.ws.database.writing() as session:
        held = rows.finish(session, context.job, state, moment=now(), error=error, result=result)
    log.info("job %d: %s", context.job.id, state if held else "another worker took it over")


@contextmanager
def _heart(context: JobContext) -> Iterator[None]:
    """Beat from a thread, so that a long step of arithmetic does not look like death."""
    period = context.ws.settings.heartbeat_seconds
    done = threading.Event()

    def beat() -> None:
        missed = 0
        while not done.wait(period):
            try:
                context.beat()
                missed = 0
            except Exception:  # the database may be away for a moment: the next beat will tell
                missed += 1
                log.exception("heartbeat %d in a row failed", missed)
                context.lost = context.lost or missed >= SILENT_PERIODS

    thread = threading.Thread(target=beat, name=f"heart of job {context.job.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Write what is logged meanwhile (CS-Sim from INFO, others from WARNING) into a file too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, ours = logging.getLogger(), logging.getLogger("cssim")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(level)
        root.removeHandler(handler)
        handler.close()
