"""Queries about withdrawn pictures: what goes, what is kept of them, and what may come back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from cssim.errors import NotFound
from cssim.types import JobState
from db.library import chunks, table
from db.models import (
    ImageNameRow,
    ImageRow,
    ImageTagRow,
    JobRow,
    JudgementRow,
    LeaseRow,
    ModelClusterRow,
    ModelRow,
    PageCandidateRow,
    PageRow,
    PersonRow,
    ProjectRow,
    WithdrawalRow,
    now,
)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A picture that was withdrawn."""

    id: int
    sha256: str
    """Of the bytes that are refused while it stands."""
    reason: str
    by: str | None
    """Name; None where it came by command line."""
    at: datetime
    swept_at: datetime | None
    """When its files and vectors were gone for good; None: not yet."""
    restored_at: datetime | None
    """When its bytes were allowed again."""
    images: tuple[int, ...]
    """Ids in the project that was asked for that still wait for the bytes."""

    @property
    def stands(self) -> bool:
        """Whether its bytes are refused."""
        return self.restored_at is None


@dataclass(frozen=True, slots=True)
class Places:
    """Where pictures stand that somebody thinks of withdrawing."""

    open_pages: int
    """Pages that want answers still."""
    answered_pages: int
    judgements: int
    """Rows of the log on pages that show them."""
    models: tuple[str, ...]
    """Names of trained models that saw one of them."""
    projects: tuple[str, ...]
    """Names of the projects that hold one of them."""


def lock_projects(session: Session) -> None:
    """Let no import run beside a withdrawal: it could bring the bytes in unseen."""
    session.execute(select(ProjectRow.id).order_by(ProjectRow.id).with_for_update())


def standing(session: Session, hashes: Collection[str] | None = None) -> dict[str, str]:
    """Reason by hash of every picture whose bytes are refused, or of those among `hashes`."""
    query = select(WithdrawalRow.sha256, WithdrawalRow.reason).where(
        WithdrawalRow.restored_at.is_(None)
    )
    if hashes is None:
        return {sha256: reason for sha256, reason in session.execute(query)}
    found: dict[str, str] = {}
    for some in chunks(sorted(set(hashes))):
        rows = session.execute(query.where(WithdrawalRow.sha256.in_(some)))
        found.update((sha256, reason) for sha256, reason in rows)
    return found


def withdraw(
    session: Session, hashes: Iterable[str], reason: str, person_id: int | None
) -> dict[str, int]:
    """Take pictures out of every project; id of the withdrawal by hash.

    Their pages are neither handed out nor counted from now on, names and tags are forgotten, and
    open leases end. Judgements stay. The files are the caller's to delete, after the commit.
    """
    made: dict[str, int] = {}
    for sha256 in dict.fromkeys(hashes):
        row = WithdrawalRow(sha256=sha256, reason=reason, person_id=person_id, at=now())
        session.add(row)
        session.flush()
        made[sha256] = row.id
        images = session.execute(
            select(ImageRow.id, ImageRow.project_id).where(ImageRow.sha256 == sha256)
        ).all()
        for image_id, project_id in images:
            _take_out(session, image_id, project_id, row.id)
    return made


def _take_out(session: Session, image_id: int, project_id: int, withdrawal_id: int) -> None:
    session.execute(delete(ImageNameRow).where(ImageNameRow.image_id == image_id))
    session.execute(delete(ImageTagRow).where(ImageTagRow.image_id == image_id))
    name = f"withdrawn-{image_id}"
    taken = select(ImageNameRow.id).where(
        ImageNameRow.project_id == project_id, ImageNameRow.name == name
    )
    if session.scalar(taken) is not None:
        name = f"{name}-{withdrawal_id}"
    session.execute(
        insert(table(ImageNameRow)), {"project_id": project_id, "image_id": image_id, "name": name}
    )
    session.execute(
        update(ImageRow)
        .where(ImageRow.id == image_id)
        .values(
            name=name,
            sha256=None,
            width=None,
            height=None,
            colour=None,
            withdrawal_id=withdrawal_id,
        )
    )
    pages = _pages_with(image_id)
    session.execute(
        update(PageRow)
        .where(PageRow.id.in_(pages), PageRow.wanted_before.is_(None))
        .values(wanted_before=PageRow.wanted, wanted=0)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(LeaseRow)
        .where(LeaseRow.page_id.in_(pages), LeaseRow.state == "open")
        .values(state="returned")
        .execution_options(synchronize_session=False)
    )


def _pages_with(image_id: int) -> Select[int]:
    as_candidate = exists().where(
        PageCandidateRow.page_id == PageRow.id, PageCandidateRow.image_id == image_id
    )
    return select(PageRow.id).where((PageRow.reference_id == image_id) | as_candidate)


def unswept(session: Session) -> list[tuple[int, str, datetime]]:
    """(id, hash, moment) of each withdrawal whose files may still lie somewhere."""
    rows = session.execute(
        select(WithdrawalRow.id, WithdrawalRow.sha256, WithdrawalRow.at)
        .where(WithdrawalRow.swept_at.is_(None), WithdrawalRow.restored_at.is_(None))
        .order_by(WithdrawalRow.id)
    )
    return [(id_, sha256, at) for id_, sha256, at in rows]


def set_swept(session: Session, ids: Iterable[int]) -> None:
    """Write down that nothing is left of these."""
    session.execute(
        update(WithdrawalRow).where(WithdrawalRow.id.in_(list(ids))).values(swept_at=now())
    )


def running_since_before(session: Session, moment: datetime, *, but: int) -> list[int]:
    """Ids of jobs that run and had begun before a moment, one of them left out."""
    query = select(JobRow.id).where(
        JobRow.state == JobState.RUNNING.value, JobRow.started_at < moment, JobRow.id != but
    )
    return list(session.scalars(query.order_by(JobRow.id)))


def restore(session: Session, withdrawal_id: int, person_id: int | None) -> None:
    """Allow the bytes again; the pictures wait for them until they are imported.

    Raises:
        NotFound: no such withdrawal stands.
    """
    changed = session.execute(
        update(WithdrawalRow)
        .where(WithdrawalRow.id == withdrawal_id, WithdrawalRow.restored_at.is_(None))
        .values(restored_at=now(), restored_by=person_id)
        .returning(WithdrawalRow.id)
    ).all()
    if not changed:
        raise NotFound(
            f"no withdrawal {withdrawal_id} stands; `images withdrawn` lists those that do"
        )


def waiting_for(session: Session, project_id: int, hashes: Iterable[str]) -> dict[str, int]:
    """Image id by hash of the project's pictures that were withdrawn and may come back."""
    found: dict[str, int] = {}
    for some in chunks(sorted(set(hashes))):
        rows = session.execute(
            select(WithdrawalRow.sha256, ImageRow.id)
            .join(ImageRow, ImageRow.withdrawal_id == WithdrawalRow.id)
            .where(
                ImageRow.project_id == project_id,
                WithdrawalRow.sha256.in_(some),
                WithdrawalRow.restored_at.is_not(None),
            )
        )
        found.update((sha256, image_id) for sha256, image_id in rows)
    return found


def forget_stand_in(session: Session, image_id: int) -> None:
    """Take the name away that a picture got when it was withdrawn."""
    own = select(ImageRow.name).where(ImageRow.id == image_id).scalar_subquery()
    session.execute(
        delete(ImageNameRow)
        .where(ImageNameRow.image_id == image_id, ImageNameRow.name == own)
        .execution_options(synchronize_session=False)
    )


def let_back(session: Session, image_id: int) -> None:
    """Tie a picture to its withdrawal no more; its pages count again where all others are here."""
    session.execute(update(ImageRow).where(ImageRow.id == image_id).values(withdrawal_id=None))
    reference, candidate = aliased(ImageRow), aliased(ImageRow)
    lacking = exists().where(
        reference.id == PageRow.reference_id, reference.withdrawal_id.is_not(None)
    ) | exists().where(
        PageCandidateRow.page_id == PageRow.id,
        candidate.id == PageCandidateRow.image_id,
        candidate.withdrawal_id.is_not(None),
    )
    pages = _pages_with(image_id).where(PageRow.wanted_before.is_not(None), ~lacking)
    session.execute(
        update(PageRow)
        .where(PageRow.id.in_(list(session.scalars(pages))))
        .values(wanted=PageRow.wanted_before, wanted_before=None)
        .execution_options(synchronize_session=False)
    )


def list_withdrawals(
    session: Session, project_id: int, *, standing_only: bool = False
) -> list[Withdrawal]:
    """Every withdrawal of this installation, newest first."""
    query = (
        select(WithdrawalRow, PersonRow.name)
        .outerjoin(PersonRow, PersonRow.id == WithdrawalRow.person_id)
        .order_by(WithdrawalRow.id.desc())
    )
    if standing_only:
        query = query.where(WithdrawalRow.restored_at.is_(None))
    images: dict[int, list[int]] = {}
    for image_id, withdrawal_id in session.execute(
        select(ImageRow.id, ImageRow.withdrawal_id)
        .where(ImageRow.project_id == project_id, ImageRow.withdrawal_id.is_not(None))
        .order_by(ImageRow.id)
    ):
        images.setdefault(int(withdrawal_id or 0), []).append(image_id)
    return [
        Withdrawal(
            id=row.id,
            sha256=row.sha256,
            reason=row.reason,
            by=name,
            at=row.at,
            swept_at=row.swept_at,
            restored_at=row.restored_at,
            images=tuple(images.get(row.id, ())),
        )
        for row, name in session.execute(query)
    ]


def places_of(session: Session, hashes: Collection[str]) -> Places:
    """Where pictures with these hashes stand, over all projects."""
    images = select(ImageRow.id).where(ImageRow.sha256.in_(sorted(hashes)))
    as_candidate = exists().where(
        PageCandidateRow.page_id == PageRow.id, PageCandidateRow.image_id.in_(images)
    )
    shows = PageRow.reference_id.in_(images) | as_candidate
    pages = session.execute(
        select(PageRow.id, PageRow.cluster_id, PageRow.done, PageRow.wanted).where(shows)
    ).all()
    answered = {cluster for _, cluster, done, _ in pages if done}
    models = select(ModelRow.name).where(
        ModelRow.id.in_(
            select(ModelClusterRow.model_id).where(ModelClusterRow.cluster_id.in_(answered))
        )
    )
    projects = select(ProjectRow.name).where(
        ProjectRow.id.in_(select(ImageRow.project_id).where(ImageRow.sha256.in_(sorted(hashes))))
    )
    return Places(
        open_pages=sum(done < wanted for *_, done, wanted in pages),
        answered_pages=sum(done > 0 for *_, done, _ in pages),
        judgements=_count_judgements(session, [row[0] for row in pages]),
        models=tuple(session.scalars(models.order_by(ModelRow.id))),
        projects=tuple(session.scalars(projects.order_by(ProjectRow.name))),
    )


def _count_judgements(session: Session, page_ids: Collection[int]) -> int:
    return sum(
        session.scalar(
            select(func.count()).select_from(JudgementRow).where(JudgementRow.page_id.in_(some))
        )
        or 0
        for some in chunks(page_ids)
    )


def seen_by_models(session: Session, model_ids: Collection[int]) -> Mapping[int, int]:
    """How many pictures each model was trained on that were withdrawn since, by id; none: left out.

    A model saw what stood answered in its sets when its training began.
    """
    candidate = aliased(PageCandidateRow)
    began = func.coalesce(JobRow.started_at, ModelRow.created_at)
    shown = exists().where(
        PageRow.cluster_id == ModelClusterRow.cluster_id,
        PageRow.done > 0,
        (PageRow.reference_id == ImageRow.id)
        | exists().where(candidate.page_id == PageRow.id, candidate.image_id == ImageRow.id),
    )
    rows = session.execute(
        select(ModelRow.id, func.count(ImageRow.id.distinct()))
        .join(ModelClusterRow, ModelClusterRow.model_id == ModelRow.id)
        .outerjoin(JobRow, JobRow.id == ModelRow.job_id)
        .join(ImageRow, ImageRow.project_id == ModelRow.project_id)
        .join(WithdrawalRow, WithdrawalRow.id == ImageRow.withdrawal_id)
        .where(ModelRow.id.in_(sorted(model_ids)), WithdrawalRow.at >= began, shown)
        .group_by(ModelRow.id)
    )
    return {model_id: int(count) for model_id, count in rows}
