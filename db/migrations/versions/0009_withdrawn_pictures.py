"""Pictures that were withdrawn, pages that showed them, and how colours are converted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of withdrawals, and what ties images and pages to them."""
    op.create_table(
        "withdrawals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("restored_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_withdrawals_person_id_people")
        ),
        sa.ForeignKeyConstraint(
            ["restored_by"], ["people.id"], name=op.f("fk_withdrawals_restored_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawals")),
    )
    stands = sa.text("restored_at is null")
    op.create_index(
        "ix_withdrawals_standing",
        "withdrawals",
        ["sha256"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )
    op.add_column("images", sa.Column("colour", sa.String(length=16), nullable=True))
    # In SQL: Alembic would add the constraint afterwards, which SQLite cannot do.
    key = "constraint fk_images_withdrawal_id_withdrawals references withdrawals (id)"
    op.execute(f"alter table images add column withdrawal_id integer {key}")
    op.create_index(op.f("ix_images_withdrawal_id"), "images", ["withdrawal_id"])
    op.add_column("pages", sa.Column("wanted_before", sa.Integer(), nullable=True))
