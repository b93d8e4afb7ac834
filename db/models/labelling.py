"""Tables of labelling: judgements, which are only ever added, and leases."""

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
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, UTCDateTime, now


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
        Index("ix_judgements_person_recent", "person_id", "id"),
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
    version: Mapped[str | None] = mapped_column(String(40))
    """Of the CS-Sim that took the answer in; None for imports."""
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
        Index("ix_leases_recent", "person_id", "created_at"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    shown: Mapped[str] = mapped_column(String(5))
    state: Mapped[str] = mapped_column(String(10), default="open")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
