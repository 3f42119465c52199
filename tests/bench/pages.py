"""Script time of each page against a page that draws the same widgets from constants, in one run.

Both run the whole frame (gate, customer, side bar, banners) and the page's own code. The constant one gets
everything that ours asks of the store, from the person's roles to the page's data, ready-made.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import streamlit as st
from joserfc.jwk import OKPKey
from streamlit.testing.v1 import AppTest

from dpa_core.access import Identity
from dpa_core.application import Application
from dpa_core.clock import DemoClock
from dpa_core.ledger import Ledger
from dpa_core.snapshots.sign import KeyRing
from dpa_core.web import Site
from dpa_core.web.cookies import SessionCookie
from pages.parts import shell
from pages.parts.scope import Scope
from tests.bench import stores
from tests.frozen import frozen_agreements

KEYS = KeyRing(OKPKey.generate_key("Ed25519"), {})
PAGES = [
    "overview",
    "features",
    "sub_processors",
    "retention",
    "notices",
    "audits",
    "data_return",
    "assistance",
    "incidents",
    "history",
    "snapshots",
    "agreement",
    "access",
]
TURNS = 40
LIMIT = 1.25


class _Constants:
    """An application whose answers were all given beforehand."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._said: dict[Any, Any] = {}
        self.clock = application.clock
        self.files = application.files

    def __getattr__(self, name: str) -> Any:
        def answer(*args: Any, **options: Any) -> Any:
            key = (name, *map(repr, args[1:]), *options.items())
            if key not in self._said:
                self._said[key] = getattr(self._application, name)(*args, **options)
            return self._said[key]

        return answer


@dataclass
class _Run:
    """What one script run is to do, and how long it took."""

    page: ModuleType
    application: Any
    customer: str
    as_of: str | None = None
    data: Any = None
    scope: Scope | None = None
    seconds: list[float] = field(default_factory=list)


run: _Run
"""The run under way; the script below has no other way to reach it."""


def _script() -> None:
    from tests.bench import pages as bench

    bench.visit()


def visit() -> None:
    """One script run, timed from the inside."""
    began = time.perf_counter()
    st.session_state["customer"], st.session_state["as_of"] = run.customer, run.as_of
    shell.visit(Site(run.application, "privacy@connectel.example", KEYS, SessionCookie(secure=False)))
    run.seconds.append(time.perf_counter() - began)


class _Page:
    """Stands for st.Page and what st.navigation gives: the page under measure runs, links lead nowhere."""

    title = ""
    url_path = ""

    def __init__(self, draw: Callable[[], None], **_: Any) -> None:
        self.draw = draw

    def run(self) -> None:
        assert isinstance(self.draw, partial)
        (run.scope,) = self.draw.args  # the frame hands it to every page
        data = run.page.read(run.scope) if run.data is None else run.data
        run.page.draw(run.scope, data)


def measure() -> list[tuple[str, float, float]]:
    """(what, ratio, limit) of each page, in a small store and in a large one."""
    stand_in()
    anna, eva = "anna.lindqvist@nordfrakt.example", "eva.sund@connectel.example"
    with TemporaryDirectory() as folder:
        few, many = Path(folder) / "few.duckdb", Path(folder) / "many.duckdb"
        stores.crowd(few, 0, 1)
        stores.crowd(many, 10_000, 100)
        return [
            *_every_page(few, "12 customers", anna, "nordfrakt"),
            *_every_page(many, "10,000 customers x 100, admin", "admin@c00500.example", "c00500"),
            *_every_page(many, "10,000 customers x 100, officer", eva, "c00500"),
        ]


def stand_in() -> None:
    """Put the page under measure in place of Streamlit's navigation."""
    st.Page = _Page  # type: ignore[assignment, misc]
    st.navigation = lambda sections, **_: sections[""][0]  # type: ignore[assignment]
    st.page_link = lambda *_, **__: None  # type: ignore[assignment]


def _every_page(path: Path, title: str, email: str, customer: str) -> list[tuple[str, float, float]]:
    with Ledger.open(path) as ledger:
        application = Application(ledger, frozen_agreements(), DemoClock())
        who = {"email": email, "customer": customer}
        return [(f"{page}, {title}", ratio(application, page, who), LIMIT) for page in PAGES]


def ratio(application: Application, page: str, who: dict[str, Any]) -> float:
    """Our median time over that of the page from constants. `who`: e-mail address and customer."""
    global run
    module = import_module(f"pages.{page}")
    email, customer = who["email"], who["customer"]
    secret, _ = application.sign_in(Identity("bench", "https://id.example", email, email, email), "Bench")
    shell.secret = lambda _: secret
    ours = _Run(module, application, customer)
    theirs = _Run(module, _Constants(application), customer)
    for turn in range(TURNS):
        for which in (ours, theirs) if turn % 2 else (theirs, ours):
            run = which
            at = AppTest.from_function(_script, default_timeout=60).run()
            if at.exception:
                raise RuntimeError(at.exception[0].message)
            if turn == 0:
                theirs.data = module.read(theirs.scope)
    return statistics.median(ours.seconds[2:]) / statistics.median(theirs.seconds[2:])
