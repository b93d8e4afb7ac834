"""Answers in bulk against the obvious way, one ORM object each; both count each page's answers."""

import itertools

import pytest
from sqlalchemy import select

from cssim.types import Answer, ClusterKind, JudgementKind
from db import annotations, library
from db.engine import Database, open_database
from db.models import ImageRow, JudgementRow, PageRow

LABELS = 3_000
GROUP = f"insert {LABELS:,} answers"
pytestmark = pytest.mark.benchmark(group=GROUP)
_names = itertools.count()


@pytest.fixture
def sqlite(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'cssim.db'}")
    yield database
    database.close()


def fresh_pages(database: Database) -> list[int]:
    number = next(_names)
    with database.writing() as session:
        project = library.ensure_project(session, f"project {number}")
        rows = [ImageRow(project_id=project.id, name=f"{number}/{i}.jpg") for i in range(4)]
        session.add_all(rows)
        session.flush()
        images = [row.id for row in rows]
        cluster = library.add_cluster(session, project.id, "all", ClusterKind.TEST)
        page = annotations.NewPage(images[0], tuple(images[1:]))
        return annotations.add_pages(session, project.id, cluster.id, [page] * LABELS)


def by_orm(database: Database, pages: list[int]) -> None:
    with database.writing() as session:
        session.add_all(
            JudgementRow(page_id=page, kind="answer", ranking="012", classes="135")
            for page in pages
        )
        for page in session.scalars(select(PageRow).where(PageRow.id.in_(pages))):
            page.done += 1


def by_bulk(database: Database, pages: list[int]) -> None:
    said = Answer(JudgementKind.ANSWER, order=(0, 1, 2), classes=(1, 3, 5))
    rows = [annotations.NewJudgement(page_id=page, answer=said) for page in pages]
    with database.writing() as session:
        annotations.add_judgements(session, rows)


def count_answers(database: Database) -> int:
    with database.reading() as session:
        return session.query(JudgementRow).count()


def test_insert_by_obvious(benchmark, sqlite):
    benchmark.pedantic(
        by_orm, setup=lambda: ((sqlite, fresh_pages(sqlite)), {}), rounds=3, iterations=1
    )
    assert count_answers(sqlite) == 3 * LABELS


def test_insert_by_add_judgements(benchmark, sqlite):
    benchmark.pedantic(
        by_bulk, setup=lambda: ((sqlite, fresh_pages(sqlite)), {}), rounds=3, iterations=1
    )
    assert count_answers(sqlite) == 3 * LABELS
