"""Invitations and password links, as a browser sees them."""

from __future__ import annotations

import pytest

from cssim.services import accounts
from cssim.types import Role
from cssim.web.http import COOKIE
from tests.web.conftest import PASSWORD, browser
from tests.web.test_signin import form_token, sign_in

NEW = "four unrelated words"


def send(client, path, **fields):
    token = form_token(client.get(path))
    return client.post(path, data={"form_token": token, **fields})


def both(password: str) -> dict[str, str]:
    return {"password": password, "again": password}


def test_the_invited_pick_name_and_password_and_are_in(ws, anybody, ada):
    path = f"/invite/{accounts.invite(ws, role=Role.RESEARCHER, note='for Bo', by=ada)}"
    assert "As a researcher" in anybody.get(path).text
    answer = send(anybody, path, name="Bo", **both("four unrelated words"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert anybody.get("/").text == "page of Bo"
    (invitation,) = accounts.list_invitations(ws)
    assert (invitation.state, invitation.became, invitation.made_by) == ("used", "Bo", "Ada")
    assert [p.role for p in accounts.list_people(ws)] == [Role.ADMINISTRATOR, Role.RESEARCHER]
    assert sign_in(browser(ws), name="Bo", password="four unrelated words").status_code == 303
    again = browser(ws).get(path)
    assert (again.status_code, "used already" in again.text) == (403, True)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"name": "Ada", **both(PASSWORD)}, 409, "already a person"),
        ({"name": "", **both(PASSWORD)}, 400, "1 to 200"),
        ({"name": "Bo", **both("short")}, 400, "8 to 1000"),
        ({"name": "Bo", **both("password123")}, 400, "guessed at once"),
        ({"name": "Bo", "password": PASSWORD, "again": "other"}, 400, "differ"),
        ({"name": "<b>", **both("x")}, 400, "8 to 1000"),
    ],
)
def test_what_does_not_fit_is_said_and_the_invitation_still_works(
    ws, anybody, ada, fields, status, said
):
    path = f"/invite/{accounts.invite(ws, by=ada)}"
    answer = send(anybody, path, **fields)
    assert answer.status_code == status
    assert said in answer.text
    assert "<b>" not in answer.text
    assert COOKIE not in anybody.cookies
    assert send(anybody, path, name="Bo", **both(PASSWORD)).status_code == 303


def test_a_withdrawn_or_made_up_invitation_opens_nothing(ws, anybody, ada):
    token = accounts.invite(ws, by=ada)
    (invitation,) = accounts.list_invitations(ws)
    accounts.withdraw_invitation(ws, invitation.id, by=ada)
    for path in (f"/invite/{token}", "/invite/" + "x" * 43, "/invite/é", "/reset/" + token):
        assert anybody.get(path).status_code == 403
    assert len(accounts.list_people(ws)) == 1


def test_a_password_link_sets_the_password_signs_in_and_ends_the_other_sessions(ws, client, ada):
    path = f"/reset/{accounts.make_reset(ws, 'Ada')}"
    phone = browser(ws)
    assert "For Ada" in phone.get(path).text
    assert client.get("/").status_code == 200  # looking changes nothing
    assert send(phone, path, **both("short")).status_code == 400
    answer = send(phone, path, **both("another good one"))
    assert (answer.status_code, phone.get("/").text) == (303, "page of Ada")
    assert client.get("/").status_code == 303
    assert sign_in(browser(ws)).status_code == 403
    assert sign_in(browser(ws), password="another good one").status_code == 303
    assert phone.get(path).status_code == 403


def test_a_new_password_link_makes_the_earlier_ones_useless(ws, anybody, ada):
    first, link = accounts.make_reset(ws, "Ada"), accounts.make_link(ws, "Ada")
    second = accounts.make_reset(ws, "Ada")
    assert anybody.get(f"/reset/{first}").status_code == 403
    assert send(anybody, f"/enter/{link}").status_code == 403
    assert anybody.get(f"/reset/{second}").status_code == 200


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}])
@pytest.mark.parametrize("kind", ["invite", "reset", "enter"])
def test_a_form_of_another_site_uses_no_link_up(ws, anybody, ada, kind, headers):
    make = {
        "invite": lambda: accounts.invite(ws),
        "reset": lambda: accounts.make_reset(ws, "Ada"),
        "enter": lambda: accounts.make_link(ws, "Ada"),
    }[kind]
    path = f"/{kind}/{make()}"
    token = form_token(anybody.get(path))
    fields = {"form_token": token, "name": "Eve", **both(PASSWORD)}
    assert anybody.post(path, data=fields, headers=headers).status_code == 403
    assert anybody.post(path, data={**fields, "form_token": "made up"}).status_code == 403
    assert COOKIE not in anybody.cookies
    assert anybody.get(path).status_code == 200


def test_pages_of_links_are_not_stored_framed_or_told_to_other_sites(ws, anybody, ada):
    headers = anybody.get(f"/invite/{accounts.invite(ws)}").headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("way", ["password", "link", "reset", "invitation"])
def test_each_way_in_opens_a_fresh_session_whatever_cookie_was_planted(ws, anybody, ada, way):
    planted = "p" * 43
    anybody.cookies.set(COOKIE, planted, domain="localhost.local", path="/")
    ways = {
        "password": lambda: sign_in(anybody),
        "link": lambda: send(anybody, f"/enter/{accounts.make_link(ws, 'Ada')}"),
        "reset": lambda: send(anybody, f"/reset/{accounts.make_reset(ws, 'Ada')}", **both(NEW)),
        "invitation": lambda: send(
            anybody, f"/invite/{accounts.invite(ws)}", name="Bo", **both(NEW)
        ),
    }
    answer = ways[way]()
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE)]
    token = cookie.partition("=")[2].partition(";")[0]
    assert token != planted
    assert len(token) >= 43
    assert accounts.person_of_token(ws, token) is not None
    assert accounts.person_of_token(ws, planted) is None
