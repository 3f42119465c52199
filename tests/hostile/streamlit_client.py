"""A browser's side of Streamlit's protocol, for messages that no browser sends.

    with connect(desk, secret) as page:
        page.rerun(page="history", query="customer=nordfrakt")
        assert "Nordfrakt" in page.shown()

`connect` takes any headers, subprotocols and bytes; `refused` tells how the server answered instead.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import create_connection
from typing import Any

from google.protobuf.message import Message
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.util import calc_hash
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket

STREAM = "/_stcore/stream"
PATIENCE = 60
"""Seconds after which a test gives up; nothing is measured by it."""


@dataclass(frozen=True)
class Address:
    """Where a server listens, and under which name its people know it."""

    port: int
    origin: str

    @property
    def host(self) -> str:
        """As a browser's Host header has it."""
        return self.origin.split("://")[1]


def cookie(secret: str | None) -> dict[str, str]:
    """The header that brings a sign-in."""
    return {"Cookie": f"dpa_session={secret}"} if secret else {}


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; the last one of each."""
    text: str


def ask(
    address: Address,
    method: str,
    path: str,
    secret: str | None = None,
    body: bytes | Iterator[bytes] | None = None,
    **headers: str | None,
) -> Answer:
    """One request as it stands, byte for byte. `x_header="…"` adds or replaces one, None leaves it out."""
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=PATIENCE)
    named: dict[str, str | None] = {"Host": address.host, **cookie(secret)}
    named |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in named.items():
        if value is not None:
            connection.putheader(name, value)
    if isinstance(body, bytes):
        if "Content-Length" not in named:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
    elif body is not None:
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(body, encode_chunked=True)
    else:
        connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)


def upload(
    address: Address,
    secret: str | None,
    session: str,
    content: bytes,
    *,
    in_parts_of: int | None = None,
    **headers: str,
) -> Answer:
    """Upload a file to one of Streamlit's sessions, as its uploader does, or in parts that do not say how
    many will follow."""
    mark = "----------------boundary"
    body = (
        f'--{mark}\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n'
        "Content-Type: text/plain\r\n\r\n"
    ).encode() + content + f"\r\n--{mark}--\r\n".encode()  # fmt: skip
    named: dict[str, Any] = {
        "origin": address.origin,
        "content_type": f"multipart/form-data; boundary={mark}",
        **_xsrf(secret),
    } | headers
    sent: bytes | Iterator[bytes] = body
    if in_parts_of:
        sent = (body[at : at + in_parts_of] for at in range(0, len(body), in_parts_of))
    return ask(address, "PUT", f"/_stcore/upload_file/{session}/a-file", secret, sent, **named)


def _xsrf(secret: str | None) -> dict[str, str]:
    """Streamlit's own token, which anybody can make: header and cookie need only be the same."""
    from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

    token = generate_xsrf_token_string()
    session = cookie(secret).get("Cookie", "")
    return {"x_xsrftoken": token, "cookie": "; ".join(filter(None, [session, f"_streamlit_xsrf={token}"]))}


@dataclass
class Page:
    """A websocket as an open page has it."""

    socket: ClientConnection
    session: str = ""
    """The identifier of Streamlit's session, once it has begun."""
    said: list[ForwardMsg] = field(default_factory=list)

    def rerun(self, page: str = "", query: str = "", widgets: list[WidgetState] | None = None) -> None:
        """Ask for a run of the script: a page by its address, and what fields and buttons hold."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_script_hash = calc_hash(page) if page else ""
        message.rerun_script.widget_states.widgets.extend(widgets or [])
        self.send(message)

    def send(self, message: Message | bytes | str) -> None:
        """Send a message, or whatever is given instead of one."""
        self.socket.send(message.SerializeToString() if isinstance(message, Message) else message)

    def read(self) -> ForwardMsg:
        """The next message. Raises ConnectionClosed."""
        message = ForwardMsg.FromString(self.socket.recv(timeout=PATIENCE))
        self.said.append(message)
        return message

    def until_drawn(self) -> None:
        """Read until the script has run once more."""
        while True:
            message = self.read()
            if message.WhichOneof("type") == "new_session":
                self.session = message.new_session.initialize.session_id
            if message.WhichOneof("type") == "script_finished":
                return

    def shown(self) -> str:
        """Read until the script has run once more; everything it sent since, as text."""
        self.said.clear()
        self.until_drawn()
        return "\n".join(str(message) for message in self.said)

    def closed(self) -> int:
        """Read until the server closes the connection; its code."""
        try:
            while True:
                self.read()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006


@contextmanager
def connect(
    address: Address,
    secret: str | None = None,
    *,
    origin: str | None = "",
    host: str | None = None,
    session: str = "",
    path: str = STREAM,
    **headers: str,
) -> Iterator[Page]:
    """Open a websocket. `origin`: the server's own unless given; None sends none. `session`: of Streamlit's,
    to go on with. Raises InvalidStatus where the server refuses."""
    offered = ["streamlit", "PLACEHOLDER_AUTH_TOKEN"] + ([session] if session else [])
    websocket = open_websocket(
        f"ws://{host or address.host}{path}",
        sock=create_connection(("127.0.0.1", address.port), PATIENCE),
        origin=address.origin if origin == "" else origin,
        subprotocols=offered,
        additional_headers={**cookie(secret), **headers},
        max_size=None,
        open_timeout=PATIENCE,
        proxy=None,
    )
    with websocket:
        yield Page(websocket)


def refused(address: Address, secret: str | None = None, **options: Any) -> int:
    """The status with which the server refuses a websocket; 101 where it does not."""
    try:
        with connect(address, secret, **options):
            return 101
    except InvalidStatus as answer:
        return answer.response.status_code
