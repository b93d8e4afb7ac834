"""A researcher in Chromium: lasso, a mistake, back to labelling, and into an annotator's queue."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from cssim.services import accounts, plans
from cssim.services.inspecting import Inspection
from cssim.services.selecting import accuracies
from cssim.services.workspace import Workspace
from cssim.types import Role
from db.models import PageRow
from tests.e2e.conftest import PASSWORD
from tests.e2e.labelling import open_labelling
from tests.inspections import on_disk
from tests.screenshots import RULES
from tests.typed import present

pytestmark = pytest.mark.e2e

DRAWN = "document.querySelector('.cs-regions')?.dataset.version"
PLACES = "(panel) => document.querySelector('.cs-regions').map.placed(panel)"
"""Image id, and place on the screen, of each dot of a panel, as it is painted."""


@pytest.fixture(scope="module")
def inspection(ws: Workspace) -> Inspection:
    """References with pages that are answered, and an annotator without work."""
    with ws.database.writing() as session:  # pages that other tests have left open
        session.execute(update(PageRow).values(wanted=0))
    accounts.add_person(ws, "Bo", role=Role.ANNOTATOR, password=PASSWORD)
    return on_disk(ws, references=14, side=120)


def places(page: Page, panel: int = 0) -> dict[int, tuple[float, float]]:
    return {int(id_): (x, y) for id_, x, y in page.evaluate(PLACES, panel)}


def sign_in(page: Page, address: str) -> None:
    page.set_default_timeout(20_000)
    page.goto(address)
    page.fill("#name", "Ada")
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_function(DRAWN, timeout=40_000)
    page.wait_for_function(  # remarks above the map come last, and move it
        "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'running'"
    )


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
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    sign_in(page, f"{server}/regions")

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
    middle, heights = sorted(x for x, _ in there.values()), [y for _, y in there.values()]
    left, edge = middle[0] - 4, (middle[6] + middle[7]) / 2
    top, bottom = min(heights) - 4, max(heights) + 4
    lasso(page, [(left, top), (edge, top), (edge, bottom), (left, bottom)])
    inside = [id_ for id_, (x, _) in there.items() if x < edge]
    picked(page, len(inside))
    # What the browser says at once is what Python computes.
    chosen = inspection.places(inside)
    name = parse_qs(urlsplit(page.url).query)["row"][0]
    mean = accuracies(inspection, chosen)[inspection.row(name)].accuracy
    expect(page.locator(".cs-count")).to_have_text(
        f"{len(inside)} references, {inspection.counts[chosen].sum()} triples: {100 * mean:.1f} %"
    )
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


def test_in_small_multiples_every_panel_knows_its_images(
    inspection: Inspection, server: str, chromium: Browser
) -> None:
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    sign_in(page, f"{server}/regions?kind=multiples&overlay=clusters")
    first, second = places(page), places(page, 1)
    assert set(first) == set(second) == set(inspection.reference.tolist())
    shift = {round(second[id_][0] - first[id_][0], 3) for id_ in first}
    assert len(shift) == 1  # the panels show the same plane beside each other
    assert shift.pop() > 100
    assert page.evaluate(RULES) == []  # read by weak eyes, keyboards and screen readers

    # What is painted there has the colour of that reference under that model.
    value = "(id) => { const { scene } = document.querySelector('.cs-regions').map;" + (
        "return scene.panels.map((panel) => panel.value[scene.place.get(id)]) }"
    )
    shown = np.array([page.evaluate(value, id_) for id_ in inspection.reference.tolist()]).T
    alike = np.corrcoef(inspection.sums[1:3] / inspection.counts, shown)[:2, 2:]
    for own in (0, 1):  # drawn towards the mean where there are few triples, so not quite alike
        assert alike[own, own] > 0.8
        assert alike[own, own] > alike[own, 1 - own] + 0.1

    # A click in the second panel picks the image there; with shift another one is added.
    one, other = sorted(second, key=lambda id_: second[id_][0])[:: len(second) - 1]
    page.mouse.click(*second[one])
    picked(page, 1)
    page.wait_for_url("**ids=**")
    page.keyboard.down("Shift")
    page.mouse.click(*second[other])
    page.keyboard.up("Shift")
    picked(page, 2)
    expect(page.get_by_text("Selected: 2 references")).to_be_visible()
    page.get_by_role("tab", name="References").click()
    cards = page.locator("[data-image]").evaluate_all("(all) => all.map((c) => c.dataset.image)")
    assert {int(id_) for id_ in cards if id_} >= {one, other}

    # The wheel zooms around the pointer, in all panels; moving moves all; home shows the whole.
    page.mouse.move(*second[one])
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(200)
    near = places(page, 1)
    assert near[one] == pytest.approx(second[one], abs=0.5)
    apart = [abs(spread[one][0] - spread[other][0]) for spread in (second, near)]
    assert apart[1] > 1.3 * apart[0]
    page.locator(".cs-plot canvas").focus()
    page.keyboard.press("ArrowRight")
    assert places(page, 1)[one][0] == pytest.approx(near[one][0] - 40, abs=0.5)
    page.keyboard.press("0")
    page.wait_for_timeout(200)
    assert places(page)[one] == pytest.approx(first[one], abs=0.5)

    # What is saved holds every dot as a shape and each map as one image of its cells.
    with page.expect_download(timeout=40_000) as waiting:
        page.get_by_role("button", name="Download the map as SVG").click()
    assert waiting.value.suggested_filename.endswith(".svg")
    svg = waiting.value.path().read_text()
    assert svg.count('class="point"') == 2 * len(first)
    assert svg.count("<image") == 2
    assert "CS one" in svg
    with page.expect_download(timeout=40_000) as waiting:
        page.get_by_role("button", name="Download the map as PNG").click()
    with Image.open(waiting.value.path()) as picture:
        assert picture.width >= 3 * 600  # enough for print
        assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)

    # A dark page saves the very same picture on white.
    night = chromium.new_context(viewport={"width": 1400, "height": 1000}, color_scheme="dark")
    other_page = night.new_page()
    sign_in(other_page, page.url)
    picked(other_page, 2)
    assert other_page.evaluate(DRAWN) != page.evaluate(DRAWN)
    with other_page.expect_download(timeout=40_000) as waiting:
        other_page.get_by_role("button", name="Download the map as SVG").click()
    assert waiting.value.path().read_text() == svg


def test_the_pixels_of_a_dot_have_its_colour(
    inspection: Inspection, server: str, chromium: Browser
) -> None:
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    sign_in(page, f"{server}/regions?kind=model&row=CS+one&surface=0")
    wanted = page.evaluate(COLOURS)
    assert len(wanted) >= len(inspection.reference) // 2
    for got, pure, opacity in wanted:
        mixed = [255 + (channel - 255) * opacity for channel in pure]
        assert got == pytest.approx(mixed, abs=3)


COLOURS = """() => {
  const { map } = document.querySelector('.cs-regions');
  const { scene, surface } = map, [panel] = scene.panels, place = map.place(0);
  const alone = (i) => scene.x.every((x, j) => i === j ||
    Math.hypot(place.x(x) - place.x(scene.x[i]), place.y(scene.y[j]) - place.y(scene.y[i])) > 14);
  return Array.from(scene.x, (_, i) => i).filter(alone).map((i) => [
    Array.from(surface.getContext('2d').getImageData(
      Math.round(place.x(scene.x[i])), Math.round(place.y(scene.y[i])), 1, 1).data).slice(0, 3),
    Array.from(panel.rgb.slice(3 * i, 3 * i + 3)), panel.opacity[i]]);
}"""
"""Of each dot that no other one touches: the painted colour, its own, and its opacity."""
