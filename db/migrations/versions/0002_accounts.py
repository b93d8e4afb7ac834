"""Accounts: links of three kinds, sessions that can be told apart, identities, e-mail addresses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("role", sa.String(length=20), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("note", sa.String(length=200), server_default=sa.text("''"), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('sign-in', 'reset', 'invitation')", name=op.f("ck_links_kind")
        ),
        sa.CheckConstraint(
            "(kind = 'invitation') = (role is not null)",
            name=op.f("ck_links_an_invitation_has_a_role"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_links_person_id_people")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_links_made_by_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_links_token_hash")),
    )
    op.create_index("ix_links_person_id", "links", ["person_id"])
    op.create_table(
        "identities",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_identities_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identities_issuer_subject")),
    )
    op.create_index("ix_identities_person_id", "identities", ["person_id"])
    op.create_index("ix_sign_in_attempts_address_at", "sign_in_attempts", ["address", "at"])
    # Sign-in links that still wait move to the table of links.
    op.execute(
        "insert into links (token_hash, kind, person_id, created_at, expires_at) "
        "select token_hash, 'sign-in', person_id, created_at, expires_at "
        "from sign_ins where one_time"
    )
    op.execute("delete from sign_ins where one_time")
    with op.batch_alter_table("sign_ins") as table:
        table.drop_column("one_time")
        table.add_column(
            sa.Column(
                "address", sa.String(length=100), server_default=sa.text("''"), nullable=False
            )
        )
        table.add_column(
            sa.Column("device", sa.String(length=300), server_default=sa.text("''"), nullable=False)
        )
        table.add_column(sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("people", sa.Column("email", sa.String(length=320), nullable=True))
    op.create_index("ix_people_email", "people", ["email"], unique=True)
