"""Help the customer asks for, each with its due date and conversation; and instructions the provider flags.

Clauses: 3.1(viii) (requests of data subjects), 3.1(ix) (Art. 32 to 36 GDPR, ten business days), 3.1(xii) and
Sch. 3 1.2 (proof), Sch. 3 1.4 (DORA), 3.1(i) (changes not foreseen; instructions that infringe the law),
3.1(xiii) (cost).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from dpa_core.agreement import Agreement
from dpa_core.subjects import dates
from dpa_core.subjects.common import (
    MAX_TITLE,
    FileRef,
    Matter,
    Moment,
    NewEvent,
    Record,
    RecordedEvent,
    Refusal,
    Said,
    Side,
    checked_reason,
    checked_text,
    side_of,
)

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

Status = Literal["waits for the provider", "waits for you", "answered", "closed", "withdrawn"]


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
    said: tuple[Said, ...] = ()
    status: Status = "waits for the provider"


class Flag(Record):
    """An instruction that in the provider's opinion infringes the law. `id`: its own sequence."""

    id: int
    instruction: int
    """Sequence of the flagged instruction in the customer's ledger."""
    what: str
    """The instruction in words."""
    opinion: str
    at: Moment
    by: str
    outcome: Literal["open", "confirmed", "withdrawn"] = "open"
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


class Requested(Record):
    """`assistance.requested`: a request for help."""

    v: Literal[1] = 1
    request_kind: RequestKind
    title: str
    text: str
    rights: tuple[Right, ...]
    received_on: date | None
    files: tuple[FileRef, ...]
    cost_acknowledged: bool


class MessageSent(Record):
    """`assistance.said`: one message; `then`: where it leaves the request."""

    v: Literal[1] = 1
    request: int
    text: str
    files: tuple[FileRef, ...]
    then: Status


class Closed(Record):
    """`assistance.closed`: settled for the customer, or taken back."""

    v: Literal[1] = 1
    request: int
    outcome: Literal["closed", "withdrawn"]
    reason: str


class Flagged(Record):
    """`assistance.flagged`: an instruction infringes the law, in the provider's opinion."""

    v: Literal[1] = 1
    instruction: int
    what: str
    opinion: str


class FlagAnswered(Record):
    """`assistance.flag_answered`: the customer confirms or withdraws its instruction."""

    v: Literal[1] = 1
    flag: int
    outcome: Literal["confirmed", "withdrawn"]
    reason: str


_Body = Requested | MessageSent | Closed | Flagged | FlagAnswered
_BODIES: dict[str, type[_Body]] = {
    "assistance.requested": Requested,
    "assistance.said": MessageSent,
    "assistance.closed": Closed,
    "assistance.flagged": Flagged,
    "assistance.flag_answered": FlagAnswered,
}
KINDS = frozenset(_BODIES)


# --- commands ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RequestHelp:
    """Ask for help."""

    kind: RequestKind
    title: str
    text: str
    rights: tuple[Right, ...] = ()
    received_on: date | None = None
    files: tuple[FileRef, ...] = ()
    cost_acknowledged: bool = False


@dataclass(frozen=True)
class Say:
    """Add to a conversation."""

    request: int
    text: str
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True)
class Ask:
    """Ask the customer something back, so that the request waits for it."""

    request: int
    text: str
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True)
class Answer:
    """Give the help asked for."""

    request: int
    text: str
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True)
class Close:
    """Settle a request that was answered, or take back one that was not."""

    request: int
    reason: str = ""


@dataclass(frozen=True)
class FlagInstruction:
    """Tell the customer that an instruction infringes the law, in the provider's opinion."""

    instruction: int
    opinion: str


@dataclass(frozen=True)
class AnswerFlag:
    """Confirm a flagged instruction, with the reason, or withdraw it."""

    flag: int
    confirm: bool
    reason: str = ""


ByCustomer = RequestHelp | Say | Close | AnswerFlag
ByProvider = Ask | Answer | FlagInstruction
Command = ByCustomer | ByProvider


def _open(id: int, state: State) -> Request:
    request = state.requests.get(id)
    if request is None:
        raise Refusal(CLAUSE, f"There is no request {id}.", "Choose one from the list.", "request")
    if request.status in ("closed", "withdrawn"):
        raise Refusal(CLAUSE, f"Request {id} is {request.status}.", "Open a new one.", "request")
    return request


def decide(
    command: Command, state: State, agreement: Agreement, now: datetime, instructed: str | None = None
) -> list[NewEvent]:
    """Record the step. `instructed`: the instruction to be flagged, in words; None where the customer gave
    none under that number.

    Clause: 3.1(i), 3.1(viii), 3.1(ix), 3.1(xiii), Sch. 3 1.4
    """
    body: Record
    match command:
        case RequestHelp():
            return [NewEvent("assistance.requested", _requested(command, now))]
        case Say() | Ask() | Answer():
            request = _open(command.request, state)
            text = checked_text(command.text, "The message", CLAUSE, "text")
            then: Status = "waits for the provider"
            if isinstance(command, Ask):
                then = "waits for you"
            elif isinstance(command, Answer):
                then = "answered"
            body = MessageSent(request=request.id, text=text, files=command.files, then=then)
            return [NewEvent("assistance.said", body)]
        case Close(reason=reason):
            request = _open(command.request, state)
            outcome: Literal["closed", "withdrawn"] = (
                "closed" if request.status == "answered" else "withdrawn"
            )
            body = Closed(request=request.id, outcome=outcome, reason=checked_reason(reason))
            return [NewEvent("assistance.closed", body)]
        case FlagInstruction(instruction=sequence, opinion=opinion):
            if instructed is None:
                raise Refusal(
                    INSTRUCTION_CLAUSE,
                    f"Entry {sequence} is no instruction of the customer.",
                    "Choose one from the list.",
                    "instruction",
                )
            opinion = checked_text(opinion, "The opinion", INSTRUCTION_CLAUSE, "opinion")
            if any(f.instruction == sequence and f.outcome == "open" for f in state.flags.values()):
                raise Refusal(
                    INSTRUCTION_CLAUSE,
                    f"Instruction {sequence} is flagged already.",
                    "Wait for the customer's answer.",
                    "instruction",
                )
            body = Flagged(instruction=sequence, what=instructed, opinion=opinion)
            return [NewEvent("assistance.flagged", body)]
        case AnswerFlag(flag=id, confirm=confirm, reason=reason):
            flag = state.flags.get(id)
            if flag is None or flag.outcome != "open":
                raise Refusal(
                    INSTRUCTION_CLAUSE, "No flag waits for an answer here.", "Nothing needs doing.", "flag"
                )
            reason = checked_reason(reason, required_by=INSTRUCTION_CLAUSE if confirm else None)
            body = FlagAnswered(flag=id, outcome="confirmed" if confirm else "withdrawn", reason=reason)
            return [NewEvent("assistance.flag_answered", body)]


def _requested(command: RequestHelp, now: datetime) -> Requested:
    kind = KINDS_OF_HELP.get(command.kind)
    if kind is None:
        names = ", ".join(k.name for k in KINDS_OF_HELP.values())
        raise Refusal(CLAUSE, "No kind of help is chosen.", f"Choose one of: {names}.", "kind")
    title = checked_text(command.title, "The title", kind.clause, "title", limit=MAX_TITLE)
    text = checked_text(command.text, "What is needed", kind.clause, "text")
    about_people = command.kind == "data_subject"
    if about_people and not command.rights:
        raise Refusal(kind.clause, "No right is chosen.", "Choose the rights the person uses.", "rights")
    if about_people and command.received_on is None:
        raise Refusal(
            MONTH_CLAUSE,
            "The day on which the request reached you is missing.",
            "Give it: your own month runs from it.",
            "received_on",
        )
    if about_people and command.received_on and command.received_on > dates.local_day(now):
        raise Refusal(
            MONTH_CLAUSE,
            f"{dates.in_words(command.received_on)} has not come yet.",
            "Give the day on which the request reached you.",
            "received_on",
        )
    if kind.cost and not command.cost_acknowledged:
        raise Refusal(
            kind.cost,
            "The note on cost is not acknowledged.",
            "Tick the acknowledgement of cost.",
            "cost_acknowledged",
        )
    return Requested(
        request_kind=command.kind,
        title=title,
        text=text,
        rights=tuple(r for r in RIGHTS if r in command.rights) if about_people else (),
        received_on=command.received_on if about_people else None,
        files=command.files,
        cost_acknowledged=bool(kind.cost),
    )


def evolve(state: State, event: RecordedEvent) -> State:
    """The state after an event of this subject; any other event leaves it as it is."""
    if event.kind not in KINDS:
        return state
    body = _BODIES[event.kind].model_validate(event.body)
    at, by, side = event.recorded_at, event.actor, side_of(event)
    if isinstance(body, Flagged):
        flag = Flag(
            id=event.sequence,
            instruction=body.instruction,
            what=body.what,
            opinion=body.opinion,
            at=at,
            by=by,
        )
        return state.model_copy(update={"flags": state.flags | {flag.id: flag}})
    if isinstance(body, FlagAnswered):
        update: dict[str, Any] = {"outcome": body.outcome, "answer": body.reason, "answered_by": by}
        flag = state.flags[body.flag].model_copy(update=update)
        requests = state.requests
        if body.outcome == "withdrawn" and (asked := requests.get(flag.instruction)):
            requests = requests | {asked.id: asked.model_copy(update={"status": "withdrawn"})}
        return State(requests=requests, flags=state.flags | {flag.id: flag})
    if isinstance(body, Requested):
        new = Request(
            id=event.sequence,
            kind=body.request_kind,
            title=body.title,
            at=at,
            by=by,
            rights=body.rights,
            received_on=body.received_on,
            said=(Said(at=at, by=by, side=side, text=body.text, files=body.files),),
        )
    else:
        old = state.requests[body.request]
        if isinstance(body, MessageSent):
            said = Said(at=at, by=by, side=side, text=body.text, files=body.files)
            update = {"said": (*old.said, said), "status": body.then}
        else:
            said = Said(at=at, by=by, side=side, text=body.reason or body.outcome.capitalize() + ".")
            update = {"said": (*old.said, said), "status": body.outcome}
        new = old.model_copy(update=update)
    return state.model_copy(update={"requests": state.requests | {new.id: new}})


def matters(state: State, agreement: Agreement) -> Iterator[Matter]:
    """What waits for whom. Clause: 3.1(ix), 3.1(i)"""
    for r in state.requests.values():
        kind = KINDS_OF_HELP[r.kind]
        base = Matter(
            f"assistance/{r.id}",
            "assistance",
            f"{kind.name}: {r.title}",
            "provider",
            "",
            kind.clause,
            opened_at=r.at,
            by=r.by,
            entry=r.id,
        )
        if r.status == "waits for the provider":
            yield replace(base, next_step="Answer", due=due(r, agreement))
        elif r.status == "waits for you":
            yield replace(base, waits_for="customer", next_step="Answer the question", due=due(r, agreement))
        elif r.status == "answered":
            yield replace(base, waits_for="customer", next_step="Close it, or ask further")
        own = controller_due(r)
        if own and r.status not in ("closed", "withdrawn"):
            step = "Your own answer to the data subject"
            yield replace(
                base,
                key=f"{base.key}/own",
                waits_for="customer",
                next_step=step,
                due=dates.end_of(own),
                clause=MONTH_CLAUSE,
            )
    for f in state.flags.values():
        if f.outcome == "open":
            who: Side = "customer"
            name = f"Instruction {f.instruction} may infringe the law"
            yield Matter(
                f"assistance/flag-{f.id}",
                "assistance",
                name,
                who,
                "Confirm or withdraw it",
                INSTRUCTION_CLAUSE,
                opened_at=f.at,
                by=f.by,
                entry=f.id,
            )


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The event in a sentence."""
    body = _BODIES[event.kind].model_validate(event.body)
    match body:
        case Requested():
            return f"Asked for help ({KINDS_OF_HELP[body.request_kind].name}): {body.title}"
        case MessageSent():
            done = "Answered" if body.then == "answered" else "Wrote in"
            return f"{done} request {body.request}"
        case Closed():
            return f"{'Closed' if body.outcome == 'closed' else 'Withdrew'} request {body.request}"
        case Flagged():
            return f"Flagged instruction {body.instruction} as infringing the law, in the provider's opinion"
        case FlagAnswered():
            done = "Confirmed" if body.outcome == "confirmed" else "Withdrew"
            return f"{done} the instruction flagged in {body.flag}"
