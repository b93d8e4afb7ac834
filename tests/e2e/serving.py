"""The app in a process of its own, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.running import RunningApp


@contextmanager
def serve(home: Path, *, script: str = "app.py", project: str = "default") -> Iterator[RunningApp]:
    """The app on this home folder, answering; it ends with the block, and so does its worker."""
    app = RunningApp(home, script=script, project=project)
    app.start()
    try:
        app.wait()
        yield app
    finally:
        app.stop()
