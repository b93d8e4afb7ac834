"""Hands that slip and minds that change: worn keys, other alphabets, corrections, other people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations, islice
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import update

from cssim.services import accounts, annotating, remarks
from cssim.services.workspace import Workspace
from cssim.types import Answer, JudgementKind
from cssim.ui import labelling
from cssim.web.http import COOKIE
from db.models import JudgementRow, LeaseRow
from tests.e2e.labelling import (
    LAB,
    PASSWORD,
    lab,
    log,
    note,
    open_labelling,
    text_of,
    wait_cover,
    wait_painted,
    wait_saved,
    wait_state,
)
from tests.pages import add_pages, add_pictures

pytestmark = pytest.mark.e2e
FOLDER = Path(labelling.__file__).parent
BADGES = f"() => [...({LAB}).querySelectorAll('.tile .badge')].slice(1).map((b) => b.textContent)"


@pytest.fixture(scope="module")
def blank(chromium: Browser) -> Iterator[Page]:
    """An empty page that knows what keys mean."""
    opened = chromium.new_page()
    opened.add_script_tag(content=(FOLDER / "keys.js").read_text("utf-8"))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("key", "code", "shift", "meaning"),
    [
        ("z", "KeyY", False, "z"),  # German: what the key writes counts, not where it lies
        ("S", "KeyS", False, "s"),  # Caps Lock
        ("я", "KeyZ", False, "z"),  # Russian
        ("Ы", "KeyS", True, "s"),
        ("ㅗ", "KeyH", False, "h"),  # Korean
        ("Process", "KeyU", False, "u"),  # an input method
        ("&", "Digit1", False, "1"),  # French: digits behind Shift
        ("1", "Digit1", True, "1"),
        ("ๅ", "Digit1", False, "1"),  # Thai
        ("۳", "Digit3", False, "3"),  # Persian
        ("３", "Digit3", False, "3"),  # full width
        ("5", "Numpad5", False, "5"),
        ("ArrowLeft", "Numpad4", False, "ArrowLeft"),  # Num Lock is off
        ("!", "Digit1", True, "!"),  # a slip on Shift is no answer
        ("؟", "Slash", True, "?"),
        ("?", "Minus", True, "?"),
        ("ArrowRight", "ArrowRight", False, "ArrowRight"),
    ],
)
def test_a_key_means_the_same_on_every_keyboard(
    blank: Page, key: str, code: str, shift: bool, meaning: str
) -> None:
    event = {"key": key, "code": code, "shiftKey": shift}
    assert blank.evaluate("(event) => keyName(event)", event) == meaning


def answer(page: Page, keys: str) -> str:
    """Keys that finish a page; the lease of the next one."""
    before = lab(page)["lease"]
    for key in keys:
        page.keyboard.press(key)
    return wait_painted(page, before)


def remarks_on(ws: Workspace, pages: list[int]) -> list[str]:
    found = [one for one in remarks.remarked_pages(ws) if one.page.id in pages]
    return [remark.text for one in found for remark in one.remarks if remark.text]


def badges(page: Page) -> list[str]:
    found: list[str] = page.evaluate(BADGES)
    return found


def test_a_worn_key_rates_one_picture_and_backspace_goes_on_to_the_page_before(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    page.evaluate(
        """() => { for (const type of ['keydown', 'keyup', 'keydown', 'keyup'])
             window.dispatchEvent(new KeyboardEvent(type, {key: '1', code: 'Digit1'})) }"""
    )
    assert badges(page) == ["1 Almost the same", "", ""]
    page.wait_for_timeout(40)
    answer(page, "35")
    assert badges(page) == ["", "", ""]
    page.keyboard.press("Backspace")  # the 5 was a slip
    wait_state(page, "revisit")
    assert badges(page) == ["1 Almost the same", "3 Related", "was 5 Irrelevant"]
    page.wait_for_timeout(200)
    page.keyboard.press("4")
    wait_state(page, "page")
    wait_saved(page)
    first, corrected = log(ws, pages)
    assert sorted(first.answer.classes) == [1, 3, 5]
    assert sorted(corrected.answer.classes) == [1, 3, 4]
    assert corrected.supersedes == first.id

    # After a reload the server tells what was said; its classes are the steps.
    page.reload()
    wait_painted(page)
    page.keyboard.press("Backspace")
    wait_state(page, "revisit")
    page.wait_for_timeout(200)
    assert badges(page) == ["1 Almost the same", "3 Related", "was 4 Weakly connected"]
    page.keyboard.press("Escape")
    wait_state(page, "page")
    assert len(log(ws, pages)) == 2
    page.close()


def test_a_correction_keeps_a_remark_until_it_is_taken_back(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    lease = lab(page)["lease"]
    page.keyboard.press("f")
    wait_cover(page, "flag")
    page.keyboard.type("blurred")
    page.keyboard.press("Enter")
    wait_painted(page, lease)
    page.keyboard.press("u")
    wait_state(page, "revisit")
    assert text_of(page, ".spoken") == "You flagged this page: blurred"
    page.wait_for_timeout(200)
    for key in "135":
        page.keyboard.press(key)
    wait_state(page, "page")
    wait_saved(page)
    assert remarks_on(ws, pages) == ["blurred"]
    page.wait_for_timeout(200)
    page.keyboard.press("u")
    wait_state(page, "revisit")
    page.wait_for_timeout(200)
    page.keyboard.press("f")
    wait_cover(page, "flag")
    assert page.evaluate(f"() => ({LAB}).querySelector('textarea').value") == "blurred"
    page.get_by_role("button", name="Take the flag back").click()
    for key in "135":
        page.keyboard.press(key)
    wait_state(page, "page")
    wait_saved(page)
    assert remarks_on(ws, pages) == []
    assert [one.answer.kind for one in log(ws, pages)] == [
        JudgementKind.SKIP, JudgementKind.ANSWER, JudgementKind.ANSWER
    ]  # fmt: skip
    page.close()


def test_an_earlier_page_is_not_pulled_away_while_the_server_has_no_others(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    moved = (
        f"(lease) => {{ const d = ({LAB}).dataset;"
        " return d.lease !== lease && (d.lease || d.state === 'finished') }"
    )
    while lease := lab(page)["lease"]:  # all, and what tabs of earlier tests left behind
        page.keyboard.press("s")
        page.wait_for_function(moved, arg=lease)
        page.wait_for_timeout(200)
    wait_state(page, "finished")
    assert {one.page_id for one in log(ws, pages)} == set(pages)
    page.keyboard.press("h")
    wait_cover(page, "history")
    page.keyboard.press("Escape")
    wait_cover(page, "rest")
    page.keyboard.press("u")
    wait_state(page, "revisit")
    with page.expect_response("**/api/leases") as asked:
        page.evaluate("() => dispatchEvent(new Event('online'))")  # as the timer does
    assert asked.value.ok
    page.wait_for_timeout(300)
    assert lab(page)["state"] == "revisit"
    page.keyboard.press("Escape")
    wait_state(page, "finished")
    page.close()


def test_after_a_long_absence_a_page_that_was_not_begun_is_left_to_others(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)

    def age_all() -> None:
        with ws.database.writing() as session:
            past = datetime.now(UTC) - timedelta(hours=1)
            session.execute(update(LeaseRow).values(expires_at=past))
        with page.expect_response("**/api/leases"):
            page.evaluate("() => dispatchEvent(new Event('online'))")  # as on coming back

    before = lab(page)["lease"]
    age_all()
    now = wait_painted(page, before)
    assert "You were away" in text_of(page, ".spoken")
    page.keyboard.press("1")
    age_all()
    page.wait_for_timeout(300)
    assert lab(page)["lease"] == now  # begun, it is finished
    assert badges(page)[0].startswith("1 ")
    for key in "35":
        page.keyboard.press(key)
    wait_painted(page, now)
    wait_saved(page)
    (stored,) = log(ws, pages)
    with ws.database.reading() as session:
        assert session.get_one(JudgementRow, stored.id).late
    page.close()


def test_a_long_day_is_listed_in_portions(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    ivo = accounts.add_person(ws, "Ivo", password=PASSWORD)
    images = add_pictures(ws, 12, prefix="day")
    add_pages(ws, [(images[0], some) for some in islice(combinations(images[1:], 3), 90)])
    while handouts := annotating.next_pages(ws, ivo, want=12).pages:
        for handout in handouts:
            skip = Answer(JudgementKind.SKIP)
            annotating.answer(ws, ivo, annotating.Reply(uuid4().hex, handout.lease_id, skip))
    page = chromium.new_context(viewport={"width": 1200, "height": 800}).new_page()
    token = accounts.sign_in(ws, "Ivo", PASSWORD)
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": server}])
    page.goto(f"{server}/annotate?show=history")
    wait_cover(page, "history")
    listed = f"() => ({LAB}).querySelectorAll('.item').length"
    for many in (40, 80, 97):
        page.wait_for_function(f"(many) => ({listed})() === many", arg=many)
        if many < 97:
            page.get_by_role("button", name="Earlier answers").click()
    assert page.get_by_role("button", name="Earlier answers").count() == 0
    page.keyboard.press("Escape")
    wait_cover(page, "rest")
    page.keyboard.press("h")  # opened again it is quick again
    wait_cover(page, "history")
    assert page.evaluate(listed) == 40
    page.context.close()


def test_nobody_answers_in_the_name_of_who_was_signed_in_before(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    names = {person.name for person in accounts.list_people(ws)}
    for name in {"Eve", "Fay"} - names:
        accounts.add_person(ws, name, password=PASSWORD)

    def sign_in(name: str) -> None:
        token = accounts.sign_in(ws, name, PASSWORD)
        page.context.add_cookies([{"name": COOKIE, "value": token, "url": server}])

    page = chromium.new_context(viewport={"width": 1200, "height": 800}).new_page()
    sign_in("Eve")
    page.goto(f"{server}/annotate")
    wait_cover(page, "welcome")
    page.keyboard.press("Enter")
    wait_painted(page)
    page.route("**/api/answers", lambda route: route.abort())
    answer(page, "135")
    sign_in("Fay")  # in another tab
    page.unroute("**/api/answers")
    answer(page, "245")
    wait_state(page, "someoneelse")
    assert note(page) == "Signed out: 2 answers kept here"
    assert text_of(page, ".cover h2") == "Somebody else signed in here"
    assert log(ws, pages) == []
    for key in ("u", "h", "1", "Backspace"):
        page.keyboard.press(key)
    assert lab(page)["state"] == "someoneelse"

    sign_in("Eve")
    page.evaluate("() => dispatchEvent(new Event('online'))")
    wait_state(page, "page")  # and the page in hand is there again
    wait_saved(page)
    eve = next(person.id for person in accounts.list_people(ws) if person.name == "Eve")
    stored = log(ws, pages)
    assert [judgement.person_id for judgement in stored] == [eve, eve]
    assert [sorted(judgement.answer.classes) for judgement in stored] == [[1, 3, 5], [2, 4, 5]]
    page.context.close()


def test_enter_that_ends_a_composed_word_sends_no_remark(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    lease = lab(page)["lease"]
    page.keyboard.press("f")
    wait_cover(page, "flag")
    page.keyboard.type("ぼけ")
    press = (
        f"(one) => ({LAB}).querySelector('textarea')"
        ".dispatchEvent(new KeyboardEvent('keydown', one))"
    )
    for key in ("Enter", "Escape"):
        event = {"key": key, "isComposing": True, "bubbles": True, "composed": True}
        page.evaluate(press, {**event, "cancelable": True})
    page.wait_for_timeout(300)
    assert lab(page)["lease"] == lease
    wait_cover(page, "flag")
    page.keyboard.press("Enter")
    wait_painted(page, lease)
    wait_saved(page)
    assert remarks_on(ws, pages) == ["ぼけ"]
    page.close()
