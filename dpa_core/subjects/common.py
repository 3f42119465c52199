"""What every subject uses: events to be written, events as recorded, refusals, and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from dpa_core.locale import local_day as local_day

MAX_REASON = 2_000
"""Characters a reason may have."""
MAX_TEXT = 8_000
"""Characters of a message or another longer text."""
MAX_TITLE = 200

PROCESSOR = "processor"
"""`on_behalf_of` of what the provider does; else it is the customer."""

Side = Literal["customer", "provider"]


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
    def on_behalf_of(self) -> str: ...
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


def checked_text(text: str, what: str, clause: str, field: str, *, limit: int = MAX_TEXT) -> str:
    """A text that must be there, without blanks around it. `what` begins the sentence: “The scope”."""
    text = text.strip()
    if not text:
        raise Refusal(clause, f"{what} is missing.", "Write it down.", field)
    if len(text) > limit:
        raise Refusal(
            clause,
            f"{what} has {len(text):,} characters; at most {limit:,} can be recorded.",
            "Shorten it, or attach it as a file.",
            field,
        )
    return text


def side_of(event: RecordedEvent) -> Side:
    """Which of the two did it."""
    return "provider" if event.on_behalf_of == PROCESSOR else "customer"


class FileRef(Record):
    """A file kept beside the database under its SHA-256 (hexadecimal). `size` in bytes."""

    name: str
    size: int
    media_type: str
    sha256: str


class Said(Record):
    """What one side said in a conversation, and when."""

    at: Moment
    by: str
    side: Side
    text: str
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True)
class Matter:
    """Something open: what waits for whom, by when, under which clause.

    It stands from `begins` until `ends` (in UTC; None: without such a limit), so that whoever holds it
    knows at any moment what counts, without anything having run.
    """

    key: str
    """Subject and number, as `audits/12`: the same through all its steps."""
    page: str
    title: str
    waits_for: Side
    next_step: str
    clause: str
    due: datetime | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    opened_at: datetime | None = None
    by: str | None = None
    """Who opened it, where the customer's own ledger tells."""
    entry: int | None = None
    """The entry of the customer's own ledger that opened it."""

    def stands(self, now: datetime) -> bool:
        """Whether it is open at that moment."""
        return (self.begins is None or self.begins <= now) and (self.ends is None or now < self.ends)
