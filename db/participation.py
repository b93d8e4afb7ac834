"""Queries about how people take part in a project: paused, or left out of analyses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import AuditRow, ParticipationRow, now


@dataclass(frozen=True, slots=True)
class Participation:
    """How a person takes part; fields as in `ParticipationRow`."""

    person_id: int
    paused: bool = False
    excluded: bool = False
    reason: str = ""
    changed_by: int | None = None
    changed_at: datetime | None = None


def participations(session: Session, project_id: int) -> dict[int, Participation]:
    """Everybody of whom something was ever set, by person id."""
    rows = session.scalars(
        select(ParticipationRow)
        .where(ParticipationRow.project_id == project_id)
        .order_by(ParticipationRow.person_id)
    )
    return {row.person_id: _participation(row) for row in rows}


def set_participation(
    session: Session,
    project_id: int,
    person_id: int,
    *,
    paused: bool | None = None,
    excluded: bool | None = None,
    reason: str = "",
    by: int | None = None,
) -> Participation:
    """Change what is given, keep the rest, and write an audit row."""
    row = session.get(ParticipationRow, (project_id, person_id))
    if row is None:
        row = ParticipationRow(
            project_id=project_id, person_id=person_id, paused=False, excluded=False, reason=""
        )
        session.add(row)
    row.paused = row.paused if paused is None else paused
    row.excluded = row.excluded if excluded is None else excluded
    row.reason, row.changed_by, row.changed_at = reason, by, now()
    detail = {
        "project": project_id,
        "person": person_id,
        "paused": row.paused,
        "excluded": row.excluded,
        "reason": reason,
    }
    session.add(AuditRow(actor_id=by, action="participation", detail=detail))
    session.flush()
    return _participation(row)


def _participation(row: ParticipationRow) -> Participation:
    return Participation(
        row.person_id, row.paused, row.excluded, row.reason, row.changed_by, row.changed_at
    )
