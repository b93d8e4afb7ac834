"""The workspace that the pages open by themselves, in the test's own home folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from cssim.services.accounts import passwords
from cssim.services.workspace import Workspace
from cssim.ui import runtime


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", quick)
    monkeypatch.setattr(passwords, "_NOBODY", quick.hash("nobody"))


@pytest.fixture(autouse=True)
def _migrated_home(migrated: Path, tmp_path: Path) -> None:
    """A database with all tables in the home folder, so that no page has to migrate one."""
    (tmp_path / "home").mkdir()
    shutil.copy(migrated, tmp_path / "home" / "cssim.db")


@pytest.fixture
def ws() -> Iterator[Workspace]:
    """Closed at the end."""
    yield runtime.workspace()
    runtime.close()
