"""Saved selections of references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cssim.errors import Conflict, NotFound
from db.models import PersonRow, SelectionRow


@dataclass(frozen=True, slots=True)
class Selection:
    """A named set of reference images."""

    id: int
    name: str
    reference_ids: tuple[int, ...]
    """Image ids, sorted."""
    note: str = ""
    view: Mapping[str, Any] = field(default_factory=dict)
    """Address parameters of the page that showed it."""
    by: str = ""
    """Name of the person who made it; empty where it came by command line."""
    created_at: datetime | None = None


def list_selections(session: Session, project_id: int) -> list[Selection]:
    """Selections of a project by name."""
    query = _query().where(SelectionRow.project_id == project_id).order_by(SelectionRow.name)
    return [_selection(row, by) for row, by in session.execute(query)]


def get_selection(session: Session, project_id: int, selection_id: int) -> Selection:
    """One selection; raises `NotFound` where the project has none with that id."""
    query = _query().where(SelectionRow.project_id == project_id, SelectionRow.id == selection_id)
    found = session.execute(query).one_or_none()
    if found is None:
        raise NotFound(f"the project has no selection {selection_id}; it may have been deleted")
    return _selection(*found)


def add_selection(
    session: Session,
    project_id: int,
    name: str,
    reference_ids: Sequence[int],
    *,
    note: str = "",
    view: Mapping[str, Any] | None = None,
    person_id: int | None = None,
) -> int:
    """The id of a new selection.

    Raises:
        Conflict: the project has a selection of that name.
    """
    _check_free(session, project_id, name)
    row = SelectionRow(
        project_id=project_id,
        name=name,
        note=note,
        reference_ids=sorted({int(i) for i in reference_ids}),
        view=dict(view or {}),
        person_id=person_id,
    )
    session.add(row)
    session.flush()
    return row.id


def change_selection(
    session: Session, project_id: int, selection_id: int, *, name: str, note: str
) -> None:
    """Another name and note; raises `NotFound`, or `Conflict` where the name is taken."""
    if get_selection(session, project_id, selection_id).name != name:
        _check_free(session, project_id, name)
    row = session.get_one(SelectionRow, selection_id)
    row.name, row.note = name, note


def delete_selection(session: Session, project_id: int, selection_id: int) -> None:
    """Forget a selection, its images stay; raises `NotFound`."""
    get_selection(session, project_id, selection_id)
    session.execute(delete(SelectionRow).where(SelectionRow.id == selection_id))


def _check_free(session: Session, project_id: int, name: str) -> None:
    taken = select(SelectionRow.id).where(
        SelectionRow.project_id == project_id, SelectionRow.name == name
    )
    if session.scalar(taken) is not None:
        raise Conflict(f"there is a selection {name!r} already; choose another name")


def _query() -> Any:
    return select(SelectionRow, PersonRow.name).outerjoin(
        PersonRow, PersonRow.id == SelectionRow.person_id
    )


def _selection(row: SelectionRow, by: str | None) -> Selection:
    return Selection(
        id=row.id,
        name=row.name,
        reference_ids=tuple(row.reference_ids),
        note=row.note,
        view=row.view,
        by=by or "",
        created_at=row.created_at,
    )
