"""Models, ensembles and evaluations: what the jobs leave behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ScalarResult, delete, func, insert, select, update
from sqlalchemy.orm import Session

from cssim.errors import Conflict, NotFound
from cssim.types import EnsembleInfo, EvaluationInfo, JobState, ModelInfo, ModelKind
from db.models import (
    EnsembleMemberRow,
    EnsembleRow,
    EvaluationClusterRow,
    EvaluationRow,
    JobRow,
    ModelClusterRow,
    ModelRow,
)


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model before it has an id; the fields are those of `ModelInfo`."""

    name: str
    kind: ModelKind
    backbone: str
    cluster_ids: tuple[int, ...] = ()
    path: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    data_fingerprint: str = ""
    trained_references: tuple[int, ...] = ()


def save_model(
    session: Session, project_id: int, model: NewModel, *, job_id: int | None = None
) -> int:
    """The id of the stored model; a second save by the same job, or of a frozen one, replaces.

    Raises:
        Conflict: another model of the project has that name.
    """
    row = session.scalars(
        select(ModelRow).where(ModelRow.project_id == project_id, ModelRow.name == model.name)
    ).one_or_none()
    if row is None:
        row = ModelRow(project_id=project_id, name=model.name)
        session.add(row)
    elif not (_untrained(row.kind) and _untrained(model.kind)) and (
        job_id is None or row.job_id != job_id
    ):
        raise Conflict(f"there is a model {model.name!r} already; choose another name")
    row.kind, row.backbone, row.path = model.kind.value, model.backbone, model.path
    row.config, row.metrics = dict(model.config), dict(model.metrics)
    row.fingerprint, row.data_fingerprint = model.fingerprint, model.data_fingerprint
    row.trained_references, row.job_id = list(model.trained_references), job_id
    session.flush()
    session.execute(delete(ModelClusterRow).where(ModelClusterRow.model_id == row.id))
    for cluster_id in model.cluster_ids:
        session.execute(insert(ModelClusterRow).values(model_id=row.id, cluster_id=cluster_id))
    return row.id


def set_fingerprint(session: Session, model_id: int, fingerprint: str) -> None:
    """Store the fingerprint under which a model's embeddings are found now."""
    session.execute(update(ModelRow).where(ModelRow.id == model_id).values(fingerprint=fingerprint))


def list_models(session: Session, project_id: int, *, archived: bool = False) -> list[ModelInfo]:
    """Models of a project in the order in which they came."""
    query = select(ModelRow).where(ModelRow.project_id == project_id)
    if not archived:
        query = query.where(~ModelRow.archived)
    return _models(session, session.scalars(query.order_by(ModelRow.id)))


def models_by_id(session: Session, ids: Sequence[int]) -> dict[int, ModelInfo]:
    """Model of each id; unknown ids are left out."""
    found = session.scalars(select(ModelRow).where(ModelRow.id.in_(ids)))
    return {model.id: model for model in _models(session, found)}


def find_model(session: Session, project_id: int, name: str) -> ModelInfo | None:
    """The model of that name, archived or not."""
    query = select(ModelRow).where(ModelRow.project_id == project_id, ModelRow.name == name)
    found = _models(session, session.scalars(query))
    return found[0] if found else None


def get_model(session: Session, project_id: int, name: str) -> ModelInfo:
    """The model of that name.

    Raises:
        NotFound: the project has none, with the names there are.
    """
    found = find_model(session, project_id, name)
    if found is None:
        names = ", ".join(m.name for m in list_models(session, project_id)) or "none yet"
        raise NotFound(f"there is no model {name!r}; the project has: {names}")
    return found


def add_ensemble(
    session: Session,
    project_id: int,
    name: str,
    strategy: str,
    member_ids: Sequence[int],
    *,
    config: Mapping[str, Any],
    path: str,
    job_id: int | None = None,
) -> int:
    """The id of the stored ensemble; a second run of the same job replaces its first.

    Raises:
        Conflict: another ensemble of the project has that name.
    """
    row = session.scalars(
        select(EnsembleRow).where(EnsembleRow.project_id == project_id, EnsembleRow.name == name)
    ).one_or_none()
    if row is None:
        row = EnsembleRow(project_id=project_id, name=name)
        session.add(row)
    elif row.job_id != job_id or job_id is None:
        raise Conflict(f"there is an ensemble {name!r} already; choose another name")
    row.strategy, row.config, row.path, row.job_id = strategy, dict(config), path, job_id
    session.flush()
    session.execute(delete(EnsembleMemberRow).where(EnsembleMemberRow.ensemble_id == row.id))
    for position, model_id in enumerate(member_ids):
        session.execute(
            insert(EnsembleMemberRow).values(
                ensemble_id=row.id, position=position, model_id=model_id
            )
        )
    return row.id


def list_ensembles(
    session: Session, project_id: int, *, archived: bool = False
) -> list[EnsembleInfo]:
    """Ensembles of a project in the order in which they came."""
    query = select(EnsembleRow).where(EnsembleRow.project_id == project_id)
    if not archived:
        query = query.where(~EnsembleRow.archived)
    return _ensembles(session, session.scalars(query.order_by(EnsembleRow.id)))


def ensembles_by_id(session: Session, ids: Sequence[int]) -> dict[int, EnsembleInfo]:
    """Ensemble of each id, archived or not; unknown ids are left out."""
    found = session.scalars(select(EnsembleRow).where(EnsembleRow.id.in_(ids)))
    return {ensemble.id: ensemble for ensemble in _ensembles(session, found)}


def get_ensemble(session: Session, project_id: int, name: str) -> EnsembleInfo:
    """The ensemble of that name, archived or not.

    Raises:
        NotFound: the project has none, with the names there are.
    """
    query = select(EnsembleRow).where(
        EnsembleRow.project_id == project_id, EnsembleRow.name == name
    )
    found = _ensembles(session, session.scalars(query))
    if found:
        return found[0]
    names = ", ".join(e.name for e in list_ensembles(session, project_id)) or "none yet"
    raise NotFound(f"there is no ensemble {name!r}; the project has: {names}")


def add_evaluation(
    session: Session,
    project_id: int,
    name: str,
    cluster_ids: Sequence[int],
    *,
    settings: Mapping[str, Any],
    result: Mapping[str, Any],
    fingerprint: str,
    job_id: int | None = None,
) -> int:
    """The id of the stored evaluation; its clusters are the record of looks at them."""
    row = EvaluationRow(
        project_id=project_id,
        name=name,
        settings=dict(settings),
        result=dict(result),
        fingerprint=fingerprint,
        job_id=job_id,
    )
    session.add(row)
    session.flush()
    for cluster_id in cluster_ids:
        session.execute(
            insert(EvaluationClusterRow).values(evaluation_id=row.id, cluster_id=cluster_id)
        )
    return row.id


def list_evaluations(
    session: Session, project_id: int, *, limit: int = 100
) -> list[EvaluationInfo]:
    """Evaluations of a project, newest first."""
    query = select(EvaluationRow).where(EvaluationRow.project_id == project_id)
    rows = session.scalars(query.order_by(EvaluationRow.id.desc()).limit(limit)).all()
    return _evaluations(session, rows)


def get_evaluation(session: Session, project_id: int, evaluation_id: int) -> EvaluationInfo:
    """The evaluation with that id.

    Raises:
        NotFound: the project has no such evaluation.
    """
    row = session.get(EvaluationRow, evaluation_id)
    if row is None or row.project_id != project_id:
        raise NotFound(f"there is no comparison {evaluation_id}")
    return _evaluations(session, [row])[0]


def count_looks(session: Session, cluster_ids: Sequence[int]) -> dict[int, int]:
    """How many comparisons, finished analyses and inspections have looked at each cluster."""
    query = (
        select(EvaluationClusterRow.cluster_id, func.count())
        .where(EvaluationClusterRow.cluster_id.in_(cluster_ids))
        .group_by(EvaluationClusterRow.cluster_id)
    )
    counted = Counter({cluster_id: n for cluster_id, n in session.execute(query)})
    analyses = select(JobRow.kind, JobRow.params).where(
        JobRow.kind.in_(("analyse", "inspect", "curves")), JobRow.state == JobState.DONE.value
    )
    for kind, params in session.execute(analyses):  # their numbers lie with the job
        counted.update(params["test" if kind == "curves" else "clusters"])
    return {cluster_id: counted[cluster_id] for cluster_id in cluster_ids}


def _untrained(kind: str) -> bool:
    return kind in (ModelKind.FROZEN.value, ModelKind.METRIC.value)


def _models(session: Session, found: ScalarResult[ModelRow]) -> list[ModelInfo]:
    rows = found.all()
    clusters: dict[int, list[int]] = {row.id: [] for row in rows}
    pairs = select(ModelClusterRow).where(ModelClusterRow.model_id.in_(clusters))
    for pair in session.scalars(pairs.order_by(ModelClusterRow.cluster_id)):
        clusters[pair.model_id].append(pair.cluster_id)
    return [
        ModelInfo(
            id=row.id,
            name=row.name,
            kind=ModelKind(row.kind),
            backbone=row.backbone,
            cluster_ids=tuple(clusters[row.id]),
            path=row.path,
            config=row.config,
            metrics=row.metrics,
            fingerprint=row.fingerprint,
            data_fingerprint=row.data_fingerprint,
            trained_references=tuple(row.trained_references),
            created_at=row.created_at,
        )
        for row in rows
    ]


def _ensembles(session: Session, found: ScalarResult[EnsembleRow]) -> list[EnsembleInfo]:
    rows = found.all()
    members: dict[int, list[int]] = {row.id: [] for row in rows}
    pairs = select(EnsembleMemberRow).where(EnsembleMemberRow.ensemble_id.in_(members))
    for pair in session.scalars(pairs.order_by(EnsembleMemberRow.position)):
        members[pair.ensemble_id].append(pair.model_id)
    return [
        EnsembleInfo(
            id=row.id,
            name=row.name,
            strategy=row.strategy,
            member_ids=tuple(members[row.id]),
            config=row.config,
            path=row.path,
            created_at=row.created_at,
        )
        for row in rows
    ]


def _evaluations(session: Session, rows: Sequence[EvaluationRow]) -> list[EvaluationInfo]:
    clusters: dict[int, list[int]] = {row.id: [] for row in rows}
    pairs = select(EvaluationClusterRow).where(EvaluationClusterRow.evaluation_id.in_(clusters))
    for pair in session.scalars(pairs.order_by(EvaluationClusterRow.cluster_id)):
        clusters[pair.evaluation_id].append(pair.cluster_id)
    return [
        EvaluationInfo(
            id=row.id,
            name=row.name,
            cluster_ids=tuple(clusters[row.id]),
            settings=row.settings,
            result=row.result,
            fingerprint=row.fingerprint,
            created_at=row.created_at,
        )
        for row in rows
    ]
