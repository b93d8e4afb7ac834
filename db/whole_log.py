"""The log of judgements with everything that is known of each: for exports and audits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cssim.types import Judgement
from db.annotations import JUDGEMENT, is_excluded, is_shown, judgement_from
from db.models import JudgementRow, PageRow, PersonRow, PlanRow


@dataclass(frozen=True, slots=True)
class LoggedJudgement:
    """A row of the log with everything that an export tells of it."""

    judgement: Judgement
    person: str | None
    """Name; None where the source names nobody."""
    simulated: bool
    """Whether that person belongs to the demo world."""
    superseded: bool
    """Whether a later row replaces this one."""
    source: str
    late: bool
    flag: str | None
    client_id: str | None
    extra: Mapping[str, Any]
    answered_at: datetime | None
    plan: str | None = None
    """Name of the plan that handed the page out."""
    repeat_of: int | None = None
    """The page that its page shows again."""
    excluded: bool = False
    """Whether analyses leave the person's answers out."""
    version: str | None = None
    """Of the CS-Sim that took the answer in."""
    withdrawn: bool = False
    """Whether a picture of its page was withdrawn."""


def log_of(session: Session, cluster_ids: Iterable[int]) -> list[LoggedJudgement]:
    """The whole log of the clusters, in the order in which it was written."""
    rows = session.execute(
        select(
            *JUDGEMENT,
            PersonRow.name,
            PersonRow.simulated,
            JudgementRow.source,
            JudgementRow.late,
            JudgementRow.flag,
            JudgementRow.client_id,
            JudgementRow.extra,
            JudgementRow.answered_at,
            PlanRow.name,
            PageRow.repeat_of,
            is_excluded(),
            JudgementRow.version,
            ~is_shown(),
        )
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .outerjoin(PersonRow, PersonRow.id == JudgementRow.person_id)
        .outerjoin(PlanRow, PlanRow.id == PageRow.plan_id)
        .where(PageRow.cluster_id.in_(sorted(set(cluster_ids))))
        .order_by(JudgementRow.id)
    ).all()
    replaced = {row[9] for row in rows if row[9] is not None}
    return [
        LoggedJudgement(
            judgement=judgement_from(row),
            person=row[11],
            simulated=bool(row[12]),
            superseded=row[0] in replaced,
            source=row[13],
            late=row[14],
            flag=row[15],
            client_id=row[16],
            extra=row[17] or {},
            answered_at=row[18],
            plan=row[19],
            repeat_of=row[20],
            excluded=bool(row[21]),
            version=row[22],
            withdrawn=bool(row[23]),
        )
        for row in rows
    ]
