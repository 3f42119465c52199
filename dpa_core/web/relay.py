"""One websocket between a browser and Streamlit, for as long as its sign-in lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.types import Message, Receive, Send

from dpa_core.web import streamlit_side

CHECKED_EVERY = 15.0
"""Seconds in which a page that says nothing is left at the latest once its sign-in was ended."""
_LOOKS_EVERY = 0.1
"""Seconds between two looks whether the script still runs for a page that is to close."""
_NO_TEXT, _NO_MESSAGE, _RESTARTS, _ENDED = 1003, 1007, 1012, 4401


class Relay:
    """Passes messages on, both ways.

    `counts`: whether the sign-in has not been ended. `begun`: told the identifier of Streamlit's session.
    `away`: the path to which the browser goes when the sign-in was ended. `closes`: returns when the server
    leaves and the page has to connect to another one.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        counts: Callable[[], Awaitable[bool]],
        begun: Callable[[str], None],
        away: str,
        closes: Callable[[], Awaitable[None]],
    ) -> None:
        self._receive, self._send = receive, send
        self._counts, self._begun, self._away = counts, begun, away
        self._closing: asyncio.Future[Any] = asyncio.ensure_future(closes())
        self._next: asyncio.Future[Message] | None = None
        self._session = ""
        self._accepted = self._closed = False

    async def receive(self) -> Message:
        """The next message for Streamlit."""
        while True:
            message = await self._arrived()
            if isinstance(message, int):
                last = streamlit_side.leave_for(self._away) if message == _ENDED else b""
                return await self._close(message, last)
            if message["type"] != "websocket.receive":
                return message
            data = message.get("bytes")
            if data is None:
                return await self._close(_NO_TEXT)
            known = streamlit_side.is_from_a_browser(data)
            if known is None:
                return await self._close(_NO_MESSAGE)
            if known:
                return message

    async def _arrived(self) -> Message | int:
        """The next message; or the code with which the page is closed: the sign-in was ended, or the server
        leaves and nothing runs for the page."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._receive())
        while not self._next.done():
            closing = self._closing.done()
            waits_for = {self._next} if closing else {self._next, self._closing}
            patience = _LOOKS_EVERY if closing else CHECKED_EVERY
            done, _ = await asyncio.wait(waits_for, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if done or not self._accepted:
                continue
            # Only now: what came before the server was told to leave has been heard.
            if closing and not streamlit_side.is_at_work(self._session):
                return _RESTARTS
            if not closing and not await self._counts():
                return _ENDED
        gone = self._next.result()["type"] == "websocket.disconnect"
        if self._accepted and not gone and not await self._counts():
            return _ENDED
        message, self._next = self._next.result(), None
        return message

    async def _close(self, code: int, last: bytes = b"") -> Message:
        """Leave the browser, and tell Streamlit that it left."""
        if not self._closed:
            self._closed = True
            with suppress(OSError):  # the browser may have left first
                if last:
                    await self._send({"type": "websocket.send", "bytes": last})
                await self._send({"type": "websocket.close", "code": code, "reason": ""})
        return {"type": "websocket.disconnect", "code": code, "reason": ""}

    async def send(self, message: Message) -> None:
        """A message for the browser; nothing after it was left."""
        if self._closed:
            return
        if message["type"] == "websocket.accept":
            self._accepted = True
        elif message["type"] == "websocket.close":
            self._closed = True
        elif not self._session and (data := message.get("bytes")):
            self._session = streamlit_side.session_in(data)
            if self._session:
                self._begun(self._session)
        await self._send(message)

    def end(self) -> None:
        """Wait for nothing more."""
        self._closing.cancel()
        if self._next is not None:
            self._next.cancel()
