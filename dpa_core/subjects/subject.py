"""What a subject declares, and what its rules are handed.

A subject is one declared value: what it is called, which events it writes, and the functions that decide,
show what is open, and name its files. All else follows from that: folding, describing, the desk, labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import singledispatch
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, dataclass_transform

from dpa_core.agreement import Agreement
from dpa_core.locale import Value, fill, local_day
from dpa_core.subjects import dates
from dpa_core.subjects.common import SIDES, FileRef, Record, RecordedEvent, Refusal, Side

if TYPE_CHECKING:  # for the types of what a context carries; at run time no subject knows another
    from functools import _SingleDispatchCallable

    from dpa_core.subjects.incidents import Incident
    from dpa_core.subjects.sub_processors import Published

Action = Literal[
    "read",
    "instruct",
    "respond",
    "govern",
    "take_snapshot",
    "hold_review",
    "grant_customer_roles",
    "grant_any_role",
    "open_customer",
    "import_usage",
]
"""What a person may do. `instruct`: act for a customer. `respond`: act for the provider towards a customer.
`govern`: act for the provider in its own ledger."""

Turn = Side | Literal["both"]
"""Whose turn it is; `both`: that of either, and one of them is enough."""
TURNS: dict[Turn, str] = {"customer": SIDES["customer"], "provider": SIDES["provider"], "both": "either side"}

_OF_SIDE: dict[Side, Action] = {"customer": "instruct", "provider": "respond"}

_GIVEN_BY: dict[Side | Literal["either"], tuple[Side, ...]] = {
    "customer": ("customer",),
    "provider": ("provider",),
    "either": ("customer", "provider"),
}

S = TypeVar("S", bound=Record)
"""The state of a subject."""
I = TypeVar("I")  # noqa: E741  # as in `item`
"""What a step is about: one audit, one request."""


# --- events and commands -------------------------------------------------------------------------


class Body(Record):
    """An event's body. The class says what the event is called and what it does to the state.

    A class stands for one kind in one version (`v`); once written to a ledger it is kept for ever.
    `class Accepted(Body, kind="audits.accepted", words="Accepted audit {audit:id}")`.
    """

    kind: ClassVar[str]
    words: ClassVar[str] = ""
    """The event in a sentence, as a template that the body's own fields and `names` fill."""
    v: int = 1
    """The version of the body's shape."""

    def __init_subclass__(cls, kind: str | None = None, words: str | None = None) -> None:
        if kind is not None:
            cls.kind = kind
        if words is not None:
            cls.words = words

    def apply(self, state: Any, event: RecordedEvent) -> Any:
        """The state of the subject after this event."""
        raise NotImplementedError

    def told(self, *but: str) -> dict[str, Any]:
        """What the event tells, by field, without `v` and without the fields named in `but`."""
        return {name: value for name, value in self if name not in ("v", *but)}

    def names(self, agreement: Agreement) -> Mapping[str, Value]:
        """What the sentence speaks of beside the fields, mostly names from an agreement version."""
        return {}

    def describe(self, agreement: Agreement) -> str:
        """The event in a sentence, in the names of an agreement version."""
        return fill(self.words, {**dict(self), **self.names(agreement)})


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class Command:
    """Something a person wants done. The class says which side may give it, and the right it needs.

    Each is a frozen dataclass: `class WithdrawAudit(Command, by="customer")`.
    """

    by: ClassVar[tuple[Side, ...]]
    action: ClassVar[Action | None]
    """The right that either side needs; None: `instruct` for a customer, `respond` for the provider."""

    def __init_subclass__(
        cls, by: Side | Literal["either"] | None = None, action: Action | None = None
    ) -> None:
        cls.by, cls.action = _GIVEN_BY[by] if by else (), action
        dataclass(frozen=True)(cls)

    def needs(self, side: Side) -> Action:
        """The right that a person of one side needs to give it."""
        return self.action or _OF_SIDE[side]

    @property
    def cited_entry(self) -> int | None:
        """The entry of the customer's ledger that the command is about, where its rule has to see it."""
        return None

    @property
    def named_customers(self) -> tuple[str, ...]:
        """Identifiers of customers that the command names, where its rule has to know that they exist."""
        return ()


# --- what a rule is handed -----------------------------------------------------------------------


@dataclass(frozen=True)
class Context:
    """All that a decision may rest on beside the state of its own subject."""

    agreement: Agreement
    """The version that binds, with the list of sub-processors that counts at `now`."""
    now: datetime
    """In UTC."""
    side: Side = "customer"
    """Which side acts, or looks."""
    customer_id: str = ""
    sequence: int = 0
    """The last entry of the ledger."""
    features_on: frozenset[str] = frozenset()
    """Identifiers of the customer's features that are switched on; none from the agreement's end on."""
    in_use: frozenset[str] = frozenset()
    """Those of them that run: what else the agreement and its course take away is left out."""
    held: Mapping[str, datetime | None] = field(default_factory=dict)
    """Data type that is, or last was, under a legal hold -> from when its data may be deleted again, in UTC;
    None while the hold stands."""
    ends_on: date | None = None
    """The last day of the agreement in Stockholm, where its end is recorded."""
    all_deleted: bool = False
    """The agreement has ended, and all data is recorded as deleted since: nothing is processed any more."""
    changes: Mapping[int, Published] = field(default_factory=dict)
    """Published changes to the list of sub-processors, by identifier."""
    opened_at: datetime | None = None
    """When the customer was opened, in UTC; None: before all that was published."""
    held_back: frozenset[int] = frozenset()
    """The changes that do not count for the customer, now or later, as it objects."""
    disputed: tuple[Published, ...] = ()
    """Those of them that would count at `now`."""
    suspended: Mapping[str, int] = field(default_factory=dict)
    """Features that are switched on and do not run, each with the change that is objected to."""
    to_accept: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Features that are off, each with the changes that have to be accepted to switch it on."""
    incidents: Mapping[int, Incident] = field(default_factory=dict)
    """The incidents that the customer was told of, by identifier."""
    cited: RecordedEvent | None = None
    """The entry that the command is about (`Command.cited_entry`); None where there is none."""
    existing_customers: frozenset[str] = frozenset()
    """Those of `Command.named_customers` that exist."""
    customer_name: str = ""

    @property
    def ended(self) -> date | None:
        """The last day of the agreement, where it is over at `now`; None while the agreement runs."""
        over = self.ends_on is not None and self.now >= dates.end_of(self.ends_on)
        return self.ends_on if over else None

    @property
    def opened_on(self) -> date | None:
        """The day in Stockholm on which the customer was opened."""
        return local_day(self.opened_at) if self.opened_at else None


# --- open tasks and the steps that fit -----------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A state that an item can be in: the steps that fit it, the awaited one first, and whose turn it is."""

    steps: tuple[type[Command], ...] = ()
    waits_for: Turn | None = None
    """None: nobody has to do anything."""

    def open_to(self, side: Side) -> tuple[type[Command], ...]:
        """The steps that a side may take."""
        return tuple(step for step in self.steps if side in step.by)


def _no_obstacle(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Steps(Generic[I, S]):
    """The steps that fit an item of a subject: by the stage it is in, and by what else it is.

    All three are asked with the item, the state and the context; the last two first with the step.
    """

    stage: Callable[[I, S, Context], Stage]
    misfit: Callable[[type[Command], I, S, Context], Refusal]
    """Why a step does not fit that the stage does not offer to the context's side."""
    obstacle: Callable[[type[Command], I, S, Context], Refusal | None] = _no_obstacle
    """Why a step that the stage offers does not fit this item all the same; None where it does."""

    def open(self, item: I, state: S, context: Context) -> tuple[type[Command], ...]:
        """The steps that the context's side may take with an item now."""
        offered = self.stage(item, state, context).open_to(context.side)
        return tuple(step for step in offered if self.obstacle(step, item, state, context) is None)

    def check(self, command: Command, item: I, state: S, context: Context) -> None:
        """Raises the Refusal of a step that does not fit the item it is about."""
        step = type(command)
        if step not in self.stage(item, state, context).open_to(context.side):
            raise self.misfit(step, item, state, context)
        if obstacle := self.obstacle(step, item, state, context):
            raise obstacle


@dataclass(frozen=True)
class Task:
    """Something open: what it is about, which step it waits for, of whom, by when, under which clause.

    It stands from `begins` until `ends` (in UTC; None: without such a limit), so that whoever holds it
    knows at any moment what counts, without anything having run. `about` and `step` are codes, whose words
    the subject declares; `parameters` fill those words.
    """

    key: str
    """Subject's page and number, as `audits/12`: the same through all its steps."""
    subject: str
    about: str
    step: str = ""
    """Empty where only time has to pass."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    waits_for: Turn | None = None
    """None: only time has to pass."""
    clause: str = ""
    due: datetime | None = None
    """Before this moment; where a day is due, the midnight that ends it."""
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


# --- the declaration -----------------------------------------------------------------------------


def rules() -> _SingleDispatchCallable[list[Body]]:
    """A subject's `decide(command, state, context)`: what a command wants recorded. Raises Refusal.

    Each rule is registered with it, and chosen by the type of its command. TypeError for another subject's.
    """

    @singledispatch
    def decide(command: Command, state: Record, context: Context) -> list[Body]:
        raise TypeError(f"no rule decides {type(command).__name__} here")

    return decide


def _nothing(*_: Any) -> Iterable[Any]:
    return ()


def _none(*_: Any) -> Mapping[str, Iterable[int]]:
    return {}


@dataclass(frozen=True)
class Shelf:
    """Items that leave a subject's state once nothing more can happen to them; they are kept beside it."""

    field: str
    """Of the state: identifier -> item. Identifiers are in order, the newest last."""
    item: type[Record]
    settled: Callable[[Any, Any], bool]
    """Whether an item leaves the state it is in (item, state). What has left has no open task, and no rule
    asks for it unless `touches` or `asks` names it."""


def _cited_entry(command: Command, _: Record) -> int | None:
    return command.cited_entry


def _no_steps(*_: Any) -> tuple[type[Command], ...]:
    return ()


@dataclass(frozen=True)
class Subject(Generic[S]):
    """One subject, whole. `S`: the state that its events fold to."""

    name: str
    """As in the registry, in the folded state, and in `Task.subject`."""
    title: str
    """What a person reads wherever the subject is named."""
    state: type[S]
    events: tuple[type[Body], ...]
    decide: _SingleDispatchCallable[list[Body]]
    """`decide(command, state, context)`: what is to be recorded. See `rules`."""
    page: str = ""
    """The page on which it is settled; by default its name."""
    steps_open: Callable[..., tuple[type[Command], ...]] = _no_steps
    """`steps_open(item, state, context)`: the steps that the context's side may take now."""
    tasks: Callable[[S, Context], Iterable[Task]] = _nothing
    """What is open by the subject's own events, each for the time it stands."""
    notices: Callable[[S, Context], Iterable[Task]] = _nothing
    """What is open for a customer because the provider told it something."""
    on_desk: bool = False
    """Whether the provider's desk lists its `tasks`."""
    about: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """`Task.about` -> what such a thing is called (`Audit`), and this one's title, as a template for the
    task's parameters (`Audit {id} of {audited}`)."""
    next_steps: Mapping[str, str] = field(default_factory=dict)
    """`Task.step` -> the next step (`Accept the dates`), as a template too."""
    shelves: tuple[Shelf, ...] = ()
    """Which of its items leave the state when they are settled."""
    touches: Callable[[Body | Command, S], Mapping[str, Iterable[int]]] = _none
    """The items that a command is about, or an event changes, by the field of a shelf: those that have left
    the state are put back for it."""
    cites: Callable[[Command, S], int | None] = _cited_entry
    """The entry of the customer's ledger that a command is about, where its rule, or what follows from it in
    other subjects, has to see it."""
    asks: Callable[[S, Context], Mapping[str, Iterable[int]]] = _none
    """The items that `notices` ask for at a moment, by the field of a shelf, where they have left the state:
    they are put back for whoever looks."""
    files: Callable[[S], Iterable[FileRef]] = _nothing
    """The files that the state names."""
    kinds: frozenset[str] = field(init=False)
    """The kinds of its events."""
    _bodies: Mapping[tuple[str, int], type[Body]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "page", self.page or self.name)
        bodies = {(b.kind, b.model_fields["v"].default): b for b in self.events}
        object.__setattr__(self, "_bodies", bodies)
        object.__setattr__(self, "kinds", frozenset(b.kind for b in self.events))

    @property
    def has_tasks(self) -> bool:
        """Whether anything is ever open by its own events."""
        return self.tasks is not _nothing

    @property
    def commands(self) -> tuple[type[Command], ...]:
        """The commands that `decide` takes."""
        return tuple(c for c in self.decide.registry if issubclass(c, Command))

    def read(self, event: RecordedEvent) -> Body | None:
        """The body of one of the subject's events; None for an event of another subject.

        Raises ValueError for a body that no known version of the kind fits.
        """
        if event.kind not in self.kinds:
            return None
        if not isinstance(event.body, Mapping):  # tampered with
            raise ValueError(f"{event.kind} has no body")
        version = event.body.get("v")
        body = self._bodies.get((event.kind, version))  # type: ignore[arg-type]  # a stranger's may be anything
        if body is None:
            raise ValueError(f"{event.kind} has no version {version!r}")
        return body.model_validate(event.body)

    def evolve(self, state: S, event: RecordedEvent) -> S:
        """The state after an event; one of another subject leaves it as it is."""
        body = self.read(event)
        if body is None:
            return state
        new: S = body.apply(state, event)
        return new

    def describe(self, event: RecordedEvent, agreement: Agreement) -> str:
        """One of the subject's events in a sentence; the bare kind where it is of another."""
        body = self.read(event)
        return body.describe(agreement) if body else event.kind

    def title_of(self, task: Task) -> tuple[str, str]:
        """What kind of thing a task is about, and the title of this one."""
        kind, title = self.about[task.about]
        return kind, fill(title, task.parameters)

    def step_of(self, task: Task) -> str:
        """The next step of a task in words; empty where there is none."""
        return fill(self.next_steps[task.step], task.parameters) if task.step else ""
