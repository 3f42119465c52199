"""What stands in front of Streamlit: our own routes, then the gate that lets nobody further without a
sign-in, then the headers of every answer."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dpa_core.application import Application
from dpa_core.web.cookies import SessionCookie

SIGN_IN = "/sign-in"
"""Where people without a sign-in are led, with `next`: the path and query that they wanted."""
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"content-security-policy": b"frame-ancestors 'none'",
}


class Guard:
    """Asks of every request who sends it, before Streamlit sees it.

    `own`: the routes that need no sign-in, or ask for it themselves. `public_url`: the address people type,
    without a slash at its end.
    """

    def __init__(
        self,
        app: ASGIApp,
        application: Application,
        cookie: SessionCookie,
        own: Sequence[BaseRoute],
        public_url: str,
    ) -> None:
        self.app = app
        self.application = application
        self.cookie = cookie
        self.own = Router(list(own))
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(k, v) for k, v in message["headers"] if k not in _HEADERS]
                message = {**message, "headers": [*kept, *self._headers()]}
            await send(message)

        if any(route.matches(scope)[0] is not Match.NONE for route in self.own.routes):
            await self.own(scope, receive, guarded)
        elif self._let_in(scope):
            await self.app(scope, receive, guarded)
        else:
            await self._refused(scope)(scope, receive, guarded)

    def _let_in(self, scope: Scope) -> bool:
        """Whether a sign-in that counts comes with the request."""
        secret = HTTPConnection(scope).cookies.get(self.cookie.name, "")
        return self.application.is_open(self.application.session(secret))

    def _refused(self, scope: Scope) -> ASGIApp:
        if scope["type"] == "websocket":
            return Response(status_code=403)
        query = scope["query_string"].decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='')}", status_code=302)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        found = list(_HEADERS.items())
        if self.cookie.secure:
            found.append((b"strict-transport-security", b"max-age=31536000"))
        return found
