"""Queries of the registry of models: names, and which ones are put away."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cssim.errors import Conflict
from db.models import ModelRow


def rename_model(session: Session, project_id: int, model_id: int, name: str) -> None:
    """Give a model another name.

    Raises:
        Conflict: another model of the project has it.
    """
    query = select(ModelRow.id).where(ModelRow.project_id == project_id, ModelRow.name == name)
    taken = session.scalar(query)
    if taken is not None and taken != model_id:
        raise Conflict(f"there is a model {name!r} already; choose another name")
    session.execute(update(ModelRow).where(ModelRow.id == model_id).values(name=name))


def set_archived(session: Session, model_ids: Sequence[int], archived: bool) -> None:
    """Put models away, or bring them back."""
    session.execute(update(ModelRow).where(ModelRow.id.in_(model_ids)).values(archived=archived))


def archived_models(session: Session, project_id: int) -> set[int]:
    """Ids of the models of a project that are put away."""
    query = select(ModelRow.id).where(ModelRow.project_id == project_id, ModelRow.archived)
    return set(session.scalars(query))
