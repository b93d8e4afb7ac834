"""People who stand out, people left out, disputes and decisions, on each database."""

from __future__ import annotations

import csv
import io
import random
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from cssim.config import Settings
from cssim.errors import BadInput, NotFound
from cssim.services import accounts, annotating, consensus, gold, library, plans, quality
from cssim.services.consensus import UNDECIDED
from cssim.services.gallery import cluster_states
from cssim.services.library import load_triples
from cssim.services.plan_specs import PlanSpec
from cssim.services.quality import QualityRules
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, JudgementKind, PageMode, Person
from db import annotations as records
from db import library as shelves
from db.models import AuditRow, JudgementRow
from tests.pages import add_pictures
from tests.typed import present

LEFT, RIGHT = Answer(JudgementKind.ANSWER, (0, 1)), Answer(JudgementKind.ANSWER, (1, 0))


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    add_pictures(opened, 12)
    yield opened
    opened.close()


def answer_all(ws: Workspace, name: str, say, ms: int = 2000) -> Person:
    """A new person answers every page; `say` gives the answer to a handout."""
    person = accounts.add_person(ws, name)
    # By chance, one in forty would fall in agreement from half to half.
    sides = random.Random(name)
    while handouts := annotating.next_pages(ws, person, rng=sides).pages:
        for handout in handouts:
            reply = annotating.Reply(uuid.uuid4().hex, handout.lease_id, say(handout), ms)
            annotating.answer(ws, person, reply)
    return person


def first(handout) -> Answer:
    return LEFT


def left_on_screen(handout) -> Answer:
    return LEFT if handout.shown[0] == 0 else RIGHT


def crowd(ws: Workspace) -> int:
    """Ada and Ben agree, Carl hastily takes what stands left; the set's id."""
    spec = PlanSpec("sea", mode=PageMode.CHOOSE, candidates=2, pages_per_reference=40, people=3)
    plans.make_plan(ws, spec)
    answer_all(ws, "Ada", first)
    answer_all(ws, "Ben", first)
    answer_all(ws, "Carl", left_on_screen, ms=300)
    with ws.database.reading() as session:
        return shelves.get_cluster(session, ws.project.id, "sea").id


def test_who_stands_out_is_told_with_reasons(ws):
    crowd(ws)
    report = quality.quality_report(ws)
    by_name = {person.person.name: person for person in report.people}
    assert by_name["Ada"].warnings == by_name["Ben"].warnings == ()
    carl = by_name["Carl"]
    assert present(carl.sides).share.share == 1.0
    assert (carl.pace.median_ms, carl.pace.fast.share) == (300.0, 1.0)
    assert len(carl.warnings) == 2
    assert "under 800 ms" in carl.warnings[0]
    assert "from the left" in carl.warnings[1]
    assert present(by_name["Ada"].others).agreement.share > present(carl.others).agreement.share
    lenient = quality.quality_report(ws, rules=QualityRules(fast_ms=200, side_p=0.0))
    assert all(not person.warnings for person in lenient.people)


def test_the_state_changes_whenever_the_report_would(ws):
    with ws.database.reading() as session:
        pictures = [image.id for image in shelves.list_images(session, ws.project.id)]
    page = gold.GoldPage(
        pictures[0], (pictures[1], pictures[2]), gold.KnownAnswer(LEFT), PageMode.CHOOSE
    )
    gold.make_gold(ws, "checks", [page])
    ada = accounts.add_person(ws, "Ada")
    plans.make_plan(ws, PlanSpec("p", mode=PageMode.CHOOSE, candidates=2, pages_per_reference=3))
    states = [quality.quality_state(ws)]
    assert quality.quality_state(ws) == states[0]

    def changed() -> bool:
        states.append(quality.quality_state(ws))
        return states[-1] not in states[:-1]

    (handout,) = annotating.next_pages(ws, ada, want=1).pages
    annotating.answer(ws, ada, annotating.Reply(uuid.uuid4().hex, handout.lease_id, LEFT, 900))
    assert changed()
    (known,) = gold.training_pages(ws, ada)
    gold.check_training(ws, ada, known.page.id, LEFT)
    assert changed()
    quality.set_participation(ws, ada.name, excluded=True, reason="in haste")
    assert changed()


def test_an_excluded_person_stays_in_the_data_and_out_of_analyses(ws, tmp_path):
    cluster = crowd(ws)
    before, state = load_triples(ws, [cluster]), cluster_states(ws)
    boss = accounts.add_person(ws, "Boss")
    with pytest.raises(BadInput, match="give a reason"):
        quality.set_participation(ws, "Carl", excluded=True)
    quality.set_participation(ws, "Carl", excluded=True, reason="too fast", by=boss.id)
    after = load_triples(ws, [cluster])
    assert (before.votes_a + before.votes_b).tolist() == [3.0] * 40
    assert (after.votes_a + after.votes_b).tolist() == [2.0] * 40
    assert after.fingerprint != before.fingerprint
    assert cluster_states(ws) != state
    assert [person.name for person in quality.excluded_people(ws)] == ["Carl"]
    report = quality.quality_report(ws)
    assert report.overall.alpha == pytest.approx(1.0)
    assert report.excluded == ("Carl",)
    assert len(report.people) == 3
    with ws.database.reading() as session:
        assert session.query(JudgementRow).count() == 120
        assert len(records.judgements_of(session, [cluster], everything=True)) == 120
        audit = session.query(AuditRow).filter_by(action="participation").one()
        assert (audit.actor_id, audit.detail["reason"]) == (boss.id, "too fast")
    whole = library.export_labels(ws, "sea", tmp_path / "all.csv")
    counted = library.export_labels(ws, "sea", tmp_path / "counted.csv", counted_only=True)
    assert (whole.rows, counted.rows) == (120, 80)
    quality.set_participation(ws, "Carl", excluded=False)
    assert load_triples(ws, [cluster]).fingerprint == before.fingerprint
    with pytest.raises(NotFound):
        quality.set_participation(ws, "Nobody", paused=True, reason="x")


def test_exports_tell_plan_version_and_sides_and_come_back_the_same(ws, tmp_path):
    crowd(ws)
    from cssim import __version__

    library.export_labels(ws, "sea", tmp_path / "one.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "one.csv").read_text())))
    assert {(row["plan"], row["version"]) for row in rows} == {("sea", __version__)}
    carls = [row for row in rows if row["annotator"] == "Carl"]
    assert all((row["answer"] == "A") == row["position"].startswith("a=left") for row in carls)
    assert {row["response_ms"] for row in carls} == {"300"}
    other = ws.with_project("other")
    library.import_labels(other, tmp_path / "one.csv", cluster="sea", kind="context")
    library.export_labels(other, "sea", tmp_path / "two.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_the_log_of_repeats_is_exported_once_and_marked(ws, tmp_path):
    import pyarrow.parquet as parquet

    spec = PlanSpec(
        "sea", mode=PageMode.CHOOSE, candidates=2, pages_per_reference=30, repeat_rate=0.5,
        repeat_gap=1,
    )  # fmt: skip
    plans.make_plan(ws, spec)
    answer_all(ws, "Ada", first)
    repeats = plans.get_plan(ws, "sea").counts.repeats_done
    assert repeats > 3
    assert library.export_labels(ws, "sea", tmp_path / "log.parquet").rows == 30 + repeats
    assert library.export_labels(ws, "sea", tmp_path / "triples.csv").rows == 30
    table = parquet.read_table(tmp_path / "log.parquet").to_pylist()
    assert sum(row["repeat_of"] is not None for row in table) == repeats
    assert {(row["plan"], row["excluded"]) for row in table} == {("sea", False)}


def test_disputes_come_most_disputed_first_and_decisions_change_no_vote(ws):
    cluster = crowd(ws)
    found = consensus.disputes(ws)
    assert found
    assert all(dispute.certainty < 0.85 for dispute in found)
    assert [d.certainty for d in found] == sorted(d.certainty for d in found)
    boss = accounts.add_person(ws, "Boss")
    before = load_triples(ws, [cluster]).fingerprint
    votes = consensus.adjudicate(ws, found[0].page.id, RIGHT, note="look again", by=boss)
    assert sorted((vote.person, vote.answer.order) for vote in votes) == [
        ("Ada", (0, 1)), ("Ben", (0, 1)), ("Carl", (1, 0)),
    ]  # fmt: skip
    consensus.adjudicate(ws, found[1].page.id, UNDECIDED, by=boss)
    assert load_triples(ws, [cluster]).fingerprint == before
    left = {dispute.page.id for dispute in consensus.disputes(ws)}
    assert left == {dispute.page.id for dispute in found[2:]}
    decided = {d.page.id: present(d.decision) for d in consensus.disputes(ws, decided=True)}
    assert decided[found[0].page.id].note == "look again"
    consensus.adjudicate(ws, found[0].page.id, LEFT, by=boss)
    again = {d.page.id: present(d.decision).answer for d in consensus.disputes(ws, decided=True)}
    assert again[found[0].page.id] == LEFT
    with pytest.raises(NotFound):
        consensus.adjudicate(ws, 10**6, LEFT)
    with pytest.raises(BadInput):
        consensus.adjudicate(ws, found[2].page.id, Answer(JudgementKind.ANSWER, (0, 1, 2)))


def test_consensus_tells_votes_model_and_decisions(ws):
    crowd(ws)
    page = consensus.disputes(ws)[0].page
    consensus.adjudicate(ws, page.id, RIGHT)
    view = consensus.consensus_of(ws, "sea")
    assert len(view.questions) == 40
    (question,) = [q for q in view.questions if {q.a, q.b} == set(page.candidates)]
    farther = page.candidates[0]
    assert question.decided == ("B" if farther == question.a else "A")
    assert question.majority == ("A" if farther == question.a else "B")
    assert (question.votes_a, question.votes_b, question.ties) in {(2, 1, 0), (1, 2, 0)}
    skill = {s.person: s.skill for s in view.skills}
    assert skill["Ada"] > 0.9 > skill["Carl"]
    rows = list(csv.DictReader(io.StringIO(consensus.consensus_csv(ws, view))))
    assert len(rows) == 40
    assert sum(row["adjudicated"] != "" for row in rows) == 1
    quality.set_participation(ws, "Carl", excluded=True, reason="x")
    without = consensus.consensus_of(ws, "sea")
    assert {q.votes_a + q.votes_b for q in without.questions} == {2}


def test_the_name_of_a_picture_is_no_formula_in_the_table_of_the_consensus(ws):
    crowd(ws)
    view = consensus.consensus_of(ws, "sea")
    with ws.database.writing() as session:
        session.execute(text("update images set name = '=' || name"))
    rows = list(csv.DictReader(io.StringIO(consensus.consensus_csv(ws, view))))
    assert {row[column][:2] for row in rows for column in ("ref", "a", "b")} == {"'="}


def test_what_one_person_alone_said_is_not_overruled_by_the_model(ws):
    """Without others to compare with, the model's fit wandered off to the most common answer."""
    with ws.database.reading() as session:
        reference = shelves.list_images(session, ws.project.id)[0].id
    (ada, ben) = (accounts.add_person(ws, name) for name in ("Ada", "Ben"))
    spec = PlanSpec("sea", mode=PageMode.CHOOSE, candidates=2, pages_per_reference=40,
                    references=(reference,))  # fmt: skip
    plans.make_plan(ws, spec)
    rng = random.Random(1)
    while handouts := annotating.next_pages(ws, ada).pages:
        for handout in handouts:
            answer = rng.choice([LEFT, RIGHT])
            annotating.answer(
                ws, ada, annotating.Reply(uuid.uuid4().hex, handout.lease_id, answer, 900)
            )
    view = consensus.consensus_of(ws, "sea")
    assert (len(view.questions), view.skills, view.rounds) == (40, (), 0)
    for question in view.questions:
        assert question.probability_a == (question.majority == "A")
    plans.send_back(ws, [reference], "more", people=1, name="more")
    handout = annotating.next_pages(ws, ben, want=1).pages[0]
    annotating.answer(ws, ben, annotating.Reply(uuid.uuid4().hex, handout.lease_id, LEFT, 900))
    view = consensus.consensus_of(ws, "sea")
    assert {skill.person for skill in view.skills} == {"Ada", "Ben"}
    alone = [q for q in view.questions if q.votes_a + q.votes_b == 1]
    assert len(alone) == 39
    assert all(q.probability_a == (q.majority == "A") for q in alone)
