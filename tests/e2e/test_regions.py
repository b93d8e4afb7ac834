"""A researcher in Chromium: lasso, a mistake, back to labelling, and into an annotator's queue."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from cssim.services import accounts, plans
from cssim.services.inspecting import Inspection
from cssim.services.workspace import Workspace
from cssim.types import Role
from db.models import PageRow
from tests.e2e.conftest import PASSWORD
from tests.e2e.labelling import open_labelling
from tests.inspections import on_disk
from tests.typed import present

pytestmark = pytest.mark.e2e

DRAWN = "document.querySelector('.cs-regions')?.dataset.version"
PLACES = """() => {
  const plot = document.querySelector('.cs-plot'), box = plot.getBoundingClientRect();
  const { xaxis: x, yaxis: y } = plot._fullLayout;
  const trace = plot._fullData.find((one) => one.meta === 'dots');
  return Array.from(trace.x, (value, i) => [Number(trace.customdata[i][0]),
    box.left + x._offset + x.l2p(value), box.top + y._offset + y.l2p(trace.y[i])]);
}"""
"""Image id, and place on the screen, of each dot, as plotly has drawn it."""


@pytest.fixture
def inspection(ws: Workspace) -> Inspection:
    """References with pages that are answered, and an annotator without work."""
    with ws.database.writing() as session:  # pages that other tests have left open
        session.execute(update(PageRow).values(wanted=0))
    accounts.add_person(ws, "Bo", role=Role.ANNOTATOR, password=PASSWORD)
    return on_disk(ws, references=14, side=120)


def places(page: Page) -> dict[int, tuple[float, float]]:
    return {int(id_): (x, y) for id_, x, y in page.evaluate(PLACES)}


def picked(page: Page, number: int) -> None:
    page.wait_for_function(
        "(n) => document.querySelector('.cs-regions').dataset.picked === String(n)",
        arg=number,
        timeout=20_000,
    )


def lasso(page: Page, corners: list[tuple[float, float]]) -> None:
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.mouse.move(*corner, steps=8)
    page.mouse.up()


def test_from_a_lasso_to_a_mistake_to_an_annotators_queue(
    ws: Workspace, inspection: Inspection, server: str, chromium: Browser
) -> None:
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.set_default_timeout(20_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{server}/regions")
    page.fill("#name", "Ada")
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_function(DRAWN, timeout=40_000)

    # Every dot lies where its image lies: left of another on screen as in the plane.
    there = places(page)
    ids = inspection.reference.tolist()
    assert set(there) == set(ids)
    across = sorted(ids, key=lambda id_: there[id_][0])
    pca = present(inspection.pca)
    assert across == sorted(ids, key=lambda id_: pca[ids.index(id_), 0])

    # The pointer on a dot shows that very image.
    page.mouse.move(*there[ids[3]])
    card = page.locator(".cs-regions-card")
    expect(card).to_be_visible()
    expect(card).to_contain_text("triples")
    shown = int(card.get_attribute("data-image") or 0)
    assert there[shown] == pytest.approx(there[ids[3]], abs=8)
    facts = page.request.get(f"{server}/api/images/{shown}").json()
    expect(card.locator("img")).to_have_attribute("src", f"/images/{facts['sha256']}?w=256")
    expect(card).to_contain_text(facts["name"])

    # A lasso round the left half picks what lies in it, no more.
    box = page.locator(".cs-plot .nsewdrag").first.bounding_box()
    assert box is not None
    middle = sorted(x for x, _ in there.values())
    edge = (middle[6] + middle[7]) / 2
    left, top, bottom = box["x"] + 2, box["y"] + 2, box["y"] + box["height"] - 2
    lasso(page, [(left, top), (edge, top), (edge, bottom), (left, bottom)])
    inside = [id_ for id_, (x, _) in there.items() if x < edge]
    picked(page, len(inside))
    expect(page.get_by_text(f"Selected: {len(inside)} references")).to_be_visible()
    page.wait_for_url("**ids=**")

    # Through to a mistake: the surest one of the chosen model, then its reference alone.
    page.get_by_role("tab", name="Triples").click()
    first = page.locator(".cs-triple").first
    expect(first).to_contain_text("is against people")
    reference = int(first.get_attribute("data-reference") or 0)
    assert reference in inside
    page.get_by_role("button", name="Only this reference").first.click()
    picked(page, 1)
    expect(page.get_by_text("Selected: 1 reference")).to_be_visible()

    # Back to labelling, to one more person.
    page.get_by_role("tab", name="Keep and send").click()
    page.get_by_text("the same pages to more annotators").click()
    page.get_by_label("Called").fill("doubtful")
    page.get_by_label("Called").press("Tab")
    page.get_by_role("button", name="Send back").click()
    expect(page.get_by_text("in the annotators' queue")).to_be_visible()
    assert faults == []
    (plan,) = [one for one in plans.list_plans(ws) if one.name == "doubtful"]
    assert plan.settings["references"] == [reference]

    # There it is, first in the annotator's queue.
    other = open_labelling(chromium, server, "Bo")
    held = other.evaluate("() => fetch('/api/leases').then((r) => r.json())")
    wanted = page.request.get(f"{server}/api/images/{reference}").json()["sha256"]
    assert wanted in json.dumps(held["pages"][0])
