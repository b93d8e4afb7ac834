"""A home folder with ensembles for tests of pages: a copy for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cssim.services import jobs
from cssim.services.workspace import Workspace
from cssim.types import Role
from cssim.ui import runtime
from tests.ui.looking import sign_in


@contextmanager
def opened(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A copy of the home, looked at by a researcher; no worker but the test itself."""
    shutil.copytree(home, tmp_path / "home", dirs_exist_ok=True)
    monkeypatch.setenv("CSSIM_THREADS", "1")
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    ws = runtime.workspace()
    sign_in(ws, monkeypatch, Role.RESEARCHER)
    yield ws
    runtime.close()
