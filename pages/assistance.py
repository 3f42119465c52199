"""Help asked for, with its date and cost; instructions the provider flags, and legal duties it tells of.

Clauses: 3.1(i), 3.1(viii), 3.1(ix), 3.1(x), 3.1(xii), 3.1(xiii), Sch. 3 1.4
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import streamlit as st

from dpa_core.application import CustomerFile
from dpa_core.subjects import assistance, dates, features, legal_duties, policies, retention
from dpa_core.subjects.assistance import KINDS_OF_HELP, RIGHTS, Flag, Offer, Request
from dpa_core.subjects.audits import WithdrawAudit
from dpa_core.subjects.data_return import WithdrawOrder
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.legal_duties import Duty
from dpa_core.subjects.objections import WithdrawObjection
from dpa_core.subjects.retention import CancelShortening, PlaceHold, ReleaseHold, SetPeriod
from dpa_core.subjects.subject import Command
from dpa_core.views import history
from pages.parts import actions, consequences, paging, show, steps, words
from pages.parts.scope import Scope
from pages.parts.uploads import Chosen
from pages.parts.words import md, note, say

_STATUS: dict[assistance.Status, show.Look] = {
    "waits_for_provider": (":material/hourglass_top:", "orange"),
    "waits_for_customer": (":material/reply:", "violet"),
    "answered": (":material/mark_chat_read:", "blue"),
    "declined": (":material/block:", "orange"),
    "closed": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}
_OUTCOME: dict[assistance.Outcome, show.Look] = {
    "open": (":material/warning:", "red"),
    "confirmed": (":material/check_circle:", "green"),
    "withdrawn": (":material/undo:", "gray"),
}

_OFFER: dict[assistance.OfferOutcome, show.Look] = {
    "waits": (":material/hourglass_top:", "violet"),
    "agreed": (":material/handshake:", "green"),
    "declined": (":material/cancel:", "orange"),
    "replaced": (":material/history:", "gray"),
    "lapsed": (":material/history:", "gray"),
}

LATEST = 200
"""Instructions that are listed to be flagged; older ones are flagged by their number."""
_REQUESTS, _FLAGS, _DUTIES = "assistance.requests", "assistance.flags", "legal_duties.duties"


@dataclass(frozen=True)
class Data:
    """The open requests and flags, newest first, and a page of each of those that are over."""

    requests: list[Request]
    over: list[Request]
    requests_over: int
    flags: list[tuple[Flag, str]]
    """Each with its instruction in words; empty where the ledger has none of that number."""
    answered: list[tuple[Flag, str]]
    flags_answered: int
    duties: list[Duty]
    read: list[Duty]
    duties_read: int


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows."""
    file, state = scope.file, scope.file.state.assistance
    over, requests = paging.over(file, _REQUESTS, Request)
    answered, flags = paging.over(file, _FLAGS, Flag)
    read, duties = paging.over(file, _DUTIES, Duty)
    return Data(
        sorted(state.requests.values(), key=lambda r: -r.id),
        over,
        requests,
        [(f, _in_words(f, file)) for f in sorted(state.flags.values(), key=lambda f: -f.id)],
        [(f, _in_words(f, file)) for f in answered],
        flags,
        sorted(file.state.legal_duties.duties.values(), key=lambda d: -d.id),
        read,
        duties,
    )


def _over(request: Request) -> bool:
    return not assistance.STAGES[request.status].steps


def _in_words(flag: Flag, file: CustomerFile) -> str:
    instruction = history.entry(file, flag.instruction)
    return instruction.what if instruction else ""


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file, agreement = scope.file, scope.file.agreement
    term = agreement.term("assistance")
    show.header(
        "Assistance",
        f"Ask the provider for help with data subjects, assessments, authorities, breaches, security and "
        f"DORA, or for anything else. What {term.clause} covers typically takes no more than {term.value} "
        f"business days, unless otherwise agreed.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    for flag, what in data.flags:
        _flag(scope, flag, what)
    for duty in data.duties:
        _duty(scope, duty)
    nothing = not data.requests and not data.over
    if file.allows("instruct"):
        with st.expander("Ask for help", icon=":material/add:", expanded=nothing):
            _form(scope)
    if file.allows("respond"):
        with st.container(horizontal=True):
            actions.button(scope, "Flag an instruction as infringing the law", "assistance.flag", _FLAG)
            actions.button(scope, "Tell of a legal duty", "assistance.duty", _TELL_DUTY)
    if nothing:
        st.markdown(":material/task_alt: Nothing was asked for.")
    for request in data.requests:
        _card(scope, request)
    _what_is_over(scope, data)
    show.clauses(
        ("3.1(viii)", assistance.CLAUSE, "3.1(i)", assistance.COST_CLAUSE, "Sch. 3 1.4(v)"), agreement
    )


def _what_is_over(scope: Scope, data: Data) -> None:
    """The requests and flags to which nothing more can happen, a page at a time."""
    if data.over:
        st.subheader("Closed and withdrawn", anchor=False)
    for request in data.over:
        _card(scope, request)
    paging.draw(_REQUESTS, data.requests_over, paging.OVER, "request")
    if data.answered:
        st.subheader("Flags answered", anchor=False)
    for flag, what in data.answered:
        _flag(scope, flag, what)
    paging.draw(_FLAGS, data.flags_answered, paging.OVER, "flag")
    if data.read:
        st.subheader("Legal duties acknowledged", anchor=False)
    for duty in data.read:
        _duty(scope, duty)
    paging.draw(_DUTIES, data.duties_read, paging.OVER, "notice")


def _flag(scope: Scope, flag: Flag, what: str) -> None:
    file = scope.file
    status = show.Status(assistance.OUTCOMES[flag.outcome], _OUTCOME[flag.outcome])
    with st.container(border=True, key=f"flag_{flag.id}"):
        show.heading(f"Instruction {flag.instruction} may infringe the law", status)
        if what:
            st.markdown(words.plain(what))
        note(
            "The provider’s opinion, {}, by {}. No legal advice.",
            words.minute(flag.at),
            words.person(scope.file, flag.by),
        )
        if flag.law:
            say("Against: **{}**", flag.law)
        show.quoted(flag.opinion)
        if flag.outcome != "open":
            note("Answered by {}", words.person(scope.file, flag.answered_by))
            show.quoted(flag.answer)
        elif file.acts and assistance.AnswerFlag in assistance.steps_open(
            flag, file.state.assistance, file.context
        ):
            about = f"assistance/flag-{flag.id}"
            confirm = actions.Dialog(
                "Confirm the instruction", "Confirm", partial(_confirm, flag.id), about=about
            )
            revoke = actions.Dialog(
                "Withdraw the instruction", "Withdraw", partial(_revoke, flag.id), about=about
            )
            with st.container(horizontal=True):
                actions.button(scope, confirm.title, f"assistance.confirm.{flag.id}", confirm)
                actions.button(scope, revoke.title, f"assistance.revoke.{flag.id}", revoke, kind="primary")


def _duty(scope: Scope, duty: Duty) -> None:
    """A law that obliges the provider, as it was told. Clause: 3.1(i)"""
    file, read = scope.file, duty.acknowledged_at is not None
    look: show.Look = (":material/check_circle:", "green") if read else (":material/gavel:", "orange")
    with st.container(border=True, key=f"duty_{duty.id}"):
        status = show.Status("Acknowledged" if read else "Waits for the customer", look)
        show.heading("A law obliges the provider to process otherwise", status)
        say("By: **{}**", duty.law)
        note(
            "Told on {}, by {}. No legal advice.",
            words.minute(duty.at),
            words.person(file, duty.by),
        )
        show.quoted(duty.what)
        if duty.acknowledged_at:
            note(
                "Acknowledged on {}, by {}",
                words.minute(duty.acknowledged_at),
                words.person(file, duty.acknowledged_by),
            )
            show.quoted(duty.remark)
        elif file.acts and legal_duties.steps_open(duty, file.state.legal_duties, file.context):
            about = f"legal_duties/{duty.id}"
            dialog = actions.Dialog(
                "Acknowledge the notice", "Acknowledge", partial(_acknowledge, duty.id), about=about
            )
            actions.button(scope, "Acknowledge", f"assistance.duty.{duty.id}", dialog, kind="primary")


def _form(scope: Scope) -> None:
    file, form = scope.file, actions.Form(scope, "assistance.request")
    kind = st.selectbox(
        **form.field("kind", "Kind of help"),
        options=list(KINDS_OF_HELP),
        format_func=lambda i: KINDS_OF_HELP[i].name,
    )
    about = KINDS_OF_HELP[kind]
    say("{} ({})", about.note, about.clause)
    _provider_time(kind, file)
    rights, received = _data_subject(form) if kind == "data_subject" else ([], None)
    title = st.text_input(**form.field("title", "Title"), help="No names of data subjects, please.")
    text = st.text_area(**form.field("text", "What you need"))
    chosen = steps.choose_files(form)
    cost = False
    if about.cost:
        cost = st.checkbox(md("I acknowledge: {}", about.charge), key=form.key(f"cost_{kind}"))
    else:
        say(":material/money_off: {}", about.charge)
    actions.recorded(file)
    form.button(
        "Send the request",
        lambda: assistance.RequestHelp(
            kind, title, text, tuple(rights), received, steps.attach(scope, chosen), cost
        ),
        icon=":material/send:",
    )


def _provider_time(kind: assistance.RequestKind, file: CustomerFile) -> None:
    """Until when the provider would answer a request sent now, and what says so."""
    days = assistance.business_days(kind, file.agreement)
    if days is None:
        st.markdown(
            ":material/event: The agreement gives no date for this; one can be agreed on the request."
        )
        return
    until = words.deadline(dates.business_days_later(file.now, days))
    if assistance.basis_of(kind, file.agreement) == "agreement":
        say(
            ":material/event: The provider typically answers by **{}** ({}), unless another date is agreed.",
            until,
            assistance.CLAUSE,
        )
    else:
        say(
            ":material/event: The provider aims at **{}**: the provider’s own target. The agreement gives no "
            "date for this.",
            until,
        )


def _data_subject(form: actions.Form) -> tuple[list[assistance.Right], date | None]:
    """Which rights a data subject uses, and when the request reached the controller."""
    rights = st.multiselect(
        **form.field("rights", "Rights the person uses"),
        options=list(RIGHTS),
        format_func=lambda r: RIGHTS[r],
    )
    received = st.date_input(
        **form.field("received_on", "The request reached you on"),
        value=dates.local_day(form.file.now),
        format="YYYY-MM-DD",
    )
    own = dates.last_of_months(received, assistance.OWN_MONTHS)
    say(
        ":material/event: Your own answer to the person is due on **{}**, a month on (Art. 12(3) GDPR).",
        words.day(own),
    )
    st.caption(_HOLIDAYS)
    return rights, received


_HOLIDAYS = (
    "A month that ends on a Saturday, Sunday or public holiday ends on the next working day (Reg. 1182/71 "
    "Art. 3(4)). Our reading: Sweden’s public holidays count, the eves of Midsummer, Christmas and New Year "
    "do not."
)


def _card(scope: Scope, request: Request) -> None:
    file = scope.file
    over = _over(request)
    status = show.Status(assistance.STATUS[request.status], _STATUS[request.status])
    with st.container(border=True, key=f"request_{request.id}"):
        show.heading(f"{request.id}. {request.title}", status)
        kind = KINDS_OF_HELP[request.kind]
        rights = md(": {}", words.listed([RIGHTS[r] for r in request.rights])) if request.rights else ""
        say("{}{} · {}", kind.name, rights, kind.clause)
        if not over:
            _times(request, file)
        if request.late_since:
            late = md("Answered late: it was due on {}", words.deadline(request.late_since))
            show.badge(show.Status(late, (":material/warning:", "red")))
        if kind.priced and not over:
            note("{}", kind.charge)
        for offer in request.offers:
            _offer(scope, offer)
        if file.acts:
            _dialogs(scope, request)
        with st.expander(
            md("Conversation ({})", words.count(len(request.said), "message")),
            expanded=not over,
            icon=":material/forum:",
        ):
            steps.conversation(scope, request.said, f"request.{request.id}")
            fitting = assistance.steps_open(request, file.state.assistance, file.context)
            if file.acts and fitting:
                _reply(scope, request, fitting)


_BASIS: dict[assistance.Basis, str] = {
    "agreed": "The provider’s answer, as agreed on this request",
    "agreement": "The provider’s answer, 3.1(ix)",
    "target": "The provider’s answer, its own target",
    "none": "The provider’s answer",
}


def _times(request: Request, file: CustomerFile) -> None:
    """Until when the provider helps, and the customer answers the data subject."""
    rests_on = assistance.basis(request, file.agreement)
    with st.container(horizontal=True):
        if request.status == "waits_for_provider":
            st.caption(words.plain(_BASIS[rests_on]), width="content")
            steps.due(assistance.due(request, file.agreement), file.now)
        elif request.status == "waits_for_customer" and rests_on != "none":
            show.badge(show.Status("The provider’s time stands still", (":material/pause_circle:", "gray")))
            st.caption("Our reading: business days that wait for the customer do not count.")
        if own := assistance.controller_due(request):
            st.caption("The customer’s answer to the data subject, Art. 12(3) GDPR", width="content")
            steps.due(dates.end_of(own), file.now)
    if extension := request.extension:
        note(
            "Two further months: the customer told the person on {}. Recorded by {}.",
            words.day(extension.informed_on),
            words.person(file, extension.by),
        )
        show.quoted(extension.reason)


def _offer(scope: Scope, offer: Offer) -> None:
    """A date or an amount that was proposed, and what became of it."""
    file = scope.file
    with st.container(border=True, gap="xsmall"):
        status = show.Status(assistance.OFFER_OUTCOMES[offer.outcome], _OFFER[offer.outcome])
        with st.container(horizontal=True, vertical_alignment="center"):
            say("**{}**", _proposed(offer))
            show.badge(status)
        note("Proposed on {}, by {}", words.minute(offer.at), words.person(file, offer.by))
        show.quoted(offer.reason)
        if offer.answered_at:
            note(
                "Answered on {}, by {}",
                words.minute(offer.answered_at),
                words.person(file, offer.answered_by),
            )
            show.quoted(offer.answer)


def _proposed(offer: Offer) -> words.Markdown:
    """`Answer by 18 Dec 2026`, `SEK 12,500.00`."""
    if offer.amount is not None:
        return words.money(offer.amount, offer.currency)
    return md("Answer by {}", words.day(offer.until)) if offer.until else md("")


def _dialogs(scope: Scope, request: Request) -> None:
    """A button for each step that is no message and can be taken now."""
    file, id = scope.file, request.id
    fitting = assistance.steps_open(request, file.state.assistance, file.context)
    changes = KINDS_OF_HELP[request.kind].changes
    price = "Name a price" if changes else "Name an amount"
    known: dict[type[Command], tuple[str, str, Callable[[int, actions.Form], actions.Make]]] = {
        assistance.AcceptChange: ("Accept the change", "Accept", _accept),
        assistance.DeclineChange: ("Decline the change", "Decline", _decline),
        assistance.ProposeCost: (price, "Propose it", _price),
        assistance.ProposeDate: ("Propose another date", "Propose it", _another_date),
        assistance.AnswerCost: ("Answer the amount", "Agree", _answer_cost),
        assistance.AnswerDate: ("Answer the date", "Agree", _answer_date),
        assistance.ExtendOwnTime: ("Extend your own time", "Record it", _extend),
    }
    offered = [step for step in known if step in fitting]
    if not offered:
        return
    awaited_steps: set[type[Command]] = {assistance.AnswerCost, assistance.AnswerDate}
    if request.status == "waits_for_provider":
        awaited_steps.add(assistance.AcceptChange)
    with st.container(horizontal=True):
        for step in offered:
            label, confirm, fields = known[step]
            awaited = step in awaited_steps
            dialog = actions.Dialog(label, confirm, partial(fields, id), about=f"assistance/{id}")
            name = f"assistance.{step.__name__}.{id}"
            actions.button(scope, label, name, dialog, kind="primary" if awaited else "secondary")


def _reply(scope: Scope, request: Request, fitting: Sequence[type[Command]]) -> None:
    """A message, and a button for each step that can be taken with it."""
    form = actions.Form(scope, f"assistance.reply.{request.id}", about=f"assistance/{request.id}")
    text = st.text_area(**form.field("text", "Message"))
    buttons = _buttons(scope, request, text, steps.choose_files(form))
    awaited = assistance.STAGES[request.status].waits_for == scope.file.context.side
    form.told = st.container()
    with st.container(horizontal=True):
        for step in (s for s in fitting if s in buttons):
            label, icon, make = buttons[step]
            primary = awaited and step is fitting[0]
            form.button(words.plain(label), make, icon=icon, primary=primary, step=step.__name__)


def _buttons(
    scope: Scope, request: Request, text: str, chosen: Chosen
) -> dict[type[Command], tuple[str, str | None, actions.Make]]:
    """The button of each step: its label, its icon, and what it sends."""
    id = request.id
    dealt_with = request.status in ("answered", "declined")
    done = "Close the request" if dealt_with else "Withdraw the request"
    return {
        assistance.SendMessage: (
            "Send",
            ":material/send:",
            lambda: assistance.SendMessage(id, text, steps.attach(scope, chosen)),
        ),
        assistance.AnswerRequest: (
            "Send the answer",
            ":material/send:",
            lambda: assistance.AnswerRequest(id, text, steps.attach(scope, chosen)),
        ),
        assistance.AnswerInPart: (
            "Send a partial answer",
            None,
            lambda: assistance.AnswerInPart(id, text, steps.attach(scope, chosen)),
        ),
        assistance.AskCustomer: (
            "Ask the customer",
            ":material/help:",
            lambda: assistance.AskCustomer(id, text, steps.attach(scope, chosen)),
        ),
        assistance.CloseRequest: (
            done,
            None,
            lambda: assistance.CloseRequest(id, steps.without_files(text, chosen)),
        ),
    }


# --- dialogs -------------------------------------------------------------------------------------


def _accept(id: int, form: actions.Form) -> actions.Make:
    st.markdown("As it was asked for, at no price. You then carry it out, and answer the request.")
    reason = st.text_area(**form.field("reason", "Note (optional)"))
    return lambda: assistance.AcceptChange(id, reason)


def _decline(id: int, form: actions.Form) -> actions.Make:
    st.markdown("The customer reads why, and can close the request or ask further.")
    reason = show.reason(form, required=True)
    return lambda: assistance.DeclineChange(id, reason)


def _price(id: int, form: actions.Form) -> actions.Make:
    request = form.file.state.assistance.requests[id]
    say("{}", KINDS_OF_HELP[request.kind].charge)
    st.caption("The customer agrees to the amount, or declines it and says why; both stay on record.")
    amount = st.text_input(**form.field("amount", "Amount"), placeholder="12500.50")
    currency = st.text_input(**form.field("currency", "Currency"), placeholder="SEK", max_chars=3)
    reason = st.text_area(**form.field("reason", "What for (required)"))
    return lambda: assistance.ProposeCost(id, amount, currency, reason)


def _another_date(id: int, form: actions.Form) -> actions.Make:
    st.markdown("It counts once the customer agrees; until then the time runs as it does.")
    until = st.date_input(
        **form.field("until", "Answer by the end of"),
        value=None,
        format="YYYY-MM-DD",
        min_value=dates.local_day(form.file.now),
    )
    reason = show.reason(form, required=True)
    return lambda: assistance.ProposeDate(id, until, reason)


def _answer_date(id: int, form: actions.Form) -> actions.Make:
    return _answer(id, form, "date", partial(assistance.AnswerDate, id))


def _answer_cost(id: int, form: actions.Form) -> actions.Make:
    return _answer(id, form, "cost", partial(assistance.AnswerCost, id))


def _answer(
    id: int, form: actions.Form, kind: assistance.OfferKind, make: Callable[[bool, str], Command]
) -> actions.Make:
    """Agree to what was proposed, or decline it and say why."""
    request = form.file.state.assistance.requests.get(id)
    if request and (offer := request.waiting(kind)):
        say("Proposed: **{}**", _proposed(offer))
        show.quoted(offer.reason)
    reason = st.text_area(**form.field("reason", "Why (required to decline)"))
    form.other("Decline", lambda: make(False, reason), ":material/cancel:")
    return lambda: make(True, reason)


def _extend(id: int, form: actions.Form) -> actions.Make:
    request = form.file.state.assistance.requests[id]
    months = assistance.OWN_MONTHS + assistance.MORE_MONTHS
    if request.received_on:
        say(
            "Where the requests are complex or many, you may take two further months, to **{}**, if you told "
            "the person so, and why, within the first month (Art. 12(3) GDPR). That decision is yours; here "
            "it is only recorded.",
            words.day(dates.last_of_months(request.received_on, months)),
        )
    informed = st.date_input(
        **form.field("informed_on", "You told the person on"),
        value=None,
        format="YYYY-MM-DD",
        max_value=dates.local_day(form.file.now),
    )
    reason = show.reason(form, required=True)
    return lambda: assistance.ExtendOwnTime(id, informed, reason)


def _tell_duty(form: actions.Form) -> actions.Make:
    st.markdown(
        "A law of the EU or a member state obliges you to process the customer’s data otherwise than it "
        "instructs: it is told so, unless that law forbids it (3.1(i)). This is no legal advice."
    )
    law = st.text_input(**form.field("law", "Which law"))
    what = st.text_area(**form.field("what", "What it makes you do with which data"))
    return lambda: legal_duties.TellLegalDuty(law, what)


_TELL_DUTY = actions.Dialog("Tell of a legal duty", "Tell the customer", _tell_duty)


def _acknowledge(id: int, form: actions.Form) -> actions.Make:
    st.markdown("You have read it. The law obliges the provider, so there is nothing to agree to.")
    remark = st.text_area(**form.field("reason", "What you have to say to it (optional)"))
    return lambda: legal_duties.AcknowledgeDuty(id, remark)


def _raise(form: actions.Form) -> actions.Make | None:
    file = form.file
    latest = file.reader.events(after=max(0, file.sequence - LATEST), upto=file.sequence)
    given = history.in_words((e for e in reversed(latest) if assistance.instructs(e)), file)
    if not given and file.sequence <= LATEST:
        st.markdown("The customer has given no instruction that could be flagged.")
        return None
    words_of = {i.sequence: f"{i.sequence}. {i.what} ({words.day(i.recorded_at)})" for i in given}
    st.markdown("The customer sees it at once, and confirms or withdraws. This is no legal advice.")
    chosen = st.selectbox(
        **form.field("instruction", "Instruction"),
        options=list(words_of),
        format_func=lambda n: words_of[n],
    )
    older = None
    if form.file.sequence > LATEST:
        older = st.number_input(
            **form.field("older", "Or an older one, by its number in the history"),
            value=None,
            min_value=1,
            max_value=form.file.sequence,
            step=1,
        )
    law = st.text_input(**form.field("law", "Which law"))
    opinion = st.text_area(**form.field("opinion", "Why it infringes it, in your opinion"))
    return lambda: assistance.FlagInstruction(int(older or chosen or 0), opinion, law)


_FLAG = actions.Dialog("Flag an instruction", "Tell the customer", _raise)


def _confirm(id: int, form: actions.Form) -> actions.Make:
    st.markdown(
        "The instruction stands. You are responsible for its being lawful (2.1(iii)); the reason is kept."
    )
    reason = st.text_area(**form.field("reason", "Why it is lawful"))
    return lambda: assistance.AnswerFlag(id, True, reason)


def _revoke(id: int, form: actions.Form) -> actions.Make:
    file, command = form.file, assistance.AnswerFlag(id, False)
    state = file.state.assistance
    effects = policies.effects_of(command, file.state, file.citing(command))
    asked = file.recalled(command).assistance.requests.get(state.flags[id].instruction)
    if asked:
        say(":material/cancel: Withdrawn with it: **request {}, {}**.", asked.id, asked.title)
    required, acknowledged = False, frozenset[str]()
    for effect in (*effects.before, *effects.after):
        required |= _goes_with_it(effect, file)
        if isinstance(effect, SetFeatures):
            switched = features.consequences(effect, file.state.features, file.context)
            acknowledged = consequences.acknowledgement(switched, file.agreement, form.acknowledged())
    if asked or effects.before or effects.after:
        st.markdown("Other effects you undo on their page.")
    else:
        st.markdown(
            "Nothing is undone with it. What the instruction brought about is over, or another one has "
            "replaced it."
        )
    reason = show.reason(form, required=required)
    return lambda: assistance.AnswerFlag(id, False, reason, acknowledged)


def _goes_with_it(command: Command, file: CustomerFile) -> bool:
    """What one command brings about that is carried out along with the withdrawal; whether it needs a
    reason."""
    match command:
        case SetFeatures():
            switched = features.consequences(command, file.state.features, file.context)
            for gone in (f.name for f in switched.switched_off):
                say(":material/toggle_off: Switched off with it: **{}**.", gone)
            for back in (f.name for f in switched.switched_on):
                say(":material/toggle_on: Switched on again with it: **{}**.", back)
            consequences.engaged(switched, file.agreement)
        case CancelShortening() | SetPeriod() | PlaceHold() | ReleaseHold():
            kept = retention.consequences(command, file.state.retention, file.context)
            _kept_with_it(command, kept)
            return kept.reason_required
        case WithdrawOrder():
            say(":material/undo: Withdrawn with it: **order {}** of return or deletion.", command.order)
        case WithdrawObjection():
            say(":material/undo: Withdrawn with it: the objection to **change {}**.", command.change)
        case WithdrawAudit():
            say(":material/undo: Withdrawn with it: **audit {}**.", command.audit)
    return False


def _kept_with_it(command: retention.Step, kept: retention.Consequences) -> None:
    """What happens to the retention of a data type along with the withdrawal."""
    name, days = kept.period.data_type.name, words.duration(kept.days)
    match command:
        case CancelShortening():
            say(":material/undo: Cancelled with it: the shortening of **{}**, which stays at {}.", name, days)
        case SetPeriod():
            say(
                ":material/undo: Set back with it: **{}**, to {} from {}.",
                name,
                days,
                words.day(kept.effective_at),
            )
        case PlaceHold():
            say(":material/lock: Placed again with it: the legal hold on **{}**.", name)
        case ReleaseHold():
            say(
                ":material/lock_open: Released with it: the legal hold on **{}**; deletion resumes on {}.",
                name,
                words.day(kept.effective_at),
            )
