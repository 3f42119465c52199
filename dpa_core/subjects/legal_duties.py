"""Laws that oblige the provider to process personal data beyond the instructions, told to the customer.

Clause: 3.1(i), Art. 28(3)(a) GDPR: the provider tells the customer of such a duty, unless the law forbids it.
That is information and no legal advice.
"""

from __future__ import annotations

from collections.abc import Iterator

from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusal, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import MAX_TITLE, checked_reason, checked_text

CLAUSE = "3.1(i)"


# --- state ---------------------------------------------------------------------------------------


class Duty(Record):
    """One notice of a legal duty. `id`: the sequence of its event."""

    id: int
    law: str
    what: str
    """What the law makes the provider do with the customer's data."""
    at: Moment
    by: str
    acknowledged_at: Moment | None = None
    acknowledged_by: str = ""
    remark: str = ""
    """What the customer says to it; may be empty."""


class State(Record):
    """The notices by identifier."""

    duties: dict[int, Duty] = {}


# --- events --------------------------------------------------------------------------------------


class Told(Body, kind="legal_duties.told", words="Told of a legal duty to process: {law}"):
    """The provider tells the customer of a law that obliges it."""

    law: str
    what: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        new = Duty(id=event.sequence, at=event.recorded_at, by=event.actor, **self.told())
        return State(duties=state.duties | {new.id: new})


class Acknowledged(
    Body, kind="legal_duties.acknowledged", words="Acknowledged the notice of a legal duty, {duty:id}"
):
    """The customer has read it, and may say something to it."""

    duty: int
    remark: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        read = {"acknowledged_at": event.recorded_at, "acknowledged_by": event.actor}
        duty = state.duties[self.duty].but(remark=self.remark, **read)
        return State(duties=state.duties | {duty.id: duty})


# --- commands ------------------------------------------------------------------------------------


class TellLegalDuty(Command, by="provider"):
    """Tell the customer of a law that obliges the provider to process its data otherwise than instructed."""

    law: str
    what: str


class AcknowledgeDuty(Command, by="customer"):
    """Say that the notice was read, and what there is to say to it."""

    duty: int
    remark: str = ""


# --- the steps that fit --------------------------------------------------------------------------


def _stage(duty: Duty, state: State, context: Context) -> Stage:
    return Stage() if duty.acknowledged_at else Stage((AcknowledgeDuty,), "customer")


def _misfit(step: type[Command], duty: Duty, state: State, context: Context) -> Refusal:
    return refuse("none_waits", CLAUSE, "duty")


STEPS: Steps[Duty, State] = Steps(_stage, _misfit)
steps_open = STEPS.open
"""The steps that the context's side may take with a notice now. Clause: 3.1(i)"""


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _tell_legal_duty(command: TellLegalDuty, state: State, context: Context) -> list[Body]:
    """Which law, and what it makes the provider do. Clause: 3.1(i)"""
    law = checked_text(command.law, "law", CLAUSE, limit=MAX_TITLE)
    return [Told(law=law, what=checked_text(command.what, "duty", CLAUSE, "what"))]


@decide.register
def _acknowledge_duty(command: AcknowledgeDuty, state: State, context: Context) -> list[Body]:
    """The notice was read. The law obliges the provider, so there is nothing to agree to. Clause: 3.1(i)"""
    duty = state.duties.get(command.duty)
    if duty is None:
        raise refuse("none_waits", CLAUSE, "duty")
    STEPS.check(command, duty, state, context)
    return [Acknowledged(duty=duty.id, remark=checked_reason(command.remark))]


# --- what is open --------------------------------------------------------------------------------


def tasks(state: State, context: Context) -> Iterator[Task]:
    """The notices that the customer has not acknowledged yet. Clause: 3.1(i)"""
    for duty in state.duties.values():
        if not duty.acknowledged_at:
            yield Task(
                f"legal_duties/{duty.id}",
                "legal_duties",
                "duty",
                step="acknowledge",
                parameters={"law": duty.law},
                waits_for="customer",
                clause=CLAUSE,
                opened_at=duty.at,
                by=duty.by,
                entry=duty.id,
            )


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The notice that a step is about."""
    return {"duties": (step.duty,)} if isinstance(step, AcknowledgeDuty | Acknowledged) else {}


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("legal_duties")

LEGAL_DUTIES = Subject(
    name="legal_duties",
    title="Assistance",
    page="assistance",
    state=State,
    events=(Told, Acknowledged),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    on_desk=True,
    about={"duty": ("Legal duty", "Processing that a law requires: {law}")},
    next_steps={"acknowledge": "Read it and acknowledge"},
    shelves=(Shelf("duties", Duty, lambda duty, _: duty.acknowledged_at is not None),),
    touches=touches,
)
