"""A small identity provider whose metadata and tokens are as Microsoft Entra ID (v2.0) has them.

    with serving([Account("anna@nordfrakt.example")], public_url) as entra:
        entra.metadata_url("common")  # its issuer is a template: https://…/{tenantid}/v2.0

Tokens have `oid`, `tid`, `preferred_username` and a pairwise `sub`; no `email_verified`; `email` and
`xms_edov` where an account's `claims` say so. Authorization code flow, with PKCE where the client asks.

Standard: OpenID Connect Core 1.0, 3.1; RFC 7636; learn.microsoft.com, "ID token claims reference"
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.oidc_provider import CLIENT, SECRET

TEMPLATE = "https://login.entra.example/{tenantid}/v2.0"
"""The issuer in the metadata of `common` and `organizations`, letter for letter."""
OF_SEVERAL = ("common", "organizations")
HOME = "8d4f4b3a-5c5a-4b0e-9a52-0d1b5b6f7c11"
"""A tenant."""
OTHER = "1f2e3d4c-aaaa-4bbb-8ccc-0123456789ab"
"""Another one."""
_CLAIMS = ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver", "email"]


@dataclass(frozen=True)
class Account:
    """Somebody in a tenant."""

    username: str
    """The `preferred_username`, mostly an address."""
    tenant: str = HOME
    claims: Mapping[str, Any] = field(default_factory=dict)
    """What is claimed besides (`email`, `xms_edov`, `groups`), or otherwise; None takes a claim away."""

    def id_token_claims(self) -> dict[str, Any]:
        """What a token says of the account."""
        who = f"{self.tenant}/{self.username}"
        usual = {
            "name": self.username.partition("@")[0].replace(".", " ").title(),
            "oid": str(uuid5(NAMESPACE_URL, who)),
            "preferred_username": self.username,
            "sub": hashlib.sha256(f"{CLIENT} {who}".encode()).hexdigest()[:43],
            "tid": self.tenant,
            "ver": "2.0",
        }
        return {name: value for name, value in (usual | dict(self.claims)).items() if value is not None}


@dataclass(frozen=True)
class _Grant:
    account: Account
    asked: Mapping[str, str]
    """The parameters of the authorization request."""


class Entra:
    """The provider behind its address."""

    def __init__(self, url: str, accounts: Sequence[Account], public_url: str) -> None:
        self.url = url
        self._accounts = {a.username: a for a in accounts}
        self._redirect_uri = f"{public_url}/oauth2callback"
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        self._codes: dict[str, _Grant] = {}
        self._tokens: dict[str, Account] = {}

    def metadata_url(self, tenant: str = HOME) -> str:
        """The metadata of one tenant, or of `common` or `organizations`."""
        return f"{self.url}/{tenant}/v2.0/.well-known/openid-configuration"

    def issuer(self, tenant: str = HOME) -> str:
        """The issuer of a tenant's tokens."""
        return TEMPLATE.replace("{tenantid}", tenant)

    def app(self) -> Starlette:
        """What answers."""
        return Starlette(
            routes=[
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self._metadata),
                Route("/{tenant}/discovery/v2.0/keys", self._keys),
                Route("/{tenant}/oauth2/v2.0/authorize", self._authorize, methods=["GET", "POST"]),
                Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
                Route("/{tenant}/oauth2/v2.0/logout", self._logout),
                Route("/oidc/userinfo", self._userinfo, methods=["GET", "POST"]),
            ]
        )

    async def _metadata(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        base = f"{self.url}/{tenant}"
        return JSONResponse(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": TEMPLATE if tenant in OF_SEVERAL else self.issuer(tenant),
                "request_uri_parameter_supported": False,
                "userinfo_endpoint": f"{self.url}/oidc/userinfo",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "http_logout_supported": True,
                "frontchannel_logout_supported": True,
                "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
                "claims_supported": _CLAIMS,
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        """A page with a button for each account; what it is told, it sends back to the client."""
        asked = dict(request.query_params)
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") != self._redirect_uri:
            return HTMLResponse("<p>AADSTS50011: no such client, or no such redirect URI.</p>", 400)
        if request.method == "GET":
            return HTMLResponse(_picker(self._of(request.path_params["tenant"])))
        chosen = self._accounts.get(str((await request.form()).get("username", "")))
        if chosen is None:
            return self._back(asked, error="access_denied", error_description="AADSTS65004: declined.")
        code = secrets.token_urlsafe()
        self._codes[code] = _Grant(chosen, asked)
        return self._back(asked, code=code)

    def _of(self, tenant: str) -> list[str]:
        every = self._accounts.values()
        return [a.username for a in every if tenant in (*OF_SEVERAL, a.tenant)]

    def _back(self, asked: Mapping[str, str], **said: str) -> Response:
        answer = {**said, "state": asked["state"]} if "state" in asked else said
        return RedirectResponse(f"{self._redirect_uri}?{urlencode(answer)}", 303)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if _client(request, form) != (CLIENT, SECRET):
            return _error("invalid_client", 401)
        grant = self._codes.pop(form.get("code", ""), None)
        if (
            grant is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != self._redirect_uri
            or not _verified(grant.asked, form.get("code_verifier", ""))
        ):
            return _error("invalid_grant", 400)
        now = int(time.time())
        claims = {
            "aud": CLIENT,
            "iss": self.issuer(grant.account.tenant),
            "iat": now,
            "nbf": now,
            "exp": now + 3_900,
            **grant.account.id_token_claims(),
        }
        if "nonce" in grant.asked:
            claims["nonce"] = grant.asked["nonce"]
        access_token = secrets.token_urlsafe()
        self._tokens[access_token] = grant.account
        header = {"alg": "RS256", "typ": "JWT", "kid": self._key.kid}
        return JSONResponse(
            {
                "token_type": "Bearer",
                "scope": grant.asked.get("scope", "openid"),
                "expires_in": 3_900,
                "access_token": access_token,
                "id_token": jwt.encode(header, claims, self._key),
            }
        )

    async def _userinfo(self, request: Request) -> Response:
        """As Microsoft Graph does: fewer claims than the token has."""
        _, _, token = request.headers.get("authorization", "").partition(" ")
        account = self._tokens.get(token)
        if account is None:
            return _error("invalid_token", 401)
        claims = account.id_token_claims()
        return JSONResponse({name: claims[name] for name in ("sub", "name", "email") if name in claims})

    async def _logout(self, request: Request) -> Response:
        back_to = request.query_params.get("post_logout_redirect_uri", "")
        if back_to.startswith(self._redirect_uri.removesuffix("/oauth2callback")):
            return RedirectResponse(back_to, 303)
        return HTMLResponse("<p>You signed out of your account.</p>")


def _picker(usernames: Sequence[str]) -> str:
    """The page on which one chooses an account, or none."""
    buttons = "".join(
        f"<p><button name=username value='{escape(name)}'>{escape(name)}</button></p>" for name in usernames
    )
    cancel = "<p><button>Cancel</button></p>"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Pick an account</title>"
        f"<h1>Pick an account</h1><form method=post>{buttons}{cancel}</form></html>"
    )


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """The client's identifier and secret, in either of the ways of RFC 6749, 2.3.1."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        identifier, _, secret = b64decode(encoded).decode().partition(":")
        return identifier, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _verified(asked: Mapping[str, str], verifier: str) -> bool:
    """Whether the code comes from whoever asked for it. Standard: RFC 7636, 4.6"""
    if "code_challenge" not in asked:
        return True
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return digest == asked["code_challenge"]


def _error(code: str, status: int) -> Response:
    return JSONResponse({"error": code}, status)


@contextmanager
def serving(accounts: Sequence[Account], public_url: str) -> Iterator[Entra]:
    """Answer in a thread until the block ends. `public_url`: of the one client, `CLIENT` with `SECRET`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # so that early requests wait for the thread
        entra = Entra(f"http://localhost:{listening.getsockname()[1]}", accounts, public_url)
        server = uvicorn.Server(uvicorn.Config(entra.app(), log_level="warning", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield entra
        finally:
            server.should_exit = True
            thread.join()
