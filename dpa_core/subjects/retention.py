"""Retention periods per data type, with legal holds.

Clause: Sch. 1 2 gives the customer the settings; types, ranges, defaults and the grace period are the
provider's settings (`retention.toml`), as the agreement names none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from dpa_core.agreement import Agreement, DataType
from dpa_core.subjects.common import (
    Moment,
    NewEvent,
    Record,
    RecordedEvent,
    Refusal,
    checked_reason,
    local_day,
)

CLAUSE = "Sch. 1 2"


# --- state ---------------------------------------------------------------------------------------


class Pending(Record):
    """A shortening in its grace period."""

    days: int
    effective_at: Moment
    by: str
    sequence: int


class Hold(Record):
    """A legal hold: nothing of this data type is deleted while it stands."""

    since: Moment
    by: str
    reason: str
    sequence: int
    keeps_from: date
    """The oldest day of which data was still stored when the hold began."""


class Setting(Record):
    """How one data type stands. `days` None: the provider's default."""

    days: int | None = None
    since: Moment | None = None
    by: str | None = None
    sequence: int | None = None
    pending: Pending | None = None
    hold: Hold | None = None
    deletion_resumes_at: Moment | None = None
    """After a hold was released: until then nothing is deleted."""
    keeps_from: date | None = None
    """After a hold was released: the oldest day of which it kept data."""


class State(Record):
    """The data types that were ever set; one that is absent stands at the default."""

    settings: dict[str, Setting] = {}

    def of(self, data_type: str) -> Setting:
        """The setting of a data type, the empty one where nothing was ever set."""
        return self.settings.get(data_type, Setting())


@dataclass(frozen=True)
class Period:
    """How a data type stands at a moment. Days are whole days."""

    data_type: DataType
    days: int
    is_default: bool
    since: datetime | None
    by: str | None
    pending: Pending | None
    """A shortening that has not taken effect yet."""
    hold: Hold | None
    deletion_resumes_at: datetime | None
    """Set while the days after a released hold run."""
    sequence: int | None
    """The instruction that set the days; None for the default."""
    stored_since: date
    """The oldest day of which data is still stored."""

    @property
    def deletes(self) -> bool:
        """Whether data past its period is being deleted at this moment."""
        return self.hold is None and self.deletion_resumes_at is None


def _settled(setting: Setting, now: datetime) -> Setting:
    """A shortening whose grace period is over counts as made, without anything having run."""
    pending = setting.pending
    if pending is None or now < pending.effective_at:
        return setting
    return setting.model_copy(
        update={
            "days": pending.days,
            "since": pending.effective_at,
            "by": pending.by,
            "sequence": pending.sequence,
            "pending": None,
        }
    )


def period(data_type: str, state: State, agreement: Agreement, now: datetime) -> Period:
    """The retention period of one data type at a moment. KeyError where the type is unknown.

    Clause: Sch. 1 2
    """
    kind = agreement.data_type(data_type)
    setting = _settled(state.of(data_type), now)
    resumes = setting.deletion_resumes_at
    if resumes and now >= resumes:
        resumes = None
    days = kind.default_days if setting.days is None else setting.days
    kept = setting.hold.keeps_from if setting.hold else setting.keeps_from if resumes else None
    return Period(
        data_type=kind,
        days=days,
        is_default=setting.days is None,
        since=setting.since,
        by=setting.by,
        pending=setting.pending,
        hold=setting.hold,
        deletion_resumes_at=resumes,
        sequence=setting.sequence,
        stored_since=kept or local_day(now) - timedelta(days=days),
    )


def periods(state: State, agreement: Agreement, now: datetime) -> tuple[Period, ...]:
    """The retention period of every data type at a moment, in the settings' order. Clause: Sch. 1 2"""
    return tuple(period(t.id, state, agreement, now) for t in agreement.retention.data_types)


def held(state: State, agreement: Agreement) -> dict[str, tuple[str, ...]]:
    """Data category -> names of its data types under a legal hold. Clause: Sch. 1 2"""
    found: dict[str, tuple[str, ...]] = {}
    for kind in agreement.retention.data_types:
        if state.of(kind.id).hold:
            found[kind.data_category] = (*found.get(kind.data_category, ()), kind.name)
    return found


# --- what a period removes -----------------------------------------------------------------------


@dataclass(frozen=True)
class MonthlyUsage:
    """What was stored of one data type in one calendar month: records, and their size in bytes."""

    month: date
    """The first day of the month."""
    records: int
    bytes: int


@dataclass(frozen=True)
class MonthlyLoss:
    """What of one month would be deleted. `whole`: the month goes entirely."""

    month: date
    records: int
    bytes: int
    whole: bool


def _next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def losses(
    usage: Iterable[MonthlyUsage], *, kept_now: int, kept_then: int, at: date
) -> tuple[MonthlyLoss, ...]:
    """What goes on `at` when a period of `kept_now` days becomes one of `kept_then` days.

    Usage figures are monthly, so a month that is cut in two is taken as evenly spread over its days.
    Shares are cut, never rounded up, so that the parts of a month never add up to more than the month.
    What is older than `kept_now` is gone already and does not count.
    """
    oldest_now = at - timedelta(days=kept_now)
    oldest_then = at - timedelta(days=kept_then)
    result = []
    for figure in usage:
        end = _next_month(figure.month)
        first, last = max(figure.month, oldest_now), min(end, oldest_then)
        days = (end - figure.month).days
        since, until = (first - figure.month).days, (last - figure.month).days
        if until > since:
            result.append(
                MonthlyLoss(
                    figure.month,
                    figure.records * until // days - figure.records * since // days,
                    figure.bytes * until // days - figure.bytes * since // days,
                    whole=until - since == days,
                )
            )
    return tuple(sorted(result, key=lambda loss: loss.month))


# --- events --------------------------------------------------------------------------------------


class Shortened(Record):
    """`retention.shortened`: a shorter period, from a moment on; `before` and `days` in days."""

    v: Literal[1] = 1
    data_type: str
    before: int
    days: int
    effective_at: Moment
    reason: str


class Lengthened(Record):
    """`retention.lengthened`: a longer period, at once; `before` and `days` in days."""

    v: Literal[1] = 1
    data_type: str
    before: int
    days: int
    reason: str


class ShorteningCancelled(Record):
    """`retention.shortening_cancelled`: the pending shortening to `days` will not happen."""

    v: Literal[1] = 1
    data_type: str
    days: int
    reason: str


class HoldPlaced(Record):
    """`retention.hold_placed`: nothing of this data type is deleted from now on."""

    v: Literal[1] = 1
    data_type: str
    reason: str
    keeps_from: date
    """The oldest day of which data is still stored, in Stockholm's calendar."""


class HoldReleased(Record):
    """`retention.hold_released`: deletion goes on from `resumes_at`."""

    v: Literal[1] = 1
    data_type: str
    resumes_at: Moment
    reason: str


_BODIES: dict[str, type[Shortened | Lengthened | ShorteningCancelled | HoldPlaced | HoldReleased]] = {
    "retention.shortened": Shortened,
    "retention.lengthened": Lengthened,
    "retention.shortening_cancelled": ShorteningCancelled,
    "retention.hold_placed": HoldPlaced,
    "retention.hold_released": HoldReleased,
}
KINDS = frozenset(_BODIES)


# --- commands ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetPeriod:
    """Keep a data type for this many days."""

    data_type: str
    days: int
    reason: str = ""


@dataclass(frozen=True)
class CancelShortening:
    """Leave the period as it is: the pending shortening shall not happen."""

    data_type: str
    reason: str = ""


@dataclass(frozen=True)
class PlaceHold:
    """Stop deletion of a data type, whatever its period."""

    data_type: str
    reason: str


@dataclass(frozen=True)
class ReleaseHold:
    """Let deletion go on, after the grace period."""

    data_type: str
    reason: str = ""


Command = SetPeriod | CancelShortening | PlaceHold | ReleaseHold


@dataclass(frozen=True)
class Consequences:
    """What a command on retention brings about."""

    period: Period
    """As it stands."""
    days: int
    """As it will be."""
    effective_at: datetime
    """From when."""
    losses: tuple[MonthlyLoss, ...]
    """What would be deleted then, by month; empty where nothing is, or a hold stops it."""
    stored_since: date
    """The oldest day of which data is still stored when it takes effect."""
    held: bool
    """A legal hold stops the deletion for as long as it stands."""
    reason_required: bool
    clauses: tuple[str, ...]


def _known(data_type: str, agreement: Agreement) -> None:
    names = [t.id for t in agreement.retention.data_types]
    if data_type not in names:
        remedy = f"Choose one of: {', '.join(names)}."
        raise Refusal(CLAUSE, f"There is no data type “{data_type}”.", remedy, "data_type")


def _check(command: Command, stands: Period) -> None:
    """Refuse what the settings do not allow, whatever its reason."""
    kind, name = stands.data_type, stands.data_type.name
    match command:
        case SetPeriod(days=days):
            if not kind.minimum_days <= days <= kind.maximum_days:
                raise Refusal(
                    CLAUSE,
                    f"{name} cannot be kept for {days:,} {'day' if days == 1 else 'days'}.",
                    f"Choose from {kind.minimum_days:,} to {kind.maximum_days:,} days.",
                    "days",
                )
            if stands.pending:
                raise Refusal(
                    CLAUSE,
                    f"A shortening of {name} to {stands.pending.days:,} days, given by {stands.pending.by} "
                    f"(instruction {stands.pending.sequence}), is waiting to take effect.",
                    "Cancel it first, or wait until it has taken effect.",
                    "days",
                )
            if days == stands.days:
                raise Refusal(
                    CLAUSE, f"{name} is already kept for {days:,} days.", "Choose another number.", "days"
                )
        case CancelShortening():
            if not stands.pending:
                raise Refusal(
                    CLAUSE,
                    f"No shortening of {name} is waiting to take effect.",
                    "Set a longer period instead; data already deleted cannot be brought back.",
                )
        case PlaceHold():
            if stands.hold:
                raise Refusal(CLAUSE, f"{name} is already under a legal hold.", "Nothing needs doing.")
        case ReleaseHold():
            if not stands.hold:
                raise Refusal(CLAUSE, f"{name} is under no legal hold.", "Nothing needs doing.")


def consequences(
    command: Command,
    state: State,
    agreement: Agreement,
    now: datetime,
    usage: Iterable[MonthlyUsage] = (),
) -> Consequences:
    """What the command would bring about. Raises Refusal where it can't be given.

    `usage`: the monthly figures of this data type, from which the losses are computed.
    Clause: Sch. 1 2
    """
    _known(command.data_type, agreement)
    stands = period(command.data_type, state, agreement, now)
    _check(command, stands)
    grace = timedelta(days=agreement.retention.grace_days)
    days, effective_at, gone = stands.days, now, ()  # type: int, datetime, tuple[MonthlyLoss, ...]
    longer = False
    match command:
        case SetPeriod(days=days):
            longer = days > stands.days
            if not longer:
                effective_at = now + grace
                if not stands.hold:
                    gone = losses(usage, kept_now=stands.days, kept_then=days, at=local_day(effective_at))
        case ReleaseHold():
            effective_at = now + grace
            # A shortening that waits now has taken effect by then.
            days = period(command.data_type, state, agreement, effective_at).days
            at = local_day(effective_at)
            kept = (at - stands.stored_since).days
            gone = losses(usage, kept_now=kept, kept_then=days, at=at)
    return Consequences(
        period=stands,
        days=days,
        effective_at=effective_at,
        losses=gone,
        stored_since=stands.stored_since
        if stands.hold
        else local_day(effective_at) - timedelta(days=stands.days),
        held=stands.hold is not None and not isinstance(command, ReleaseHold),
        reason_required=longer or isinstance(command, PlaceHold),
        clauses=(CLAUSE, "3.1(i)"),
    )


def decide(command: Command, state: State, agreement: Agreement, now: datetime) -> list[NewEvent]:
    """Record the instruction. A shortening takes effect after the grace period; a lengthening, which
    keeps personal data longer, and a hold want a reason.

    Clause: Sch. 1 2, 3.1(i)
    """
    result = consequences(command, state, agreement, now)
    reason = checked_reason(command.reason, required_by=CLAUSE if result.reason_required else None)
    stands, data_type = result.period, command.data_type
    match command:
        case SetPeriod(days=days) if days > stands.days:
            return [
                NewEvent(
                    "retention.lengthened",
                    Lengthened(data_type=data_type, before=stands.days, days=days, reason=reason),
                )
            ]
        case SetPeriod(days=days):
            return [
                NewEvent(
                    "retention.shortened",
                    Shortened(
                        data_type=data_type,
                        before=stands.days,
                        days=days,
                        effective_at=result.effective_at,
                        reason=reason,
                    ),
                )
            ]
        case CancelShortening():
            assert stands.pending is not None  # noqa: S101  # _check refused otherwise
            return [
                NewEvent(
                    "retention.shortening_cancelled",
                    ShorteningCancelled(data_type=data_type, days=stands.pending.days, reason=reason),
                )
            ]
        case PlaceHold():
            return [
                NewEvent(
                    "retention.hold_placed",
                    HoldPlaced(data_type=data_type, reason=reason, keeps_from=stands.stored_since),
                )
            ]
        case ReleaseHold():
            return [
                NewEvent(
                    "retention.hold_released",
                    HoldReleased(data_type=data_type, resumes_at=result.effective_at, reason=reason),
                )
            ]


def evolve(state: State, event: RecordedEvent) -> State:
    """The state after an event of this subject; any other event leaves it as it is."""
    if event.kind not in KINDS:
        return state
    body = _BODIES[event.kind].model_validate(event.body)
    old = _settled(state.of(body.data_type), event.recorded_at)
    stamp = {"since": event.recorded_at, "by": event.actor, "sequence": event.sequence}
    match body:
        case Shortened():
            pending = Pending(
                days=body.days, effective_at=body.effective_at, by=event.actor, sequence=event.sequence
            )
            new = old.model_copy(update={"pending": pending})
        case Lengthened():
            new = old.model_copy(update={"days": body.days, **stamp})
        case ShorteningCancelled():
            new = old.model_copy(update={"pending": None})
        case HoldPlaced():
            hold = Hold(reason=body.reason, keeps_from=body.keeps_from, **stamp)
            new = old.model_copy(update={"hold": hold, "deletion_resumes_at": None})
        case HoldReleased():
            new = old.model_copy(
                update={
                    "hold": None,
                    "deletion_resumes_at": body.resumes_at,
                    "keeps_from": old.hold.keeps_from if old.hold else None,
                }
            )
    return State(settings=state.settings | {body.data_type: new})


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The instruction in a sentence."""
    body = _BODIES[event.kind].model_validate(event.body)
    names = {t.id: t.name for t in agreement.retention.data_types}
    name = names.get(body.data_type, body.data_type)
    match body:
        case Shortened():
            day = f"{local_day(body.effective_at):%-d %b %Y}"
            return f"Shortened retention of {name} from {body.before:,} to {body.days:,} days from {day}"
        case Lengthened():
            return f"Lengthened retention of {name} from {body.before:,} to {body.days:,} days"
        case ShorteningCancelled():
            return f"Cancelled the shortening of {name} to {body.days:,} days"
        case HoldPlaced():
            return f"Placed a legal hold on {name}"
        case HoldReleased():
            day = f"{local_day(body.resumes_at):%-d %b %Y}"
            return f"Released the legal hold on {name}; deletion resumes on {day}"
