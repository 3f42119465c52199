"""What the web server needs of us: the open application, sign-in settings, routes, and plain error pages.

The only module that knows Streamlit.
"""

from __future__ import annotations

import logging
import os
import secrets
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from html import escape
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager

from dpa_core import downloads
from dpa_core.access import Forbidden, SignInAgain
from dpa_core.agreement import AgreementError
from dpa_core.application import Application, demo_days
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger, StoreError
from dpa_core.settings import (
    ROOT,
    STORE,
    Settings,
    SettingsError,
    data_folder,
    load_agreements,
    read_settings,
    signing_key,
)
from dpa_core.snapshots.model import json_schema
from dpa_core.snapshots.sign import KEYS, KeyFileError, KeyRing, key_ring

if TYPE_CHECKING:
    from dpa_core.demo import Persona

log = logging.getLogger("dpa_desk")


@dataclass(frozen=True)
class Site:
    """What every visit shares: the open application and whom to ask for access."""

    application: Application
    contact: str
    keys: KeyRing
    """Signs the snapshots."""
    personas: tuple[Persona, ...] = ()
    """The demo's invented people; none in production."""

    @property
    def is_demo(self) -> bool:
        """Whether this is the demo."""
        return bool(self.personas)


_site: Site | None = None


def site() -> Site:
    """The one site of this process. RuntimeError where the server was not started through `serving`."""
    if _site is None:
        raise RuntimeError("the server was started without its settings")
    return _site


def config(address: str, port: int) -> dict[str, Any]:
    """Streamlit's settings: those of `.streamlit/config.toml`, which `streamlit run` reads by itself,
    and where to listen."""
    with (ROOT / ".streamlit" / "config.toml").open("rb") as file:
        chosen = dict(_flat(tomllib.load(file)))
    return {**chosen, "server.address": address, "server.port": port}


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def serving(settings: Settings) -> dict[str, Any]:
    """Open the store for production and give the arguments of `st.App`.

    Raises SettingsError (a demo store), StoreError, AgreementError, KeyFileError.
    """
    agreements = load_agreements()
    keys = key_ring(settings.data_dir, signing_key())
    for problem in keys.problems:
        log.warning("%s: %s", KEYS, problem)
    ledger = Ledger.open(settings.data_dir / STORE)
    if demo_days(ledger) is not None:
        ledger.close()
        raise SettingsError(f"{settings.data_dir} holds demo data. Name another folder with DPA_DATA_DIR.")
    application = Application(ledger, agreements, Clock(), settings.max_file_mb * 1_000_000)
    url = str(settings.public_url).rstrip("/")
    auth = {
        "redirect_uri": f"{url}/oauth2callback",
        "cookie_secret": settings.cookie_secret.get_secret_value(),
        "client_id": settings.oidc_client_id,
        "client_secret": settings.oidc_client_secret.get_secret_value(),
        "server_metadata_url": str(settings.oidc_metadata_url),
    }
    return _app(Site(application, settings.contact, keys), auth, secure=url.startswith("https:"))


def serving_demo(port: int) -> dict[str, Any]:
    """Open (and if need be fill) the demo store, start the demo's identity provider, and give the
    arguments of `st.App`. Raises SettingsError (a store that is no demo, the extra `demo` not installed),
    StoreError, AgreementError, KeyFileError.
    """
    from dpa_core import demo  # production neither needs nor loads it

    provider = demo.identity_provider()
    application = demo.open_application(load_agreements())
    keys = key_ring(data_folder())
    server = provider.__enter__()
    auth = {
        "redirect_uri": f"http://localhost:{port}/oauth2callback",
        "cookie_secret": secrets.token_hex(32),
        "client_id": "dpa-desk-demo",
        "client_secret": "demo",
        "server_metadata_url": f"http://localhost:{server.server_port}/.well-known/openid-configuration",
    }
    opened = Site(application, "eva.sund@connectel.example", keys, demo.personas())
    return _app(opened, auth, secure=False, also=provider, home=f"http://localhost:{port}")


def from_environment() -> dict[str, Any]:
    """What `streamlit run app.py` serves: production by its settings, the demo with `DPA_DEMO=true`.

    Ends the process with one line where it cannot start.
    """
    try:
        if os.environ.get("DPA_DEMO", "").lower() in ("1", "true", "yes"):
            return serving_demo(int(st.get_option("server.port")))
        return serving(read_settings())
    except (AgreementError, KeyFileError, SettingsError, StoreError) as error:
        raise SystemExit(f"{error} (For the demo: `dpa demo`.)") from error


def _app(
    opened: Site,
    auth: dict[str, str],
    *,
    secure: bool,
    also: AbstractContextManager[Any] | None = None,
    home: str | None = None,
) -> dict[str, Any]:
    global _site
    _site = opened
    # Until the first call of st.navigation, Streamlit would run a file in pages/ straight from its
    # address, past the sign-in gate of app.py.
    PagesManager.uses_pages_directory = False

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if also is not None:
                also.__exit__(None, None, None)
            opened.application.ledger.close()

    return {
        "secrets": {"auth": auth},
        "routes": _routes(opened.application, opened.keys),
        "middleware": [Middleware(_Guard, secure=secure, home=home)],
        "lifespan": lifespan,
        "on_script_error": _on_script_error,
    }


def _routes(application: Application, keys: KeyRing) -> list[BaseRoute]:
    def healthz(_: Request) -> Response:
        try:
            application.ledger.check_writable()
        except StoreError as error:
            return JSONResponse({"status": "unavailable", "why": str(error)}, status_code=503)
        return JSONResponse({"status": "ok"})

    def download(request: Request) -> Response:
        if request.method != "GET":  # a HEAD would use the link up
            return Response(status_code=405, headers={"allow": "GET"})
        try:
            file = application.take_download(request.path_params["token"], request.cookies.get(BROWSER, ""))
        except (downloads.Gone, Forbidden) as refused:
            return _plain_page("This file cannot be downloaded", str(refused), 403)
        except StoreError as error:
            return _plain_page("This file cannot be downloaded", str(error), 503)
        return Response(
            file.content,
            media_type=file.media_type,
            headers={
                "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
                "cache-control": "no-store",
            },
        )

    def jwks(_: Request) -> Response:
        return JSONResponse(keys.jwks(), media_type="application/jwk-set+json")

    def schema(_: Request) -> Response:
        return JSONResponse(json_schema(), media_type="application/schema+json")

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/.well-known/jwks.json", jwks, methods=["GET"]),
        Route("/.well-known/dpa-snapshot-1.schema.json", schema, methods=["GET"]),
        Route("/download/{token}", download, methods=["GET"]),
    ]


def _on_script_error(error: Exception) -> bool:
    """Log what happened under a number that the person can quote; show a sentence, no traceback."""
    if isinstance(error, (Forbidden, SignInAgain, StoreError)):
        st.error(str(error), icon=":material/error:")
        log.warning("%s", error)
        return True
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    st.error(
        f"Something went wrong on our side, and nothing was recorded. Try again; if it stays, "
        f"quote number {number} to whoever runs this server.",
        icon=":material/error:",
    )
    return True


_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"content-security-policy": b"frame-ancestors 'none'",
}
_RETURN = "dpa_return"
BROWSER = "dpa_browser"
"""The cookie that tells browsers apart, new at every sign-in. Download links are bound to it."""
_BROWSER_AGE = 30 * 86_400


def _local(target: str) -> str | None:
    """The path and query of an address on this server, or None: never lead a person elsewhere."""
    parts = urlsplit(target)
    path = parts.path or "/"
    if not path.startswith("/") or path.startswith(("//", "/auth/", "/oauth2callback")):
        return None
    return path + (f"?{parts.query}" if parts.query else "")


class _Guard:
    """Security headers, `Secure` cookies behind TLS, the way back after sign-in, the cookie that tells
    browsers apart, and a readable page where the identity provider does not answer."""

    def __init__(self, app: ASGIApp, secure: bool, home: str | None = None) -> None:
        self.app = app
        self.secure = secure
        self.home = home
        """The only address from which signing in works, where we know it for sure: in the demo."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        path = scope["path"]
        if self.home and path == "/auth/login" and request.url.netloc != urlsplit(self.home).netloc:
            await RedirectResponse(self.home)(scope, receive, send)
            return
        failed = False

        async def guarded(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                if path.endswith("/auth/login") and message["status"] == 400:
                    failed = True
                    return
                headers = self._headers(request, path, message["headers"])
                message = {**message, "headers": headers}
            if not failed:
                await send(message)

        await self.app(scope, receive, guarded)
        if failed:
            await _SIGN_IN_DOWN(scope, receive, send)

    def _headers(
        self, request: Request, path: str, headers: list[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        out: list[tuple[bytes, bytes]] = [(k, v) for k, v in headers if k not in _HEADERS]
        out += _HEADERS.items()
        if path.endswith("/auth/login"):
            back = urlsplit(request.headers.get("referer", ""))
            target = _local(back.path + (f"?{back.query}" if back.query else ""))
            if back.netloc == request.headers.get("host") and target and target != "/":
                out.append((b"set-cookie", _cookie(_RETURN, target, 600)))
        if path.endswith("/oauth2callback"):
            signed_in = any(k == b"set-cookie" and v.startswith(b"_streamlit_user=") and b"Max-Age=0" not in v
                            for k, v in out)  # fmt: skip
            logged_out = not request.query_params
            back_to = _local(request.cookies.get(_RETURN, "")) if signed_in else None
            target = back_to or ("/" if signed_in or logged_out else "/?sign_in=failed")
            out = [(k, target.encode() if k == b"location" else v) for k, v in out]
            out.append((b"set-cookie", _cookie(_RETURN, "", 0)))
            if signed_in:
                out.append((b"set-cookie", _cookie(BROWSER, secrets.token_urlsafe(32), _BROWSER_AGE)))
        if path.endswith("/auth/logout"):
            out.append((b"set-cookie", _cookie(BROWSER, "", 0)))
        if self.secure:
            out = [(k, v + b"; Secure" if k == b"set-cookie" and b"; Secure" not in v else v) for k, v in out]
            out.append((b"strict-transport-security", b"max-age=31536000"))
        return out


def _cookie(name: str, value: str, max_age: int) -> bytes:
    cookie: SimpleCookie = SimpleCookie()
    cookie[name] = value
    for key, setting in (("max-age", str(max_age)), ("path", "/"), ("httponly", "1"), ("samesite", "Lax")):
        cookie[name][key] = setting
    return cookie.output(header="").strip().encode()


def _plain_page(title: str, sentence: str, status: int) -> HTMLResponse:
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>body{{font:16px/1.5 system-ui;max-width:36rem;"
        f"margin:15vh auto;padding:0 1rem;color-scheme:light dark}}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p><p><a href='/'>Back to DPA Desk</a></p></html>",
        status_code=status,
    )


_SIGN_IN_DOWN = _plain_page(
    "Sign-in is not available",
    "The identity provider does not answer, so nobody can sign in at the moment. "
    "Nothing you entered was lost or changed. Try again in a minute.",
    503,
)
