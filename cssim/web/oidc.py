"""OpenID Connect, the side of the application: authorization code with PKCE, ID token verified.

    start    -> address at the provider, with `state`, `nonce` and the challenge of a fresh verifier
    finish   code + verifier -> ID token, from the provider itself -> signature by the provider's
             published keys, issuer, audience, times and nonce -> `Claims`

OpenID Connect Core 1.0 (sections 3.1.2, 3.1.3.7), Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (`iss`).
Only asymmetric signatures are taken: `none`, or our own secret as a key, prove nothing here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from cssim.config import Settings, is_loopback
from cssim.errors import NotAllowed, Unavailable
from cssim.services.accounts import Claims

if TYPE_CHECKING:
    import httpx

CALLBACK = "/oidc/callback"
"""Where the provider sends people back to; register it there, after the public address."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
LEEWAY = 60
"""Seconds by which the provider's clock may differ from ours."""
KEEP = 3600
"""Seconds for which the provider's description and keys are kept."""
MAX_ANSWER = 1024 * 1024
"""Largest answer of the provider that is looked into, in bytes; it is in memory by then."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What the provider says of itself."""

    authorization: str
    token: str
    keys: str
    """Addresses: where people sign in, where codes are redeemed, where the public keys are."""
    methods: tuple[str, ...]
    """How a client may show its secret when it redeems a code."""
    names_itself: bool
    """Whether it repeats its issuer in the callback (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Start:
    """A sign-in that was begun; all but the address stays with the browser that began it."""

    address: str
    state: str
    nonce: str
    verifier: str


class Client:
    """Speaks with the provider that the settings name.

    Args:
        settings: with `oidc_issuer` and what belongs to it.
        connect: makes the HTTP client; another only in tests.
        clock: seconds since 1970; another only in tests.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        connect: Callable[[], httpx.AsyncClient] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._connect = connect or _connect
        self._clock = clock
        self._provider: tuple[float, Provider] | None = None
        self._keys: tuple[float, dict[str, Any]] | None = None

    @property
    def redirect(self) -> str:
        """The address that the provider sends people back to."""
        return self.settings.site + CALLBACK

    async def start(self) -> Start:
        """Begin a sign-in.

        Raises:
            Unavailable: the provider does not answer, or not as one.
        """
        provider = await self.provider()
        state, nonce = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.settings.oidc_client_id,
            "redirect_uri": self.redirect,
            "scope": self.settings.oidc_scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        join = "&" if urlsplit(provider.authorization).query else "?"
        return Start(f"{provider.authorization}{join}{urlencode(query)}", state, nonce, verifier)

    async def finish(self, code: str, start: Start, *, issuer: str | None = None) -> Claims:
        """Redeem a code: what the provider vouches for.

        Args:
            code: from the callback.
            start: what the browser that came back has kept.
            issuer: `iss` of the callback, where it has one.

        Raises:
            NotAllowed: the code or the ID token is not good.
            Unavailable: the provider does not answer, or not as one.
        """
        provider = await self.provider()
        if issuer != self.settings.oidc_issuer and (issuer or provider.names_itself):
            raise NotAllowed("the answer comes from another identity provider")
        answer = await self._redeem(provider, code, start.verifier)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotAllowed("the identity provider gave no ID token; is the scope openid there?")
        claims = await self._verified(provider, token)
        self._check(claims, start.nonce)
        return self._claims(claims)

    async def provider(self) -> Provider:
        """The provider's description, fetched once an hour.

        Raises:
            Unavailable: it does not answer, or describes another issuer.
        """
        if self._provider is None or self._provider[0] < self._clock() - KEEP:
            issuer = self.settings.oidc_issuer
            found = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            self._provider = (self._clock(), _provider(found, issuer))
        return self._provider[1]

    async def _redeem(self, provider: Provider, code: str, verifier: str) -> Mapping[str, Any]:
        settings = self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": verifier,
        }
        headers = {"accept": "application/json"}
        secret = settings.oidc_client_secret
        if secret and "client_secret_basic" in provider.methods:
            pair = urlencode({settings.oidc_client_id: secret}).replace("=", ":", 1)
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = settings.oidc_client_id
            if secret:
                form["client_secret"] = secret
        return await self._ask("POST", provider.token, data=form, headers=headers)

    async def _verified(self, provider: Provider, token: str) -> dict[str, Any]:
        """The claims of a token whose signature is the provider's."""
        from joserfc import jws, jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet, KeySetSerialization

        for fresh in (False, True):
            published = await self._published(provider, fresh=fresh)
            try:
                keys: KeySetSerialization = {"keys": _signing(published)}
                if not keys["keys"]:
                    raise ValueError("no key")
                header = jws.extract_compact(token.encode()).headers()
                known = {key.get("kid") for key in keys["keys"]}
                if header.get("kid") not in known and "kid" in header and not fresh:
                    continue  # the provider may have changed its keys
                decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)
                return dict(decoded.claims)
            except (JoseError, ValueError, TypeError, KeyError) as error:
                if fresh:
                    raise NotAllowed(
                        f"the ID token's signature is not good ({type(error).__name__})"
                    ) from error
        raise AssertionError("unreachable: the second round returns or raises")

    async def _published(self, provider: Provider, *, fresh: bool) -> dict[str, Any]:
        # Fetched anew at most once a minute, however many tokens name unknown keys.
        age = 60 if fresh else KEEP
        if self._keys is None or self._keys[0] <= self._clock() - age:
            self._keys = (self._clock(), dict(await self._get(provider.keys)))
        return self._keys[1]

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        """Whether a token was made for us, by the provider, now, for this very sign-in."""
        now, client = self._clock(), self.settings.oidc_client_id
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience
        expires, issued = claims.get("exp"), claims.get("iat")
        said = claims.get("nonce")
        good = {
            "issuer": claims.get("iss") == self.settings.oidc_issuer,
            "audience": isinstance(audiences, list) and client in audiences,
            "party": claims.get("azp", client) == client
            and (not isinstance(audiences, list) or len(audiences) == 1 or "azp" in claims),
            "expiry": _is_moment(expires) and float(expires or 0) > now - LEEWAY,
            "time of issue": _is_moment(issued) and float(issued or 0) < now + LEEWAY,
            "start": claims.get("nbf") is None
            or (_is_moment(claims["nbf"]) and claims["nbf"] < now + LEEWAY),
            "nonce": isinstance(said, str) and hmac.compare_digest(said.encode(), nonce.encode()),
            "subject": isinstance(claims.get("sub"), str) and claims.get("sub") != "",
        }
        wrong = [name for name, fine in good.items() if not fine]
        if wrong:
            raise NotAllowed(f"the ID token is not good: its {wrong[0]} does not fit; try again")

    def _claims(self, claims: Mapping[str, Any]) -> Claims:
        verified = claims.get("email_verified") in (True, "true")
        email, name = claims.get("email"), claims.get("name") or claims.get("preferred_username")
        return Claims(
            issuer=self.settings.oidc_issuer,
            subject=claims["sub"],
            email=email if verified and isinstance(email, str) else None,
            name=name if isinstance(name, str) else "",
            groups=_groups(claims, self.settings.oidc_role_claim),
        )

    async def _get(self, address: str) -> Mapping[str, Any]:
        return await self._ask("GET", address)

    async def _ask(self, method: str, address: str, **more: Any) -> Mapping[str, Any]:
        import httpx

        try:
            async with self._connect() as client:
                response = await client.request(method, address, **more)
            too_large = len(response.content) > MAX_ANSWER
            answer = None if too_large else json.loads(response.content)
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(
                f"the identity provider does not answer at {address} ({type(error).__name__}); "
                "try again later"
            ) from error
        if method == "POST" and 400 <= response.status_code < 500:
            reason = answer.get("error") if isinstance(answer, dict) else None
            raise NotAllowed(f"the identity provider refused the sign-in ({str(reason)[:80]})")
        if response.status_code != 200 or not isinstance(answer, dict):
            raise Unavailable(
                f"the identity provider answered {response.status_code} at {address}; "
                "try again later"
            )
        return answer


def _connect() -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(timeout=10, follow_redirects=False)


def _provider(found: Mapping[str, Any], issuer: str) -> Provider:
    if found.get("issuer") != issuer:
        raise Unavailable(
            f"the identity provider calls itself {str(found.get('issuer'))[:200]!r}; set "
            f"CSSIM_OIDC_ISSUER to exactly that, it is {issuer!r}"
        )
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    addresses = [found.get(name) for name in names]
    for name, address in zip(names, addresses, strict=True):
        parts = urlsplit(address if isinstance(address, str) else "")
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise Unavailable(f"the identity provider names no safe address as its {name}")
    methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    authorization, token, keys = map(str, addresses)
    return Provider(
        authorization=authorization,
        token=token,
        keys=keys,
        methods=tuple(map(str, methods)),
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _signing(published: Mapping[str, Any]) -> list[Any]:
    """The public keys that may sign; never a shared secret."""
    return [
        key
        for key in published.get("keys", [])
        if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _groups(claims: Mapping[str, Any], path: str) -> tuple[str, ...] | None:
    """The values of a claim such as `groups`, or `realm_access.roles` for one inside another."""
    value: Any = claims.get(path) if path else None
    if path and value is None:
        value = claims
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(item for item in value if isinstance(item, str))
    return None
