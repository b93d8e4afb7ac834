"""Surveys and counts of a project's data, each against an obvious way of getting the same."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from sklearn.decomposition import PCA

from cssim.errors import NotFound
from cssim.evaluation.accuracy import human_credit
from cssim.services import accounts, jobs, library, surveying, surveys, withdrawing
from cssim.services.encoding import embeddings_of, register_frozen
from cssim.services.survey_files import SurveyArrays, read_survey, write_survey
from cssim.services.surveying import _plane, ceiling_interval
from cssim.services.surveys import Survey
from cssim.services.workspace import Workspace
from cssim.triples import standing
from cssim.types import Cluster, JobState
from db import annotations as records
from db import library as sets
from db.annotations import NewJudgement
from tests.world import World


@pytest.fixture
def surveyed(filled: Workspace, world: World, tmp_path: Path) -> Survey:
    """With a copy of one picture that was mirrored and saved anew."""
    register_frozen(filled, str(world.network))
    copies = tmp_path / "copies"
    copies.mkdir()
    with PillowImage.open(world.images / "picture 03.png") as picture:
        turned = picture.convert("RGB").transpose(PillowImage.Transpose.FLIP_LEFT_RIGHT)
        turned.save(copies / "copy.jpg", quality=92)
    library.add_images(filled, [copies])
    done = jobs.run_here(filled, surveys.survey_request())
    assert done.state is JobState.DONE, done.error
    found = surveys.latest_survey(filled)
    assert found is not None
    return found


def clusters(ws: Workspace) -> list[Cluster]:
    with ws.database.reading() as session:
        return sets.list_clusters(session, ws.project.id)


def test_a_mirrored_copy_is_found_once_and_shown_first(filled: Workspace, surveyed: Survey) -> None:
    pairs = surveys.near_pairs(filled, surveyed)
    names = {frozenset((pair.one.name, pair.other.name)) for pair in pairs}
    assert frozenset(("picture 03.png", "copy.jpg")) in names
    assert len(names) == len(pairs) == len(surveyed.arrays.pairs)
    assert (surveyed.arrays.pairs[:, 0] < surveyed.arrays.pairs[:, 1]).all()
    assert [pair.distance for pair in pairs] == sorted(pair.distance for pair in pairs)
    # The copy stands on no page, so it leaks nowhere.
    across = surveys.near_pairs(filled, surveyed, across_sets=True)
    assert not any("copy.jpg" in (pair.one.name, pair.other.name) for pair in across)


def test_a_picture_that_was_withdrawn_since_is_in_no_part_of_it(
    filled: Workspace, surveyed: Survey
) -> None:
    (gone,) = withdrawing.find(filled, ["picture 03.png"])
    before = surveyed.arrays
    assert (before.pairs == gone.id).any()
    withdrawing.withdraw(filled, [gone], "privacy")
    found = surveys.latest_survey(filled)
    assert found is not None
    left = found.arrays
    assert left.images.tolist() == [i for i in before.images.tolist() if i != gone.id]
    assert left.points.shape == (len(left.images), 2)
    assert left.pairs.tolist() == [p for p in before.pairs.tolist() if gone.id not in p]
    assert len(left.gaps) == len(left.bits) == len(left.pairs)
    assert "copy.jpg" not in str(surveys.near_pairs(filled, found))
    assert "pictures have come or gone" in found.stale


def test_of_very_many_near_duplicates_it_is_said_that_not_all_are_kept(
    filled: Workspace, surveyed: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(surveyed.arrays.pairs)
    monkeypatch.setattr(surveying, "MOST", 1)
    done = jobs.run_here(filled, surveys.survey_request())
    assert any("1 pairs of near duplicates or more" in note for note in done.result["notes"])


def test_distances_of_pairs_are_cosine_distances(
    filled: Workspace, surveyed: Survey, world: World
) -> None:
    _, encoder = register_frozen(filled, str(world.network))
    for (one, other), gap in zip(surveyed.arrays.pairs, surveyed.arrays.gaps, strict=True):
        x, y = embeddings_of(filled, encoder, [one, other]).astype(float)
        assert gap == pytest.approx(1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y), abs=1e-6)


def test_the_map_is_that_of_principal_components() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(30, 5)) * [3, 2, 1, 0.5, 0.1]).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = PCA(2, svd_solver="full").fit_transform(unit.astype(float))
    found = _plane(vectors)
    for k in range(2):
        same = np.allclose(found[:, k], expected[:, k], atol=1e-4)
        assert same or np.allclose(found[:, k], -expected[:, k], atol=1e-4)


def test_a_survey_is_out_of_date_once_people_answer(filled: Workspace, surveyed: Survey) -> None:
    assert surveyed.stale == ""
    ids = [cluster.id for cluster in clusters(filled)]
    with filled.database.writing() as session:
        page = records.pages_of(session, ids)[0]
        (answer, *_) = [j for j in records.judgements_of(session, ids) if j.page_id == page.id]
        records.add_judgements(session, [NewJudgement(page_id=page.id, answer=answer.answer)])
    found = surveys.latest_survey(filled)
    assert found is not None
    assert found.stale == "people have answered since"


def test_one_survey_at_a_time_and_its_file_replaces_the_older(
    filled: Workspace, surveyed: Survey
) -> None:
    first = surveys.request_survey(filled)
    assert surveys.request_survey(filled) == first
    jobs.run_worker(filled, limit=1)
    assert surveys.pending_survey(filled) is None
    newest = surveys.latest_survey(filled)
    assert newest is not None
    assert newest.job.id == first
    (kept,) = (filled.settings.home / "surveys").iterdir()
    assert kept.name == f"project-{filled.project.id}-job-{first}.npz"


def test_a_survey_without_a_frozen_backbone_says_what_is_missing(filled: Workspace) -> None:
    done = jobs.run_here(filled, surveys.survey_request())
    assert done.state is JobState.DONE, done.error
    assert "they need a frozen backbone" in done.result["notes"][0]
    found = surveys.latest_survey(filled)
    assert found is not None
    assert np.isnan(found.arrays.points).all()


def test_arrays_come_back_and_a_damaged_file_is_reported(filled: Workspace) -> None:
    arrays = SurveyArrays(
        images=np.array([1, 2]),
        points=np.eye(2),
        pairs=np.array([[1, 2]]),
        gaps=np.array([0.25]),
        bits=np.array([3]),
    )
    path = write_survey(filled, 7, arrays)
    back = read_survey(filled.settings.home, path)
    assert np.array_equal(back.points, arrays.points)
    assert back.pairs.tolist() == [[1, 2]]
    (filled.settings.home / path).write_bytes(b"not an archive")
    with pytest.raises(NotFound, match="make the survey again"):
        read_survey(filled.settings.home, path)


def test_the_ceilings_interval_is_that_of_a_naive_bootstrap(filled: Workspace) -> None:
    triples = library.load_triples(filled, [cluster.id for cluster in clusters(filled)])
    votes = triples.votes_a, triples.votes_b
    low, high = ceiling_interval(triples.reference, votes, draws=4_000, seed=1)
    credit = human_credit(triples.votes_a, triples.votes_b)
    rows = {r: credit[triples.reference == r] for r in np.unique(triples.reference)}
    rng, means = np.random.default_rng(9), []
    for _ in range(4_000):
        drawn = np.concatenate([rows[r] for r in rng.choice(list(rows), len(rows))])
        means.append(np.nanmean(drawn))
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.01)


def test_one_reference_gives_no_interval(filled: Workspace) -> None:
    triples = library.load_triples(filled, [cluster.id for cluster in clusters(filled)])
    one = triples[triples.reference == triples.reference[0]]
    assert ceiling_interval(one.reference, (one.votes_a, one.votes_b)) == (None, None)


def test_what_sets_share_is_what_python_sets_say(filled: Workspace) -> None:
    found = clusters(filled)
    with filled.database.reading() as session:
        pages = {c.id: records.pages_of(session, [c.id]) for c in found}
    images = [{i for p in pages[c.id] for i in (p.reference, *p.candidates)} for c in found]
    asked = [{p.reference for p in pages[c.id]} for c in found]
    one, other = sorted(images[0])[0], sorted(images[1] - images[0] or images[1])[0]
    shared = surveys.shared_images(filled, found, np.array([[one, other]]))
    assert shared.near is not None
    for i in range(len(found)):
        for j in range(len(found)):
            assert shared.images[i, j] == len(images[i] & images[j])
            assert shared.references[i, j] == len(images[i] & asked[j])
            beside = {b for a, b in ((one, other), (other, one)) if a in images[i]}
            assert shared.near[i, j] == len((beside - images[i]) & images[j])


def test_answers_stand_on_the_day_on_which_they_were_given(filled: Workspace) -> None:
    before = surveys.answers_by_day(filled)
    ids = [cluster.id for cluster in clusters(filled)]
    with filled.database.reading() as session:
        assert sum(one.answers for one in before) == len(
            standing(records.judgements_of(session, ids))
        )
    assert all(one.imported for one in before)
    ada = accounts.add_person(filled, "Ada")
    late = datetime(2024, 2, 29, 23, 59, 30, tzinfo=UTC)
    with filled.database.writing() as session:
        page = records.pages_of(session, ids)[0]
        (old, *_) = [j for j in records.judgements_of(session, ids) if j.page_id == page.id]
        given = NewJudgement(page_id=page.id, answer=old.answer, person_id=ada.id, answered_at=late)
        first = records.add_judgement(session, given)
        replaced = NewJudgement(
            page_id=page.id, answer=old.answer, person_id=ada.id, answered_at=late,
            supersedes=first,
        )  # fmt: skip
        records.add_judgements(session, [replaced])
    (own,) = [one for one in surveys.answers_by_day(filled) if one.person == "Ada"]
    assert (own.day, own.answers) == (date(2024, 2, 29), 1)
    assert (own.simulated, own.imported) == (False, False)


def test_people_are_counted_by_set(filled: Workspace) -> None:
    assert surveys.people_by_set(filled) == {}  # the file names nobody
    ids = [cluster.id for cluster in clusters(filled)]
    people = [accounts.add_person(filled, name) for name in ("Ada", "Ben")]
    counted: Counter[int] = Counter()
    with filled.database.writing() as session:
        for k, person in enumerate(people):
            for page in records.pages_of(session, ids[: k + 1])[::7]:
                (old, *_) = [j for j in records.judgements_of(session, ids) if j.page_id == page.id]
                row = NewJudgement(page_id=page.id, answer=old.answer, person_id=person.id)
                records.add_judgements(session, [row])
            counted.update(ids[: k + 1])
    assert surveys.people_by_set(filled)[ids[0]] == counted[ids[0]] == 2
