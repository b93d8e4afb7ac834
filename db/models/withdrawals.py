"""Table of withdrawals: pictures that must be neither kept nor shown, and why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, UTCDateTime, now


class WithdrawalRow(Base):
    """That the picture with these bytes was withdrawn, from every project."""

    __tablename__ = "withdrawals"
    __table_args__ = (
        Index(
            "ix_withdrawals_standing",
            "sha256",
            unique=True,
            sqlite_where=text("restored_at is null"),
            postgresql_where=text("restored_at is null"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of its bytes, which are refused from now on."""
    reason: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    """Who withdrew it; None where it came by command line."""
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    swept_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When its files and vectors were deleted, and nothing that ran could bring them back."""
    restored_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When its bytes were allowed again; None: they are refused."""
    restored_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
