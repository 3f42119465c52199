"""Requests that no page of ours makes: addresses, methods, bodies, and uploads to somebody else's page.

A new address is a row of `ODD`, a new closed door a row of `CLOSED`.
"""

from __future__ import annotations

import pytest
from streamlit import runtime

from tests.hostile.streamlit_client import Answer, ask, connect, upload

MB = 1024 * 1024


@pytest.fixture
def anna(desk):
    return desk.sign_in("anna")


@pytest.fixture
def open_page(desk, anna):
    """A page of Anna's, and its upload address's session."""
    with connect(desk.address, anna) as page:
        page.rerun()
        page.until_drawn()
        yield page


def held() -> int:
    """Bytes that Streamlit holds of uploads."""
    files = runtime.get_instance().uploaded_file_mgr.file_storage
    return sum(len(f.data) for those in files.values() for f in those.values())


@pytest.fixture(autouse=True)
def nothing_held(desk):
    """No upload of an earlier test, which Streamlit keeps for two minutes."""
    manager = runtime.get_instance().uploaded_file_mgr
    for session in list(manager.file_storage):
        manager.remove_session_files(session)


def is_plain(answer: Answer) -> bool:
    """Whether an answer says in a sentence what is wrong, and nothing of how it is made."""
    return "Traceback" not in answer.text and "streamlit" not in answer.text.lower() and len(answer.text) > 10


# --- addresses and methods ---------------------------------------------------------------------------

ODD = {
    "up": "/../etc/passwd",
    "up, hidden": "/%2e%2e/etc/passwd",
    "up in a file": "/static/../../secrets",
    "up, twice hidden": "/static/%252e%252e/secrets",
    "a zero byte": "/static/%00.js",
    "two slashes": "//attacker.example/",
    "a hidden slash": "/%2f%2fattacker.example",
    "a hidden slash within": "/static%2f..%2fsecrets",
    "a backslash": "/\\attacker.example",
    "a hidden backslash": "/%5Cattacker.example",
    "no UTF-8": "/%ff%fe",
    "no UTF-8 in the query": "/?customer=%ff",
    "a zero byte in the query": "/?customer=%00",
    "a line break": "/history%0d%0aset-cookie:x",
    "a long path": "/" + "a" * 5_000,
    "a long query": "/?a=" + "a" * 20_000,
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("signed_in", [False, True])
def test_an_odd_address_is_answered_in_a_sentence(desk, anna, case, signed_in, log):
    answer = ask(desk.address, "GET", ODD[case], anna if signed_in else None, accept="text/html")
    assert answer.status == 400
    assert is_plain(answer)
    assert "location" not in answer.headers
    assert "Traceback" not in "\n".join(log)


CLOSED = [
    "/_stcore/metrics",
    "/_stcore/script-health-check",
    "/_stcore/agent/mcp",
    "/_stcore/agent/interact",
    "/_stcore/agent/openapi.json",
    "/_stcore/bidi-components/x/y.js",
    "/_stcore/upload_file",
    "/component/x/index.html",
    "/app/static/x",
    "/auth/other",
    "/history/_stcore/health",
    "/media/a/b",
    "/.env",
    "/.git/config",
]


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_what_nobody_needs_is_closed_to_everybody(desk, anna, path, method):
    answer = ask(desk.address, method, path, anna, origin=desk.address.origin)
    assert answer.status == 404
    assert is_plain(answer)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_refused(desk, anna, method, log):
    assert ask(desk.address, method, "/", anna).status == 405
    assert "Traceback" not in "\n".join(log)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/history", "/_stcore/health", "/static/x.js", "/media/x.pdf"])
def test_pages_and_files_are_only_read(desk, anna, path, method):
    answer = ask(desk.address, method, path, anna, origin=desk.address.origin)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/history", "/favicon.png", "/_stcore/health", "/_stcore/host-config"])
def test_a_page_and_what_it_is_drawn_with_need_a_sign_in(desk, anna, path):
    assert ask(desk.address, "GET", path).status == 401
    assert ask(desk.address, "GET", path, "A" * 43).status == 401
    for method in ("GET", "HEAD"):
        assert ask(desk.address, method, path, anna).status == 200


def test_whoever_types_an_address_without_a_sign_in_is_led_there_and_back(desk):
    answer = ask(desk.address, "GET", "/history?customer=nordfrakt&as_of=2026-06-30", accept="text/html,*/*")
    assert answer.status == 302
    wanted = "%2Fhistory%3Fcustomer%3Dnordfrakt%26as_of%3D2026-06-30"
    assert answer.headers["location"] == f"{desk.address.origin}/sign-in?next={wanted}"


def test_at_another_name_the_same_page_is_offered_at_the_right_one(desk, anna):
    answer = ask(
        desk.address, "GET", "/history?as_of=2026-06-30", anna, host="old.example", accept="text/html"
    )
    assert answer.status == 421
    assert "DPA_PUBLIC_URL" in answer.text
    assert f"href='{desk.address.origin}/history?as_of=2026-06-30'" in answer.text


@pytest.mark.parametrize(
    "host", [None, "", "desk.example@attacker.example", "desk.example/", "xn--dsk-.example", "blåbär.example"]
)
def test_other_hosts_are_refused(desk, anna, host):
    answer = ask(desk.address, "GET", "/", anna, host=host and host.encode().decode("latin-1"))
    assert answer.status in (400, 421)


def test_two_hosts_are_refused(desk, anna):
    answer = ask(desk.address, "GET", "/", anna, body=None, host=f"{desk.address.host}, attacker.example")
    assert answer.status == 421


@pytest.mark.parametrize("path", ["/healthz", "/livez"])
def test_health_is_told_whatever_the_host_is(desk, path):
    for host in ("10.0.0.7:8501", "load-balancer"):
        assert ask(desk.address, "GET", path, host=host).status == 200
    assert ask(desk.address, "POST", path).status == 405


def test_a_page_elsewhere_learns_nothing(desk, anna):
    for path in ("/_stcore/health", "/_stcore/host-config", "/"):
        answer = ask(desk.address, "GET", path, anna, origin="https://attacker.example")
        assert "access-control-allow-origin" not in answer.headers
    assert '"allowedOrigins":[]' in ask(desk.address, "GET", "/_stcore/host-config", anna).text


def test_a_header_too_large_is_explained(desk, anna):
    answer = ask(
        desk.address, "GET", "/", cookie=f"dpa_session={anna}; old={'a' * 9_000}", accept="text/html"
    )
    assert answer.status == 431
    assert "Delete the cookies of this address" in answer.text


# --- headers -----------------------------------------------------------------------------------------


def test_pages_and_files_have_their_headers(desk, anna):
    page = ask(desk.address, "GET", "/history", anna)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert f"connect-src 'self' ws://{desk.address.host};" in policy
    assert page.headers["cache-control"] == "no-cache"
    files = [part.split('"')[0].removeprefix(".") for part in page.text.split('src="')[1:]]
    assert files
    file = ask(desk.address, "GET", files[0], anna)
    assert "immutable" in file.headers["cache-control"]
    for answer in (
        page,
        file,
        ask(desk.address, "GET", "/nothing/here"),
        ask(desk.address, "GET", "/healthz"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


# --- uploads -----------------------------------------------------------------------------------------


def test_an_upload_needs_a_sign_in_and_a_page_of_ones_own(desk, anna, open_page):
    session = open_page.session
    ended = desk.sign_in("anna")
    desk.sign_out(ended)
    assert upload(desk.address, None, session, b"x").status == 401
    assert upload(desk.address, "A" * 43, session, b"x").status == 401
    assert upload(desk.address, ended, session, b"x").status == 401
    assert upload(desk.address, desk.sign_in("henrik"), session, b"x").status == 403
    assert upload(desk.address, anna, "no-such-session", b"x").status == 403
    assert upload(desk.address, anna, session, b"x", origin="https://attacker.example").status == 403
    assert held() == 0
    assert upload(desk.address, anna, session, b"x").status == 204
    assert held() == 1
    path = f"/_stcore/upload_file/{session}/a-file"
    henrik = desk.sign_in("henrik")
    assert ask(desk.address, "DELETE", path, henrik, origin=desk.address.origin).status == 403
    assert held() == 1


def test_what_one_person_has_uploaded_is_bounded_and_freed_when_the_page_closes(desk):
    secret = desk.sign_in("david")
    with connect(desk.address, secret) as page:
        page.rerun()
        page.until_drawn()
        big = b"a" * (2 * MB)
        assert upload(desk.address, secret, page.session, big).status == 204
        again = upload(desk.address, desk.sign_in("david"), page.session, big)
        assert again.status == 429
        assert "More than 3 MB of your uploads wait" in again.text
        assert "retry-after" in again.headers
        manager = runtime.get_instance().uploaded_file_mgr
        manager.remove_session_files(page.session)  # as Streamlit does when a page has been closed a while
        assert upload(desk.address, secret, page.session, big).status == 204
        manager.remove_session_files(page.session)


def test_what_one_person_uploads_in_an_hour_is_bounded(desk):
    secret = desk.sign_in("eva")
    with connect(desk.address, secret) as page:
        page.rerun()
        page.until_drawn()
        answers = []
        for _ in range(7):
            answers.append(upload(desk.address, secret, page.session, b"a" * 2 * MB).status)
            runtime.get_instance().uploaded_file_mgr.remove_session_files(page.session)
    assert answers == [204] * 5 + [429] * 2


def test_a_body_is_bounded_whatever_it_says_of_its_length(desk, anna, open_page, monkeypatch, log):
    session = open_page.session
    assert upload(desk.address, anna, session, b"x", content_length=str(100 * MB)).status == 413
    assert upload(desk.address, anna, session, b"x", content_length="ten").status == 400
    four = b"a" * (4 * MB)
    assert upload(desk.address, anna, session, four, in_parts_of=MB // 2).status == 429
    monkeypatch.setattr("dpa_core.web.streamlit_side.largest_upload", lambda: MB)
    assert upload(desk.address, anna, session, four, in_parts_of=MB // 2).status == 413
    assert held() == 0
    assert "Traceback" not in "\n".join(log)


def test_nothing_of_a_refused_upload_stays_counted(desk, anna, open_page):
    for _ in range(3):
        upload(desk.address, anna, open_page.session, b"a" * 4 * MB)
    assert upload(desk.address, anna, open_page.session, b"a" * MB).status == 204
    runtime.get_instance().uploaded_file_mgr.remove_session_files(open_page.session)
