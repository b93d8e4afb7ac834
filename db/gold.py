"""Queries about known answers and the training round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from cssim.types import Answer, ClusterKind, JudgementKind
from db.annotations import digits
from db.checks import blind
from db.library import chunks
from db.models import ClusterRow, PageRow, TrainingAnswerRow


@dataclass(frozen=True, slots=True)
class Known:
    """The known answer of a page, and why."""

    answer: Answer
    note: str


def set_known(session: Session, known: Mapping[int, tuple[Answer, str]]) -> None:
    """Write the known answer, and a note, of each page."""
    session.execute(
        update(PageRow),
        [
            {
                "id": page_id,
                "gold": {
                    "kind": answer.kind.value,
                    "order": list(answer.order),
                    "classes": list(answer.classes),
                    "note": note,
                },
            }
            for page_id, (answer, note) in known.items()
        ],
    )


def known_answers(
    session: Session, project_id: int, page_ids: Iterable[int] | None = None
) -> dict[int, Known]:
    """Known answer of each page that has one; of all the project's pages where none are named."""
    query = select(PageRow.id, PageRow.gold).where(
        PageRow.project_id == project_id, PageRow.gold.is_not(None)
    )
    if page_ids is None:
        gold = select(ClusterRow.id).where(
            ClusterRow.project_id == project_id, ClusterRow.kind == ClusterKind.GOLD.value
        )
        rows = list(session.execute(query.where(PageRow.cluster_id.in_(gold))))
    else:
        rows = []
        for some in chunks(sorted(set(page_ids))):
            rows += session.execute(query.where(PageRow.id.in_(some)))
    return {id_: _known(gold) for id_, gold in rows if gold}


def _known(gold: Mapping[str, Any]) -> Known:
    answer = Answer(JudgementKind(gold["kind"]), tuple(gold["order"]), tuple(gold["classes"]))
    return Known(answer, gold.get("note", ""))


def untrained(session: Session, project_id: int, person_id: int, limit: int) -> list[int]:
    """Gold pages with pictures on which the person has not been trained, in order."""
    trained = exists().where(
        TrainingAnswerRow.page_id == PageRow.id, TrainingAnswerRow.person_id == person_id
    )
    query = (
        select(PageRow.id)
        .join(ClusterRow, ClusterRow.id == PageRow.cluster_id)
        .where(
            ClusterRow.project_id == project_id,
            ClusterRow.kind == ClusterKind.GOLD.value,
            PageRow.gold.is_not(None),
            ~trained,
            ~blind(),
        )
        .order_by(PageRow.cluster_id, PageRow.position, PageRow.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def add_training(
    session: Session, person_id: int, page_id: int, answer: Answer, score: float
) -> None:
    """Store an answer of the training round; of several to one page the first is kept."""
    trained = exists().where(
        TrainingAnswerRow.page_id == page_id, TrainingAnswerRow.person_id == person_id
    )
    if session.scalar(select(trained)):
        return
    session.add(
        TrainingAnswerRow(
            page_id=page_id,
            person_id=person_id,
            kind=answer.kind.value,
            ranking=digits(answer.order),
            classes=digits(answer.classes),
            score=score,
        )
    )


def training_of(session: Session, project_id: int) -> dict[int, tuple[int, float]]:
    """How many training answers each person gave in a project, and their mean score."""
    rows = session.execute(
        select(TrainingAnswerRow.person_id, TrainingAnswerRow.score)
        .join(PageRow, PageRow.id == TrainingAnswerRow.page_id)
        .where(PageRow.project_id == project_id)
    )
    scores: dict[int, list[float]] = {}
    for person_id, score in rows:
        scores.setdefault(person_id, []).append(score)
    return {person_id: (len(s), sum(s) / len(s)) for person_id, s in scores.items()}
