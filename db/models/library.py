"""Tables of the library: projects, images with their names and tags, sets of pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, UTCDateTime, now


class ProjectRow(Base):
    """A body of images, labels and models that belong together."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    criterion: Mapped[str] = mapped_column(Text, default="")
    instructions: Mapped[str] = mapped_column(Text, default="")
    cannot_say: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    break_minutes: Mapped[int] = mapped_column(Integer, default=30, server_default="30")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ImageRow(Base):
    """A picture; without `sha256` only its name is known, or it was withdrawn."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("project_id", "sha256"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str] = mapped_column(String(500))
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    colour: Mapped[str | None] = mapped_column(String(16))
    """Version of the conversion of its colours; empty: none is needed; None: not looked at yet."""
    withdrawal_id: Mapped[int | None] = mapped_column(ForeignKey("withdrawals.id"), index=True)
    """Why it has no pixels any more; None where it was not withdrawn."""
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
            "plan_id",
            "done",
            "id",
            sqlite_where=text("done < wanted"),
            postgresql_where=text("done < wanted"),
        ),
        Index(
            "ix_pages_repeat_of",
            "repeat_of",
            "person_id",
            sqlite_where=text("repeat_of is not null"),
            postgresql_where=text("repeat_of is not null"),
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
    wanted_before: Mapped[int | None] = mapped_column(Integer)
    """What `wanted` was before a picture on it was withdrawn: such a page is neither handed out nor
    counted. None: all of its pictures may be shown."""
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plans.id"), index=True)
    """The plan that hands it out; None for imported pages and for sets drawn without a plan."""
    repeat_of: Mapped[int | None] = mapped_column(ForeignKey("pages.id"))
    """The page that this one shows again, to see whether a person answers alike."""
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    """The only person to whom it is handed out; None: everybody."""
    gold: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The known answer: `order` and `classes` by position, and a `note`; None: unknown."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class PageCandidateRow(Base):
    """One candidate of a page at its 0-based position."""

    __tablename__ = "page_candidates"
    page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
