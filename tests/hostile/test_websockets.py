"""Websockets that no page of ours opens, and messages that none sends.

A new case of the first kind is a row of `REFUSED`; of the second, a row of `MESSAGES`.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from streamlit import net_util
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from dpa_core.application import SESSION
from tests.hostile.streamlit_client import connect, refused

STRANGER = "https://attacker.example"


@pytest.fixture(autouse=True)
def asks_nobody(desk, monkeypatch):
    """No request may make the server open a connection, or look its own address up."""
    connect_to = socket.socket.connect

    def only_ours(self, address):
        assert address[:2] == ("127.0.0.1", desk.address.port), f"the server connected to {address}"
        return connect_to(self, address)

    def asked(*_, **__):
        raise AssertionError("Streamlit looked up an address")

    monkeypatch.setattr(socket.socket, "connect", only_ours)
    for name in ("get_external_ip", "get_internal_ip", "_make_blocking_http_get"):
        monkeypatch.setattr(net_util, name, asked)


@pytest.fixture
def anna(desk):
    return desk.sign_in("anna")


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "of a page elsewhere": ({"origin": STRANGER}, 403),
    "of a page without an origin": ({"origin": "null"}, 403),
    "of no page": ({"origin": None}, 403),
    "of the same host over TLS": ({"origin": "https://desk.example"}, 403),
    "of another port": ({"origin": "http://desk.example:8080"}, 403),
    "of a host that begins alike": ({"origin": "http://desk.example.attacker.example"}, 403),
    "of a host that ends alike": ({"origin": "http://evil-desk.example"}, 403),
    "of the host with a dot": ({"origin": "http://desk.example."}, 403),
    "with a user": ({"origin": "http://desk.example@attacker.example"}, 403),
    "with the host as user": ({"origin": "http://user@desk.example"}, 403),
    "with a path": ({"origin": "http://desk.example/"}, 403),
    "from localhost, which Streamlit would take": ({"origin": "http://localhost:3000"}, 403),
    "to another host": ({"host": "attacker.example", "origin": "http://attacker.example"}, 421),
    "to another host, of a page here": ({"host": "attacker.example"}, 421),
    "to another port": ({"host": "desk.example:81"}, 421),
    "to the host with a dot": ({"host": "desk.example."}, 421),
    "to another address": ({"path": "/_stcore/stream/"}, 404),
    "to another protocol's address": ({"path": "/_stcore/agent/mcp"}, 404),
    "with two slashes": ({"path": "//_stcore/stream"}, 400),
    "with a forged cookie": ({"Cookie": "dpa_session=" + "A" * 43}, 401),
    "with an empty cookie": ({"Cookie": "dpa_session="}, 401),
    "with Streamlit's own cookie": ({"Cookie": "_streamlit_user=anna"}, 401),
    "with a cookie that is no text": ({"Cookie": "dpa_session=\xff\xfe"}, 400),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_websocket_is_refused(desk, anna, case, log):
    options, status = REFUSED[case]
    secret = None if "Cookie" in options else anna
    assert refused(desk.address, secret, **options) == status
    assert "Traceback" not in "\n".join(log)


@pytest.mark.parametrize("origin", ["HTTP://DESK.EXAMPLE", "http://desk.example:80"])
def test_the_public_address_may_be_written_otherwise(desk, anna, origin):
    assert refused(desk.address, anna, origin=origin) == 101


def test_nginx_passes_the_address_of_its_upstream_as_host(desk, anna):
    for host in (f"127.0.0.1:{desk.address.port}", f"localhost:{desk.address.port}"):
        assert refused(desk.address, anna, host=host) == 101
    assert refused(desk.address, anna, host="127.0.0.2") == 421


def test_a_cookie_that_stands_twice_opens_nothing(desk, anna):
    henrik = desk.sign_in("henrik")
    planted = f"dpa_session={henrik}; dpa_session={anna}"
    assert refused(desk.address, None, Cookie=planted) == 401


def test_an_ended_sign_in_opens_nothing_and_one_that_time_ended_shows_that_it_did(desk, anna):
    ended = desk.sign_in("bo")
    desk.sign_out(ended)
    assert refused(desk.address, ended) == 401
    began = desk.clock.at
    try:
        desk.clock.at += SESSION
        with connect(desk.address, anna) as page:
            page.rerun(query="customer=nordfrakt")
            shown = page.shown()
    finally:
        desk.clock.at = began
    assert "sign in again" in shown.lower()
    assert "Nordfrakt" not in shown


def test_many_refused_websockets_do_not_hold_a_good_one_up(desk, anna):
    """Streamlit would ask an outside server for each of them, two seconds each, one after another."""
    answered = []
    for _ in range(100):
        answered.append(refused(desk.address, anna, origin=STRANGER))
    with connect(desk.address, anna) as page:
        for _ in range(100):
            answered.append(refused(desk.address, None, origin=STRANGER))
        page.rerun(query="customer=nordfrakt")
        assert "Nordfrakt" in page.shown()
    assert answered == [403] * 200


# --- somebody else's ---------------------------------------------------------------------------------


def test_streamlits_session_of_somebody_else_is_not_gone_on_with(desk, anna):
    with connect(desk.address, anna) as page:
        page.rerun(query="customer=nordfrakt")
        page.until_drawn()
        with connect(desk.address, desk.sign_in("henrik"), session=page.session) as other:
            other.rerun()
            assert "Nordfrakt" not in other.shown()
            assert other.session != page.session
        page.rerun(query="customer=nordfrakt")  # which is still there
        assert "Nordfrakt" in page.shown()


def test_ones_own_session_is_gone_on_with_after_a_new_sign_in(desk, anna):
    with connect(desk.address, anna) as page:
        page.rerun()
        page.until_drawn()
    with connect(desk.address, desk.sign_in("anna"), session=page.session) as again:
        again.rerun()
        again.until_drawn()
    assert again.session == page.session


def test_a_page_is_left_for_sign_in_once_its_sign_in_was_ended(desk):
    secret = desk.sign_in("anna")
    with connect(desk.address, secret) as page:
        page.rerun()
        page.until_drawn()
        desk.sign_out(secret)
        assert page.closed() == 4401
    assert page.said[-1].auth_redirect.url == "/sign-in"


def test_other_sign_ins_of_the_same_person_go_on(desk, anna):
    ended = desk.sign_in("anna")
    with connect(desk.address, anna) as page, connect(desk.address, ended) as other:
        other.rerun()
        other.until_drawn()
        desk.sign_out(ended)
        assert other.closed() == 4401
        page.rerun(query="customer=nordfrakt")
        assert "Nordfrakt" in page.shown()


# --- how many ----------------------------------------------------------------------------------------


def test_one_sign_in_and_one_person_have_so_many_pages_open_and_closed_ones_count_no_more(desk):
    first, second = desk.sign_in("clara"), desk.sign_in("clara")
    with connect(desk.address, first), connect(desk.address, first):
        with connect(desk.address, first):
            assert refused(desk.address, first) == 429
            with connect(desk.address, second):
                assert refused(desk.address, second) == 429
            assert refused(desk.address, desk.sign_in("david")) == 101
        assert until(lambda: refused(desk.address, first), 101)


def until(ask, wanted):
    """Ask until the answer is the wanted one: the server learns a moment later that a page was closed."""
    for _ in range(1_000):
        if (answer := ask()) == wanted:
            return True
    return answer


# --- messages ----------------------------------------------------------------------------------------


def _rerun(**state: Any) -> bytes:
    message = BackMsg()
    for name, value in state.items():
        setattr(message.rerun_script, name, value)
    return message.SerializeToString()


def _with_widgets(*widgets: WidgetState) -> bytes:
    message = BackMsg()
    message.rerun_script.widget_states.widgets.extend(widgets)
    return message.SerializeToString()


CLOSED: dict[str, tuple[bytes | str, int]] = {
    "text": ("rerun", 1003),
    "no message": (b"\xff\xff\xff", 1007),
    "half a message": (_rerun(query_string="customer=nordfrakt")[:-3], 1007),
    "a message larger than is taken": (b"\0" * (1024 * 1024 + 1), 1009),
}


@pytest.mark.parametrize("case", CLOSED)
def test_what_is_no_message_of_a_page_ends_the_connection(desk, anna, case, log):
    sent, code = CLOSED[case]
    with connect(desk.address, anna) as page:
        page.send(sent)
        assert page.closed() == code
    assert "Traceback" not in "\n".join(log)


IGNORED = ["clear_cache", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime"]


@pytest.mark.parametrize("kind", IGNORED)
def test_messages_for_developers_do_nothing(desk, anna, kind):
    with connect(desk.address, anna) as page:
        message = BackMsg()
        setattr(message, kind, True)
        page.send(message)
        page.send(b"")
        page.rerun(query="customer=nordfrakt")
        assert "Nordfrakt" in page.shown()


ODD: dict[str, bytes] = {
    "a page that is none": _rerun(page_script_hash="0" * 32, query_string="customer=solsidan"),
    "the provider's page": _rerun(page_name="desk", query_string="customer=solsidan"),
    "a file as page": _rerun(page_name="../../etc/passwd", query_string="customer=solsidan"),
    "a fragment of others": _rerun(fragment_id="0" * 32, query_string="customer=solsidan"),
    "another ledger": _rerun(query_string="customer=%40provider"),
    "a day that is none": _rerun(query_string="customer=solsidan&as_of=9999-99-99"),
    "a query of odd text": _rerun(query_string="customer=%00%ff%27--&as_of=%E2%80%AE"),
    "a widget of nobody": _with_widgets(WidgetState(id="$$ID-0-None", trigger_value=True)),
    "a widget that is none": _with_widgets(WidgetState(id="customer", string_value="solsidan")),
}


@pytest.mark.parametrize("case", ODD)
def test_forged_runs_show_nothing_of_others_and_break_nothing(desk, anna, case, log):
    with connect(desk.address, anna) as page:
        page.send(ODD[case])
        if case != "a fragment of others":  # Streamlit answers such a one with nothing
            assert "Solsidan" not in page.shown()
        page.rerun(query="customer=nordfrakt")
        assert "Nordfrakt" in page.shown()
    assert "Traceback" not in "\n".join(log)


def test_a_run_asks_the_sign_in_again(desk, anna):
    with connect(desk.address, anna) as page:
        page.rerun(query="customer=nordfrakt")
        page.until_drawn()
        began = desk.clock.at
        try:
            desk.clock.at += SESSION + timedelta(seconds=1)
            page.rerun(query="customer=nordfrakt")
            shown = page.shown()
        finally:
            desk.clock.at = began
    assert "Please sign in again" in shown
