"""The workspace that the pages open by themselves."""

from __future__ import annotations

from collections.abc import Iterator

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


@pytest.fixture
def ws() -> Iterator[Workspace]:
    """In the test's own home folder; closed at the end."""
    yield runtime.workspace()
    runtime.close()
