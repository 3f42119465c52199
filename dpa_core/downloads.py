"""Files on their way to a browser, each behind a link that works once, for a minute, in one sign-in.

Streamlit's own download button serves a file to anyone who has its address; this does not.
Standard: Art. 32(1)(b) GDPR (confidentiality), CWE-862 (missing authorisation).
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from dpa_core.ledger import Transaction

T = TypeVar("T")

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
    """The links of a store that one server has for itself: in its memory."""

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

    def forget_old(self, now: datetime) -> None:
        """Let the files of links go that were never followed and work no more at a moment in UTC."""
        with self._lock:
            self._links = {t: link for t, link in self._links.items() if now < link.expires_at}


class Writer(Protocol):
    """Writes to the store, and again where another one wrote the same rows meanwhile. Raises StoreError."""

    def __call__(self, write: Callable[[Transaction], T], /) -> T:
        """What was written, once it is committed."""


class SharedDownloads(Downloads):
    """The links of a store that several servers share: in the database, so that any of them hands over what
    another has offered. The token itself is kept nowhere."""

    def __init__(self, until_written: Writer) -> None:
        self._until_written = until_written

    def offer(self, file: File, customer_id: str | None, session_id: str, now: datetime) -> str:
        """Make a link to a file and return its token. Raises StoreError."""
        token = secrets.token_urlsafe(32)

        def write(tx: Transaction) -> None:
            tx.execute("DELETE FROM downloads WHERE expires_at <= $1", [now])
            tx.execute(
                "DELETE FROM downloads WHERE id IN (SELECT id FROM downloads WHERE session_id = $1 "
                "ORDER BY offered DESC, id LIMIT 1000 OFFSET $2)",
                [session_id, MAX_OPEN - 1],
            )
            tx.execute(
                "INSERT INTO downloads (id, session_id, customer_id, name, media_type, content, offered, "
                "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                [
                    _id_of(token), session_id, customer_id, file.name, file.media_type, file.content, now,
                    now + LIFETIME,
                ],
            )  # fmt: skip

        self._until_written(write)
        return token

    def take(self, token: str, session_id: str, now: datetime) -> Link:
        """Take a link out, so that it never works again, at no server. Raises Gone, StoreError.

        Another sign-in is refused without using the link up.
        """
        sql = (
            "DELETE FROM downloads WHERE id = $1 AND session_id = $2 "
            "RETURNING name, media_type, content, customer_id, expires_at"
        )
        rows = self._until_written(lambda tx: tx.rows(sql, [_id_of(token), session_id]))
        for name, media_type, content, customer_id, until in rows:
            expires_at = until.replace(tzinfo=UTC)
            if now < expires_at:
                return Link(File(name, media_type, bytes(content)), customer_id, session_id, expires_at)
        raise Gone

    def forget_old(self, now: datetime) -> None:
        """Let the files of links go that were never followed and work no more at a moment in UTC. Raises
        StoreError."""
        self._until_written(lambda tx: tx.execute("DELETE FROM downloads WHERE expires_at <= $1", [now]))


def _id_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
