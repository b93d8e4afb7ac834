"""`/oidc/start` and `/oidc/callback`: to the identity provider and back, with a session of ours."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cssim.config import Settings
from cssim.errors import NotAllowed, NotFound
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.web.describe import TEXT, RouteDoc, describe
from cssim.web.forms import (
    address_of,
    cookie_name,
    device_of,
    drop_cookie,
    local,
    page_errors,
    set_cookie,
    signed_in,
)
from cssim.web.oidc import Client, Start
from cssim.web.signin import HTML

FLOW_COOKIE = "cssim_oidc"
"""Ties the way back to the browser that went: state, nonce and verifier, for ten minutes."""
FLOW_SECONDS = 600

START_DOC = RouteDoc(
    "GET",
    "Sign in with the identity provider",
    "Sends the browser to the provider (authorization code with PKCE).",
    role=None,
    query={"next": {**TEXT, "description": "Where to go afterwards, within this site"}},
    answer_type=HTML,
    status=303,
    errors={404: "No provider is set up", 429: "Too many tries", 503: "It does not answer"},
)
CALLBACK_DOC = RouteDoc(
    "GET",
    "Come back from the identity provider",
    "Redeems the code, verifies the ID token and answers with the session cookie.",
    role=None,
    query={"code": TEXT, "state": TEXT, "iss": TEXT, "error": TEXT, "error_description": TEXT},
    answer_type=HTML,
    status=303,
    errors={
        400: "The provider's claims cannot be used",
        403: "The sign-in was refused, is not this browser's, or nobody here has the account",
        404: "No provider is set up",
        409: "The provider would take the last administrator's role away",
        429: "Too many tries",
        503: "The provider does not answer",
    },
)


def oidc_routes(
    workspace: Callable[[], Workspace], client: Callable[[Settings], Client] = Client
) -> list[Route]:
    """The two routes; `client` speaks with the provider, another one only in tests."""
    clients: dict[Settings, Client] = {}

    def speaker(settings: Settings) -> Client:
        if not settings.oidc_issuer:
            raise NotFound("no identity provider is set up; sign in with name and password")
        if settings not in clients:
            clients[settings] = client(settings)
        return clients[settings]

    @describe(START_DOC)
    @page_errors
    async def start(request: Request) -> Response:
        settings = workspace().settings
        begun = await speaker(settings).start()
        kept = {**asdict(begun), "next": local(request.query_params.get("next", "/"))}
        del kept["address"]
        value = base64.urlsafe_b64encode(json.dumps(kept).encode()).decode()
        response = RedirectResponse(begun.address, 303, {"cache-control": "no-store"})
        # Lax, not strict: the way back is a click that comes from the provider's site.
        return set_cookie(
            response, settings, FLOW_COOKIE, value, samesite="lax", max_age=FLOW_SECONDS
        )

    @describe(CALLBACK_DOC)
    @page_errors
    async def callback(request: Request) -> Response:
        ws = workspace()
        settings, given = ws.settings, request.query_params
        asked = speaker(settings)
        begun, target = _kept(request, settings)
        if not hmac.compare_digest(given.get("state", "").encode(), begun.state.encode()):
            raise NotAllowed("this sign-in was begun elsewhere; sign in again from here")
        if "error" in given:
            said = given.get("error_description") or given["error"]
            raise NotAllowed(f"the identity provider refused the sign-in: {said[:200]}")
        claims = await asked.finish(given.get("code", ""), begun, issuer=given.get("iss"))
        use = partial(
            accounts.enter_by_claims,
            ws,
            claims,
            address=address_of(request),
            device=device_of(request),
        )
        token = await anyio.to_thread.run_sync(use)
        response = signed_in(ws, token, target)
        return drop_cookie(response, settings, cookie_name(FLOW_COOKIE, settings))

    return [Route("/oidc/start", start), Route("/oidc/callback", callback)]


def _kept(request: Request, settings: Settings) -> tuple[Start, str]:
    """What this browser took along when it went to the provider."""
    try:
        value = request.cookies[cookie_name(FLOW_COOKIE, settings)]
        kept = json.loads(base64.urlsafe_b64decode(value))
        texts = [str(kept[name]) for name in ("state", "nonce", "verifier", "next")]
    except (KeyError, ValueError, TypeError):
        raise NotAllowed("this sign-in took too long or began elsewhere; sign in again") from None
    state, nonce, verifier, target = texts
    if not all((state, nonce, verifier)):
        raise NotAllowed("this sign-in is not complete; sign in again")
    return Start("", state, nonce, verifier), local(target)
