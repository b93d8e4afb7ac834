"""Tables of those who manage labelling: plans, who takes part, training answers, adjudications."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, UTCDateTime, now


class PlanRow(Base):
    """Pages that were made to be labelled together, and how they are handed out."""

    __tablename__ = "plans"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint("kind in ('pages', 'more', 'repeat')", name="kind"),
        CheckConstraint("gold_rate >= 0 and repeat_rate >= 0", name="rates"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(10))
    """`pages` made new ones, `more` asks more people about old ones, `repeat` the same people."""
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What the plan was asked for; enough to draw its pages again."""
    priority: Mapped[int] = mapped_column(Integer, default=0)
    """Plans with a higher number are handed out first; equals take turns."""
    paused: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    gold_cluster_id: Mapped[int | None] = mapped_column(ForeignKey("clusters.id"))
    """Where its gold pages come from."""
    gold_rate: Mapped[float] = mapped_column(Float, default=0.0)
    """Share of the pages handed out that are gold pages, 0..1."""
    repeat_rate: Mapped[float] = mapped_column(Float, default=0.0)
    """Share of the pages handed out that repeat one that the person answered, 0..1."""
    repeat_gap: Mapped[int] = mapped_column(Integer, default=30)
    """At least so many other answers of the person lie between a page and its repeat."""
    cap: Mapped[int | None] = mapped_column(Integer)
    """Adaptive overlap: at most so many people for a page; None where the overlap is fixed."""
    sure: Mapped[float] = mapped_column(Float, default=0.85)
    """Adaptive overlap: people are added while the majority is less sure than this, 0.5..1."""
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ParticipationRow(Base):
    """How a person takes part in a project, where it is not the ordinary way."""

    __tablename__ = "participations"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    paused: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """True: the person is given no pages."""
    excluded: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """True: analyses leave the person's answers out; they stay in the data and in exports."""
    reason: Mapped[str] = mapped_column(Text, default="")
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class TrainingAnswerRow(Base):
    """An answer of the training round: checked against the known one, counted nowhere."""

    __tablename__ = "training_answers"
    __table_args__ = (Index("ix_training_answers_person_page", "person_id", "page_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str] = mapped_column(String(10))
    ranking: Mapped[str] = mapped_column(String(5), default="")
    classes: Mapped[str] = mapped_column(String(5), default="")
    score: Mapped[float] = mapped_column(Float)
    """Share of the known pairs that were put in the known order, 0..1."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class AdjudicationRow(Base):
    """A decision about a page on which people disagree; the newest holds, votes stay untouched."""

    __tablename__ = "adjudications"
    id: Mapped[int] = mapped_column(primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    """Who decided."""
    kind: Mapped[str] = mapped_column(String(10))
    """`answer`, `tie`, or `skip` where the page cannot be decided."""
    ranking: Mapped[str] = mapped_column(String(5), default="")
    classes: Mapped[str] = mapped_column(String(5), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
