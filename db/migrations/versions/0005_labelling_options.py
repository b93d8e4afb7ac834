"""What a project lets its annotators answer, and when it suggests a break."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the options with the values that projects had until now."""
    with op.batch_alter_table("projects") as batch:
        batch.add_column(
            sa.Column("cannot_say", sa.Boolean(), server_default=sa.true(), nullable=False)
        )
        batch.add_column(
            sa.Column("break_minutes", sa.Integer(), server_default="30", nullable=False)
        )
