"""A page whose sign-in has expired says so, and leads back to itself."""

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.application import SESSION
from dpa_core.web import Site
from dpa_core.web.cookies import SessionCookie
from pages.parts import shell
from tests.conftest import sign_in
from tests.pages import KEYS, labels, shown


@pytest.fixture
def left(monkeypatch):
    """The paths for which pages had the browser leave."""
    paths = []
    monkeypatch.setattr(Site, "leave_for", lambda _, path: paths.append(path))
    return paths


def opened(application, monkeypatch, name, query=()):
    """The whole app, as somebody who has signed in opens it."""
    secret, _ = sign_in(application, name)
    monkeypatch.setattr(shell, "secret", lambda _: secret)
    site = Site(application, "privacy@people.example", KEYS, SessionCookie(secure=False))

    def script(site):
        from pages.parts import shell

        shell.visit(site)

    at = AppTest.from_function(script, args=(site,), default_timeout=30)
    for key, value in dict(query).items():
        at.query_params[key] = value
    return at.run()


def test_an_expired_sign_in_is_said_and_leads_back_to_the_page_with_its_query(
    application, clock, monkeypatch, left
):
    at = opened(application, monkeypatch, "anna", {"customer": "nordfrakt"})
    clock.at += SESSION - timedelta(seconds=1)
    assert "Nordfrakt" in shown(at.run())
    clock.at += timedelta(seconds=1)
    at.run()
    assert "Your sign-in has expired" in shown(at)
    assert "Nordfrakt" not in shown(at)
    assert labels(at) == ["Sign in again"]
    at.button[0].click().run()
    [path] = left
    assert path.startswith("/sign-in?next=%2F")
    assert path.endswith("%3Fcustomer%3Dnordfrakt")


def test_who_has_no_access_can_sign_out(application, monkeypatch, left):
    at = opened(application, monkeypatch, "farid")
    assert "You have no access yet" in shown(at)
    at.button[0].click().run()
    assert left == ["/auth/logout"]
