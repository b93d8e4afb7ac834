"""Table of selections: references that somebody found worth a name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, UTCDateTime, now


class SelectionRow(Base):
    """A named set of reference images, with the view in which it was made."""

    __tablename__ = "selections"
    __table_args__ = (UniqueConstraint("project_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text, default="")
    reference_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    """Image ids, sorted."""
    view: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What the page showed: its address parameters."""
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    """Who made it; None where it came by command line."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
