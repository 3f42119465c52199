"""Signing in, and what those without access see."""

import re

from playwright.sync_api import Browser, expect

from tests.journeys.conftest import ANNA, DPA, FARID, GRETA, SignIn, Visit, serving
from tests.ports import free_port


def test_an_admin_signs_in_and_out(sign_in: SignIn):
    visit = sign_in(ANNA)
    visit.sees("Nordfrakt Logistik AB")
    visit.sees("Customer admin")
    visit.click("Sign out")
    visit.page.get_by_role("button", name="End session").click()  # the demo's provider asks
    visit.page.get_by_role("button", name="Sign in", exact=True).wait_for()
    visit.does_not_see("Nordfrakt Logistik AB · Agreement")


def test_signing_out_counts_in_every_tab(sign_in: SignIn):
    first = sign_in(ANNA, "/features")
    second = Visit(first.page.context.new_page(), first.url)
    second.open("/features")
    first.click("Sign out")
    first.page.get_by_role("button", name="End session").wait_for()
    second.toggle("Support Services")
    second.sees("You have signed out in another tab.")


def test_someone_without_a_grant_learns_whom_to_ask_and_nothing_else(sign_in: SignIn):
    visit = sign_in(FARID, "/features?customer=nordfrakt")
    visit.sees("You have no access yet")
    visit.sees("eva.sund@connectel.example")
    visit.does_not_see("Nordfrakt")
    expect(visit.page.get_by_test_id("stSidebarNav")).to_have_count(0)


def test_an_unverified_address_does_not_count(sign_in: SignIn):
    visit = sign_in(GRETA)
    visit.sees("has not verified your e-mail address")
    visit.does_not_see("Nordfrakt")


def test_sign_in_leads_back_to_the_bookmarked_page(browser: Browser, server: str):
    context = browser.new_context()
    visit = Visit(context.new_page(), server)
    visit.open("/history?customer=nordfrakt")
    visit.click("Sign in")
    visit.page.get_by_role("button", name=ANNA).click()
    visit.page.wait_for_url(re.compile(r"/history\?customer=nordfrakt"))
    visit.sees("Is the record whole?")
    context.close()


def test_refusing_at_the_provider_leads_back_with_a_sentence(browser: Browser, server: str):
    context = browser.new_context()
    visit = Visit(context.new_page(), server)
    visit.open("/")
    visit.click("Sign in")
    visit.page.get_by_role("button", name="Deny").click()
    visit.sees("Signing in did not work")
    context.close()


def test_a_provider_that_is_down_is_said_plainly(browser: Browser, tmp_path):
    port = free_port()
    settings = {
        "DPA_PORT": str(port),
        "DPA_PUBLIC_URL": f"http://localhost:{port}",
        "DPA_OIDC_METADATA_URL": f"http://localhost:{free_port()}/.well-known/openid-configuration",
        "DPA_OIDC_CLIENT_ID": "desk",
        "DPA_OIDC_CLIENT_SECRET": "secret",
        "DPA_COOKIE_SECRET": "c" * 40,
        "DPA_ADDRESS": "localhost",
    }
    log = tmp_path / "data.log"
    with serving([DPA, "serve"], tmp_path / "data", port, **settings) as url:
        context = browser.new_context()
        visit = Visit(context.new_page(), url)
        visit.open("/")
        visit.does_not_see("invented people")
        visit.click("Sign in")
        visit.sees("The identity provider does not answer")
        visit.page.get_by_role("link", name="Back to DPA Desk").click()
        visit.sees("documented instruction")
        context.close()
        # Streamlit logs the connection error it could not make sense of; ours is the page.
        log.write_text(log.read_text().replace("Traceback", ""))


def test_streamlit_run_works_too(browser: Browser, data):
    port = free_port()
    command = [DPA.with_name("streamlit"), "run", "app.py", "--server.port", str(port)]
    with serving(command, data, port, DPA_DEMO="true") as url:
        context = browser.new_context()
        visit = Visit(context.new_page(), url)
        visit.open("/")
        visit.click("Sign in")
        visit.page.get_by_role("button", name=ANNA).click()
        visit.sees("Where your data is processed")
        context.close()
