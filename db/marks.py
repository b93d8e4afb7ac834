"""Marks: what a person has seen or put away, and when for the first time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.models import MarkRow, now


def marks_of(session: Session, project_id: int, person_id: int) -> dict[str, datetime]:
    """When each mark of a person was first set, by its name."""
    query = select(MarkRow.name, MarkRow.at).where(
        MarkRow.project_id == project_id, MarkRow.person_id == person_id
    )
    return {name: at for name, at in session.execute(query)}


def set_mark(session: Session, project_id: int, person_id: int, name: str) -> None:
    """Set a mark; one that stands keeps its time, also where two tabs set it at once."""
    row = {"project_id": project_id, "person_id": person_id, "name": name, "at": now()}
    if session.get_bind().dialect.name == "postgresql":
        session.execute(postgresql.insert(MarkRow).values(row).on_conflict_do_nothing())
    else:
        session.execute(sqlite.insert(MarkRow).values(row).on_conflict_do_nothing())


def drop_mark(session: Session, project_id: int, person_id: int, name: str) -> None:
    """Take a mark away; nothing happens where there is none."""
    session.execute(
        delete(MarkRow).where(
            MarkRow.project_id == project_id,
            MarkRow.person_id == person_id,
            MarkRow.name == name,
        )
    )
