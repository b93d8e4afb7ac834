"""A plan made on the page reaches the people who label, at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select, update

from cssim.services import plans
from cssim.services.workspace import Workspace
from db.models import LeaseRow, PageRow
from tests.e2e.labelling import offer_pages, open_labelling, wait_painted, wait_saved

pytestmark = pytest.mark.e2e


def test_a_plan_made_on_the_page_is_handed_out_and_its_progress_seen(
    chromium: Browser, server: str, ws: Workspace
) -> None:
    offer_pages(ws)
    page = open_labelling(chromium, server)
    with ws.database.writing() as session:
        session.execute(update(PageRow).values(wanted=0))
        session.execute(update(LeaseRow).values(state="returned"))
    page.goto(f"{server}/plans")
    page.get_by_label("Name of the plan and its set").fill("made on the page")
    page.keyboard.press("Enter")
    page.get_by_role("combobox", name="Reference").first.click()
    page.get_by_role("option", name="At random").click()
    page.get_by_role("combobox", name="Pages are").click()
    page.get_by_role("option", name="Choose").click()
    page.get_by_label("Pages", exact=True).fill("4")
    page.keyboard.press("Enter")
    start = page.get_by_role("button", name="Start the plan")
    page.get_by_text("4 triples").or_(start).first.wait_for()
    start.click()
    page.get_by_text("0 of 4 answers, 0 of 4 pages finished").wait_for(timeout=20_000)
    plan = plans.get_plan(ws, "made on the page")
    assert plan.settings["mode"] == "choose"
    page.goto(f"{server}/annotate")
    lease = wait_painted(page)
    with ws.database.reading() as session:
        page_id = session.scalar(select(LeaseRow.page_id).where(LeaseRow.id == lease))
        assert session.get_one(PageRow, page_id).plan_id == plan.id
    page.keyboard.press("1")
    wait_saved(page)
    page.goto(f"{server}/plans")
    page.get_by_text("1 of 4 answers, 1 of 4 pages finished").wait_for(timeout=20_000)
    page.close()
