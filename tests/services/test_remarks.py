"""Remarks on pages: who sees them, what becomes of the page, on each database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from cssim.config import Settings
from cssim.errors import BadInput, NotFound
from cssim.services import accounts, annotating, gold, remarks
from cssim.services.gold import GoldPage, KnownAnswer
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, JudgementKind, Person
from tests.pages import add_pictures, rank_pages

SKIP = Answer(JudgementKind.SKIP)
SAID = Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 2, 3))


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    yield opened
    opened.close()


@pytest.fixture
def ada(ws: Workspace) -> Person:
    return accounts.add_person(ws, "Ada")


@pytest.fixture
def ben(ws: Workspace) -> Person:
    return accounts.add_person(ws, "Ben")


def take(ws: Workspace, person: Person, want: int = 6) -> dict[int, str]:
    """Lease of each page that the person gets now."""
    return {h.page.id: h.lease_id for h in annotating.next_pages(ws, person, want=want).pages}


def say(
    ws: Workspace, person: Person, lease: str, answer: Answer = SKIP, flag: str | None = None
) -> None:
    reply = annotating.Reply(uuid.uuid4().hex, lease, answer, 900, flag=flag)
    annotating.answer(ws, person, reply)


def told(ws: Workspace, **options) -> list[tuple[int, list[tuple[str, str, str]]]]:
    return [
        (one.page.id, [(r.person, r.kind.value, r.text) for r in one.remarks])
        for one in remarks.remarked_pages(ws, **options)
    ]


def test_a_remark_reaches_the_researcher_with_its_page_the_newest_first(ws, ada):
    first, second, third = rank_pages(ws, 3)
    leases = take(ws, ada)
    say(ws, ada, leases[first], SAID, flag="two pictures are the same")
    say(ws, ada, leases[second], SAID)
    say(ws, ada, leases[third], SKIP, flag="blurred")
    assert told(ws) == [
        (third, [("Ada", "skip", "blurred")]),
        (first, [("Ada", "answer", "two pictures are the same")]),
    ]
    (open_one,) = remarks.remarked_pages(ws, only_open=True)
    assert (open_one.page.id, open_one.is_open, open_one.done) == (third, True, 0)
    assert set(open_one.images) == {open_one.page.reference, *open_one.page.candidates}
    assert remarks.remarked_pages(ws, limit=1)[0].page.id == third
    with pytest.raises(BadInput, match="limit"):
        remarks.remarked_pages(ws, limit=0)


def test_a_page_that_two_people_skip_is_listed_without_any_remark(ws, ada, ben):
    one, two = rank_pages(ws, 2, wanted=3)
    say(ws, ada, take(ws, ada)[one])
    assert told(ws) == []
    leases = take(ws, ben)
    say(ws, ben, leases[one])
    say(ws, ben, leases[two])
    assert told(ws) == [(one, [("Ben", "skip", ""), ("Ada", "skip", "")])]


def test_what_was_taken_back_is_listed_no_more(ws, ada):
    (page,) = rank_pages(ws, 1)
    lease = take(ws, ada)[page]
    say(ws, ada, lease, flag="blurred")
    say(ws, ada, lease, SAID)  # the correction carries no remark
    assert told(ws) == []


def test_a_page_is_stopped_and_asked_about_once_more(ws, ada, ben):
    (page,) = rank_pages(ws, 1)
    say(ws, ada, take(ws, ada)[page], flag="blurred")
    remarks.stop_page(ws, page, by=ada)
    assert take(ws, ben) == {}
    assert not remarks.remarked_pages(ws)[0].is_open
    assert remarks.remarked_pages(ws, only_open=True) == []
    remarks.ask_once_more(ws, page, by=ada)
    say(ws, ben, take(ws, ben)[page], SAID)
    (now,) = remarks.remarked_pages(ws)
    assert (now.wanted, now.done) == (1, 1)
    done = [(one.action, one.actor) for one in accounts.list_audit(ws)][:2]
    assert done == [("ask once more", "Ada"), ("stop page", "Ada")]
    with pytest.raises(NotFound, match="no page 9999"):
        remarks.stop_page(ws, 9999)


def test_pages_that_check_people_are_listed_and_left_as_they_are(ws, ada):
    pictures = add_pictures(ws, 9)
    known = KnownAnswer(SAID)
    gold.make_gold(ws, "checks", [GoldPage(pictures[0], tuple(pictures[1:4]), known)])
    (page,) = [one.page.id for one in gold.training_pages(ws, ada)]
    with pytest.raises(NotFound, match="gold"):
        remarks.ask_once_more(ws, page)
