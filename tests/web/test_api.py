"""Leases, answers and images over HTTP: what is taken, and what is refused how."""

from __future__ import annotations

import json
import uuid

import pytest

from cssim.services import accounts
from cssim.types import PageMode
from cssim.web.http import COOKIE, MAX_BODY
from cssim.web.pictures import BytesCache
from tests.pages import add_pages, add_pictures, rank_pages
from tests.web.conftest import CHANGES, PASSWORD, browser


def ask(client, want=6, have=()):
    body = {"want": want, "have": list(have)}
    answer = client.post("/api/leases", json=body, headers=CHANGES)
    assert answer.status_code == 200, answer.text
    return answer.json()


def say(client, lease, **fields):
    body = {
        "client_id": uuid.uuid4().hex,
        "lease": lease,
        "kind": "answer",
        "order": [2, 0, 1],
        "classes": [2, 4, 1],
        "response_ms": 900,
        "answered_at": "2026-05-04T12:00:00.000Z",
        **fields,
    }
    body = {name: value for name, value in body.items() if value is not ...}
    return client.post("/api/answers", json=body, headers=CHANGES)


def test_pages_come_with_their_candidates_as_they_stand_on_screen(ws, client):
    pages = rank_pages(ws, 2)
    got = ask(client)["pages"]
    assert [page["page"] for page in got] == pages
    for page in got:
        assert page["mode"] == "rank"
        assert sorted(c["position"] for c in page["candidates"]) == [0, 1, 2]
        assert len({c["sha256"] for c in page["candidates"]} | {page["reference"]["sha256"]}) == 4
        assert set(page["reference"]) == {"sha256", "width", "height"}
    held = client.get("/api/leases").json()["pages"]
    assert [page["lease"] for page in held] == sorted(
        (page["lease"] for page in got), key=[page["lease"] for page in held].index
    )


def test_an_answer_is_taken_once_and_shows_up_in_history_and_progress(ws, client):
    rank_pages(ws, 2)
    lease = ask(client, 1)["pages"][0]["lease"]
    id_ = uuid.uuid4().hex
    first = say(client, lease, client_id=id_).json()
    assert first == {"judgement": first["judgement"], "late": False, "repeated": False}
    assert say(client, lease, client_id=id_).json() == {**first, "repeated": True}
    (given,) = client.get("/api/answers").json()["answers"]
    assert (given["order"], given["classes"], given["lease"]) == ([2, 0, 1], [2, 4, 1], lease)
    progress = client.get("/api/progress").json()
    assert progress == {"own_today": 1, "own_total": 1, "done": 1, "wanted": 2}
    assert client.get("/api/progress?since=2999-01-01T00:00:00Z").json()["own_today"] == 0
    older = client.get(f"/api/answers?before={given['judgement']}").json()
    assert older == {"answers": []}


def test_a_tie_a_skip_and_a_remark_are_taken(ws, client):
    images = add_pictures(ws, 4)
    add_pages(ws, [(images[0], (images[1], images[2]))], mode=PageMode.CHOOSE)
    add_pages(ws, [(images[0], (images[1], images[3]))], mode=PageMode.CHOOSE)
    one, two = (page["lease"] for page in ask(client)["pages"])
    assert say(client, one, kind="tie", order=..., classes=...).status_code == 200
    skip = say(client, two, kind="skip", order=..., classes=..., flag="blurred")
    assert skip.status_code == 200
    newest, oldest = client.get("/api/answers").json()["answers"]
    assert (newest["kind"], newest["flag"], oldest["kind"]) == ("skip", "blurred", "tie")


def test_returned_pages_go_to_others_at_once(ws, client):
    rank_pages(ws, 1)
    lease = ask(client)["pages"][0]["lease"]
    accounts.add_person(ws, "Ben", password=PASSWORD)
    ben = browser(ws)
    ben.cookies.set(COOKIE, accounts.sign_in(ws, "Ben", PASSWORD))
    assert ask(ben)["pages"] == []
    body = {"leases": [lease]}
    assert client.post("/api/leases/return", json=body, headers=CHANGES).json() == {"returned": 1}
    assert len(ask(ben)["pages"]) == 1
    assert say(ben, lease).status_code == 403


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"lease": "nothing"}, 404),
        ({"lease": 7}, 400),
        ({"lease": ...}, 400),
        ({"lease": "a\u0000b"}, 400),
        ({"client_id": "x"}, 400),
        ({"client_id": None}, 400),
        ({"kind": "maybe"}, 400),
        ({"kind": ["answer"]}, 400),
        ({"kind": "retract", "order": ..., "classes": ...}, 409),
        ({"kind": "retract"}, 400),
        ({"order": [0, 1]}, 400),
        ({"order": [0, 1, 1]}, 400),
        ({"order": [0, 1, 3]}, 400),
        ({"order": [0, 1, "2"]}, 400),
        ({"order": [0, True, 2]}, 400),
        ({"order": {"0": 1}}, 400),
        ({"order": list(range(10))}, 400),
        ({"classes": [1, 2, 9]}, 400),
        ({"classes": [3, 2, 1], "order": [0, 1, 2]}, 400),
        ({"classes": ...}, 400),
        ({"response_ms": -1}, 400),
        ({"response_ms": 1.5}, 400),
        ({"response_ms": 10**30}, 400),
        ({"answered_at": "yesterday"}, 400),
        ({"answered_at": "2026-05-04T12:00:00"}, 400),
        ({"answered_at": 12}, 400),
        ({"flag": ""}, 400),
        ({"flag": "x" * 501}, 400),
        ({"surprise": 1}, 400),
    ],
)
def test_a_bad_answer_is_a_clear_error_and_nothing_is_stored(ws, client, fields, status):
    rank_pages(ws, 1)
    lease = ask(client)["pages"][0]["lease"]
    answer = say(client, **{"lease": lease, **fields})
    assert answer.status_code == status, answer.text
    assert len(answer.json()["error"]) > 10
    assert client.get("/api/answers").json() == {"answers": []}


@pytest.mark.parametrize("field", ["flag", "lease", "client_id"])
def test_half_of_a_surrogate_pair_is_refused_where_it_comes_in(ws, client, field):
    rank_pages(ws, 1)
    body = {"client_id": "client-id-1", "lease": ask(client)["pages"][0]["lease"], "kind": "skip"}
    content = json.dumps({**body, field: "cut here: \ud83d"})
    assert client.post("/api/answers", content=content, headers=CHANGES).status_code == 400
    assert client.get("/api/answers").json() == {"answers": []}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 50_000])
def test_a_body_that_is_no_json_object_is_refused(client, body):
    answer = client.post("/api/answers", content=body, headers=CHANGES)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]


def test_a_huge_body_is_refused_unread(client):
    answer = client.post("/api/answers", content=b"x" * (MAX_BODY + 1), headers=CHANGES)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-cssim": "0"},
        {**CHANGES, "origin": "https://evil.example"},
        {**CHANGES, "origin": "http://["},
        {**CHANGES, "sec-fetch-site": "cross-site"},
        {**CHANGES, "sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/api/answers", "/api/leases", "/api/leases/return"])
def test_a_request_that_another_site_made_is_refused(client, path, headers):
    assert client.post(path, json={}, headers=headers).status_code == 403


@pytest.mark.parametrize("body", [{"want": "6"}, {"want": 99}, {"have": "x"}, {"have": [1]}])
def test_a_bad_request_for_pages_is_refused(client, body):
    assert client.post("/api/leases", json=body, headers=CHANGES).status_code == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=101", "before=-1", "before=9" * 20])
def test_a_bad_request_for_history_is_refused(client, query):
    assert client.get(f"/api/answers?{query}").status_code == 400


def test_images_are_served_scaled_and_cached_for_ever(ws, client):
    rank_pages(ws, 1)
    sha256 = ask(client)["pages"][0]["reference"]["sha256"]
    answer = client.get(f"/images/{sha256}?w=512")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.content == ws.store.thumbnail(sha256, 512)
    assert client.get(f"/images/{sha256}").content == answer.content


def test_only_images_of_the_project_are_served(ws, client):
    elsewhere = ws.with_project("other")
    add_pictures(elsewhere, 1)
    from tests.pages import picture

    foreign = ws.store.add(picture(0), name="x.jpg").sha256
    for sha256 in (foreign, foreign.upper(), "a" * 64, "%00", "é"):
        assert client.get(f"/images/{sha256}").status_code == 404


@pytest.mark.parametrize("width", ["0", "-1", "x", "99999", "1e3", "²", "", "0" * 8 + "1" * 9999])
def test_widths_out_of_range_are_refused(ws, client, width):
    assert client.get(f"/images/{'a' * 64}?w={width}").status_code == 400


def test_as_many_leases_may_be_returned_as_the_description_says(client):
    paths = client.get("/api/openapi.json").json()["paths"]
    body = paths["/api/leases/return"]["post"]["requestBody"]["content"]["application/json"]
    most = body["schema"]["properties"]["leases"]["maxItems"]
    for count, status in ((most, 200), (most + 1, 400)):
        asked = {"leases": [f"lease-{i}" for i in range(count)]}
        told = client.post("/api/leases/return", json=asked, headers=CHANGES)
        assert told.status_code == status


def test_the_cache_of_images_never_outgrows_its_limit():
    cache = BytesCache(100)
    for i in range(50):
        cache.put(("k", i), b"x" * 30)
        assert cache.size <= 100
    assert [i for i in range(50) if cache.get(("k", i))] == [47, 48, 49]
    cache.put(("k", 47), b"y" * 10)
    assert cache.size == 70
    cache.put(("big",), b"z" * 101)
    assert cache.size == 0
