"""Signing in and out, at the demo's provider and at others, and what those without access see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dpa_core import access
from dpa_core.agreement import load_all
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.settings import STORE
from dpa_core.subjects import customers, grants
from tests import oidc_provider
from tests.journeys.conftest import ANNA, DPA, FARID, GRETA, SignIn, Visit, serving
from tests.oidc_provider import CLIENT, SECRET, entra
from tests.ports import free_port

PAGE = "/history?customer=nordfrakt"


def press_sign_in(page: Page) -> None:
    page.get_by_role("link", name="Sign in", exact=True).click()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[[str], Visit]]:
    """`visitor(url)`: somebody in a browser of their own who has not signed in."""
    contexts = []

    def start(url: str) -> Visit:
        contexts.append(browser.new_context())
        return Visit(contexts[-1].new_page(), url)

    yield start
    for context in contexts:
        context.close()


# --- the demo's provider ----------------------------------------------------------------------------------


def test_an_admin_signs_in_and_out(visitor, server: str):
    visit = visitor(server)
    visit.page.goto(server + "/")
    visit.sees("documented instruction")
    press_sign_in(visit.page)
    visit.page.get_by_role("button", name=ANNA).click()
    visit.sees("Nordfrakt Logistik AB")
    visit.sees("Customer admin")
    visit.click("Sign out")
    visit.page.get_by_role("button", name="End session").click()  # the demo's provider asks
    visit.sees("You have signed out.")
    visit.page.goto(server + "/features")
    expect(visit.page).to_have_url(re.compile(r"/sign-in\?next=%2Ffeatures"))


def test_a_copy_of_the_cookie_ends_with_it_and_signing_in_again_leads_back(sign_in: SignIn, visitor):
    first = sign_in(ANNA, PAGE)
    copied = visitor(first.url)
    copied.page.context.add_cookies(first.page.context.cookies())
    copied.open("/features")
    first.click("Sign out")
    first.page.get_by_role("button", name="End session").wait_for()
    copied.toggle("Support Services")
    copied.sees("This sign-in was ended.")
    copied.page.reload()
    copied.sees("This sign-in was ended.")
    assert "next=%2Ffeatures" in copied.page.url
    press_sign_in(copied.page)
    copied.page.get_by_role("button", name=ANNA).click()
    copied.page.wait_for_url(re.compile(r"/features"))
    copied.sees("Support Services")


def test_an_end_while_on_a_page_is_said_there_with_the_way_back(sign_in: SignIn, visitor):
    visit = sign_in(ANNA, PAGE)
    other = visitor(visit.url)
    other.page.context.add_cookies(visit.page.context.cookies())
    other.page.goto(visit.url + "/auth/logout")
    visit.page.get_by_test_id("stSidebar").get_by_role("link", name="Retention").click()
    visit.sees("This sign-in was ended.")
    press_sign_in(visit.page)
    visit.page.get_by_role("button", name=ANNA).click()
    visit.page.wait_for_url(re.compile(re.escape(PAGE)))  # an address changes once a page has come
    visit.sees("Is the record whole?")


def test_someone_without_a_grant_learns_whom_to_ask_and_nothing_else(sign_in: SignIn):
    visit = sign_in(FARID, "/features?customer=nordfrakt")
    visit.sees("You have no access yet")
    visit.sees("eva.sund@connectel.example")
    visit.does_not_see("Nordfrakt")
    expect(visit.page.get_by_test_id("stSidebarNav")).to_have_count(0)


def test_an_unverified_address_does_not_count_and_another_account_leads_on(visitor, server: str):
    visit = visitor(server)
    visit.page.goto(server + PAGE)
    press_sign_in(visit.page)
    visit.page.get_by_role("button", name=GRETA).click()
    visit.sees("has not verified your e-mail address")
    press_sign_in(visit.page)
    visit.page.get_by_role("button", name="Deny").click()
    visit.sees("declined the sign-in")
    press_sign_in(visit.page)
    visit.page.get_by_role("button", name=ANNA).click()
    visit.page.wait_for_url(re.compile(re.escape(PAGE)))
    visit.sees("Is the record whole?")


def test_streamlit_run_works_too(visitor, data):
    port = free_port()
    command = [DPA.with_name("streamlit"), "run", "app.py", "--server.port", str(port)]
    with serving(command, data, port, DPA_DEMO="true") as url:
        visit = visitor(url)
        visit.sign_in(ANNA)
        visit.sees("Where your data is processed")


# --- the providers of customers ---------------------------------------------------------------------------


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A data folder with Nordfrakt and its admin."""
    folder = tmp_path / "company"
    with Ledger.open(folder / STORE) as ledger:
        application = Application(ledger, load_all(), Clock())
        operator = access.operator(datetime.now(UTC))
        application.open_customer(operator, customers.OpenCustomer("nordfrakt", "Nordfrakt Logistik AB"))
        application.change_access(operator, grants.GrantAccess(ANNA, "customer_admin", "nordfrakt"))
    return folder


@contextmanager
def production(folder: Path, port: int, *providers: dict[str, object]) -> Iterator[str]:
    """`dpa serve` with a list of providers, as the README has it."""
    lines = [f'public_url = "http://localhost:{port}"', f"port = {port}", f'cookie_secret = "{"c" * 40}"']
    for provider in providers:
        given = {"client_id": CLIENT, "client_secret": SECRET, **provider}
        lines += ["[[providers]]", *(f"{name} = {json.dumps(value)}" for name, value in given.items())]
    file = folder.with_name("desk.toml")
    file.write_text("\n".join(lines), "utf-8")
    with serving([DPA, "serve"], folder, port, DPA_SETTINGS=str(file), DPA_ADDRESS="localhost") as url:
        yield url


def test_oidc_provider_at_its_defaults_lets_in_leads_back_and_lets_out_for_good(
    visitor, company: Path, tmp_path: Path
):
    # Its defaults: the e-mail address comes from UserInfo alone, it sends `iss` with its answers, and an
    # unknown prompt is refused.
    port = free_port()
    accounts = {"anna": {"email": ANNA, "email_verified": True, "name": "Anna Lindqvist"}}
    with oidc_provider.serving(tmp_path, f"http://localhost:{port}", accounts) as issuer:
        of = {"name": "nordfrakt", "metadata_url": oidc_provider.metadata_url(issuer)}
        with production(company, port, of) as url:
            visit = visitor(url)
            visit.page.goto(url + PAGE)
            press_sign_in(visit.page)
            oidc_provider.sign_in(visit.page, "anna")
            visit.page.wait_for_url(re.compile(re.escape(PAGE)))
            visit.sees("Is the record whole?")
            cookies = visit.page.context.cookies()
            visit.click("Sign out")
            visit.page.get_by_role("button", name="Yes, sign me out").click()
            visit.sees("You have signed out.")
        with production(company, port, of) as url:
            copied = visitor(url)
            copied.page.context.add_cookies(cookies)
            copied.page.goto(url + PAGE)
            copied.sees("This sign-in was ended.")


def test_several_providers_one_of_them_entra_with_200_groups(visitor, company: Path, tmp_path: Path):
    port = free_port()
    groups = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(200)]
    account = entra.Account(ANNA, claims={"email": ANNA, "groups": groups})
    with ExitStack() as stack:
        microsoft = stack.enter_context(entra.serving([account], f"http://localhost:{port}"))
        nordfrakt = {
            "name": "nordfrakt",
            "title": "Nordfrakt",
            "metadata_url": microsoft.metadata_url("organizations"),
            "tenants": [entra.HOME],
            "domains": ["nordfrakt.example"],
            "verified": "by_provider",
        }
        down = {
            "name": "solsidan",
            "title": "Solsidan",
            "metadata_url": f"http://localhost:{free_port()}/.well-known/openid-configuration",
            "domains": ["solsidan.example"],
        }
        url = stack.enter_context(production(company, port, nordfrakt, down))
        visit = visitor(url)
        visit.page.goto(url + PAGE)
        expect(visit.page.get_by_text("invented people")).to_have_count(0)
        field = visit.page.get_by_label("Your e-mail address")
        field.fill("somebody@elsewhere.example")
        visit.click("Continue")
        visit.sees("Nobody signs in here with an address of elsewhere.example")
        expect(field).to_have_value("somebody@elsewhere.example")
        visit.page.get_by_role("link", name="Solsidan").click()
        visit.sees("Solsidan does not answer")
        field.fill(ANNA)
        visit.click("Continue")
        visit.page.get_by_role("button", name=ANNA).click()
        visit.page.wait_for_url(re.compile(re.escape(PAGE)))
        visit.sees("Is the record whole?")  # so the websocket is open
