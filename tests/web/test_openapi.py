"""The description says what the routes do: each is described, and what they send fits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route
from starlette.testclient import TestClient

from cssim.services import accounts
from cssim.types import Role
from cssim.web.declared import enforced
from cssim.web.describe import RouteDoc, describe, described
from cssim.web.http import COOKIE, MAX_BODY
from cssim.web.openapi import refusals
from cssim.web.routes import web_routes
from tests.pages import rank_pages
from tests.web.conftest import CHANGES, PASSWORD, browser

META = "https://json-schema.org/draft/2020-12/schema"


@pytest.fixture
def description(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def operations(ws) -> list[tuple[str, RouteDoc]]:
    return list(described(web_routes(lambda: ws)))


def plain(path: str) -> str:
    return path.replace(":path", "").replace(":int", "")


def test_every_route_is_described_and_every_description_is_a_route(ws, description):
    routes = {
        (plain(route.path), method.lower())
        for route in web_routes(lambda: ws)
        for method in (route.methods or set()) - {"HEAD"}
    }
    told = {(path, method) for path, item in description["paths"].items() for method in item}
    assert told == routes
    assert len(routes) >= 25


def test_a_route_that_is_not_described_stops_the_server(ws):
    async def silent(request):
        pytest.fail("never reached")

    with pytest.raises(ValueError, match="one RouteDoc for each method"):
        list(enforced([Route("/silent", silent)]))
    half = describe(RouteDoc("GET", "Half of it"))(silent)
    with pytest.raises(ValueError, match="one RouteDoc for each method"):
        list(enforced([Route("/half", half, methods=["GET", "POST"])]))


def test_it_is_openapi_3_1(description):
    assert description["openapi"] == "3.1.0"
    assert description["jsonSchemaDialect"] == META
    names = []
    for path, item in description["paths"].items():
        assert path.startswith("/")
        for operation in item.values():
            names.append(operation["operationId"])
            assert operation["summary"]
            assert operation["responses"]
            given = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert given == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            assert all(status.isdigit() for status in operation["responses"])
    assert len(names) == len(set(names))


def schemas(value: Any, key: str = "") -> Iterator[Any]:
    """Each schema of the description."""
    if isinstance(value, dict):
        if key in ("schema", "Error"):
            yield value
        for name, inner in value.items():
            yield from schemas(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from schemas(inner)


def test_every_schema_is_one(description):
    found = list(schemas(description))
    assert len(found) > 50
    for schema in found:
        Draft202012Validator.check_schema(schema)


class Checked:
    """A client of the API that holds each request and answer against the description."""

    def __init__(self, client: TestClient, description: dict[str, Any]) -> None:
        self.client, self.description = client, description
        self.seen: set[tuple[str, str, int]] = set()

    def __call__(self, method: str, path: str, template: str = "", **sent: Any) -> Any:
        operation = self.description["paths"][template or path.partition("?")[0]][method.lower()]
        answer = self.client.request(
            method, path, headers={**CHANGES, "accept": "application/json"}, **sent
        )
        status = answer.status_code
        assert str(status) in operation["responses"], (method, path, status, answer.text)
        told = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        if "$ref" in told:
            told = self.description["components"]["schemas"][told["$ref"].rsplit("/", 1)[1]]
        self.fits(told, answer.json())
        if "json" in sent and status < 300:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            self.fits(body, sent["json"])
        self.seen.add((template or path.partition("?")[0], method, status))
        return answer.json()

    def fits(self, schema: Any, value: Any) -> None:
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        wrong = [error.message for error in validator.iter_errors(value)]
        assert wrong == [], json.dumps(value)[:500]


@pytest.fixture
def call(client, description) -> Checked:
    return Checked(client, description)


def an_answer(page: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "client_id": f"client-id-{number:06}",
        "lease": page["lease"],
        "kind": "answer",
        "order": [0, 1, 2],
        "classes": [1, 2, 3],
        "response_ms": 1200,
        "answered_at": "2026-05-04T12:00:00+00:00",
    }


def test_what_a_labelling_sitting_sends_and_gets_fits_the_description(ws, call):
    rank_pages(ws, 4)
    call("GET", "/api/leases")
    pages = call("POST", "/api/leases", json={"have": [], "want": 3})["pages"]
    first, second, third = pages
    receipt = call("POST", "/api/answers", json=an_answer(first, 1))
    again = call("POST", "/api/answers", json=an_answer(first, 1))
    assert (again["judgement"], again["repeated"]) == (receipt["judgement"], True)
    skip = {"client_id": "client-id-2", "lease": second["lease"], "kind": "skip", "flag": "blank"}
    call("POST", "/api/answers", json=skip)
    call("POST", "/api/leases/return", json={"leases": [third["lease"]]})
    held = call("POST", "/api/leases", json={"have": [third["lease"]], "want": 2})
    assert len(held["pages"]) == 2
    assert len(call("GET", "/api/leases")["pages"]) == 2
    assert len(call("GET", "/api/answers?limit=5")["answers"]) >= 1
    call("GET", "/api/progress?since=2026-05-04T12:00:00%2B00:00")
    call("GET", "/api/training")
    call("GET", "/api/images/1", "/api/images/{image_id}")
    call("GET", "/health")
    call("GET", "/api/openapi.json")
    told = {
        (path, method.upper())
        for path, item in call.description["paths"].items()
        for method, operation in item.items()
        if "application/json" in operation["responses"].get("200", {}).get("content", {})
    }
    done = {(path, method) for path, method, status in call.seen if status == 200}
    labelling = ("/api/leases", "/api/answers", "/api/progress")
    missing = {(path, method) for path, method in told - done if path.startswith(labelling)}
    assert missing == set()


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("POST", "/api/answers", {"json": {}}, 400),
        ("POST", "/api/answers", {"content": b"{"}, 400),
        ("POST", "/api/answers", {"content": b"x" * (MAX_BODY + 1)}, 413),
        ("POST", "/api/answers", {"json": {**an_answer({"lease": "x" * 32}, 1)}}, 404),
        ("POST", "/api/leases", {"json": {"want": 99}}, 400),
        ("POST", "/api/leases/return", {"json": {"leases": "x"}}, 400),
        ("GET", "/api/answers?limit=x", {}, 400),
        ("GET", "/api/progress?since=x", {}, 400),
        ("POST", "/api/training", {"json": {"page": 1, "kind": "tie"}}, 404),
    ],
)
def test_refusals_are_those_of_the_description(call, method, path, sent, status):
    said = call(method, path, **sent)
    assert [seen[2] for seen in call.seen] == [status]
    assert set(said) == {"error"}


# --- what is declared, holds ------------------------------------------------------------------


def address(path: str) -> str:
    import re

    return re.sub(r"\{[^}]+\}", "1", path)


def test_no_route_is_reached_with_less_than_its_role(ws, ada, operations):
    people = {}
    for role in (Role.ANNOTATOR, Role.RESEARCHER):
        accounts.add_person(ws, role.value, role=role, password=PASSWORD)
        people[role] = browser(ws)
        people[role].cookies.set(COOKIE, accounts.sign_in(ws, role.value, PASSWORD))
    nobody = browser(ws)
    refused = 0
    for path, doc in operations:
        headers = {**CHANGES, "accept": "application/json"}
        if doc.role is not None:
            answer = nobody.request(doc.method, address(path), headers=headers)
            assert answer.status_code == 401, path
        for role, client in people.items():
            if doc.role is not None and not role.may(doc.role):
                answer = client.request(doc.method, address(path), headers=headers)
                assert (answer.status_code, f"{doc.role}s" in answer.text) == (403, True), path
                refused += 1
    declared = [doc for _, doc in operations if doc.role in (Role.RESEARCHER, Role.ADMINISTRATOR)]
    assert refused >= len(declared)


FORGED: tuple[dict[str, str], ...] = (
    {},
    {"x-cssim": "0"},
    {"x-cssim": "1", "origin": "https://evil.example"},
    {"x-cssim": "1", "sec-fetch-site": "cross-site"},
    {"x-cssim": "1", "sec-fetch-site": "same-site"},
)


def test_whatever_changes_something_refuses_what_another_site_may_have_sent(client, operations):
    """Routes with a JSON body by their header; forms by their token, also sign-in and sign-out."""
    changing = [(path, doc) for path, doc in operations if doc.method != "GET"]
    assert len(changing) >= 9
    for path, doc in changing:
        form = doc.body_type != "application/json"
        assert form or doc.changes, f"{path} changes something and does not say so"
        for headers in FORGED:
            sent = {"data": {"form_token": "x"}} if form else {"json": {}}
            token = "w" * 43 if "{token}" in path else "1"
            target = path.replace("{token}", token)
            if path == "/sign-in":
                client.cookies.delete(COOKIE)
            answer = client.request(doc.method, target, headers=headers, **sent)
            assert answer.status_code in (401, 403), (path, headers, answer.text)


def test_no_get_changes_anything_but_by_a_click_on_our_own_page(operations):
    """The three that do have tests of their own: they open or end a session of this browser."""
    assert not [path for path, doc in operations if doc.method == "GET" and doc.changes]


def test_shared_refusals_are_told_with_each_route(operations):
    docs = {(path, doc.method): refusals(path, doc) for path, doc in operations}
    assert {401, 403, 429} <= set(docs["/api/answers", "POST"])
    assert 401 not in docs["/health", "GET"]
