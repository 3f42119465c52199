"""The guard by itself: whose word about the sender counts, limits in time, headers behind TLS."""

from __future__ import annotations

import asyncio
import threading

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from uvicorn.protocols.utils import ClientDisconnected

from dpa_core.access import Identity
from dpa_core.ledger import StoreError
from dpa_core.settings import Limits
from dpa_core.web import health
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.guard import Guard
from dpa_core.web.limits import Allowance, network_of
from dpa_core.web.plain import page
from dpa_core.web.public import PublicAddress
from tests.conftest import email


def seen(request: Request) -> Response:
    """What stands behind the guard, and how a request comes to it."""
    answer = JSONResponse(
        {
            "url": str(request.url),
            "client": request.client and request.client.host,
            "headers": dict(request.headers),
        }
    )
    answer.set_cookie("_streamlit_xsrf", "x")
    answer.headers["access-control-allow-origin"] = "*"
    return answer


def broken(_: Request) -> Response:
    raise ValueError("a detail of ours")


def left(_: Request) -> Response:
    raise ClientDisconnected  # as uvicorn says of a page that was left while it was being answered


OWN = [
    Route("/left", left),
    Route("/sign-in", lambda _: page("Sign in", "Here.")),
    Route("/here", seen),
    Route("/elsewhere", lambda _: RedirectResponse("/sign-in")),
    Route("/broken", broken),
]


@pytest.fixture
def browser(application):
    """`browser(url=…, base=…, …)`: a client of a guard; `base` is the address that it is reached at."""

    def start(url="https://desk.example", base=None, signed_in=True, client=("10.0.0.9", 1), **options):
        cookie = SessionCookie(secure=url.startswith("https:"))
        guard = Middleware(Guard, application=application, cookie=cookie, own=OWN, public_url=url, **options)
        app = Starlette(routes=[Route("/{path:path}", seen)], middleware=[guard])
        cookies = {}
        if signed_in:
            who = Identity("", "https://id.example", "anna", email("anna"), "Anna")
            cookies[cookie.name] = application.sign_in(who, "Test browser")[0]
        return TestClient(
            app, base_url=base or url, cookies=cookies, client=client, follow_redirects=False,
            raise_server_exceptions=False,
        )  # fmt: skip

    return start


# --- behind a proxy ----------------------------------------------------------------------------------


def test_what_stands_behind_sees_the_public_address_and_nothing_of_the_way_there(browser):
    proxy = browser(base="http://10.0.0.1:8501", client=("10.0.0.9", 1), trusted_proxies="10.0.0.0/24")
    answer = proxy.get(
        "/history?a=1",
        headers={
            "host": "desk.example:443",
            "x-forwarded-for": "192.0.2.7, 10.0.0.8",
            "x-forwarded-host": "attacker.example",
            "forwarded": "host=attacker.example",
        },
    ).json()
    assert answer["url"] == "https://desk.example/history?a=1"
    assert answer["client"] == "192.0.2.7"
    assert "attacker.example" not in str(answer)


def test_only_a_trusted_proxys_word_about_the_sender_counts(browser):
    straight = browser(client=("192.0.2.1", 1), trusted_proxies="10.0.0.0/24")
    answer = straight.get(
        "/here", headers={"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "http"}
    ).json()
    assert answer["client"] == "192.0.2.1"
    assert answer["url"].startswith("https:")


def test_the_servers_own_address_is_a_name_for_proxies_and_leads_others_to_the_public_one(browser):
    inside = "http://10.0.0.1:8501"
    proxy = browser(base=inside, client=("10.0.0.9", 1), trusted_proxies="10.0.0.9")
    assert proxy.get("/here").status_code == 200
    for trusted in ("10.0.0.8", "none"):
        straight = browser(base=inside, client=("10.0.0.9", 1), trusted_proxies=trusted)
        assert straight.get("/here").status_code == 421
        answer = straight.get("/history?a=1", headers={"accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (302, "https://desk.example/history?a=1")


@pytest.mark.parametrize(
    ("url", "origins", "others"),
    [
        (
            "https://desk.example",
            ["https://desk.example", "https://desk.example:443"],
            ["http://desk.example"],
        ),
        ("https://desk.example:8443", ["https://desk.example:8443"], ["https://desk.example"]),
        ("https://blåbär.example", ["https://xn--blbr-toac.example"], ["https://xn--blbr.example"]),
        ("https://DESK.example/", ["https://desk.example"], ["https://desk.example."]),
        ("http://[2001:db8::1]:8501", ["http://[2001:DB8:0::1]:8501"], ["http://[2001:db8::2]:8501"]),
        ("http://localhost:8501", ["http://localhost:8501"], ["http://127.0.0.1:8501", "http://localhost"]),
    ],
)
def test_an_origin_is_compared_by_its_parts(url, origins, others):
    public = PublicAddress.of(url.replace("blåbär", "xn--blbr-toac"))
    assert all(public.is_origin(origin) for origin in origins)
    assert not any(public.is_origin(origin) for origin in [*others, "null", "", "https://", "desk.example"])
    assert public.is_origin(public.origin)
    assert public.is_named_by_host(public.netloc)


@pytest.mark.parametrize(
    "url",
    ["ftp://desk.example", "https://desk.example/dpa", "https://desk.example?a", "https://a@desk.example",
     "https://", "desk.example", "https://desk.example#a"],
)  # fmt: skip
def test_an_address_with_more_than_a_host_is_none(url):
    with pytest.raises(ValueError, match="is no address such as"):
        PublicAddress.of(url)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_comes_from_a_page_of_ours(browser, method):
    client = browser()
    for headers in (
        {"origin": "https://attacker.example"},
        {"origin": "null"},
        {"origin": "https://sub.desk.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        answer = client.request(method, "/here", headers=headers)
        assert (answer.status_code, "DPA_PUBLIC_URL" in answer.text) == (403, True)
    # What reaches the routes is their affair: these know GET.
    for headers in ({"origin": "https://desk.example"}, {}):
        assert client.request(method, "/here", headers=headers).status_code == 405


# --- headers -----------------------------------------------------------------------------------------


def test_behind_tls_every_cookie_is_secure_and_the_browser_remembers_it(browser):
    answer = browser().get("/history")
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "connect-src 'self' wss://desk.example;" in answer.headers["content-security-policy"]
    plain = browser("http://desk.example").get("/history")
    assert "Secure" not in plain.headers["set-cookie"]
    assert "strict-transport-security" not in plain.headers


def test_other_origins_are_told_nothing(browser):
    answer = browser().get("/history", headers={"origin": "https://attacker.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert "origin" not in answer.json()["headers"]
    assert answer.headers["cache-control"] == "no-store"


def test_our_own_pages_may_load_nothing_but_their_style(browser):
    answer = browser().get("/sign-in")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "style-src 'sha256-" in policy


def test_a_fault_of_ours_is_answered_with_a_number(browser, caplog):
    answer = browser().get("/broken", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert "a detail of ours" not in answer.text
    number = answer.text.split("number ")[1][:8]
    assert f"error {number}" in caplog.text


def test_somebody_who_leaves_before_the_answer_is_no_fault_of_ours(browser, caplog):
    browser().get("/left")
    assert "error" not in caplog.text


def test_a_store_that_cannot_be_read_is_said(browser, application, monkeypatch):
    client = browser()

    def full(_):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(application, "session", full)
    answer = client.get("/history", headers={"accept": "text/html"})
    assert (answer.status_code, "The disk is full." in answer.text) == (503, True)


def test_a_cookie_of_a_host_is_not_taken_under_the_name_without_its_prefix(browser):
    client = browser()
    secret = client.cookies["__Host-dpa_session"]
    client.cookies.clear()
    client.cookies.set("dpa_session", secret)
    assert client.get("/history").status_code == 401


# --- how much ----------------------------------------------------------------------------------------


def test_sign_ins_from_one_network_are_bounded(browser):
    client = browser(limits=Limits(sign_ins_per_minute=2), trusted_proxies="10.0.0.9")
    for _ in range(2):
        assert client.get("/sign-in").status_code == 200
    answer = client.get("/sign-in", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert client.get("/here").status_code == 200
    assert client.get("/sign-in", headers={"x-forwarded-for": "192.0.2.7"}).status_code == 200


def test_an_allowance_fills_up_again_evenly():
    now = [0.0]
    allowance = Allowance(10, 100, lambda: now[0])
    assert allowance.take("a", 10) == 0
    assert allowance.take("b", 1) == 0
    assert allowance.take("a", 2) == 20
    now[0] = 19
    assert allowance.take("a", 2) == 1
    now[0] = 20
    assert allowance.take("a", 2) == 0
    now[0] = 1_000
    assert allowance.take("a", 11) == 10  # more than there ever is


def test_a_subscribers_ipv6_network_counts_as_one_address():
    assert network_of(("2001:db8::1", 1)) == network_of(("2001:db8::ffff:2", 2))
    assert network_of(("2001:db8::1", 1)) != network_of(("2001:db8:0:1::1", 1))
    assert network_of(("::ffff:192.0.2.1", 1)) == network_of(("192.0.2.1", 1)) == "192.0.2.1"
    assert network_of(None) == ""


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "9" * 30])
def test_a_length_that_is_none_is_refused(browser, length):
    answer = browser().post("/here", headers={"content-length": length.encode()})
    assert answer.status_code in (400, 413)


def test_a_body_that_nothing_takes_is_not_read(browser):
    answer = browser().post("/here", content=b"a" * 2_000_000)
    assert answer.status_code == 413


# --- health ------------------------------------------------------------------------------------------


def test_readiness_asks_the_store_once_for_all_and_not_again_for_some_seconds():
    asked, go_on, now = [], threading.Event(), [0.0]

    def check():
        asked.append(now[0])
        go_on.wait()

    readiness = health.Readiness(check, lambda: now[0])

    async def ten():
        waiting = [asyncio.create_task(readiness.why_not()) for _ in range(10)]
        while not asked:
            await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(ten()) == [""] * 10
    assert asyncio.run(readiness.why_not()) == ""
    now[0] = health.KEPT
    assert asyncio.run(readiness.why_not()) == ""
    assert asked == [0.0, health.KEPT]


def test_a_store_that_cannot_be_written_is_not_ready_and_the_server_lives():
    def full():
        raise StoreError("The disk is full.")

    client = TestClient(Starlette(routes=health.routes(full)))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["why"]) == (503, "The disk is full.")
    assert client.get("/livez").json() == {"status": "ok"}
