"""The demo's small world as a home folder: built once a session, see `demo_home` in conftest."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from cssim.config import load_settings
from cssim.services import demo
from cssim.services.workspace import open_workspace

REPORT, SHARES = "report.json", "shares.json"
"""In the folder: what the build said at its end, and the shares that it told on its way."""


def build(home: Path) -> None:
    """Build the demo, small, in an empty folder."""
    ws = open_workspace(load_settings({}, home=home, project="demo", threads=1))
    shares: list[float] = []
    size = demo.small_world()
    report = demo.build_demo(ws, size=size, progress=lambda share, _: shares.append(share))
    ws.close()
    (home / REPORT).write_text(json.dumps(asdict(report)))
    (home / SHARES).write_text(json.dumps(shares))


def report_of(home: Path) -> demo.DemoReport:
    """What the build said at its end."""
    return demo.DemoReport(**json.loads((home / REPORT).read_text()))
