"""Open the database: engine, pragmas, migration at start, and transactions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.orm import Session

from cssim.errors import BadSetting, Conflict
from db.failures import in_words

MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 7_239_104
"""Key of the PostgreSQL advisory lock under which one process at a time migrates."""


class Database:
    """An engine with its two kinds of transaction.

    On SQLite, writing transactions take the write lock at their first statement (`BEGIN
    IMMEDIATE`): a transaction that reads before it writes can then never fail half-way with
    "database is locked", nor act on what another has changed since.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(cssim_writes=True)
        # SQLite lets one write at a time and has the others ask again and again. Threads of one
        # process wait here instead: forty that ask keep the one that writes from the interpreter.
        self._turn: AbstractContextManager[object] = (
            threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries; whatever it changed is rolled back."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at the end of the block and rolls back on any error."""
        with (
            self._turn,
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @property
    def dialect(self) -> str:
        """`sqlite`, `postgresql`, ..."""
        return self.engine.dialect.name

    def close(self) -> None:
        """Give all connections back; the database can be opened again."""
        self.engine.dispose()


def open_database(url: str, *, migrate: bool = True) -> Database:
    """The database at a SQLAlchemy URL, brought up to date.

    Args:
        url: e.g. `sqlite:///cssim-data/cssim.db` or `postgresql+psycopg://user@host/name`.
        migrate: run outstanding migrations; False leaves the tables as they are.

    Raises:
        BadSetting: the URL cannot be read or its driver is not installed.
        Unavailable: the database does not answer, or its file cannot be used.
        Conflict: the database was written by a newer CS-Sim.
    """
    engine = _engine(url)
    database = Database(engine)
    try:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
        if migrate:
            migrate_to_head(database)
    except DatabaseError as error:
        engine.dispose()
        told = in_words(error, url)
        if told is None:
            raise
        raise told from error
    except BaseException:
        engine.dispose()
        raise
    return database


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise BadSetting(
                    "CSSIM_DATABASE_URL must name a SQLite file: workers and the app share it, "
                    f"got {url!r}"
                )
            _make_folder(Path(str(parsed.database)).parent)
            engine = create_engine(parsed, pool_size=20, max_overflow=20)
            _sqlite_rules(engine)
            return engine
        return create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadSetting(
            f"CSSIM_DATABASE_URL must be a SQLAlchemy URL whose driver is installed, such as "
            f"sqlite:///file.db or postgresql+psycopg://user@host/name: {error}"
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(
            f"CSSIM_DATABASE_URL must name a file in a folder that can be made, got {folder}: "
            f"{error.strerror}"
        ) from error


def _sqlite_rules(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, never by the driver
        cursor = connection.cursor()
        # FULL: a committed answer survives a power cut; costs 0.2 ms more than NORMAL.
        for pragma in (
            "busy_timeout = 10000",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        # SQLite's own knows A to Z alone; PostgreSQL's knows every letter.
        connection.create_function("lower", 1, _lower, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("cssim_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def migrate_to_head(database: Database) -> None:
    """Run outstanding migrations in one transaction; two processes at once are safe."""
    with database.engine.execution_options(cssim_writes=True).begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        current = MigrationContext.configure(connection).get_current_revision()
        scripts = ScriptDirectory(str(MIGRATIONS))
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
            raise Conflict(
                f"the database is at revision {current}, which this version of CS-Sim does not "
                "know: it was written by a newer one. Update CS-Sim, or restore a backup."
            )
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def health(database: Database) -> dict[str, Any]:
    """What `doctor` says of the database: dialect, revision, integrity."""
    with database.engine.connect() as connection:
        report: dict[str, Any] = {
            "dialect": database.dialect,
            "revision": MigrationContext.configure(connection).get_current_revision(),
            "newest_revision": ScriptDirectory(str(MIGRATIONS)).get_current_head(),
        }
        if database.dialect == "sqlite":
            report["integrity"] = connection.execute(text("PRAGMA quick_check")).scalar_one()
            report["journal_mode"] = connection.execute(text("PRAGMA journal_mode")).scalar_one()
            # Held by this connection alone, so it is read here and not from the file.
            report["synchronous"] = connection.execute(text("PRAGMA synchronous")).scalar_one()
        return report
