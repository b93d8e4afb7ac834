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
    # Added in place: making the table anew would drop it under the rows that point at it.
    op.add_column(
        "projects",
        sa.Column("cannot_say", sa.Boolean(), server_default=sa.true(), nullable=False),
    )
    op.add_column(
        "projects", sa.Column("break_minutes", sa.Integer(), server_default="30", nullable=False)
    )
