"""Practice, instructions, accessibility: what the labelling page does for the person at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize
from sqlalchemy import null, select, update

from cssim.services import accounts, gold, projects
from cssim.services.gold import GoldPage, KnownAnswer
from cssim.services.workspace import Workspace
from cssim.types import Answer, JudgementKind
from db.models import ImageRow, PageRow
from tests.e2e.labelling import (
    LAB,
    PASSWORD,
    lab,
    log,
    open_labelling,
    text_of,
    wait_cover,
    wait_painted,
    wait_saved,
    wait_state,
)

pytestmark = pytest.mark.e2e

# The contrast of each piece of text with what lies behind it, for those that are visible; text on
# pictures has its own backdrop.
CONTRAST = f"""
() => {{
  const lab = {LAB};
  const canvas = document.createElement('canvas').getContext('2d', {{ willReadFrequently: true }});
  const rgba = (colour) => {{
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  }};
  const over = (top, low) => top.map((v, i) => i < 3 ? v * top[3] + low[i] * (1 - top[3]) : 1);
  const lum = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (e) => {{
    const stack = [];
    for (let at = e; at; at = at.parentElement) {{
      stack.unshift(rgba(getComputedStyle(at).backgroundColor));
      if (stack[0][3] === 1) break;
    }}
    return stack.reduce((low, top) => over(top, low));
  }};
  const found = [];
  for (const e of lab.querySelectorAll('*')) {{
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility({{ opacityProperty: true, visibilityProperty: true }})) continue;
    if (e.closest('[inert], .live, .tile .label, .tile .badge')) continue;
    const back = behind(e);
    const text = lum(over(rgba(getComputedStyle(e).color), back));
    const [a, b] = [text, lum(back)].sort((x, y) => y - x);
    found.push([(a + .05) / (b + .05), e.className || e.tagName, e.textContent.slice(0, 30)]);
  }}
  return found;
}}
"""


@pytest.fixture
def practice(ws: Workspace, pages: list[int]) -> Iterator[None]:
    """A gold page to practise on, and instructions; both go with the test."""
    with ws.database.reading() as session:
        images = list(session.scalars(select(ImageRow.id).order_by(ImageRow.id)))
    known = KnownAnswer(Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 3, 5)), "Shape counts.")
    gold.make_gold(ws, "practice", [GoldPage(images[0], tuple(images[1:4]), known)])
    projects.set_instructions(
        ws, criterion="Which shape is closer?", instructions="Mind the **shape**.\n\n- not colour"
    )
    yield
    projects.set_instructions(ws, criterion="", instructions="")
    with ws.database.writing() as session:
        session.execute(update(PageRow).values(gold=null()))


@pytest.mark.usefixtures("practice")
def test_a_newcomer_reads_the_instructions_practises_and_then_starts(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    accounts.add_person(ws, "Cleo", password=PASSWORD)
    context = chromium.new_context(viewport={"width": 1200, "height": 800}, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{server}/annotate")
    page.fill("#name", "Cleo")
    page.fill("#password", PASSWORD)
    page.click("button")
    wait_cover(page, "welcome")
    assert text_of(page, ".welcome h2") == "Which shape is closer?"
    assert text_of(page, ".instructions strong") == "shape"
    assert "Practise on 1 page" in text_of(page, ".welcome .main")
    page.keyboard.press("3")  # nothing can be answered behind it
    assert no_low_contrast(page)
    page.keyboard.press("Enter")
    wait_state(page, "training")
    wait_painted(page)
    assert text_of(page, ".count") == "Practice 1 of 1"
    for key in "123":
        page.keyboard.press(key)
    wait_cover(page, "feedback")
    assert "Shape counts." in text_of(page, ".feedback p")
    assert text_of(page, ".tile.expected .badge").endswith("1 Almost the same")
    lease = lab(page)["lease"]
    page.keyboard.press("Enter")
    wait_painted(page, lease)
    assert lab(page)["state"] == "page"
    assert text_of(page, ".question") == "Which shape is closer?"
    assert no_low_contrast(page)
    for key in "135":
        page.keyboard.press(key)
    page.wait_for_timeout(400)
    wait_saved(page)
    assert len(log(ws, pages)) == 1  # the practice page is not among them

    # Reloaded, nothing of this is asked again, until the instructions change.
    page.reload()
    wait_painted(page)
    assert page.evaluate(f"() => ({LAB}).querySelector('.cover').hidden")
    projects.set_instructions(ws, instructions="Mind the *colour*.")
    page.reload()
    wait_cover(page, "welcome")
    assert text_of(page, ".instructions em") == "colour"
    page.close()


def test_the_page_can_be_read_and_worked_without_seeing_or_pointing(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    accounts.add_person(ws, "Dora", password=PASSWORD)
    page = chromium.new_context(viewport={"width": 1200, "height": 800}).new_page()
    page.goto(f"{server}/annotate")
    page.fill("#name", "Dora")
    page.fill("#password", PASSWORD)
    page.click("button")
    wait_cover(page, "welcome")
    page.keyboard.press("Enter")
    wait_painted(page)
    told = page.evaluate(f"() => ({LAB}).querySelector('.live').textContent")
    assert told.startswith("New page: a reference and 3 candidates.")
    names = page.evaluate(f"() => [...({LAB}).querySelectorAll('.stage img')].map((i) => i.alt)")
    assert names == ["Reference", "Candidate 1", "Candidate 2", "Candidate 3"]
    assert labels(page) == [
        "Candidate 1, no class yet, outlined",
        "Candidate 2, no class yet",
        "Candidate 3, no class yet",
    ]
    # Tab goes through candidates, answers and tools in this order; a candidate that has the focus
    # is the outlined one.
    page.evaluate(f"() => ({LAB}).querySelector('[data-place=\"0\"]').focus()")
    order = []
    for _ in range(9):
        page.keyboard.press("Tab")
        order.append(
            page.evaluate(
                f"() => {{ const d = ({LAB}).getRootNode().activeElement.dataset;"
                " return d.place ?? d.key ?? d.do }"
            )
        )
    assert order == ["1", "2", "1", "2", "3", "4", "5", "undo", "back"]
    assert labels(page)[2].endswith("outlined")
    # A dialogue takes the focus and keeps it; what lies behind is inert.
    for key, kind in (("?", "help"), ("h", "history"), ("f", "flag")):
        page.keyboard.press(key)
        wait_cover(page, kind)
        inside = f"() => !!({LAB}).getRootNode().activeElement?.closest('[role=dialog]')"
        assert page.evaluate(inside), kind
        assert page.evaluate(f"() => ({LAB}).querySelector('.stage').inert")
        assert no_low_contrast(page)
        page.keyboard.press("Escape")
        wait_cover(page, "")
    page.close()


def test_instructions_of_any_script_and_length_leave_the_way_on_within_reach(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    accounts.add_person(ws, "Gul", password=PASSWORD)
    projects.set_instructions(
        ws, instructions=f"أي صورة أقرب؟\n\n- https://example.org/{'a' * 300}"
    )
    try:
        phone = ViewportSize(width=390, height=844)
        page = chromium.new_context(viewport=phone, has_touch=True, is_mobile=True).new_page()
        page.goto(f"{server}/annotate")
        page.fill("#name", "Gul")
        page.fill("#password", PASSWORD)
        page.click("button")
        wait_cover(page, "welcome")
        box = f"(one) => {{ const r = ({LAB}).querySelector(one).getBoundingClientRect();"
        left, right = page.evaluate(f"{box} return [r.left, r.right] }}", ".welcome .main")
        assert 0 <= left < right <= 390
        # Arabic begins at the right: the end of the line is where the paragraph's box ends.
        aligned = page.evaluate(
            f"() => {{ const p = ({LAB}).querySelector('.instructions p'), r = new Range();"
            " r.selectNodeContents(p);"
            " return p.getBoundingClientRect().right - r.getBoundingClientRect().right }"
        )
        assert aligned < 2
        page.touchscreen.tap(
            (left + right) / 2, page.evaluate(f"{box} return r.y + 9 }}", ".welcome .main")
        )
        wait_painted(page)
        page.context.close()
    finally:
        projects.set_instructions(ws, instructions="")


def test_at_200_percent_and_on_a_phone_on_its_side_all_of_the_page_is_in_the_window(
    pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server, has_touch=True)
    bottom = f"() => ({LAB}).querySelector('.tools').getBoundingClientRect().bottom"
    tiles = f"() => [...({LAB}).querySelectorAll('.frame')].map((t) => t.offsetHeight)"
    for width, height in ((700, 450), (844, 390), (390, 844), (1200, 800)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        assert page.evaluate(bottom) <= height, (width, height)
        assert min(page.evaluate(tiles)) > 90, (width, height)
    page.close()


def labels(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        f"() => [...({LAB}).querySelectorAll('[data-place]')].map((t) => t.ariaLabel)"
    )
    return found


def no_low_contrast(page: Page) -> bool:
    found: list[list[Any]] = page.evaluate(CONTRAST)
    low = [one for one in found if one[0] < 4.5]
    assert len(found) >= 3
    assert not low, low
    return True


def test_zoom_lasts_while_its_key_is_held_and_a_break_is_suggested_when_due(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    page.keyboard.down("z")
    wait_cover(page, "zoom")
    page.wait_for_timeout(500)
    page.keyboard.up("z")
    wait_cover(page, "")
    page.wait_for_timeout(100)  # sooner than a finger can it would be the chatter of a worn key
    page.keyboard.press("z")  # tapped, it stays
    page.wait_for_timeout(500)
    wait_cover(page, "zoom")
    assert zoomed(page) == ["Reference", "Candidate 1"]
    page.keyboard.press("z")
    assert zoomed(page) == ["Reference", "Candidate 2"]
    page.keyboard.press("Escape")
    wait_cover(page, "")

    # After half an hour of work; the clock of the page is turned forward.
    lease = lab(page)["lease"]
    for key in "123":
        page.keyboard.press(key)
    wait_painted(page, lease)
    page.evaluate(
        "() => { const now = performance.now.bind(performance);"
        " performance.now = () => now() + 31 * 60_000 }"
    )
    page.keyboard.press("?")
    page.keyboard.press("Escape")
    assert "31 minutes at a stretch" in text_of(page, ".count")
    page.keyboard.press("b")
    wait_cover(page, "break")
    page.keyboard.press("Enter")
    wait_cover(page, "")
    assert "stretch" not in text_of(page, ".count")
    page.close()


def zoomed(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        f"() => [...({LAB}).querySelectorAll('.zoom figcaption')].map((one) => one.textContent)"
    )
    return found
