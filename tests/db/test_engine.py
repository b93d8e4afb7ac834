import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import IntegrityError

import db.engine
from cssim.errors import BadSetting, Conflict, Unavailable
from db import library
from db.engine import Database, health, open_database
from db.models import Base, ImageNameRow, ProjectRow

ROOT = Path(db.engine.__file__).parent.parent


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_the_migrations_build_exactly_the_models(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
    assert tables(database) == {*Base.metadata.tables, "alembic_version"}


def test_checks_partial_indexes_and_foreign_keys_are_the_same_as_in_the_models(tmp_path):
    """Alembic's comparison does not look at these."""
    fresh = open_database(f"sqlite:///{tmp_path / 'direct.db'}", migrate=False)
    Base.metadata.create_all(fresh.engine)
    migrated = open_database(f"sqlite:///{tmp_path / 'migrated.db'}")

    def structure(opened):
        looked = inspect(opened.engine)
        found = {}
        for name in Base.metadata.tables:
            checks = sorted((c["name"], c["sqltext"]) for c in looked.get_check_constraints(name))
            indexes = sorted(
                (
                    str(i["name"]),
                    i["column_names"],
                    str(i.get("dialect_options", {}).get("sqlite_where")),
                )
                for i in looked.get_indexes(name)
            )
            # Without names: SQLite tells none of a key that was added to a standing table.
            keys = sorted(
                (k["constrained_columns"], k["referred_table"])
                for k in looked.get_foreign_keys(name)
            )
            found[name] = (checks, indexes, keys)
        return found

    assert structure(migrated) == structure(fresh)
    fresh.close()
    migrated.close()


def test_opening_again_finds_what_was_written(database_url):
    first = open_database(database_url)
    with first.writing() as session:
        library.ensure_project(session, "kept")
    first.close()
    second = open_database(database_url)
    with second.reading() as session:
        assert library.find_project(session, "kept") is not None
    report = health(second)
    second.close()
    assert report["revision"] == report["newest_revision"]


BROKEN = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None


def upgrade():
    op.create_table("half_done", sa.Column("id", sa.Integer()))
    op.execute("insert into projects (name, criterion, instructions, created_at) "
               "values ('half', '', '', '2026-01-01')")
    raise RuntimeError("the power fails here")
"""


def test_a_migration_that_fails_leaves_everything_as_it_was(database_url, tmp_path, monkeypatch):
    opened = open_database(database_url)
    head = health(opened)["revision"]
    opened.close()
    scripts = tmp_path / "migrations"
    shutil.copytree(db.engine.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "9999_broken.py").write_text(BROKEN.format(head=head))
    monkeypatch.setattr(db.engine, "MIGRATIONS", scripts)
    with pytest.raises(RuntimeError, match="the power fails"):
        open_database(database_url)
    left = open_database(database_url, migrate=False)
    assert "half_done" not in tables(left)
    with left.reading() as session:
        assert library.find_project(session, "half") is None
    assert health(left)["revision"] == head
    left.close()


def test_a_database_of_a_newer_version_is_left_alone(database, migrated_url):
    with database.writing() as session:
        session.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(Conflict, match="9999"):
        open_database(migrated_url)


def test_two_processes_can_open_an_empty_database_at_once(database_url):
    code = (
        "import sys; from db.engine import open_database, health; "
        "print(health(open_database(sys.argv[1]))['revision'])"
    )
    command = [sys.executable, "-c", code, database_url]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    assert ended[0][0] == ended[1][0] != ""


def test_foreign_keys_are_enforced(database):
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(ImageNameRow(project_id=12345, image_id=12345, name="a"))


def test_sqlite_keeps_a_committed_answer_through_a_power_cut(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path / 'deep' / 'er' / 'cssim.db'}")
    report = health(opened)
    assert (report["journal_mode"], report["synchronous"]) == ("wal", 2)  # 2 is FULL
    assert report["integrity"] == "ok"
    with opened.engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == 10_000
    opened.close()


def test_writing_is_undone_on_any_error(database):
    def fail():
        with database.writing() as session:
            library.ensure_project(session, "gone")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.reading() as session:
        assert library.find_project(session, "gone") is None


def test_what_a_reading_session_changes_is_not_kept(database):
    with database.reading() as session:
        session.add(ProjectRow(name="gone"))
        session.flush()
    with database.reading() as session:
        assert library.find_project(session, "gone") is None


def test_a_second_writer_waits_and_then_sees_what_the_first_wrote(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path / 'cssim.db'}")
    inside = threading.Event()
    seen = []

    def first():
        with opened.writing() as session:
            library.ensure_project(session, "first")
            inside.set()
            time.sleep(0.2)

    def second():
        inside.wait()
        with opened.writing() as session:
            seen.append(library.find_project(session, "first"))

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened.close()
    assert seen[0] is not None


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "nonsense", "oracle9://x/y"])
def test_a_url_that_cannot_be_used_is_refused(url):
    with pytest.raises(BadSetting, match="CSSIM_DATABASE_URL"):
        open_database(url)


def test_a_server_that_does_not_answer_is_named_without_its_password():
    with pytest.raises(Unavailable) as caught:
        open_database("postgresql://someone:secret@127.0.0.1:1/none?connect_timeout=2")
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_writers_of_one_process_take_turns_and_never_ask_in_vain(tmp_path):
    """Nobody waits in SQLite here, so whoever met a taken lock would fail at once."""
    database = open_database(f"sqlite:///{tmp_path / 'turns.db'}")

    database.engine.dispose()

    @event.listens_for(database.engine, "connect")
    def _no_patience(connection, _record):
        connection.execute("PRAGMA busy_timeout = 0")

    failed: list[Exception] = []

    def write(number: int) -> None:
        try:
            with database.writing() as session:
                library.ensure_project(session, f"project {number}")
                time.sleep(0.02)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.reading() as session:
        names = {project.name for project in library.list_projects(session)}
    assert {f"project {number}" for number in range(12)} <= names
    database.close()
