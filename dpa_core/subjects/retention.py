"""Retention periods per data type, with legal holds.

Clause: Sch. 1 2 gives the customer the settings; types, ranges, defaults and the grace period are the
provider's settings (`retention.toml`), as the agreement names none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dpa_core.agreement import Agreement, DataType
from dpa_core.locale import Value, local_day, number
from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusal, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import checked_reason

CLAUSE = "Sch. 1 2"
END_CLAUSE = "3.1(xi)"
DURATION_CLAUSE = "5.1"


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
    days, by, sequence = pending.days, pending.by, pending.sequence
    return setting.but(days=days, since=pending.effective_at, by=by, sequence=sequence, pending=None)


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


def held(state: State, agreement: Agreement) -> dict[str, datetime | None]:
    """Data type that is or last was under a legal hold -> from when it may be deleted again; None while the
    hold stands. Clause: Sch. 1 2"""
    found = {t.id: state.of(t.id) for t in agreement.retention.data_types}
    return {
        id: None if stands.hold else stands.deletion_resumes_at
        for id, stands in found.items()
        if stands.hold or stands.deletion_resumes_at
    }


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


@dataclass(frozen=True)
class Stored:
    """How much is stored: records, and their size in bytes."""

    records: int
    bytes: int


def stored(usage: Iterable[MonthlyUsage], since: date, at: date) -> Stored:
    """What is stored `at` of what came in on or after the day `since`: by monthly figures, of which the month
    of `at` counts as a whole, and one that `since` cuts in two as evenly spread over its days."""
    left = losses(usage, kept_now=(at - since).days, kept_then=-31, at=at)
    return Stored(sum(month.records for month in left), sum(month.bytes for month in left))


# --- events --------------------------------------------------------------------------------------


class _Instruction(Body):
    """An event of one data type."""

    data_type: str

    def _set(self, state: State, event: RecordedEvent, **fields: object) -> State:
        """The state with these fields of the setting, as it stood when the event was recorded, changed."""
        changed = self._stood(state, event).but(**fields)
        return State(settings=state.settings | {self.data_type: changed})

    def _stood(self, state: State, event: RecordedEvent) -> Setting:
        return _settled(state.of(self.data_type), event.recorded_at)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        names = {t.id: t.name for t in agreement.retention.data_types}
        return {"name": names.get(self.data_type, self.data_type)}


class Shortened(
    _Instruction,
    kind="retention.shortened",
    words="Shortened retention of {name} from {before} to {days} days from {effective_at}",
):
    """A shorter period, from a moment on; `before` and `days` in days."""

    before: int
    days: int
    effective_at: Moment
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        pending = Pending(
            days=self.days, effective_at=self.effective_at, by=event.actor, sequence=event.sequence
        )
        return self._set(state, event, pending=pending)


class Lengthened(
    _Instruction,
    kind="retention.lengthened",
    words="Lengthened retention of {name} from {before} to {days} days",
):
    """A longer period, at once; `before` and `days` in days."""

    before: int
    days: int
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        at, by, sequence = event.recorded_at, event.actor, event.sequence
        return self._set(state, event, days=self.days, since=at, by=by, sequence=sequence)


class ShorteningCancelled(
    _Instruction,
    kind="retention.shortening_cancelled",
    words="Cancelled the shortening of {name} to {days} days",
):
    """The shortening to `days` that waited will not happen."""

    days: int
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, event, pending=None)


class HoldPlaced(_Instruction, kind="retention.hold_placed", words="Placed a legal hold on {name}"):
    """Nothing of this data type is deleted from now on."""

    reason: str
    keeps_from: date
    """The oldest day of which data is still stored, in Stockholm's calendar."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        told = self.told("data_type")
        hold = Hold(since=event.recorded_at, by=event.actor, sequence=event.sequence, **told)
        return self._set(state, event, hold=hold, deletion_resumes_at=None)


class HoldReleased(
    _Instruction,
    kind="retention.hold_released",
    words="Released the legal hold on {name}; deletion resumes on {resumes_at}",
):
    """Deletion goes on from `resumes_at`."""

    resumes_at: Moment
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        """What the hold kept stays until deletion goes on."""
        hold = self._stood(state, event).hold
        kept = hold.keeps_from if hold else None
        return self._set(state, event, hold=None, deletion_resumes_at=self.resumes_at, keeps_from=kept)


# --- commands ------------------------------------------------------------------------------------


class SetPeriod(Command, by="customer"):
    """Keep a data type for this many days."""

    data_type: str
    days: int
    reason: str = ""


class CancelShortening(Command, by="customer"):
    """Leave the period as it is: the pending shortening shall not happen."""

    data_type: str
    reason: str = ""


class PlaceHold(Command, by="customer"):
    """Stop deletion of a data type, whatever its period."""

    data_type: str
    reason: str


class ReleaseHold(Command, by="customer"):
    """Let deletion go on, after the grace period."""

    data_type: str
    reason: str = ""


Step = SetPeriod | CancelShortening | PlaceHold | ReleaseHold
"""What can be done with the period of a data type."""


# --- the steps that fit --------------------------------------------------------------------------

STAGE = Stage((SetPeriod, CancelShortening, PlaceHold, ReleaseHold))
"""Each step fits or not by itself: a data type has a period, and may have a hold whatever the period."""


def _misfit(step: type[Command], stands: Period, state: State, context: Context) -> Refusal:
    return refuse("of_customer", CLAUSE)


def _obstacle(step: type[Command], stands: Period, state: State, context: Context) -> Refusal | None:
    """Why a step does not fit a data type as it stands; None where it fits."""
    name, pending = stands.data_type.name, stands.pending
    if step in (SetPeriod, PlaceHold) and context.all_deleted and context.ended:
        return refuse("all_deleted", DURATION_CLAUSE, name=name, on=context.ended)
    if step is SetPeriod and pending:
        by, sequence = pending.by, str(pending.sequence)
        return refuse("pending", CLAUSE, "days", name=name, days=pending.days, by=by, sequence=sequence)
    if step is CancelShortening and not pending:
        return refuse("nothing_pending", CLAUSE, name=name)
    if step is PlaceHold and stands.hold:
        return refuse("held_already", CLAUSE, name=name)
    if step is ReleaseHold and not stands.hold:
        return refuse("not_held", CLAUSE, name=name)
    return None


STEPS: Steps[Period, State] = Steps(lambda stands, state, context: STAGE, _misfit, _obstacle)
steps_open = STEPS.open
"""The steps that the context's side may take with the period of a data type now. Clause: Sch. 1 2"""


def _taken(command: Step, state: State, context: Context) -> Period:
    """The period that a step is about. Refused for an unknown data type, or where the step does not fit."""
    known = tuple(t.id for t in context.agreement.retention.data_types)
    if command.data_type not in known:
        raise refuse("unknown", CLAUSE, "data_type", id=command.data_type[:60], known=known)
    stands = period(command.data_type, state, context.agreement, context.now)
    STEPS.check(command, stands, state, context)
    return stands


# --- consequences --------------------------------------------------------------------------------


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


def _checked_days(days: int, stands: Period, context: Context) -> int:
    """The length of a new period, in days. Refused outside the range, where nothing would change, and where
    data would be kept longer although the agreement is over, as it is then to be returned or deleted (our
    reading). A hold can be placed, and a period shortened, for as long as there is data."""
    kind, name = stands.data_type, stands.data_type.name
    least, most = kind.minimum_days, kind.maximum_days
    if not least <= days <= most:
        raise refuse("out_of_range", CLAUSE, "days", name=name, days=days, least=least, most=most)
    if days > stands.days and context.ended:
        raise refuse("ended", END_CLAUSE, "days", name=name, on=context.ended)
    if days == stands.days:
        raise refuse("same_period", CLAUSE, "days", name=name, days=days)
    return days


def consequences(
    command: Step, state: State, context: Context, usage: Iterable[MonthlyUsage] = ()
) -> Consequences:
    """What the command would bring about. Raises Refusal where it cannot be given.

    `usage`: the monthly figures of this data type, from which the losses are computed.
    Clause: Sch. 1 2
    """
    stands = _taken(command, state, context)
    days, effective_at = stands.days, context.now
    grace_over = context.now + timedelta(days=context.agreement.retention.grace_days)
    gone: tuple[MonthlyLoss, ...] = ()
    match command:
        case SetPeriod():
            days = _checked_days(command.days, stands, context)
            if days < stands.days:
                effective_at = grace_over
                if not stands.hold:
                    at = local_day(effective_at)
                    gone = losses(usage, kept_now=stands.days, kept_then=days, at=at)
        case ReleaseHold():
            effective_at = grace_over
            # A shortening that waits now has taken effect by then.
            days = period(command.data_type, state, context.agreement, effective_at).days
            at = local_day(effective_at)
            gone = losses(usage, kept_now=(at - stands.stored_since).days, kept_then=days, at=at)
    not_yet_gone = local_day(effective_at) - timedelta(days=stands.days)
    return Consequences(
        period=stands,
        days=days,
        effective_at=effective_at,
        losses=gone,
        stored_since=stands.stored_since if stands.hold else not_yet_gone,
        held=stands.hold is not None and not isinstance(command, ReleaseHold),
        reason_required=days > stands.days or isinstance(command, PlaceHold),
        clauses=(CLAUSE, "3.1(i)"),
    )


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


def _checked(command: Step, state: State, context: Context) -> tuple[Consequences, str]:
    """What a command brings about, and its reason. Refused without a reason where the provider's own setting
    asks for one."""
    result = consequences(command, state, context)
    reason = checked_reason(command.reason)
    if result.reason_required and not reason:
        raise refuse("reason_missing", CLAUSE, "reason")
    return result, reason


@decide.register
def _set_period(command: SetPeriod, state: State, context: Context) -> list[Body]:
    """A shorter period after the grace period; a longer one at once, with a reason, as it keeps personal
    data longer: both by the provider's own setting. Clause: Sch. 1 2, 3.1(i)
    """
    result, reason = _checked(command, state, context)
    data_type, before, days = command.data_type, result.period.days, command.days
    if days > before:
        return [Lengthened(data_type=data_type, before=before, days=days, reason=reason)]
    at = result.effective_at
    return [Shortened(data_type=data_type, before=before, days=days, effective_at=at, reason=reason)]


@decide.register
def _cancel_shortening(command: CancelShortening, state: State, context: Context) -> list[Body]:
    """A shortening that waits will not happen. Clause: Sch. 1 2, 3.1(i)"""
    result, reason = _checked(command, state, context)
    pending = result.period.pending
    assert pending is not None  # noqa: S101  # the obstacles say so
    return [ShorteningCancelled(data_type=command.data_type, days=pending.days, reason=reason)]


@decide.register
def _place_hold(command: PlaceHold, state: State, context: Context) -> list[Body]:
    """Deletion stops at once, for a reason, as the provider's own setting asks. Clause: Sch. 1 2, 3.1(i)"""
    result, reason = _checked(command, state, context)
    kept = result.period.stored_since
    return [HoldPlaced(data_type=command.data_type, reason=reason, keeps_from=kept)]


@decide.register
def _release_hold(command: ReleaseHold, state: State, context: Context) -> list[Body]:
    """Deletion goes on after the grace period, the provider's own setting. Clause: Sch. 1 2, 3.1(i)"""
    result, reason = _checked(command, state, context)
    return [HoldReleased(data_type=command.data_type, resumes_at=result.effective_at, reason=reason)]


# --- what is open --------------------------------------------------------------------------------


def tasks(state: State, context: Context) -> Iterator[Task]:
    """The shorter periods that wait to take effect: nobody has to do anything. Clause: Sch. 1 2"""
    grace = timedelta(days=context.agreement.retention.grace_days)
    waiting = [id for id, setting in state.settings.items() if setting.pending]
    for stands in (period(id, state, context.agreement, context.now) for id in waiting):
        if pending := stands.pending:
            yield Task(
                f"retention/{pending.sequence}",
                "retention",
                "coming_period",
                parameters={
                    "data_type": stands.data_type.name,
                    "days": number(pending.days),
                    "before": number(stands.days),
                },
                clause=CLAUSE,
                due=pending.effective_at,
                ends=pending.effective_at,
                opened_at=pending.effective_at - grace,
                by=pending.by,
                entry=pending.sequence,
            )


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("retention")

RETENTION = Subject(
    name="retention",
    title="Retention",
    state=State,
    events=(Shortened, Lengthened, ShorteningCancelled, HoldPlaced, HoldReleased),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    about={"coming_period": ("Coming retention period", "{data_type}: {days} days instead of {before}")},
)
