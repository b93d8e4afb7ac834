"""Jobs: each change of a job's state is one statement that names who may make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, and_, case, func, insert, or_, select, update
from sqlalchemy.orm import Session

from cssim import words
from cssim.errors import NotFound
from cssim.types import JobInfo, JobState, Project
from db.library import as_project
from db.models import JobEventRow, JobRow, ProjectRow

RUNNING, QUEUED = JobState.RUNNING.value, JobState.QUEUED.value


def add_job(
    session: Session,
    project_id: int,
    kind: str,
    params: Mapping[str, Any],
    *,
    requested_by: int | None = None,
    batch_id: int | None = None,
) -> int:
    """The id of a new queued job."""
    row = JobRow(
        project_id=project_id,
        kind=kind,
        params=dict(params),
        requested_by=requested_by,
        batch_id=batch_id,
    )
    session.add(row)
    session.flush()
    return row.id


def claim(
    session: Session,
    *,
    worker: str,
    moment: datetime,
    silent_since: datetime,
    kinds: Sequence[str],
    job_id: int | None = None,
) -> JobInfo | None:
    """The oldest job that waits, or whose worker fell silent, now held by `worker`; or None.

    One statement chooses and takes, so that two workers never get the same job: SQLite has one
    writer at a time, and PostgreSQL skips the rows that another claim has locked.

    Args:
        session: a writing session.
        worker: identity of the claiming worker.
        moment: now.
        silent_since: a running job whose last heartbeat is older may be taken over.
        kinds: the kinds of jobs that this worker can run.
        job_id: claim this job or none.
    """
    choice = select(JobRow.id).where(_free(silent_since, kinds))
    if job_id is not None:
        choice = choice.where(JobRow.id == job_id)
    choice = choice.order_by(JobRow.id).limit(1).with_for_update(skip_locked=True)
    taken = session.execute(
        update(JobRow)
        .where(JobRow.id == choice.scalar_subquery())
        .values(
            state=RUNNING,
            worker=worker,
            attempt=JobRow.attempt + 1,
            heartbeat_at=moment,
            started_at=func.coalesce(JobRow.started_at, moment),
            finished_at=None,
            error="",
        )
        .returning(JobRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).scalar_one_or_none()
    return None if taken is None else _info(taken)


def claimable(session: Session, *, silent_since: datetime, kinds: Sequence[str]) -> list[int]:
    """Ids of the jobs that `claim` would give out, of all projects, oldest first."""
    query = select(JobRow.id).where(_free(silent_since, kinds))
    return list(session.scalars(query.order_by(JobRow.id)))


def is_work(session: Session, *, silent_since: datetime, kinds: Sequence[str]) -> bool:
    """Whether `sweep` or `claim` would change anything; a look that keeps nobody from writing."""
    wanted = or_(_free(silent_since, kinds), _silent(silent_since))
    return session.scalar(select(JobRow.id).where(wanted).limit(1)) is not None


def sweep(session: Session, *, moment: datetime, silent_since: datetime, max_attempts: int) -> int:
    """How many jobs of silent workers were ended: cancelled where asked for, failed where hopeless.

    A job that brought down `max_attempts` workers would do so again. Paused ones wait again.
    """
    hopeless = JobRow.attempt >= max_attempts
    reason = (
        f"the worker died {words.count(max_attempts, 'time')} while it ran this job (killed, or "
        "out of memory); see the log, then retry it with smaller settings"
    )
    session.execute(
        update(JobRow)
        .where(_silent(silent_since), JobRow.paused, ~JobRow.cancel_requested)
        .values(state=QUEUED, worker=None, heartbeat_at=None, attempt=JobRow.attempt - 1)
        .execution_options(synchronize_session=False)
    )
    result = session.execute(
        update(JobRow)
        .where(_silent(silent_since), or_(JobRow.cancel_requested, hopeless))
        .values(
            state=case(
                (JobRow.cancel_requested, JobState.CANCELLED.value), else_=JobState.FAILED.value
            ),
            error=case((JobRow.cancel_requested, ""), else_=reason),
            finished_at=moment,
        )
        .execution_options(synchronize_session=False)
    )
    return _count(result)


def heartbeat(
    session: Session, job: JobInfo, *, moment: datetime, progress: float, message: str
) -> bool | None:
    """Whether the job is asked to stop; None where it is no longer this worker's.

    `job` is what `claim` returned: its worker and attempt prove the ownership.
    """
    return session.execute(
        update(JobRow)
        .where(_mine(job))
        .values(heartbeat_at=moment, progress=progress, message=message)
        .returning(or_(JobRow.cancel_requested, JobRow.paused))
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()


def add_event(session: Session, job: JobInfo, data: Mapping[str, Any], moment: datetime) -> bool:
    """Store what the job reports (JSON); False where it is no longer this worker's."""
    held = session.execute(select(JobRow.id).where(_mine(job)).with_for_update()).first()
    if held is None:
        return False
    last = select(func.max(JobEventRow.seq)).where(JobEventRow.job_id == job.id)
    seq = session.execute(last).scalar_one_or_none()
    number = 0 if seq is None else seq + 1
    session.execute(
        insert(JobEventRow).values(job_id=job.id, seq=number, data=dict(data), at=moment)
    )
    return True


def finish(
    session: Session,
    job: JobInfo,
    state: JobState,
    *,
    moment: datetime,
    error: str = "",
    result: Mapping[str, Any] | None = None,
) -> bool:
    """Store the job's end; False where it is no longer this worker's, and then nothing changes."""
    values: dict[str, Any] = {"state": state.value, "error": error, "finished_at": moment}
    if result is not None:
        values["result"] = dict(result)
    if state is JobState.DONE:
        values["progress"] = 1.0
    changed = session.execute(
        update(JobRow).where(_mine(job)).values(values).execution_options(synchronize_session=False)
    )
    return _count(changed) == 1


def release(session: Session, job: JobInfo) -> bool:
    """Put the job back into the queue, as a worker does that is told to end; no attempt is lost.

    False where the job is another worker's now, or is asked to be cancelled: nobody would take it.
    """
    changed = session.execute(
        update(JobRow)
        .where(_mine(job), ~JobRow.cancel_requested)
        .values(state=QUEUED, worker=None, heartbeat_at=None, attempt=JobRow.attempt - 1)
        .execution_options(synchronize_session=False)
    )
    return _count(changed) == 1


def only_paused(session: Session, job: JobInfo) -> bool:
    """Whether the job is asked to pause, and not to be cancelled."""
    asked = select(JobRow.paused & ~JobRow.cancel_requested).where(JobRow.id == job.id)
    return bool(session.execute(asked).scalar_one())


def set_paused(session: Session, project_id: int, job_id: int, paused: bool) -> bool:
    """Pause a waiting or running job, or let it go on; False where it had ended already.

    Raises:
        NotFound: the project has no such job.
    """
    changed = session.execute(
        update(JobRow)
        .where(
            JobRow.id == job_id,
            JobRow.project_id == project_id,
            JobRow.state.in_([QUEUED, RUNNING]),
            ~JobRow.cancel_requested,
        )
        .values(paused=paused)
        .execution_options(synchronize_session=False)
    )
    if _count(changed) == 0:
        get_job(session, project_id, job_id)
        return False
    return True


def request_cancel(session: Session, project_id: int, job_id: int, moment: datetime) -> bool:
    """Cancel a waiting job at once, ask a running one to stop; False where it had ended already.

    Raises:
        NotFound: the project has no such job.
    """
    changed = session.execute(
        update(JobRow)
        .where(
            JobRow.id == job_id,
            JobRow.project_id == project_id,
            JobRow.state.in_([QUEUED, RUNNING]),
        )
        .values(
            cancel_requested=True,
            state=case((JobRow.state == QUEUED, JobState.CANCELLED.value), else_=JobRow.state),
            finished_at=case((JobRow.state == QUEUED, moment), else_=JobRow.finished_at),
        )
        .execution_options(synchronize_session=False)
    )
    if _count(changed) == 0:
        get_job(session, project_id, job_id)
        return False
    return True


def requeue(session: Session, project_id: int, job_id: int) -> bool:
    """Queue a failed or cancelled job again; False where it is in another state.

    Raises:
        NotFound: the project has no such job.
    """
    changed = session.execute(
        update(JobRow)
        .where(
            JobRow.id == job_id,
            JobRow.project_id == project_id,
            JobRow.state.in_([JobState.FAILED.value, JobState.CANCELLED.value]),
        )
        .values(
            state=QUEUED,
            cancel_requested=False,
            paused=False,
            error="",
            attempt=0,
            worker=None,
            heartbeat_at=None,
            finished_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    if _count(changed) == 0:
        get_job(session, project_id, job_id)
        return False
    return True


def get_job(session: Session, project_id: int, job_id: int) -> JobInfo:
    """The job with that id.

    Raises:
        NotFound: the project has no such job.
    """
    row = session.get(JobRow, job_id, populate_existing=True)
    if row is None or row.project_id != project_id:
        raise NotFound(f"there is no job {job_id}; `jobs list` shows them")
    return _info(row)


def get_any_job(session: Session, job_id: int) -> JobInfo:
    """The job with that id, whichever project it belongs to."""
    return _info(session.get_one(JobRow, job_id, populate_existing=True))


def project_of(session: Session, project_id: int) -> Project:
    """The project that a job belongs to."""
    return as_project(session.get_one(ProjectRow, project_id))


def list_jobs(
    session: Session,
    project_id: int,
    *,
    states: Sequence[JobState] = (),
    kinds: Sequence[str] = (),
    batch_id: int | None = None,
    limit: int = 200,
) -> list[JobInfo]:
    """Jobs of a project, newest first; of all states, kinds, or batches, where none are named."""
    query = select(JobRow).where(JobRow.project_id == project_id).order_by(JobRow.id.desc())
    if batch_id is not None:
        query = query.where(JobRow.batch_id == batch_id)
    if states:
        query = query.where(JobRow.state.in_([state.value for state in states]))
    if kinds:
        query = query.where(JobRow.kind.in_(kinds))
    return [_info(row) for row in session.scalars(query.limit(limit))]


def job_params(
    session: Session, project_id: int, kind: str, states: Sequence[JobState]
) -> list[tuple[int, dict[str, Any]]]:
    """(id, parameters) of the jobs of a kind, newest first, without their results: cheap."""
    query = (
        select(JobRow.id, JobRow.params)
        .where(
            JobRow.project_id == project_id,
            JobRow.kind == kind,
            JobRow.state.in_([state.value for state in states]),
        )
        .order_by(JobRow.id.desc())
    )
    return [(job_id, params) for job_id, params in session.execute(query)]


def count_open(session: Session, kinds: Sequence[str]) -> int:
    """How many jobs of these kinds wait (not paused) or run, in all projects."""
    waits = and_(JobRow.state == QUEUED, ~JobRow.paused)
    wanted = (or_(waits, JobRow.state == RUNNING), JobRow.kind.in_(kinds))
    query = select(func.count()).select_from(JobRow).where(*wanted)
    return int(session.execute(query).scalar_one())


def events_of(
    session: Session, job_id: int, *, after: int = -1
) -> list[tuple[int, dict[str, Any]]]:
    """(number, data) of what a job reported, in order, from the number after `after` on."""
    wanted = (JobEventRow.job_id == job_id, JobEventRow.seq > after)
    query = select(JobEventRow.seq, JobEventRow.data).where(*wanted).order_by(JobEventRow.seq)
    return [(seq, data) for seq, data in session.execute(query)]


def _free(silent_since: datetime, kinds: Sequence[str]) -> ColumnElement[bool]:
    waits = or_(JobRow.state == QUEUED, _silent(silent_since))
    return and_(waits, JobRow.kind.in_(kinds), ~JobRow.cancel_requested, ~JobRow.paused)


def _silent(since: datetime) -> ColumnElement[bool]:
    return and_(JobRow.state == RUNNING, JobRow.heartbeat_at < since)


def _mine(job: JobInfo) -> ColumnElement[bool]:
    return and_(
        JobRow.id == job.id,
        JobRow.state == RUNNING,
        JobRow.worker == job.worker,
        JobRow.attempt == job.attempt,
    )


def _count(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount


def _info(row: JobRow) -> JobInfo:
    return JobInfo(
        id=row.id,
        kind=row.kind,
        params=row.params,
        state=JobState(row.state),
        progress=row.progress,
        message=row.message,
        error=row.error,
        result=row.result,
        attempt=row.attempt,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cancel_requested=row.cancel_requested,
        paused=row.paused,
        batch_id=row.batch_id,
        project_id=row.project_id,
        worker=row.worker,
        heartbeat_at=row.heartbeat_at,
        requested_by=row.requested_by,
    )
