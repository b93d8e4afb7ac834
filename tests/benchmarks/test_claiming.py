"""The next page at 1,000,000 pages, for a newcomer and for somebody who answered 20,000 of them.

The index of open pages against the obvious way: all pages of the plan sorted by their answers.
"""

from __future__ import annotations

import os
import random
import statistics
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from db import claiming
from db.claim_queries import next_query
from db.engine import Database, open_database

PAGES = int(os.environ.get("CSSIM_BENCH_PAGES", "1000000"))
OWN = PAGES // 50
PLANS = 4
pytestmark = pytest.mark.benchmark(group=f"next of {PAGES:,} pages")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full(request, tmp_path_factory) -> Iterator[Database]:
    """Four plans that want two answers to each page; all have one, `OWN` of them from Ada."""
    admin = name = None
    if request.param == "sqlite":
        url = f"sqlite:///{Path(tmp_path_factory.mktemp('claiming')) / 'cssim.db'}"
    else:
        server = os.environ.get("TEST_POSTGRES_URL")
        if not server:
            pytest.skip("needs a PostgreSQL server: set TEST_POSTGRES_URL")
        name, admin = (
            f"cssim_bench_{uuid.uuid4().hex}",
            create_engine(make_url(server), isolation_level="AUTOCOMMIT"),
        )
        with admin.connect() as connection:
            connection.execute(text(f"create database {name}"))
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
    database = open_database(url)
    fill(database)
    yield database
    database.close()
    if admin is not None:
        with admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()


def fill(database: Database) -> None:
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
        f"select n, 1, 1, n, 'rank', 1, 2, 1, 1 + n * {PLANS} / {PAGES + 1}, {at} "
        f"from {numbers(PAGES)}",
        "insert into page_candidates (page_id, position, image_id) "
        f"select pages.id, k.n - 1, 2 + (pages.id * k.n) % 990 from pages, {numbers(3)}".replace(
            "as numbers", "as k"
        ),
        # Ada's answers stand in a row at the beginning of the first plan: the worst place.
        "insert into judgements (page_id, person_id, kind, ranking, classes, votes, shown, source, "
        f"created_at) select n, 1, 'answer', '012', '123', 1, '012', 'web', {at} "
        f"from {numbers(OWN)}",
        "insert into leases (id, page_id, person_id, shown, state, created_at, expires_at) "
        f"select 'l' || n, n, 1, '012', 'answered', {later}, {later} from {numbers(OWN)}",
    ]
    with database.writing() as session:
        for statement in statements:
            session.execute(text(statement))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze"))


class Undone(Exception):
    """Ends a transaction without trace."""


def milliseconds(work, rounds: int = 200) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


@pytest.mark.parametrize("person", [1, 2], ids=["answered 2 % of all", "newcomer"])
def test_next_page(benchmark, full, person):
    """The query alone, and the whole claim: plans in turn, lease written, transaction undone."""
    with full.reading() as session:
        after = claiming.last_page(session, person, 1)

        values = {"project": 1, "person": person, "now": NOW, "plan": 1, "level": 1, "limit": 1}
        statement = next_query(True, "all" if after is None else "behind")

        def query():
            assert len(session.execute(statement, {**values, "after": after}).all()) == 1

        benchmark.extra_info["query_ms"] = milliseconds(query)
        benchmark.extra_info["plans_ms"] = milliseconds(
            lambda: claiming.open_plans(session, 1, person)
        )
        benchmark.extra_info["last_page_ms"] = milliseconds(
            lambda: claiming.last_page(session, person, 1)
        )
    rng = random.Random(0)

    def claim():
        try:
            with full.writing() as session:
                found = claiming.claim(
                    session,
                    1,
                    person,
                    want=1,
                    now=NOW,
                    expires_at=NOW + timedelta(hours=1),
                    rng=rng,
                )
                assert len(found) == 1
                raise Undone
        except Undone:
            pass

    benchmark.pedantic(claim, rounds=200, iterations=1, warmup_rounds=5)
