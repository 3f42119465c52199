"""Audits of the provider and of its sub-processors. Clauses: 3.1(xii), Sch. 2 1.4, Sch. 3 1.2"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import NamedTuple

import streamlit as st

from dpa_core.subjects import audits, dates
from dpa_core.subjects.audits import Audit
from dpa_core.subjects.subject import Command
from dpa_core.subjects.texts import checked_text
from pages.parts import actions, paging, show, steps, words
from pages.parts.scope import Scope
from pages.parts.words import md, note, say

_LOOKS: dict[audits.Status, show.Look] = {
    "requested": (":material/mark_email_unread:", "orange"),
    "auditor_refused": (":material/person_off:", "red"),
    "dates_proposed": (":material/event_repeat:", "orange"),
    "scheduled": (":material/event_available:", "blue"),
    "under_way": (":material/search:", "violet"),
    "report_due": (":material/description:", "orange"),
    "findings_open": (":material/rule:", "orange"),
    "closed": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}
_WHO = {"self": "We ourselves", "mandated": "An auditor we mandate"}
_HOW = {"on_site": "On site", "remote": "Remote"}
_AUDITS = "audits.audits"


@dataclass(frozen=True)
class Data:
    """The open audits, newest first, and a page of those to which nothing more can happen."""

    open: list[Audit]
    over: list[Audit]
    number_over: int


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows."""
    open_ones = sorted(scope.file.state.audits.audits.values(), key=lambda a: -a.id)
    return Data(open_ones, *paging.over(scope.file, _AUDITS, Audit))


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file, agreement = scope.file, scope.file.agreement
    notice = agreement.term("audit_notice")
    show.header(
        "Audits",
        f"Audit the provider, or have a sub-processor audited. Notice is given {notice.value} days ahead; "
        "once a calendar year, or more with a reasonable cause.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    found = data.open or data.over
    if file.allows("instruct"):
        soonest = audits.earliest(agreement, file.now)
        say(":material/event: Earliest first day from today: **{}**", words.day(soonest))
        with st.expander("Give notice of an audit", icon=":material/add:", expanded=not found):
            _request(scope, soonest)
    if not found:
        st.markdown(":material/task_alt: No audit has been asked for.")
    for audit in data.open:
        _card(scope, audit)
    if data.over:
        st.subheader("Closed, refused and withdrawn", anchor=False)
    for audit in data.over:
        _card(scope, audit)
    paging.draw(_AUDITS, data.number_over, paging.OVER, "audit")
    show.clauses((audits.CLAUSE, audits.SUB_PROCESSOR_CLAUSE, "Sch. 3 1.2", audits.COST_CLAUSE), agreement)


# --- asking --------------------------------------------------------------------------------------


def _request(scope: Scope, soonest: date) -> None:
    form = actions.Form(scope, "audits.request")
    sub_processor, ground = _who_is_audited(form)
    who = st.radio(**form.field("who", "Who audits"), options=list(_WHO), format_func=lambda code: _WHO[code])
    mandated, auditor = who == "mandated", ""
    if mandated:
        auditor = st.text_input(
            **form.field("auditor", "Name of the auditor"), help="The provider has to accept the auditor."
        )
    left, right = st.columns(2)
    first = left.date_input(**form.field("first", "First day"), value=soonest, format="YYYY-MM-DD")
    last = right.date_input(
        **form.field("last", "Last day"), value=soonest, format="YYYY-MM-DD", help=_longest()
    )
    opens, closes = map(words.clock_time, dates.OFFICE_HOURS)
    note(
        "Working days in Stockholm, {} to {} (the provider’s working hours), without "
        "disturbing its operations.",
        opens,
        closes,
    )
    how = st.radio(
        **form.field("on_site", "How"),
        options=list(_HOW),
        format_func=lambda code: _HOW[code],
        horizontal=True,
    )
    about = st.text_area(**form.field("scope", "Scope"), placeholder="Processes, systems and measures")
    contact = st.text_input(**form.field("contact", "Your contact for the audit"))
    command = audits.RequestAudit(
        first, last, about, contact, how == "on_site", auditor, sub_processor, ground
    )
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


def _longest() -> words.Markdown:
    """How long an audit may be, and that this is no number of the agreement."""
    return md(
        "{} working days at the most: the provider’s own limit, the agreement names none.", audits.MAX_DAYS
    )


def _who_is_audited(form: actions.Form) -> tuple[str | None, str]:
    """The sub-processor to be audited and the ground in law; neither where it is the provider."""
    agreement = form.file.agreement
    choices = {"provider": agreement.processor.name, "sub_processor": "A sub-processor"}
    about = st.radio(
        **form.field("about", "Who is audited"),
        options=list(choices),
        format_func=lambda code: words.plain(choices[code]),
    )
    if about == "provider":
        return None, ""
    names = {s.id: s.name for s in agreement.sub_processors}
    sub_processor = st.selectbox(
        **form.field("sub_processor", "Sub-processor"), options=list(names), format_func=lambda id: names[id]
    )
    ground = st.text_area(
        **form.field("ground", "Ground in data protection law"),
        placeholder="Such as Art. 28(3)(h) GDPR, and why",
        help=show.clause(audits.SUB_PROCESSOR_CLAUSE, agreement),
    )
    return sub_processor, ground


def _consequences(command: audits.RequestAudit, form: actions.Form) -> str:
    """What the notice brings about, before it is sent; gives the cause where one is asked for."""
    file = form.file
    result = actions.attempt(
        lambda: audits.consequences(command, file.state.audits, file.context), form.labels
    )
    if result is None:
        return ""
    if result.acceptance_required:
        st.markdown(":material/how_to_reg: The provider has to accept the auditor you mandate.")
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
    return st.text_area(**form.field("cause", "Reasonable cause for a further audit"))


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
        if audit.proposed:
            side = "The provider" if audit.proposed_by == "provider" else "The customer"
            say(":material/event_repeat: {} proposes **{}** instead.", side, _days(audit.proposed))
        if audit.refusal:
            st.markdown(":material/person_off: The provider does not accept the auditor:")
            show.quoted(audit.refusal)
        _asked(scope, audit)
        if audit.report:
            steps.files(scope, [audit.report], f"audit.{audit.id}.report")
        for finding in audit.findings:
            _finding(scope, audit, finding, closes=audits.CloseFinding in open_steps)
        _next(scope, audit, open_steps)


def _asked(scope: Scope, audit: Audit) -> None:
    with st.expander("What was asked for"):
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
    with st.container(horizontal=True):
        for step in offered:
            _step(scope, audit, step.__name__, _OFFERS[step])


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
    who = md("the auditor {} and ", audit.auditor) if audit.auditor else ""
    say("You accept {}the dates **{}**. The audit is scheduled with that.", who, _days(audit.plan))
    return lambda: audits.AcceptAudit(audit.id)


def _refuse(audit: Audit, form: actions.Form) -> actions.Make:
    say(
        "You do not accept **{}** as the auditor. Acceptance must not be "
        "withheld unreasonably; the customer reads your reason. This audit does not count for the year.",
        audit.auditor,
    )
    reason = st.text_area(**form.field("reason", "Reason"))
    return lambda: audits.RefuseAuditor(audit.id, reason)


def _agree(audit: Audit, form: actions.Form) -> actions.Make:
    if audit.proposed:
        say("The audit is scheduled for **{}**.", _days(audit.proposed))
    return lambda: audits.AgreeDates(audit.id)


def _propose(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The other side has to agree. Until then the audit is not scheduled.")
    left, right = st.columns(2)
    plan = audit.plan
    first = left.date_input(**form.field("first", "First day"), value=plan.first, format="YYYY-MM-DD")
    last = right.date_input(
        **form.field("last", "Last day"), value=plan.last, format="YYYY-MM-DD", help=_longest()
    )
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: audits.ProposeDates(audit.id, first, last, reason)


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
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: audits.WithdrawAudit(audit.id, reason)


def _close(number: int, audit: Audit, form: actions.Form) -> actions.Make:
    remedy = st.text_area(**form.field("remedy", f"What was done about finding {number}"))
    return lambda: audits.CloseFinding(audit.id, number, remedy)


_OFFERS: dict[type[Command], _Offer] = {
    audits.AcceptAudit: _Offer("Accept", "Accept", _accept, ":material/check:", awaited=True),
    audits.RefuseAuditor: _Offer("Refuse the auditor", "Refuse the auditor", _refuse),
    audits.AgreeDates: _Offer("Agree to the dates", "Agree", _agree, awaited=True),
    audits.ProposeDates: _Offer("Propose other dates", "Propose", _propose),
    audits.FileReport: _Offer("File the report", "File the report", _report, awaited=True),
    audits.WithdrawAudit: _Offer("Withdraw", "Withdraw the audit", _withdraw),
}
