"""Plans from the drawing of pages to the answers: who gets what, when and how often."""

from __future__ import annotations

import itertools
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from scipy.stats import beta
from sqlalchemy import update

from cssim.config import Settings
from cssim.errors import BadInput, BadSetting, Conflict, NotFound
from cssim.services import accounts, annotating, gold, overlap, overview, plans, quality
from cssim.services.gold import GoldPage, KnownAnswer
from cssim.services.library import load_triples
from cssim.services.plan_specs import PlanSpec
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, ClusterKind, JudgementKind, PageMode, Person
from db import annotations as records
from db import library
from db.models import ImageRow, PageRow
from tests.pages import add_pictures, rank_pages
from tests.typed import present

LEFT, RIGHT = Answer(JudgementKind.ANSWER, (0, 1)), Answer(JudgementKind.ANSWER, (1, 0))

_turns = itertools.count()


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    yield opened
    opened.close()


def people(ws: Workspace, *names: str) -> list[Person]:
    return [accounts.add_person(ws, name) for name in names]


def choose(name: str, pages: int, **more) -> PlanSpec:
    common = {"mode": PageMode.CHOOSE, "candidates": 2, "pages_per_reference": pages}
    return PlanSpec(name=name, **{**common, **more})


def take(ws: Workspace, person: Person, want: int = 1):
    rng = random.Random(next(_turns))  # another one each time: lease ids come from it
    return list(annotating.next_pages(ws, person, want=want, rng=rng).pages)


def say(ws: Workspace, person: Person, handout, answer: Answer = LEFT) -> None:
    annotating.answer(ws, person, annotating.Reply(uuid.uuid4().hex, handout.lease_id, answer, 900))


def work(ws: Workspace, person: Person, pages: int, answer: Answer = LEFT) -> list:
    """Answer pages one by one; the pages in order."""
    seen = []
    for _ in range(pages):
        for handout in take(ws, person):
            say(ws, person, handout, answer)
            seen.append(handout)
    return seen


def rows_of(ws: Workspace, **values) -> list[PageRow]:
    with ws.database.reading() as session:
        return session.query(PageRow).filter_by(**values).order_by(PageRow.id).all()


def test_a_plan_makes_its_set_and_counts_what_comes_in(ws):
    pictures = add_pictures(ws, 8)
    (ada,) = people(ws, "Ada")
    spec = choose("sea", 5, references=(pictures[0],), people=2, overlap_share=0.4, context="water")
    plan = plans.make_plan(ws, spec, by=ada.id)
    assert (plan.counts.pages, plan.counts.wanted, plan.clusters) == (5, 2 * 2 + 3, ("sea",))
    with ws.database.reading() as session:
        cluster = library.get_cluster(session, ws.project.id, "sea")
        pages = records.pages_of(session, [cluster.id])
    assert (cluster.kind, cluster.context) == (ClusterKind.CONTEXT, "water")
    assert {page.reference for page in pages} == {pictures[0]}
    work(ws, ada, 3)
    counts = plans.get_plan(ws, "sea").counts
    assert (counts.done, counts.choose, counts.rank) == (3, 4, 0)
    now = overview.live_overview(ws)
    assert (now.done, now.wanted, now.touched, now.last_hour.answers, now.working) == (
        3,
        7,
        3,
        3,
        1,
    )
    assert now.seconds_left == 4 * 4.0  # a guess of 4 s while fewer than 20 people answered


def test_a_paused_plan_wants_no_more_than_it_has(ws):
    pictures = add_pictures(ws, 12)
    (ada,) = people(ws, "Ada")
    plans.make_plan(ws, choose("wrong", 8, references=(pictures[0],)))
    work(ws, ada, 3)
    plans.pause(ws, "wrong")
    plans.make_plan(ws, choose("right", 4, references=(pictures[1],)))
    now, own = overview.live_overview(ws), annotating.progress(ws, ada)
    assert (now.pages, now.touched, now.finished) == (3 + 4, 3, 3)
    assert (now.done, now.wanted, now.seconds_left) == (3, 7, 4 * 4.0)
    assert (own.done, own.wanted) == (3, 7)
    plans.pause(ws, "wrong", False)
    assert overview.live_overview(ws).wanted == 12


def test_the_first_day_goes_at_the_pace_since_its_first_answer(ws):
    pictures = add_pictures(ws, 12)
    (ada,) = people(ws, "Ada")
    plans.make_plan(ws, choose("sea", 30, references=(pictures[0],)))
    assert overview.live_overview(ws).hours_at_this_pace is None
    work(ws, ada, 10)
    begun = datetime.now(UTC)

    def hours(after: float) -> float:
        found = overview.live_overview(ws, now=begun + timedelta(hours=after))
        return present(found.hours_at_this_pace)

    # 20 of 30 are left: twice the time of the first ten, which is at least an hour.
    assert hours(0) == pytest.approx(2, rel=0.01)
    assert hours(5) == pytest.approx(10, rel=0.01)
    assert hours(23.9) == pytest.approx(47.8, rel=0.01)


def test_the_same_seed_draws_the_same_pages_and_a_name_is_taken_once(ws):
    add_pictures(ws, 12)
    named = {"references": (5, 9), "kind": "validation", "seed": 4}
    for name in ("one", "two"):
        plans.make_plan(ws, choose(name, 9, **named))
    drawn = [
        [(r.reference_id, r.position) for r in rows_of(ws, plan_id=plan.id)]
        for plan in plans.list_plans(ws)
    ]
    assert drawn[0] == drawn[1]
    with pytest.raises(Conflict, match="'one'"):
        plans.make_plan(ws, choose("one", 3))
    with pytest.raises(NotFound, match="there are: one, two"):
        plans.get_plan(ws, "three")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "context", "reference_count": 2}, "exactly one reference"),
        ({"mode": "choose", "candidates": 3}, "2 candidates"),
        ({"sampling": "psychic"}, "sampling is one of"),
        ({"people": 0}, "people must lie in 1..50"),
        ({"gold_rate": 0.1}, "name of a gold set"),
        ({"adaptive": True, "people": 4, "cap": 3}, "starts at 4"),
        ({"name": " x"}, "begins with a letter"),
        ({"kind": "gold"}, "known answers"),
        ({"references": (1, 1)}, "named twice"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_a_reason(values, message):
    with pytest.raises(BadSetting, match=message):
        PlanSpec(**{"name": "p", **values})


def test_a_spec_outlives_its_way_through_json():
    spec = PlanSpec("p", references=(3,), tags=("a",), models=("m",), adaptive=True, gold="g")
    assert PlanSpec.from_dict(spec.to_dict()) == spec
    with pytest.raises(BadSetting, match="no setting 'colour'"):
        PlanSpec.from_dict({"name": "p", "colour": 1})


def test_the_cost_is_said_before_anything_starts(ws):
    spec = choose("p", 100, people=2, overlap_share=0.5, repeat_rate=0.2, adaptive=True, cap=6)
    cost = plans.cost_of(ws, spec)
    assert (cost.pages, cost.triples, cost.answers, cost.most_answers) == (100, 100, 150, 350)
    assert cost.checks == round(150 * 0.2 / 0.8)
    assert cost.seconds == (150 + 38) * 4.0
    assert cost.measured_on == 0
    assert plans.list_plans(ws) == []


def test_a_higher_priority_comes_first_and_a_paused_plan_waits(ws):
    add_pictures(ws, 12)
    low, high = (plans.make_plan(ws, choose(name, 4)) for name in ("low", "high"))
    plans.set_priority(ws, "high", 5)
    (ada,) = people(ws, "Ada")

    def plan_of(handouts):
        return {rows_of(ws, id=h.page.id)[0].plan_id for h in handouts}

    first = take(ws, ada, 3)
    assert plan_of(first) == {high.id}
    plans.pause(ws, "high")
    assert plan_of(take(ws, ada, 6)) >= {low.id}
    plans.pause(ws, "high", False)
    assert not plans.get_plan(ws, "high").paused


def test_equal_plans_take_turns_as_evenly_as_their_pages_allow(ws):
    add_pictures(ws, 20)
    made = [plans.make_plan(ws, choose(f"plan {i}", n)) for i, n in enumerate((3, 20, 20))]
    (ada,) = people(ws, "Ada")
    handouts = take(ws, ada, 12)
    counts = Counter(rows_of(ws, id=h.page.id)[0].plan_id for h in handouts)
    assert counts[made[0].id] == 3
    assert sorted((counts[made[1].id], counts[made[2].id])) == [4, 5]


def test_a_paused_person_gets_nothing(ws):
    rank_pages(ws, 3)
    ada, ben = people(ws, "Ada", "Ben")
    quality.set_participation(ws, "Ada", paused=True, reason="on leave")
    assert take(ws, ada) == []
    assert take(ws, ben) != []
    quality.set_participation(ws, "Ada", paused=False)
    assert take(ws, ada) != []


def test_everybody_passes_over_their_own_answers_whatever_came_last(ws):
    """Level one: the walk begins behind the last page, and comes round to those before it."""
    add_pictures(ws, 12)
    plans.make_plan(ws, choose("p", 10, people=2))
    ada, ben = people(ws, "Ada", "Ben")
    own = [h.page.id for h in work(ws, ada, 5)]
    theirs = [h.page.id for h in work(ws, ben, 10)]
    assert theirs[:5] == [p for p in theirs if p not in own]  # the unanswered first
    rest = [h.page.id for h in work(ws, ada, 10)]
    assert sorted(own + rest) == sorted(theirs)
    assert len(set(own + rest)) == 10
    assert plans.get_plan(ws, "p").finished


def test_repeats_come_at_their_distance_once_and_turned_round(ws):
    add_pictures(ws, 40)
    plans.make_plan(ws, choose("p", 60, repeat_rate=0.5, repeat_gap=6))
    (ada,) = people(ws, "Ada")
    seen = work(ws, ada, 40)
    at = {h.page.id: i for i, h in enumerate(seen)}
    repeats = [row for row in rows_of(ws) if row.repeat_of is not None]
    assert 8 <= len(repeats) <= 28
    for row in repeats:
        assert (row.person_id, row.wanted) == (ada.id, 1)
        assert at[row.id] - at[row.repeat_of] > 6
        assert seen[at[row.id]].shown == seen[at[row.repeat_of]].shown[::-1]
        assert seen[at[row.id]].page.candidates == seen[at[row.repeat_of]].page.candidates
    assert len({row.repeat_of for row in repeats}) == len(repeats)
    counts = plans.get_plan(ws, "p").counts
    assert (counts.pages, counts.repeats, counts.done) == (60, len(repeats), 40 - len(repeats))


def test_answers_to_repeats_are_kept_and_counted_in_no_analysis(ws):
    add_pictures(ws, 40)
    plans.make_plan(ws, choose("p", 30, repeat_rate=0.5, repeat_gap=2))
    (ada,) = people(ws, "Ada")
    work(ws, ada, 20)
    with ws.database.reading() as session:
        cluster = library.get_cluster(session, ws.project.id, "p").id
        counted = records.judgements_of(session, [cluster])
        everything = records.judgements_of(session, [cluster], everything=True)
    triples = load_triples(ws, [cluster])
    assert len(everything) == 20 > len(counted) == len(triples)
    assert set(triples.votes_a + triples.votes_b) == {1.0}
    (person,) = quality.quality_report(ws).people
    assert person.repeats.n == 20 - len(counted)
    assert person.repeats.share == 1.0


def make_gold(ws: Workspace, pictures, n: int) -> None:
    pages = [
        GoldPage(pictures[i], (pictures[i + 1], pictures[i + 2]), KnownAnswer(LEFT, "by colour"),
                 PageMode.CHOOSE)
        for i in range(n)
    ]  # fmt: skip
    gold.make_gold(ws, "checks", pages)


def test_gold_pages_are_mixed_in_and_nobody_gets_one_twice(ws):
    pictures = add_pictures(ws, 30)
    make_gold(ws, pictures, 8)
    plans.make_plan(ws, choose("p", 60, gold="checks", gold_rate=0.3))
    (ada,) = people(ws, "Ada")
    seen = work(ws, ada, 40, RIGHT)
    known = {row.id for row in rows_of(ws) if row.gold is not None}
    given = [h.page.id for h in seen if h.page.id in known]
    assert 4 <= len(given) == len(set(given)) <= 8
    (person,) = quality.quality_report(ws).people
    assert (person.gold.n, person.gold.share) == (len(given), 0.0)
    assert plans.get_plan(ws, "p").counts.done == 40 - len(given)


def test_gold_comes_at_its_rate_and_no_more_often(ws):
    pictures = add_pictures(ws, 30)
    make_gold(ws, pictures, 28)
    plans.make_plan(ws, choose("p", 60, gold="checks", gold_rate=0.2))
    (ada,) = people(ws, "Ada")
    known = {row.id for row in rows_of(ws) if row.gold is not None}
    given = [h.page.id for h in work(ws, ada, 40) if h.page.id in known]
    assert 2 <= len(given) <= 16  # 40 at 0.2: 8 +- 2.5


def test_the_training_round_tells_what_was_right_and_counts_nowhere(ws):
    pictures = add_pictures(ws, 30)
    make_gold(ws, pictures, 3)
    (ada,) = people(ws, "Ada")
    first, *_ = pages = gold.training_pages(ws, ada, 2)
    assert len(pages) == 2
    assert sorted(first.shown) == [0, 1]
    wrong = gold.check_training(ws, ada, first.page.id, RIGHT)
    assert (wrong.right, wrong.score, wrong.expected) == (False, 0.0, LEFT)
    assert wrong.message == "The other one is closer. by colour"
    assert gold.check_training(ws, ada, pages[1].page.id, LEFT).right
    assert [p.page.id for p in gold.training_pages(ws, ada)] == [pages[1].page.id + 1]
    report = quality.quality_report(ws)
    assert report.answers == 0
    with pytest.raises(NotFound, match="known answer"):
        gold.check_training(ws, ada, 99_999, LEFT)
    # What somebody was trained on checks them no more.
    plans.make_plan(ws, choose("p", 60, gold="checks", gold_rate=0.5))
    seen = {h.page.id for h in work(ws, ada, 12)}
    assert not seen & {page.page.id for page in pages}
    assert pages[1].page.id + 1 in seen  # on the third one nobody trained them


def lose(ws: Workspace, *image_ids: int) -> None:
    """Images whose pixels are not here: their names came with labels."""
    with ws.database.writing() as session:
        session.execute(update(ImageRow).where(ImageRow.id.in_(image_ids)).values(sha256=None))


@pytest.mark.parametrize("place", [0, 1], ids=["reference", "candidate"])
def test_known_pages_without_all_their_pictures_check_nobody(ws, place):
    pictures = add_pictures(ws, 12)
    make_gold(ws, pictures, 1)
    plans.make_plan(ws, choose("p", 12, references=(pictures[9],), gold="checks", gold_rate=0.5))
    lose(ws, pictures[place])
    (ada,) = people(ws, "Ada")
    assert gold.training_pages(ws, ada) == []
    assert {h.page.reference for h in work(ws, ada, 12)} == {pictures[9]}


def test_pages_that_lost_a_picture_are_not_shown_again(ws):
    add_pictures(ws, 12)
    (ada,) = people(ws, "Ada")
    plans.make_plan(ws, choose("p", 8, repeat_rate=0.5, repeat_gap=1))
    pages = [handout.page for handout in work(ws, ada, 2)]
    lose(ws, *(page.candidates[0] for page in pages))
    work(ws, ada, 8)
    assert not rows_of(ws, repeat_of=pages[0].id) + rows_of(ws, repeat_of=pages[1].id)


def test_a_known_order_asks_for_pairs_of_different_classes_only():
    known = Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 3, 3))
    assert gold.score_of(Answer(JudgementKind.ANSWER, (0, 2, 1), (1, 2, 2)), known) == 1.0
    assert gold.score_of(Answer(JudgementKind.ANSWER, (1, 0, 2), (1, 2, 2)), known) == 0.5
    assert gold.score_of(Answer(JudgementKind.SKIP), known) == 0.0
    tie = Answer(JudgementKind.TIE)
    assert gold.score_of(tie, tie) == 1.0
    assert gold.score_of(tie, LEFT) == gold.score_of(LEFT, tie) == 0.5


def test_certainty_is_the_upper_half_of_the_posterior():
    a: tuple[int, ...] = (0, 1)
    b: tuple[int, ...] = (1, 0)
    for said in ([a], [a, a], [a, b], [a, a, b], [a, a, a, b], [a, ()]):
        first = said.count(a) + said.count(()) / 2
        second = said.count(b) + said.count(()) / 2
        expected = beta.sf(0.5, max(first, second) + 1, min(first, second) + 1)
        assert overlap.certainty(said) == pytest.approx(expected)
    assert overlap.certainty([(0, 1, 2), (0, 2, 1)]) == 0.5  # the least certain pair counts
    assert overlap.certainty([()]) == 0.5


def test_adaptive_overlap_adds_people_only_where_they_disagree(ws):
    add_pictures(ws, 10)
    plan = plans.make_plan(ws, choose("p", 2, people=2, adaptive=True, cap=4))
    names = people(ws, "A", "B", "C", "D", "E")
    agreed, split = (row.id for row in rows_of(ws, plan_id=plan.id))
    for person, answer in zip(names, (LEFT, RIGHT, LEFT, RIGHT, LEFT), strict=True):
        for handout in take(ws, person, 2):
            say(ws, person, handout, LEFT if handout.page.id == agreed else answer)
    done = {row.id: (row.done, row.wanted) for row in rows_of(ws, plan_id=plan.id)}
    assert done == {agreed: (2, 2), split: (4, 4)}


def test_pages_go_back_to_the_same_people_turned_round(ws):
    pictures = add_pictures(ws, 10)
    plans.make_plan(ws, choose("p", 3, references=(pictures[0],)))
    ada, ben = people(ws, "Ada", "Ben")
    seen = work(ws, ada, 3)
    back = plans.send_back(ws, [pictures[0]], "repeat", name="again", by=ben.id)
    assert (back.kind, back.counts.repeats, back.created_by) == ("repeat", 3, ben.id)
    assert take(ws, ben) == []
    again = take(ws, ada, 6)
    shown = {h.page.candidates: h.shown for h in seen}
    assert {h.page.candidates: h.shown[::-1] for h in again} == shown
    say(ws, ada, again[0])
    assert plans.get_plan(ws, "again").counts.repeats_done == 1
    with pytest.raises(Conflict):
        plans.send_back(ws, [pictures[0]], "repeat", name="again")


def test_new_pages_around_references_of_a_test_set_are_test_pages(ws):
    """Trained on, they would tell a model what its test asks about."""
    pictures = add_pictures(ws, 10)
    tested, other = pictures[0], pictures[1]
    plans.make_plan(ws, choose("held out", 3, references=(tested,), kind="test"))
    kinds = {}
    for name, references in (("a", [other, pictures[2]]), ("b", [tested]), ("c", [tested, other])):
        plans.send_back(ws, references, "new", per_reference=2, name=name)
        with ws.database.reading() as session:
            kinds[name] = library.get_cluster(session, ws.project.id, name).kind
    assert kinds == {"a": ClusterKind.VALIDATION, "b": ClusterKind.TEST, "c": ClusterKind.TEST}


def test_pages_go_to_more_people_and_new_ones_are_drawn_around_a_reference(ws):
    pictures = add_pictures(ws, 10)
    plans.make_plan(ws, choose("p", 3, references=(pictures[0],)))
    ada, ben = people(ws, "Ada", "Ben")
    seen = {h.page.id for h in work(ws, ada, 3)}
    more = plans.send_back(ws, [pictures[0]], "more", people=1, name="more")
    assert (more.counts.pages, more.counts.wanted, more.counts.done) == (3, 6, 3)
    assert take(ws, ada) == []
    assert {h.page.id for h in take(ws, ben, 6)} == seen
    new = plans.send_back(ws, [pictures[0]], "new", per_reference=4, people=2, name="new")
    assert (new.counts.pages, new.counts.wanted, new.counts.choose) == (4, 8, 8)
    assert {h.page.reference for h in take(ws, ada, 6)} == {pictures[0]}
    with ws.database.reading() as session:
        assert library.get_cluster(session, ws.project.id, "new").kind is ClusterKind.CONTEXT
    for references, how, message in (
        ([pictures[0]], "fax", "sent back as"),
        ([], "more", "at least one reference"),
        ([pictures[5]], "more", "no pages around"),
    ):
        with pytest.raises(BadInput, match=message):
            plans.send_back(ws, references, how, name="x")
