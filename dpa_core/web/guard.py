"""What stands in front of Streamlit and of our own routes, and decides by itself who gets further.

In this order: is it well formed, was it sent to this address, by a page of this address, to something that is
open at all, in no larger parts than are taken, and within whose sign-in. Streamlit's own checks never refuse
anything, as what comes to them names the public address only; so they never ask an outside server who we are.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from cachetools import TTLCache
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers as RequestHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.utils import ClientDisconnected

from dpa_core import logs, metrics
from dpa_core.application import Application
from dpa_core.ledger import StoreError
from dpa_core.sessions import Session
from dpa_core.settings import Limits
from dpa_core.web import health, plain, relay, streamlit_side, wellformed
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.headers import Headers
from dpa_core.web.leaving import WORDS, Leaving
from dpa_core.web.limits import Allowance, Connections, TooMany, network_of
from dpa_core.web.public import PublicAddress
from dpa_core.web.sign_in import CALLBACK, LOGIN, LOGOUT, SIGN_IN
from dpa_core.web.streamlit_side import Owners, Part

log = logging.getLogger("dpa_desk")

_SIGNING_IN = (SIGN_IN, LOGIN, CALLBACK, LOGOUT)
_PROXIED = "dpa_desk.proxied"
"""In a scope: whether a proxy passed the request on whose word counts."""
_BEFORE_A_PAGE = frozenset({"/_stcore/health", "/_stcore/host-config"})
"""What a page asks for before it connects again: a server that leaves is not the one to connect to."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _READS | {"POST", "PUT", "PATCH", "DELETE"}
_LARGEST = 1024 * 1024
"""Bytes that a request may have which uploads nothing."""
_UPLOAD_COST = 64 * 1024
"""Bytes that the smallest upload counts for."""
_DRAINED_WITHIN = 20
"""Seconds that a refused upload may go on arriving before it is cut off."""
_MOST_SEEN, _SEEN_FOR = 20_000, 1.0
"""Sign-ins that are remembered between two files of a page, and the seconds for which they are."""
_HOUR, _MINUTE = 3600.0, 60.0


class Refused(Exception):
    """A request goes no further. The message is for whoever sent it, in words."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class ElsewhereSent(Refused):
    """The request names another server, or this one by an address that is not the public one (`leads_on`)."""

    def __init__(self, origin: str, *, leads_on: bool) -> None:
        super().__init__(
            421,
            f"This server answers at {origin} only. Whoever runs it sets the address with DPA_PUBLIC_URL.",
        )
        self.leads_on = leads_on


class SignInFirst(Refused):
    """No sign-in comes with the request."""

    def __init__(self) -> None:
        super().__init__(401, "Sign in first.")


@dataclass
class _Asked:
    """One request, and what was found out about it."""

    scope: Scope
    headers: RequestHeaders = field(init=False)
    begun: bool = False
    """Whether the answer has begun."""

    def __post_init__(self) -> None:
        self.headers = RequestHeaders(scope=self.scope)

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def method(self) -> str:
        return str(self.scope.get("method", "GET"))

    @property
    def is_websocket(self) -> bool:
        return bool(self.scope["type"] == "websocket")

    @property
    def opens_a_page(self) -> bool:
        """Whether a person typed or followed the address, and reads the answer."""
        return (
            not self.is_websocket and self.method in _READS and "text/html" in self.headers.get("accept", "")
        )

    @property
    def wanted(self) -> str:
        """Path and query."""
        query = self.scope["query_string"].decode("latin-1")
        return quote(self.path) + (f"?{query}" if query else "")


class _Body:
    """The body of a request, no larger than so many bytes. Raises Refused at the start where it says that
    it is larger, or while it comes in."""

    def __init__(self, asked: _Asked, receive: Receive, most: int) -> None:
        text = asked.headers.get("content-length", "0")
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise Refused(400, "The length of the request is no number.")
        self.said = int(text)
        """Bytes that the sender says it has; 0 where it does not say."""
        self._receive, self._most = receive, most
        self._too_large = Refused(413, f"This is larger than the {most // 1_000_000} MB that are taken here.")
        self._arrived, self._more = 0, True
        self._beyond: tuple[int, Callable[[int], None]] | None = None
        if self.said > most:
            raise self._too_large

    def count_beyond(self, size: int, count: Callable[[int], None]) -> None:
        """Tell of each byte that arrives after so many."""
        self._beyond = (size, count)

    async def receive(self) -> Message:
        """The next part."""
        message = await self._receive()
        if message["type"] != "http.request":
            self._more = False
            return message
        self._more = message.get("more_body", False)
        before, self._arrived = self._arrived, self._arrived + len(message.get("body", b""))
        if self._arrived > self._most:
            raise self._too_large
        if self._beyond is not None:
            size, count = self._beyond
            if (new := self._arrived - max(before, size)) > 0:
                count(new)
        return message

    async def drain(self) -> None:
        """Read to the end, or as far and as long as is taken, and keep nothing."""
        self._beyond = None
        with suppress(Refused, TimeoutError):
            async with asyncio.timeout(_DRAINED_WITHIN):
                while self._more:
                    await self.receive()


class Guard:
    """Asks of every request who sends it, before Streamlit sees it.

    `own`: the routes that need no sign-in, or ask for it themselves. `public_url`: the address people type.
    `trusted_proxies`: whose word about the sender counts, addresses or networks.
    """

    def __init__(
        self,
        app: ASGIApp,
        application: Application,
        cookie: SessionCookie,
        own: Sequence[BaseRoute],
        public_url: str,
        *,
        limits: Limits | None = None,
        trusted_proxies: str = "127.0.0.1,::1",
        leaving: Leaving | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timer`: seconds that never go back."""
        self.app = app
        self.application = application
        self.cookie = cookie
        self.public = PublicAddress.of(public_url)
        self._own = list(own)
        self._own_app = ExceptionMiddleware(Router(self._own), {HTTPException: _not_answered})
        self._headers = Headers(self.public, cookie.secure)
        self._leaving = leaving or Leaving(streamlit_side.scripts_run)
        self._limits = limits or Limits()
        self._connections = Connections(self._limits)
        self._uploads = Allowance(self._limits.uploads_per_hour_mb * 1e6, _HOUR)
        self._sign_ins = Allowance(self._limits.sign_ins_per_minute, _MINUTE)
        self._owners = Owners()
        self._just_seen: TTLCache[str, Session | None] = TTLCache(_MOST_SEEN, _SEEN_FOR, timer)
        """Sign-ins by their secret, for the files of a page alone, which come by the dozen."""
        self._arriving: Counter[str] = Counter()
        """Bytes of uploads on their way, by person."""
        # What it calls after it found out who sent the request. uvicorn and Starlette type ASGI apart.
        self._entered = ProxyHeadersMiddleware(self._asked, trusted_proxies)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        sender = scope.get("client")
        proxied = sender is not None and sender[0] in self._entered.trusted_hosts
        with logs.request():
            await self._entered({**scope, _PROXIED: proxied}, receive, send)  # type: ignore[arg-type]

    async def _asked(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _Asked(scope)
        own = any(route.matches(scope)[0] is not Match.NONE for route in self._own)
        refused = False

        async def answer(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                asked.begun = True
                message = self._headers.put(message, own=own or refused)
            await send(message)

        try:
            await self._let_through(asked, own, receive, answer)
        except Refused as why:
            metrics.REQUESTS_REFUSED.labels(str(why.status)).inc()
            refused = True
            if not asked.begun:
                await self._refusal(asked, why)(scope, receive, answer)
        except (ClientDisconnect, ClientDisconnected, WebSocketDisconnect):
            pass  # nobody is there to be answered
        except Exception as error:  # whatever it is, the sender gets an answer and the log the cause
            number = logs.number()
            log.error("error %s", number, exc_info=error)
            metrics.ERRORS.inc()
            refused = True
            if asked.begun or asked.is_websocket:
                return
            sentence = f"Something went wrong on our side. If it stays, quote number {number}."
            await self._refusal(asked, Refused(500, sentence))(scope, receive, answer)

    async def _let_through(self, asked: _Asked, own: bool, receive: Receive, send: Send) -> None:
        """Answer the request. Raises Refused."""
        if wrong := wellformed.problem(asked.scope):
            raise Refused(*wrong)
        if asked.path in health.PATHS:  # whatever the name is by which a load balancer asks
            await self._own_app(asked.scope, receive, send)
            return
        self._check_address(asked)
        anew = asked.is_websocket or asked.opens_a_page or asked.path in _BEFORE_A_PAGE
        if anew and self._leaving.is_told():
            raise Refused(503, WORDS, retry_after="1")
        if asked.is_websocket:
            await self._websocket(asked, receive, send)
            return
        if asked.method not in _METHODS:
            raise Refused(405, "This server does not know that method.", allow=", ".join(sorted(_METHODS)))
        scope = self._as_public(asked)
        if own:
            self._check_sign_in_rate(asked)
            await self._own_app(scope, _Body(asked, receive, _LARGEST).receive, send)
        else:
            await self._streamlit(asked, scope, receive, send)

    # --- to whom, from where ---------------------------------------------------------------------

    def _check_address(self, asked: _Asked) -> None:
        """Raises Refused where the request was not sent to the public address, or by a page elsewhere."""
        host = asked.headers.get("host", "")
        if not self.public.is_named_by_host(host):
            here = self.public.is_own_address(host, asked.scope.get("server"))
            # nginx passes the address of its upstream unless told otherwise.
            if not (here and asked.scope[_PROXIED]):
                raise ElsewhereSent(self.public.origin, leads_on=here)
        origin = asked.headers.get("origin")
        if asked.is_websocket or asked.method not in _READS:
            # Every browser says where a websocket comes from; whoever does not say is none of our pages.
            if origin is None and asked.is_websocket:
                origin = ""
            site = asked.headers.get("sec-fetch-site", "same-origin")
            foreign = origin is not None and not self.public.is_origin(origin)
            if foreign or (origin is None and site not in ("same-origin", "none")):
                raise Refused(
                    403,
                    f"Pages of {self.public.origin} only may do this. "
                    "Whoever runs this server sets the address with DPA_PUBLIC_URL.",
                )

    def _as_public(self, asked: _Asked, protocols: str = "") -> Scope:
        """The request as if it had come to the public address straight from the sender.

        `protocols`: the subprotocols that a websocket offers, where they are others than were sent.
        """
        headers = asked.headers
        dropped = {b"host", b"origin", b"cookie", b"forwarded"}
        if protocols:
            dropped.add(b"sec-websocket-protocol")
        kept = [(k, v) for k, v in headers.raw if k not in dropped and not k.startswith(b"x-forwarded-")]
        kept.append((b"host", self.public.netloc.encode()))
        if cookies := "; ".join(headers.getlist("cookie")):
            kept.append((b"cookie", cookies.encode("latin-1")))
        scheme = self.public.scheme
        if asked.is_websocket:
            scheme = scheme.replace("http", "ws")
            kept.append((b"origin", self.public.origin.encode()))
        if protocols:
            kept.append((b"sec-websocket-protocol", protocols.encode("latin-1")))
        return {**asked.scope, "headers": kept, "scheme": scheme}

    def _check_sign_in_rate(self, asked: _Asked) -> None:
        if asked.path.startswith(_SIGNING_IN):
            wait = self._sign_ins.take(network_of(asked.scope.get("client")), 1)
            if wait:
                raise Refused(
                    429, "Too many sign-ins from your network. Wait a little.", retry_after=str(wait)
                )

    # --- whose sign-in ---------------------------------------------------------------------------

    def _secret(self, asked: _Asked) -> str:
        """What the session's cookie holds; empty without one."""
        cookies = "; ".join(asked.headers.getlist("cookie"))
        # A second one of the name was planted by somebody else.
        if sum(part.strip().startswith(f"{self.cookie.name}=") for part in cookies.split(";")) != 1:
            return ""
        return HTTPConnection(self._as_public(asked)).cookies.get(self.cookie.name, "")

    async def _session(self, secret: str) -> Session | None:
        """The sign-in that a cookie names, asked anew each time. Raises Refused where the store cannot be
        read."""
        if not secret:
            return None
        try:
            session = await run_in_threadpool(self.application.session, secret)
        except StoreError as error:
            raise Refused(503, str(error), retry_after="10") from error
        if session is not None:
            logs.know(session=session.id[: logs.SHORT], person=session.person_id)
        return session

    async def _lately(self, secret: str) -> Session | None:
        """The sign-in that a cookie names, as it was within the last second: enough for what is nobody's.
        Raises Refused."""
        try:
            return self._just_seen[secret]
        except KeyError:  # or too long ago
            session = self._just_seen[secret] = await self._session(secret)
            return session

    def _is_known(self, session: Session | None) -> bool:
        """Whether a sign-in counts, or did until time ended it: such a one may see the page that says so,
        where what was being typed still stands. Nobody's data comes with it."""
        return session is not None and session.ended is None

    # --- Streamlit -------------------------------------------------------------------------------

    async def _streamlit(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        part = streamlit_side.part_of(asked.path)
        if part is None:
            raise Refused(404, "There is nothing at this address.")
        allowed = streamlit_side.methods_of(part)
        if asked.method not in allowed:
            raise Refused(405, "This cannot be done here.", allow=", ".join(sorted(allowed)))
        session = await (self._lately if part is Part.FILES else self._session)(self._secret(asked))
        if part is Part.FILES and self._is_known(session):
            await self.app(scope, _Body(asked, receive, _LARGEST).receive, send)
        elif session is None or not self.application.is_open(session):
            raise SignInFirst
        elif part is Part.UPLOAD:
            await self._upload(asked, session, scope, receive, send)
        else:
            await self.app(scope, _Body(asked, receive, _LARGEST).receive, send)

    async def _upload(
        self, asked: _Asked, session: Session, scope: Scope, receive: Receive, send: Send
    ) -> None:
        most = _LARGEST if asked.method == "DELETE" else streamlit_side.largest_upload()
        body = _Body(asked, receive, most)
        try:
            if not self._owners.has(streamlit_side.upload_session(asked.path), session.person_id):
                raise Refused(403, "This upload belongs to a page that is not open. Load the page anew.")
            if asked.method == "PUT":
                with self._arriving_for(session.person_id, body):
                    await self.app(scope, body.receive, send)
            else:
                await self.app(scope, body.receive, send)
        except Refused:
            # A browser that is cut off while it sends does not read why.
            await body.drain()
            raise

    @contextmanager
    def _arriving_for(self, person: str, body: _Body) -> Iterator[None]:
        """Count what arrives to a person's limits while the block lasts. Raises Refused."""
        counted = 0

        def count(size: int) -> None:
            nonlocal counted
            self._check_upload(person, size)
            counted += size
            self._arriving[person] += size
            metrics.UPLOADS.inc(size)

        count(max(body.said, _UPLOAD_COST))
        body.count_beyond(max(body.said, _UPLOAD_COST), count)
        try:
            yield
        finally:
            self._arriving[person] -= counted
            metrics.UPLOADS.dec(counted)

    def _check_upload(self, person: str, size: int) -> None:
        """Take so many bytes from a person's allowance. Raises Refused where they are too many."""
        limits, owners = self._limits, self._owners
        if owners.held(person) + self._arriving[person] + size > limits.uploads_held_mb * 1e6:
            raise Refused(
                429,
                f"More than {limits.uploads_held_mb} MB of your uploads wait to be sent. "
                "Send or remove some, or load the page anew.",
                retry_after="120",
            )
        if owners.held() + self._arriving.total() + size > limits.uploads_held_in_all_mb * 1e6:
            raise Refused(429, "Many files are being uploaded now. Try again in a minute.", retry_after="60")
        if wait := self._uploads.take(person, size):
            raise Refused(
                429,
                f"You uploaded more than {limits.uploads_per_hour_mb} MB within an hour. Try again later.",
                retry_after=str(wait),
            )

    async def _websocket(self, asked: _Asked, receive: Receive, send: Send) -> None:
        if asked.path != streamlit_side.STREAM:
            raise Refused(404, "There is nothing at this address.")
        secret = self._secret(asked)
        session = await self._session(secret)
        if session is None or not self._is_known(session):
            raise SignInFirst
        person = session.person_id
        passed = relay.Relay(
            receive,
            send,
            counts=lambda: self._still_counts(secret),
            begun=lambda streamlits: self._owners.remember(streamlits, person),
            away=SIGN_IN,
            closes=self._leaving.pages_close,
        )
        address = network_of(asked.scope.get("client"))
        try:
            with self._connections.counted(session.id, person, address), self._leaving.page():
                scope = self._as_public(asked, self._protocols(asked, person))
                await self.app(scope, passed.receive, passed.send)
        except TooMany as many:
            raise Refused(429, str(many), retry_after=str(many.wait)) from many
        finally:
            passed.end()

    def _protocols(self, asked: _Asked, person: str) -> str:
        """The subprotocols of a websocket. The third names a session of Streamlit's to go on with, which
        must have been begun for the same person; without it, Streamlit begins a new one."""
        offered = [part.strip() for part in asked.headers.get("sec-websocket-protocol", "").split(",")]
        if len(offered) > 2 and not self._owners.has(offered[2], person):
            offered = offered[:2]
        return ", ".join(offered)

    async def _still_counts(self, secret: str) -> bool:
        """Whether an open page may stay. Where the store cannot be read, the page says so itself."""
        try:
            return self._is_known(await self._session(secret))
        except Refused:
            return True

    # --- refusals --------------------------------------------------------------------------------

    def _refusal(self, asked: _Asked, why: Refused) -> ASGIApp:
        if isinstance(why, SignInFirst) and asked.opens_a_page:
            address = f"{self.public.origin}{SIGN_IN}?next={quote(asked.wanted, safe='')}"
            return RedirectResponse(address, status_code=302, headers={"cache-control": "no-store"})
        if not asked.opens_a_page:
            return PlainTextResponse(f"{why}\n", why.status, headers=why.headers)
        way = ("/", "Back to DPA Desk")
        if isinstance(why, ElsewhereSent):
            there = self.public.origin + asked.wanted
            if why.leads_on:
                return RedirectResponse(there, status_code=302)
            way = (there, "Open it there")
        response = plain.page("This cannot be shown", str(why), why.status, way=way)
        response.headers.update(why.headers)
        return response


def _not_answered(request: Request, error: Exception) -> Response:
    """What our own routes do not answer: a method that is none of theirs."""
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for these alone
    return PlainTextResponse("This cannot be done here.\n", error.status_code, headers=error.headers)
