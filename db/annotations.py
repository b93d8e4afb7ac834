"""Queries about pages and judgements: bulk inserts, and what the log says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from cssim.types import Answer, Judgement, JudgementKind, Page, PageMode, check_page
from db.library import chunks, table
from db.models import (
    ClusterRow,
    JudgementRow,
    PageCandidateRow,
    PageRow,
    ParticipationRow,
    PersonRow,
    now,
)

STANDING = (JudgementKind.ANSWER.value, JudgementKind.TIE.value)
"""Kinds of judgement that count as an answer while nothing supersedes them."""


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page before it has an id; refuses images that cannot stand on one page."""

    reference: int
    """Image id."""
    candidates: tuple[int, ...]
    """Image ids."""
    mode: PageMode = PageMode.RANK
    wanted: int = 1
    """How many people are to answer it; 0 where it is not to be handed out."""
    plan_id: int | None = None
    """The plan that hands it out."""

    def __post_init__(self) -> None:
        check_page(self.reference, self.candidates, self.mode)


@dataclass(frozen=True, slots=True)
class NewJudgement:
    """A row of the log before it has an id; fields as in `JudgementRow`."""

    page_id: int
    answer: Answer
    person_id: int | None = None
    votes: int = 1
    response_ms: int | None = None
    shown: tuple[int, ...] = ()
    supersedes: int | None = None
    client_id: str | None = None
    late: bool = False
    flag: str | None = None
    source: str = "web"
    """`web`, `import` or `simulated`."""
    extra: Mapping[str, Any] | None = None
    answered_at: datetime | None = None
    version: str | None = None
    """Of the CS-Sim that takes the answer in."""


def add_pages(
    session: Session, project_id: int, cluster_id: int, pages: Sequence[NewPage]
) -> list[int]:
    """Add pages behind those that the cluster has; gives their ids in the order of `pages`."""
    if not pages:
        return []
    # The lock keeps positions apart where two transactions add to one cluster.
    session.execute(select(ClusterRow.id).where(ClusterRow.id == cluster_id).with_for_update())
    last = session.scalar(
        select(func.max(PageRow.position)).where(PageRow.cluster_id == cluster_id)
    )
    start = 0 if last is None else last + 1
    made = now()
    session.execute(
        insert(table(PageRow)),
        [
            {
                "project_id": project_id,
                "cluster_id": cluster_id,
                "position": start + i,
                "mode": page.mode.value,
                "reference_id": page.reference,
                "wanted": page.wanted,
                "done": 0,
                "plan_id": page.plan_id,
                "created_at": made,
            }
            for i, page in enumerate(pages)
        ],
    )
    # Read back by position: RETURNING would send the rows one by one on SQLite.
    ids = list(
        session.scalars(
            select(PageRow.id)
            .where(PageRow.cluster_id == cluster_id, PageRow.position >= start)
            .order_by(PageRow.position)
        )
    )
    session.execute(
        insert(table(PageCandidateRow)),
        [
            {"page_id": id_, "position": position, "image_id": image_id}
            for id_, page in zip(ids, pages, strict=True)
            for position, image_id in enumerate(page.candidates)
        ],
    )
    return ids


def add_judgements(session: Session, judgements: Sequence[NewJudgement]) -> None:
    """Append rows to the log and bring the pages' counters of answers up to date.

    Whether an answer fits its page is the caller's to check (`Answer.check`).
    """
    if not judgements:
        return
    made = now()
    session.execute(
        insert(table(JudgementRow)), [_row(judgement, made) for judgement in judgements]
    )
    refresh_done(session, {judgement.page_id for judgement in judgements})


def add_judgement(session: Session, judgement: NewJudgement) -> int:
    """Append one row, bring its page's counter up to date, and give the row's id."""
    statement = insert(JudgementRow).returning(JudgementRow.id)
    id_ = session.scalars(statement, _row(judgement, now())).one()
    refresh_done(session, [judgement.page_id])
    return id_


def _row(judgement: NewJudgement, made: datetime) -> dict[str, Any]:
    return {
        "page_id": judgement.page_id,
        "person_id": judgement.person_id,
        "client_id": judgement.client_id,
        "kind": judgement.answer.kind.value,
        "ranking": digits(judgement.answer.order),
        "classes": digits(judgement.answer.classes),
        "votes": judgement.votes,
        "shown": digits(judgement.shown),
        "response_ms": judgement.response_ms,
        "late": judgement.late,
        "flag": judgement.flag,
        "supersedes_id": judgement.supersedes,
        "source": judgement.source,
        "extra": dict(judgement.extra) if judgement.extra else None,
        "answered_at": judgement.answered_at,
        "version": judgement.version,
        "created_at": made,
    }


def refresh_done(session: Session, page_ids: Iterable[int]) -> None:
    """Count the standing judgements of these pages anew."""
    for some in chunks(sorted(set(page_ids))):
        session.execute(_refresh_query(), {"pages": some})


@cache
def _refresh_query() -> Update:
    """Built once: building it takes longer than running it, within every answer's transaction."""
    later = aliased(JudgementRow)
    standing = (
        select(func.count())
        .where(
            JudgementRow.page_id == PageRow.id,
            JudgementRow.kind.in_(STANDING),
            ~exists().where(later.supersedes_id == JudgementRow.id),
        )
        .scalar_subquery()
    )
    return (
        update(PageRow)
        .where(PageRow.id.in_(bindparam("pages", expanding=True)))
        .values(done=standing)
        .execution_options(synchronize_session=False)
    )


def pages_of(
    session: Session, cluster_ids: Iterable[int], *, everything: bool = False
) -> list[Page]:
    """Pages of the clusters, cluster by cluster in the order of their positions.

    Left out unless `everything`: pages that only show another one again, for analyses would count a
    person's answer twice, and pages with a picture that was withdrawn.
    """
    return _pages(session, PageRow.cluster_id, cluster_ids, everything=everything)


def pages_by_id(session: Session, page_ids: Iterable[int]) -> dict[int, Page]:
    """Page of each id; unknown ids are left out."""
    return {page.id: page for page in _pages(session, PageRow.id, page_ids)}


def _pages(
    session: Session,
    column: InstrumentedAttribute[int],
    values: Iterable[int],
    *,
    everything: bool = True,
) -> list[Page]:
    found: list[Page] = []
    kept = true() if everything else and_(PageRow.repeat_of.is_(None), is_shown())
    for some in chunks(sorted(set(values))):
        candidates: dict[int, list[int]] = {}
        for page_id, image_id in session.execute(
            select(PageCandidateRow.page_id, PageCandidateRow.image_id)
            .join(PageRow)
            .where(column.in_(some), kept)
            .order_by(PageCandidateRow.page_id, PageCandidateRow.position)
        ):
            candidates.setdefault(page_id, []).append(image_id)
        found.extend(
            Page(id_, cluster_id, reference, tuple(candidates[id_]), PageMode(mode))
            for id_, cluster_id, reference, mode in session.execute(
                select(PageRow.id, PageRow.cluster_id, PageRow.reference_id, PageRow.mode)
                .where(column.in_(some), kept)
                .order_by(PageRow.cluster_id, PageRow.position, PageRow.id)
            )
        )
    return found


JUDGEMENT = (
    JudgementRow.id,
    JudgementRow.page_id,
    JudgementRow.person_id,
    JudgementRow.kind,
    JudgementRow.ranking,
    JudgementRow.classes,
    JudgementRow.votes,
    JudgementRow.response_ms,
    JudgementRow.shown,
    JudgementRow.supersedes_id,
    JudgementRow.created_at,
)
"""Columns of a `Judgement`, for queries that ask for more beside them."""


def judgements_of(
    session: Session, cluster_ids: Iterable[int], *, everything: bool = False
) -> list[Judgement]:
    """The log of the clusters, in the order in which it was written, as analyses read it.

    Answers of people whom the project excludes, and answers to repeated pages or to pages with a
    picture that was withdrawn, are left out unless `everything`; no answer is ever deleted.
    """
    query = (
        select(*JUDGEMENT)
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .where(PageRow.cluster_id.in_(sorted(set(cluster_ids))))
        .order_by(JudgementRow.id)
    )
    if not everything:
        query = query.where(PageRow.repeat_of.is_(None), is_shown(), ~is_excluded())
    return [judgement_from(row) for row in session.execute(query)]


def is_shown() -> ColumnElement[bool]:
    """That no picture of the page was withdrawn; speaks of `PageRow`."""
    return PageRow.wanted_before.is_(None)


def is_excluded() -> ColumnElement[bool]:
    """That analyses leave the person's answers out; speaks of `JudgementRow` and `PageRow`."""
    return exists().where(
        ParticipationRow.project_id == PageRow.project_id,
        ParticipationRow.person_id == JudgementRow.person_id,
        ParticipationRow.excluded,
    )


def judgement_from(row: Sequence[Any]) -> Judgement:
    """A row that begins with the columns `JUDGEMENT`."""
    return Judgement(
        id=row[0],
        page_id=row[1],
        person_id=row[2],
        answer=Answer(JudgementKind(row[3]), positions(row[4]), positions(row[5])),
        votes=row[6],
        response_ms=row[7],
        shown=positions(row[8]),
        supersedes=row[9],
        created_at=row[10],
    )


def ensure_imported_people(session: Session, names: Iterable[str]) -> tuple[dict[str, int], int]:
    """Person id of each name, and how many of these people had to be made.

    New people are marked as imported: they carry answers and cannot sign in.
    """
    wanted = sorted(set(names))
    known = _people(session, wanted)
    missing = [name for name in wanted if name not in known]
    if missing:
        made = now()
        session.execute(
            insert(PersonRow),
            [
                {"name": name, "role": "annotator", "imported": True, "created_at": made}
                for name in missing
            ],
        )
    return known | _people(session, missing), len(missing)


def _people(session: Session, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(names):
        rows = session.execute(select(PersonRow.name, PersonRow.id).where(PersonRow.name.in_(some)))
        found.update((name, id_) for name, id_ in rows)
    return found


def digits(numbers: Iterable[int]) -> str:
    """Positions or classes as the tables store them: one digit each."""
    return "".join(map(str, numbers))


def positions(text: str) -> tuple[int, ...]:
    """What `digits` wrote."""
    return tuple(map(int, text))
