"""What every subject uses: events to be written, events as recorded, refusals, and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

MAX_REASON = 2_000
"""Characters a reason or any other free text may have."""


def _as_utc(value: Any) -> Any:
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    BeforeValidator(_as_utc),
    PlainSerializer(_written, return_type=str),
]
"""A time in UTC, in JSON always with microseconds and a Z."""


def local_day(at: datetime) -> date:
    """The calendar day in Stockholm, where the provider is."""
    return at.astimezone(ZoneInfo("Europe/Stockholm")).date()


class Record(BaseModel):
    """An immutable value that crosses into the ledger: an event's body or a folded state."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class NewEvent:
    """What a decision wants recorded. The ledger adds who, when and the chain."""

    kind: str
    body: Record


class RecordedEvent(Protocol):
    """An event as it was recorded; `ledger.Event` is one."""

    @property
    def sequence(self) -> int: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def actor(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> Mapping[str, Any]: ...


class Refusal(Exception):
    """A command that the agreement or the provider's settings do not allow.

    Carries to the screen: the clause, what is wrong, what to do instead, and the field it is about.
    """

    def __init__(self, clause: str, message: str, remedy: str, field: str | None = None) -> None:
        super().__init__(f"{message} {remedy} ({clause})")
        self.clause = clause
        self.message = message
        self.remedy = remedy
        self.field = field


def checked_reason(reason: str, *, required_by: str | None = None) -> str:
    """The reason without blanks around it. Refused when too long, or missing where a clause asks for it.

    `required_by`: the clause that asks for a reason; None where it is optional.
    """
    text = reason.strip()
    if len(text) > MAX_REASON:
        raise Refusal(
            required_by or "Art. 28(3)(a) GDPR",
            f"The reason has {len(text):,} characters; at most {MAX_REASON:,} can be recorded.",
            "Shorten it, or refer to a document of your own.",
            "reason",
        )
    if required_by and not text:
        raise Refusal(required_by, "A reason is missing.", "Say in a sentence why.", "reason")
    return text
