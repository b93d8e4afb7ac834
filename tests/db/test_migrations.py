"""Newer versions open databases of older ones, and every row is still there."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect, text

import db.engine
from db.engine import open_database
from db.models import EnsembleRow, EvaluationRow, JobRow

FIRST = "0001"
ROWS = (
    "insert into projects (id, name, criterion, instructions, created_at) "
    "values (1, 'p', '', '', '2026-01-01 00:00:00')",
    "insert into people (id, name, role, created_at) "
    "values (1, 'Ada', 'annotator', '2026-01-01 00:00:00')",
    "insert into images (id, project_id, name, created_at) "
    "values (1, 1, 'a', '2026-01-01 00:00:00'), (2, 1, 'b', '2026-01-01 00:00:00'), "
    "(3, 1, 'c', '2026-01-01 00:00:00')",
    "insert into clusters (id, project_id, name, kind, source, created_at) "
    "values (1, 1, 'sea', 'context', '{}', '2026-01-01 00:00:00')",
    "insert into pages (id, project_id, cluster_id, position, mode, reference_id, wanted, done, "
    "created_at) values (1, 1, 1, 0, 'choose', 1, 2, 1, '2026-01-01 00:00:00')",
    "insert into page_candidates (page_id, position, image_id) values (1, 0, 2), (1, 1, 3)",
    "insert into judgements (id, page_id, person_id, kind, ranking, classes, votes, shown, source, "
    "created_at) values (1, 1, 1, 'answer', '10', '', 1, '01', 'web', '2026-01-01 00:00:00')",
    "insert into leases (id, page_id, person_id, shown, state, created_at, expires_at) "
    "values ('l', 1, 1, '01', 'answered', '2026-01-01 00:00:00', '2026-01-01 00:30:00')",
    "insert into sign_ins (token_hash, person_id, created_at, expires_at) "
    "values ('t', 1, '2026-01-01 00:00:00', '2026-01-02 00:00:00')",
)


@pytest.fixture
def old(database_url):
    """A database as the first version left it, with a row in each table that others refer to."""
    opened = open_database(database_url, migrate=False)
    with opened.engine.execution_options(cssim_writes=True).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(db.engine.MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
        for row in ROWS:
            connection.execute(text(row))
    opened.close()
    return database_url


def contents(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            name: [
                dict(row) for row in connection.execute(text(f"select * from {name}")).mappings()
            ]
            for name in inspect(engine).get_table_names()
        }
    engine.dispose()
    return found


def test_all_rows_and_their_columns_outlive_every_migration(old):
    before = contents(old)
    open_database(old).close()
    after = contents(old)
    gone = {("sign_ins", "one_time")}  # links have a table of their own
    for name, rows in before.items():
        if name == "alembic_version":
            continue
        kept = [{c: v for c, v in row.items() if (name, c) not in gone} for row in rows]
        assert [{c: row[c] for c in k} for row, k in zip(after[name], kept, strict=True)] == kept


def test_foreign_keys_hold_after_every_migration(old):
    opened = open_database(old)
    if opened.dialect == "sqlite":
        with opened.engine.connect() as connection:
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    foreign = {
        (key["constrained_columns"][0], key["referred_table"])
        for key in inspect(opened.engine).get_foreign_keys("pages")
    }
    assert {("plan_id", "plans"), ("repeat_of", "pages"), ("person_id", "people")} <= foreign
    opened.close()


ENSEMBLES = (
    "insert into ensembles (id, project_id, name, strategy, config, created_at) "
    "values (5, 1, 'all of us', 'uniform', '{}', '2026-01-01 00:00:00')",
    "insert into evaluations (id, project_id, name, settings, result, fingerprint, created_at) "
    """values (1, 1, 'e', '{"models": [1], "ensembles": ["all of us", "gone"]}', '{"a": 1}', """
    "'', '2026-01-01 00:00:00')",
    "insert into jobs (id, project_id, kind, params, state, progress, message, error, result, "
    "attempt, cancel_requested, created_at) values "
    """(1, 1, 'inspect', '{"ensembles": ["all of us"], "seed": 0}', 'queued', 0, '', '', '{}', """
    "0, {false}, '2026-01-01 00:00:00'), "
    """(2, 1, 'train', '{"name": "x"}', 'queued', 0, '', '', '{}', 0, {false}, """
    "'2026-01-01 00:00:00')",
)


def test_jobs_and_comparisons_know_ensembles_by_id_after_the_migration(old):
    opened = open_database(old, migrate=False)
    with opened.engine.execution_options(cssim_writes=True).begin() as connection:
        for row in ENSEMBLES:
            false = "false" if opened.dialect == "postgresql" else "0"
            connection.exec_driver_sql(row.replace("{false}", false))
    opened.close()
    migrated = open_database(old)
    with migrated.reading() as session:
        stored = session.get_one(EvaluationRow, 1)
        assert stored.settings == {"models": [1], "ensembles": [5, 0]}
        assert stored.result == {"a": 1}
        assert session.get_one(JobRow, 1).params == {"ensembles": [5], "seed": 0}
        assert session.get_one(JobRow, 2).params == {"name": "x"}
        assert session.get_one(EnsembleRow, 5).archived is False
    migrated.close()
