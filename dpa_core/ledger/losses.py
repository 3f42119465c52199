"""What was taken as it is of a store that was not whole: on record in a ledger of the store's own.

One entry says who accepted which doubts, when, and where a damaged log is kept; one a ledger says up to which
entry it had gone before, and from which it goes on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpa_core.ledger.chain import chain
from dpa_core.ledger.whole import Finding, Loss

if TYPE_CHECKING:
    from dpa_core.ledger.store import Ledger, Transaction

STORE = "@store"
"""The ledger of the store itself."""
STATE = "{}"
"""The folded state of that ledger: nothing is decided by it."""
_ACCEPTED, _LOST = "store.accepted", "store.lost"


@dataclass(frozen=True)
class Acceptance:
    """A store in doubt, taken as it is on somebody's word."""

    found: Finding
    operator: str
    kept: str | None
    """Name of the file in which the log is kept; None where there was none."""

    @classmethod
    def of(cls, found: Finding, operator: str | None, kept: Path | None) -> Acceptance | None:
        """The acceptance of what was found; None where there was nothing to accept."""
        if operator is None or not found.doubts:
            return None
        return cls(found, operator, kept.name if kept else None)


@dataclass(frozen=True)
class Accepted:
    """One ledger whose last entries were lost, as the record tells: it had gone up to `was` and goes on from
    `now` (sequence and digest of an entry; 0 where there is none)."""

    at: datetime
    """In UTC."""
    operator: str
    ledger: str
    was: tuple[int, str]
    now: tuple[int, str]
    entry: int
    """Of the ledger of the store itself, which says so."""


def record(tx: Transaction, acceptance: Acceptance) -> None:
    """Write the acceptance to the store."""
    found = acceptance.found
    said: dict[str, Any] = {
        "v": 1,
        "doubts": [{"code": doubt.code, "why": doubt.why} for doubt in found.doubts],
        "as_of": found.at,
        "kept": acceptance.kept,
        "ledgers": len(found.losses),
    }
    drafts = [(_ACCEPTED, said), *((_LOST, _body(loss)) for loss in found.losses)]
    head = tx.head(STORE)
    events = chain(
        head,
        drafts,
        customer_id=STORE,
        recorded_at=tx.moment(head, datetime.now(UTC)),
        actor=acceptance.operator,
        on_behalf_of="processor",
        agreement_version="",
    )
    tx.append(head, events, STATE, 0)


def _body(loss: Loss) -> dict[str, Any]:
    was, now = ({"sequence": sequence, "digest": digest} for sequence, digest in (loss.was, loss.now))
    return {"v": 1, "ledger": loss.ledger, "was": was, "now": now}


def accepted(ledger: Ledger, customer_id: str | None = None) -> list[Accepted]:
    """What was accepted of one ledger, or of all; oldest first."""
    rows: Sequence[tuple[Any, ...]] = ledger.rows(
        "SELECT recorded_at, actor, body, sequence FROM events WHERE customer_id = $1 AND kind = $2 "
        "AND (CAST($3 AS VARCHAR) IS NULL OR (CAST(body AS JSON) ->> 'ledger') = $3) ORDER BY sequence",
        [STORE, _LOST, customer_id],
    )
    return [_accepted(at.replace(tzinfo=UTC), by, json.loads(body), entry) for at, by, body, entry in rows]


def _accepted(at: datetime, by: str, body: dict[str, Any], entry: int) -> Accepted:
    was, now = ((int(body[w]["sequence"]), str(body[w]["digest"])) for w in ("was", "now"))
    return Accepted(at, by, str(body["ledger"]), was, now, entry)
