"""Every page in both themes: names, alternative texts, headings, contrast; and a broken page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from cssim.services import library
from cssim.services.workspace import Workspace
from cssim.ui import shell
from db.models import JobRow
from tests.e2e.conftest import PASSWORD
from tests.screenshots import RULES
from tests.world import World, make_world

pytestmark = pytest.mark.e2e

PAGES = [entry.name for entry in shell.PAGES if shell.exists(entry.name)]
PATIENCE = 40_000
"""Milliseconds for a page; a cold server on a busy machine takes seconds."""


@pytest.fixture(scope="module")
def world(ws: Workspace, tmp_path_factory: pytest.TempPathFactory) -> World:
    made = make_world(tmp_path_factory.mktemp("looks"))
    library.add_images(ws, [made.images])
    if not library.cluster_summaries(ws):
        library.import_labels(ws, made.answers, cluster="looks", per_reference=2)
    return made


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Browser, server: str, world: World) -> Page:
    context = chromium.new_context(
        color_scheme=request.param, viewport={"width": 1400, "height": 900}
    )
    opened: Page = context.new_page()
    opened.set_default_timeout(40_000)
    opened.goto(f"{server}/home")
    opened.fill("#name", "Ada")
    opened.fill("#password", PASSWORD)
    opened.click("button")
    expect(opened.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE)
    return opened


def settle(page: Page) -> None:
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== "
        "'running' && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]')"
    )
    page.wait_for_timeout(300)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_eyes_keyboards_and_screen_readers(
    name: str, page: Page, server: str
) -> None:
    page.goto(f"{server}/{'' if name == 'home' else name}")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert page.evaluate(RULES) == []
    for tab in page.get_by_role("tab").all()[1:]:
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        settle(page)
        assert page.evaluate(RULES) == [], tab.inner_text()


def test_the_rules_find_what_is_wrong(page: Page, server: str) -> None:
    page.goto(f"{server}/account")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE)
    settle(page)
    page.evaluate(
        """() => {
          const bad = document.createElement("div");
          bad.innerHTML = '<img src="data:,x" width="20" height="20"><button style="width:20px;' +
            'height:20px"></button><h5>deep</h5><p style="color:#999;background:#fff">pale</p>';
          document.querySelector("[data-testid=stMain]").append(bad);
        }"""
    )
    found = " ".join(page.evaluate(RULES))
    for words in ("no alternative text", "a control without a name", "jumps from level", "2.85"):
        assert words in found


def test_a_narrow_window_needs_no_sideways_scrolling(page: Page, server: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    try:
        for name in ("", "library", "data", "compare", "train"):
            page.goto(f"{server}/{name}")
            expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE)
            settle(page)
            wide = page.evaluate(
                "() => { const m = document.querySelector('[data-testid=stMain]');"
                "return m.scrollWidth - m.clientWidth }"
            )
            assert wide <= 1, name
    finally:
        page.set_viewport_size({"width": 1400, "height": 900})


def test_a_broken_page_says_so_with_a_reference_and_the_log_knows_more(
    page: Page, server: str, ws: Workspace
) -> None:
    with ws.database.writing() as session:  # a result that no code of ours would write
        broken = JobRow(project_id=ws.project.id, kind="survey", params={}, state="done", result={})
        session.add(broken)
        session.flush()
        job_id = broken.id
    try:
        page.goto(f"{server}/data")
        message = page.get_by_text("This page could not be drawn")
        expect(message).to_be_visible(timeout=PATIENCE)
        words = page.inner_text("[data-testid=stMain]")
        assert "Traceback" not in words
        assert "KeyError" not in words
        (reference,) = re.findall(r"[2-9A-Z]{4}-[2-9A-Z]{4}", words)
        log = (ws.settings.home / "server.log").read_text()
        told = log[log.index(f"error {reference}") :]
        assert "KeyError" in told
        assert "latest_survey" in told
    finally:
        with ws.database.writing() as session:
            session.delete(session.get_one(JobRow, job_id))
