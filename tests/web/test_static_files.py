"""What pages are drawn with comes compressed and is kept; nothing else is compressed."""

from __future__ import annotations

import gzip
import tomllib

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dpa_core.settings import ROOT
from dpa_core.web.headers import SHELL
from dpa_core.web.static_files import Files, has_it, takes_gzip

FOLDER = SHELL.parent
SCRIPT = next(FOLDER.glob("static/js/index.*.js"))
STYLE = next(FOLDER.glob("static/css/*.css"))
FONT = next(FOLDER.glob("static/media/MaterialSymbols*.woff2"))
YEAR, ASK = "public, max-age=31536000, immutable", "no-cache"


def address(path) -> str:
    return f"/{path.relative_to(FOLDER).as_posix()}"


@pytest.fixture(scope="module")
def client() -> TestClient:
    """Of the files, with an answer behind them that tells what it was asked."""

    def behind(request: Request) -> JSONResponse:
        return JSONResponse({"secret": "x" * 5_000, "asked": dict(request.headers)})

    return TestClient(Starlette(routes=[Route("/{path:path}", behind)], middleware=[Middleware(Files)]))


def ask(client, path, method="GET", **headers):
    """The answer as it was sent, not as a client unpacks it."""
    with client.stream(method, path, headers={"accept-encoding": "gzip", **headers}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", [SCRIPT, STYLE], ids=["script", "style"])
def test_text_is_compressed_and_kept_for_a_year(client, path):
    answer, sent = ask(client, address(path))
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["cache-control"] == YEAR
    assert int(answer.headers["content-length"]) == len(sent) < path.stat().st_size / 2
    assert gzip.decompress(sent)[:500] == path.read_bytes()[:500]


def test_who_does_not_take_it_compressed_gets_it_as_it_is(client):
    answer, sent = ask(client, address(SCRIPT), **{"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert sent == SCRIPT.read_bytes()


def test_each_form_has_a_mark_of_its_own(client):
    marks = {ask(client, address(SCRIPT), **{"accept-encoding": c})[0].headers["etag"] for c in ("gzip", "")}
    assert len(marks) == 2


def test_a_font_is_compressed_already(client):
    answer, sent = ask(client, address(FONT))
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "font/woff2"
    assert answer.headers["cache-control"] == YEAR
    assert sent == FONT.read_bytes()


@pytest.mark.parametrize("path", ["/", "/features", "/index.html", "/favicon.png", "/manifest.json"])
def test_what_keeps_its_name_is_asked_for_each_time(client, path):
    answer, sent = ask(client, path)
    assert answer.headers["cache-control"] == ASK
    again, nothing = ask(client, path, **{"if-none-match": answer.headers["etag"]})
    assert (again.status_code, nothing) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    assert again.headers.get("vary") == answer.headers.get("vary")
    assert sent


def test_a_head_says_what_would_come_and_sends_nothing(client):
    whole, sent = ask(client, address(SCRIPT))
    head, nothing = ask(client, address(SCRIPT), "HEAD")
    assert nothing == b""
    assert head.headers == whole.headers
    assert int(head.headers["content-length"]) == len(sent)


@pytest.mark.parametrize("path", [SCRIPT, FONT], ids=["script", "font"])
def test_a_part_of_a_file_is_never_cut_out_of_the_compressed_one(client, path):
    answer, sent = ask(client, address(path), range="bytes=10-19")
    assert answer.status_code == 200
    unpacked = gzip.decompress(sent) if "content-encoding" in answer.headers else sent
    assert unpacked == path.read_bytes()


def test_no_font_is_fetched_that_no_page_shows(client):
    shell, style = (gzip.decompress(ask(client, path)[1]) for path in ("/features", address(STYLE)))
    for before, after in ((SHELL.read_bytes(), shell), (STYLE.read_bytes(), style)):
        assert b"SourceSans" in before
        assert b"Source" not in after
        assert after.count(b"<script") == before.count(b"<script")
    assert b"Material Symbols" in style
    # All that is left out are the rules for those fonts.
    assert style.count(b"{") == STYLE.read_bytes().count(b"{") - STYLE.read_bytes().count(b"family:Source")


def test_the_fonts_of_pages_are_those_of_the_machine():
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    for name in ("font", "headingFont", "codeFont"):
        assert "Source" not in theme[name]


@pytest.mark.parametrize(
    "path", ["/_stcore/host-config", "/media/x.svg", "/download/x", "/static/js/none.js"]
)
def test_nothing_else_is_asked_for_compressed(client, path):
    answer, sent = ask(client, path)
    assert "content-encoding" not in answer.headers
    assert b"accept-encoding" not in sent


TAKEN = {
    "gzip": True,
    "GZIP": True,
    "gzip, deflate, br, zstd": True,
    "br;q=1.0, gzip;q=0.8, *;q=0.1": True,
    "*": True,
    "deflate, gzip ; q=0.5": True,
    "": False,
    "identity": False,
    "br": False,
    "gzip;q=0": False,
    "gzip;q=0.000, *": False,
    "*;q=0": False,
    "gzip;q=": False,
    "gzip;q=much": False,
    "notgzip": False,
}


@pytest.mark.parametrize("accepted", TAKEN)
def test_compression_is_as_the_sender_wants_it(accepted):
    assert takes_gzip(accepted) is TAKEN[accepted]


@pytest.mark.parametrize(
    ("named", "known"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("", False),
        ("a", False),
    ],
)
def test_a_version_is_known_by_its_mark(named, known):
    assert has_it(named, '"a"') is known
