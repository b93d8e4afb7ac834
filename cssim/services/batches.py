"""Many jobs as one request: eight clusters times two backbones times three seeds.

Each job stays a job of its own, so several workers share them, and each is cancelled, paused and
tried again alone, too. What belongs to all of them is here: one bar, one estimate, one button.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cssim.errors import BadInput, Conflict
from cssim.services import jobs
from cssim.services.executors import live_workers
from cssim.services.jobs import JobRequest
from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from cssim.types import JobInfo, JobState
from db import batches as rows
from db import jobs as job_rows
from db.batches import JobBatch
from db.models import now

MAX_JOBS = 1000
"""How many jobs one request may hold."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """Where the jobs of a batch stand."""

    batch: JobBatch
    jobs: tuple[JobInfo, ...]
    """In the order in which they were asked for."""
    share: float
    """0..1: jobs that have ended count fully, the others by their progress."""
    seconds_left: float | None
    """Estimate from the jobs of the batch that are done or under way; None where none is yet, or
    nothing goes on."""

    def count(self, state: JobState) -> int:
        """How many of the jobs are in a state."""
        return sum(job.state is state for job in self.jobs)

    @property
    def finished(self) -> bool:
        """Whether all of them have ended."""
        return all(job.state.finished for job in self.jobs)

    @property
    def paused(self) -> int:
        """How many wait until somebody lets them go on."""
        return sum(job.paused and not job.state.finished for job in self.jobs)


def enqueue_batch(
    ws: Workspace, name: str, requests: Sequence[JobRequest], *, by: int | None = None
) -> int:
    """The id of a batch of queued jobs; all are queued, or none.

    Raises:
        BadInput: no name, no requests, or more than `MAX_JOBS`.
    """
    if not name.strip() or not 1 <= len(requests) <= MAX_JOBS:
        raise BadInput(
            f"a batch has a name and 1 to {MAX_JOBS} jobs, got {name!r} with {len(requests)}"
        )
    with ws.database.writing() as session:
        batch_id = rows.add_batch(session, ws.project.id, name.strip()[:200])
        for request in requests:
            params = plain(request.params)
            job_rows.add_job(
                session, ws.project.id, request.kind, params, requested_by=by, batch_id=batch_id
            )
    return batch_id


def list_batches(ws: Workspace, *, limit: int = 50) -> list[JobBatch]:
    """Batches of the project, newest first."""
    with ws.database.reading() as session:
        return rows.list_batches(session, ws.project.id, limit=limit)


def batch_progress(
    ws: Workspace, batch_id: int, *, moment: datetime | None = None
) -> BatchProgress:
    """Where a batch stands; `moment` is now, another only in tests.

    Raises:
        NotFound: the project has no such batch.
    """
    with ws.database.reading() as session:
        batch = rows.get_batch(session, ws.project.id, batch_id)
        found = job_rows.list_jobs(session, ws.project.id, batch_id=batch_id, limit=MAX_JOBS)
    found.reverse()
    share = sum(1.0 if job.state.finished else job.progress for job in found) / len(found)
    workers = max(1, len(live_workers(ws.database, ws.settings)))
    left = seconds_left(found, workers=workers, moment=moment or now())
    return BatchProgress(batch, tuple(found), share, left)


def seconds_left(found: Sequence[JobInfo], *, workers: int, moment: datetime) -> float | None:
    """How long the jobs will still take, if they go on as they went so far.

    The work of a job is measured by those that are done, or else by those under way: elapsed
    seconds over progress. What is left is shared by the workers, but no faster than one job is.

    Args:
        found: jobs of equal size, in any state.
        workers: how many of them run at once, >= 1.
        moment: now.
    """
    done = [_seconds(job, job.finished_at) for job in found if job.state is JobState.DONE]
    begun = [
        _seconds(job, moment) / job.progress
        for job in found
        if job.state is JobState.RUNNING and job.progress > 0
    ]
    goes_on = [job for job in found if not job.state.finished and not job.paused]
    if not goes_on or not (done or begun):
        return None
    each = sum(done) / len(done) if done else sum(begun) / len(begun)
    parts = [each * (1 - job.progress) for job in goes_on]
    return max(sum(parts) / workers, max(parts))


def _seconds(job: JobInfo, end: datetime | None) -> float:
    if job.started_at is None or end is None:
        return 0.0
    return max(0.0, (end - job.started_at).total_seconds())


def pause_batch(ws: Workspace, batch_id: int) -> int:
    """Pause all that wait or run: how many."""
    return _each(ws, batch_id, jobs.pause, lambda job: not job.state.finished and not job.paused)


def resume_batch(ws: Workspace, batch_id: int) -> int:
    """Let all that are paused go on: how many."""
    return _each(ws, batch_id, jobs.resume, lambda job: not job.state.finished and job.paused)


def cancel_batch(ws: Workspace, batch_id: int) -> int:
    """Cancel all that have not ended: how many."""
    return _each(ws, batch_id, jobs.cancel, lambda job: not job.state.finished)


def retry_batch(ws: Workspace, batch_id: int) -> int:
    """Queue those that failed or were cancelled again: how many."""
    ended = (JobState.FAILED, JobState.CANCELLED)
    return _each(ws, batch_id, jobs.retry, lambda job: job.state in ended)


def _each(
    ws: Workspace,
    batch_id: int,
    act: Callable[[Workspace, int], JobInfo],
    fits: Callable[[JobInfo], bool],
) -> int:
    changed = 0
    for job in batch_progress(ws, batch_id).jobs:
        if not fits(job):
            continue
        try:
            act(ws, job.id)
        except Conflict:  # it has ended since we looked, which is what was wanted or is too late
            continue
        changed += 1
    return changed
