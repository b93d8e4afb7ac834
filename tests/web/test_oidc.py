"""Signing in with an identity provider, against a small one that can misbehave."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, request_response
from starlette.testclient import TestClient

from cssim.services import accounts
from cssim.types import Role
from cssim.web import routes as all_routes
from cssim.web.gate import Gate
from cssim.web.http import COOKIE
from cssim.web.oidc import Client
from cssim.web.oidc_routes import FLOW_COOKIE, oidc_routes
from tests.web.provider import CLIENT, ISSUER, SECRET, SITE, Provider, rsa_key


@pytest.fixture
def provider():
    return Provider()


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"page of {request.scope['cssim.person'].name}")


@pytest.fixture
def make(ws, provider, monkeypatch):
    """A browser against a server that asks the provider; keywords are settings."""

    def client_of(settings):
        transport = httpx.ASGITransport(app=provider.app)
        return Client(settings, connect=lambda: httpx.AsyncClient(transport=transport))

    monkeypatch.setattr(
        all_routes, "oidc_routes", lambda workspace: oidc_routes(workspace, client_of)
    )

    def build(**values):
        settings = replace(
            ws.settings,
            oidc_issuer=ISSUER,
            oidc_client_id=CLIENT,
            oidc_client_secret=SECRET,
            public_url=SITE,
            **values,
        )
        own = replace(ws, settings=settings)
        app = Starlette(
            routes=[*all_routes.web_routes(lambda: own), Route("/{path:path}", _page)],
            middleware=[Middleware(Gate, workspace=lambda: own)],
        )
        browser = TestClient(app, base_url=SITE, client=("127.0.0.1", 5), follow_redirects=False)
        browser.headers["accept"] = "text/html"
        return browser

    return build


@pytest.fixture
def ada(ws):
    return accounts.add_person(ws, "Ada", role=Role.RESEARCHER, email="Ada@Example.org")


def walk(client, provider, target="/", **changed):
    """To the provider and back; `changed` is what comes back otherwise than it should."""
    away = client.get("/oidc/start", params={"next": target})
    assert away.status_code == 303, away.text
    back = {**provider.authorize(away.headers["location"]), **changed}
    return client.get("/oidc/callback", params={k: v for k, v in back.items() if v is not None})


def names(ws) -> list[str]:
    return [person.name for person in accounts.list_people(ws)]


def test_a_known_address_signs_its_person_in_and_goes_where_they_wanted(ws, make, provider, ada):
    client = make()
    answer = walk(client, provider, "/annotate")
    assert (answer.status_code, answer.headers["location"]) == (303, "/annotate")
    assert client.get("/").text == "page of Ada"
    assert FLOW_COOKIE not in client.cookies
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_the_sign_in_page_offers_the_provider_only_where_there_is_one(ws, make, anybody, ada):
    assert "/oidc/start?next=%2Fa%3Fb%3D1" in make().get("/sign-in?next=/a%3Fb%3D1").text
    assert "oidc" not in anybody.get("/sign-in").text
    assert anybody.get("/oidc/start").status_code == 404
    assert anybody.get("/oidc/callback?code=x&state=y").status_code == 404


def test_once_linked_the_account_counts_and_not_the_address(ws, make, provider, ada):
    walk(make(), provider)
    accounts.set_email(ws, "Ada", None)
    provider.claims["email"] = "new@example.org"
    client = make()
    walk(client, provider)
    assert client.get("/").text == "page of Ada"


def test_a_second_account_does_not_inherit_a_person_by_their_old_address(ws, make, provider, ada):
    walk(make(), provider)
    provider.claims["sub"] = "somebody-else"
    answer = walk(make(), provider)
    assert (answer.status_code, "Another account" in answer.text) == (403, True)


def test_the_unknown_are_refused_and_not_made(ws, make, provider):
    answer = walk(make(), provider)
    assert (answer.status_code, "ask an administrator" in answer.text) == (403, True)
    assert names(ws) == []


@pytest.mark.parametrize("verified", [False, None, 0, "false", ...])
def test_an_address_that_the_provider_did_not_verify_is_nobody(ws, make, provider, ada, verified):
    provider.claims["email_verified"] = verified
    assert walk(make(), provider).status_code == 403


def test_a_subject_that_an_administrator_linked_needs_no_address(ws, make, provider, ada):
    accounts.link_identity(ws, "Ada", provider.claims["sub"], issuer=ISSUER)
    provider.claims["email_verified"] = False
    client = make()
    walk(client, provider)
    assert client.get("/").text == "page of Ada"


def test_where_everybody_is_let_in_the_unknown_become_annotators(ws, make, provider, ada):
    provider.claims |= {"email": "bo@example.org", "name": "Ada"}
    for _ in range(2):
        client = make(oidc_provision=True)
        walk(client, provider)
        assert client.get("/").text == "page of Ada (2)"
    assert [(p.name, p.role) for p in accounts.list_people(ws)] == [
        ("Ada", Role.RESEARCHER),
        ("Ada (2)", Role.ANNOTATOR),
    ]


def test_the_deactivated_stay_out(ws, make, provider, ada):
    walk(make(), provider)
    accounts.deactivate(ws, "Ada")
    answer = walk(make(oidc_provision=True), provider)
    assert (answer.status_code, "deactivated" in answer.text) == (403, True)
    assert names(ws) == ["Ada"]


@pytest.mark.parametrize(
    ("claim", "value", "role"),
    [
        ("groups", ["crowd", "x"], Role.ANNOTATOR),
        ("groups", ["crowd", "lab"], Role.RESEARCHER),
        ("groups", "boss", Role.ADMINISTRATOR),
        ("groups", ["x"], None),
        ("groups", [], None),
        ("groups", ..., None),
        ("groups", {"lab": 1}, None),
        ("realm_access.roles", {"realm_access": {"roles": ["lab"]}}, Role.RESEARCHER),
        ("realm_access.roles", {"realm_access": "lab"}, None),
    ],
)
def test_the_role_follows_the_claim(ws, make, provider, claim, value, role):
    provider.claims |= value if "." in claim else {claim: value}
    client = make(
        oidc_provision=True,
        oidc_role_claim=claim,
        oidc_roles="crowd=annotator, lab=researcher,boss=administrator",
    )
    answer = walk(client, provider)
    if role is None:
        assert (answer.status_code, "no role here" in answer.text) == (403, True)
        assert names(ws) == []
    else:
        assert [person.role for person in accounts.list_people(ws)] == [role]


def test_a_role_taken_away_at_the_provider_is_taken_away_here_and_written_down(ws, make, provider):
    settings = {
        "oidc_provision": True,
        "oidc_role_claim": "groups",
        "oidc_roles": "a=annotator,b=administrator",
    }
    accounts.add_person(ws, "Owner", role=Role.ADMINISTRATOR)
    provider.claims["groups"] = ["b"]
    walk(make(**settings), provider)
    provider.claims["groups"] = ["a"]
    walk(make(**settings), provider)
    assert [p.role for p in accounts.list_people(ws)] == [Role.ADMINISTRATOR, Role.ANNOTATOR]
    entry = accounts.list_audit(ws, action="set role")[0]
    assert (entry.about, entry.detail) == ("Ada L.", "role: annotator, why: identity provider")


def test_the_last_administrator_is_not_taken_away_by_the_provider(ws, make, provider):
    settings = {
        "oidc_provision": True,
        "oidc_role_claim": "groups",
        "oidc_roles": "a=annotator,b=administrator",
    }
    provider.claims["groups"] = ["b"]
    walk(make(**settings), provider)
    provider.claims["groups"] = ["a"]
    answer = walk(make(**settings), provider)
    assert (answer.status_code, "last administrator" in answer.text) == (409, True)


# --- what an attacker, or a broken provider, may send ----------------------------------------


@pytest.mark.parametrize(
    ("attack", "wrong"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": ...}, "issuer"),
        ({"aud": "another-app"}, "audience"),
        ({"aud": ["another-app"]}, "audience"),
        ({"aud": ...}, "audience"),
        ({"aud": [CLIENT, "another-app"]}, "party"),
        ({"aud": [CLIENT, "another-app"], "azp": "another-app"}, "party"),
        ({"azp": "another-app"}, "party"),
        ({"exp": 1_000_000_000}, "expiry"),
        ({"exp": ...}, "expiry"),
        ({"exp": "never"}, "expiry"),
        ({"iat": 9_000_000_000}, "time of issue"),
        ({"iat": ...}, "time of issue"),
        ({"nbf": 9_000_000_000}, "start"),
        ({"nonce": "of another sign-in"}, "nonce"),
        ({"nonce": ...}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"sub": ...}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sub": ""}, "subject"),
    ],
)
def test_a_token_that_was_not_made_for_this_sign_in_opens_nothing(
    ws, make, provider, ada, attack, wrong
):
    provider.attack = attack
    client = make(oidc_provision=True)
    answer = walk(client, provider)
    assert answer.status_code == 403, answer.text
    assert f"its {wrong} does not fit" in answer.text
    assert COOKIE not in client.cookies


def test_two_audiences_are_fine_where_the_party_is_ours(ws, make, provider, ada):
    provider.attack = {"aud": ["another-app", CLIENT], "azp": CLIENT}
    assert walk(make(), provider).status_code == 303


def test_a_token_signed_by_another_key_opens_nothing(ws, make, provider, ada):
    provider.sign_with = rsa_key("stranger")
    answer = walk(make(), provider)
    assert (answer.status_code, "signature" in answer.text) == (403, True)


def test_an_unsigned_token_opens_nothing(ws, make, provider, ada, monkeypatch):
    def unsigned(claims):
        parts = ({"alg": "none"}, claims)
        coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
        return b".".join([*coded, b""]).decode()

    monkeypatch.setattr(provider, "_signed", unsigned)
    answer = walk(make(), provider)
    assert (answer.status_code, "signature" in answer.text) == (403, True)


@pytest.mark.parametrize("key", ["our secret", "their public key"])
def test_a_token_signed_by_something_that_is_no_secret_of_the_provider_opens_nothing(
    ws, make, provider, ada, key
):
    """The classical confusion: HMAC, with what everybody or the client knows as its key."""
    public = provider.keys[0].as_pem(private=False)
    provider.sign_with = OctKey.import_key(SECRET if key == "our secret" else public[27:60])
    provider.algorithm = "HS256"
    answer = walk(make(), provider)
    assert (answer.status_code, "signature" in answer.text) == (403, True)


def test_keys_that_change_are_fetched_anew_and_not_for_every_token(ws, make, provider, ada):
    client = make()
    for _ in range(3):
        walk(client, provider)
        client.cookies.clear()
    assert provider.asked.count("keys") == 1
    assert provider.asked.count("description") == 1
    provider.keys = [rsa_key("two"), rsa_key("one")]
    answer = walk(client, provider)  # within the minute the old keys stay
    assert (answer.status_code, provider.asked.count("keys")) == (403, 1)


async def _finish(client, provider, address_of):
    start = await client.start()
    back = provider.authorize(start.address)
    return await client.finish(address_of(back), start)


@pytest.mark.anyio
async def test_new_keys_of_the_provider_count_after_a_minute(ws, provider):
    clock = [0.0]
    settings = replace(
        ws.settings,
        oidc_issuer=ISSUER,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        public_url=SITE,
    )
    import time

    transport = httpx.ASGITransport(app=provider.app)
    client = Client(
        settings,
        connect=lambda: httpx.AsyncClient(transport=transport),
        clock=lambda: time.time() + clock[0],
    )
    await _finish(client, provider, lambda back: back["code"])
    provider.keys = [rsa_key("two"), rsa_key("one")]
    clock[0] = 61
    claims = await _finish(client, provider, lambda back: back["code"])
    assert claims.subject == provider.claims["sub"]
    assert provider.asked.count("keys") == 2


@pytest.fixture
def anyio_backend():
    return "asyncio"


def test_the_secret_goes_into_the_form_where_the_provider_wants_it_there(ws, make, provider, ada):
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert walk(make(), provider).status_code == 303


def test_a_provider_in_trouble_is_no_answer_whatever_it_says(ws, make, provider, ada, monkeypatch):
    async def trouble(request: Request) -> JSONResponse:
        return JSONResponse({"id_token": "x"}, 500)

    client = make()
    route = next(route for route in provider.app.routes if route.path == "/token")
    monkeypatch.setattr(route, "app", request_response(trouble))
    answer = walk(client, provider)
    assert answer.status_code == 503
    assert "answered 500" in answer.text


def test_elliptic_curves_are_fine_too(ws, make, provider, ada):
    provider.keys = [ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})]
    provider.algorithm = "ES256"
    assert walk(make(), provider).status_code == 303


def test_a_token_without_a_key_id_is_tried_with_the_keys(ws, make, provider, ada):
    provider.header = {"kid": ...}
    assert walk(make(), provider).status_code == 303


@pytest.mark.parametrize("changed", [{"state": "x" * 32}, {"state": ""}, {"state": None}])
def test_an_answer_to_a_sign_in_that_this_browser_did_not_begin_is_refused(
    ws, make, provider, ada, changed
):
    answer = walk(make(), provider, **changed)
    assert (answer.status_code, "begun elsewhere" in answer.text) == (403, True)
    assert "token" not in provider.asked


def test_another_browser_cannot_end_what_one_began(ws, make, provider, ada):
    away = make().get("/oidc/start")
    back = provider.authorize(away.headers["location"])
    assert make().get("/oidc/callback", params=back).status_code == 403
    assert "token" not in provider.asked


@pytest.mark.parametrize("value", ["x", "e30=", "W10=", "bnVsbA==", "é"])
def test_a_made_up_cookie_of_the_flow_opens_nothing(ws, make, provider, value):
    client = make()
    headers = [(b"cookie", f"{FLOW_COOKIE}={value}".encode())]
    answer = client.get("/oidc/callback?code=x&state=", headers=headers)
    assert answer.status_code == 403


def test_a_code_is_good_once_and_only_with_its_verifier(ws, make, provider, ada):
    client = make()
    away = client.get("/oidc/start")
    back = provider.authorize(away.headers["location"])
    flow = client.cookies[FLOW_COOKIE]
    assert client.get("/oidc/callback", params=back).status_code == 303
    client.cookies.clear()
    client.cookies.set(FLOW_COOKIE, flow)
    again = client.get("/oidc/callback", params=back)
    assert (again.status_code, "invalid_grant" in again.text) == (403, True)
    stolen = provider.authorize(make().get("/oidc/start").headers["location"])
    assert walk(client, provider, code=stolen["code"]).status_code == 403


def test_what_the_provider_says_of_a_refusal_is_shown_and_never_becomes_markup(ws, make, provider):
    answer = walk(make(), provider, code=None, error="access_denied", error_description="<b>no</b>")
    assert answer.status_code == 403
    assert "&lt;b&gt;no&lt;/b&gt;" in answer.text


def test_an_answer_of_another_issuer_is_refused_before_the_code_is_redeemed(
    ws, make, provider, ada
):
    assert walk(make(), provider, iss="https://evil.example").status_code == 403
    assert "token" not in provider.asked
    assert walk(make(), provider, iss=ISSUER).status_code == 303
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert walk(make(), provider).status_code == 403


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil", "x"])
def test_the_provider_is_no_way_to_another_site(ws, make, provider, ada, target):
    assert walk(make(), provider, target).headers["location"] == "/"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example/token"},
        {"authorization_endpoint": None},
        {"jwks_uri": "ftp://id.example"},
    ],
)
def test_a_provider_that_describes_itself_badly_is_not_used(ws, make, provider, ada, metadata):
    provider.metadata = metadata
    answer = make().get("/oidc/start")
    assert answer.status_code == 503
    assert "location" not in answer.headers


def test_a_provider_that_is_away_is_said_so_and_passwords_still_work(ws, make, provider, ada):
    provider.app.router.routes.clear()
    client = make()
    answer = client.get("/oidc/start")
    assert (answer.status_code, "try again later" in answer.text) == (503, True)
    assert client.get("/sign-in").status_code == 200


def test_over_https_cookies_are_bound_to_the_host(ws, make, provider, ada):
    client = make(secure_cookie=True)
    client.base_url = "https://localhost"
    cookies = walk(client, provider).headers.get_list("set-cookie")
    session = next(c for c in cookies if c.startswith("__Host-cssim_session="))
    assert {"Secure", "Path=/", "HttpOnly"} <= set(session.split("; "))
    assert "Domain" not in session
    assert client.get("/").text == "page of Ada"
