"""What the claim of pages costs: it walks the index of open pages, however many are done."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text
from sqlalchemy.dialects import postgresql, sqlite

from cssim.types import ClusterKind
from db import library, users
from db.claim_queries import next_query
from db.engine import Database
from db.models import ImageRow, PageCandidateRow, PageRow

DONE = 20_000


@pytest.fixture
def full(database: Database) -> tuple[Database, int, int]:
    """A project with `DONE` finished pages and three open ones behind them; a person."""
    with database.writing() as session:
        project = library.ensure_project(session, "p").id
        person = users.add_person(session, "Ada").id
        cluster = library.add_cluster(session, project, "ocean", ClusterKind.CONTEXT).id
        images = [ImageRow(project_id=project, name=f"{i}", sha256=f"{i:064}") for i in range(4)]
        session.add_all(images)
        session.flush()
        common: dict[str, object] = {
            "project_id": project,
            "cluster_id": cluster,
            "mode": "rank",
            "wanted": 1,
        }
        common["reference_id"] = images[0].id
        rows = [
            {**common, "id": i + 1, "position": i, "done": int(i < DONE)} for i in range(DONE + 3)
        ]
        session.execute(insert(PageRow), rows)
        session.execute(
            insert(PageCandidateRow),
            [
                {"page_id": row["id"], "position": k, "image_id": images[k + 1].id}
                for row in rows[-3:]
                for k in range(3)
            ],
        )
        if database.dialect == "postgresql":
            session.execute(text("analyze"))
    return database, project, person


def next_pages(project: int, person: int, limit: int):
    values = {"project": project, "person": person, "level": 0, "limit": limit}
    return next_query(False).params(now=datetime.now(UTC), **values)


def test_the_query_finds_the_open_pages_by_their_index(full: tuple[Database, int, int]) -> None:
    database, project, person = full
    query = next_pages(project, person, 3)
    dialect = postgresql.dialect() if database.dialect == "postgresql" else sqlite.dialect()
    sql = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    explain = "explain " if database.dialect == "postgresql" else "explain query plan "
    with database.reading() as session:
        assert session.scalars(query).all() == [DONE + 1, DONE + 2, DONE + 3]
        rows = session.execute(text(explain + sql.replace(":", r"\:")))
        assert "ix_pages_open" in " ".join(str(row) for row in rows)


def test_finished_pages_cost_the_query_nothing(full: tuple[Database, int, int]) -> None:
    database, project, person = full
    with database.reading() as session:

        def quickest(statement) -> float:
            times = []
            for _ in range(20):
                start = time.perf_counter()
                session.execute(statement).all()
                times.append(time.perf_counter() - start)
            return min(times)

        claim = quickest(next_pages(project, person, 6))
        count = quickest(text("select count(*) from pages where done >= 0 and wanted >= done"))
    # Reading all pages once is the least that a query without the index would do.
    assert claim < 2 * count + 0.005
