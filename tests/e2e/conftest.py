"""The running app in a subprocess, and a headless Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from cssim.config import load_settings
from cssim.services import accounts
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Role

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "correct horse battery"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def chromium_path() -> str | None:
    """The system's Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; skips where none is installed."""
    path = chromium_path()
    if path is None:
        pytest.skip("needs Chromium (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The workspace that the server works on, with Ada in it; one for all tests, as starts cost."""
    home = tmp_path_factory.mktemp("app") / "home"
    opened = open_workspace(load_settings({}, home=home))
    accounts.add_person(opened, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def server(ws: Workspace, chromium: Browser) -> Iterator[str]:
    """Address of the app, started by the command that people use."""
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    environ = {**os.environ, "CSSIM_HOME": str(ws.settings.home), "CSSIM_PORT": str(port)}
    log = ws.settings.home / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(lambda: _answers(address + "/health"), lambda: process.poll() is None, log)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)  # its worker ends by itself when its parent is gone


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(done: Callable[[], bool], alive: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + 40
    while not done():
        assert alive(), f"the server stopped:\n{log.read_text()}"
        assert time.monotonic() < end, f"the server did not answer in 40 s:\n{log.read_text()}"
        time.sleep(0.1)
