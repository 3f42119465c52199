"""Signing in and out over HTTP, at a provider that says right and wrong things."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dpa_core.application import SESSION, Application
from dpa_core.ledger import Ledger, StoreError
from dpa_core.providers import SENTENCES, Provider
from dpa_core.web import oidc, sign_in
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.sign_in import SignIn
from tests.conftest import email
from tests.web.scripted_provider import CLIENT, KEYS, ScriptedProvider

DESK = "http://desk.example"
ADMINS = {"group": "admins", "role": "customer_admin", "customer": "solsidan"}


@pytest.fixture(scope="module")
def running() -> Iterator[ScriptedProvider]:
    with ScriptedProvider().running() as provider:
        yield provider


@pytest.fixture
def provider(running: ScriptedProvider) -> ScriptedProvider:
    """As the standard wants, until the test changes it."""
    running.begin_anew()
    return running


def settings(provider: ScriptedProvider, **given: Any) -> Provider:
    """The provider as the settings would name it."""
    return Provider.model_validate(
        {
            "name": "nordfrakt",
            "title": "Nordfrakt",
            "metadata_url": f"{provider.url}/.well-known/openid-configuration",
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            **given,
        }
    )


class Desk:
    """The routes of the sign-in, and a browser that has them open."""

    def __init__(self, application: Application, *providers: Provider, secure: bool = False, personas=()):
        url = DESK.replace("http:", "https:") if secure else DESK
        self.application = application
        self.sign_in = SignIn(
            application,
            SessionCookie(secure),
            providers,
            public_url=url,
            secret="c" * 32,
            contact="privacy@connectel.example",
            personas=personas,
        )
        health = Route("/healthz", lambda _: PlainTextResponse("ok"))
        app = Starlette(routes=[*self.sign_in.routes(), health])
        self.browser = TestClient(app, base_url=url, follow_redirects=False)

    @property
    def secret(self) -> str:
        return self.browser.cookies.get(self.sign_in.cookie.name, "")

    @property
    def session(self):
        return self.application.session(self.secret)

    def begins(self, wanted: str = "/", **more: str) -> str:
        """To the provider: the address of the authorisation request."""
        answer = self.browser.get("/auth/login", params={"provider": "nordfrakt", "next": wanted, **more})
        assert answer.status_code == 302
        return answer.headers["location"]

    def comes_back(self, provider: ScriptedProvider, location: str) -> str:
        """Back from the provider: the address that this leads to."""
        answer = self.browser.get(f"/oauth2callback?{provider.authorize(location)}")
        assert answer.status_code == 302
        return answer.headers["location"]

    def signs_in(self, provider: ScriptedProvider, wanted: str = "/") -> str:
        return self.comes_back(provider, self.begins(wanted))

    def reads(self, location: str) -> str:
        """What the page at that address says."""
        return unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", self.browser.get(location).text))


@pytest.fixture
def desk(application: Application, provider: ScriptedProvider) -> Desk:
    return Desk(application, settings(provider))


def query(address: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}


def cause(location: str) -> str:
    """Why a sign-in failed, by the page it leads to."""
    assert urlsplit(location).path == "/sign-in"
    return query(location)["problem"]


# --- what is asked ----------------------------------------------------------------------------------------


def test_the_provider_is_asked_with_pkce_a_nonce_and_no_prompt(desk, provider):
    asked = query(desk.begins())
    assert urlsplit(desk.begins()).netloc == urlsplit(provider.url).netloc
    assert (asked["client_id"], asked["scope"]) == ("desk", "openid email profile")
    assert asked["redirect_uri"] == f"{DESK}/oauth2callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 20
    assert "prompt" not in asked
    assert "login_hint" not in asked


def test_prompt_scope_and_whom_to_offer_are_asked_for_as_set(application, provider):
    desk = Desk(application, settings(provider, prompt="select_account", scope="openid  email"))
    asked = query(desk.begins(email="Anna@People.example"))
    assert (asked["prompt"], asked["scope"]) == ("select_account", "openid email")
    assert asked["login_hint"] == "anna@people.example"


def test_no_two_sign_ins_ask_the_same(desk):
    one, two = query(desk.begins()), query(desk.begins())
    assert all(one[name] != two[name] for name in ("state", "nonce", "code_challenge"))


# --- coming in --------------------------------------------------------------------------------------------


def test_a_sign_in_leads_to_the_page_that_was_wanted(desk, provider):
    wanted = "/history?customer=nordfrakt&as_of=2026-06-30"
    assert desk.signs_in(provider, wanted) == wanted
    assert desk.application.person_of(desk.session).email == email("anna")


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil.example", "/auth/logout"])
def test_a_sign_in_never_leads_elsewhere(desk, provider, wanted):
    assert desk.signs_in(provider, wanted) == "/"


def test_the_cookie_of_a_session_says_nothing_and_is_out_of_reach(application, provider):
    desk = Desk(application, settings(provider), secure=True)
    answer = desk.browser.get(f"/oauth2callback?{provider.authorize(desk.begins())}")
    [cookie] = [c for c in answer.headers.get_list("set-cookie") if "dpa_session" in c]
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == "__Host-dpa_session"
    assert re.fullmatch(r"[\w-]{43}", value)
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)
    assert "no-store" in answer.headers["cache-control"]


def test_the_cookie_of_a_sign_in_under_way_is_short_lived_and_gone_afterwards(application, provider):
    desk = Desk(application, settings(provider), secure=True)
    begun = desk.browser.get("/auth/login?provider=nordfrakt")
    [cookie] = begun.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-dpa_sign_in=")
    assert {"max-age=600", "httponly", "secure", "samesite=lax"} <= {
        part.strip().lower() for part in cookie.split(";")
    }
    desk.comes_back(provider, begun.headers["location"])
    assert "__Host-dpa_sign_in" not in desk.browser.cookies


def test_a_session_planted_before_is_not_taken_over(desk, provider):
    desk.browser.cookies.set("dpa_session", "planted", domain="desk.example")
    desk.signs_in(provider)
    assert desk.application.session("planted") is None
    assert desk.secret not in ("", "planted")


def test_signing_in_anew_ends_the_session_before_in_this_browser(desk, provider):
    desk.signs_in(provider)
    before = desk.secret
    desk.signs_in(provider)
    assert desk.secret != before
    assert desk.application.is_open(desk.session)
    assert not desk.application.is_open(desk.application.session(before))


def test_a_session_lasts_as_long_as_is_set_whatever_the_token_says(store, agreement, clock, provider):
    with Ledger.open(store) as ledger:
        short = Application(ledger, {agreement.version: agreement}, clock, session=timedelta(minutes=30))
        desk = Desk(short, settings(provider))
        provider.claims["exp"] = int(time.time()) + 10**7
        desk.signs_in(provider)
        assert desk.session.ends - desk.session.began == timedelta(minutes=30)


def test_200_groups_make_no_cookie_longer(desk, provider):
    provider.claims["groups"] = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(200)]
    desk.signs_in(provider)
    assert sum(len(name) + len(value) for name, value in desk.browser.cookies.items()) < 100


def test_sign_ins_in_several_tabs_all_come_to_an_end_and_fit_in_a_cookie(desk, provider):
    long = "/history?" + "a" * 490
    locations = [desk.begins(long) for _ in range(5)]
    assert len(desk.browser.cookies["dpa_sign_in"]) < 4_000
    assert [urlsplit(desk.comes_back(provider, at)).path for at in locations[-2:]] == ["/history"] * 2


def test_the_way_back_pressed_after_signing_in_leads_on(desk, provider):
    response = provider.authorize(desk.begins("/features"))
    desk.browser.get(f"/oauth2callback?{response}")
    again = desk.browser.get(f"/oauth2callback?{response}")
    assert again.headers["location"] == "/"
    assert desk.application.is_open(desk.session)


# --- UserInfo, roles, accounts ----------------------------------------------------------------------------


def test_the_address_may_come_from_userinfo(desk, provider):
    provider.userinfo, provider.claims = provider.claims, {}
    assert desk.signs_in(provider) == "/"
    assert desk.application.person_of(desk.session).name == "Anna"
    assert provider.asked["userinfo"] == 1


def test_userinfo_is_not_asked_where_the_token_says_it_all(desk, provider):
    desk.signs_in(provider)
    assert provider.asked["userinfo"] == 0


def test_userinfo_of_somebody_else_does_not_count(desk, provider):
    provider.userinfo, provider.claims = {**provider.claims, "sub": "eva"}, {}
    assert cause(desk.signs_in(provider)) == "another_subject"


def test_groups_give_roles_and_take_them_away(application, provider):
    desk = Desk(application, settings(provider, groups=[ADMINS]))

    def held():
        roles = application.person_of(desk.session).grants
        return {(g.role, g.customer_id) for g in roles}

    given = ("customer_admin", "solsidan")
    own = ("customer_admin", "nordfrakt")
    provider.claims["groups"] = ["admins"]
    desk.signs_in(provider)
    assert held() == {own, given}
    provider.claims["groups"] = ["others"]
    desk.signs_in(provider)
    assert held() == {own}


def test_another_account_of_the_same_address_waits_and_learns_whom_to_ask(desk, provider):
    desk.signs_in(provider)
    desk.browser.cookies.clear()
    provider.subject = "somebody else"
    location = desk.signs_in(provider, "/features")
    assert cause(location) == "waits"
    said = desk.reads(location)
    assert "has to confirm that this account is yours" in said
    assert "privacy@connectel.example" in said
    assert desk.secret == ""
    assert "next=%2Ffeatures" in desk.browser.get(location).text


# --- what does not count ----------------------------------------------------------------------------------


def wrong_key(provider: ScriptedProvider) -> None:
    provider.signing = RSAKey.import_key({**KEYS["two"].as_dict(private=True), "kid": "one"})


def no_signature(provider: ScriptedProvider) -> None:
    provider.algorithm = "none"


def signed_by_the_secret(provider: ScriptedProvider) -> None:
    provider.algorithm, provider.signing = "HS256", OctKey.import_key(CLIENT[1], {"kid": "one"})
    provider.metadata["id_token_signing_alg_values_supported"] = ["HS256", "RS256"]


def claiming(**claims: Any) -> Callable[[ScriptedProvider], None]:
    return lambda provider: provider.claims.update(claims)


def responding(**parameters: Any) -> Callable[[ScriptedProvider], None]:
    return lambda provider: provider.response.update(parameters)


def promising_its_issuer(provider: ScriptedProvider) -> None:
    provider.metadata["authorization_response_iss_parameter_supported"] = True


def failing(endpoint: str, status: int = 200, body: str = "") -> Callable[[ScriptedProvider], None]:
    def script(provider: ScriptedProvider) -> None:
        provider.status[endpoint], provider.body[endpoint] = status, body
        provider.userinfo, provider.claims = provider.claims, {}

    return script


PAST = int(time.time()) - 1_000
WRONG = {
    "a signature by another key": (wrong_key, "token_wrong"),
    "no signature": (no_signature, "token_wrong"),
    "a signature by the client's secret": (signed_by_the_secret, "token_wrong"),
    "for another client": (claiming(aud="another"), "token_wrong"),
    "for several, without the party": (claiming(aud=["desk", "another"]), "token_wrong"),
    "for another party": (claiming(aud=["desk", "another"], azp="another"), "token_wrong"),
    "another nonce": (claiming(nonce="another"), "token_wrong"),
    "no nonce": (claiming(nonce=...), "token_wrong"),
    "no issue time": (claiming(iat=...), "token_wrong"),
    "issued in the future": (claiming(iat=PAST + 100_000), "token_wrong"),
    "expired": (claiming(exp=PAST), "token_expired"),
    "without an end": (claiming(exp=...), "token_wrong"),
    "an end that is no number": (claiming(exp="soon"), "token_wrong"),
    "of another issuer": (claiming(iss="https://evil.example"), "issuer_wrong"),
    "without an issuer": (claiming(iss=...), "token_wrong"),
    "a response of another issuer": (responding(iss="https://evil.example"), "issuer_wrong"),
    "no issuer where one is promised": (promising_its_issuer, "issuer_wrong"),
    "a refusal of another issuer": (
        responding(code=..., error="access_denied", iss="https://evil.example"),
        "issuer_wrong",
    ),
    "neither code nor error": (responding(code=...), "provider_wrong"),
    "a code that it does not know": (responding(code="made up"), "not_begun_here"),
    "the person declined": (responding(code=..., error="access_denied"), "declined"),
    "nobody there": (responding(code=..., error="login_required"), "nobody_signed_in"),
    "a question open": (responding(code=..., error="interaction_required"), "nobody_signed_in"),
    "consent wanted": (responding(code=..., error="consent_required"), "nobody_signed_in"),
    "busy": (responding(code=..., error="temporarily_unavailable"), "provider_busy"),
    "a fault of its own": (responding(code=..., error="server_error"), "provider_busy"),
    "an unknown scope": (responding(code=..., error="invalid_scope"), "misconfigured"),
    "a prompt it refuses": (responding(code=..., error="invalid_request"), "misconfigured"),
    "an error nobody knows": (responding(code=..., error="x" * 500), "misconfigured"),
    "an unknown client": (failing("token", 401, '{"error":"invalid_client"}'), "misconfigured"),
    "a token endpoint that is down": (failing("token", 502, "<html>"), "provider_down"),
    "a token endpoint that speaks HTML": (failing("token", 200, "<html>"), "provider_wrong"),
    "a token response without an ID token": (
        failing("token", 200, '{"access_token":"a","token_type":"Bearer"}'),
        "provider_wrong",
    ),
    "an ID token that is none": (
        failing("token", 200, '{"id_token":"a.b","access_token":"a"}'),
        "token_wrong",
    ),
    "keys that do not come": (failing("jwks", 503), "provider_down"),
    "keys that are gone": (failing("jwks", 404), "misconfigured"),
    "keys that are none": (failing("jwks", 200, "[1]"), "provider_wrong"),
    "UserInfo that does not come": (failing("userinfo", 500), "provider_down"),
    "UserInfo that is none": (failing("userinfo", 200, "[[1]]"), "provider_wrong"),
    "an address that is not verified": (claiming(email_verified=False), "not_verified"),
    "no address anywhere": (claiming(email=...), "claim_absent"),
}


@pytest.mark.parametrize(("script", "why"), WRONG.values(), ids=WRONG)
def test_what_does_not_count_lets_nobody_in_and_is_said(desk, provider, caplog, script, why):
    script(provider)
    location = desk.signs_in(provider, "/features")
    assert cause(location) == why
    assert desk.secret == ""
    assert query(location)["next"] == "/features"
    said = desk.reads(location)
    assert SENTENCES[why].format(provider="Nordfrakt") in said
    [line] = [r for r in caplog.records if r.name == "dpa_desk"]
    assert f"sign-in through nordfrakt failed: {why}" in line.getMessage()
    assert line.exc_info is None
    for secret in (CLIENT[1], "anna@people.example"):
        assert secret not in caplog.text


METADATA = {
    "down": (lambda p: p.status.update(metadata=500), "provider_down"),
    "too many requests": (lambda p: p.status.update(metadata=429), "provider_down"),
    "gone": (lambda p: p.status.update(metadata=404), "misconfigured"),
    "HTML": (lambda p: p.body.update(metadata="<html>"), "provider_wrong"),
    "a list": (lambda p: p.body.update(metadata="[]"), "provider_wrong"),
    "without an issuer": (lambda p: p.metadata.update(issuer=...), "provider_wrong"),
    "without a token endpoint": (lambda p: p.metadata.update(token_endpoint=...), "provider_wrong"),
    "an endpoint that is none": (
        lambda p: p.metadata.update(authorization_endpoint="javascript:a()"),
        "provider_wrong",
    ),
}


@pytest.mark.parametrize(("script", "why"), METADATA.values(), ids=METADATA)
def test_metadata_that_do_not_do_are_said_before_anybody_is_sent_away(desk, provider, caplog, script, why):
    script(provider)
    location = desk.begins("/features")
    assert cause(location) == why
    assert SENTENCES[why].format(provider="Nordfrakt") in desk.reads(location)
    assert "Traceback" not in caplog.text


def test_a_provider_that_nobody_answers_for_is_said_to_be_down(application, provider):
    gone = settings(provider, metadata_url="http://localhost:9/.well-known/openid-configuration")
    location = Desk(application, gone).begins()
    assert cause(location) == "provider_down"


def test_metadata_cannot_set_the_client_up(desk, provider):
    # Authlib takes what it finds in metadata for settings of its HTTP client.
    provider.metadata.update(verify=False, proxy="http://evil.example", timeout=0, headers={"x": "y"})
    assert desk.signs_in(provider) == "/"


def test_a_client_that_may_only_post_its_secret_does(desk, provider):
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post", "private_key_jwt"]
    assert desk.signs_in(provider) == "/"


@pytest.mark.parametrize("state", ["", "made up"])
def test_an_answer_that_was_not_asked_for_does_not_count(desk, provider, state):
    provider.response["state"] = state
    assert cause(desk.signs_in(provider)) == "not_begun_here"
    assert provider.asked["token"] == 0


def test_an_answer_does_not_count_in_another_browser(desk, application, provider):
    response = provider.authorize(desk.begins())
    other = Desk(application, settings(provider)).browser
    assert cause(other.get(f"/oauth2callback?{response}").headers["location"]) == "not_begun_here"


def test_nor_after_ten_minutes(desk, provider, monkeypatch):
    location = desk.begins()
    real = time.time
    monkeypatch.setattr(sign_in.time, "time", lambda: real() + 601)
    provider.claims["exp"] = int(real()) + 2_000
    assert cause(desk.comes_back(provider, location)) == "not_begun_here"


def test_nor_with_a_cookie_that_somebody_else_signed(desk, provider):
    location = desk.begins()
    signed = desk.browser.cookies["dpa_sign_in"]
    desk.browser.cookies.clear()
    desk.browser.cookies.set("dpa_sign_in", "e30" + signed[3:], domain="desk.example")
    assert cause(desk.comes_back(provider, location)) == "not_begun_here"


def test_a_sign_in_that_fails_leaves_the_session_before_alone(desk, provider):
    desk.signs_in(provider)
    before = desk.secret
    provider.claims["email_verified"] = False
    assert cause(desk.signs_in(provider)) == "not_verified"
    assert desk.secret == before
    assert desk.application.is_open(desk.session)


def test_a_store_that_cannot_be_written_is_said(desk, provider, monkeypatch):
    def full(*_):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(desk.application, "sign_in", full)
    location = desk.signs_in(provider)
    assert cause(location) == "store_down"
    assert "cannot keep a new sign-in" in desk.reads(location)


@pytest.mark.parametrize("path", ["/auth/login?provider=nordfrakt", "/oauth2callback?code=1", "/auth/logout"])
@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_only_a_real_visit_begins_or_ends_anything(desk, provider, path, method):
    desk.signs_in(provider)
    assert desk.browser.request(method, path).status_code == 405
    assert desk.application.is_open(desk.session)


# --- what is kept, and who waits --------------------------------------------------------------------------


def test_metadata_and_keys_are_asked_for_once_an_hour(desk, provider, monkeypatch):
    desk.signs_in(provider)
    desk.signs_in(provider)
    assert (provider.asked["metadata"], provider.asked["jwks"]) == (1, 1)
    real = time.time
    monkeypatch.setattr(oidc.time, "time", lambda: real() + 3_601)
    desk.begins()
    assert provider.asked["metadata"] == 2


def test_old_metadata_stand_in_where_new_ones_do_not_come(desk, provider, monkeypatch, caplog):
    desk.signs_in(provider)
    provider.status["metadata"] = 500
    real = time.time
    monkeypatch.setattr(oidc.time, "time", lambda: real() + 3_601)
    assert desk.begins().startswith(provider.url)
    assert "the old ones stand" in caplog.text


def test_keys_are_asked_for_again_where_one_is_not_known(desk, provider):
    desk.signs_in(provider)
    provider.key = KEYS["two"]
    provider.published.append(provider.key)
    assert desk.signs_in(provider) == "/"
    assert provider.asked["jwks"] == 2


def test_nobody_waits_for_the_provider_of_somebody_else(desk, provider):
    provider.hold = threading.Event()
    done = []
    with desk.browser:  # one event loop for all requests
        response = provider.authorize(desk.begins())
        waiting = threading.Thread(
            target=lambda: done.append(desk.browser.get(f"/oauth2callback?{response}").headers["location"])
        )
        waiting.start()
        assert provider.reached.wait(20)
        assert desk.browser.get("/healthz").text == "ok"
        assert done == []
        provider.hold.set()
        waiting.join(20)
    assert done == ["/"]


def test_a_provider_that_takes_for_ever_is_given_up(desk, provider, monkeypatch):
    begun = desk.begins()
    monkeypatch.setattr(sign_in, "_PATIENCE", 0.05)
    provider.hold = threading.Event()
    location = desk.comes_back(provider, begun)
    provider.hold.set()
    assert cause(location) == "provider_down"


# --- the page ---------------------------------------------------------------------------------------------


def test_one_provider_has_one_button(desk):
    page = desk.browser.get("/sign-in?next=%2Fhistory%3Fcustomer%3Dnordfrakt")
    assert page.status_code == 200
    assert "documented instruction" in page.text
    [link] = re.findall(r"<a class='button' href='([^']+)'>Sign in</a>", page.text)
    assert query(unescape(link)) == {"provider": "nordfrakt", "next": "/history?customer=nordfrakt"}
    assert "<script" not in page.text
    assert "type=email" not in page.text
    assert page.headers["cache-control"] == "no-store"


def test_who_has_signed_in_is_led_on(desk, provider):
    desk.signs_in(provider)
    assert desk.browser.get("/sign-in?next=%2Ffeatures").headers["location"] == "/features"
    assert desk.browser.get("/sign-in?next=%2F%2Fevil.example").headers["location"] == "/"


@pytest.mark.parametrize("problem", SENTENCES)
def test_every_cause_has_a_sentence_on_the_page(desk, problem):
    said = desk.reads(f"/sign-in?problem={problem}&provider=nordfrakt")
    assert SENTENCES[problem].format(provider="Nordfrakt") in said


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        (f"{DESK}/history?customer=a", "/sign-in?next=%2Fhistory%3Fcustomer%3Da"),
        (f"{DESK}/sign-in?next=x", None),
        ("http://evil.example/history", None),
        (f"{DESK}.evil.example/history", None),
        (f"{DESK}//evil.example", None),
        ("", None),
    ],
)
def test_a_page_left_because_its_sign_in_was_ended_is_led_back_to(desk, left, wanted):
    answer = desk.browser.get("/sign-in", headers={"referer": left})
    assert answer.headers.get("location") == wanted


def test_a_refusal_without_a_state_is_said_and_lets_nobody_in(desk, provider):
    provider.response.update(code=..., state=..., error="access_denied")
    location = desk.signs_in(provider, "/features")
    assert (cause(location), query(location)["next"]) == ("declined", "/features")
    provider.response.update(code="stolen", error=...)
    assert cause(desk.signs_in(provider)) == "not_begun_here"


def test_a_problem_that_is_made_up_says_nothing(desk):
    page = desk.browser.get("/sign-in?problem=<b>call+us</b>&provider=<i>x</i>&state=<u>y</u>&next=/<s>z</s>")
    for made_up in ("<b>", "<i>", "<u>", "<s>", "call us"):
        assert made_up not in page.text


def test_a_session_that_is_over_is_said_to_be(desk, provider, clock):
    desk.signs_in(provider)
    clock.at += SESSION
    assert "Your sign-in has expired" in desk.reads("/sign-in")
    clock.at -= SESSION
    desk.application.sign_out(desk.session)
    assert "This sign-in was ended" in desk.reads("/sign-in")


def two(application, provider, **given) -> Desk:
    one = settings(provider, domains=["people.example"], **given)
    other = settings(provider, name="solsidan", title="Solsidan & Co", domains=["solsidan.example"])
    return Desk(application, one, other)


def test_several_providers_are_offered(application, provider):
    page = two(application, provider).browser.get("/sign-in?next=%2Ffeatures").text
    assert ">Nordfrakt</a>" in page
    assert ">Solsidan &amp; Co</a>" in page
    assert page.count("next=%2Ffeatures") == 2
    assert "name=next value='/features'" in page


def test_an_address_leads_straight_to_its_provider(application, provider):
    desk = two(application, provider)
    page = desk.browser.get("/sign-in", params={"email": " Anna@People.EXAMPLE ", "next": "/features"}).text
    [link] = re.findall(r"http-equiv=refresh content='0;url=([^']+)'", page)
    assert query(unescape(link))["provider"] == "nordfrakt"
    location = desk.browser.get(unescape(link)).headers["location"]
    assert query(location)["login_hint"] == "anna@people.example"
    assert desk.comes_back(provider, location) == "/features"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("bo@else.example", "Nobody signs in here with an address of else.example"),
        ("bo", "That is no e-mail address"),
        ("<b>'\"@else.example", "That is no e-mail address"),
    ],
)
def test_an_address_of_nobody_is_said_to_be_and_stays(application, provider, typed, said):
    desk = two(application, provider)
    page = desk.browser.get("/sign-in", params={"email": typed, "next": "/features"}).text
    assert said in page
    assert "<b>" not in page
    assert f"value='{typed.replace('&', '&amp;')}'" in page.replace("&lt;", "<").replace("&gt;", ">").replace(
        "&#x27;", "'"
    ).replace("&quot;", '"')
    assert "name=next value='/features'" in page


def test_a_provider_that_is_not_there_leads_to_the_page(desk):
    answer = desk.browser.get("/auth/login?provider=other&next=%2Ffeatures")
    assert answer.headers["location"] == "/sign-in?next=%2Ffeatures"


def test_one_provider_does_not_vouch_for_the_addresses_of_another(application, provider):
    desk = two(application, provider)
    provider.claims["email"] = "eva@solsidan.example"
    assert cause(desk.signs_in(provider)) == "domain_not_allowed"


def test_an_answer_counts_for_the_provider_that_was_asked(application, provider):
    # The other provider's answer, brought to the sign-in that was begun with this one.
    with ExitStack() as stack:
        evil = stack.enter_context(ScriptedProvider().running())
        desk = Desk(
            application,
            settings(provider, domains=["people.example"]),
            settings(evil, name="evil", domains=["evil.example"]),
        )
        asked = desk.begins()
        answer = desk.browser.get(f"/oauth2callback?{evil.authorize(asked)}")
        assert cause(answer.headers["location"]) == "not_begun_here"
        assert evil.asked["token"] == 0


# --- signing out ------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_leads_to_the_providers_own(desk, provider):
    desk.signs_in(provider)
    secret, id_token = desk.secret, desk.session.id_token
    there = desk.browser.get("/auth/logout").headers["location"]
    assert there.startswith(f"{provider.url}/end?")
    asked = query(there)
    assert asked["id_token_hint"] == id_token
    assert asked["client_id"] == "desk"
    assert asked["post_logout_redirect_uri"] == f"{DESK}/sign-in"
    assert desk.secret == ""
    over = desk.application.session(secret)
    assert not desk.application.is_open(over)
    assert over.id_token is None
    assert "You have signed out." in desk.reads(f"/sign-in?state={asked['state']}")


def test_a_copy_of_the_cookie_is_worth_nothing_after_that_nor_after_a_restart(
    store, agreement, clock, provider
):
    with Ledger.open(store) as ledger:
        desk = Desk(Application(ledger, {agreement.version: agreement}, clock), settings(provider))
        desk.signs_in(provider)
        copy = desk.secret
        desk.browser.get("/auth/logout")
        assert not desk.application.is_open(desk.application.session(copy))
    with Ledger.open(store) as ledger:
        again = Application(ledger, {agreement.version: agreement}, clock)
        assert not again.is_open(again.session(copy))


def test_a_session_outlives_a_restart(store, agreement, clock, provider):
    with Ledger.open(store) as ledger:
        desk = Desk(Application(ledger, {agreement.version: agreement}, clock), settings(provider))
        desk.signs_in(provider)
    with Ledger.open(store) as ledger:
        again = Application(ledger, {agreement.version: agreement}, clock)
        assert again.is_open(again.session(desk.secret))


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_sign_anybody_out(desk, provider, site):
    desk.signs_in(provider)
    answer = desk.browser.get("/auth/logout", headers={"sec-fetch-site": site})
    assert (answer.status_code, "Another site led you here" in answer.text) == (200, True)
    assert desk.application.is_open(desk.session)


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_person_can(desk, provider, site):
    desk.signs_in(provider)
    session = desk.session
    desk.browser.get("/auth/logout", headers={"sec-fetch-site": site})
    assert not desk.application.is_open(desk.application._sessions.find(session.id))


OWN_END = "/sign-in?state=signed_out"


@pytest.mark.parametrize("gone", ["no such place", "not wanted", "down", "no session"])
def test_where_the_provider_has_no_end_of_session_the_sign_in_page_is_it(application, provider, gone):
    if gone == "no such place":
        provider.metadata["end_session_endpoint"] = ...
    desk = Desk(application, settings(provider, end_session=gone != "not wanted"))
    if gone != "no session":
        desk.signs_in(provider)
    if gone == "down":
        desk.sign_in.connections["nordfrakt"]._app.server_metadata.clear()
        provider.status["metadata"] = 500
    secret = desk.secret
    assert desk.browser.get("/auth/logout").headers["location"] == OWN_END
    assert not application.is_open(application.session(secret))
    assert desk.secret == ""
    assert "You have signed out." in desk.reads(OWN_END)


def test_a_token_is_kept_only_where_it_will_be_needed(application, provider):
    desk = Desk(application, settings(provider, end_session=False))
    desk.signs_in(provider)
    assert desk.session.id_token is None


def test_a_store_that_cannot_be_written_does_not_say_that_the_session_ended(desk, provider, monkeypatch):
    def full(*_):
        raise StoreError("The disk is full.")

    desk.signs_in(provider)
    monkeypatch.setattr(desk.application, "sign_out", full)
    assert cause(desk.browser.get("/auth/logout").headers["location"]) == "store_down"
    assert desk.secret != ""


# --- the demo ---------------------------------------------------------------------------------------------


def test_the_demo_lists_its_people_and_leads_to_the_one_name_under_which_signing_in_works(
    application, provider
):
    from dpa_core import demo

    desk = Desk(application, settings(provider), personas=demo.personas())
    said = desk.reads("/sign-in")
    assert all(p.name in said and p.email in said for p in demo.personas())
    for path in ("/sign-in?next=%2Ffeatures", "/auth/login?provider=nordfrakt&next=%2Ffeatures"):
        elsewhere = desk.browser.get(path, headers={"host": "127.0.0.1:8501"})
        assert elsewhere.headers["location"] == f"{DESK}/sign-in?next=%2Ffeatures"
