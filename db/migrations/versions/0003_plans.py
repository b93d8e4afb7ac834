"""Plans, who takes part, training answers, adjudications; what pages and judgements know of them.

Columns are added in place, never by copying a table: pages and judgements may have millions of
rows, and SQLite cannot copy a table that others refer to while foreign keys are on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables first, then the columns that refer to them."""
    _plans()
    _people()
    _pages()
    op.add_column("judgements", sa.Column("version", sa.String(length=40), nullable=True))
    op.create_index("ix_judgements_person_recent", "judgements", ["person_id", "id"])
    op.create_index("ix_leases_recent", "leases", ["person_id", "created_at"])


def _key(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name)


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("gold_cluster_id", sa.Integer(), nullable=True),
        sa.Column("gold_rate", sa.Float(), nullable=False),
        sa.Column("repeat_rate", sa.Float(), nullable=False),
        sa.Column("repeat_gap", sa.Integer(), nullable=False),
        sa.Column("cap", sa.Integer(), nullable=True),
        sa.Column("sure", sa.Float(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('pages', 'more', 'repeat')", name=op.f("ck_plans_kind")),
        sa.CheckConstraint("gold_rate >= 0 and repeat_rate >= 0", name=op.f("ck_plans_rates")),
        _key("plans", "project_id", "projects"),
        _key("plans", "gold_cluster_id", "clusters"),
        _key("plans", "created_by", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_plans_project_id_name")),
    )


def _people() -> None:
    op.create_table(
        "participations",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("excluded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        _key("participations", "project_id", "projects"),
        _key("participations", "person_id", "people"),
        _key("participations", "changed_by", "people"),
        sa.PrimaryKeyConstraint("project_id", "person_id", name=op.f("pk_participations")),
    )
    op.create_table(
        "training_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("page_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("ranking", sa.String(length=5), nullable=False),
        sa.Column("classes", sa.String(length=5), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _key("training_answers", "page_id", "pages"),
        _key("training_answers", "person_id", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_answers")),
    )
    op.create_index("ix_training_answers_person_page", "training_answers", ["person_id", "page_id"])
    op.create_table(
        "adjudications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("page_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("ranking", sa.String(length=5), nullable=False),
        sa.Column("classes", sa.String(length=5), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _key("adjudications", "page_id", "pages"),
        _key("adjudications", "person_id", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjudications")),
    )
    op.create_index(op.f("ix_adjudications_page_id"), "adjudications", ["page_id"])


def _pages() -> None:
    for column, other in (("plan_id", "plans"), ("repeat_of", "pages"), ("person_id", "people")):
        # In SQL: Alembic would add the constraint afterwards, which SQLite cannot do.
        key = f"constraint fk_pages_{column}_{other} references {other} (id)"
        op.execute(f"alter table pages add column {column} integer {key}")
    op.add_column("pages", sa.Column("gold", sa.JSON(), nullable=True))
    op.create_index(op.f("ix_pages_plan_id"), "pages", ["plan_id"])
    op.drop_index("ix_pages_open", table_name="pages")
    is_open, is_repeat = sa.text("done < wanted"), sa.text("repeat_of is not null")
    op.create_index(
        "ix_pages_open",
        "pages",
        ["project_id", "plan_id", "done", "id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index(
        "ix_pages_repeat_of",
        "pages",
        ["repeat_of", "person_id"],
        sqlite_where=is_repeat,
        postgresql_where=is_repeat,
    )
