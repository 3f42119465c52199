"""A sign-in leads back to a page of ours, and nowhere else."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core.web.way_back import local, with_next

ELSEWHERE = [
    "",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/%09/evil.example",
    "/%2fevil.example",
    "/%2F%2Fevil.example",
    "/%5cevil.example",
    "/%255cevil.example",
    "/./\\evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/;@evil.example",
    "/@evil.example",
    "https://evil.example",
    "https:evil.example",
    "HTTPS:/evil.example",
    "//desk.example@evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "/features?x=\\evil",
    "/features?x=\r\nset-cookie:a=b",
    "/features\r\nlocation: //evil.example",
    "/features\u2028",
    "/ﬀ",
    "/auth/logout",
    "/auth/login?provider=x",
    "/auth/",
    "/oauth2callback?code=1",
    "/OAuth2Callback",
    "/sign-in?next=/",
    "/download/abc",
    "/_stcore/health",
    "/" + "a" * 2_000,
]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_nothing_but_a_page_of_ours_is_led_back_to(wanted):
    assert local(wanted) == "/"


@pytest.mark.parametrize(
    "wanted",
    [
        "/",
        "/features",
        "/data_return/",
        "/history?customer=nordfrakt&as_of=2026-06-30",
        "/?customer=nord%20frakt&x=%2F%2Fevil.example",
        "/features?next=https://evil.example/",
    ],
)
def test_a_page_with_its_query_is(wanted):
    assert local(wanted) == wanted


def test_what_follows_a_fragment_is_left_off():
    assert local("/features?a=b#/x") == "/features?a=b"
    assert local("/features#//evil.example") == "/features"
    assert local("/features?") == "/features"


@given(st.text(max_size=60) | st.text(alphabet="/\\.%:?#@25fFcC \t\nab", max_size=20).map("/".__add__))
def test_wherever_it_leads_it_is_this_server(wanted):
    # As browsers read an address: backslashes are slashes, and blanks inside are left out.
    back = local(wanted)
    read = "".join(c for c in back if c not in "\t\r\n").replace("\\", "/").strip()
    there = urlsplit(urljoin("https://desk.example/sign-in", read))
    assert (there.scheme, there.netloc) == ("https", "desk.example")
    assert local(back) == back


def test_an_address_of_the_sign_in_knows_the_page():
    assert with_next("/sign-in", "/history?customer=a&b=c") == (
        "/sign-in?next=%2Fhistory%3Fcustomer%3Da%26b%3Dc"
    )
    assert with_next("/sign-in?problem=x", "/features") == "/sign-in?problem=x&next=%2Ffeatures"
    assert with_next("/sign-in", "//evil.example") == "/sign-in"
