"""Nobody gets past the gate without a session, by HTTP or by websocket."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.websockets import WebSocketDisconnect

from cssim.services import accounts
from cssim.ui import session
from cssim.web.gate import HEADERS
from cssim.web.http import COOKIE
from tests.web.conftest import CHANGES, PASSWORD, browser


def test_a_signed_out_browser_is_sent_to_the_sign_in_page_and_back_again(anybody, ada):
    answer = anybody.get("/compare?set=a&b=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fcompare%3Fset%3Da%26b%3D1"
    assert anybody.get("/").headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    "path",
    [
        "/api/leases",
        "/images/aa",
        "/media/x",
        "/_stcore/host-config",
        "/sign-in/x",
        "/enter/",
        "/enter/x/y",
        "/sign-inn",
        "/health/x",
        "/sign-out",
        "/_stcore/upload_file/a/b",
    ],
)
def test_a_signed_out_program_gets_an_error(anybody, ada, path):
    answer = anybody.get(path, headers={"accept": "application/json"})
    assert answer.status_code in (401, 404)
    assert "page of" not in answer.text
    assert anybody.post(path, headers={"accept": "text/html"}).status_code in (401, 404)


def test_a_signed_out_websocket_is_closed_before_it_opens(anybody, ada):
    with pytest.raises(WebSocketDisconnect) as caught, anybody.websocket_connect("/_stcore/stream"):
        pass
    assert caught.value.code == 4401


def test_a_session_opens_pages_and_websocket(client):
    assert client.get("/annotate").text == "page of Ada"
    with client.websocket_connect("/_stcore/stream") as socket:
        assert socket.receive_text() == "Ada"


def test_identity_comes_from_the_cookie_and_nothing_else(ws, ada, anybody):
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    for headers in ({"authorization": f"Bearer {token}"}, {"x-forwarded-user": "Ada"}):
        assert anybody.get("/", headers=headers).status_code == 303
    assert anybody.get(f"/?{COOKIE}={token}").status_code == 303


def test_a_session_that_ended_no_longer_opens_anything(ws, client):
    assert client.get("/").status_code == 200
    accounts.sign_out(ws, client.cookies[COOKIE])
    assert client.get("/").status_code == 303


def test_health_is_open_and_says_nothing_but_that(anybody, ada):
    answer = anybody.get("/health")
    assert (answer.status_code, set(answer.json())) == (200, {"status", "version"})


def test_health_tells_of_a_database_that_does_not_answer(ws, anybody):
    path = Path(ws.database.engine.url.database)
    ws.database.close()
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    path.write_bytes(b"no database at all " * 100)
    answer = anybody.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    assert "is damaged" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/health", "/annotate", "/api/leases", "/sign-in"])
def test_every_answer_carries_the_security_headers(client, path):
    headers = client.get(path).headers
    assert set(HEADERS) <= set(headers)


def test_pages_and_routes_read_the_same_cookie():
    assert session.COOKIE == COOKIE


def test_two_browsers_are_two_sessions(ws, client):
    accounts.add_person(ws, "Ben", password=PASSWORD)
    other = browser(ws)
    other.cookies.set(COOKIE, accounts.sign_in(ws, "Ben", PASSWORD))
    assert (client.get("/").text, other.get("/").text) == ("page of Ada", "page of Ben")


def test_personal_answers_are_stored_by_no_cache_and_pictures_by_this_browser_only(client, ws):
    assert client.get("/api/leases").headers["cache-control"] == "no-store"
    assert client.get("/api/leases?x").headers["cache-control"] == "no-store"
    assert client.get("/sign-in?next=/").headers["cache-control"] == "no-store"
    assert browser(ws).get("/annotate").headers["cache-control"] == "no-store"
    assert client.get("/images/aa").headers["cache-control"] == "no-store"  # an error


def test_a_page_that_was_opened_for_somebody_else_gets_nothing(ws, client, ada):
    ben = accounts.add_person(ws, "Ben")
    own, foreign = {"x-cssim-person": str(ada.id)}, {"x-cssim-person": str(ben.id)}
    assert client.get("/api/leases", headers=own).status_code == 200
    refused = client.post("/api/leases", json={"want": 1}, headers={**CHANGES, **foreign})
    assert refused.status_code == 412
    assert "somebody else" in refused.json()["error"]


def test_pages_fetch_from_and_send_to_this_server_only(client):
    policy = dict(
        part.strip().split(" ", 1)
        for part in client.get("/").headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    for name in ("connect-src", "img-src", "form-action", "frame-ancestors", "base-uri"):
        sources = policy[name].split()
        assert sources[0] == "'self'"
        assert not [source for source in sources if "//" in source or source == "*"]
    assert policy["object-src"] == "'none'"


def test_over_https_browsers_are_told_to_stay_there_and_cookies_have_another_name(ws, ada):
    from dataclasses import replace

    secure = replace(ws, settings=replace(ws.settings, secure_cookie=True))
    client = browser(secure)
    client.base_url = "https://localhost"
    assert "max-age" in client.get("/health").headers["strict-transport-security"]
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    client.cookies.set(COOKIE, token)
    assert client.get("/").status_code == 303
    client.cookies.set(secure.settings.session_cookie, token)
    assert client.get("/").text == "page of Ada"
    assert "strict-transport-security" not in browser(ws).get("/health").headers


@pytest.mark.parametrize("path", ["/reset/x", "/invite/x", "/oidc/start", "/reset/", "/invite/a/b"])
def test_only_the_doors_themselves_are_open(anybody, ada, path):
    answer = anybody.get(path, headers={"accept": "application/json"})
    open_door = path in ("/reset/x", "/invite/x", "/oidc/start")
    assert answer.status_code in ((403, 404) if open_door else (401,))
