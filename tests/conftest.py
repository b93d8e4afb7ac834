"""Fixtures for all tests: a database of each kind, a fresh home folder, the shared real data."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from cssim.config import Settings, load_settings
from db.engine import Database, open_database

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
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'cssim.db'}"
        return
    server = os.environ.get(POSTGRES)
    if not server:
        pytest.skip(f"needs a PostgreSQL server: set {POSTGRES} to its SQLAlchemy URL")
    name = f"cssim_test_{uuid.uuid4().hex}"
    admin = create_engine(make_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated database, once on SQLite and once on PostgreSQL."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings with a fresh home folder and an empty database of each kind."""
    return load_settings(database_url=database_url)
