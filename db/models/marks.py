"""Table of marks: what a person has seen or put away where nothing else in the database tells."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, UTCDateTime, now


class MarkRow(Base):
    """The first time of something, of one person in one project, e.g. `seen compare`."""

    __tablename__ = "marks"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
