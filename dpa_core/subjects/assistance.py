"""Help the customer asks for, each with its conversation, date and cost; and instructions the provider flags.

Clauses: 3.1(viii) (requests of data subjects), 3.1(ix) (Art. 32 to 36 GDPR, ten business days), 3.1(x) (a
breach), 3.1(xii) and Sch. 3 1.2 (proof), Sch. 3 1.4 (DORA), 3.1(i) (changes not foreseen; instructions that
infringe the law), 3.1(xiii) (cost).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from dpa_core.agreement import Agreement
from dpa_core.locale import Label, Value, currency_decimals, last_day, money, worded
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
OWN_MONTHS, MORE_MONTHS = 1, 2
"""The controller's time to answer a data subject, and by how much it may be extended: Art. 12(3) GDPR."""
MOST_DIGITS = 12
"""Digits that an amount may have before its decimals."""

RequestKind = Literal[
    "data_subject",
    "dpia",
    "authority",
    "documentation",
    "breach",
    "security",
    "dora_information",
    "dora_incident",
    "dora_authority",
    "measures",
    "change",
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
    """The clause by which it may cost, which has to be acknowledged; empty: the agreement has none."""
    note: str
    charge: str
    """What the agreement says of its cost."""
    changes: bool = False
    """A request for a change, which the provider accepts, prices or declines."""

    @property
    def priced(self) -> bool:
        """Whether the provider may name an amount for it."""
        return bool(self.cost) or self.changes


_REIMBURSED = "Reasonable expenses of the provider are reimbursed (3.1(xiii))."

KINDS_OF_HELP: dict[RequestKind, KindOfHelp] = {
    "data_subject": KindOfHelp(
        "Request of a data subject",
        "3.1(viii)",
        COST_CLAUSE,
        "A person uses a right of Chapter III GDPR. Answering is the customer’s duty, within one month; the "
        "provider helps.",
        _REIMBURSED,
    ),
    "dpia": KindOfHelp(
        "Data protection impact assessment",
        CLAUSE,
        COST_CLAUSE,
        "Documents and answers for an assessment under Art. 35 and 36 GDPR.",
        _REIMBURSED,
    ),
    "authority": KindOfHelp(
        "Enquiry of a data protection authority",
        CLAUSE,
        COST_CLAUSE,
        "What a supervisory authority under the GDPR asks about the processing.",
        _REIMBURSED,
    ),
    "documentation": KindOfHelp(
        "Technical documentation, settings and logs",
        CLAUSE,
        COST_CLAUSE,
        "Available technical documentation, configuration options and audit logs.",
        _REIMBURSED,
    ),
    "breach": KindOfHelp(
        "Help with a personal data breach",
        "3.1(x)",
        "",
        "Reasonable help to investigate, mitigate and remedy a personal data breach.",
        "3.1(xiii), which has expenses reimbursed, does not list this help (3.1(x)).",
    ),
    "security": KindOfHelp(
        "Proof of compliance and certificates",
        "3.1(xii)",
        COST_CLAUSE,
        "What shows that Art. 28 GDPR, the agreement and the measures of Schedule 3 are kept (also "
        "Sch. 3 1.2).",
        _REIMBURSED,
    ),
    "dora_information": KindOfHelp(
        "DORA: information and evidence",
        "Sch. 3 1.4(v)",
        "",
        "Certificates, audit reports and other information under Regulation (EU) 2022/2554.",
        "3.1(xiii), which has expenses reimbursed, does not list Sch. 3 1.4(v).",
    ),
    "dora_incident": KindOfHelp(
        "DORA: help in an ICT incident",
        "Sch. 3 1.4(vi)",
        "Sch. 3 1.4(vi)",
        "Reasonable help, within the services, in an ICT-related incident that affects them.",
        "Free within the standard incident and support processes; beyond them at the rates agreed before or "
        "the price list (Sch. 3 1.4(vi) and (ix)).",
    ),
    "dora_authority": KindOfHelp(
        "DORA: a supervisory or resolution authority",
        "Sch. 3 1.4(vii)",
        "",
        "Cooperation with the authorities that supervise the customer, and with whom they appoint.",
        "3.1(xiii), which has expenses reimbursed, does not list Sch. 3 1.4(vii).",
    ),
    "measures": KindOfHelp(
        "Other security measures",
        INSTRUCTION_CLAUSE,
        INSTRUCTION_CLAUSE,
        "An amendment of the security measures. Where new law makes it necessary and the agreement has to "
        "change, both sides negotiate in good faith (Sch. 3 1.3).",
        "The provider has a right to reasonable compensation for it (3.1(i)).",
        changes=True,
    ),
    "change": KindOfHelp(
        "Anything else (change request)",
        INSTRUCTION_CLAUSE,
        "",
        "An instruction the agreement does not foresee is a request for a change: the provider accepts it, "
        "names a price for it, or declines it.",
        "The agreement names no price. One that the provider names counts only once the customer agrees.",
        changes=True,
    ),
}


# --- state ---------------------------------------------------------------------------------------

Next = Literal["waits_for_provider", "waits_for_customer", "answered"]
"""Where a message leaves a request."""
Status = Literal["waits_for_provider", "waits_for_customer", "answered", "declined", "closed", "withdrawn"]
STATUS: dict[Status, str] = worded(
    Status, waits_for_provider="Waits for the provider", waits_for_customer="Waits for the customer"
)
Outcome = Literal["open", "confirmed", "withdrawn"]
OUTCOMES: dict[Outcome, str] = {
    "open": "Waits for the customer",
    "confirmed": "Confirmed",
    "withdrawn": "Withdrawn",
}
"""What became of a flagged instruction."""
OfferKind = Literal["date", "cost"]
OfferOutcome = Literal["waits", "agreed", "declined", "replaced", "lapsed"]
OFFER_OUTCOMES: dict[OfferOutcome, str] = worded(OfferOutcome, waits="Waits for the customer")
"""What became of what the provider proposed. `replaced`: by a later proposal; `lapsed`: the request went on
without an answer to it."""


class Offer(Record):
    """Another date, or an amount, that the provider proposes for a request."""

    until: date | None = None
    """The last day of the time proposed, in Stockholm; None: an amount is proposed."""
    amount: Decimal | None = None
    currency: str = ""
    """By its code of ISO 4217."""
    reason: str
    at: Moment
    by: str
    outcome: OfferOutcome = "waits"
    answer: str = ""
    answered_by: str = ""
    answered_at: Moment | None = None

    @property
    def kind(self) -> OfferKind:
        """What is proposed."""
        return "date" if self.until else "cost"


class Pause(Record):
    """A time in which a request waited for the customer. `until` None: it still does."""

    since: Moment
    until: Moment | None = None


class Extension(Record):
    """The customer's own time to answer a data subject is extended, and the person was told on a day."""

    informed_on: date
    reason: str
    at: Moment
    by: str


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
    runs_from: Moment | None = None
    """When the customer asked further after an answer, from which the provider's time runs anew."""
    pauses: tuple[Pause, ...] = ()
    """When it has waited for the customer since its time began to run."""
    offers: tuple[Offer, ...] = ()
    accepted: bool = False
    """The change asked for is accepted."""
    late_since: Moment | None = None
    """Since when the last late answer was due; None: none was late."""
    extension: Extension | None = None

    def waiting(self, kind: OfferKind) -> Offer | None:
        """The proposal of a kind that waits for the customer's answer."""
        return next((o for o in self.offers if o.kind == kind and o.outcome == "waits"), None)

    def agreed(self, kind: OfferKind) -> Offer | None:
        """The last proposal of a kind that was agreed."""
        return next((o for o in reversed(self.offers) if o.kind == kind and o.outcome == "agreed"), None)


class Flag(Record):
    """An instruction that in the provider's opinion infringes the law. `id`: its own sequence."""

    id: int
    instruction: int
    """Sequence of the flagged instruction in the customer's ledger."""
    what: str = ""
    """The instruction in words, where an event of version 1 tells them."""
    law: str = ""
    """Which law; empty where an earlier event tells it in the opinion."""
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


_LAPSES: dict[Status, tuple[OfferKind, ...]] = {
    "answered": ("date",),
    "declined": ("date", "cost"),
    "closed": ("date", "cost"),
    "withdrawn": ("date", "cost"),
}
"""What the customer no longer has to answer once a request has that status."""


def _moved(old: Request, status: Status, at: datetime) -> Request:
    """A request in another status from a moment on (UTC): its pauses, and which proposals lapse by that."""
    pauses, runs_from = old.pauses, old.runs_from
    if old.status in ("answered", "declined") and status in ("waits_for_provider", "waits_for_customer"):
        pauses, runs_from = (), at
    paused = bool(pauses) and pauses[-1].until is None
    if paused and status != "waits_for_customer":
        pauses = (*pauses[:-1], pauses[-1].but(until=at))
    elif status == "waits_for_customer" and not paused:
        pauses = (*pauses, Pause(since=at))
    new = old.but(status=status, pauses=pauses, runs_from=runs_from)
    return _without(_LAPSES.get(status, ()), "lapsed", new)


def _without(kinds: tuple[OfferKind, ...], outcome: OfferOutcome, request: Request) -> Request:
    """A request whose proposals of these kinds that still wait have another outcome."""
    offers = (
        o.but(outcome=outcome) if o.outcome == "waits" and o.kind in kinds else o for o in request.offers
    )
    return request.but(offers=tuple(offers))


# --- when it is due ------------------------------------------------------------------------------

Basis = Literal["agreed", "agreement", "target", "none"]
"""What fixes the provider's time: a date agreed on the request, the agreement, the provider's own target."""


def basis(request: Request, agreement: Agreement) -> Basis:
    """What fixes until when the provider helps. Clause: 3.1(ix), whose ten business days are for it alone."""
    if _agreed_date(request):
        return "agreed"
    return basis_of(request.kind, agreement)


def basis_of(kind: RequestKind, agreement: Agreement) -> Basis:
    """The same for a request of that kind on which nothing is agreed."""
    if KINDS_OF_HELP[kind].clause == agreement.term("assistance").clause:
        return "agreement"
    return "target" if agreement.target(kind) else "none"


def business_days(kind: RequestKind, agreement: Agreement) -> int | None:
    """How many business days the agreement, or the provider's own target, gives; None where neither does."""
    match basis_of(kind, agreement):
        case "agreement":
            return agreement.term("assistance").value
        case "target":
            target = agreement.target(kind)
            return target.business_days if target else None
    return None


def _agreed_date(request: Request) -> Offer | None:
    """The date agreed since the provider's time began to run."""
    offer = request.agreed("date")
    begins = request.runs_from or request.at
    return offer if offer and offer.answered_at and offer.answered_at >= begins else None


def due(request: Request, agreement: Agreement) -> datetime | None:
    """Until when the provider helps, in UTC; None while it is not the provider's turn, or nothing fixes it.

    Business days on which the request waited for the customer do not count: our reading, as the agreement
    measures the time by what the provider has to go by. A partial answer stops nothing; what is asked
    further after an answer runs from then. Clause: 3.1(ix)
    """
    if request.status != "waits_for_provider":
        return None
    if offer := _agreed_date(request):
        last, since = offer.until, offer.answered_at
        assert last and since  # noqa: S101  # a date that was agreed has both
        waited = _waited(request, since)
        return dates.business_days_later(dates.start_of(last), waited) if waited else dates.end_of(last)
    days, begins = business_days(request.kind, agreement), request.runs_from or request.at
    return dates.business_days_later(begins, days + _waited(request, begins)) if days else None


def _waited(request: Request, since: datetime) -> int:
    """On how many business days since a moment it waited for the customer."""
    return sum(
        dates.business_days_between(dates.local_day(max(p.since, since)), dates.local_day(p.until))
        for p in request.pauses
        if p.until
    )


def _overdue_since(request: Request, context: Context) -> datetime | None:
    """Since when an answer given now is too late by the agreement, or by a date agreed; None: it is not.

    The provider's own target is no duty, so an answer after it is not late.
    """
    if request.status == "answered" or basis(request, context.agreement) not in ("agreed", "agreement"):
        return None
    until = due(_moved(request, "waits_for_provider", context.now), context.agreement)
    return until if until and context.now >= until else None


def controller_due(request: Request) -> date | None:
    """The customer's own last day to answer a data subject; None for other requests. Art. 12(3) GDPR"""
    if request.received_on is None:
        return None
    return dates.last_of_months(request.received_on, OWN_MONTHS + (MORE_MONTHS if request.extension else 0))


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

    def _add(self, state: State, message: Message, status: Status, **fields: object) -> State:
        """A message in its conversation, and where that leaves it."""
        old = _moved(state.requests[self.request], status, message.at)
        return self._put(state, old.but(said=(*old.said, message), **fields))

    def _put(self, state: State, request: Request) -> State:
        return state.but(requests=state.requests | {request.id: request})


class MessageSent(_Step, kind="assistance.said", words="{done} request {request:id}"):
    """One message; `then`: where it leaves the request."""

    v: int = 2
    text: str
    files: tuple[FileRef, ...]
    then: Next
    partial: bool = False
    """An answer in part: the provider's time goes on."""
    overdue_since: Moment | None = None
    """Since when the answer was due that came too late; None: it was in time, or nothing fixed a time."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        step = "answered_in_part" if self.partial else "answered_late" if self.overdue_since else ""
        late = {"late_since": self.overdue_since} if self.overdue_since else {}
        return self._add(state, Message.of(event, self.text, self.files, step), self.then, **late)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        if self.partial:
            return {"done": "Answered in part"}
        answered = "Answered late" if self.overdue_since else "Answered"
        return {"done": answered if self.then == "answered" else "Wrote in"}


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


class DateProposed(_Step, kind="assistance.date_proposed", words="Proposed {until} for request {request:id}"):
    """The provider proposes another last day of its time."""

    until: date
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        new = Offer(until=self.until, reason=self.reason, at=event.recorded_at, by=event.actor)
        return self._put(state, _offered(state.requests[self.request], new))


class CostProposed(
    _Step,
    kind="assistance.cost_proposed",
    words="Proposed {price} for request {request:id}",
):
    """The provider names what the help costs. `amount`: a decimal number, by its digits."""

    amount: Decimal
    currency: str
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        """A change that is not accepted yet waits for the customer's answer."""
        old, at, by = state.requests[self.request], event.recorded_at, event.actor
        new = Offer(amount=self.amount, currency=self.currency, reason=self.reason, at=at, by=by)
        if KINDS_OF_HELP[old.kind].changes and not old.accepted:
            old = _moved(old, "waits_for_customer", at)
        return self._put(state, _offered(old, new))

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"price": money(self.amount, self.currency)}


def _offered(request: Request, new: Offer) -> Request:
    """A request with a proposal, which replaces the one of its kind that still waited."""
    before = _without((new.kind,), "replaced", request)
    return before.but(offers=(*before.offers, new))


class OfferAnswered(
    _Step, kind="assistance.offer_answered", words="{done} the {what} proposed for request {request:id}"
):
    """The customer agrees to what was proposed, or declines it."""

    what: OfferKind
    agreed: bool
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        """A change is accepted with its price; without one that is agreed, the provider goes on."""
        old, at = state.requests[self.request], event.recorded_at
        waiting = old.waiting(self.what)
        outcome: OfferOutcome = "agreed" if self.agreed else "declined"
        answered = {"answer": self.reason, "answered_by": event.actor, "answered_at": at}
        new = old.but(
            offers=tuple(o.but(outcome=outcome, **answered) if o is waiting else o for o in old.offers)
        )
        if self.what == "cost" and KINDS_OF_HELP[old.kind].changes and not old.accepted:
            new = _moved(new, "waits_for_provider", at).but(accepted=self.agreed)
        return self._put(state, new)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        what = {"date": "date", "cost": "amount"}[self.what]
        return {"done": "Agreed to" if self.agreed else "Declined", "what": what}


class ChangeDecided(
    _Step, kind="assistance.change_decided", words="{done} the change of request {request:id}"
):
    """The provider accepts a change as it was asked for, or declines it."""

    accepted: bool
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        step = "change_accepted" if self.accepted else "change_declined"
        then: Status = "waits_for_provider" if self.accepted else "declined"
        state = self._add(state, Message.of(event, self.reason, step=step), then, accepted=self.accepted)
        return self._put(state, _without(("cost",), "lapsed", state.requests[self.request]))

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"done": "Accepted" if self.accepted else "Declined"}


class OwnTimeExtended(
    _Step,
    kind="assistance.own_time_extended",
    words="Extended the customer's own time to answer the data subject of request {request:id}",
):
    """The controller takes the two further months of Art. 12(3) GDPR."""

    informed_on: date
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        told = self.told("request")
        extension = Extension(at=event.recorded_at, by=event.actor, **told)
        return self._put(state, state.requests[self.request].but(extension=extension))


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
    law: str = ""
    """Which law; empty where the opinion tells it."""

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
            requests = requests | {asked.id: _moved(asked, "withdrawn", event.recorded_at)}
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


class AnswerInPart(Command, by="provider"):
    """Give a part of the help asked for; the rest is still due."""

    request: int
    text: str
    files: tuple[FileRef, ...] = ()


class ProposeDate(Command, by="provider"):
    """Propose another last day, with the reason, to be agreed by the customer."""

    request: int
    until: date | None
    reason: str


class ProposeCost(Command, by="provider"):
    """Name what the help costs and what for, to be agreed by the customer. `amount`: as it is typed."""

    request: int
    amount: str
    currency: str
    reason: str


class AnswerDate(Command, by="customer"):
    """Agree to the date proposed, or decline it and say why."""

    request: int
    agree: bool
    reason: str = ""


class AnswerCost(Command, by="customer"):
    """Agree to the amount proposed, or decline it and say why."""

    request: int
    agree: bool
    reason: str = ""


class AcceptChange(Command, by="provider"):
    """Accept a change as it was asked for, at no price."""

    request: int
    reason: str = ""


class DeclineChange(Command, by="provider"):
    """Decline a change and say why."""

    request: int
    reason: str


class ExtendOwnTime(Command, by="customer"):
    """Record that the customer takes two further months to answer, and when it told the person so."""

    request: int
    informed_on: date | None
    reason: str


class CloseRequest(Command, by="customer"):
    """Settle a request that was answered, or take back one that was not."""

    request: int
    reason: str = ""


class FlagInstruction(Command, by="provider"):
    """Tell the customer that an instruction infringes the law, in the provider's opinion."""

    instruction: int
    opinion: str
    law: str = ""

    @property
    def cited_entry(self) -> int:
        """The instruction."""
        return self.instruction


class AnswerFlag(Command, by="customer"):
    """Confirm a flagged instruction, with the reason, or withdraw it."""

    flag: int
    confirm: bool
    reason: str = ""
    acknowledged: frozenset[str] = frozenset()
    """Identifiers of sub-processors in third countries whose transfers the person accepts, where a feature
    goes on again with the withdrawal."""


Step = (
    SendMessage
    | AskCustomer
    | AnswerRequest
    | AnswerInPart
    | ProposeDate
    | ProposeCost
    | AnswerDate
    | AnswerCost
    | AcceptChange
    | DeclineChange
    | ExtendOwnTime
    | CloseRequest
)
"""What can be done with a request."""


# --- the steps that fit --------------------------------------------------------------------------

_OF_PROVIDER = (
    AnswerRequest, AcceptChange, DeclineChange, AnswerInPart, AskCustomer, ProposeDate, ProposeCost,
)  # fmt: skip
_OF_CUSTOMER = (AnswerCost, AnswerDate, SendMessage, ExtendOwnTime, CloseRequest)
STAGES: dict[Status, Stage] = {
    "waits_for_provider": Stage((*_OF_PROVIDER, *_OF_CUSTOMER), "provider"),
    "waits_for_customer": Stage((*_OF_CUSTOMER, *_OF_PROVIDER), "customer"),
    "answered": Stage(
        (AnswerCost, CloseRequest, SendMessage, ExtendOwnTime, AnswerRequest, AskCustomer, ProposeCost),
        "customer",
    ),
    "declined": Stage((CloseRequest, SendMessage), "customer"),
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


def _obstacle(step: type[Command], item: Request | Flag, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this request all the same."""
    if isinstance(item, Flag):
        return None
    kind, id = KINDS_OF_HELP[item.kind], str(item.id)
    if step in (AcceptChange, DeclineChange) and not kind.changes:
        return refuse("no_change", INSTRUCTION_CLAUSE, "request", id=id)
    if step in (AcceptChange, DeclineChange) and item.accepted:
        return refuse("decided", INSTRUCTION_CLAUSE, "request", id=id)
    if step in (AnswerRequest, AnswerInPart) and kind.changes and not item.accepted:
        return refuse("undecided", INSTRUCTION_CLAUSE, "request", id=id)
    if step is ProposeCost and not kind.priced:
        return refuse("no_charge", COST_CLAUSE, "amount", kind=kind.name, of=kind.clause)
    if step is AnswerDate and not item.waiting("date"):
        return refuse("no_offer", kind.clause, "request", id=id)
    if step is AnswerCost and not item.waiting("cost"):
        return refuse("no_offer", cost_clause(item), "request", id=id)
    if step is ExtendOwnTime and item.received_on is None:
        return refuse("no_data_subject", MONTH_CLAUSE, "request", id=id)
    if step is ExtendOwnTime and item.extension:
        return refuse("extended_already", MONTH_CLAUSE, "request", id=id)
    return None


def cost_clause(request: Request) -> str:
    """The clause under which a request may cost: 3.1(xiii), Sch. 3 1.4(vi), or 3.1(i) for a change."""
    kind = KINDS_OF_HELP[request.kind]
    return kind.cost or (kind.clause if kind.changes else COST_CLAUSE)


STEPS: Steps[Request | Flag, State] = Steps(lambda item, state, context: _stage(item), _misfit, _obstacle)
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


@decide.register
def _answer_in_part(command: AnswerInPart, state: State, context: Context) -> list[Body]:
    """A part of the help: the request waits as it did, and the time runs on. Clause: 3.1(ix)"""
    waits: Next = "waits_for_provider"
    request = state.requests.get(command.request)
    if request and request.status == "waits_for_customer":
        waits = "waits_for_customer"
    return _sent(command, waits, state, context)


def _sent(
    command: SendMessage | AskCustomer | AnswerRequest | AnswerInPart,
    then: Next,
    state: State,
    context: Context,
) -> list[Body]:
    request = _taken(command, state, context)
    text = checked_text(command.text, "message", CLAUSE, "text")
    late = _overdue_since(request, context) if isinstance(command, AnswerRequest) else None
    partial = isinstance(command, AnswerInPart)
    return [
        MessageSent(
            request=request.id,
            text=text,
            files=command.files,
            then=then,
            partial=partial,
            overdue_since=late,
        )
    ]


@decide.register
def _propose_date(command: ProposeDate, state: State, context: Context) -> list[Body]:
    """Another date is for both to agree, so the provider proposes one and says why. Clause: 3.1(ix)"""
    request = _taken(command, state, context)
    clause, until, today = KINDS_OF_HELP[request.kind].clause, command.until, dates.local_day(context.now)
    if until is None:
        raise refuse("no_until", clause, "until")
    if until < today:
        raise refuse("until_past", clause, "until", until=until, today=today)
    standing = due(request, context.agreement)
    if standing and last_day(standing) == until:
        raise refuse("same_date", clause, "until", until=until)
    reason = checked_reason(command.reason, required_by=clause)
    return [DateProposed(request=request.id, until=until, reason=reason)]


@decide.register
def _propose_cost(command: ProposeCost, state: State, context: Context) -> list[Body]:
    """What it costs and what for, where the agreement provides for a cost. Clause: 3.1(xiii), 3.1(i)"""
    request = _taken(command, state, context)
    clause = cost_clause(request)
    currency = command.currency.strip().upper()
    amount = _checked_amount(command.amount, currency, clause)
    reason = checked_reason(command.reason, required_by=clause)
    return [CostProposed(request=request.id, amount=amount, currency=currency, reason=reason)]


def _checked_amount(typed: str, currency: str, clause: str) -> Decimal:
    """An amount above nothing, with as many decimals as the currency has."""
    decimals = currency_decimals(currency)
    if decimals is None:
        raise refuse("no_currency", clause, "currency", currency=currency[:20])
    try:
        amount = Decimal("".join(typed.split()))
        wrong = not amount.is_finite() or not 0 < amount < Decimal(10) ** MOST_DIGITS
        smallest = Decimal(1).scaleb(-decimals)
        if not wrong and amount == amount.quantize(smallest):
            return amount.quantize(smallest)
    except InvalidOperation:
        pass
    raise refuse("no_amount", clause, "amount", amount=typed.strip()[:40], decimals=decimals)


@decide.register
def _answer_date(command: AnswerDate, state: State, context: Context) -> list[Body]:
    """The customer agrees, or says why not. Clause: 3.1(ix)"""
    request = _taken(command, state, context)
    clause = KINDS_OF_HELP[request.kind].clause
    return _offer_answered(request, "date", command, clause)


@decide.register
def _answer_cost(command: AnswerCost, state: State, context: Context) -> list[Body]:
    """The customer agrees, or says why not. Clause: 3.1(xiii), 3.1(i)"""
    request = _taken(command, state, context)
    return _offer_answered(request, "cost", command, cost_clause(request))


def _offer_answered(
    request: Request, what: OfferKind, command: AnswerDate | AnswerCost, clause: str
) -> list[Body]:
    reason = checked_reason(command.reason, required_by=None if command.agree else clause)
    return [OfferAnswered(request=request.id, what=what, agreed=command.agree, reason=reason)]


@decide.register
def _accept_change(command: AcceptChange, state: State, context: Context) -> list[Body]:
    """The provider will carry the change out. Clause: 3.1(i)"""
    request = _taken(command, state, context)
    return [ChangeDecided(request=request.id, accepted=True, reason=checked_reason(command.reason))]


@decide.register
def _decline_change(command: DeclineChange, state: State, context: Context) -> list[Body]:
    """The provider will not, and says why. Clause: 3.1(i)"""
    request = _taken(command, state, context)
    reason = checked_reason(command.reason, required_by=INSTRUCTION_CLAUSE)
    return [ChangeDecided(request=request.id, accepted=False, reason=reason)]


@decide.register
def _extend_own_time(command: ExtendOwnTime, state: State, context: Context) -> list[Body]:
    """Two further months, if the person was told so and why within the first one.

    It is the controller's own decision and duty; here it is only recorded. Standard: Art. 12(3) GDPR
    """
    request = _taken(command, state, context)
    day, first, last = command.informed_on, request.received_on, controller_due(request)
    assert first and last  # noqa: S101  # the obstacles say so
    if day is None:
        raise refuse("no_informed_day", MONTH_CLAUSE, "informed_on")
    if day > dates.local_day(context.now):
        raise refuse("informed_to_come", MONTH_CLAUSE, "informed_on", day=day)
    if not first <= day <= last:
        raise refuse("informed_outside", MONTH_CLAUSE, "informed_on", day=day, first=first, last=last)
    reason = checked_reason(command.reason, required_by=MONTH_CLAUSE)
    return [OwnTimeExtended(request=request.id, informed_on=day, reason=reason)]


@decide.register
def _close_request(command: CloseRequest, state: State, context: Context) -> list[Body]:
    """The customer needs no more help. Clause: 3.1(ix)"""
    request = _taken(command, state, context)
    outcome: Literal["closed", "withdrawn"] = (
        "closed" if request.status in ("answered", "declined") else "withdrawn"
    )
    return [Closed(request=request.id, outcome=outcome, reason=checked_reason(command.reason))]


INSTRUCTIONS = frozenset(
    {
        "data_return.ordered",
        "features.instructed",
        "retention.hold_placed",
        "retention.hold_released",
        "retention.lengthened",
        "retention.shortened",
        "retention.shortening_cancelled",
    }
)
"""The kinds of event by which a customer instructs; a request does where it asks for a change."""


def instructs(event: RecordedEvent) -> bool:
    """Whether an entry is an instruction of the customer on the processing, which may infringe the law.

    An objection, an audit, an acknowledgement, a review or a snapshot is none. Clause: 3.1(i)
    """
    if event.on_behalf_of == PROCESSOR:
        return False
    if event.kind == Requested.kind:
        kind = KINDS_OF_HELP.get(event.body.get("request_kind", ""))
        return kind is not None and kind.changes
    return event.kind in INSTRUCTIONS


@decide.register
def _flag_instruction(command: FlagInstruction, state: State, context: Context) -> list[Body]:
    """The provider tells the customer its opinion, and no second one before the answer. Clause: 3.1(i)"""
    sequence = command.instruction
    if context.cited is None or not instructs(context.cited):
        raise refuse("no_instruction", INSTRUCTION_CLAUSE, "instruction", sequence=str(sequence))
    law = checked_text(command.law, "law", INSTRUCTION_CLAUSE, limit=MAX_TITLE)
    opinion = checked_text(command.opinion, "opinion", INSTRUCTION_CLAUSE)
    if any(f.instruction == sequence and f.outcome == "open" for f in state.flags.values()):
        raise refuse("flagged_already", INSTRUCTION_CLAUSE, "instruction", sequence=str(sequence))
    return [Flagged(instruction=sequence, opinion=opinion, law=law)]


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
    "declined": "close_declined",
}
"""The step that an open request waits for, where its kind or what is proposed does not say another one."""


def _awaited(request: Request, agreement: Agreement) -> str:
    changes = KINDS_OF_HELP[request.kind].changes
    if request.status == "waits_for_provider":
        if changes:
            return "carry_out" if request.accepted else "decide"
        return "answer_by_target" if basis(request, agreement) == "target" else "answer"
    if request.status == "waits_for_customer" and changes and request.waiting("cost"):
        return "answer_cost"
    return _AWAITED[request.status]


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
        step=_awaited(request, agreement),
        parameters={"title": request.title},
        waits_for=STAGES[request.status].waits_for,
        clause=KINDS_OF_HELP[request.kind].clause,
        opened_at=request.at,
        by=request.by,
        entry=request.id,
    )
    yield replace(base, due=due(request, agreement))
    for offer in request.offers:
        step = f"answer_{offer.kind}"
        if offer.outcome == "waits" and base.step != step:
            clause = base.clause if offer.kind == "date" else cost_clause(request)
            yield replace(
                base,
                key=f"{base.key}/{offer.kind}",
                step=step,
                waits_for="customer",
                clause=clause,
                opened_at=offer.at,
                by=offer.by,
            )
    if own := controller_due(request):
        yield replace(
            base,
            key=f"{base.key}/own",
            step="answer_data_subject",
            waits_for="customer",
            due=dates.end_of(own),
            clause=MONTH_CLAUSE,
        )


def cites(command: Command, state: State) -> int | None:
    """The entry that a command is about: with the answer to a flag, the instruction that was flagged."""
    if isinstance(command, AnswerFlag):
        flag = state.flags.get(command.flag)
        return flag.instruction if flag else None
    return command.cited_entry


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The request or flag that a step is about; with a flag, the request that was flagged."""
    if isinstance(step, Step | _Step):
        return {"requests": (step.request,)}
    match step:
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
    events=(
        Requested,
        MessageSent,
        MessageSentV1,
        Closed,
        DateProposed,
        CostProposed,
        OfferAnswered,
        ChangeDecided,
        OwnTimeExtended,
        Flagged,
        FlaggedV1,
        FlagAnswered,
    ),
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
        "answer_by_target": "Answer (the provider’s own target)",
        "answer_cost": "Agree to the amount, or decline it",
        "answer_date": "Agree to the other date, or decline it",
        "answer_flag": "Confirm or withdraw it",
        "answer_question": "Answer the question",
        "carry_out": "Carry the change out and say so",
        "close": "Close it, or ask further",
        "close_declined": "Declined: close it, or ask further",
        "decide": "Accept, price or decline the change",
    },
    shelves=(
        Shelf("flags", Flag, lambda flag, _: flag.outcome != "open"),
        Shelf("requests", Request, lambda request, _: not STAGES[request.status].steps),
    ),
    touches=touches,
    cites=cites,
    files=files,
)
