"""A small OpenID provider that does what the standard asks, and can be told to misbehave."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

ISSUER = "https://id.example"
CLIENT, SECRET = "cs-sim", "a secret: with/odd+signs"
SITE = "http://localhost"


@cache
def rsa_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


class Provider:
    """Knows one person, whose claims a test may change; `attack` changes the token."""

    def __init__(self) -> None:
        self.keys: list[RSAKey | ECKey] = [rsa_key("one")]
        self.claims: dict[str, Any] = {
            "sub": "248289761001",
            "email": "ada@example.org",
            "email_verified": True,
            "name": "Ada L.",
        }
        self.attack: dict[str, Any] = {}
        self.sign_with: Any = None
        self.algorithm = "RS256"
        self.header: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.metadata: dict[str, Any] = {}
        self.asked: list[str] = []
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._describe),
                Route("/keys", self._keys),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _describe(self, request: Request) -> JSONResponse:
        self.asked.append("description")
        return JSONResponse(
            {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
                **self.metadata,
            }
        )

    async def _keys(self, request: Request) -> JSONResponse:
        self.asked.append("keys")
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})

    def authorize(self, address: str) -> dict[str, str]:
        """The person agrees: what the provider sends back to the application."""
        assert address.startswith(f"{ISSUER}/authorize?"), address
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["redirect_uri"] == f"{SITE}/oidc/callback"
        assert "openid" in query["scope"].split()
        assert query["code_challenge_method"] == "S256"
        assert len(query["state"]) >= 22
        assert len(query["nonce"]) >= 22
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    async def _token(self, request: Request) -> JSONResponse:
        self.asked.append("token")
        form = parse_qs((await request.body()).decode())
        query = self.codes.pop(form["code"][0], None)
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        user, _, password = base64.b64decode(pair).decode().partition(":")
        given = (scheme, unquote_plus(user), unquote_plus(password))
        wanted = ("Basic", CLIENT, SECRET)
        if "client_secret_post" in self.metadata.get("token_endpoint_auth_methods_supported", ()):
            given = (scheme, form["client_id"][0], form["client_secret"][0])
            wanted = ("", CLIENT, SECRET)
        digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        good = (
            query is not None
            and given == wanted
            and query["code_challenge"] == challenge
            and form["redirect_uri"] == [query["redirect_uri"]]
            and form["grant_type"] == ["authorization_code"]
        )
        if not good or query is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        standard = {
            "iss": ISSUER,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": query["nonce"],
        }
        claims = {**standard, **self.claims, **self.attack}
        claims = {name: value for name, value in claims.items() if value is not ...}
        return JSONResponse({"access_token": "x", "id_token": self._signed(claims)})

    def _signed(self, claims: dict[str, Any]) -> str:
        key = self.sign_with or self.keys[0]
        header = {"alg": self.algorithm, "kid": self.keys[0].kid, **self.header}
        header = {name: value for name, value in header.items() if value is not ...}
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])


def octets(text: str) -> OctKey:
    return OctKey.import_key(text)
