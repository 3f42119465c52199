"""Every page, seen by every role: one's own customer whole, another's not at all."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dpa_core import demo
from dpa_core.application import SESSION, Application
from dpa_core.clock import DemoClock
from dpa_core.ledger import Ledger
from dpa_core.settings import load_agreements
from dpa_core.web import Site
from dpa_core.web.cookies import SessionCookie
from pages.parts import shell
from tests.conftest import CUSTOMERS, ROLES, sign_in
from tests.pages import KEYS, LISTED, shown
from tests.pages import visit as look_at

OF_A_CUSTOMER = [name for name in LISTED if name not in shell.PROVIDERS]
"""The portfolio shows all customers at once; who sees which is in `test_portfolio.py`."""


@pytest.fixture
def visit(application, monkeypatch):
    """`visit(page, name, customer)`: the whole frame around one page, for somebody signed in."""

    def look(page: str, name: str, customer: str, signed_in_for: timedelta | None = None) -> AppTest:
        secret, _ = sign_in(application, name)
        application.clock.at += signed_in_for or timedelta()
        monkeypatch.setattr(shell, "secret", lambda _: secret)

        def script(site):
            from pages.parts import shell

            shell.visit(site)

        site = Site(application, "privacy@people.example", KEYS, SessionCookie(secure=False))
        at = AppTest.from_function(script, args=(site,), default_timeout=30)
        at._page_hash = calc_hash(page)  # what the address says; AppTest finds only pages that are files
        at.query_params["customer"] = customer
        return at.run()

    return look


@pytest.mark.parametrize("page", OF_A_CUSTOMER)
@pytest.mark.parametrize("name", ROLES)
def test_a_page_shows_a_customer_to_those_with_a_role_for_it_and_to_nobody_else(visit, page, name):
    for customer, title in CUSTOMERS.items():
        at = visit(page, name, customer)
        said = shown(at)
        may = any(of in (customer, None) for _, of in ROLES[name])
        if may:
            assert title in said
            assert "cannot be shown" not in said
        else:
            assert title not in said
            wanted = "There is no customer" if ROLES[name] else "You have no access yet"
            assert wanted in said


@pytest.mark.parametrize("name", ROLES)
def test_the_desk_is_open_to_the_privacy_officer_alone(visit, name):
    customer = next((c for _, c in ROLES[name] if c), "nordfrakt")
    open_to = ("privacy_officer", None) in ROLES[name]
    assert ("Everything open over all customers" in shown(visit("desk", name, customer))) == open_to


@pytest.mark.parametrize("page", LISTED)
def test_nobody_sees_a_page_after_the_sign_in_has_expired(visit, page):
    said = shown(visit(page, "anna", "nordfrakt", signed_in_for=SESSION))
    assert "Your sign-in has expired" in said
    assert CUSTOMERS["nordfrakt"] not in said


@pytest.fixture(scope="module")
def demo_desk(tmp_path_factory):
    """The demo's store, in which every subject has something to show."""
    path = tmp_path_factory.mktemp("demo") / "desk.duckdb"
    with Ledger.open(path) as ledger:
        demo.fill(ledger, load_agreements(), datetime.now(UTC))
        yield Application(ledger, load_agreements(), DemoClock())


@pytest.mark.parametrize("page", LISTED)
def test_nobody_is_shown_by_an_identifier(demo_desk, page):
    eva = demo_desk.person("eva.sund@connectel.example")
    for customer, _ in demo_desk.directory(eva):
        at = look_at(page, demo_desk, eva, customer)
        assert not at.exception, at.exception
        drawn = "\n".join(str(e.proto) for e in at._tree if hasattr(e, "proto"))
        assert not re.search(r"\bp_[0-9a-f]{16}\b", drawn), customer
