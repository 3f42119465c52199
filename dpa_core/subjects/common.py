"""What every subject uses: records, events as recorded, refusals, files and messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from dpa_core.locale import Value, fill, refusal_words

PROCESSOR = "processor"
"""`on_behalf_of` of what the provider does; else it is the customer."""

Side = Literal["customer", "provider"]
SIDES: dict[Side, str] = {"customer": "the customer", "provider": "the provider"}


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

    def but(self, **fields: object) -> Self:
        """A copy in which these fields are others. Nothing is validated anew."""
        return self.model_copy(update=fields)


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

    `code` and `parameters` say what is wrong, `clause` why, `field` where. The words lie in the catalogue
    under the code, filled when they are asked for: `message` is what is wrong, `remedy` what to do instead.
    """

    def __init__(self, code: str, clause: str, field: str | None = None, **parameters: Value) -> None:
        super().__init__(code)
        self.code = code
        self.clause = clause
        self.field = field
        self.parameters = parameters

    @property
    def message(self) -> str:
        """What is wrong."""
        return fill(refusal_words(self.code)[0], self.parameters)

    @property
    def remedy(self) -> str:
        """What to do instead."""
        return fill(refusal_words(self.code)[1], self.parameters)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy} ({self.clause})"


class Refusals:
    """The refusals of one subject. `raise refuse("too_early", CLAUSE, "first", first=day)` makes one."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def __call__(self, code: str, clause: str, field: str | None = None, /, **parameters: Value) -> Refusal:
        """The refusal of that code, to be raised."""
        return Refusal(f"{self.subject}.{code}", clause, field, **parameters)


def side_of(event: RecordedEvent) -> Side:
    """Which of the two did it."""
    return "provider" if event.on_behalf_of == PROCESSOR else "customer"


class FileRef(Record):
    """A file kept beside the database under its SHA-256 (hexadecimal). `size` in bytes."""

    name: str
    size: int
    media_type: str
    sha256: str


MESSAGE_STEPS: dict[str, str] = {
    "agreement_ended": "Agreement ended.",
    "change_accepted": "Change accepted.",
    "cure_carried_out": "Cure carried out.",
    "cure_accepted": "Cure accepted.",
    "cure_not_accepted": "Cure not accepted.",
    "features_ended": "Affected features ended.",
    "not_held_back": "The change cannot be held back: the features it touches are suspended.",
    "objection_reopened": "Objection reopened.",
    "objection_withdrawn": "Objection withdrawn.",
    "request_closed": "Closed.",
    "request_withdrawn": "Withdrawn.",
}
"""What was done with a message, as it is shown before the text."""


class Message(Record):
    """What one side wrote in a conversation, and when."""

    at: Moment
    by: str
    side: Side
    text: str
    """As it was typed; may be empty where a step was taken."""
    files: tuple[FileRef, ...] = ()
    step: str = ""
    """The step that was taken with it, a code of `MESSAGE_STEPS`; empty: none."""

    @classmethod
    def of(cls, event: RecordedEvent, text: str, files: tuple[FileRef, ...] = (), step: str = "") -> Message:
        """What the person who brought an event about wrote with it."""
        by, side = event.actor, side_of(event)
        return cls(at=event.recorded_at, by=by, side=side, text=text, files=files, step=step)
