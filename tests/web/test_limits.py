"""Nobody asks faster than the limits allow, and whoever waits gets on again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from cssim.services import accounts
from cssim.web.gate import Gate
from cssim.web.http import COOKIE
from cssim.web.limits import DOOR_BURST, SECONDS_OF_BURST, Buckets, Limits
from cssim.web.routes import web_routes
from tests.web.conftest import PASSWORD


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_what_it_holds_and_then_what_flows_in():
    clock = Clock()
    bucket = Buckets(2.0, 3.0, clock=clock)
    assert [bucket.take("a") for _ in range(3)] == [0, 0, 0]
    assert bucket.take("a") == pytest.approx(0.5)
    assert bucket.take("b") == 0
    clock.now += 0.5
    assert bucket.take("a") == 0
    assert bucket.take("a") == pytest.approx(0.5)
    clock.now += 100
    assert [bucket.take("a") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]


def test_asking_in_vain_costs_nothing():
    clock = Clock()
    bucket = Buckets(1.0, 1.0, clock=clock)
    waits = [bucket.take("a") for _ in range(50)]
    assert waits[1:] == [pytest.approx(1.0)] * 49
    clock.now += 1.0
    assert bucket.take("a") == 0


def test_over_a_long_time_the_rate_holds():
    clock = Clock()
    bucket = Buckets(5.0, 10.0, clock=clock)
    allowed = 0
    for _ in range(10_000):  # 100 a second for 100 seconds
        allowed += bucket.take("a") == 0
        clock.now += 0.01
    assert allowed == pytest.approx(5.0 * 100 + 10, abs=1)


def test_the_memory_of_buckets_is_bounded_and_the_busy_stay():
    clock = Clock()
    bucket = Buckets(1.0, 1.0, most=100, clock=clock)
    bucket.take("busy")
    for i in range(1000):
        clock.now += 0.0001
        assert bucket.take("busy") > 0
        bucket.take(i)
    assert len(bucket) == 100


def test_no_rate_is_no_limit():
    limits = Limits(0, 0)
    assert {limits.of_person("POST", "/api/answers", 1) for _ in range(1000)} == {0.0}
    assert {limits.of_address("POST", "/sign-in", "a") for _ in range(1000)} == {0.0}


def test_each_kind_of_request_has_its_price():
    limits = Limits(1, 1000, clock=Clock())
    size = SECONDS_OF_BURST

    def free(method: str, path: str, who: int) -> int:
        count = 0
        while limits.of_person(method, path, who) == 0 and count < 10 * size + 5:
            count += 1
        return count

    assert free("POST", "/api/answers", 1) == size
    assert free("GET", "/images/aa", 2) == pytest.approx(10 * size, abs=1)
    assert free("GET", "/", 3) == 10 * size + 5  # Streamlit's own pages are not counted
    doors = [limits.of_address("POST", "/sign-in", "x") == 0 for _ in range(200)]
    assert sum(doors) == DOOR_BURST
    assert limits.of_address("GET", "/sign-in", "x") == 0
    assert limits.of_address("GET", "/oidc/callback", "x") > 0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limited(ws, ada, clock):
    """A browser against a server with one request a second for each person."""

    def make(name: str | None, address: str = "127.0.0.1", **rates: float) -> TestClient:
        rates = {"rate_person": 1, "rate_address": 1000, **rates}
        key = tuple(rates.items())
        if key not in apps:
            limits = Limits(**rates, clock=clock)
            apps[key] = Starlette(
                routes=web_routes(lambda: ws),
                middleware=[Middleware(Gate, workspace=lambda: ws, limits=limits)],
            )
        client = TestClient(apps[key], base_url="http://localhost", client=(address, 5))
        if name:
            client.cookies.set(COOKIE, accounts.sign_in(ws, name, PASSWORD))
        return client

    apps: dict[object, Starlette] = {}
    return make


def test_a_person_who_asks_too_fast_is_told_how_long_to_wait(ws, limited, clock):
    accounts.add_person(ws, "Ben", password=PASSWORD)
    one, other_tab, ben = limited("Ada"), limited("Ada"), limited("Ben")
    codes = [one.get("/api/progress").status_code for _ in range(SECONDS_OF_BURST)]
    assert set(codes) == {200}
    refused = other_tab.get("/api/progress")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "wait 1 s" in refused.json()["error"]
    assert ben.get("/api/progress").status_code == 200
    clock.now += 1
    assert one.get("/api/progress").status_code == 200


def test_an_address_is_limited_before_anybody_is_looked_up(limited, monkeypatch):
    client = limited(None, "10.0.0.9", rate_address=1)
    for _ in range(SECONDS_OF_BURST):
        assert client.get("/api/progress").status_code == 401
    monkeypatch.setattr(accounts, "person_of_token", lambda *_, **__: pytest.fail("looked up"))
    client.cookies.set(COOKIE, "x" * 43)
    assert client.get("/api/progress").status_code == 429
    page = client.get("/health", headers={"accept": "text/html"})
    assert page.status_code == 429
    assert "<h1>" in page.text


def test_doors_are_limited_by_address_before_a_password_is_hashed(limited, monkeypatch):
    client = limited(None, "10.0.0.9")
    for _ in range(int(DOOR_BURST)):
        client.post("/sign-in", data={})
    monkeypatch.setattr(accounts, "sign_in", lambda *_, **__: pytest.fail("tried"))
    refused = client.post("/sign-in", data={})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1


def test_the_limits_come_from_the_settings(ws, client):
    slow = replace(ws, settings=replace(ws.settings, rate_person=1))
    app = Starlette(
        routes=web_routes(lambda: slow), middleware=[Middleware(Gate, workspace=lambda: slow)]
    )
    browser = TestClient(app, base_url="http://localhost", cookies=dict(client.cookies))
    codes = [browser.get("/api/progress").status_code for _ in range(SECONDS_OF_BURST + 5)]
    assert codes[:SECONDS_OF_BURST] == [200] * SECONDS_OF_BURST
    assert 429 in codes[SECONDS_OF_BURST:]
