"""What the web server needs of us: the open application, sign-in settings, routes, and plain error pages.

The only module that knows Streamlit.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import secrets
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import streamlit as st
import streamlit.config
import streamlit.logger
import uvicorn
from starlette.middleware import Middleware
from streamlit import net_util
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx
from streamlit.web.bootstrap import load_config_options
from uvicorn.config import STARTUP_FAILURE

from dpa_core import logs, metrics
from dpa_core.access import Forbidden, SignInAgain
from dpa_core.agreement import AgreementError
from dpa_core.application import Application, demo_days
from dpa_core.clock import Clock
from dpa_core.files import MAX_BYTES, MEGABYTE
from dpa_core.ledger import StoreError
from dpa_core.local_socket import app_version, listening
from dpa_core.providers import Provider
from dpa_core.settings import (
    ROOT,
    Limits,
    Settings,
    SettingsError,
    data_folder,
    load_agreements,
    log_form,
    open_ledger,
    read_settings,
    session_length,
    signing_key,
)
from dpa_core.snapshots.sign import KEYS, KeyFileError, KeyRing, key_ring
from dpa_core.subjects.registry import STATE_SCHEMA
from dpa_core.web import runs, streamlit_side
from dpa_core.web.collecting import collect_when_calm
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.daily import daily
from dpa_core.web.guard import Guard
from dpa_core.web.lag import watch_lag
from dpa_core.web.leaving import NOTICE, Leaving
from dpa_core.web.routes import routes
from dpa_core.web.sign_in import SignIn
from dpa_core.web.static_files import Files
from dpa_core.web.wellformed import MOST_HEADERS

if TYPE_CHECKING:
    from dpa_core.demo import Persona

log = logging.getLogger("dpa_desk")

ENDS_WITHIN = 5
"""Seconds in which answers under way end at the latest, once no page is open any more."""
UVICORN: dict[str, Any] = {
    "proxy_headers": False,  # the guard believes them, by the settings
    "server_header": False,
    "use_colors": False,
    "http": "h11",
    "h11_max_incomplete_event_size": 2 * MOST_HEADERS,  # so that the guard can say what is wrong
    "ws": "websockets-sansio",
    # It would take time with each message, 300 KB with each page, and tell the length of secrets.
    "ws_per_message_deflate": False,
    "ws_max_size": 1024 * 1024,  # what all fields of a page hold
    "timeout_graceful_shutdown": ENDS_WITHIN,
}
"""How the server below is set up."""


@dataclass(frozen=True)
class Site:
    """What every visit shares: the open application and whom to ask for access."""

    application: Application
    contact: str
    keys: KeyRing
    """Signs the snapshots."""
    cookie: SessionCookie
    """Holds the secret of a sign-in."""
    personas: tuple[Persona, ...] = ()
    """The demo's invented people; none in production."""
    leaving: Leaving = field(default_factory=partial(Leaving, streamlit_side.scripts_run))
    """Whether the server was told to stop."""

    def leave_for(self, path: str) -> None:
        """Have the browser of this run leave Streamlit's page for a path of the same server."""
        context = get_script_run_ctx()
        if context is not None:
            message = ForwardMsg()
            message.auth_redirect.url = path
            context.enqueue(message)

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


_LIMIT = "server.maxUploadSize"
"""Streamlit's own limit for a file on its way here, in its megabytes, which are ours too."""

_LOOKS_AFTER_RUNS = "runner.postScriptGC"
"""Streamlit's own way to free memory, for which everybody would wait after each run."""


def config(address: str, port: int, max_file_mb: int = MAX_BYTES // MEGABYTE) -> dict[str, Any]:
    """Streamlit's settings: those of `.streamlit/config.toml`, which `streamlit run` reads by itself,
    where to listen, and how large a file may be."""
    with (ROOT / ".streamlit" / "config.toml").open("rb") as file:
        chosen = dict(_flat(tomllib.load(file)))
    return {**chosen, "server.address": address, "server.port": port, _LIMIT: max_file_mb}


def run(parts: dict[str, Any], options: dict[str, Any]) -> None:
    """Serve until the process is told to stop. `parts`: of `serving` or `serving_demo`. `options`: of
    `config`."""
    # Where `app.py` finds `pages`. Streamlit adds the folder only while a script runs, and takes it away
    # again when the first of several has ended.
    sys.path.insert(0, str(ROOT))
    app = st.App(ROOT / "app.py", **parts)
    load_config_options(options)
    address, port = options["server.address"], options["server.port"]
    serve = uvicorn.Config(
        app, host=address, port=port, access_log=False, log_level="warning", log_config=None, **UVICORN
    )
    server = _Server(serve, site().leaving)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


class _Server(uvicorn.Server):
    """A server that, told to stop, lets its pages go first; told twice, it stops at once."""

    def __init__(self, config: uvicorn.Config, leaving: Leaving) -> None:
        super().__init__(config)
        self._leaving = leaving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Told by the system, at any moment of the main thread's."""
        if self._leaving.is_told() or not self.started:
            super().handle_exit(sig, frame)
        else:
            self._captured_signals.append(sig)
            self._leaving.begin()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop."""
        return await super().on_tick(counter) or self._leaving.is_over()


def one_log(form: logs.Form) -> None:
    """Have everything that is logged from now on, by Streamlit and uvicorn too, come in one form."""
    # Called for each logger that Streamlit makes, to give it a handler of its own.
    streamlit.logger.setup_formatter = logs.speak_through_root
    logs.set_up(form)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    # Where another starts uvicorn: its lines have whole addresses, with the codes that sign somebody in.
    logging.getLogger("uvicorn.access").disabled = True


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
    if (at := settings.metrics_at) and (why := metrics.why_not(*at)):
        raise SettingsError(f"DPA_METRICS_ADDRESS: nothing can listen at {settings.metrics_address}: {why}.")
    agreements = load_agreements()
    keys = key_ring(settings.data_dir, signing_key())
    for problem in keys.problems:
        log.warning("%s: %s", KEYS, problem)
    ledger = open_ledger(STATE_SCHEMA)
    if demo_days(ledger) is not None:
        ledger.close()
        raise SettingsError(f"{settings.data_dir} holds demo data. Name another folder with DPA_DATA_DIR.")
    reach = {
        p.name: None if p.customers is None else frozenset(p.customers) for p in settings.identity_providers
    }
    application = Application(
        ledger,
        agreements,
        Clock(),
        settings.max_file_mb * MEGABYTE,
        settings.session,
        reach,
        settings.draft_days,
        settings.access_log_days,
    )
    url = str(settings.public_url).rstrip("/")
    # A page of a store in a file has no other server to go to.
    leaving = Leaving(streamlit_side.scripts_run, settings.drain_seconds, NOTICE if ledger.shared else 0)
    cookie = SessionCookie(secure=url.startswith("https:"))
    opened = Site(application, settings.contact, keys, cookie, leaving=leaving)
    secret = settings.cookie_secret.get_secret_value()
    return _app(
        opened,
        settings.identity_providers,
        url,
        secret,
        settings,
        settings.trusted_proxies,
        metrics_at=settings.metrics_at,
    )


def serving_demo(port: int) -> dict[str, Any]:
    """Open (and if need be fill) the demo store, start the demo's identity provider, and give the
    arguments of `st.App`. Raises SettingsError (a store that is no demo, the extra `demo` not installed),
    StoreError, AgreementError, KeyFileError.
    """
    from dpa_core import demo  # production neither needs nor loads it

    running = demo.identity_provider()
    application = demo.open_application(load_agreements(), session_length())
    keys = key_ring(data_folder())
    provider_port = running.__enter__().server_port
    demo.keep_accounts(application, provider_port)
    opened = Site(
        application, "eva.sund@connectel.example", keys, SessionCookie(secure=False), demo.personas()
    )
    secret = secrets.token_hex(32)
    providers = (demo.as_provider(provider_port),)
    return _app(opened, providers, f"http://localhost:{port}", secret, Limits(), also=running)


def from_environment() -> dict[str, Any]:
    """What `streamlit run app.py` serves: production by its settings, the demo with `DPA_DEMO=true`.

    Ends the process with one line where it cannot start.
    """
    try:
        one_log(log_form())
        if os.environ.get("DPA_DEMO", "").lower() in ("1", "true", "yes"):
            parts, most = serving_demo(int(st.get_option("server.port"))), MAX_BYTES // MEGABYTE
        else:
            settings = read_settings()
            parts, most = serving(settings), settings.max_file_mb
        streamlit.config.set_option(_LIMIT, most)
        return parts
    except (AgreementError, KeyFileError, SettingsError, StoreError) as error:
        raise SystemExit(f"{error} (For the demo: `dpa demo`.)") from error


def _app(
    opened: Site,
    providers: tuple[Provider, ...],
    public_url: str,
    secret: str,
    limits: Limits,
    trusted_proxies: str = "none",
    also: AbstractContextManager[Any] | None = None,
    metrics_at: tuple[str, int] | None = None,
) -> dict[str, Any]:
    global _site
    _site = opened
    # Until the first call of st.navigation, Streamlit would run a file in pages/ straight from its
    # address, past the sign-in gate of app.py.
    PagesManager.uses_pages_directory = False
    # Asked about an origin it does not know, Streamlit would ask an outside server for this one's address,
    # and everybody would wait. The guard leaves it nothing to ask; this is what it would have been told.
    net_util._internal_ip = net_util._external_ip = "127.0.0.1"
    runs.watch()
    # What uvicorn says of each websocket that was answered with a refusal, as if it had not been.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "completing handshake" not in record.msg)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        streamlit.config.set_option(_LOOKS_AFTER_RUNS, False)  # whatever files and environment say
        beside = [
            asyncio.create_task(daily(opened.application.tidy)),
            asyncio.create_task(collect_when_calm(_warm_up, streamlit_side.scripts_run)),
            asyncio.create_task(watch_lag()),
        ]
        try:
            with listening(opened.application), _measured(metrics_at):
                yield
        finally:
            for task in beside:
                task.cancel()
            if also is not None:
                also.__exit__(None, None, None)
            opened.application.close()

    sign_in = SignIn(
        opened.application,
        opened.cookie,
        providers,
        public_url=public_url,
        secret=secret,
        contact=opened.contact,
        personas=opened.personas,
    )
    front = routes(opened.application, opened.keys, opened.cookie, opened.leaving.is_told)
    own = [*front, *sign_in.routes()]
    return {
        "middleware": [
            Middleware(
                Guard,
                application=opened.application,
                cookie=opened.cookie,
                own=own,
                public_url=public_url,
                limits=limits,
                trusted_proxies=trusted_proxies,
                leaving=opened.leaving,
            ),
            Middleware(Files),
        ],
        "lifespan": lifespan,
        "on_script_error": _on_script_error,
    }


@contextmanager
def _measured(at: tuple[str, int] | None) -> Iterator[None]:
    """Answer Prometheus at that address and port while the block lasts. Raises OSError: it is taken."""
    metrics.SESSIONS.set_function(streamlit_side.sessions)
    metrics.UPLOADS_HELD.set_function(streamlit_side.Owners().held)
    stop = metrics.serve(*at, app_version()) if at else None
    try:
        yield
    finally:
        if stop is not None:
            stop()


def _warm_up() -> None:
    """Load what `app.py` imports at a visit, so that the first person does not wait for it."""
    importlib.import_module("pages.parts.shell")


def _on_script_error(error: Exception) -> bool:
    """Log what happened under a number that the person can quote; show a sentence, no traceback."""
    if isinstance(error, (Forbidden, SignInAgain, StoreError)):
        st.error(str(error), icon=":material/error:")
        log.warning("%s", error)
        return True
    number = logs.number()
    log.error("error %s", number, exc_info=error)
    metrics.ERRORS.inc()
    st.error(
        "Something went wrong on our side. Look at the history to see whether your last step was recorded "
        f"before you repeat it; if this stays, quote number {number} to whoever runs this server.",
        icon=":material/error:",
    )
    return True
