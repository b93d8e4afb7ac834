"""The workspace that the pages open by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cssim.services.workspace import Workspace
from cssim.ui import runtime


@pytest.fixture
def ws() -> Iterator[Workspace]:
    """In the test's own home folder; closed at the end."""
    yield runtime.workspace()
    runtime.close()
