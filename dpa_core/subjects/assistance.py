"""Help the customer asks for, each with its due date and conversation; and instructions the provider flags.

Clauses: 3.1(viii) (requests of data subjects), 3.1(ix) (Art. 32 to 36 GDPR, ten business days), 3.1(xii) and
Sch. 3 1.2 (proof), Sch. 3 1.4 (DORA), 3.1(i) (changes not foreseen; instructions that infringe the law),
3.1(xiii) (cost).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from dpa_core.agreement import Agreement
from dpa_core.locale import Label, Value, worded
from dpa_core.subjects import dates
from dpa_core.subjects.common import (
    PROCESSOR,
    FileRef,
    Message,
    Moment,
    Record,
    RecordedEvent,
    Refusal,
    Refusals,
)
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import MAX_TITLE, checked_reason, checked_text

CLAUSE = "3.1(ix)"
COST_CLAUSE = "3.1(xiii)"
INSTRUCTION_CLAUSE = "3.1(i)"
MONTH_CLAUSE = "Art. 12(3) GDPR"

RequestKind = Literal[
    "data_subject", "dpia", "authority", "security", "dora_information", "dora_incident", "change"
]
Right = Literal[
    "access", "rectification", "erasure", "restriction", "portability", "objection", "automated_decision"
]
RIGHTS: dict[Right, str] = {
    "access": "Access (Art. 15)",
    "rectification": "Rectification (Art. 16)",
    "erasure": "Erasure (Art. 17)",
    "restriction": "Restriction (Art. 18)",
    "portability": "Portability (Art. 20)",
    "objection": "Objection (Art. 21)",
    "automated_decision": "Automated decisions (Art. 22)",
}


@dataclass(frozen=True)
class KindOfHelp:
    """A kind of request: its name, the clause it rests on, and who pays."""

    name: str
    clause: str
    cost: str
    """The clause under which the provider's expenses are reimbursed; empty: none is."""
    note: str


KINDS_OF_HELP: dict[RequestKind, KindOfHelp] = {
    "data_subject": KindOfHelp(
        "Request of a data subject",
        "3.1(viii)",
        COST_CLAUSE,
        "A person uses a right of Chapter III GDPR. Answering is your duty, within one month; the "
        "provider helps.",
    ),
    "dpia": KindOfHelp(
        "Data protection impact assessment",
        "3.1(ix)",
        COST_CLAUSE,
        "Documents and answers for an assessment under Art. 35 and 36 GDPR.",
    ),
    "authority": KindOfHelp(
        "Enquiry of a supervisory authority",
        "3.1(ix)",
        COST_CLAUSE,
        "What an authority asks you about the processing.",
    ),
    "security": KindOfHelp(
        "Security information and certificates",
        "Sch. 3 1.2",
        "",
        "Proof of the measures of Schedule 3 and of the certifications.",
    ),
    "dora_information": KindOfHelp(
        "DORA: information and evidence",
        "Sch. 3 1.4(v)",
        "",
        "Certificates, audit reports and other information under Regulation (EU) 2022/2554.",
    ),
    "dora_incident": KindOfHelp(
        "DORA: help in an ICT incident",
        "Sch. 3 1.4(vi)",
        "Sch. 3 1.4(vi)",
        "Free within the standard incident processes; beyond them at the agreed rates.",
    ),
    "change": KindOfHelp(
        "Anything else (change request)",
        INSTRUCTION_CLAUSE,
        INSTRUCTION_CLAUSE,
        "An instruction the agreement does not foresee is a request for a change. Changes to the security "
        "measures may cost extra.",
    ),
}


# --- state ---------------------------------------------------------------------------------------

Next = Literal["waits_for_provider", "waits_for_customer", "answered"]
"""Where a message leaves a request."""
Status = Literal["waits_for_provider", "waits_for_customer", "answered", "closed", "withdrawn"]
STATUS: dict[Status, str] = worded(
    Status, waits_for_provider="Waits for the provider", waits_for_customer="Waits for the customer"
)
Outcome = Literal["open", "confirmed", "withdrawn"]
OUTCOMES: dict[Outcome, str] = {
    "open": "Needs your answer",
    "confirmed": "Confirmed",
    "withdrawn": "Withdrawn",
}
"""What became of a flagged instruction."""


class Request(Record):
    """One request. `id`: the sequence of its event."""

    id: int
    kind: RequestKind
    title: str
    at: Moment
    by: str
    rights: tuple[Right, ...] = ()
    received_on: date | None = None
    """The day the data subject's request reached the customer."""
    said: tuple[Message, ...] = ()
    status: Status = "waits_for_provider"


class Flag(Record):
    """An instruction that in the provider's opinion infringes the law. `id`: its own sequence."""

    id: int
    instruction: int
    """Sequence of the flagged instruction in the customer's ledger."""
    what: str = ""
    """The instruction in words, where an event of version 1 tells them."""
    opinion: str
    at: Moment
    by: str
    outcome: Outcome = "open"
    answer: str = ""
    answered_by: str = ""


class State(Record):
    """Requests and flags, by identifier."""

    requests: dict[int, Request] = {}
    flags: dict[int, Flag] = {}


def due(request: Request, agreement: Agreement) -> datetime:
    """Until when the provider helps, in UTC. Clause: 3.1(ix)"""
    return dates.business_days_later(request.at, agreement.term("assistance").value)


def controller_due(request: Request) -> date | None:
    """The customer's own last day to answer a data subject; None for other requests.

    Standard: Art. 12(3) GDPR, which allows two more months for complex ones.
    """
    return dates.month_later(request.received_on) if request.received_on else None


# --- events --------------------------------------------------------------------------------------


class Requested(Body, kind="assistance.requested", words="Asked for help ({help}): {title}"):
    """A request for help."""

    request_kind: RequestKind
    title: str
    text: str
    rights: tuple[Right, ...]
    received_on: date | None
    files: tuple[FileRef, ...]
    cost_acknowledged: bool

    def apply(self, state: State, event: RecordedEvent) -> State:
        first = Message.of(event, self.text, self.files)
        told = self.told("request_kind", "text", "files", "cost_acknowledged")
        stamp = {"id": event.sequence, "at": event.recorded_at, "by": event.actor}
        new = Request(kind=self.request_kind, said=(first,), **stamp, **told)
        return state.but(requests=state.requests | {new.id: new})

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"help": KINDS_OF_HELP[self.request_kind].name}


class _Step(Body):
    """An event of one request."""

    request: int

    def _add(self, state: State, message: Message, status: Status) -> State:
        """A message in its conversation, and where that leaves it."""
        old = state.requests[self.request]
        new = old.but(said=(*old.said, message), status=status)
        return state.but(requests=state.requests | {new.id: new})


class MessageSent(_Step, kind="assistance.said", words="{done} request {request:id}"):
    """One message; `then`: where it leaves the request."""

    v: int = 2
    text: str
    files: tuple[FileRef, ...]
    then: Next

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._add(state, Message.of(event, self.text, self.files), self.then)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"done": "Answered" if self.then == "answered" else "Wrote in"}


_ThenV1 = Literal["waits for the provider", "waits for you", "answered"]
_NEXT_OF_V1: dict[_ThenV1, Next] = {
    "waits for the provider": "waits_for_provider",
    "waits for you": "waits_for_customer",
    "answered": "answered",
}


class MessageSentV1(_Step, kind=MessageSent.kind):
    """One message, as it was written when `then` was still in words."""

    text: str
    files: tuple[FileRef, ...]
    then: _ThenV1

    def _in_codes(self) -> MessageSent:
        return MessageSent(
            request=self.request, text=self.text, files=self.files, then=_NEXT_OF_V1[self.then]
        )

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._in_codes().apply(state, event)

    def describe(self, agreement: Agreement) -> str:
        """As one of version 2 does."""
        return self._in_codes().describe(agreement)


class Closed(_Step, kind="assistance.closed", words="{done} request {request:id}"):
    """Settled for the customer, or taken back."""

    outcome: Literal["closed", "withdrawn"]
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        message = Message.of(event, self.reason, step=f"request_{self.outcome}")
        return self._add(state, message, self.outcome)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"done": "Closed" if self.outcome == "closed" else "Withdrew"}


class Flagged(
    Body,
    kind="assistance.flagged",
    words="Flagged instruction {instruction:id} as infringing the law, in the provider's opinion",
):
    """An instruction infringes the law, in the provider's opinion."""

    v: int = 2
    instruction: int
    """Its sequence in the customer's ledger, which tells what it was."""
    opinion: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        new = Flag(id=event.sequence, at=event.recorded_at, by=event.actor, **self.told())
        return state.but(flags=state.flags | {new.id: new})


class FlaggedV1(Flagged):
    """A flag, as it was written when it still told the instruction in words."""

    v: int = 1
    what: str


class FlagAnswered(
    Body, kind="assistance.flag_answered", words="{done} the instruction flagged in {flag:id}"
):
    """The customer confirms or withdraws its instruction."""

    flag: int
    outcome: Literal["confirmed", "withdrawn"]
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        """The flag is answered. Where the instruction withdrawn was a request, that is withdrawn too."""
        answered = {"outcome": self.outcome, "answer": self.reason, "answered_by": event.actor}
        flag, requests = state.flags[self.flag].but(**answered), state.requests
        if self.outcome == "withdrawn" and (asked := requests.get(flag.instruction)):
            requests = requests | {asked.id: asked.but(status="withdrawn")}
        return State(requests=requests, flags=state.flags | {flag.id: flag})

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"done": "Confirmed" if self.outcome == "confirmed" else "Withdrew"}


# --- commands ------------------------------------------------------------------------------------


class RequestHelp(Command, by="customer"):
    """Ask for help. `received_on`: the day the data subject's request reached the customer."""

    kind: RequestKind
    title: str
    text: str
    rights: tuple[Right, ...] = ()
    received_on: date | None = None
    files: tuple[FileRef, ...] = ()
    cost_acknowledged: bool = False


class SendMessage(Command, by="customer"):
    """Add to the conversation of a request, so that it waits for the provider."""

    request: int
    text: str
    files: tuple[FileRef, ...] = ()


class AskCustomer(Command, by="provider"):
    """Ask the customer something back, so that the request waits for it."""

    request: int
    text: str
    files: tuple[FileRef, ...] = ()


class AnswerRequest(Command, by="provider"):
    """Give the help asked for."""

    request: int
    text: str
    files: tuple[FileRef, ...] = ()


class CloseRequest(Command, by="customer"):
    """Settle a request that was answered, or take back one that was not."""

    request: int
    reason: str = ""


class FlagInstruction(Command, by="provider"):
    """Tell the customer that an instruction infringes the law, in the provider's opinion."""

    instruction: int
    opinion: str

    @property
    def cited_entry(self) -> int:
        """The instruction."""
        return self.instruction


class AnswerFlag(Command, by="customer"):
    """Confirm a flagged instruction, with the reason, or withdraw it."""

    flag: int
    confirm: bool
    reason: str = ""


Step = SendMessage | AskCustomer | AnswerRequest | CloseRequest
"""What can be done with a request."""


# --- the steps that fit --------------------------------------------------------------------------

STAGES: dict[Status, Stage] = {
    "waits_for_provider": Stage((AnswerRequest, AskCustomer, SendMessage, CloseRequest), "provider"),
    "waits_for_customer": Stage((SendMessage, AnswerRequest, AskCustomer, CloseRequest), "customer"),
    "answered": Stage((CloseRequest, SendMessage, AnswerRequest, AskCustomer), "customer"),
    "closed": Stage(),
    "withdrawn": Stage(),
}
FLAG_STAGES: dict[Outcome, Stage] = {
    "open": Stage((AnswerFlag,), "customer"),
    "confirmed": Stage(),
    "withdrawn": Stage(),
}


def _stage(item: Request | Flag) -> Stage:
    return STAGES[item.status] if isinstance(item, Request) else FLAG_STAGES[item.outcome]


def _misfit(step: type[Command], item: Request | Flag, state: State, context: Context) -> Refusal:
    if isinstance(item, Flag):
        return refuse("no_open_flag", INSTRUCTION_CLAUSE, "flag")
    stands = Label(item.status, STATUS[item.status].lower())
    code = "does_not_fit" if _stage(item).steps else "over"
    return refuse(code, CLAUSE, "request", id=str(item.id), status=stands)


STEPS: Steps[Request | Flag, State] = Steps(lambda item, state, context: _stage(item), _misfit)
steps_open = STEPS.open
"""The steps that the context's side may take with a request or a flag now. Clause: 3.1(ix), 3.1(i)"""


def _taken(command: Step, state: State, context: Context) -> Request:
    """The request that a step is about. Refused where there is none, or the step does not fit it."""
    request = state.requests.get(command.request)
    if request is None:
        raise refuse("unknown", CLAUSE, "request", id=str(command.request))
    STEPS.check(command, request, state, context)
    return request


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _request_help(command: RequestHelp, state: State, context: Context) -> list[Body]:
    """A request, with its cost acknowledged. Clause: 3.1(i), 3.1(viii), 3.1(ix), 3.1(xiii), Sch. 3 1.4"""
    kind = KINDS_OF_HELP.get(command.kind)
    if kind is None:
        names = tuple(k.name for k in KINDS_OF_HELP.values())
        raise refuse("no_kind", CLAUSE, "kind", kinds=names)
    title = checked_text(command.title, "title", kind.clause, limit=MAX_TITLE)
    text = checked_text(command.text, "description", kind.clause, "text")
    about_person = command.kind == "data_subject"
    if about_person:
        _check_person(command, kind.clause, context)
    if kind.cost and not command.cost_acknowledged:
        raise refuse("cost_not_acknowledged", kind.cost, "cost_acknowledged")
    return [
        Requested(
            request_kind=command.kind,
            title=title,
            text=text,
            rights=tuple(r for r in RIGHTS if r in command.rights) if about_person else (),
            received_on=command.received_on if about_person else None,
            files=command.files,
            cost_acknowledged=bool(kind.cost),
        )
    ]


def _check_person(command: RequestHelp, clause: str, context: Context) -> None:
    """Which rights a data subject uses, and since when. Clause: 3.1(viii), Art. 12(3) GDPR"""
    if not command.rights:
        raise refuse("no_right", clause, "rights")
    if command.received_on is None:
        raise refuse("no_day", MONTH_CLAUSE, "received_on")
    if command.received_on > dates.local_day(context.now):
        raise refuse("day_to_come", MONTH_CLAUSE, "received_on", day=command.received_on)


@decide.register
def _send_message(command: SendMessage, state: State, context: Context) -> list[Body]:
    """The customer goes on with a request. Clause: 3.1(ix)"""
    return _sent(command, "waits_for_provider", state, context)


@decide.register
def _ask_customer(command: AskCustomer, state: State, context: Context) -> list[Body]:
    """The provider needs to know more. Clause: 3.1(ix)"""
    return _sent(command, "waits_for_customer", state, context)


@decide.register
def _answer_request(command: AnswerRequest, state: State, context: Context) -> list[Body]:
    """The provider helps. Clause: 3.1(viii), 3.1(ix)"""
    return _sent(command, "answered", state, context)


def _sent(
    command: SendMessage | AskCustomer | AnswerRequest, then: Next, state: State, context: Context
) -> list[Body]:
    request = _taken(command, state, context)
    text = checked_text(command.text, "message", CLAUSE, "text")
    return [MessageSent(request=request.id, text=text, files=command.files, then=then)]


@decide.register
def _close_request(command: CloseRequest, state: State, context: Context) -> list[Body]:
    """The customer needs no more help. Clause: 3.1(ix)"""
    request = _taken(command, state, context)
    outcome: Literal["closed", "withdrawn"] = "closed" if request.status == "answered" else "withdrawn"
    return [Closed(request=request.id, outcome=outcome, reason=checked_reason(command.reason))]


@decide.register
def _flag_instruction(command: FlagInstruction, state: State, context: Context) -> list[Body]:
    """The provider tells the customer its opinion, and no second one before the answer. Clause: 3.1(i)"""
    sequence = command.instruction
    if context.cited is None or context.cited.on_behalf_of == PROCESSOR:
        raise refuse("no_instruction", INSTRUCTION_CLAUSE, "instruction", sequence=str(sequence))
    opinion = checked_text(command.opinion, "opinion", INSTRUCTION_CLAUSE)
    if any(f.instruction == sequence and f.outcome == "open" for f in state.flags.values()):
        raise refuse("flagged_already", INSTRUCTION_CLAUSE, "instruction", sequence=str(sequence))
    return [Flagged(instruction=sequence, opinion=opinion)]


@decide.register
def _answer_flag(command: AnswerFlag, state: State, context: Context) -> list[Body]:
    """The customer confirms its instruction and says why, or withdraws it. Clause: 3.1(i)"""
    flag = state.flags.get(command.flag)
    if flag is None:
        raise refuse("no_open_flag", INSTRUCTION_CLAUSE, "flag")
    STEPS.check(command, flag, state, context)
    reason = checked_reason(command.reason, required_by=INSTRUCTION_CLAUSE if command.confirm else None)
    outcome: Literal["confirmed", "withdrawn"] = "confirmed" if command.confirm else "withdrawn"
    return [FlagAnswered(flag=flag.id, outcome=outcome, reason=reason)]


# --- what is open --------------------------------------------------------------------------------

_AWAITED: dict[Status, str] = {
    "waits_for_provider": "answer",
    "waits_for_customer": "answer_question",
    "answered": "close",
}
"""The step that an open request waits for."""


def tasks(state: State, context: Context) -> Iterator[Task]:
    """What waits for whom. Clause: 3.1(ix), 3.1(i)"""
    for request in state.requests.values():
        yield from _tasks_of(request, context.agreement)
    for flag in state.flags.values():
        if flag.outcome == "open":
            yield Task(
                f"assistance/flag-{flag.id}",
                "assistance",
                "flag",
                step="answer_flag",
                # The number of an entry is its name, written without separators.
                parameters={"instruction": str(flag.instruction)},
                waits_for=FLAG_STAGES["open"].waits_for,
                clause=INSTRUCTION_CLAUSE,
                opened_at=flag.at,
                by=flag.by,
                entry=flag.id,
            )


def _tasks_of(request: Request, agreement: Agreement) -> Iterator[Task]:
    if request.status not in _AWAITED:
        return
    base = Task(
        f"assistance/{request.id}",
        "assistance",
        request.kind,
        step=_AWAITED[request.status],
        parameters={"title": request.title},
        waits_for=STAGES[request.status].waits_for,
        clause=KINDS_OF_HELP[request.kind].clause,
        opened_at=request.at,
        by=request.by,
        entry=request.id,
    )
    yield base if request.status == "answered" else replace(base, due=due(request, agreement))
    if own := controller_due(request):
        yield replace(
            base,
            key=f"{base.key}/own",
            step="answer_data_subject",
            waits_for="customer",
            due=dates.end_of(own),
            clause=MONTH_CLAUSE,
        )


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The request or flag that a step is about; with a flag, the request that was flagged."""
    match step:
        case SendMessage() | AskCustomer() | AnswerRequest() | CloseRequest() | _Step():
            return {"requests": (step.request,)}
        case AnswerFlag() | FlagAnswered():
            flag = state.flags.get(step.flag)
            return {"flags": (step.flag,), "requests": (flag.instruction,) if flag else ()}
    return {}


def files(state: State) -> Iterator[FileRef]:
    """What was attached to messages."""
    return (f for request in state.requests.values() for message in request.said for f in message.files)


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("assistance")

ASSISTANCE = Subject(
    name="assistance",
    title="Assistance",
    state=State,
    events=(Requested, MessageSent, MessageSentV1, Closed, Flagged, FlaggedV1, FlagAnswered),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    on_desk=True,
    about={
        **{code: ("Assistance", f"{kind.name}: {{title}}") for code, kind in KINDS_OF_HELP.items()},
        "flag": ("Assistance", "Instruction {instruction} may infringe the law"),
    },
    next_steps={
        "answer": "Answer",
        "answer_data_subject": "Your own answer to the data subject",
        "answer_flag": "Confirm or withdraw it",
        "answer_question": "Answer the question",
        "close": "Close it, or ask further",
    },
    shelves=(
        Shelf("flags", Flag, lambda flag, _: flag.outcome != "open"),
        Shelf("requests", Request, lambda request, _: not STAGES[request.status].steps),
    ),
    touches=touches,
    files=files,
)
