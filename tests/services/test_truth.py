"""The truth behind simulated answers: an exact ceiling of its own kind, where all are simulated."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cssim import sampling
from cssim.config import load_settings
from cssim.demo.annotators import PEOPLE, SimulatedPerson, true_distance
from cssim.demo.scenes import CONTEXTS
from cssim.demo.world import answers, scene_of
from cssim.evaluation.compare import TRUTH
from cssim.evaluation.report import Comparison
from cssim.services import accounts, evaluation, experiments, jobs
from cssim.services.library import Upload, add_images, load_triples
from cssim.services.truth import truth_of
from cssim.services.workspace import Workspace, open_workspace
from cssim.triples import Triples
from cssim.types import Answer, Cluster, ClusterKind, JobState, JudgementKind, Page
from db import annotations as log
from db import library

MARK = {"format": "demo", "simulated": True}


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    """Pictures by the names of scenes; what is on them does not matter to the truth."""
    opened = open_workspace(load_settings({}, home=tmp_path))
    rng = np.random.default_rng(0)
    uploads = []
    for context in CONTEXTS:
        for number in range(6):
            file = io.BytesIO()
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            PIL.Image.fromarray(pixels).save(file, "PNG")
            uploads.append(Upload(f"{context}/{number:04}.jpg", file.getvalue()))
    add_images(opened, uploads)
    for person in PEOPLE:
        accounts.add_person(opened, person.name, simulated=True)
    yield opened
    opened.close()


def simulated_set(
    ws: Workspace, name: str, *, source: dict[str, object] | None = None, voters: int = 3
) -> Cluster:
    """Ranked pages of three candidates, answered by simulated people."""
    rng = np.random.default_rng(len(name))
    people = {person.name: person.id for person in accounts.list_people(ws)}
    with ws.database.writing() as session:
        ids = sorted(library.all_names(session, ws.project.id).values())
        drawn = sampling.draw_pages(ids[::2], ids, 3, 3, rng)
        cluster = library.add_cluster(
            session, ws.project.id, name, ClusterKind.VALIDATION, source=source or MARK
        )
        rows = [log.NewPage(r, c) for r, c in drawn]
        page_ids = log.add_pages(session, ws.project.id, cluster.id, rows)
        pages = [
            Page(i, cluster.id, row.reference, row.candidates)
            for i, row in zip(page_ids, rows, strict=True)
        ]
        names = {i: image.name for i, image in library.images_by_id(session, ids).items()}
        scenes = {i: scene_of(name) for i, name in names.items()}
        log.add_judgements(
            session,
            [
                log.NewJudgement(
                    page_id=one.page_id,
                    answer=one.said.answer,
                    person_id=people[PEOPLE[one.person].name],
                    source="simulated",
                )
                for one in answers(pages, scenes, name, voters)
            ],
        )
    return cluster


def answer_oneself(ws: Workspace, cluster: Cluster) -> int:
    """A real person answers the first page; the id of the judgement."""
    person = accounts.add_person(ws, "somebody")
    with ws.database.writing() as session:
        page = log.pages_of(session, [cluster.id])[0]
        given = Answer(JudgementKind.ANSWER, order=(0, 1, 2), classes=(1, 2, 3))
        return log.add_judgement(
            session, log.NewJudgement(page_id=page.id, answer=given, person_id=person.id)
        )


def compare(ws: Workspace, *clusters: str, credit: str = "soft") -> Comparison:
    done = jobs.run_here(ws, experiments.embedding_request(ws, ["histogram", "ssim"]))
    assert done.state is JobState.DONE, done.error
    done = jobs.run_here(ws, evaluation.comparison_request(ws, clusters, credit=credit))
    assert done.state is JobState.DONE, done.error
    return evaluation.get_comparison(ws, done.result["evaluation"]).comparison


def true_answers(ws: Workspace, triples: Triples) -> Iterator[tuple[float, float]]:
    """For each triple, how much closer A truly is than B, and the share of voters who said A."""
    with ws.database.reading() as session:
        images = library.images_by_id(session, triples.images.tolist())
    for one in triples.rows():
        r, a, b = (scene_of(images[i].name) for i in (one.reference, one.a, one.b))
        share = one.votes_a / (one.votes_a + one.votes_b)
        yield true_distance(r, b) - true_distance(r, a), share


@pytest.mark.parametrize("credit", ["soft", "strict"])
def test_the_row_says_how_often_the_truth_agrees_with_the_votes(ws, credit):
    cluster = simulated_set(ws, "made")
    expected = []
    for gap, share in true_answers(ws, load_triples(ws, [cluster.id])):
        agree = share if gap > 0 else 1 - share if gap < 0 else 0.5
        expected.append(agree if credit == "soft" else float(agree > 0.5))
    row = compare(ws, "made", credit=credit).row(TRUTH)
    assert row.accuracy == pytest.approx(np.mean(expected), abs=1e-12)
    low, accuracy, high = row.low or 1.0, row.accuracy or 0.0, row.high or 0.0
    assert low < accuracy < high
    assert (row.kind, row.references) == ("truth", 24)


def test_the_row_is_a_bound_that_competes_with_nobody(ws):
    simulated_set(ws, "made")
    comparison = compare(ws, "made")
    row = comparison.row(TRUTH)
    others = [r for r in comparison.rows if r.kind == "metric"]
    assert all((row.accuracy or 0.0) > (r.accuracy or 1.0) for r in others)
    assert any(r.tied for r in others)  # the leader is a model all the same
    assert (row.tied, row.difference, row.p, row.p_holm, row.source) == (None,) * 4 + ("",)
    assert Comparison.from_dict(comparison.to_dict()) == comparison


def agreement(gap: float, person: SimulatedPerson) -> float:
    """Chance that a person's noisy distances order a pair as the true ones do.

    A pair of three candidates stands one or two places apart on the screen, to either side.
    """
    places = np.array([-2, -1, -1, 1, 1, 2])
    z = (abs(gap) + person.side_bias * places) / (math.sqrt(2) * person.noise)
    return float(np.mean([0.5 * (1 + math.erf(one / math.sqrt(2))) for one in z]))


def test_the_ceiling_is_what_the_simulation_implies_in_closed_form(ws):
    cluster = simulated_set(ws, "made", voters=5)  # each page by each of them
    triples = load_triples(ws, [cluster.id])
    found = truth_of(ws, [cluster], triples).distances
    assert found is not None
    gaps = found[:, 1] - found[:, 0]
    assert gaps.tolist() == [gap for gap, _ in true_answers(ws, triples)]
    shares = np.array([share for _, share in true_answers(ws, triples)])
    earned = np.where(gaps > 0, shares, 1 - shares)
    implied = [np.mean([agreement(gap, person) for person in PEOPLE]) for gap in gaps]
    error = np.std(earned - implied) / math.sqrt(len(gaps) / 3)  # triples of a page hang together
    assert 0.6 < np.mean(implied) < 0.98
    assert abs(np.mean(earned) - np.mean(implied)) < 4 * error < 0.1
    # And it is the most: to answer otherwise where people are likelier to agree can only lose.
    assert min(implied) >= 0.5


def test_answers_of_real_people_take_the_row_away_until_they_are_taken_back(ws):
    cluster = simulated_set(ws, "made")
    given = answer_oneself(ws, cluster)
    comparison = compare(ws, "made")
    assert TRUTH not in [row.name for row in comparison.rows]
    assert comparison.notes[0].startswith("No row for the known truth: these sets hold answers of")
    with ws.database.writing() as session:
        page = log.pages_of(session, [cluster.id])[0]
        back = Answer(JudgementKind.RETRACT)
        log.add_judgement(session, log.NewJudgement(page.id, back, supersedes=given))
    assert compare(ws, "made").row(TRUTH).accuracy is not None


def test_sets_that_are_not_all_simulated_have_no_ceiling_and_say_so(ws):
    made, other = simulated_set(ws, "made"), simulated_set(ws, "other", source={"format": "csv"})
    both = [made, other]
    triples = load_triples(ws, [cluster.id for cluster in both])
    assert truth_of(ws, both, triples).distances is None
    assert "not all of these sets are simulated" in truth_of(ws, both, triples).note
    alone = truth_of(ws, [other], load_triples(ws, [other.id]))
    assert (alone.distances, alone.note) == (None, "")
