"""Jobs that were asked for together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cssim.errors import NotFound
from db.models import JobBatchRow


@dataclass(frozen=True, slots=True)
class JobBatch:
    """Jobs that were asked for together."""

    id: int
    name: str
    created_at: datetime


def add_batch(session: Session, project_id: int, name: str) -> int:
    """The id of a new batch without jobs."""
    row = JobBatchRow(project_id=project_id, name=name)
    session.add(row)
    session.flush()
    return row.id


def get_batch(session: Session, project_id: int, batch_id: int) -> JobBatch:
    """The batch with that id.

    Raises:
        NotFound: the project has no such batch.
    """
    row = session.get(JobBatchRow, batch_id)
    if row is None or row.project_id != project_id:
        raise NotFound(f"there is no batch {batch_id}; `jobs batches` shows them")
    return _info(row)


def list_batches(session: Session, project_id: int, *, limit: int = 50) -> list[JobBatch]:
    """Batches of a project, newest first."""
    query = select(JobBatchRow).where(JobBatchRow.project_id == project_id)
    return [_info(r) for r in session.scalars(query.order_by(JobBatchRow.id.desc()).limit(limit))]


def _info(row: JobBatchRow) -> JobBatch:
    return JobBatch(row.id, row.name, row.created_at)
