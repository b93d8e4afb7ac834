"""Fixtures for all tests: databases, home folders, small worlds, the shared real data.

What takes long is made once a session, by whichever process asks first (`tests.once`), and copied
by whoever writes to it:

    migrated       an SQLite file with all tables and nothing in them
    world          pictures, a CSV of answers and a tiny network on disk
    ensembles_home a home folder in which that world is embedded and has ensembles
    demo_home      the demo project, small: everything that the software can do
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, make_url, text

from cssim.config import Settings, load_settings
from db.engine import Database, open_database
from tests.once import once

if TYPE_CHECKING:
    from tests.world import World

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
POSTGRES = "TEST_POSTGRES_URL"
"""Variable with the SQLAlchemy URL of a PostgreSQL server on which databases may be made."""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the settings, or touches the state, of the person who runs it."""
    for name in [n for n in os.environ if n.startswith("CSSIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CSSIM_HOME", str(tmp_path / "home"))


@pytest.fixture
def shared() -> Path:
    """Folder of real photos, labels and weights; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the real data in ../shared/data, which is not part of the project")
    return SHARED


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each kind of database once."""
    return str(request.param)


@pytest.fixture
def database_url(dialect: str, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database without tables, of each kind."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'cssim.db'}"
        return
    with _on_postgresql() as url:
        yield url


@pytest.fixture
def migrated_url(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Iterator[str]:
    """URL of a migrated database with nothing in it, of each kind; a copy, which is quicker."""
    if dialect == "sqlite":
        path = tmp_path / "home" / "cssim.db"
        path.parent.mkdir(exist_ok=True)
        shutil.copy(request.getfixturevalue("migrated"), path)
        yield f"sqlite:///{path}"
        return
    with _on_postgresql(template=request.getfixturevalue("_template")) as url:
        yield url


@pytest.fixture(scope="session")
def _template() -> Iterator[str]:
    """Name of a migrated database on the PostgreSQL server, for others to be copied from."""
    with _on_postgresql() as url:
        open_database(url).close()
        yield str(make_url(url).database)


@contextmanager
def _on_postgresql(template: str = "") -> Iterator[str]:
    """URL of a new database, dropped afterwards; skips where there is no server."""
    server = os.environ.get(POSTGRES)
    if not server:
        pytest.skip(f"needs a PostgreSQL server: set {POSTGRES} to its SQLAlchemy URL")
    name = f"cssim_test_{uuid.uuid4().hex}"
    admin = create_engine(make_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}{template and f' template {template}'}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """A migrated database with nothing in it, of each kind; its URL is `migrated_url`."""
    opened = open_database(migrated_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(migrated_url: str) -> Settings:
    """Settings with a fresh home folder and a migrated database of each kind."""
    return load_settings(database_url=migrated_url)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables and nothing in them, to be copied."""

    def make(folder: Path) -> None:
        open_database(f"sqlite:///{folder / 'cssim.db'}").close()

    return once(tmp_path_factory, "migrated", make) / "cssim.db"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Pictures, answers and a tiny network on disk, for reading."""
    from tests.world import make_world, world_in  # torch comes with them

    return world_in(once(tmp_path_factory, "world", make_world))


@pytest.fixture(scope="session")
def ensembles_home(tmp_path_factory: pytest.TempPathFactory, world: World) -> Path:
    """A home folder in which `world` is embedded and has ensembles, to be copied."""
    from tests.services.ensemble_world import with_ensembles

    return once(tmp_path_factory, "ensembles", lambda folder: with_ensembles(folder, world).close())


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home folder of the demo's small world; its project is called `demo`. To be copied."""
    from tests.demo_home import build

    return once(tmp_path_factory, "demo", build)


@pytest.fixture
def demo_copy(demo_home: Path, tmp_path: Path) -> Path:
    """A copy of `demo_home` that may be written to: the home folder of this test."""
    return Path(shutil.copytree(demo_home, tmp_path / "home", dirs_exist_ok=True))
