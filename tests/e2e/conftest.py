"""The running app in a subprocess, and a headless Chromium to look at it with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from cssim.config import load_settings
from cssim.services import accounts
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Role
from tests.e2e.labelling import PASSWORD, offer_pages
from tests.e2e.serving import serve

__all__ = ["FLAGS", "PASSWORD"]

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
    with serve(ws.settings.home) as served:
        yield served.address


@pytest.fixture
def pages(ws: Workspace) -> list[int]:
    """Three pages to rank, then four to choose on, and no others."""
    return offer_pages(ws)
