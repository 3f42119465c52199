"""A person at an open page, as the server sees one: Streamlit's own websocket and its messages.

async with visiting(server, Who(secret, "c00001", "127.0.0.9")) as visitor:
    await visitor.open("features")
    await visitor.toggle()

Given another socket, it goes on as the page's own script does (`pages/parts/client/connection.js`).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.util import calc_hash
from websockets.asyncio.client import ClientConnection, connect

from pages.parts.connection import key_class
from tests.hostile.streamlit_client import STREAM, cookie

PATIENCE = 60
"""Seconds after which a step counts as failed."""
_SWITCH, _ACKNOWLEDGE, _CONFIRM, _REASON = "Switch ", "I acknowledge", "Confirm instruction", "Reason"
_RECORDED = re.compile(
    r"Recorded (?:as|before the connection was lost:\*\*|by you meanwhile:\*\*) entry ([\d,]+)"
)
"""What the page says of a step that is on record, with the number of its entry."""
_RED_BOX = "Streamlit’s own box of an exception: "


class Failed(Exception):
    """A step did not end as it should."""


class Place(Protocol):
    """Where a server answers, and under which address its people know it."""

    @property
    def port(self) -> int:
        """Of 127.0.0.1."""

    @property
    def url(self) -> str:
        """As people type it."""


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
    said: list[str] = field(default_factory=list)
    """Alerts since the last step."""
    errors: list[str] = field(default_factory=list)
    """Those of them that are errors."""
    _held: dict[str, WidgetState] = field(default_factory=dict)
    _widgets: dict[str, _Widget] = field(default_factory=dict)
    """Buttons, fields and switches by their label."""
    _standing: dict[str, Any] = field(default_factory=dict)
    """What the page gave the browser to keep."""
    _teller: str = ""
    """The widget by which the browser tells of a lost connection."""
    _pressed: str = ""
    """The key of the button whose answer has not come."""
    _away: dict[str, Any] = field(default_factory=dict)
    """How the page stood when the connection was lost, until a server has answered."""
    _losses: int = 0
    _told: int = 0

    async def open(self, page: str) -> None:
        """Go to a page by its name, and wait until it is drawn. Raises Failed."""
        self.page = page
        self._held.clear()
        self._away = {}
        await self._ask("")
        if not await self._settled():
            raise Failed(f"{page} was drawn in part only")

    async def toggle(self) -> None:
        """On the page of features: press its first switch, and wait for the dialog. Raises Failed."""
        switch = self._named(_SWITCH)
        await self._ask("", WidgetState(id=switch.id, bool_value=not switch.on))
        await self._settled()
        self._named(_CONFIRM)

    async def give_reason(self, text: str) -> None:
        """In the dialog: type a reason. Raises Failed."""
        box = self._named(_REASON)
        await self._ask(box.fragment, WidgetState(id=box.id, string_value=text))
        await self._settled()

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
        await self.press_confirm()
        if self.recorded is None:
            raise Failed(f"not recorded: {self.said}")

    async def press_confirm(self) -> None:
        """In the dialog: confirm the instruction, and wait for whatever the page says. Raises Failed."""
        button = self._named(_CONFIRM)
        self._pressed = _key(button.id)
        await self._ask(button.fragment, WidgetState(id=button.id, trigger_value=True))
        del self._held[button.id]
        await self._settled()

    @property
    def recorded(self) -> int | None:
        """The number of the entry that the page has just said is recorded."""
        found = [match for text in self.said if (match := _RECORDED.search(text))]
        return int(found[-1][1].replace(",", "")) if found else None

    @property
    def in_dialog(self) -> bool:
        """Whether a dialog is open in which the instruction can be confirmed."""
        return _CONFIRM in self._widgets

    async def resume(self, socket: ClientConnection) -> None:
        """Go on over another connection, to whichever server: tell how the page stood. Raises Failed."""
        self.socket = socket
        if not self._teller:  # no page was drawn yet
            await self.open(self.page)
            return
        if not self._away:
            self._losses += 1
            stood = {"open": self.in_dialog, "pressed": self._pressed, "loss": self._losses, "files": {}}
            self._away = {
                **self._standing,
                **stood,
                "keys": sorted({_key(w.id) for w in self._widgets.values()}),
            }
        for _ in range(2):  # at once, and when it is connected
            self._told += 1
            told = json.dumps({"standing": {**self._away, "told": self._told}})
            await self._ask("", WidgetState(id=self._teller, json_value=told))
            await self._settled()
        self._away, self._pressed = {}, ""

    def _named(self, label: str) -> _Widget:
        for known, widget in self._widgets.items():
            if known.startswith(label):
                return widget
        raise Failed(f"nothing is labelled “{label}” among {list(self._widgets)}; {self.said}")

    async def _ask(self, fragment: str, *changed: WidgetState) -> None:
        """Ask for a run of the script, or of one of its fragments alone."""
        if not fragment:
            self._widgets.clear()
        self.said.clear()
        self.errors.clear()
        self._held |= {state.id: state for state in changed}
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string = f"customer={self.customer}"
        asked.page_script_hash = calc_hash(self.page)
        asked.fragment_id = fragment
        asked.widget_states.widgets.extend(self._held.values())
        await self.socket.send(message.SerializeToString())

    async def _settled(self) -> bool:
        """Wait until nothing runs any more; whether the whole page was drawn. Raises Failed where the page
        was ended, or says that something went wrong."""
        async with asyncio.timeout(PATIENCE):
            while True:
                data = await self.socket.recv(decode=False)
                self.received += len(data)
                message = ForwardMsg.FromString(data)
                kind = message.WhichOneof("type")
                if kind == "delta":
                    self._drawn(message.delta)
                elif kind == "new_session":
                    self.session = message.new_session.initialize.session_id
                    self._begun(list(message.metadata.run.fragment_ids))
                elif kind == "script_finished":
                    if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                        break
                elif kind in ("auth_redirect", "session_event"):
                    raise Failed(f"the page was ended: {message}")
        self._pressed = ""
        if self.errors:
            raise Failed(f"the page says: {self.errors}")
        return message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY

    def _begun(self, fragments: list[str]) -> None:
        """A run begins: of these fragments alone, or of the whole page. What it does not draw is gone."""
        kept = {label: w for label, w in self._widgets.items() if fragments and w.fragment not in fragments}
        self._widgets = kept

    def _drawn(self, delta: Delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type") if delta.WhichOneof("type") == "new_element" else None
        if kind == "button" and not element.button.disabled:
            self._widgets[element.button.label] = _Widget(element.button.id, False, delta.fragment_id)
        elif kind == "checkbox" and not element.checkbox.disabled:
            box = element.checkbox
            on = box.value if box.set_value else box.default
            self._widgets[box.label] = _Widget(box.id, on, delta.fragment_id)
        elif kind == "text_area":
            self._widgets[element.text_area.label] = _Widget(element.text_area.id, False, delta.fragment_id)
        elif kind == "alert":
            self.said.append(element.alert.body)
            if element.alert.format == Alert.ERROR:
                self.errors.append(element.alert.body)
        elif kind == "exception":
            self.errors.append(_RED_BOX + element.exception.message)
        elif kind == "bidi_component" and element.bidi_component.json:
            self._kept(element.bidi_component.id, json.loads(element.bidi_component.json))

    def _kept(self, id: str, told: dict[str, Any] | None) -> None:
        """What a script of the page is told."""
        if told and "words" in told:
            self._teller = id
        if told and told.get("standing"):
            self._standing = told["standing"]


def _key(id: str) -> str:
    """The class that the browser knows an element by, from its identifier."""
    return key_class(id.split("-", 2)[2])


@asynccontextmanager
async def visiting(server: Place, who: Who) -> AsyncIterator[Visitor]:
    """Open a websocket as a browser does once the page's files are there."""
    async with connected(server, who) as socket:
        yield Visitor(socket, who.customer)


def connected(server: Place, who: Who, session: str = "") -> connect:
    """A websocket. `session`: of Streamlit's, to go on with where the server knows it."""
    return connect(
        f"ws://{urlsplit(server.url).netloc}{STREAM}",
        host="127.0.0.1",
        port=server.port,
        local_addr=(who.address, 0),
        origin=server.url,
        subprotocols=["streamlit", "PLACEHOLDER_AUTH_TOKEN", *([session] if session else [])],
        additional_headers=cookie(who.secret),
        max_size=None,
        open_timeout=PATIENCE,
        ping_interval=None,
        proxy=None,
    )
