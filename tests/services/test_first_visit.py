"""The tours of a first visit: ticked by rows and marks, each step with the address it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from cssim.config import Settings
from cssim.errors import BadInput
from cssim.services import accounts, annotating, first_visit, gold, plans, selections
from cssim.services.annotating import Reply
from cssim.services.clearest import clearest
from cssim.services.first_visit import visit
from cssim.services.gold import GoldPage, KnownAnswer
from cssim.services.inspection_types import InspectionInfo
from cssim.services.plan_specs import PlanSpec
from cssim.services.tours import SIGHTS, Sights, research_tour
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, ClusterKind, JudgementKind, PageMode, Person, Role
from db import library
from db.deeds import Deeds
from tests.inspections import made_up
from tests.pages import add_pictures, rank_pages

NOTHING = Deeds(0, 0, 0, None, 0, 0, 0)


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    yield opened
    opened.close()


@pytest.fixture
def ada(ws: Workspace) -> Person:
    return accounts.add_person(ws, "Ada", role=Role.RESEARCHER)


def done(ws: Workspace, person: Person) -> set[str]:
    """Keys of the steps that are ticked."""
    return {step.key for tour in visit(ws, person).tours for step in tour.steps if step.done}


def answer(ws: Workspace, person: Person, n: int) -> None:
    """Answer the next pages, as the labelling page does."""
    for i, handout in enumerate(annotating.next_pages(ws, person, want=n).pages):
        said = Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 2, 3))
        annotating.answer(ws, person, Reply(f"client-{person.id}-{i}-{n}", handout.lease_id, said))


def practise(ws: Workspace, pages: int) -> None:
    """A gold set of pages to choose on, the first candidate closer."""
    ids = add_pictures(ws, pages + 2, prefix="gold")
    known = KnownAnswer(Answer(JudgementKind.ANSWER, (0, 1)))
    new = [GoldPage(ids[i], (ids[i + 1], ids[i + 2]), known, PageMode.CHOOSE) for i in range(pages)]
    gold.make_gold(ws, "practice", new)


def test_a_newcomer_has_done_nothing(ws: Workspace, ada: Person) -> None:
    found = visit(ws, ada)
    assert [tour.title for tour in found.tours] == ["As an annotator", "As a researcher"]
    assert done(ws, ada) == set()
    assert not found.demo
    assert not found.put_away
    assert [tour.following is tour.steps[0] for tour in found.tours] == [True, True]


def test_an_annotator_has_one_tour(ws: Workspace) -> None:
    bob = accounts.add_person(ws, "Bob", role=Role.ANNOTATOR)
    assert [tour.title for tour in visit(ws, bob).tours] == ["As an annotator"]


def test_labelling_is_done_after_ten_answers_of_ones_own(ws: Workspace, ada: Person) -> None:
    rank_pages(ws, 12)
    bob = accounts.add_person(ws, "Bob", role=Role.ANNOTATOR)
    answer(ws, ada, 9)
    answer(ws, bob, 2)
    (step,) = (s for s in visit(ws, ada).tours[0].steps if s.key == "label")
    assert (step.done, step.amount) == (False, "9 of 10")
    answer(ws, ada, 1)
    assert done(ws, ada) == {"label"}
    assert done(ws, bob) == set()


def test_practice_is_a_step_where_there_is_any_and_done_after_its_last_page(
    ws: Workspace, ada: Person
) -> None:
    assert "practice" not in {step.key for step in visit(ws, ada).tours[0].steps}
    practise(ws, 2)
    for k, page in enumerate(gold.training_pages(ws, ada)):
        (step,) = (s for s in visit(ws, ada).tours[0].steps if s.key == "practice")
        assert (step.done, step.amount) == (False, f"{k} of 2")
        gold.check_training(ws, ada, page.page.id, Answer(JudgementKind.ANSWER, (1, 0)))
    assert done(ws, ada) == {"practice"}


def test_a_selection_and_a_plan_of_ones_own_tick_their_steps(ws: Workspace, ada: Person) -> None:
    rank_pages(ws, 2)
    reference = 1
    selections.save(ws, "somebody's", [reference])
    assert done(ws, ada) == set()
    mine = selections.save(ws, "mine", [reference], by=ada.id)
    plans.send_back(ws, [reference], "more", name="by somebody")
    assert done(ws, ada) == {"select"}
    plans.send_back(ws, [reference], "more", name="by Ada", by=ada.id)
    assert done(ws, ada) == {"select", "send"}
    addresses = {s.key: s.address for s in visit(ws, ada).tours[1].steps}
    assert addresses["mistakes"] == {"selection": str(mine.id), "part": "Triples"}
    assert addresses["send"] == {"selection": str(mine.id), "part": "Keep and send"}
    selections.delete(ws, mine.id)
    assert done(ws, ada) == {"send"}


def test_an_ordinary_plan_is_not_sent_back(ws: Workspace, ada: Person) -> None:
    add_pictures(ws, 6)
    spec = PlanSpec(
        "ordinary", ClusterKind.VALIDATION, reference_count=2, pages_per_reference=2, holdout=0.0
    )
    plans.make_plan(ws, spec, by=ada.id)
    assert done(ws, ada) == set()


def test_each_sight_ticks_one_step_of_the_person_who_saw_it(ws: Workspace, ada: Person) -> None:
    bob = accounts.add_person(ws, "Bob", role=Role.RESEARCHER)
    ticked = []
    for sight in SIGHTS:
        before = done(ws, ada)
        first_visit.saw(ws, ada, sight)
        first_visit.saw(ws, ada, sight)
        (new,) = done(ws, ada) - before
        ticked.append(new)
    assert ticked == ["pages", "history", "compare", "regions", "mistakes", "ask", "python"]
    assert done(ws, bob) == set()
    with pytest.raises(BadInput, match="a sight is one of"):
        first_visit.saw(ws, ada, "the moon")


def test_putting_away_is_ones_own_and_can_be_undone(ws: Workspace, ada: Person) -> None:
    bob = accounts.add_person(ws, "Bob", role=Role.ANNOTATOR)
    first_visit.put_away(ws, ada, away=True)
    assert visit(ws, ada).put_away
    assert not visit(ws, bob).put_away
    assert not visit(ws.with_project("other"), ada).put_away
    first_visit.put_away(ws, ada, away=False)
    assert not visit(ws, ada).put_away


def test_the_demo_is_known_by_where_its_sets_come_from(ws: Workspace, ada: Person) -> None:
    with ws.database.writing() as session:
        library.add_cluster(
            session, ws.project.id, "sea", ClusterKind.CONTEXT, source={"format": "demo"}
        )
    assert visit(ws, ada).demo


def test_a_visit_is_finished_with_its_last_step(ws: Workspace) -> None:
    bob = accounts.add_person(ws, "Bob", role=Role.ANNOTATOR)
    rank_pages(ws, 10)
    answer(ws, bob, 10)
    first_visit.saw(ws, bob, "pages")
    assert not visit(ws, bob).finished
    first_visit.saw(ws, bob, "history")
    assert visit(ws, bob).finished


def test_steps_lead_to_a_map_of_a_cs_model_where_there_is_one() -> None:
    info: InspectionInfo = made_up().info
    found = Sights(inspection=info, row="CS two")
    (there,) = (s for s in research_tour(NOTHING, frozenset(), found).steps if s.key == "regions")
    assert there.address == {
        "inspection": "1", "kind": "model", "row": "CS two", "plane": "pca"
    }  # fmt: skip
    (nowhere,) = (s for s in research_tour(NOTHING, frozenset(), Sights()).steps
                  if s.key == "regions")  # fmt: skip
    assert nowhere.address == {}
    assert "inspect it" in nowhere.text


def test_the_clearest_map_is_that_of_the_model_whose_accuracy_follows_the_place() -> None:
    made = made_up(references=60)
    pca = np.asarray(made.pca)
    sums = np.array(made.sums)
    rows = [row.name for row in made.info.rows]
    for name in ("CS one", "CS two"):
        placed = np.array(sums)
        placed[rows.index(name)] = made.counts * (pca[:, 0] > 0)
        assert clearest(replace(made, sums=placed)) == name
    assert clearest(replace(made, pca=None)) == ""
    frozen = replace(made.info, rows=made.info.rows[:1])
    assert clearest(replace(made, info=frozen)) == ""
