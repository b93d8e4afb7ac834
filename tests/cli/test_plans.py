"""`plans` and `quality` from the shell: a small project from plan to decision."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from cssim.cli import main
from cssim.config import load_settings
from cssim.services import accounts, annotating
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, JudgementKind
from tests.pages import add_pictures

LEFT, RIGHT = Answer(JudgementKind.ANSWER, (0, 1)), Answer(JudgementKind.ANSWER, (1, 0))


@pytest.fixture
def ws() -> Iterator[Workspace]:
    opened = open_workspace(load_settings())
    add_pictures(opened, 10)
    yield opened
    opened.close()


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def said(*words: str) -> str:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result.output


def answer_all(ws: Workspace, name: str, answer: Answer) -> None:
    person = accounts.add_person(ws, name)
    while handouts := annotating.next_pages(ws, person).pages:
        for handout in handouts:
            given = annotating.Reply(uuid.uuid4().hex, handout.lease_id, answer, 900)
            annotating.answer(ws, person, given)


MAKE = ("plans", "make", "sea", "--reference", "p0.jpg", "--pages", "22", "--candidates", "2",
        "--mode", "choose", "--people", "3")  # fmt: skip


def test_a_plan_from_its_cost_to_its_decisions(ws, tmp_path):
    assert "22 pages, 22 triples, 66 answers: 0.1 hours of work at 4.0 s a page (a guess" in said(
        *MAKE, "--cost"
    )
    assert said("plans", "list") == "no plans yet: make one with `plans make`\n"
    assert "0 of 66 answers on 22 pages" in said(*MAKE)
    assert "priority 3, paused" in said("plans", "pause", "sea") + said(
        "plans", "priority", "sea", "3"
    )
    assert "paused" not in said("plans", "resume", "sea")
    for name, answer in (("Ada", LEFT), ("Ben", LEFT), ("Carl", RIGHT)):
        answer_all(ws, name, answer)
    (plan,) = json.loads(said("plans", "list", "--json"))
    assert (plan["counts"]["done"], plan["finished"]) == (66, True)
    text = said("quality", "people")
    assert "3 people, 66 answers, 22 questions of which 22 have two or more votes" in text
    report = json.loads(said("quality", "people", "--json"))
    assert report["overall"]["agreement"] == pytest.approx(1 / 3)
    assert "66 of 66 answers; 22 of 22 pages have one" in said("quality", "overview")
    disputes = json.loads(said("quality", "disputes", "--json", "--limit", "5"))
    assert len(disputes) == 5
    out = tmp_path / "consensus.csv"
    assert "22 questions, 0 without a majority" in said(
        "quality", "consensus", "sea", "--out", str(out)
    )
    assert len(out.read_text().splitlines()) == 23
    assert "is excluded now" in said("quality", "set", "Carl", "--exclude", "--reason", "contrary")
    assert "left out: Carl" in said("quality", "people")
    counted = tmp_path / "counted.csv"
    said("labels", "export", "sea", str(counted), "--counted")
    assert len(counted.read_text().splitlines()) == 45


def test_pages_are_sent_back_and_gold_is_made_of_agreement(ws):
    said(*MAKE)
    for name in ("Ada", "Ben", "Carl"):
        answer_all(ws, name, LEFT)
    assert "gold set 'checks' with 4 pages" in said(
        "plans", "gold", "checks", "--from", "sea", "--pages", "4"
    )
    back = said("plans", "send-back", "again", "--how", "repeat", "--reference", "p0.jpg", "--json")
    assert json.loads(back)["counts"]["repeats"] == 66
    more = said("plans", "send-back", "more", "--how", "more", "--reference", "p0.jpg", "--json")
    assert json.loads(more)["counts"]["choose"] == 22


def test_what_cannot_be_done_is_one_clear_message(ws):
    for words, message in (
        (("plans", "make", "x", "--reference", "none.jpg"), "no image 'none.jpg'"),
        (("plans", "pause", "nothing"), "no plan 'nothing'"),
        (("plans", "suggest", "2"), "no model has embedded"),
        (("plans", "gold", "g", "--from", "none"), "none"),
        (("quality", "set", "Nobody", "--pause", "--reason", "x"), "nobody"),
        (("quality", "consensus", "none"), "none"),
    ):
        result = call(*words)
        assert result.exit_code == 1, result.output
        assert message in result.output


def test_remarks_are_listed_with_their_pages(ws):
    assert "no remarks" in said("quality", "remarks")
    said("plans", "make", "sea", "--pages", "2", "--mode", "choose", "--candidates", "2")
    ada = accounts.add_person(ws, "Ada")
    for handout in annotating.next_pages(ws, ada).pages:
        skip = Answer(JudgementKind.SKIP)
        reply = annotating.Reply(uuid.uuid4().hex, handout.lease_id, skip, flag="blurred")
        annotating.answer(ws, ada, reply)
    rows = json.loads(said("quality", "remarks", "--open", "--json"))
    assert [(row["set"], row["person"], row["did"], row["remark"]) for row in rows] == [
        ("sea", "Ada", "skip", "blurred")
    ] * 2
    assert "blurred" in said("quality", "remarks", "--limit", "1")
