"""Ensembles can be put away and renamed: what was computed knows them by their ids."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_GONE = 0
"""Stands for an ensemble that is not there any more; ids begin at 1."""


def upgrade() -> None:
    """Add the mark, and write ids where jobs and comparisons held names of ensembles."""
    # Added in place: making the table anew would drop it under the rows that point at it.
    op.add_column(
        "ensembles",
        sa.Column("archived", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    ensembles = sa.table(
        "ensembles", sa.column("id", sa.Integer), sa.column("project_id"), sa.column("name")
    )
    found = op.get_bind().execute(sa.select(ensembles))
    ids = {(project, name): ensemble_id for ensemble_id, project, name in found}
    _name_by_id("evaluations", "settings", ids)
    _name_by_id("jobs", "params", ids)


def _name_by_id(name: str, column: str, ids: Mapping[tuple[int, str], int]) -> None:
    """Until now no ensemble could be renamed, so that the names are those of today."""
    table = sa.table(
        name, sa.column("id", sa.Integer), sa.column("project_id"), sa.column(column, sa.JSON)
    )
    for row_id, project, asked in op.get_bind().execute(sa.select(table)).all():
        names = asked.get("ensembles")
        if not names:
            continue
        known = [one if isinstance(one, int) else ids.get((project, one), _GONE) for one in names]
        changed = sa.update(table).where(table.c.id == row_id)
        op.get_bind().execute(changed.values({column: {**asked, "ensembles": known}}))
