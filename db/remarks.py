"""Queries about pages with which something is wrong, by those who had them before their eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from cssim.types import JudgementKind
from db.leases import not_superseded
from db.models import JudgementRow, PageRow

SEVERAL = 2
"""So many people who skipped a page say that something is wrong with it."""


@dataclass(frozen=True, slots=True)
class RemarkRow:
    """What one person says about a page beside an answer, or instead of one."""

    page_id: int
    person_id: int | None
    kind: JudgementKind
    """What they said about the page itself: `answer`, `tie` or `skip`."""
    text: str
    """Empty where they only skipped it."""
    at: datetime


@dataclass(frozen=True, slots=True)
class TroubledPage:
    """A page with remarks, or that several people skipped."""

    page_id: int
    cluster_id: int
    wanted: int
    done: int
    is_check: bool
    """A gold page or a repeat: handed out to check people, whatever it wants."""
    remarks: tuple[RemarkRow, ...]
    """Newest first; skips without a remark are among them."""


def troubled_pages(
    session: Session, project_id: int, *, only_open: bool = False, limit: int = 100
) -> list[TroubledPage]:
    """Pages with a standing remark or `SEVERAL` standing skips, the newest remark or skip first.

    Args:
        session: of any transaction.
        project_id: whose pages.
        only_open: leave out those that are handed out no more.
        limit: at most so many pages.
    """
    said = or_(JudgementRow.flag.is_not(None), JudgementRow.kind == JudgementKind.SKIP.value)
    is_check = or_(PageRow.repeat_of.is_not(None), PageRow.gold.is_not(None))
    columns = (PageRow.id, PageRow.cluster_id, PageRow.wanted, PageRow.done, is_check)
    skips = func.sum(case((JudgementRow.kind == JudgementKind.SKIP.value, 1), else_=0))
    query = (
        select(*columns)
        .join(JudgementRow, JudgementRow.page_id == PageRow.id)
        .where(PageRow.project_id == project_id, said, not_superseded())
        .group_by(PageRow.id)
        .having(or_(func.count(JudgementRow.flag) > 0, skips >= SEVERAL))
        .order_by(func.max(JudgementRow.id).desc())
        .limit(limit)
    )
    if only_open:
        query = query.where(PageRow.done < PageRow.wanted)
    pages = session.execute(query).all()
    remarks = _remarks(session, [page[0] for page in pages])
    return [
        TroubledPage(id_, cluster, wanted, done, bool(check), tuple(remarks[id_]))
        for id_, cluster, wanted, done, check in pages
    ]


def want_more(session: Session, project_id: int, page_id: int, more: int) -> bool:
    """Let a page want `more` answers than it has; False where no page of the project may.

    Pages that check people, and are handed out whatever they want, may not.
    """
    changed = session.execute(
        update(PageRow)
        .where(
            PageRow.id == page_id,
            PageRow.project_id == project_id,
            PageRow.repeat_of.is_(None),
            PageRow.gold.is_(None),
        )
        .values(wanted=PageRow.done + more)
        .returning(PageRow.id)
    )
    return changed.first() is not None


def _remarks(session: Session, page_ids: Sequence[int]) -> dict[int, list[RemarkRow]]:
    found: dict[int, list[RemarkRow]] = {id_: [] for id_ in page_ids}
    rows = session.execute(
        select(
            JudgementRow.page_id,
            JudgementRow.person_id,
            JudgementRow.kind,
            JudgementRow.flag,
            JudgementRow.created_at,
        )
        .where(
            JudgementRow.page_id.in_(page_ids),
            or_(JudgementRow.flag.is_not(None), JudgementRow.kind == JudgementKind.SKIP.value),
            not_superseded(),
        )
        .order_by(JudgementRow.id.desc())
    )
    for page_id, person_id, kind, text, at in rows:
        row = RemarkRow(page_id, person_id, JudgementKind(kind), text or "", at)
        found[page_id].append(row)
    return found
