"""What of Streamlit's server people may reach, whose its sessions are, and what it holds of uploads."""

from __future__ import annotations

import re
import threading
from enum import Enum
from typing import Any

import streamlit as st
from cachetools import LRUCache
from streamlit import runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

STREAM = "/_stcore/stream"
MARGIN = 1024 * 1024
"""Bytes by which an upload's request may be larger than the file in it; Streamlit allows as much."""
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+")
_SAFE = frozenset({"GET", "HEAD"})
_FROM_BROWSERS = frozenset(
    {"rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "backend_operation_request"}
)
"""Messages that our pages have a browser send. Others clear everybody's caches or are for developers."""


class Part(Enum):
    """A part of Streamlit's server, by what it needs."""

    PAGE = re.compile(r"/[A-Za-z0-9_-]*")
    """The shell of a page, the same for all."""
    FILES = re.compile(
        r"/static/.+|/favicon\.png|/manifest\.json|/_stcore/(health|host-config)"
        r"|/_stcore/bidi-components/dpa_desk\.[a-z]+/[a-z]+\.js"
    )
    """What a page is drawn with, scripts of ours among it; nothing of anybody's."""
    MEDIA = re.compile(r"/media/[^/]+")
    UPLOAD = _UPLOAD


def part_of(path: str) -> Part | None:
    """The part that a path leads to; None for those that nobody needs: metrics, agents, others' components,
    Streamlit's own sign-in, and what is not there."""
    return next((part for part in Part if part.value.fullmatch(path)), None)


def methods_of(part: Part) -> frozenset[str]:
    """The methods by which a part is reached."""
    return frozenset({"PUT", "DELETE"}) if part is Part.UPLOAD else _SAFE


def upload_session(path: str) -> str:
    """The identifier of Streamlit's session in the address of an upload."""
    match = _UPLOAD.fullmatch(path)
    return match[1] if match else ""


def largest_upload() -> int:
    """Bytes that the request of one upload may have."""
    return int(st.get_option("server.maxUploadSize")) * 1024 * 1024 + MARGIN


def is_from_a_browser(data: bytes) -> bool | None:
    """Whether our pages have a browser send such a message; None where it is no message at all."""
    try:
        return BackMsg.FromString(data).WhichOneof("type") in _FROM_BROWSERS
    except Exception:  # protobuf has one of its own for bytes that are no message
        return None


def leave_for(path: str) -> bytes:
    """The message that has a browser leave the page for a path of the same server."""
    message = ForwardMsg()
    message.auth_redirect.url = path
    return bytes(message.SerializeToString())


def scripts_run() -> bool:
    """Whether the script runs for anybody now: each run has a thread of its own."""
    return any(thread.name.startswith("ScriptRunner.") for thread in threading.enumerate())


def is_at_work(session_id: str) -> bool:
    """Whether the script runs for one of Streamlit's sessions, or what it drew is not sent yet."""
    if not runtime.exists():
        return False
    manager: Any = runtime.get_instance()._session_mgr
    active = manager.get_active_session_info(session_id)
    if active is None:
        return False
    return active.session._scriptrunner is not None or not active.session._browser_queue.is_empty


def session_in(data: bytes) -> str:
    """The identifier of Streamlit's session in the message that begins one; empty in any other."""
    message = ForwardMsg.FromString(data)
    if message.WhichOneof("type") != "new_session":
        return ""
    return str(message.new_session.initialize.session_id)


def sessions() -> int:
    """How many sessions of pages are in memory, those without a connection too."""
    if not runtime.exists():
        return 0
    manager: Any = runtime.get_instance()._session_mgr
    return len(manager.list_sessions())


class Owners:
    """Whose Streamlit's sessions are. Streamlit itself asks nobody: its identifier alone would open one."""

    def __init__(self) -> None:
        self._people: LRUCache[str, str] = LRUCache(20_000)

    def remember(self, session_id: str, person_id: str) -> None:
        """One was begun for a person."""
        self._people[session_id] = person_id

    def has(self, session_id: str, person_id: str) -> bool:
        """Whether it was begun for this person."""
        return self._people.get(session_id) == person_id

    def held(self, person_id: str | None = None) -> int:
        """Bytes of uploads in memory now, as Streamlit's own book has them: one person's, or everybody's."""
        if not runtime.exists():
            return 0
        manager: Any = runtime.get_instance().uploaded_file_mgr
        return sum(
            len(file.data)
            for session_id, files in list(manager.file_storage.items())
            if person_id is None or self.has(session_id, person_id)
            for file in list(files.values())
        )
