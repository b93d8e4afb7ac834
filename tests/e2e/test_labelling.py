"""A person signs in and labels by keyboard in Chromium; the answers are in the database."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from cssim.services.workspace import Workspace
from cssim.types import JudgementKind
from tests.e2e.labelling import (
    lab,
    log,
    note,
    open_labelling,
    shown,
    wait_painted,
    wait_saved,
    wait_state,
)

pytestmark = pytest.mark.e2e


def test_three_pages_ranked_by_keyboard_are_in_the_database(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    told = []
    # Classes from left to right; a tie is settled for the left or for the right one.
    for keys, classes, order in [
        ("421", [4, 2, 1], [2, 1, 0]),
        (["3", "3", "5", "ArrowRight"], [3, 3, 5], [1, 0, 2]),
        (["2", "Backspace", "1", "5", "1", "ArrowLeft"], [1, 5, 1], [0, 2, 1]),
    ]:
        lease = lab(page)["lease"]
        places = shown(page, lease)
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(40)  # the same key again any sooner is a worn one that chatters
        told.append((places, classes, order))
        wait_painted(page, lease)
    wait_saved(page)
    stored = log(ws, pages)
    assert [judgement.page_id for judgement in stored] == pages[:3]
    for judgement, (places, classes, order) in zip(stored, told, strict=True):
        assert judgement.shown == tuple(places)
        assert judgement.answer.order == tuple(places[place] for place in order)
        by_position = dict(zip(places, classes, strict=True))
        assert judgement.answer.classes == tuple(by_position[i] for i in range(3))
        assert judgement.response_ms is not None
        assert 150 <= judgement.response_ms < 10_000
    assert "saved" in note(page)

    # Choosing: left, right, equally close; then the last answer is changed by `u`.
    chosen = []
    for key, kind, place in [("ArrowLeft", "answer", 0), ("2", "answer", 1), ("0", "tie", None)]:
        lease = lab(page)["lease"]
        chosen.append((shown(page, lease), kind, place))
        page.keyboard.press(key)
        last = wait_painted(page, lease)
    page.keyboard.press("u")
    wait_painted(page, last)
    page.keyboard.press("ArrowRight")
    wait_painted(page, lease)
    wait_saved(page)
    choices = log(ws, pages)[3:]
    for judgement, (places, kind, place) in zip(choices[:3], chosen, strict=True):
        assert judgement.answer.kind == kind
        if place is not None:
            assert judgement.answer.order == (places[place], places[1 - place])
    assert choices[3].supersedes == choices[2].id
    assert choices[3].answer.order == tuple(reversed(chosen[2][0]))

    # The last page is skipped; then there is no work left, and the element says so.
    page.keyboard.press("s")
    wait_state(page, "finished")
    wait_saved(page)
    assert log(ws, pages)[-1].answer.kind is JudgementKind.SKIP
    page.close()


def test_keys_count_only_for_pages_that_were_seen(
    ws: Workspace, pages: list[int], server: str, chromium: Browser
) -> None:
    page = open_labelling(chromium, server)
    first = lab(page)["lease"]

    # Held down: one answer of one candidate, however long.
    page.evaluate(
        """() => { for (let i = 0; i < 30; i++) window.dispatchEvent(new KeyboardEvent('keydown',
             {key: '1', repeat: i > 0, bubbles: true, cancelable: true})) }"""
    )
    assert lab(page)["lease"] == first
    page.keyboard.press("Control+2")
    page.keyboard.press("Alt+2")
    assert lab(page)["lease"] == first

    # Typed far too fast: two keys finish the page, the rest falls on one not yet seen.
    page.evaluate(
        """() => { for (const key of '23' + '1234512345') window.dispatchEvent(
             new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true})) }"""
    )
    second = wait_painted(page, first)
    wait_saved(page)
    (only,) = log(ws, pages)
    assert sorted(only.answer.classes) == [1, 2, 3]

    # A second key within the time that nobody can react in changes nothing.
    for key in "123":
        page.keyboard.press(key)
    page.keyboard.press("s")
    page.keyboard.press("s")
    wait_painted(page, second)
    wait_saved(page)
    assert [judgement.answer.kind for judgement in log(ws, pages)] == ["answer", "answer"]

    # Without a connection answers wait in the browser, survive a reload, and go out once.
    page.context.set_offline(True)
    third = lab(page)["lease"]
    for key in "543":
        page.keyboard.press(key)
    wait_painted(page, third)
    page.wait_for_timeout(300)
    assert "kept here" in note(page)
    assert len(log(ws, pages)) == 2
    page.context.set_offline(False)
    page.reload()
    wait_painted(page)
    wait_saved(page)
    stored = log(ws, pages)
    assert [judgement.page_id for judgement in stored] == pages[:3]
    assert sorted(stored[2].answer.classes) == [3, 4, 5]
    page.close()
