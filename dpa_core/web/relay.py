"""One websocket between a browser and Streamlit, for as long as its sign-in lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.types import Message, Receive, Send

from dpa_core.web import streamlit_side

CHECKED_EVERY = 15.0
"""Seconds in which a page that says nothing is left at the latest once its sign-in was ended."""
_NO_TEXT, _NO_MESSAGE, _ENDED = 1003, 1007, 4401


class Relay:
    """Passes messages on, both ways.

    `counts`: whether the sign-in has not been ended. `begun`: told the identifier of Streamlit's session.
    `away`: the path to which the browser goes when the sign-in was ended.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        counts: Callable[[], Awaitable[bool]],
        begun: Callable[[str], None],
        away: str,
    ) -> None:
        self._receive, self._send = receive, send
        self._counts, self._begun, self._away = counts, begun, away
        self._next: asyncio.Future[Message] | None = None
        self._session = ""
        self._accepted = self._closed = False

    async def receive(self) -> Message:
        """The next message for Streamlit."""
        while True:
            message = await self._arrived()
            if message is None:
                return await self._close(_ENDED, streamlit_side.leave_for(self._away))
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

    async def _arrived(self) -> Message | None:
        """The next message; None once the sign-in was ended."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._receive())
        done: set[asyncio.Future[Message]] = set()
        while not done:
            done, _ = await asyncio.wait({self._next}, timeout=CHECKED_EVERY)
            gone = bool(done) and self._next.result()["type"] == "websocket.disconnect"
            if self._accepted and not gone and not await self._counts():
                return None
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
        if self._next is not None:
            self._next.cancel()
