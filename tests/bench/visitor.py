"""A person at an open page, as the server sees one: Streamlit's own websocket and its messages.

async with visiting(server, Who(secret, "c00001", "127.0.0.9")) as visitor:
    await visitor.open("features")
    await visitor.toggle()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.util import calc_hash
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.server import Server
from tests.hostile.streamlit_client import STREAM, cookie

PATIENCE = 60
"""Seconds after which a step counts as failed."""
_SWITCH, _ACKNOWLEDGE, _CONFIRM, _RECORDED = "Switch ", "I acknowledge", "Confirm instruction", "Recorded as"


class Failed(Exception):
    """A step did not end as it should."""


@dataclass(frozen=True)
class Who:
    """A signed-in person, the customer looked at, and the address that the connection comes from."""

    secret: str
    customer: str
    address: str


@dataclass(frozen=True)
class _Widget:
    id: str
    on: bool
    fragment: str


@dataclass
class Visitor:
    """One open page."""

    socket: ClientConnection
    customer: str
    page: str = ""
    session: str = ""
    """The identifier of Streamlit's session, once it has begun."""
    received: int = 0
    """Bytes of messages."""
    _held: dict[str, WidgetState] = field(default_factory=dict)
    _widgets: dict[str, _Widget] = field(default_factory=dict)
    """Buttons and switches by their label."""
    _said: list[str] = field(default_factory=list)
    """Alerts since the last step."""

    async def open(self, page: str) -> None:
        """Go to a page by its name, and wait until it is drawn. Raises Failed."""
        self.page = page
        self._held.clear()
        await self._ask("")
        if not await self._settled():
            raise Failed(f"{page} was drawn in part only")

    async def toggle(self) -> None:
        """On the page of features: press its first switch, and wait for the dialog. Raises Failed."""
        switch = self._named(_SWITCH)
        await self._ask("", WidgetState(id=switch.id, bool_value=not switch.on))
        await self._settled()
        self._named(_CONFIRM)

    async def acknowledge(self) -> bool:
        """In the dialog: give the acknowledgement. False where none is asked for. Raises Failed."""
        try:
            box = self._named(_ACKNOWLEDGE)
        except Failed:
            return False
        await self._ask(box.fragment, WidgetState(id=box.id, bool_value=True))
        await self._settled()
        return True

    async def confirm(self) -> None:
        """In the dialog: confirm the instruction, and wait for the page with its receipt. Raises Failed."""
        self._said.clear()
        button = self._named(_CONFIRM)
        await self._ask(button.fragment, WidgetState(id=button.id, trigger_value=True))
        del self._held[button.id]
        await self._settled()
        if not any(_RECORDED in text for text in self._said):
            raise Failed(f"not recorded: {self._said}")

    def _named(self, label: str) -> _Widget:
        for known, widget in self._widgets.items():
            if known.startswith(label):
                return widget
        raise Failed(f"nothing is labelled “{label}” among {list(self._widgets)}")

    async def _ask(self, fragment: str, *changed: WidgetState) -> None:
        """Ask for a run of the script, or of one of its fragments alone."""
        if not fragment:
            self._widgets.clear()
        self._held |= {state.id: state for state in changed}
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string = f"customer={self.customer}"
        asked.page_script_hash = calc_hash(self.page)
        asked.fragment_id = fragment
        asked.widget_states.widgets.extend(self._held.values())
        await self.socket.send(message.SerializeToString())

    async def _settled(self) -> bool:
        """Wait until nothing runs any more; whether the whole page was drawn."""
        async with asyncio.timeout(PATIENCE):
            while True:
                data = await self.socket.recv(decode=False)
                self.received += len(data)
                message = ForwardMsg.FromString(data)
                kind = message.WhichOneof("type")
                if kind == "new_session":
                    self.session = message.new_session.initialize.session_id
                elif kind == "delta":
                    self._drawn(message.delta)
                elif kind == "script_finished":
                    if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                        return message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
                elif kind in ("auth_redirect", "session_event"):
                    raise Failed(f"the page was ended: {message}")

    def _drawn(self, delta: Delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type") if delta.WhichOneof("type") == "new_element" else None
        if kind == "button":
            self._widgets[element.button.label] = _Widget(element.button.id, False, delta.fragment_id)
        elif kind == "checkbox":
            box = element.checkbox
            on = box.value if box.set_value else box.default
            self._widgets[box.label] = _Widget(box.id, on, delta.fragment_id)
        elif kind == "alert":
            self._said.append(element.alert.body)


@asynccontextmanager
async def visiting(server: Server, who: Who) -> AsyncIterator[Visitor]:
    """Open a websocket as a browser does once the page's files are there."""
    async with connect(
        f"ws://localhost:{server.port}{STREAM}",
        host="127.0.0.1",
        port=server.port,
        local_addr=(who.address, 0),
        origin=server.url,
        subprotocols=["streamlit", "PLACEHOLDER_AUTH_TOKEN"],
        additional_headers=cookie(who.secret),
        max_size=None,
        open_timeout=PATIENCE,
        ping_interval=None,
        proxy=None,
    ) as socket:
        yield Visitor(socket, who.customer)
