"""What people have typed and not sent yet: each person's own for one customer, until it is sent or discarded.

A draft is no record: it lies beside the ledgers, in no export and no snapshot, and goes with the sending.
The application opens it to whom it belongs (`Application.drafts`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

from dpa_core.ledger import Ledger, Transaction

DAYS = 30
"""How long a draft is kept, in days since it was last typed in. A setting of the provider: the agreement
knows no drafts."""
MOST = 100
"""Drafts that one person may have; beyond, the oldest goes."""
MOST_CHARACTERS = 100_000
"""Of one draft, as JSON."""

Content: TypeAlias = Mapping[str, Any]
"""What stands in the fields, by name: texts, numbers, days, times of day, yes or no, and lists and tables of
these."""


class TooLong(Exception):
    """A draft is larger than one may be. The message is for the screen."""

    def __init__(self) -> None:
        super().__init__(f"What is typed here is longer than {MOST_CHARACTERS:,} characters.")


@dataclass(frozen=True)
class Draft:
    """What was typed in one form, and when last (in UTC)."""

    content: Content
    saved_at: datetime


@dataclass(frozen=True)
class Left:
    """A draft of a form that its writer may no longer open; `customer_id` names the ledger it was for."""

    customer_id: str
    form: str
    draft: Draft


def all_of(ledger: Ledger, person_id: str, since: datetime) -> list[Left]:
    """Every draft of one person that was typed in since a moment (UTC), newest first."""
    rows = ledger.rows(
        "SELECT customer_id, form, content, saved_at FROM drafts WHERE person_id = $1 AND saved_at >= $2 "
        "ORDER BY saved_at DESC, customer_id, form",
        [person_id, since],
    )
    return [Left(id, form, Draft(_read(text), at.replace(tzinfo=UTC))) for id, form, text, at in rows]


@dataclass(frozen=True)
class Drafts:
    """The drafts of one person for one customer, opened by that person at a moment (UTC)."""

    ledger: Ledger
    person_id: str
    customer_id: str
    now: datetime
    days: int = DAYS

    def find(self, form: str) -> Draft | None:
        """What was typed in a form and not sent yet; None where nothing was, or too long ago."""
        rows = self.ledger.rows(
            "SELECT content, saved_at FROM drafts WHERE person_id = $1 AND customer_id = $2 AND form = $3 "
            "AND saved_at >= $4",
            [self.person_id, self.customer_id, form, self._oldest],
        )
        return next((Draft(_read(text), at.replace(tzinfo=UTC)) for text, at in rows), None)

    @property
    def _oldest(self) -> datetime:
        return self.now - timedelta(days=self.days)

    def keep(self, tx: Transaction, form: str, content: Content) -> None:
        """Put what is typed now in place of what was; nothing typed is no draft. Nothing is written where
        it is what lies there already. Raises TooLong, and leaves what lay there.
        """
        if not any(value not in ("", None, [], {}) for value in content.values()):
            self.drop(tx, form)
            return
        text = _written(content)
        if len(text) > MOST_CHARACTERS:
            raise TooLong
        key = [self.person_id, self.customer_id, form]
        same = "SELECT 1 FROM drafts WHERE person_id = $1 AND customer_id = $2 AND form = $3 AND content = $4"
        if tx.rows(same, [*key, text]):
            return
        tx.execute(
            "INSERT INTO drafts (person_id, customer_id, form, content, saved_at) "
            "VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (person_id, customer_id, form) "
            "DO UPDATE SET content = excluded.content, saved_at = excluded.saved_at",
            [*key, text, self.now],
        )
        tx.execute("DELETE FROM drafts WHERE saved_at < $1", [self._oldest])
        over = tx.rows(
            "SELECT customer_id, form FROM drafts WHERE person_id = $1 "
            "ORDER BY saved_at DESC, customer_id, form LIMIT 1000 OFFSET $2",
            [self.person_id, MOST],
        )
        for customer_id, old in over:
            tx.execute(_DROP, [self.person_id, customer_id, old])

    def drop(self, tx: Transaction, form: str) -> None:
        """Take a draft away: it was sent, or is not wanted any more."""
        tx.execute(_DROP, [self.person_id, self.customer_id, form])


_DROP = "DELETE FROM drafts WHERE person_id = $1 AND customer_id = $2 AND form = $3"


# --- as JSON: what has no form of its own there is an object with its kind for its one name --------

_KINDS = {"$date": date.fromisoformat, "$time": time.fromisoformat}


def _plain(value: Any) -> Any:
    match value:
        case date():
            return {"$date": value.isoformat()}
        case time():
            return {"$time": value.isoformat()}
    raise TypeError(f"a draft cannot hold {type(value).__name__}")


def _written(content: Content) -> str:
    return json.dumps(content, default=_plain, ensure_ascii=False, sort_keys=True)


def _known(found: dict[str, Any]) -> Any:
    match list(found.items()):
        case [(kind, str(text))] if kind in _KINDS:
            return _KINDS[kind](text)
    return found


def _read(text: str) -> Content:
    content: Content = json.loads(text, object_hook=_known)
    return content
