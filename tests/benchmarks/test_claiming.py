"""The next page among many, for a person who answered a fiftieth of them: the worst place.

The index of open pages against the obvious way: all open pages of the project, sorted by their
answers, less the person's own. `python -m tests.benchmarks.test_claiming` measures 1,000,000 pages
on SQLite and on the PostgreSQL server of `TEST_POSTGRES_URL`, and prints what it finds.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from db import claiming
from db.claim_queries import next_query
from db.engine import Database, open_database

PAGES = 100_000
PLANS = 4
pytestmark = pytest.mark.benchmark(group=f"next of {PAGES:,} pages")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Four plans that want two answers to each page; all have one, a fiftieth of them Ada's."""
    folder = tmp_path_factory.mktemp("claiming")
    database = open_database(f"sqlite:///{folder / 'cssim.db'}")
    fill(database, PAGES)
    yield database
    database.close()


def fill(database: Database, pages: int) -> None:
    """Everything in SQL: a million pages in a minute."""
    own = pages // 50

    def numbers(top: int) -> str:
        if database.dialect == "postgresql":
            return f"(select n from generate_series(1, {top}) as g(n)) as numbers"
        return (
            f"(with recursive c(n) as (select 1 union all select n + 1 from c where n < {top}) "
            "select n from c) as numbers"
        )

    at = "'2025-01-01 00:00:00'"
    later = "datetime('2025-01-01', '+' || n || ' seconds')"
    if database.dialect == "postgresql":
        later = "timestamp '2025-01-01' + n * interval '1 second'"
    statements = [
        "insert into projects (id, name, criterion, instructions, created_at) "
        f"values (1, 'p', '', '', {at})",
        f"insert into people (id, name, role, created_at) values (1, 'Ada', 'annotator', {at}), "
        f"(2, 'Ben', 'annotator', {at})",
        "insert into images (id, project_id, name, sha256, created_at) "
        f"select n, 1, 'i' || n, 'h' || n, {at} from {numbers(1000)}",
        "insert into clusters (id, project_id, name, kind, source, created_at) "
        f"values (1, 1, 'c', 'validation', '{{}}', {at})",
        "insert into plans (id, project_id, name, kind, settings, priority, gold_rate, "
        "repeat_rate, repeat_gap, sure, created_at) "
        f"select n, 1, 'plan ' || n, 'pages', '{{}}', 0, 0, 0, 30, 0.85, {at} "
        f"from {numbers(PLANS)}",
        "insert into pages (id, project_id, cluster_id, position, mode, reference_id, wanted, "
        "done, plan_id, created_at) "
        f"select n, 1, 1, n, 'rank', 1, 2, 1, 1 + n * {PLANS} / {pages + 1}, {at} "
        f"from {numbers(pages)}",
        "insert into page_candidates (page_id, position, image_id) "
        f"select pages.id, k.n - 1, 2 + (pages.id * k.n) % 990 from pages, {numbers(3)}".replace(
            "as numbers", "as k"
        ),
        # Ada's answers stand in a row at the beginning of the first plan: the worst place.
        "insert into judgements (page_id, person_id, kind, ranking, classes, votes, shown, source, "
        f"created_at) select n, 1, 'answer', '012', '123', 1, '012', 'web', {at} "
        f"from {numbers(own)}",
        "insert into leases (id, page_id, person_id, shown, state, created_at, expires_at) "
        f"select 'l' || n, n, 1, '012', 'answered', {later}, {later} from {numbers(own)}",
    ]
    with database.writing() as session:
        for statement in statements:
            session.execute(text(statement))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze"))


class Undone(Exception):
    """Ends a transaction without trace."""


def one_claim(database: Database, person: int) -> Callable[[], None]:
    """The whole claim of a page: plans in turn, the lease written, all undone."""
    rng = random.Random(0)

    def claim() -> None:
        try:
            with database.writing() as session:
                expires = NOW + timedelta(hours=1)
                found = claiming.claim(
                    session, 1, person, want=1, now=NOW, expires_at=expires, rng=rng
                )
                assert len(found) == 1
                raise Undone
        except Undone:
            pass

    return claim


def one_query(database: Database, person: int) -> Callable[[], None]:
    """The query for the next page alone."""
    session = database.reading().__enter__()
    after = claiming.last_page(session, person, 1)
    values = {"project": 1, "person": person, "now": NOW, "plan": 1, "level": 1, "limit": 1}
    statement = next_query(True, "all" if after is None else "behind")

    def query() -> None:
        assert len(session.scalars(statement, {**values, "after": after}).all()) == 1

    return query


def test_next_page_by_obvious(benchmark, full):
    def obvious() -> int:
        with full.reading() as session:
            own = set(session.execute(text("select page_id from judgements where person_id = 1")))
            rows = session.execute(
                text("select id, done from pages where project_id = 1 and done < wanted")
            )
            open_ = [(done, id_) for id_, done in rows if (id_,) not in own]
        return int(min(open_)[1])

    assert benchmark.pedantic(obvious, rounds=3, iterations=1) > PAGES // 50


def test_next_page_by_query(benchmark, full):
    benchmark.pedantic(one_query(full, 1), rounds=100, iterations=1, warmup_rounds=5)


def test_next_page_by_claim(benchmark, full):
    benchmark.pedantic(one_claim(full, 1), rounds=100, iterations=1, warmup_rounds=5)


def milliseconds(work: Callable[[], None], rounds: int = 200) -> str:
    times = []
    work()
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return f"median {statistics.median(times):.2f} ms, best {min(times):.2f} ms"


def measure(url: str, pages: int) -> None:
    """Fill an empty database and print what the next page costs."""
    database = open_database(url)
    fill(database, pages)
    for person, words in ((1, f"answered {pages // 50:,} pages"), (2, "newcomer")):
        print(f"{database.dialect}, {pages:,} pages, {words}:")
        print("  query", milliseconds(one_query(database, person)))
        print("  claim", milliseconds(one_claim(database, person)))
    database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure(f"sqlite:///{Path(folder) / 'cssim.db'}", 1_000_000)
    if server := os.environ.get("TEST_POSTGRES_URL"):
        name = f"cssim_bench_{uuid.uuid4().hex}"
        admin = create_engine(make_url(server), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"create database {name}"))
        try:
            address = make_url(server).set(database=name)
            measure(address.render_as_string(hide_password=False), 1_000_000)
        finally:
            with admin.connect() as connection:
                connection.execute(text(f"drop database {name} with (force)"))
