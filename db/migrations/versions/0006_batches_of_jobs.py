"""Jobs that were asked for together, and jobs that are paused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of batches, and what ties jobs to it."""
    op.create_table(
        "job_batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_job_batches_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_batches")),
    )
    op.create_index(op.f("ix_job_batches_project_id"), "job_batches", ["project_id"])
    # In SQL: Alembic would add the constraint afterwards, which SQLite cannot do.
    key = "constraint fk_jobs_batch_id_job_batches references job_batches (id)"
    op.execute(f"alter table jobs add column batch_id integer {key}")
    op.create_index(op.f("ix_jobs_batch_id"), "jobs", ["batch_id"])
    op.add_column(
        "jobs", sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
