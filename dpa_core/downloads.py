"""Files on their way to a browser, each behind a link that works once, for a minute, in one sign-in.

Streamlit's own download button serves a file to anyone who has its address; this does not.
Standard: Art. 32(1)(b) GDPR (confidentiality), CWE-862 (missing authorisation).
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

LIFETIME = timedelta(minutes=1)
MAX_OPEN = 10
"""Links one sign-in may have open at once; making another closes the oldest."""


@dataclass(frozen=True)
class File:
    """What is handed over. `name`: the file name that the browser suggests."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Link:
    """A file with whom and what it is bound to, until a moment in UTC."""

    file: File
    customer_id: str | None
    """None: a file of the provider's own ledger."""
    session_id: str
    """The sign-in for which it was made."""
    expires_at: datetime


class Gone(Exception):
    """There is no such link for this sign-in. The message is for the screen and does not say which of
    the reasons it is: never made, used, too old, or made in another browser."""

    def __init__(self) -> None:
        super().__init__(
            "This download link has been used, is older than a minute, or was made in another browser. "
            "Go back to the page and press the download button again."
        )


class Downloads:
    """The links that are open in this process."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}
        self._lock = threading.Lock()

    def offer(self, file: File, customer_id: str | None, session_id: str, now: datetime) -> str:
        """Make a link to a file and return its token."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._links = {t: link for t, link in self._links.items() if now < link.expires_at}
            mine = [t for t, link in self._links.items() if link.session_id == session_id]
            for old in mine[: max(0, len(mine) - MAX_OPEN + 1)]:
                del self._links[old]
            self._links[token] = Link(file, customer_id, session_id, now + LIFETIME)
        return token

    def take(self, token: str, session_id: str, now: datetime) -> Link:
        """Take a link out, so that it never works again. Raises Gone.

        Another sign-in is refused without using the link up.
        """
        with self._lock:
            link = self._links.get(token)
            if link is None or link.session_id != session_id:
                raise Gone
            del self._links[token]
        if now >= link.expires_at:
            raise Gone
        return link
