"""Nobody gets past the gate without a session, by HTTP or by websocket."""

from __future__ import annotations

import pytest
from starlette.websockets import WebSocketDisconnect

from cssim.services import accounts
from cssim.ui import session
from cssim.web.gate import HEADERS
from cssim.web.http import COOKIE
from tests.web.conftest import PASSWORD, browser


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
