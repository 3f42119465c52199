"""The routes by which people sign in and out, in front of Streamlit.

What a sign-in that is under way needs to know lies in a signed cookie of its own for ten minutes; once it is
done, the browser holds the secret of a session, and everything else is in the store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dpa_core import addresses
from dpa_core.access import ENDED, EXPIRED, REFUSED, Unconfirmed
from dpa_core.application import Application
from dpa_core.ledger import StoreError
from dpa_core.providers import SENTENCES, Cause, Provider, Refused, for_address
from dpa_core.sessions import Session
from dpa_core.web import sign_in_page as page
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.oidc import Connection
from dpa_core.web.way_back import START, local, with_next

if TYPE_CHECKING:
    from dpa_core.demo import Persona

log = logging.getLogger("dpa_desk")

T = TypeVar("T")

SIGN_IN = "/sign-in"
LOGIN = "/auth/login"
LOGOUT = "/auth/logout"
CALLBACK = "/oauth2callback"
_LASTS = 600
"""Seconds that a sign-in may take."""
_PATIENCE = 25
"""Seconds that all answers of a provider for one request may take together."""
_MOST = 3
"""Sign-ins that one browser may have under way, in several tabs; with more, its cookie would be too long."""
_BEGUN = "begun"
_SIGNED_OUT = "signed_out"
_OPENS_NOTHING: Mapping[Cause, str] = {
    "waits": "This account waits to be confirmed",
    "refused": "This account opens nothing here",
}


class SignIn:
    """The sign-in of one server.

    `public_url`: the address people type, without a slash at its end. `personas`: the demo's people; with
    them, everybody is led to `public_url` first, as signing in works from no other name of this machine.
    """

    def __init__(
        self,
        application: Application,
        cookie: SessionCookie,
        providers: Sequence[Provider],
        *,
        public_url: str,
        secret: str,
        contact: str,
        personas: Sequence[Persona] = (),
    ) -> None:
        self.application = application
        self.cookie = cookie
        self.providers = tuple(providers)
        self.connections = {p.name: Connection(p, public_url + CALLBACK) for p in providers}
        self.public_url = public_url
        self.contact = contact
        self.personas = personas
        self._secret = secret

    def routes(self) -> list[BaseRoute]:
        """The routes, for the front of the server."""
        under_way = [
            Middleware(
                SessionMiddleware,
                secret_key=self._secret,
                session_cookie="__Host-dpa_sign_in" if self.cookie.secure else "dpa_sign_in",
                max_age=_LASTS,
                same_site="lax",
                https_only=self.cookie.secure,
            )
        ]
        return [
            Route(SIGN_IN, _at_get(self.start), methods=["GET"]),
            Route(LOGIN, _at_get(self.login), methods=["GET"], middleware=under_way),
            Route(CALLBACK, _at_get(self.callback), methods=["GET"], middleware=under_way),
            Route(LOGOUT, _at_get(self.logout), methods=["GET"]),
        ]

    # --- the page ---------------------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        """The page on which everybody begins; who has signed in already is led on."""
        query = request.query_params
        wanted = local(query.get("next", ""))
        if elsewhere := self._home(request, wanted):
            return elsewhere
        session = await self._session(request)
        if not query and (left := self._left(request)) != START:
            return RedirectResponse(with_next(SIGN_IN, left), status_code=302)
        cause = _cause(request)
        if self.application.is_open(session) and cause is None:
            return RedirectResponse(wanted, status_code=302)
        if cause is not None and cause in _OPENS_NOTHING:
            title, sentence = _OPENS_NOTHING[cause], SENTENCES[cause]
            return page.unconfirmed(title, sentence, self.contact, with_next(SIGN_IN, wanted))
        typed = query.get("email", "").strip()
        found = for_address(self.providers, typed) if typed else None
        if found:
            return page.going_to(found.label, self._login_address(found, wanted, typed))
        return page.sign_in(
            [self._notice(request, session), *self._choice(wanted, typed), *self._people()], self.contact
        )

    def _notice(self, request: Request, session: Session | None) -> str:
        """What happened before, by the address, or by the cookie of a sign-in that is over."""
        query, cause = request.query_params, _cause(request)
        if cause is not None:
            of = next((p.label for p in self.providers if p.name == query.get("provider")), "")
            said = SENTENCES[cause].format(provider=of or "the identity provider")
            return page.notice(said[:1].upper() + said[1:], bad=True)
        if query.get("state") == _SIGNED_OUT:
            return page.notice("You have signed out.", bad=False)
        if session is None:
            return ""
        expired = session.has_expired(self.application.clock.real_now())
        return page.notice(EXPIRED if expired else ENDED, bad=False)

    def _choice(self, wanted: str, typed: str) -> list[str]:
        if len(self.providers) == 1:
            return [page.button("Sign in", self._login_address(self.providers[0], wanted))]
        problem = ""
        if typed:
            domain = addresses.canonical(typed)
            problem = (
                f"Nobody signs in here with an address of {addresses.domain_of(domain)}. Check how it is "
                "spelt, or choose below."
                if domain
                else "That is no e-mail address."
            )
        buttons = [(p.label, self._login_address(p, wanted)) for p in self.providers]
        return [page.by_address(typed, wanted, problem), page.providers(buttons)]

    def _people(self) -> list[str]:
        return [page.people(self.personas)] if self.personas else []

    def _login_address(self, provider: Provider, wanted: str, typed: str = "") -> str:
        asked = {"provider": provider.name, "email": typed}
        return with_next(f"{LOGIN}?{urlencode({k: v for k, v in asked.items() if v})}", wanted)

    def _home(self, request: Request, wanted: str) -> Response | None:
        """The demo's way to the one name from which signing in works."""
        if not self.personas or request.url.netloc == urlsplit(self.public_url).netloc:
            return None
        return RedirectResponse(self.public_url + with_next(SIGN_IN, wanted), status_code=302)

    def _left(self, request: Request) -> str:
        """The page of ours from which the browser was sent here, because its sign-in was ended there."""
        left = urlsplit(request.headers.get("referer", ""))
        if f"{left.scheme}://{left.netloc}" != self.public_url:
            return START
        return local(left.path + (f"?{left.query}" if left.query else ""))

    async def _session(self, request: Request) -> Session | None:
        """The sign-in that the browser has. Raises StoreError."""
        # Not here: who asks a database server waits for it, and everybody else with them.
        return await run_in_threadpool(self.application.session, request.cookies.get(self.cookie.name, ""))

    # --- there and back ---------------------------------------------------------------------------

    async def login(self, request: Request) -> Response:
        """To the provider, with a new state, nonce and code verifier."""
        query = request.query_params
        wanted = local(query.get("next", ""))
        if elsewhere := self._home(request, wanted):
            return elsewhere
        connection = self.connections.get(query.get("provider", ""))
        if connection is None:
            return RedirectResponse(with_next(SIGN_IN, wanted), status_code=302)
        try:
            begun = await _in_time(connection.begin(addresses.canonical(query.get("email", "")) or ""))
        except Refused as refused:
            return self._failed(refused, connection.provider, wanted)
        known = _under_way(request)
        known[begun.pop("state")] = {
            "provider": connection.provider.name,
            "next": wanted,
            "at": int(time.time()),
            **{key: begun[key] for key in ("nonce", "code_verifier")},
        }
        request.session[_BEGUN] = dict(list(known.items())[-_MOST:])
        return _leading_to(begun["url"])

    async def callback(self, request: Request) -> Response:
        """Back from the provider: a new session, or why there is none."""
        answer = dict(request.query_params)
        known = _under_way(request)
        state = answer.get("state", "")
        if not state and "error" in answer and known:
            state = list(known)[-1]  # some providers leave it off where they refuse, which lets nobody in
        begun = known.pop(state, None)
        request.session[_BEGUN] = known
        if not known:
            request.session.clear()
        connection = self.connections.get(str(begun["provider"])) if begun else None
        if begun is None or connection is None:
            if self.application.is_open(await self._session(request)):  # the way back pressed, or loaded anew
                return RedirectResponse("/", status_code=302)
            return self._failed(Refused("not_begun_here", "no such sign-in is under way"), None, "/")
        wanted = local(str(begun["next"]))
        try:
            secret, session = await self._let_in(connection, answer, begun, request)
        except Refused as refused:
            if refused.cause not in _OPENS_NOTHING:  # the door has written those itself
                await run_in_threadpool(
                    self.application.note_refused_sign_in,
                    connection.provider.name,
                    refused.claimed,
                    refused.cause,
                    _came_from(request),
                )
            return self._failed(refused, connection.provider, wanted)
        await self._end(request)
        response = _leading_to(wanted)
        self.cookie.put(response, secret, session.ends - session.began)
        return response

    async def _let_in(
        self,
        connection: Connection,
        answer: Mapping[str, str],
        begun: Mapping[str, str | int],
        request: Request,
    ) -> tuple[str, Session]:
        """The secret and the session of whoever an answer vouches for. Raises Refused."""
        proof = {key: str(begun[key]) for key in ("nonce", "code_verifier")}
        identity, id_token = await _in_time(connection.finish(answer, proof))
        try:
            return await run_in_threadpool(
                self.application.sign_in,
                identity,
                request.headers.get("user-agent", ""),
                id_token if connection.provider.end_session else None,
                _came_from(request),
            )
        except Unconfirmed as waits:
            cause: Cause = "refused" if str(waits) == REFUSED else "waits"
            raise Refused(cause, "that account is not bound to the person of its address") from waits
        except StoreError as error:
            raise Refused("store_down", str(error)) from error

    def _failed(self, refused: Refused, provider: Provider | None, wanted: str) -> Response:
        """Back to the page, which says why; the log says more."""
        name = provider.name if provider else ""
        log.warning("sign-in through %s failed: %s: %s", name or "no provider", refused.cause, refused)
        asked = {"problem": refused.cause, "provider": name}
        address = f"{SIGN_IN}?{urlencode({k: v for k, v in asked.items() if v})}"
        return _leading_to(with_next(address, wanted))

    # --- out --------------------------------------------------------------------------------------

    async def logout(self, request: Request) -> Response:
        """Ends the session here, and then at the provider."""
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return page.really_sign_out()
        try:
            session = await self._end(request)
        except StoreError as error:
            return self._failed(Refused("store_down", str(error)), None, "/")
        response = _leading_to(await self._way_out(session))
        self.cookie.take_away(response)
        return response

    async def _way_out(self, session: Session | None) -> str:
        """Where to go after the session has ended: through the provider's end of session, or straight to
        the sign-in page."""
        here = f"{SIGN_IN}?state={_SIGNED_OUT}"
        connection = self.connections.get(session.provider) if session else None
        if session is None or connection is None:
            return here
        try:
            there = await _in_time(
                connection.sign_out_url(session.id_token, self.public_url + SIGN_IN, _SIGNED_OUT)
            )
        except Refused as refused:
            log.warning("no sign-out at %s: %s", session.provider, refused)
            return here
        return there or here

    async def _end(self, request: Request) -> Session | None:
        """End the session that the browser has; how it was before. Raises StoreError."""
        session = await self._session(request)
        if session is not None and self.application.is_open(session):
            await run_in_threadpool(self.application.sign_out, session, _came_from(request))
        return session


def _came_from(request: Request) -> str | None:
    """The network address of the browser."""
    return request.client.host if request.client else None


def _cause(request: Request) -> Cause | None:
    """Why the sign-in before this page failed; None where none did."""
    said = request.query_params.get("problem", "")
    return cast(Cause, said) if said in SENTENCES else None


def _under_way(request: Request) -> dict[str, dict[str, str | int]]:
    """The sign-ins that this browser has begun and that may still come to an end, by their state."""
    known = request.session.get(_BEGUN, {})
    return {state: begun for state, begun in known.items() if begun["at"] + _LASTS > time.time()}


async def _in_time(answer: Awaitable[T]) -> T:
    """What a provider answers. Raises Refused, also where it takes too long altogether."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await answer
    except TimeoutError as error:
        raise Refused("provider_down", f"it took more than {_PATIENCE} seconds to answer") from error


def _leading_to(address: str) -> Response:
    return RedirectResponse(address, status_code=302, headers={"cache-control": "no-store"})


def _at_get(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Not at HEAD, which Starlette takes for GET: it would use a sign-in up, or end one."""

    async def answered(request: Request) -> Response:
        if request.method != "GET":
            return Response(status_code=405, headers={"allow": "GET"})
        return await endpoint(request)

    return answered
