"""Tables. Queries live beside them and return frozen types; ORM rows never leave this package."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UTCDateTime(TypeDecorator[datetime]):
    """Moments in UTC: aware in Python on every database, also where it stores no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments, whose zone nobody knows; store the rest in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs its time zone, got the naive {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that SQLite does not store."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def now() -> datetime:
    """This moment in UTC; the default of the `created_at` columns."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables, with names for constraints so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ProjectRow(Base):
    """A body of images, labels and models that belong together."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    criterion: Mapped[str] = mapped_column(Text, default="")
    instructions: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ImageRow(Base):
    """A picture; without `sha256` only its name is known."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("project_id", "sha256"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str] = mapped_column(String(500))
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ImageNameRow(Base):
    """Every name of an image, the first included: files with equal content share an image."""

    __tablename__ = "image_names"
    __table_args__ = (UniqueConstraint("project_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
    name: Mapped[str] = mapped_column(String(500))


class ImageTagRow(Base):
    """A word on an image, e.g. its context."""

    __tablename__ = "image_tags"
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(200), primary_key=True)


class PersonRow(Base):
    """Somebody who answers, or signs in, or both."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    simulated: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    imported: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class SignInRow(Base):
    """A browser that is signed in; only the hash of its token is kept."""

    __tablename__ = "sign_ins"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    one_time: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """True for a sign-in link: it opens one session and is gone."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


class SignInAttemptRow(Base):
    """A failed try to sign in, for throttling."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index("ix_sign_in_attempts_name_at", "name", "at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(100), default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class AuditRow(Base):
    """What an administrator, or the owner by command line, did to people and data."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    action: Mapped[str] = mapped_column(String(100))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class ClusterRow(Base):
    """A named set of pages: context, validation, test or gold."""

    __tablename__ = "clusters"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint("kind in ('context', 'validation', 'test', 'gold')", name="kind"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    context: Mapped[str | None] = mapped_column(String(200))
    source: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class PageRow(Base):
    """A reference with its candidates, and how many answers it has and needs."""

    __tablename__ = "pages"
    __table_args__ = (
        CheckConstraint("mode in ('choose', 'rank')", name="mode"),
        CheckConstraint("wanted >= 0 and done >= 0", name="counts"),
        Index(
            "ix_pages_open",
            "project_id",
            "done",
            "id",
            sqlite_where=text("done < wanted"),
            postgresql_where=text("done < wanted"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    cluster_id: Mapped[int] = mapped_column(ForeignKey("clusters.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    """0-based place in the cluster: the line of an imported file, the order of a plan."""
    mode: Mapped[str] = mapped_column(String(10))
    reference_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
    wanted: Mapped[int] = mapped_column(Integer, default=1)
    """How many people are to answer it; 0 where it is not to be handed out."""
    done: Mapped[int] = mapped_column(Integer, default=0)
    """How many standing judgements (answers and ties) it has."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class PageCandidateRow(Base):
    """One candidate of a page at its 0-based position."""

    __tablename__ = "page_candidates"
    page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)


class JudgementRow(Base):
    """One answer; rows are only ever added.

    `ranking` holds the candidates' positions as digits, closest first ("201"); `classes` holds a
    digit 1..5 for each candidate in the page's order ("134"); both are empty where none apply.
    """

    __tablename__ = "judgements"
    __table_args__ = (
        CheckConstraint("kind in ('answer', 'tie', 'skip', 'retract')", name="kind"),
        CheckConstraint("votes >= 1", name="votes"),
        Index("ix_judgements_person_page", "person_id", "page_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    client_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Made by the browser; sending the same answer twice stores it once."""
    kind: Mapped[str] = mapped_column(String(10))
    ranking: Mapped[str] = mapped_column(String(5), default="")
    classes: Mapped[str] = mapped_column(String(5), default="")
    votes: Mapped[int] = mapped_column(Integer, default=1)
    shown: Mapped[str] = mapped_column(String(5), default="")
    """Positions as they stood on screen, left to right."""
    response_ms: Mapped[int | None] = mapped_column(Integer)
    late: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """True where the lease had run out; the answer counts all the same."""
    flag: Mapped[str | None] = mapped_column(Text)
    """A person's remark that something is wrong with the page."""
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("judgements.id"), unique=True)
    source: Mapped[str] = mapped_column(String(20), default="web")
    """`web`, `import` or `simulated`."""
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Columns of an imported row that have no place of their own."""
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """By the clock of the person's device, or of the imported file."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class LeaseRow(Base):
    """A page handed out to a person, until it is answered, returned or run out."""

    __tablename__ = "leases"
    __table_args__ = (
        CheckConstraint("state in ('open', 'answered', 'returned')", name="state"),
        Index(
            "ix_leases_open",
            "page_id",
            "expires_at",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_leases_person", "person_id", "page_id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    shown: Mapped[str] = mapped_column(String(5))
    state: Mapped[str] = mapped_column(String(10), default="open")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


class JobRow(Base):
    """A piece of long work."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"
        ),
        Index("ix_jobs_state_id", "state", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    kind: Mapped[str] = mapped_column(String(30))
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(10), default="queued")
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    worker: Mapped[str | None] = mapped_column(String(200))
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    heartbeat_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class JobEventRow(Base):
    """Something a job reported, e.g. an epoch; the live curves are drawn from these."""

    __tablename__ = "job_events"
    __table_args__ = (UniqueConstraint("job_id", "seq"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    seq: Mapped[int] = mapped_column(Integer)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class WorkerRow(Base):
    """A worker process that says that it is alive."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    heartbeat_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ModelRow(Base):
    """A model of a project."""

    __tablename__ = "models"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint("kind in ('frozen', 'cs', 'global', 'metric')", name="kind"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(10))
    backbone: Mapped[str] = mapped_column(String(1000))
    path: Mapped[str | None] = mapped_column(String(1000))
    config: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    data_fingerprint: Mapped[str] = mapped_column(String(64), default="")
    trained_references: Mapped[list[int]] = mapped_column(JSON, default=list)
    archived: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ModelClusterRow(Base):
    """A cluster that a model was trained on."""

    __tablename__ = "model_clusters"
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"), primary_key=True)
    cluster_id: Mapped[int] = mapped_column(ForeignKey("clusters.id"), primary_key=True)


class EnsembleRow(Base):
    """A strategy over members."""

    __tablename__ = "ensembles"
    __table_args__ = (UniqueConstraint("project_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(200))
    strategy: Mapped[str] = mapped_column(String(50))
    config: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    path: Mapped[str | None] = mapped_column(String(1000))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class EnsembleMemberRow(Base):
    """A member of an ensemble at its 0-based position."""

    __tablename__ = "ensemble_members"
    ensemble_id: Mapped[int] = mapped_column(ForeignKey("ensembles.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))


class EvaluationRow(Base):
    """A stored comparison."""

    __tablename__ = "evaluations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class EvaluationClusterRow(Base):
    """A set that an evaluation looked at; rows of test sets are the record of looks."""

    __tablename__ = "evaluation_clusters"
    evaluation_id: Mapped[int] = mapped_column(ForeignKey("evaluations.id"), primary_key=True)
    cluster_id: Mapped[int] = mapped_column(ForeignKey("clusters.id"), primary_key=True, index=True)
