"""Handing pages out and taking answers in, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cssim.config import Settings
from cssim.errors import BadInput, Conflict, NotAllowed, NotFound
from cssim.services import accounts, annotating
from cssim.services.annotating import Reply
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, JudgementKind, PageMode, Person
from db import annotations as records
from db import library
from db.models import PageRow
from tests.pages import add_nameless, add_pages, add_pictures, rank_pages

GOOD = Answer(JudgementKind.ANSWER, (2, 0, 1), (2, 4, 1))
SKIP = Answer(JudgementKind.SKIP)
RETRACT = Answer(JudgementKind.RETRACT)


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


def reply(lease_id: str, answer: Answer = GOOD, **more) -> Reply:
    return Reply(client_id=uuid.uuid4().hex, lease_id=lease_id, answer=answer, **more)


def lease(ws: Workspace, person: Person, **more) -> annotating.Handout:
    return annotating.next_pages(ws, person, want=1, **more).pages[0]


def log(ws: Workspace):
    with ws.database.reading() as session:
        clusters = [row.id for row in library.list_clusters(session, ws.project.id)]
        return records.judgements_of(session, clusters)


def done(ws: Workspace, page_id: int) -> int:
    with ws.database.reading() as session:
        return session.get_one(PageRow, page_id).done


def test_a_person_gets_pages_in_order_and_their_candidates_in_a_random_order(ws, ada):
    pages = rank_pages(ws, 4)
    queue = annotating.next_pages(ws, ada, want=3, rng=random.Random(1))
    assert [handout.page.id for handout in queue.pages] == pages[:3]
    assert all(sorted(handout.shown) == [0, 1, 2] for handout in queue.pages)
    assert {image.available for handout in queue.pages for image in handout.images.values()} == {
        True
    }


def test_each_order_on_screen_comes_equally_often(ws, ada):
    rank_pages(ws, 12)
    orders: Counter[tuple[int, ...]] = Counter()
    for seed in range(25):
        queue = annotating.next_pages(ws, ada, want=12, rng=random.Random(seed))
        orders.update(handout.shown for handout in queue.pages)
        annotating.give_back(ws, ada, [handout.lease_id for handout in queue.pages])
    assert sum(orders.values()) == 300
    assert len(orders) == 6
    # 300 draws of 6 orders: a count beyond 50 +- 5 standard deviations of 6.5 means a bias.
    assert all(18 <= count <= 82 for count in orders.values())


def test_a_page_on_loan_is_not_handed_to_others_until_the_loan_runs_out(ws, ada, ben):
    (page,) = rank_pages(ws, 1)
    start = datetime.now(UTC)
    assert lease(ws, ada, now=start).page.id == page
    assert annotating.next_pages(ws, ben, now=start).pages == ()
    later = start + timedelta(minutes=ws.settings.lease_minutes, seconds=1)
    assert lease(ws, ben, now=later).page.id == page


def test_holding_a_lease_keeps_it_and_one_that_ran_out_is_not_kept(ws, ada, ben):
    rank_pages(ws, 1)
    start, minute = datetime.now(UTC), timedelta(minutes=1)
    held = lease(ws, ada, now=start).lease_id
    almost = start + (ws.settings.lease_minutes - 1) * minute
    assert annotating.next_pages(ws, ada, have=[held], want=0, now=almost).kept == (held,)
    assert annotating.next_pages(ws, ben, now=almost + 2 * minute).pages == ()
    long_after = almost + 30 * minute
    assert annotating.next_pages(ws, ada, have=[held], want=0, now=long_after).kept == ()


def test_nobody_sees_a_page_twice(ws, ada):
    first, second = rank_pages(ws, 2, wanted=5)
    one = lease(ws, ada)
    annotating.answer(ws, ada, reply(one.lease_id))
    two = lease(ws, ada)
    assert (one.page.id, two.page.id) == (first, second)
    annotating.answer(ws, ada, reply(two.lease_id, SKIP))
    assert annotating.next_pages(ws, ada).pages == ()


def test_the_least_answered_page_comes_first(ws, ada, ben):
    first, second = rank_pages(ws, 2, wanted=2)
    annotating.answer(ws, ada, reply(lease(ws, ada).lease_id))
    queue = annotating.next_pages(ws, ben, want=2)
    assert [handout.page.id for handout in queue.pages] == [second, first]


def test_pages_whose_pictures_are_not_here_are_never_handed_out(ws, ada):
    here = add_pictures(ws, 4)
    gone = add_nameless(ws)
    add_pages(ws, [(gone, tuple(here[:3])), (here[0], (here[1], gone, here[2]))])
    (good,) = add_pages(ws, [(here[0], tuple(here[1:4]))])
    assert [h.page.id for h in annotating.next_pages(ws, ada).pages] == [good]


def test_pages_that_want_no_answers_are_never_handed_out(ws, ada):
    rank_pages(ws, 2, wanted=0)
    assert annotating.next_pages(ws, ada).pages == ()


def test_a_reload_gives_the_pages_back_that_the_tab_before_it_held(ws, ada):
    rank_pages(ws, 2)
    before = annotating.next_pages(ws, ada, want=2)
    again = annotating.next_pages(ws, ada, want=2)
    assert {h.lease_id for h in again.pages} == {h.lease_id for h in before.pages}
    assert {h.shown for h in again.pages} == {h.shown for h in before.pages}
    held = [h.lease_id for h in before.pages]
    assert annotating.next_pages(ws, ada, have=held, want=2).pages == ()


def test_ten_people_at_once_never_go_over_what_is_wanted(ws):
    pages = rank_pages(ws, 8, wanted=2)
    people = [accounts.add_person(ws, f"person {i}") for i in range(10)]
    failures: list[BaseException] = []

    def work(person: Person) -> None:
        try:
            while queue := annotating.next_pages(ws, person, want=2).pages:
                for handout in queue:
                    annotating.answer(ws, person, reply(handout.lease_id))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    answers = Counter(judgement.page_id for judgement in log(ws))
    assert answers == dict.fromkeys(pages, 2)
    assert {done(ws, page) for page in pages} == {2}


def test_an_answer_is_stored_with_its_person_time_and_order_on_screen(ws, ada):
    rank_pages(ws, 1)
    handout = lease(ws, ada)
    said = datetime(2026, 5, 4, 12, tzinfo=UTC)
    receipt = annotating.answer(
        ws, ada, reply(handout.lease_id, response_ms=1234, answered_at=said)
    )
    (stored,) = log(ws)
    assert stored.id == receipt.judgement_id
    assert (stored.person_id, stored.response_ms, stored.shown) == (ada.id, 1234, handout.shown)
    assert stored.answer == GOOD
    assert (receipt.late, receipt.repeated) == (False, False)
    assert done(ws, handout.page.id) == 1


def test_the_same_answer_twice_is_stored_once(ws, ada):
    rank_pages(ws, 1)
    same = reply(lease(ws, ada).lease_id)
    first, second = annotating.answer(ws, ada, same), annotating.answer(ws, ada, same)
    assert first.judgement_id == second.judgement_id
    assert (first.repeated, second.repeated) == (False, True)
    assert len(log(ws)) == 1


def test_the_same_answer_sent_by_eight_threads_is_stored_once(ws, ada):
    rank_pages(ws, 1)
    same, receipts = reply(lease(ws, ada).lease_id), []
    threads = [
        threading.Thread(target=lambda: receipts.append(annotating.answer(ws, ada, same)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({receipt.judgement_id for receipt in receipts}) == 1
    assert len(receipts) == 8
    assert len(log(ws)) == 1


def test_a_client_id_of_another_page_is_refused(ws, ada):
    rank_pages(ws, 2)
    one, two = annotating.next_pages(ws, ada, want=2).pages
    first = reply(one.lease_id)
    annotating.answer(ws, ada, first)
    with pytest.raises(Conflict, match="another answer"):
        annotating.answer(ws, ada, Reply(first.client_id, two.lease_id, GOOD))


def test_a_correction_supersedes_and_counts_once(ws, ada):
    rank_pages(ws, 1)
    handout = lease(ws, ada)
    first = annotating.answer(ws, ada, reply(handout.lease_id))
    better = Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 2, 3))
    second = annotating.answer(ws, ada, reply(handout.lease_id, better))
    old, new = log(ws)
    assert (old.id, new.supersedes) == (first.judgement_id, first.judgement_id)
    assert new.id == second.judgement_id
    assert not second.late
    assert done(ws, handout.page.id) == 1


def test_two_tabs_that_answer_the_same_page_count_once(ws, ada):
    rank_pages(ws, 1, wanted=3)
    tab_one, tab_two = lease(ws, ada), lease(ws, ada)
    assert tab_one.lease_id == tab_two.lease_id
    annotating.answer(ws, ada, reply(tab_one.lease_id))
    annotating.answer(ws, ada, reply(tab_two.lease_id))
    assert [judgement.supersedes is None for judgement in log(ws)] == [True, False]
    assert done(ws, tab_one.page.id) == 1


def test_taking_an_answer_back_opens_the_page_for_its_person_alone(ws, ada, ben):
    rank_pages(ws, 1)
    handout = lease(ws, ada)
    annotating.answer(ws, ada, reply(handout.lease_id))
    annotating.answer(ws, ada, reply(handout.lease_id, RETRACT))
    assert done(ws, handout.page.id) == 0
    assert annotating.next_pages(ws, ben).pages == ()
    assert lease(ws, ada).lease_id == handout.lease_id
    annotating.answer(ws, ada, reply(handout.lease_id))
    assert [j.answer.kind for j in log(ws)] == ["answer", "retract", "answer"]
    assert done(ws, handout.page.id) == 1


def test_nothing_can_be_taken_back_twice(ws, ada):
    rank_pages(ws, 1)
    handout = lease(ws, ada)
    with pytest.raises(Conflict, match="no answer of yours"):
        annotating.answer(ws, ada, reply(handout.lease_id, RETRACT))
    annotating.answer(ws, ada, reply(handout.lease_id))
    annotating.answer(ws, ada, reply(handout.lease_id, RETRACT))
    with pytest.raises(Conflict, match="no answer of yours"):
        annotating.answer(ws, ada, reply(handout.lease_id, RETRACT))


def test_a_late_answer_is_kept_and_marked(ws, ada, ben):
    (page,) = rank_pages(ws, 1)
    start = datetime.now(UTC)
    mine = lease(ws, ada, now=start)
    later = start + timedelta(minutes=ws.settings.lease_minutes + 1)
    theirs = lease(ws, ben, now=later)
    annotating.answer(ws, ben, reply(theirs.lease_id), now=later)
    receipt = annotating.answer(ws, ada, reply(mine.lease_id), now=later)
    assert receipt.late
    assert done(ws, page) == 2


def test_a_returned_page_is_handed_out_at_once(ws, ada, ben):
    rank_pages(ws, 1)
    handout = lease(ws, ada)
    assert annotating.give_back(ws, ben, [handout.lease_id]) == 0
    assert annotating.give_back(ws, ada, [handout.lease_id]) == 1
    assert lease(ws, ben).page.id == handout.page.id
    assert annotating.answer(ws, ada, reply(handout.lease_id)).late


def test_a_skip_does_not_count_as_an_answer_and_keeps_its_remark(ws, ada):
    rank_pages(ws, 1)
    handout = lease(ws, ada)
    annotating.answer(ws, ada, reply(handout.lease_id, SKIP, flag="  two are the same  "))
    assert done(ws, handout.page.id) == 0
    (given,) = annotating.history(ws, ada)
    assert given.flag == "two are the same"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (Answer(JudgementKind.ANSWER, (0, 1), (1, 2, 3)), "each candidate once"),
        (Answer(JudgementKind.ANSWER, (0, 1, 1), (1, 2, 3)), "each candidate once"),
        (Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 2, 6)), "numbers from 1 to 5"),
        (Answer(JudgementKind.ANSWER, (0, 1, 2), (3, 2, 1)), "contradicts the classes"),
        (Answer(JudgementKind.ANSWER, (0, 1, 2)), "needs a class"),
        (Answer(JudgementKind.TIE), "only a page to choose on"),
    ],
)
def test_an_answer_that_does_not_fit_its_page_is_refused_and_nothing_stored(ws, ada, bad, says):
    rank_pages(ws, 1)
    handout = lease(ws, ada)
    with pytest.raises(BadInput, match=says):
        annotating.answer(ws, ada, reply(handout.lease_id, bad))
    assert log(ws) == []


def test_a_foreign_or_unknown_lease_is_refused(ws, ada, ben):
    rank_pages(ws, 1)
    handout = lease(ws, ada)
    with pytest.raises(NotAllowed, match="somebody else"):
        annotating.answer(ws, ben, reply(handout.lease_id))
    with pytest.raises(NotFound, match="no lease"):
        annotating.answer(ws, ada, reply("nothing"))
    other = ws.with_project("other")
    with pytest.raises(NotFound, match="no lease"):
        annotating.answer(other, ada, reply(handout.lease_id))


def test_a_tie_on_a_page_to_choose_counts(ws, ada):
    images = add_pictures(ws, 3)
    (page,) = add_pages(ws, [(images[0], (images[1], images[2]))], mode=PageMode.CHOOSE)
    annotating.answer(ws, ada, reply(lease(ws, ada).lease_id, Answer(JudgementKind.TIE)))
    assert done(ws, page) == 1


def test_history_shows_what_stands_newest_first_and_can_be_walked_back(ws, ada, ben):
    rank_pages(ws, 5, wanted=2)
    for handout in annotating.next_pages(ws, ada, want=5).pages:
        annotating.answer(ws, ada, reply(handout.lease_id))
    annotating.answer(ws, ben, reply(lease(ws, ben).lease_id))
    whole = annotating.history(ws, ada)
    assert [g.judgement_id for g in whole] == sorted((g.judgement_id for g in whole), reverse=True)
    assert len(whole) == 5
    newest = annotating.history(ws, ada, limit=2)
    older = annotating.history(ws, ada, before=newest[-1].judgement_id)
    assert newest + older == whole
    correction = reply(whole[3].handout.lease_id)
    annotating.answer(ws, ada, correction)
    assert annotating.history(ws, ada)[0].handout.page.id == whole[3].handout.page.id
    assert len(annotating.history(ws, ada)) == 5


def test_progress_counts_own_answers_and_those_of_all(ws, ada, ben):
    rank_pages(ws, 3, wanted=2)
    for handout in annotating.next_pages(ws, ada, want=2).pages:
        annotating.answer(ws, ada, reply(handout.lease_id))
    annotating.answer(ws, ben, reply(lease(ws, ben).lease_id))
    own = annotating.progress(ws, ada)
    assert (own.own_total, own.own_today, own.done, own.wanted) == (2, 2, 3, 6)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert annotating.progress(ws, ada, since=tomorrow).own_today == 0


def test_one_person_cannot_hoard_pages(ws, ada):
    rank_pages(ws, annotating.MAX_OPEN + 6)
    have: list[str] = []
    for _ in range(10):
        have += [h.lease_id for h in annotating.next_pages(ws, ada, have=have, want=12).pages]
    assert len(have) == annotating.MAX_OPEN
    assert len(annotating.own_leases(ws, ada)) == annotating.MAX_OPEN


@pytest.mark.parametrize("more", [{"want": -1}, {"want": 13}, {"have": ["x"] * 1000}])
def test_requests_out_of_range_are_refused(ws, ada, more):
    with pytest.raises(BadInput):
        annotating.next_pages(ws, ada, **more)


@pytest.mark.parametrize(
    "more",
    [
        {"client_id": "short"},
        {"client_id": "x" * 65},
        {"client_id": "with space"},
        {"response_ms": -1},
        {"response_ms": 10**9},
        {"flag": " "},
        {"flag": "x" * 501},
    ],
)
def test_replies_out_of_range_are_refused(more):
    with pytest.raises(BadInput):
        Reply(**{"client_id": "12345678", "lease_id": "x", "answer": SKIP, **more})
