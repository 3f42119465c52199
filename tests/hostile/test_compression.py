"""Over real HTTP: files of pages come compressed; what may hold a secret never does, nor a websocket."""

from __future__ import annotations

import pytest

from dpa_core.web.headers import SHELL
from tests.hostile.streamlit_client import ask, connect

SCRIPT = f"/static/js/{next(SHELL.parent.glob('static/js/index.*.js')).name}"
ALL = "gzip, deflate, br, zstd"


@pytest.fixture
def anna(desk):
    return desk.sign_in("anna")


@pytest.mark.parametrize("path", [SCRIPT, "/features"])
def test_files_of_pages_come_compressed(desk, anna, path):
    answer = ask(desk.address, "GET", path, anna, accept_encoding=ALL)
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-security-policy" in answer.headers
    head = ask(desk.address, "HEAD", path, anna, accept_encoding=ALL)
    assert (head.status, head.text) == (200, "")
    assert head.headers["content-length"] == answer.headers["content-length"]
    bare = ask(desk.address, "GET", path, anna)
    assert (bare.status, "content-encoding" in bare.headers) == (200, False)
    assert len(bare.text.encode()) == int(bare.headers["content-length"])


def test_what_a_browser_has_is_not_sent_again(desk, anna):
    first = ask(desk.address, "GET", "/features", anna, accept_encoding=ALL)
    again = ask(
        desk.address, "GET", "/features", anna, accept_encoding=ALL, if_none_match=first.headers["etag"]
    )
    assert (again.status, again.text) == (304, "")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


def test_nobody_gets_a_file_without_signing_in(desk):
    assert ask(desk.address, "GET", SCRIPT, accept_encoding=ALL).status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in",
        "/healthz",
        "/.well-known/dpa-snapshot-1.schema.json",
        "/_stcore/host-config",
        "/_stcore/health",
        "/download/nothing",
        "/media/nothing",
        "/nothing/here",
    ],
)
def test_nothing_else_does(desk, anna, path):
    assert "content-encoding" not in ask(desk.address, "GET", path, anna, accept_encoding=ALL).headers


def test_no_websocket_does(desk, anna):
    with connect(desk.address, anna) as page:  # offers to, as browsers do
        assert page.socket.protocol.extensions == []
