"""How well people agree, from answers as they come in to alpha and the human ceiling."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from cssim.services.agreeing import Voters, agreement_of, voters_of
from cssim.services.library import cluster_summaries, import_labels, load_triples
from cssim.services.surveying import ceiling_interval
from cssim.services.workspace import Workspace
from tests.world import World

SAID = {
    "both see a tie": ("tie", "tie"),
    "opposite": ("A", "B"),
    "agreed": ("A", "A", "A"),
    "two of three see a tie": ("tie", "A", "tie"),
    "one of two": ("tie", "B"),
}
"""Answers of people to one question each."""


@pytest.fixture
def cluster(filled: Workspace, world: World, tmp_path: Path) -> int:
    """Id of a set with these answers."""
    path = tmp_path / "ties.csv"
    images = sorted(path.name for path in world.images.iterdir())
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("ref", "a", "b", "answer", "annotator"))
        for place, answers in enumerate(SAID.values()):
            for person, answer in enumerate(answers):
                row = (images[place % 2], *images[2 + 2 * place : 4 + 2 * place])
                writer.writerow((*row, answer, f"person {person}"))
    import_labels(filled, path, cluster="ties", kind="test")
    found = [one.cluster for one in cluster_summaries(filled)]
    return next(one.id for one in found if one.name == "ties")


def test_people_who_agree_that_it_is_a_tie_do_not_lower_the_ceiling(
    filled: Workspace, cluster: int
) -> None:
    """Two ties are half a vote each for A and for B, which looks like one person for each."""
    triples = load_triples(filled, [cluster])
    votes = list(zip(triples.votes_a.tolist(), triples.votes_b.tolist(), strict=True))
    assert [sorted(pair) for pair in votes] == [[1, 1], [1, 1], [0, 3], [1, 2], [0.5, 1.5]]
    voters = voters_of(filled, [cluster])
    found = agreement_of(voters)
    # Only the second and the third question have answers of two people or more and no tie.
    assert (found["triples"], found["others"], found["person"]) == (2, 0.5, 0.5)
    assert found["bound"] == 0.75
    assert voters.tied.tolist() == sorted(triples.page[[0, 3, 4]].tolist())


def test_alpha_takes_a_tie_as_an_answer_of_its_own(filled: Workspace, cluster: int) -> None:
    """By hand, over ordered pairs of answers to one question: 13 answers, A and B by their coin."""
    triples = load_triples(filled, [cluster])
    found = agreement_of(voters_of(filled, [cluster]))
    said = [list(answers) for answers in SAID.values()]
    every = [answer for answers in said for answer in answers]
    n = len(every)
    unlike = [sum(x != y for x in one for y in one) / (len(one) - 1) for one in said]
    assert sum(unlike) == 2 + 2 + 2  # opposite, one of two; two of three differ from the third
    turned = {"A": "B", "B": "A", "tie": "tie"}
    values = []
    for answers, a, b in zip(said, triples.a.tolist(), triples.b.tolist(), strict=True):
        values += answers if a < b else [turned[answer] for answer in answers]
    by_chance = sum(x != y for x in values for y in values) / (n - 1)
    assert found["alpha_choices"] == pytest.approx(1 - sum(unlike) / by_chance)


def test_the_ceilings_interval_knows_of_ties_too(filled: Workspace, cluster: int) -> None:
    triples = load_triples(filled, [cluster])
    votes = voters_of(filled, [cluster]).votes(triples)
    assert np.isnan(votes).sum(axis=1).tolist() == [3, 3]
    assert ceiling_interval(triples.reference, votes, draws=500) == (0.0, 1.0)


def test_votes_are_found_for_some_triples_in_any_order(filled: Workspace, cluster: int) -> None:
    triples = load_triples(filled, [cluster])
    some = np.array([2, 1, 2])
    voters = voters_of(filled, [cluster])
    whole, part = voters.votes(triples), voters.votes(triples[some])
    assert [column.tolist() for column in part] == [column[some].tolist() for column in whole]
    gone = Voters(voters.pages[:1], [one for one in voters.answers if one.page_id == 0])
    assert np.isnan(gone.votes(triples)).all()  # while a long job ran, all were taken back


def test_nobody_agrees_with_themselves(filled: Workspace, world: World, tmp_path: Path) -> None:
    """Released studies asked people the same again: then the first answer of each counts."""
    path, images = tmp_path / "again.csv", sorted(path.name for path in world.images.iterdir())
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("ref", "a", "b", "answer", "annotator"))
        for person, answer in (("Ada", "A"), ("Ada", "A"), ("Ada", "B"), ("Ben", "B")):
            writer.writerow((*images[:3], answer, person))
        writer.writerow((images[0], *images[3:5], "A", "Ada"))
        writer.writerow((images[0], *images[3:5], "A", "Ada"))
    import_labels(filled, path, cluster="again", kind="test")
    found = [one.cluster for one in cluster_summaries(filled)]
    cluster = next(one.id for one in found if one.name == "again")
    triples = load_triples(filled, [cluster])
    assert (triples.votes_a + triples.votes_b).tolist() == [4, 2]
    voters = voters_of(filled, [cluster])
    assert sorted(column[0] for column in voters.votes(triples)) == [1, 1]
    agreed = agreement_of(voters)
    assert (agreed["triples"], agreed["others"]) == (1, 0.0)
    assert agreed["alpha_choices"] == 0.0  # one says A, the other B: what a coin gives
