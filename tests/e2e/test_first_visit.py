"""A newcomer opens the demo by the printed link and takes the first steps of both tours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cssim.config import load_settings
from cssim.services import accounts, demo
from cssim.services.workspace import Workspace, open_workspace
from tests.e2e.labelling import lab, wait_cover, wait_painted, wait_saved
from tests.e2e.serving import serve

pytestmark = pytest.mark.e2e

PATIENCE = 60_000
"""Milliseconds for a page; a cold server on a busy machine takes seconds."""


@pytest.fixture(scope="module")
def ws(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The demo, small, in a home folder of this test's own."""
    home = shutil.copytree(demo_home, tmp_path_factory.mktemp("visit") / "home")
    opened = open_workspace(load_settings({}, home=home, project="demo"))
    yield opened
    opened.close()


@pytest.fixture
def page(ws: Workspace, chromium: Browser) -> Iterator[Page]:
    """The newcomer's browser, which has just followed the link: no other click signs in."""
    with serve(ws.settings.home, project="demo") as app:
        context = chromium.new_context(viewport={"width": 1400, "height": 900})
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE)
        opened.goto(f"{app.address}/enter/{accounts.make_link(ws, demo.NEWCOMER)}")
        opened.wait_for_url(f"{app.address}/")
        yield opened
        context.close()


def step(page: Page, title: str) -> None:
    page.get_by_role("link", name=title).click()


def home(page: Page) -> None:
    page.get_by_role("link", name="Home").first.click()
    expect(page.get_by_role("heading", name="First visit")).to_be_visible(timeout=PATIENCE)


def ticked(page: Page, title: str) -> None:
    expect(page.get_by_role("link", name=f"{title} · done")).to_be_visible(timeout=PATIENCE)


def say_something(page: Page) -> None:
    """Answer the page on the screen, whatever it asks, and wait for the next one."""
    before = lab(page)
    for key in "12345"[: 1 if before["mode"] == "choose" else 3]:
        page.keyboard.press(key)
    if before["state"] == "training":
        wait_cover(page, "feedback")
        page.keyboard.press("Enter")
    wait_painted(page, before["lease"])


def test_a_newcomer_takes_both_tours_first_steps_and_sees_them_ticked(page: Page) -> None:
    expect(page.get_by_role("heading", name="First visit")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Everything here is simulated")).to_be_visible()

    # As an annotator: the page, the practice round, a first answer.
    step(page, "See what a page asks")
    wait_cover(page, "welcome")
    page.keyboard.press("Enter")
    wait_painted(page)
    practised = 0
    while lab(page)["state"] == "training":
        say_something(page)
        practised += 1
    assert practised > 0
    say_something(page)
    wait_saved(page)
    home(page)
    ticked(page, "See what a page asks")
    ticked(page, "Try the practice round")
    expect(page.get_by_role("link", name="Label ten pages · 1 of 10")).to_be_visible()
    step(page, "See your progress")
    wait_cover(page, "history")
    home(page)
    ticked(page, "See your progress")

    # As a researcher: the table, then by its own line to the map.
    step(page, "Read the comparison table")
    expect(page.get_by_role("table", name="Comparison of models")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Next: See where a model is right").click()
    expect(page.get_by_role("heading", name="Regions")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Next: Select a weak region").click()
    expect(page.get_by_text("Draw with the lasso")).to_be_visible(timeout=PATIENCE)
    steps = page.get_by_role("link", name="All steps")
    expect(steps).to_have_count(1, timeout=PATIENCE)  # the last hint stays while the next comes
    steps.click()
    ticked(page, "Read the comparison table")
    ticked(page, "See where a model is right")

    # Put away for good, and brought back.
    page.get_by_role("button", name="Put away").click()
    expect(page.get_by_role("heading", name="First visit")).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="Show the first visit").click()
    ticked(page, "See where a model is right")
