"""What stands between the browser and the app: headers, cookies, the way back, and health."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from dpa_core import web
from dpa_core.ledger import StoreError
from dpa_core.snapshots.model import json_schema
from dpa_core.snapshots.sign import key_ring


def signed_in(_):
    answer = RedirectResponse("/", status_code=302)
    answer.set_cookie("_streamlit_user", "signed")
    return answer


ROUTES = [
    Route("/", lambda _: Response("app")),
    Route("/auth/login", lambda _: RedirectResponse("https://provider.example", status_code=302)),
    Route("/oauth2callback", signed_in),
]


def browser(*, secure=False, routes=ROUTES):
    app = Starlette(routes=routes, middleware=[Middleware(web._Guard, secure=secure)])
    scheme = "https" if secure else "http"
    return TestClient(app, base_url=f"{scheme}://desk.example", follow_redirects=False)


def after_sign_in(client, referer):
    client.get("/auth/login", headers={"referer": referer})
    return client.get("/oauth2callback?code=1").headers["location"]


def test_the_demo_leads_to_the_one_name_under_which_signing_in_works():
    guard = Middleware(web._Guard, secure=False, home="http://localhost:8501")
    client = TestClient(Starlette(routes=ROUTES, middleware=[guard]), follow_redirects=False)
    elsewhere = client.get("http://127.0.0.1:8501/auth/login")
    assert elsewhere.headers["location"] == "http://localhost:8501"
    at_home = client.get("http://localhost:8501/auth/login")
    assert at_home.headers["location"] == "https://provider.example"


def test_every_answer_carries_the_security_headers():
    headers = browser().get("/").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert "strict-transport-security" not in headers


def test_behind_tls_every_cookie_is_secure():
    answer = browser(secure=True).get("/oauth2callback?code=1")
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    assert all("; Secure" in cookie for cookie in cookies)
    assert "strict-transport-security" in answer.headers


def test_sign_in_leads_back_to_where_it_began():
    page = "/history?customer=nordfrakt&as_of=2026-06-30"
    assert after_sign_in(browser(), f"http://desk.example{page}") == page


@pytest.mark.parametrize(
    "referer",
    [
        "http://elsewhere.example/history",
        "http://desk.example.elsewhere.example/",
        "http://desk.example//elsewhere.example",
        "http://desk.example/auth/logout",
        "http://desk.example/oauth2callback?code=2",
        "",
    ],
)
def test_sign_in_never_leads_elsewhere(referer):
    assert after_sign_in(browser(), referer) == "/"


def test_a_forged_way_back_is_not_taken():
    client = browser()
    client.cookies.set("dpa_return", "//elsewhere.example", domain="desk.example")
    assert client.get("/oauth2callback?code=1").headers["location"] == "/"


def test_a_sign_in_that_failed_is_said_on_the_start_page():
    failing = [Route("/oauth2callback", lambda _: RedirectResponse("/", status_code=302))]
    answer = browser(routes=failing).get("/oauth2callback?error=access_denied")
    assert answer.headers["location"] == "/?sign_in=failed"


def test_health_is_200_when_the_store_can_be_written_and_503_with_a_sentence_when_not(
    application, monkeypatch, tmp_path
):
    client = TestClient(Starlette(routes=web._routes(application, key_ring(tmp_path))))
    assert client.get("/healthz").json() == {"status": "ok"}

    def full():
        raise StoreError("The disk is full.")

    monkeypatch.setattr(application.ledger, "check_writable", full)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["why"]) == (503, "The disk is full.")


def test_the_public_keys_and_the_schema_of_snapshots_are_there_for_anybody(application, tmp_path):
    keys = key_ring(tmp_path)
    client = TestClient(Starlette(routes=web._routes(application, keys)))
    [key] = client.get("/.well-known/jwks.json").json()["keys"]
    assert (key["kid"], key["crv"], "d" in key) == (keys.active.thumbprint(), "Ed25519", False)
    assert client.get("/.well-known/dpa-snapshot-1.schema.json").json() == json_schema()
