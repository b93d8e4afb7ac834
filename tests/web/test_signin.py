"""The sign-in pages, as a browser sees them."""

from __future__ import annotations

import re

import pytest

from cssim.services import accounts
from cssim.types import Role
from cssim.web.http import COOKIE
from tests.web.conftest import PASSWORD, browser

CLICK = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-user": "?1"}
"""What browsers say of a click on a link of the same site."""


def form_token(page) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


def sign_in(client, name="Ada", password=PASSWORD, target="/", **headers):
    token = form_token(client.get(f"/sign-in?next={target}"))
    fields = {"name": name, "password": password, "next": target, "form_token": token}
    return client.post("/sign-in", data=fields, headers=headers)


def test_the_right_password_opens_the_page_that_was_asked_for(anybody, ada):
    answer = sign_in(anybody, target="/annotate")
    assert (answer.status_code, answer.headers["location"]) == (303, "/annotate")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert anybody.get("/annotate").text == "page of Ada"


def test_behind_tls_the_cookie_is_secure(ws, ada):
    from dataclasses import replace

    secure = replace(ws, settings=replace(ws.settings, secure_cookie=True))
    client = browser(secure)
    client.base_url = "https://localhost"
    cookies = sign_in(client).headers.get_list("set-cookie")
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)


def test_a_wrong_password_says_so_and_keeps_the_name(anybody, ada):
    answer = sign_in(anybody, password="wrong <b>password</b>")
    assert answer.status_code == 403
    assert 'role="alert"' in answer.text
    assert 'value="Ada"' in answer.text
    assert COOKIE not in anybody.cookies


def test_a_name_that_no_database_can_hold_is_refused_in_words(anybody, ada):
    answer = sign_in(anybody, name="A\x00da")
    assert (answer.status_code, COOKIE in anybody.cookies) == (400, False)
    assert "null characters" in answer.text


def test_what_a_visitor_types_never_becomes_markup(anybody, ada):
    answer = sign_in(anybody, name='"><script>alert(1)</script>')
    assert "<script>alert" not in answer.text


def test_too_many_tries_get_429(anybody, ada):
    for _ in range(accounts.TRIES):
        sign_in(anybody, password="wrong password")
    answer = sign_in(anybody)
    assert answer.status_code == 429
    assert "wait 15 minutes" in answer.text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil", "/a\nb", "javascript:x", "x"]
)
def test_nobody_is_sent_to_another_site(anybody, ada, target):
    token = form_token(anybody.get("/sign-in"))
    fields = {"name": "Ada", "password": PASSWORD, "next": target, "form_token": token}
    assert anybody.post("/sign-in", data=fields).headers["location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}],
)
def test_a_form_on_another_site_signs_nobody_in(anybody, ada, headers):
    assert sign_in(anybody, **headers).status_code == 403
    assert COOKIE not in anybody.cookies


def test_a_form_that_was_not_shown_to_this_browser_is_refused(ws, anybody, ada):
    foreign = form_token(browser(ws).get("/sign-in"))
    anybody.get("/sign-in")
    fields = {"name": "Ada", "password": PASSWORD, "form_token": foreign}
    assert anybody.post("/sign-in", data=fields).status_code == 403
    assert anybody.post("/sign-in", data={**fields, "form_token": ""}).status_code == 403


def test_a_huge_form_is_refused(anybody, ada):
    anybody.get("/sign-in")
    assert anybody.post("/sign-in", content=b"x" * 100_000).status_code == 413


def test_somebody_signed_in_is_not_asked_again(client):
    assert client.get("/sign-in?next=/annotate").headers["location"] == "/annotate"


def start(client, **more):
    token = form_token(client.get("/sign-in"))
    fields = {"name": "Ada", "password": PASSWORD, "again": PASSWORD, "form_token": token, **more}
    return client.post("/sign-in", data=fields)


def test_the_first_visitor_on_this_machine_becomes_administrator(ws, anybody):
    assert start(anybody).status_code == 303
    assert anybody.get("/").text == "page of Ada"
    (person,) = accounts.list_people(ws)
    assert (person.name, person.role) == ("Ada", Role.ADMINISTRATOR)


@pytest.mark.parametrize("more", [{"again": "something else"}, {"name": " "}, {"password": "x"}])
def test_an_unfit_first_administrator_is_not_made(ws, anybody, more):
    assert start(anybody, **more).status_code == 400
    assert accounts.list_people(ws) == []


@pytest.mark.parametrize(
    ("address", "host", "headers"),
    [
        ("10.0.0.7", "localhost", {}),
        ("127.0.0.1", "labels.example", {}),
        ("127.0.0.1", "localhost", {"x-forwarded-for": "10.0.0.7"}),
        ("127.0.0.1", "localhost", {"forwarded": "for=10.0.0.7"}),
        ("127.0.0.1", "localhost.evil.example", {}),
    ],
)
def test_the_first_administrator_is_made_on_this_machine_only(ws, address, host, headers):
    client = browser(ws, address=address, host=host)
    assert client.get("/sign-in", headers=headers).status_code == 403
    fields = {"name": "Eve", "password": PASSWORD, "again": PASSWORD}
    assert client.post("/sign-in", data=fields, headers=headers).status_code == 403
    assert accounts.list_people(ws) == []


def test_a_link_signs_in_once_and_not_by_looking_at_it(ws, anybody, ada):
    link = accounts.make_link(ws, "Ada")
    token = form_token(anybody.get(f"/enter/{link}"))
    form_token(anybody.get(f"/enter/{link}"))
    answer = anybody.post(f"/enter/{link}", data={"form_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert anybody.get("/").text == "page of Ada"
    other = browser(ws)
    token = form_token(other.get(f"/enter/{link}"))
    again = other.post(f"/enter/{link}", data={"form_token": token})
    assert again.status_code == 403
    assert "used already" in again.text


def test_signing_out_ends_the_session_and_drops_the_cookie(ws, client):
    token = client.cookies[COOKIE]
    answer = client.get("/sign-out", headers=CLICK)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert accounts.person_of_token(ws, token) is None
    assert client.get("/").status_code == 303


def test_another_site_cannot_sign_a_person_out(ws, client):
    shown = client.get("/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert "Sign out?" in shown.text
    assert client.get("/").text == "page of Ada"
    assert client.post("/sign-out", data={"form_token": form_token(shown)}).status_code == 303
    assert client.get("/").status_code == 303


@pytest.mark.parametrize("missing", CLICK)
def test_a_picture_or_script_of_our_own_pages_signs_nobody_out(client, missing):
    less = {name: value for name, value in CLICK.items() if name != missing}
    assert "Sign out?" in client.get("/sign-out", headers=less).text
    assert client.get("/").text == "page of Ada"


def test_the_pages_allow_no_scripts_but_their_own(anybody, ada):
    policy = anybody.get("/sign-in").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
