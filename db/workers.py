"""Worker processes that say that they are alive."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from db.models import WorkerRow


def beat_worker(session: Session, worker: str, moment: datetime) -> None:
    """Store that the worker is alive."""
    known = session.get(WorkerRow, worker)
    if known is None:
        session.add(WorkerRow(id=worker, heartbeat_at=moment, started_at=moment))
    else:
        known.heartbeat_at = moment


def remove_workers(session: Session, *, worker: str = "", before: datetime | None = None) -> None:
    """Forget one worker, and those that were last heard of before a moment."""
    gone = [WorkerRow.id == worker]
    if before is not None:
        gone.append(WorkerRow.heartbeat_at < before)
    session.execute(delete(WorkerRow).where(or_(*gone)))


def live_workers(session: Session, since: datetime) -> list[str]:
    """Identities of the workers heard of since a moment, oldest first."""
    query = select(WorkerRow.id).where(WorkerRow.heartbeat_at >= since)
    return list(session.scalars(query.order_by(WorkerRow.started_at, WorkerRow.id)))
