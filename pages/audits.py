"""Audits of the provider, and requests for an audit of a sub-processor.

Clauses: 3.1(xii), Sch. 2 1.4, Sch. 3 1.2
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

import streamlit as st

from dpa_core.subjects import audits, dates, sub_processor_audits
from dpa_core.subjects.audits import Audit
from dpa_core.subjects.common import Side
from dpa_core.subjects.subject import Command
from dpa_core.subjects.texts import checked_text
from pages.parts import actions, audited_sub_processors, paging, show, steps, words
from pages.parts.scope import Scope
from pages.parts.words import md, note, say

_LOOKS: dict[audits.Status, show.Look] = {
    "requested": (":material/mark_email_unread:", "orange"),
    "auditor_refused": (":material/person_off:", "red"),
    "scheduled": (":material/event_available:", "blue"),
    "under_way": (":material/search:", "violet"),
    "report_due": (":material/description:", "orange"),
    "findings_open": (":material/rule:", "orange"),
    "closed": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
    "former_request": (":material/history:", "orange"),
    "former_refused": (":material/person_off:", "gray"),
}
_SIDES: dict[Side, str] = {"customer": "The customer", "provider": "The provider"}
_OTHER: dict[Side, str] = {"customer": "the provider", "provider": "the customer"}
_WHO = {"self": "We ourselves", "mandated": "An auditor we mandate"}
_HOW = {"on_site": "On site", "remote": "Remote"}
_AUDITS = "audits.audits"


@dataclass(frozen=True)
class Data:
    """The open audits of either kind, newest first, and a page each of those to which nothing more can
    happen, with how many there are."""

    open: list[Audit | sub_processor_audits.Audit]
    over: list[Audit]
    number_over: int
    of_sub_processors_over: list[sub_processor_audits.Audit]
    number_of_sub_processors_over: int


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows."""
    state = scope.file.state
    found: list[Audit | sub_processor_audits.Audit] = [
        *state.audits.audits.values(),
        *state.sub_processor_audits.audits.values(),
    ]
    return Data(
        sorted(found, key=lambda a: -a.id),
        *paging.over(scope.file, _AUDITS, Audit),
        *paging.over(scope.file, audited_sub_processors.SHELF, sub_processor_audits.Audit),
    )


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file, agreement = scope.file, scope.file.agreement
    notice = agreement.term("audit_notice")
    show.header(
        "Audits",
        f"Audit the provider, with {notice.value} whole days of notice, once a calendar year or more with a "
        "reasonable cause. Or ask the provider for an audit of a sub-processor.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    found = data.open or data.over or data.of_sub_processors_over
    if file.allows("instruct"):
        soonest = audits.earliest(agreement, file.now)
        say(":material/event: Earliest first day of an audit from today: **{}**", words.day(soonest))
        with st.expander("Give notice of an audit", icon=":material/add:", expanded=not found):
            _request(scope, soonest)
        with st.expander("Ask for an audit of a sub-processor", icon=":material/add:"):
            audited_sub_processors.request(scope)
    if not found:
        st.markdown(":material/task_alt: No audit has been asked for.")
    for audit in data.open:
        if isinstance(audit, Audit):
            _card(scope, audit)
        else:
            audited_sub_processors.card(scope, audit)
    _over(scope, data)
    show.clauses((audits.CLAUSE, sub_processor_audits.CLAUSE, "Sch. 3 1.2", audits.COST_CLAUSE), agreement)


def _over(scope: Scope, data: Data) -> None:
    """Those to which nothing more can happen, a list of each kind."""
    if data.over:
        st.subheader("Closed and withdrawn", anchor=False)
    for audit in data.over:
        _card(scope, audit)
    paging.draw(_AUDITS, data.number_over, paging.OVER, "audit")
    if data.of_sub_processors_over:
        st.subheader("Audits of sub-processors: result filed, or withdrawn", anchor=False)
    for asked in data.of_sub_processors_over:
        audited_sub_processors.card(scope, asked)
    number = data.number_of_sub_processors_over
    paging.draw(
        audited_sub_processors.SHELF,
        number,
        paging.OVER,
        "audit of a sub-processor",
        "audits of sub-processors",
    )


# --- asking --------------------------------------------------------------------------------------


def _request(scope: Scope, soonest: date) -> None:
    form = actions.Form(scope, "audits.request")
    who = st.radio(**form.field("who", "Who audits"), options=list(_WHO), format_func=lambda code: _WHO[code])
    mandated, auditor = who == "mandated", ""
    if mandated:
        auditor = st.text_input(
            **form.field("auditor", "Name of the auditor"), help="The provider has to accept the auditor."
        )
    first, last = _two_days(form, soonest, soonest)
    opens, closes = map(words.clock_time, dates.OFFICE_HOURS)
    note(
        "In the provider’s normal working hours, without disturbing its operations ({}). The provider’s own "
        "settings, as the agreement names none: working days in Stockholm, {} to {}, {} of them at the most.",
        audits.CLAUSE,
        opens,
        closes,
        audits.MAX_DAYS,
    )
    how = st.radio(
        **form.field("on_site", "How"),
        options=list(_HOW),
        format_func=lambda code: _HOW[code],
        horizontal=True,
    )
    about = st.text_area(**form.field("scope", "Scope"), placeholder="Processes, systems and measures")
    contact = st.text_input(**form.field("contact", "Your contact for the audit"))
    command = audits.RequestAudit(first, last, about, contact, how == "on_site", auditor)
    cause = _consequences(command, form)
    cost = st.checkbox(
        md(
            "I acknowledge that the provider’s reasonable expenses are reimbursed, and its personnel’s help "
            "in the audit is compensated ({}, {}).",
            audits.CLAUSE,
            audits.COST_CLAUSE,
        ),
        key=form.key("cost"),
    )

    def make() -> audits.RequestAudit:
        if mandated:  # the rule takes an empty name for an audit by the customer itself
            checked_text(auditor, "auditor", audits.CLAUSE)
        return replace(command, cause=cause, cost_acknowledged=cost)

    actions.recorded(scope.file)
    form.button("Send the notice", make, icon=":material/send:")


def _two_days(form: actions.Form, first: date, last: date) -> tuple[date, date]:
    """Fields for the first and the last day."""
    left, right = st.columns(2)
    return (
        left.date_input(**form.field("first", "First day"), value=first, format="YYYY-MM-DD"),
        right.date_input(**form.field("last", "Last day"), value=last, format="YYYY-MM-DD"),
    )


def _consequences(command: audits.RequestAudit, form: actions.Form) -> str:
    """What the notice brings about, before it is sent; gives the cause where one is asked for."""
    file = form.file
    result = actions.attempt(
        lambda: audits.consequences(command, file.state.audits, file.context), form.labels
    )
    if result is None:
        return ""
    if result.acceptance_required:
        st.markdown(
            ":material/how_to_reg: The provider has to accept the auditor you mandate, and must not withhold "
            "that unreasonably."
        )
    else:
        st.markdown(
            ":material/how_to_reg: Your own audit needs no acceptance. The provider can propose other days; "
            "you decide."
        )
    if not result.cause_required:
        return ""
    named = [f"audit {id}" for id in result.same_year.last]
    if more := result.same_year.number - len(named):
        named.append(f"{more:,} more")
    numbers = words.listed(named)
    say(
        ":material/info: {} has its audit already ({}). A further one needs a reasonable cause.",
        command.first.year,
        numbers,
    )
    return _cause(form)


def _cause(form: actions.Form) -> str:
    """A field for the cause of a further audit in its year."""
    typed = st.text_area(**form.field("cause", "Reasonable cause for a further audit"))
    note(
        "You show the cause ({}). The provider can contest it on the record; that does not stop the audit. "
        "This, and the least number of characters ({}), is our reading: the agreement says neither.",
        audits.CLAUSE,
        audits.MIN_CAUSE,
    )
    return typed


# --- one audit -----------------------------------------------------------------------------------


def _card(scope: Scope, audit: Audit) -> None:
    file = scope.file
    stands = audits.status(audit, file.now)
    open_steps = audits.steps_open(audit, file.state.audits, file.context) if file.acts else ()
    with st.container(border=True, key=f"audit_{audit.id}"):
        show.heading(audits.title(audit, file.agreement), show.Status(audits.STATUS[stands], _LOOKS[stands]))
        who = md("by {}, mandated", audit.auditor) if audit.auditor else "by the customer itself"
        how = "on site" if audit.on_site else "remote"
        say(":material/event: **{}** · {} · {}", _days(audit.plan), how, who)
        _what_stands(audit, file.now)
        _asked(scope, audit)
        if audit.report:
            steps.files(scope, [audit.report], f"audit.{audit.id}.report")
        for finding in audit.findings:
            _finding(scope, audit, finding, closes=audits.CloseFinding in open_steps)
        _next(scope, audit, open_steps)


def _what_stands(audit: Audit, now: datetime) -> None:
    """What one side said that counts now, with the reason as typed."""
    if audit.proposed and audit.proposed_by and not audit.report:
        side, days = _SIDES[audit.proposed_by], _days(audit.proposed)
        if audit.open_proposal(now):
            say(
                ":material/event_repeat: {} proposes **{}** instead. Until {} agrees, the days above stand.",
                side,
                days,
                _OTHER[audit.proposed_by],
            )
        else:
            say(":material/event_busy: {} proposed {}, which passed without an answer.", side, days)
        _quoted(audit, "dates_proposed")
    if audit.refusal:
        st.markdown(":material/person_off: The provider does not accept the auditor:")
        show.quoted(audit.refusal)
        if audits.status(audit, now) == "auditor_refused":
            say(
                ":material/person: The customer can name another auditor, or audit itself. "
                "Its notice of {} stays.",
                words.day(audit.requested_at),
            )
    if audit.contested:
        st.markdown(":material/balance: The provider contests the cause. The audit stands all the same:")
        _quoted(audit, "cause_contested")
    if audit.contest_answered:
        st.markdown(":material/reply: The customer on that:")
        _quoted(audit, "answered")
    if audit.withdrawn:
        _quoted(audit, "withdrawn")


def _quoted(audit: Audit, step: audits.SaidStep) -> None:
    """What was typed last with a step."""
    show.quoted(next((said.text for said in reversed(audit.said) if said.step == step), ""))


def _asked(scope: Scope, audit: Audit) -> None:
    with st.expander("What was asked for, and said since" if audit.said else "What was asked for"):
        for label, text in (
            ("Scope", audit.scope),
            ("Contact", audit.contact),
            ("Ground in law", audit.ground),
            ("Cause for a further audit", audit.cause),
        ):
            if text:
                say("**{}**", label)
                st.text(text)
        note("Notice of {}, by {}", words.minute(audit.requested_at), words.person(scope.file, audit.by))
        for said in audit.said:
            say(
                "**{}** {} · {} · {}",
                _SIDES[said.side],
                _in_words(said),
                words.person(scope.file, said.by),
                words.minute(said.at),
            )
            show.quoted(said.text)


def _in_words(said: audits.Said) -> words.Markdown:
    """What a side did, as the rest of a sentence about it."""
    days = _days(said.plan) if said.plan else ""
    match said.step:
        case "accepted":
            return md("accepted {}", said.auditor) if said.auditor else md("accepted the audit")
        case "answered":
            return md("said more of the cause")
        case "auditor_named":
            return md("named {}, on {}", said.auditor or "itself as the auditor", days)
        case "auditor_refused":
            return md("did not accept {}", said.auditor)
        case "cause_contested":
            return md("contested the cause")
        case "dates_agreed":
            return md("agreed to {}", days)
        case "dates_kept":
            return md("did not agree to {}", days)
        case "dates_proposed":
            return md("proposed {}", days)
        case "dates_set":
            return md("moved the audit to {}", days)
        case "withdrawn":
            return md("withdrew the audit")


def _days(plan: audits.Plan) -> str:
    if plan.first == plan.last:
        return words.day(plan.first)
    return f"{words.day(plan.first)} to {words.day(plan.last)}"


def _finding(scope: Scope, audit: Audit, finding: audits.Finding, *, closes: bool) -> None:
    """A finding with its remedy or due date. `closes`: whether the person may close an open one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        say("**{}.** {}", finding.number, finding.title)
        if finding.closed_at:
            word = f"Closed {words.day(finding.closed_at)}"
            show.badge(show.Status(word, (":material/check_circle:", "green")))
        elif finding.remedy_by:
            steps.due(dates.end_of(finding.remedy_by), scope.file.now)
        else:
            show.badge(show.Status("Open", (":material/rule:", "orange")))
        if closes and finding.closed_at is None:
            number = finding.number
            close = _Offer("Close the finding", "Close the finding", partial(_close, number))
            _step(scope, audit, f"CloseFinding.{number}", close)
    show.quoted(finding.remedy)


def _next(scope: Scope, audit: Audit, open_steps: tuple[type[Command], ...]) -> None:
    """The steps that fit the audit as a whole, the next one first; a finding has its own beside it."""
    offered = [step for step in open_steps if step is not audits.CloseFinding]
    if not offered:
        return
    awaits_auditor = audits.status(audit, scope.file.now) == "auditor_refused"
    with st.container(horizontal=True):
        for step in offered:
            offer = _OFFERS[step]
            awaited = offer.awaited or (step is audits.NameAuditor and awaits_auditor)
            _step(scope, audit, step.__name__, offer._replace(awaited=awaited))


# --- dialogs -------------------------------------------------------------------------------------

Fields = Callable[[Audit, actions.Form], actions.Make]


class _Offer(NamedTuple):
    """How a step is offered: its button, and its dialog with the button that confirms it."""

    label: str
    confirm: str
    fields: Fields
    """Given the audit as it stands at that moment."""
    icon: str | None = None
    awaited: bool = False
    """Wherever it is open, it is what the audit waits for."""


def _step(scope: Scope, audit: Audit, name: str, offer: _Offer) -> None:
    """A button over one audit with its dialog."""
    dialog = actions.Dialog(
        audits.title(audit, scope.file.agreement),
        offer.confirm,
        lambda form: offer.fields(form.file.state.audits.audits.get(audit.id, audit), form),
        about=f"audits/{audit.id}",
    )
    actions.button(
        scope,
        offer.label,
        f"audits.{name}.{audit.id}",
        dialog,
        icon=offer.icon,
        kind="primary" if offer.awaited else "secondary",
    )


def _accept(audit: Audit, form: actions.Form) -> actions.Make:
    say(
        "You accept the auditor **{}**. The audit is scheduled for **{}** with that.",
        audit.auditor,
        _days(audit.plan),
    )
    return lambda: audits.AcceptAudit(audit.id)


def _refuse(audit: Audit, form: actions.Form) -> actions.Make:
    say(
        "You do not accept **{}** as the auditor. Acceptance must not be withheld unreasonably ({}); the "
        "customer reads your reason, and can name another auditor under the same notice.",
        audit.auditor,
        audits.CLAUSE,
    )
    reason = st.text_area(**form.field("reason", "Reason (required)"))
    return lambda: audits.RefuseAuditor(audit.id, reason)


def _name(audit: Audit, form: actions.Form) -> actions.Make:
    file = form.file
    say(
        "Scope, contact and the date of your notice ({}) stay. The provider has to accept an auditor whom "
        "you mandate; your own audit needs no acceptance.",
        words.day(audit.requested_at),
    )
    options = ["mandated", "self"] if audit.auditor else ["mandated"]
    who = st.radio(**form.field("who", "Who audits"), options=options, format_func=lambda code: _WHO[code])
    mandated, auditor = who == "mandated", ""
    if mandated:
        auditor = st.text_input(**form.field("auditor", "Name of the auditor"))
    alone = audits.customer_may_set(audit, file.agreement, file.now)
    ahead = audit.plan.first > words.local_day(file.now)
    first, last = _two_days(form, *((audit.plan.first, audit.plan.last) if ahead else (alone, alone)))
    note("The days as they are, or others from {} on.", words.day(alone))
    needed = audits.cause_needed(audit, first.year, file.state.audits, file.context)
    cause = _cause(form) if needed else ""

    def make() -> audits.NameAuditor:
        if mandated:  # the rule takes an empty name for an audit by the customer itself
            checked_text(auditor, "auditor", audits.CLAUSE)
        return audits.NameAuditor(audit.id, auditor, first, last, cause)

    return make


def _agree(audit: Audit, form: actions.Form) -> actions.Make:
    if audit.proposed:
        say("The audit takes place on **{}**.", _days(audit.proposed))
    return lambda: audits.AgreeDates(audit.id)


def _keep(audit: Audit, form: actions.Form) -> actions.Make:
    say("The audit stays on **{}**. The other side reads your reason.", _days(audit.plan))
    reason = st.text_area(**form.field("reason", "Reason (required)"))
    return lambda: audits.KeepDates(audit.id, reason)


def _propose(audit: Audit, form: actions.Form) -> actions.Make:
    file, plan = form.file, audit.plan
    if file.context.side == "customer":
        alone = audits.customer_may_set(audit, file.agreement, file.now)
        say(
            "Days from **{}** on count at once: they are a notice anew, or keep yours while you wait for the "
            "provider (our reading of {}). Earlier ones need the provider’s agreement; until then the audit "
            "stays on **{}**.",
            words.day(alone),
            audits.CLAUSE,
            _days(plan),
        )
    else:
        say(
            "The customer decides: it takes these days, or keeps **{}**. "
            "Your proposal does not stop the audit.",
            _days(plan),
        )
    tomorrow = audits.next_day(file.now)
    first, last = _two_days(form, max(plan.first, tomorrow), max(plan.last, tomorrow))
    reason = st.text_area(**form.field("reason", "Reason (optional)"), help="The other side reads it.")
    return lambda: audits.ProposeDates(audit.id, first, last, reason)


def _contest(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The customer’s cause for a further audit in its year:")
    show.quoted(audit.cause)
    say(
        "You contest it on the record; the customer reads your reason and can answer. The audit stands all "
        "the same: {} has the customer show a cause, and names nobody to decide on it (our reading).",
        audits.CLAUSE,
    )
    reason = st.text_area(**form.field("reason", "Reason (required)"))
    return lambda: audits.ContestCause(audit.id, reason)


def _answer(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The provider contests the cause:")
    _quoted(audit, "cause_contested")
    answer = st.text_area(**form.field("answer", "What you say to that"))
    return lambda: audits.AnswerContest(audit.id, answer)


def _report(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The report is filed once. Findings stay open until either side records the remedy.")
    chosen = steps.choose_files(form, "Report", "report")
    text = st.text_area(
        **form.field("findings", "Findings, one a line"),
        placeholder="Backups are not tested",
        help="Leave it empty where there is none.",
    )
    remedy_by = st.date_input(
        **form.field("remedy_by", "To be remedied by (optional)"), value=None, format="YYYY-MM-DD"
    )

    def make() -> audits.FileReport:
        if len(chosen) != 1:
            raise audits.refuse("many_reports" if chosen else "no_report", audits.CLAUSE, "report")
        titles = [line.strip() for line in text.splitlines() if line.strip()]
        findings = tuple(audits.NewFinding(title=t, remedy_by=remedy_by) for t in titles)
        return audits.FileReport(audit.id, steps.attach(form.scope, chosen)[0], findings)

    return make


def _withdraw(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The audit will not take place, and does not count for its calendar year.")
    reason = st.text_area(**form.field("reason", "Reason (optional)"), help="The provider reads it.")
    return lambda: audits.WithdrawAudit(audit.id, reason)


def _close(number: int, audit: Audit, form: actions.Form) -> actions.Make:
    remedy = st.text_area(**form.field("remedy", f"What was done about finding {number}"))
    return lambda: audits.CloseFinding(audit.id, number, remedy)


_OFFERS: dict[type[Command], _Offer] = {
    audits.AcceptAudit: _Offer("Accept the auditor", "Accept", _accept, ":material/check:", awaited=True),
    audits.RefuseAuditor: _Offer("Refuse the auditor", "Refuse the auditor", _refuse),
    audits.AgreeDates: _Offer("Agree to the days", "Agree", _agree, ":material/check:", awaited=True),
    audits.KeepDates: _Offer("Keep the days", "Keep the days", _keep),
    audits.ProposeDates: _Offer("Other days", "Send", _propose),
    audits.NameAuditor: _Offer("Another auditor", "Name the auditor", _name),
    audits.ContestCause: _Offer("Contest the cause", "Contest the cause", _contest),
    audits.AnswerContest: _Offer("Answer on the cause", "Send the answer", _answer),
    audits.FileReport: _Offer("File the report", "File the report", _report, awaited=True),
    audits.WithdrawAudit: _Offer("Withdraw", "Withdraw the audit", _withdraw),
}
