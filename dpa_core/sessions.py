"""Sign-ins. The browser holds a secret that says nothing; everything else lies in the store, so that an end
holds in every copy of the cookie and over a restart.

Standard: OWASP Session Management Cheat Sheet, NIST SP 800-63B 7.1 (session secrets)
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dpa_core.ledger import Ledger, Transaction
from dpa_core.remembered import Remembered

_MOST = 20_000
_SECRET_BYTES = 32
_COLUMNS = "id, person_id, provider, issuer, subject, browser, id_token, began, ends, ended"


@dataclass(frozen=True)
class Session:
    """One sign-in of one person in one browser. Times are in UTC."""

    id: str
    """The SHA-256 of the cookie's secret: names the session and opens nothing."""
    person_id: str
    provider: str
    """The identity provider's name in the settings."""
    issuer: str
    subject: str
    browser: str
    """What the browser says of itself."""
    id_token: str | None
    """What the provider wants to hear again at sign-out; None where it has no end of session."""
    began: datetime
    ends: datetime
    """When it ends by itself."""
    ended: datetime | None = None
    """When somebody ended it."""

    def is_open(self, now: datetime) -> bool:
        """Whether it counts at a moment in UTC, which is the real time, never a moved one."""
        return self.ended is None and now < self.ends

    def has_expired(self, now: datetime) -> bool:
        """Whether time alone ended it."""
        return self.ended is None and now >= self.ends


def id_of(secret: str) -> str:
    """The identifier of the session that a cookie's secret opens."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Sessions:
    """The sign-ins of one store."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: Remembered[Session | None] = Remembered(_MOST, shared=ledger.shared)

    def find(self, session_id: str) -> Session | None:
        """A sign-in, whether it still counts or not; None where there is none."""
        return self._known.get(session_id, lambda: self._read(session_id))

    def _read(self, session_id: str) -> Session | None:
        return next(iter(self._rows("id = $1", [session_id])), None)

    def open_of(self, person_id: str, now: datetime) -> list[Session]:
        """The sign-ins of a person that count at a moment in UTC, newest first."""
        found = self._rows("person_id = $1 ORDER BY began DESC, id", [person_id])
        return [s for s in found if s.is_open(now)]

    def _rows(self, where: str, values: list[str]) -> list[Session]:
        sql = f"SELECT {_COLUMNS} FROM sessions WHERE {where}"  # noqa: S608  # constants of this class
        return [
            Session(*row[:7], *(at and at.replace(tzinfo=UTC) for at in row[7:]))
            for row in self._ledger.rows(sql, values)
        ]

    # --- writing: in the caller's transaction; `written` once it is committed ------------------------

    def begin(self, tx: Transaction, session: Session) -> tuple[str, Session]:
        """Keep a new sign-in, whose `id` is given here; with the secret for the cookie, kept nowhere else."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        s = replace(session, id=id_of(secret))
        tx.execute(
            f"INSERT INTO sessions ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",  # noqa: S608  # of constants
            [
                s.id,
                s.person_id,
                s.provider,
                s.issuer,
                s.subject,
                s.browser,
                s.id_token,
                s.began,
                s.ends,
                s.ended,
            ],
        )
        return secret, s

    def end(self, tx: Transaction, session_id: str, now: datetime) -> None:
        """From now (UTC) on, it counts no more. What the provider told is forgotten with it."""
        tx.execute(
            "UPDATE sessions SET ended = $1, id_token = NULL WHERE id = $2 AND ended IS NULL",
            [now, session_id],
        )

    def forget_before(self, tx: Transaction, moment: datetime) -> None:
        """Remove the sign-ins that were over at a moment in UTC."""
        tx.execute("DELETE FROM sessions WHERE ends < $1", [moment])

    def written(self) -> None:
        """Read anew: a transaction that wrote sign-ins has been committed."""
        self._known.forget()
