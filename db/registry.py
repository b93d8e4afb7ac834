"""Queries of the registry of models and ensembles: names, and which ones are put away."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cssim.errors import Conflict
from db.models import EnsembleRow, ModelRow


def rename_model(session: Session, project_id: int, model_id: int, name: str) -> None:
    """Give a model another name.

    Raises:
        Conflict: another model, or an ensemble, of the project has it.
    """
    _rename(session, ModelRow, project_id, model_id, name)


def rename_ensemble(session: Session, project_id: int, ensemble_id: int, name: str) -> None:
    """Give an ensemble another name.

    Raises:
        Conflict: another ensemble, or a model, of the project has it.
    """
    _rename(session, EnsembleRow, project_id, ensemble_id, name)


def archive_models(session: Session, model_ids: Sequence[int], archived: bool) -> None:
    """Put models away, or bring them back."""
    session.execute(update(ModelRow).where(ModelRow.id.in_(model_ids)).values(archived=archived))


def archive_ensembles(session: Session, ensemble_ids: Sequence[int], archived: bool) -> None:
    """Put ensembles away, or bring them back."""
    chosen = update(EnsembleRow).where(EnsembleRow.id.in_(ensemble_ids))
    session.execute(chosen.values(archived=archived))


def archived_models(session: Session, project_id: int) -> set[int]:
    """Ids of the models of a project that are put away."""
    query = select(ModelRow.id).where(ModelRow.project_id == project_id, ModelRow.archived)
    return set(session.scalars(query))


def _rename(
    session: Session,
    table: type[ModelRow] | type[EnsembleRow],
    project_id: int,
    row_id: int,
    name: str,
) -> None:
    """Comparisons have rows of both kinds, and no name twice."""
    for other, what in ((ModelRow, "a model"), (EnsembleRow, "an ensemble")):
        query = select(other.id).where(other.project_id == project_id, other.name == name)
        taken = session.scalar(query)
        if taken is not None and (other is not table or taken != row_id):
            raise Conflict(f"there is {what} {name!r} already; choose another name")
    try:
        session.execute(update(table).where(table.id == row_id).values(name=name))
    except IntegrityError as error:  # somebody else took it just now
        raise Conflict(f"the name {name!r} is taken already; choose another name") from error
