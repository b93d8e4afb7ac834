"""Cheap counts for the pages: they change exactly when what they stand for does."""

from __future__ import annotations

import pytest

from cssim.types import Answer, ClusterKind, JudgementKind, PageMode
from db import annotations as records
from db import library, overview, users
from db.annotations import NewJudgement, NewPage
from db.engine import Database
from db.models import ImageRow

A, B = Answer(JudgementKind.ANSWER, (0, 1)), Answer(JudgementKind.ANSWER, (1, 0))
SKIP, RETRACT = Answer(JudgementKind.SKIP), Answer(JudgementKind.RETRACT)


@pytest.fixture
def project(database: Database) -> int:
    with database.writing() as session:
        found = library.ensure_project(session, "p").id
        session.add_all(ImageRow(project_id=found, name=f"i{i}") for i in range(6))
    return found


@pytest.fixture
def images(database: Database, project: int) -> list[int]:
    with database.reading() as session:
        return [image.id for image in library.list_images(session, project)]


def add(database: Database, project: int, name: str, pages: list[NewPage]) -> tuple[int, list[int]]:
    with database.writing() as session:
        cluster = library.add_cluster(session, project, name, ClusterKind.VALIDATION)
        return cluster.id, records.add_pages(session, project, cluster.id, pages)


def choose(reference: int, a: int, b: int) -> NewPage:
    return NewPage(reference, (a, b), PageMode.CHOOSE)


def test_a_clusters_state_changes_with_its_own_answers_only(
    database: Database, project: int, images: list[int]
) -> None:
    r, a, b, c, *_ = images
    first, pages = add(database, project, "first", [choose(r, a, b)])
    second, _ = add(database, project, "second", [choose(a, b, c)])
    empty, _ = add(database, project, "empty", [])

    def states() -> dict[int, tuple[int, ...]]:
        with database.reading() as session:
            return overview.cluster_states(session, project)

    before = states()
    assert list(before) == [first, second, empty]
    assert before[empty] == (0, 0, 0, 0, 6, 0, 0)
    with database.writing() as session:
        records.add_judgements(session, [NewJudgement(page_id=pages[0], answer=A)])
    after = states()
    assert after[first] != before[first]
    assert after[second] == before[second]
    with database.writing() as session:
        session.get_one(ImageRow, a).sha256 = "0" * 64
    assert all(states()[i] != after[i] for i in after)


def test_another_projects_clusters_are_not_counted(database: Database, images: list[int]) -> None:
    with database.writing() as session:
        other = library.ensure_project(session, "other").id
        assert overview.cluster_states(session, other) == {}


def test_the_first_reference_is_that_of_the_first_page(
    database: Database, project: int, images: list[int]
) -> None:
    r, a, b, c, *_ = images
    first, _ = add(database, project, "first", [choose(c, a, b), choose(r, a, b)])
    second, _ = add(database, project, "second", [choose(b, a, c)])
    empty, _ = add(database, project, "empty", [])
    with database.reading() as session:
        assert overview.first_references(session, [first, second, empty]) == {first: c, second: b}
        assert overview.first_references(session, []) == {}


def test_only_standing_answers_are_counted_for_a_person(
    database: Database, project: int, images: list[int]
) -> None:
    r, a, b, c, *_ = images
    _, (one, two, three) = add(
        database, project, "s", [choose(r, a, b), choose(r, a, c), choose(r, b, c)]
    )
    with database.writing() as session:
        ada, bo = (users.add_person(session, name).id for name in ("Ada", "Bo"))
        for page, answer in ((one, A), (two, B), (three, SKIP)):
            records.add_judgements(
                session, [NewJudgement(page_id=page, answer=answer, person_id=ada)]
            )
        old = records.add_judgement(session, NewJudgement(page_id=one, answer=A, person_id=bo))
        records.add_judgement(
            session, NewJudgement(page_id=one, answer=RETRACT, person_id=bo, supersedes=old)
        )
        records.add_judgements(session, [NewJudgement(page_id=one, answer=A)])  # nobody's
    with database.reading() as session:
        assert overview.answers_by_person(session) == {ada: 2}


def test_response_times_are_those_of_the_browser_newest_first(
    database: Database, project: int, images: list[int]
) -> None:
    r, a, b, *_ = images
    _, (page,) = add(database, project, "s", [choose(r, a, b)])
    with database.writing() as session:
        for ms, source in ((100, "web"), (200, "web"), (300, "import"), (-5, "web"), (400, "web")):
            records.add_judgement(
                session, NewJudgement(page_id=page, answer=A, response_ms=ms, source=source)
            )
    with database.reading() as session:
        times = overview.recent_response_times(session, project, PageMode.CHOOSE, limit=2)
        assert times == [400, 200]
        assert overview.recent_response_times(session, project, PageMode.RANK) == []
