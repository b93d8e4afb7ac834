"""Jobs as people see them: ask for long work, watch it, stop it, try it again."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cssim.errors import BadInput, Conflict
from cssim.services.executors import ensure_worker, run_worker
from cssim.services.plain import plain
from cssim.services.running import (
    RUNNERS,
    Listener,
    claim_next,
    log_path,
    run_claimed,
    silence,
    worker_identity,
)
from cssim.services.workspace import Workspace
from cssim.types import JobInfo, JobState
from db import jobs as rows
from db.models import now

__all__ = [
    "JobRequest",
    "cancel",
    "claim_next",
    "enqueue",
    "ensure_worker",
    "get_job",
    "job_events",
    "job_log",
    "list_job_ids",
    "list_jobs",
    "log_path",
    "pause",
    "resume",
    "retry",
    "run_here",
    "run_worker",
]


@dataclass(frozen=True, slots=True)
class JobRequest:
    """Work that was checked and can be queued, or run at once."""

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in RUNNERS:
            raise BadInput(f"kind of job must be one of {', '.join(RUNNERS)}, got {self.kind!r}")


def enqueue(ws: Workspace, kind: str, params: Mapping[str, Any], *, by: int | None = None) -> int:
    """The id of a new job that waits for a worker; `by` is the id of the person who asks.

    Whoever enqueues from a running app calls `ensure_worker(settings)` afterwards.

    Raises:
        BadInput: no such kind of job.
    """
    request = JobRequest(kind, params)
    with ws.database.writing() as session:
        return rows.add_job(
            session, ws.project.id, request.kind, plain(request.params), requested_by=by
        )


def run_here(
    ws: Workspace,
    request: JobRequest,
    *,
    stop: threading.Event | None = None,
    listener: Listener | None = None,
) -> JobInfo:
    """Run a request in this process, as a job like any other; setting `stop` cancels it."""
    worker, moment = worker_identity(), now()
    with ws.database.writing() as session:  # added and claimed at once: no other worker sees it
        job_id = rows.add_job(session, ws.project.id, request.kind, plain(request.params))
        job = rows.claim(
            session,
            worker=worker,
            moment=moment,
            silent_since=moment - silence(ws.settings),
            kinds=[request.kind],
            job_id=job_id,
        )
    assert job is not None
    return run_claimed(ws, job, stop=stop, listener=listener, keep=False)


def cancel(ws: Workspace, job_id: int) -> JobInfo:
    """Stop a job: at once where it waits, at its next step where it runs.

    Raises:
        NotFound: the project has no such job.
        Conflict: it has ended already.
    """
    with ws.database.writing() as session:
        changed = rows.request_cancel(session, ws.project.id, job_id, now())
        job = rows.get_job(session, ws.project.id, job_id)
    if not changed:
        raise Conflict(f"job {job_id} is {job.state} already: there is nothing to cancel")
    return job


def pause(ws: Workspace, job_id: int) -> JobInfo:
    """Let a job wait until it is resumed; one that runs stops at its next step.

    Raises:
        NotFound: the project has no such job.
        Conflict: it has ended already, or is about to.
    """
    return _set_paused(ws, job_id, True)


def resume(ws: Workspace, job_id: int) -> JobInfo:
    """Let a paused job go on; training does so from its last stored epoch.

    Raises:
        NotFound: the project has no such job.
        Conflict: it has ended already, or is about to.
    """
    return _set_paused(ws, job_id, False)


def _set_paused(ws: Workspace, job_id: int, paused: bool) -> JobInfo:
    with ws.database.writing() as session:
        changed = rows.set_paused(session, ws.project.id, job_id, paused)
        job = rows.get_job(session, ws.project.id, job_id)
    if not changed:
        state = "about to be cancelled" if job.cancel_requested else f"{job.state} already"
        raise Conflict(f"job {job_id} is {state}: it can be neither paused nor resumed")
    return job


def retry(ws: Workspace, job_id: int) -> JobInfo:
    """Queue a failed or cancelled job again; training goes on from its last stored epoch.

    Raises:
        NotFound: the project has no such job.
        Conflict: it is neither failed nor cancelled.
    """
    with ws.database.writing() as session:
        changed = rows.requeue(session, ws.project.id, job_id)
        job = rows.get_job(session, ws.project.id, job_id)
    if not changed:
        raise Conflict(
            f"job {job_id} is {job.state}: only failed and cancelled jobs can be tried again"
        )
    return job


def get_job(ws: Workspace, job_id: int) -> JobInfo:
    """One job of the project.

    Raises:
        NotFound: the project has no such job.
    """
    with ws.database.reading() as session:
        return rows.get_job(session, ws.project.id, job_id)


def list_jobs(
    ws: Workspace,
    *,
    states: Sequence[JobState] = (),
    kinds: Sequence[str] = (),
    limit: int = 200,
) -> list[JobInfo]:
    """Jobs of the project, newest first; of all states, or kinds, where none are named."""
    with ws.database.reading() as session:
        return rows.list_jobs(session, ws.project.id, states=states, kinds=kinds, limit=limit)


def list_job_ids(ws: Workspace, kind: str, states: Sequence[JobState]) -> list[int]:
    """Ids of the jobs of a kind, newest first, without reading their results: cheap."""
    with ws.database.reading() as session:
        found = rows.job_params(session, ws.project.id, kind, states)
    return [job_id for job_id, _ in found]


def job_events(ws: Workspace, job_id: int, *, after: int = -1) -> list[dict[str, Any]]:
    """What a job reported, in order, each with its number as `seq`, from after `after` on.

    Raises:
        NotFound: the project has no such job.
    """
    with ws.database.reading() as session:
        rows.get_job(session, ws.project.id, job_id)
        return [{"seq": seq, **data} for seq, data in rows.events_of(session, job_id, after=after)]


def job_log(ws: Workspace, job_id: int, *, max_bytes: int = 100_000) -> str:
    """The end of what a job logged on this machine; empty where it never ran here.

    Raises:
        NotFound: the project has no such job.
    """
    get_job(ws, job_id)
    path = log_path(ws, job_id)
    if not path.exists():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - max_bytes))
        return file.read().decode("utf-8", errors="replace")
