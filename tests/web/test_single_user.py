"""Single-user mode: no friction on this machine, nothing at all for anybody else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.websockets import WebSocketDisconnect

from cssim.errors import BadSetting, NotAllowed
from cssim.services import accounts
from cssim.types import Role
from cssim.web.http import COOKIE
from tests.web.conftest import PASSWORD, browser
from tests.web.test_signin import CLICK


@pytest.fixture
def alone(ws):
    return replace(ws, settings=replace(ws.settings, single_user=True))


def test_opening_the_app_is_enough(alone):
    client = browser(alone)
    client.follow_redirects = True
    assert client.get("/annotate?x=1").text == f"page of {accounts.OWNER}"
    (owner,) = accounts.list_people(alone)
    assert owner.role is Role.ADMINISTRATOR
    with client.websocket_connect("ws://localhost/_stcore/stream") as socket:
        assert socket.receive_text() == accounts.OWNER


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "127.0.0.1:8501"])
def test_any_name_of_this_machine_will_do(alone, host):
    client = browser(alone, host=host)
    client.follow_redirects = True
    assert client.get("/").text == f"page of {accounts.OWNER}"


def test_the_owner_is_the_first_administrator(alone):
    accounts.add_person(alone, "Ann", password=PASSWORD)
    accounts.add_person(alone, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)
    accounts.add_person(alone, "Eve", role=Role.ADMINISTRATOR)
    client = browser(alone)
    client.follow_redirects = True
    assert client.get("/").text == "page of Ada"
    assert len(accounts.list_people(alone)) == 3


def test_nobody_becomes_administrator_by_the_mode_alone(alone):
    accounts.add_person(alone, "Ann", password=PASSWORD)
    client = browser(alone)
    client.follow_redirects = True
    answer = client.get("/")
    assert (answer.status_code, "no active administrator" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("address", "host", "headers"),
    [
        ("10.0.0.7", "localhost", {}),
        ("127.0.0.1", "labels.example", {}),  # a name bent to 127.0.0.1 (DNS rebinding)
        ("127.0.0.1", "localhost.evil.example", {}),
        ("127.0.0.1", "127.0.0.1.evil.example", {}),
        ("127.0.0.1", "localhost", {"x-forwarded-for": "10.0.0.7"}),
        ("127.0.0.1", "localhost", {"forwarded": "for=10.0.0.7"}),
        ("127.0.0.1", "localhost", {"via": "1.1 proxy"}),
    ],
)
def test_from_elsewhere_nothing_opens_even_with_a_session(alone, address, host, headers):
    token = accounts.enter_as_owner(alone)
    for cookies in ({}, {COOKIE: token}):
        client = browser(alone, address=address, host=host)
        client.cookies.update(cookies)
        for path in ("/", "/sign-in", "/health", "/api/leases", "/enter/" + "x" * 43):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 403
            assert "single-user mode" in answer.text
        with (
            pytest.raises(WebSocketDisconnect) as caught,
            client.websocket_connect(f"ws://{host}/_stcore/stream", headers=headers),
        ):
            pass
        assert caught.value.code == 4403


def test_another_site_cannot_act_as_the_owner(alone):
    """A request without the cookie is nobody's, whatever the machine it comes from."""
    client = browser(alone)
    headers = {"accept": "application/json", "x-cssim": "1", "origin": "https://evil.example"}
    assert client.post("/api/leases", json={}, headers=headers).status_code == 401
    client.get("/sign-in")
    assert client.post("/api/leases", json={}, headers=headers).status_code == 403


def test_whoever_signs_out_is_in_again_at_the_next_look(alone):
    client = browser(alone)
    client.get("/sign-in")
    before = client.cookies[COOKIE]
    client.get("/sign-out", headers=CLICK)
    assert accounts.person_of_token(alone, before) is None
    client.follow_redirects = True
    assert client.get("/").text == f"page of {accounts.OWNER}"


def test_without_the_mode_nobody_comes_in_like_that(ws):
    with pytest.raises(NotAllowed):
        accounts.enter_as_owner(ws)
    assert accounts.list_people(ws) == []


def test_a_server_that_others_can_reach_is_refused(ws):
    with pytest.raises(BadSetting, match="CSSIM_HOST"):
        replace(ws.settings, single_user=True, host="0.0.0.0")
