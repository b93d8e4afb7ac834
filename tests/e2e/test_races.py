"""What people and networks do to the labelling page: nothing is lost, nothing counts twice."""

from __future__ import annotations

from itertools import combinations, islice
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route
from sqlalchemy import select, update

from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import JudgementKind
from db.models import ImageRow, LeaseRow
from tests.e2e.labelling import (
    LAB,
    lab,
    log,
    note,
    open_labelling,
    point,
    shown,
    text_of,
    wait_cover,
    wait_painted,
    wait_saved,
    wait_state,
)
from tests.pages import add_pages

pytestmark = pytest.mark.e2e
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


def press(page: Page, keys: str) -> str:
    """Keys that finish a page; the lease of the next one."""
    before = lab(page)["lease"]
    for key in keys:
        page.keyboard.press(key)
    return wait_painted(page, before)


def test_two_tabs_of_one_person_share_the_work(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    with ws.database.reading() as session:
        images = list(session.scalars(select(ImageRow.id).order_by(ImageRow.id)).all())[:9]
    # Enough for two full queues: where nothing else is left, tabs may show the same page.
    more = [(images[0], some) for some in islice(combinations(images[1:], 3), 20)]
    pages = [*pages, *add_pages(ws, more)]
    left = open_labelling(chromium, server)
    right = left.context.new_page()
    right.goto(f"{server}/annotate")
    wait_painted(right)
    first, second = lab(left)["lease"], lab(right)["lease"]
    for tab, lease in ((left, first), (right, second)):
        keys = "123" if lab(tab)["mode"] == "rank" else ["ArrowLeft"]
        for key in keys:
            tab.keyboard.press(key)
        wait_painted(tab, lease)
    wait_saved(left)
    stored = log(ws, pages)
    assert len(stored) == 2
    assert len({judgement.page_id for judgement in stored}) == 2
    left.close()
    right.close()


def test_an_answer_whose_confirmation_was_lost_counts_once(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)

    def lose(route: Route) -> None:
        route.fetch()  # the server has it
        route.abort()  # the browser never hears of it

    page.route("**/api/answers", lose)
    press(page, "412")
    page.wait_for_timeout(300)
    assert len(log(ws, pages)) == 1
    assert "not sent yet" in note(page)
    page.keyboard.press("h")
    wait_cover(page, "history")
    assert "not sent yet" in text_of(page, ".item .line")
    # The tab is closed while the answer is on its way; the next one sends it again.
    other = page.context.new_page()
    page.close()
    other.goto(f"{server}/annotate")
    wait_painted(other)
    wait_saved(other)
    assert len(log(ws, pages)) == 1
    other.close()


def test_a_tab_closed_in_the_middle_of_sending_loses_nothing(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    page.route("**/api/answers", lambda route: route.abort())
    press(page, "412")
    press(page, "153")
    other = page.context.new_page()
    page.close()
    assert log(ws, pages) == []
    other.goto(f"{server}/annotate")
    wait_painted(other)
    wait_saved(other)
    stored = log(ws, pages)
    assert [sorted(one.answer.classes) for one in stored] == [[1, 2, 4], [1, 3, 5]]
    other.close()


def test_an_answer_that_the_server_refuses_is_shown_and_kept(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    lease = lab(page)["lease"]
    (ada,) = [one.id for one in accounts.list_people(ws) if one.name == "Ada"]

    def owner(person: int) -> None:
        with ws.database.writing() as session:
            session.execute(update(LeaseRow).where(LeaseRow.id == lease).values(person_id=person))

    owner(accounts.add_person(ws, "Ben").id)  # by hand, as no way of the app leads there
    try:
        press(page, "412")
        page.wait_for_function(
            f"() => ({LAB}).querySelector('.note').textContent.includes('not taken')"
        )
        page.keyboard.press("h")
        wait_cover(page, "history")
        assert "somebody else" in text_of(page, ".refused p")
        assert "403" in text_of(page, ".refused p")
    finally:
        owner(ada)
    page.evaluate(f"() => ({LAB}).querySelector('.refused button').click()")  # send again
    wait_saved(page)
    (stored,) = log(ws, pages)
    assert sorted(stored.answer.classes) == [1, 2, 4]
    page.wait_for_function(
        f"() => !({LAB}).querySelector('.note').textContent.includes('not taken')"
    )
    page.close()


def test_any_earlier_answer_can_be_changed_from_the_history(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    places = shown(page, lab(page)["lease"])
    for keys in ("123", "234", "345"):
        press(page, keys)
    wait_saved(page)
    page.reload()  # from now on the server is all that remembers
    wait_painted(page)
    page.keyboard.press("h")
    page.wait_for_function(f"() => ({LAB}).querySelectorAll('.item').length >= 3")
    items = page.evaluate(
        f"() => [...({LAB}).querySelectorAll('.item')].slice(0, 3).map((one) => "
        "[...one.querySelectorAll('b')].map((b) => b.textContent).join(''))"
    )
    assert items == ["345", "234", "123"]
    page.keyboard.press("ArrowDown")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.evaluate(f"() => ({LAB}).querySelectorAll('.item')[2].focus()")
    page.keyboard.press("Enter")
    wait_state(page, "revisit")
    page.wait_for_timeout(250)
    assert text_of(page, "[data-place='0'] .badge") == "was 1 Almost the same"
    for key in "541":
        page.keyboard.press(key)
    wait_state(page, "page")
    wait_saved(page)
    stored = log(ws, pages)
    assert stored[3].supersedes == stored[0].id
    by_position = dict(zip(places, [5, 4, 1], strict=True))
    assert stored[3].answer.classes == tuple(by_position[i] for i in range(3))
    page.close()


def test_mouse_and_double_click_do_what_the_keys_do(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    lease = lab(page)["lease"]
    places = shown(page, lease)

    def drag(source: str, target: str) -> None:
        page.mouse.move(*point(page, source))
        page.mouse.down()
        page.mouse.move(*point(page, target), steps=6)
        page.mouse.up()

    # The right one before the left one, then all into one class: what was dragged is closer.
    drag("[data-place='2'] .frame", "[data-place='0'] .frame")
    assert lab(page)["line"] == "2,0,1"
    for place in (0, 1, 2):
        drag(f"[data-place='{place}'] .frame", ".answers [data-key='3']")
    # Between the two others nothing was said: it is asked.
    page.mouse.click(*point(page, "[data-place='1'] .frame"))
    wait_painted(page, lease)
    wait_saved(page)
    (ranked,) = log(ws, pages)
    assert ranked.answer.order == (places[2], places[1], places[0])

    # Holding a picture zooms for as long as it is held, and answers nothing.
    page.mouse.move(*point(page, "[data-place='1'] .frame"))
    page.mouse.down()
    wait_cover(page, "zoom")
    page.mouse.up()
    wait_cover(page, "")
    assert text_of(page, "[data-place='1'] .badge") == ""

    for _ in range(2):
        lease = lab(page)["lease"]
        page.keyboard.press("s")
        wait_painted(page, lease)
    assert lab(page)["mode"] == "choose"
    lease = lab(page)["lease"]
    page.mouse.dblclick(*point(page, "[data-place='1'] .frame"))
    wait_painted(page, lease)
    page.wait_for_timeout(300)
    wait_saved(page)
    answers = [one for one in log(ws, pages) if one.answer.kind is JudgementKind.ANSWER]
    assert len(answers) == 2
    page.close()


def test_one_thumb_on_a_phone_is_enough(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server, **PHONE)
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: float) -> None:
        place = [dict(zip("xy", points, strict=True))] if points else []
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": place})

    # Held, a picture is zoomed; dragged onto a class, it has that class.
    x, y = point(page, "[data-place='1'] .frame")
    touch("touchStart", x, y)
    wait_cover(page, "zoom")
    touch("touchEnd")
    wait_cover(page, "")
    to_x, to_y = point(page, ".answers [data-key='5']")
    touch("touchStart", x, y)
    for step in (0.2, 0.5, 1):
        touch("touchMove", x + step * (to_x - x), y + step * (to_y - y))
    touch("touchEnd")
    assert text_of(page, "[data-place='1'] .badge") == "5 Irrelevant"
    page.wait_for_timeout(600)  # a tap right behind a fast drag stops the fling, and is no click
    page.touchscreen.tap(*point(page, "[data-do='back']"))
    page.touchscreen.tap(*point(page, "[data-place='0'] .frame"))
    for number in (2, 4, 1):
        page.touchscreen.tap(*point(page, f".answers [data-key='{number}']"))
    wait_saved(page)
    page.wait_for_timeout(300)
    assert sorted(log(ws, pages)[0].answer.classes) == [1, 2, 4]
    # Everything lies within the window, and what is tapped is large enough.
    sizes = page.evaluate(
        f"() => [...({LAB}).querySelectorAll('.answers button, .tools button')].map((b) => {{"
        " const r = b.getBoundingClientRect();"
        " return [r.width, r.height, r.right <= innerWidth, r.bottom <= innerHeight] })"
    )
    assert all(right and bottom for _, _, right, bottom in sizes)
    assert min(min(width, height) for width, height, _, _ in sizes) >= 36
    before = lab(page)["lease"]
    page.touchscreen.tap(*point(page, "[data-do='skip']"))
    wait_painted(page, before)
    page.close()


def test_the_time_in_another_tab_or_in_the_help_is_not_response_time(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    see = (
        "(state) => { Object.defineProperty(document, 'visibilityState',"
        " { configurable: true, get: () => state });"
        " document.dispatchEvent(new Event('visibilitychange')) }"
    )
    page.evaluate(see, "hidden")
    page.wait_for_timeout(1500)
    page.evaluate(see, "visible")
    page.keyboard.press("?")
    wait_cover(page, "help")
    page.wait_for_timeout(1500)
    page.keyboard.press("Escape")
    press(page, "312")
    wait_saved(page)
    (stored,) = log(ws, pages)
    assert stored.response_ms is not None
    assert 150 <= stored.response_ms < 1400
    page.close()


def test_a_page_with_a_lost_picture_takes_no_answer_but_a_skip_or_a_flag(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    gone = {"status": 404, "json": {"error": "the file of this picture is gone"}}
    page.route("**/images/*", lambda route: route.fulfill(**gone))
    page.reload()
    lease = wait_painted(page)
    for key in "123":
        page.keyboard.press(key)
    assert "Skip" in text_of(page, ".broken")
    assert "gone" in text_of(page, ".broken")
    assert lab(page)["lease"] == lease
    page.keyboard.press("f")
    wait_cover(page, "flag")
    page.keyboard.type("picture 12 is gone")
    page.keyboard.press("Enter")
    wait_painted(page, lease)
    wait_saved(page)
    (stored,) = log(ws, pages)
    assert stored.answer.kind is JudgementKind.SKIP
    page.close()
