"""An OpenID Connect provider over real HTTP that says, right or wrong, what a test tells it to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CLIENT = ("desk", "a secret of the client")
ANNA = {"email": "anna@people.example", "email_verified": True, "name": "Anna"}


KEYS = {kid: RSAKey.generate_key(2048, {"kid": kid}) for kid in ("one", "two")}
"""Made once: making one takes long."""


class ScriptedProvider:
    """What it answers, by default as the standard wants; a test changes what it likes."""

    def __init__(self) -> None:
        self.url = ""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Answer as the standard wants."""
        self.subject = "anna"
        self.claims: dict[str, Any] = dict(ANNA)
        """Of the ID token, beside those of every token; `...` takes one away."""
        self.userinfo: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        """What its metadata say otherwise; `...` takes a field away."""
        self.key = KEYS["one"]
        self.published = [self.key]
        self.signing: Any = None
        """The key it signs with, where it is another one than it says."""
        self.algorithm = "RS256"
        self.response: dict[str, str] = {}
        """More parameters of the authorisation response."""
        self.status: dict[str, int] = {}
        """The HTTP status of an endpoint, where it is not 200."""
        self.body: dict[str, str] = {}
        """What an endpoint says instead."""
        self.hold: threading.Event | None = None
        """What the token endpoint waits for before it answers."""
        self.asked: Counter[str] = Counter()
        self.reached = threading.Event()
        """Set once the token endpoint was asked."""
        self._codes: dict[str, dict[str, str]] = {}

    def said_metadata(self) -> dict[str, Any]:
        """What it says of itself."""
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end",
            "id_token_signing_alg_values_supported": ["RS256"],
            **self.metadata,
        }
        return {key: value for key, value in said.items() if value is not ...}

    def authorize(self, location: str) -> str:
        """The query of the authorisation response to a request, as if somebody had signed in."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}
        code = secrets.token_hex(8)
        self._codes[code] = asked
        said = {"code": code, "state": asked["state"], **self.response}
        return urlencode({key: value for key, value in said.items() if value is not ...})

    def id_token(self, nonce: str) -> str:
        """What it vouches for."""
        now = int(time.time())
        said = {
            "iss": self.url,
            "sub": self.subject,
            "aud": CLIENT[0],
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.claims,
        }
        claims = {key: value for key, value in said.items() if value is not ...}
        key = self.signing or self.key
        header = {"alg": self.algorithm, "kid": key.kid}
        if self.algorithm == "none":
            payload = jwt.encode({"alg": "HS256"}, claims, OctKey.generate_key(256)).split(".")[1]
            return ".".join([_encoded(b'{"alg":"none"}'), payload, ""])
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])

    # --- endpoints ------------------------------------------------------------------------------------

    def app(self) -> Starlette:
        """Its endpoints."""

        async def token(request: Request) -> Response:
            form = parse_qs((await request.body()).decode())
            asked = self._codes.pop(form["code"][0], None)
            self.reached.set()
            if self.hold is not None:
                await asyncio.to_thread(self.hold.wait, 20)
            challenge = _encoded(hashlib.sha256(form["code_verifier"][0].encode()).digest())
            basic = "Basic " + base64.b64encode(":".join(CLIENT).replace(" ", "+").encode()).decode()
            plain = "Basic " + base64.b64encode(":".join(CLIENT).encode()).decode()
            posted = (form.get("client_id", [""])[0], form.get("client_secret", [""])[0])
            methods = self.metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
            shown = posted == CLIENT if "client_secret_post" in methods else (
                request.headers.get("authorization") in (basic, plain)
            )  # fmt: skip
            if not shown:
                return JSONResponse({"error": "invalid_client"}, status_code=401)
            if asked is None or asked["code_challenge"] != challenge:
                return JSONResponse({"error": "invalid_grant"}, status_code=400)
            return JSONResponse(
                {
                    "access_token": "opaque",
                    "token_type": "Bearer",
                    "expires_in": 60,
                    "id_token": self.id_token(asked["nonce"]),
                }
            )

        async def userinfo(request: Request) -> Response:
            assert request.headers["authorization"] == "Bearer opaque"
            return JSONResponse({"sub": self.subject, **self.userinfo})

        async def jwks(_: Request) -> Response:
            return JSONResponse({"keys": [k.as_dict(private=False) for k in self.published]})

        async def metadata(_: Request) -> Response:
            return JSONResponse(self.said_metadata())

        def counted(name: str, endpoint: Any) -> Any:
            async def answered(request: Request) -> Response:
                self.asked[name] += 1
                if name in self.body or name in self.status:
                    return Response(self.body.get(name, ""), status_code=self.status.get(name, 200))
                answer: Response = await endpoint(request)
                return answer

            return answered

        return Starlette(
            routes=[
                Route("/token", counted("token", token), methods=["POST"]),
                Route("/userinfo", counted("userinfo", userinfo)),
                Route("/jwks", counted("jwks", jwks)),
                Route("/.well-known/openid-configuration", counted("metadata", metadata)),
            ]
        )

    @contextmanager
    def running(self) -> Iterator[ScriptedProvider]:
        """Answer on a free port of this machine until the block ends."""
        listening = socket.create_server(("localhost", 0))
        self.url = f"http://localhost:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(self.app(), log_level="error"))
        # Whoever connects before it is ready waits in the socket's queue.
        thread = threading.Thread(target=server.run, args=[[listening]], daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(20)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
