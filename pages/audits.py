"""Audits of the provider and of its sub-processors. Clauses: 3.1(xii), Sch. 2 1.4, Sch. 3 1.2"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Literal

import streamlit as st

from dpa_core.subjects import Refusal, audits, dates
from dpa_core.subjects.audits import Audit
from pages.parts import actions, show, steps, words
from pages.parts.scope import Scope

_STATUS: dict[audits.Status, show.Look] = {
    "requested": (":material/mark_email_unread:", "orange"),
    "auditor refused": (":material/person_off:", "red"),
    "dates proposed": (":material/event_repeat:", "orange"),
    "scheduled": (":material/event_available:", "blue"),
    "under way": (":material/search:", "violet"),
    "report due": (":material/description:", "orange"),
    "findings open": (":material/rule:", "orange"),
    "closed": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> list[Audit]:
    """The audits, newest first."""
    return sorted(scope.file.state.audits.audits.values(), key=lambda a: -a.id)


def draw(scope: Scope, found: list[Audit]) -> None:
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
    if file.allows("instruct"):
        soonest = audits.earliest(agreement, file.now)
        st.markdown(f":material/event: Earliest first day from today: **{words.day(soonest)}**")
        with st.expander("Give notice of an audit", icon=":material/add:", expanded=not found):
            _request(scope, soonest)
    if not found:
        st.markdown(":material/task_alt: No audit has been asked for.")
    for audit in found:
        _card(scope, audit)
    show.clauses((audits.CLAUSE, audits.SUB_PROCESSOR_CLAUSE, "Sch. 3 1.2", audits.COST_CLAUSE), agreement)


# --- asking --------------------------------------------------------------------------------------


def _request(scope: Scope, soonest: date) -> None:
    form = actions.Form(scope, "audits.request")
    sub_processor, ground = _who_is_audited(form)
    who = st.radio(**form.field("who", "Who audits"), options=["We ourselves", "An auditor we mandate"])
    mandated, auditor = who != "We ourselves", ""
    if mandated:
        auditor = st.text_input(
            **form.field("auditor", "Name of the auditor"), help="The provider has to accept the auditor."
        )
    left, right = st.columns(2)
    first = left.date_input(**form.field("first", "First day"), value=soonest, format="YYYY-MM-DD")
    last = right.date_input(**form.field("last", "Last day"), value=soonest, format="YYYY-MM-DD")
    opens, closes = map(words.clock_time, dates.OFFICE_HOURS)
    st.caption(
        f"Working days in Stockholm, {opens} to {closes} (the provider’s working hours), without "
        "disturbing its operations."
    )
    how = st.radio(**form.field("on_site", "How"), options=["On site", "Remote"], horizontal=True)
    about = st.text_area(**form.field("scope", "Scope"), placeholder="Processes, systems and measures")
    contact = st.text_input(**form.field("contact", "Your contact for the audit"))
    command = audits.RequestAudit(
        first, last, about, contact, how == "On site", auditor, sub_processor, ground
    )
    cause = _consequences(command, form)
    cost = st.checkbox(
        "I acknowledge that the provider’s reasonable expenses are reimbursed, and its personnel’s help in "
        f"the audit is compensated ({audits.CLAUSE}, {audits.COST_CLAUSE}).",
        key=form.key("cost"),
    )

    def make() -> audits.RequestAudit:
        if mandated and not auditor.strip():
            raise Refusal(audits.CLAUSE, "The auditor’s name is missing.", "Write it down.", "auditor")
        return replace(command, cause=cause, cost_acknowledged=cost)

    actions.recorded(scope.file)
    form.button("Send the notice", make, icon=":material/send:")


def _who_is_audited(form: actions.Form) -> tuple[str | None, str]:
    """The sub-processor to be audited and the ground in law; neither where it is the provider."""
    agreement = form.file.agreement
    about = st.radio(
        **form.field("about", "Who is audited"), options=[agreement.processor.name, "A sub-processor"]
    )
    if about != "A sub-processor":
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
        lambda: audits.consequences(command, file.state.audits, file.agreement, file.now), form.labels
    )
    if result is None:
        return ""
    if result.acceptance_required:
        st.markdown(":material/how_to_reg: The provider has to accept the auditor you mandate.")
    if not result.cause_required:
        return ""
    numbers = words.listed([f"audit {a.id}" for a in result.same_year])
    st.markdown(
        f":material/info: {command.first.year} has its audit already ({numbers}). A further one needs a "
        "reasonable cause."
    )
    return st.text_area(**form.field("cause", "Reasonable cause for a further audit"))


# --- one audit -----------------------------------------------------------------------------------


def _card(scope: Scope, audit: Audit) -> None:
    file = scope.file
    stands = audits.status(audit, file.now)
    with st.container(border=True, key=f"audit_{audit.id}"):
        show.heading(audits.title(audit, file.agreement), show.Status(stands.capitalize(), _STATUS[stands]))
        who = f"by {words.plain(audit.auditor)}, mandated" if audit.auditor else "by the customer itself"
        how = "on site" if audit.on_site else "remote"
        st.markdown(f":material/event: **{_days(audit.plan)}** · {how} · {who}")
        if audit.proposed:
            side = "The provider" if audit.proposed_by == "provider" else "The customer"
            st.markdown(f":material/event_repeat: {side} proposes **{_days(audit.proposed)}** instead.")
        if audit.refusal:
            st.markdown(":material/person_off: The provider does not accept the auditor:")
            show.quoted(audit.refusal)
        _asked(audit)
        if audit.report:
            steps.files(scope, [audit.report], f"audit.{audit.id}.report")
        for finding in audit.findings:
            _finding(scope, audit, finding)
        _next(scope, audit, stands)


def _asked(audit: Audit) -> None:
    with st.expander("What was asked for"):
        for label, text in (
            ("Scope", audit.scope),
            ("Contact", audit.contact),
            ("Ground in law", audit.ground),
            ("Cause for a further audit", audit.cause),
        ):
            if text:
                st.markdown(f"**{label}**")
                st.text(text)
        st.caption(f"Notice of {words.minute(audit.requested_at)}, by {words.address(audit.by)}")


def _days(plan: audits.Plan) -> str:
    if plan.first == plan.last:
        return words.day(plan.first)
    return f"{words.day(plan.first)} to {words.day(plan.last)}"


def _finding(scope: Scope, audit: Audit, finding: audits.Finding) -> None:
    file = scope.file
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{finding.number}.** {words.plain(finding.title)}")
        if finding.closed_at:
            word = f"Closed {words.day(finding.closed_at)}"
            show.badge(show.Status(word, (":material/check_circle:", "green")))
        elif finding.remedy_by:
            steps.due(dates.end_of(finding.remedy_by), file.now)
        else:
            show.badge(show.Status("Open", (":material/rule:", "orange")))
        if finding.closed_at is None and (file.allows("instruct") or file.allows("respond")):
            number = finding.number
            _step(
                scope,
                audit,
                f"close.{number}",
                "Close the finding",
                "Close the finding",
                partial(_close, number),
            )
    show.quoted(finding.remedy)


def _next(scope: Scope, audit: Audit, stands: audits.Status) -> None:
    """The steps that fit, the next one first."""
    customer, provider = scope.file.allows("instruct"), scope.file.allows("respond")
    if not customer and not provider:
        return
    step = partial(_step, scope, audit)
    mine = (audit.proposed_by == "customer") == customer
    with st.container(horizontal=True):
        if provider and stands == "requested":
            step("accept", "Accept", "Accept", _accept, icon=":material/check:", kind="primary")
            if audit.auditor:
                step("refuse", "Refuse the auditor", "Refuse the auditor", _refuse)
        if stands == "dates proposed" and not mine:
            step("agree", "Agree to the dates", "Agree", _agree, kind="primary")
        if stands in ("requested", "dates proposed", "scheduled"):
            step("propose", "Propose other dates", "Propose", _propose)
        if customer and stands in ("under way", "report due"):
            step("report", "File the report", "File the report", _report, kind="primary")
        if customer and stands in ("requested", "dates proposed", "scheduled", "under way", "report due"):
            step("withdraw", "Withdraw", "Withdraw the audit", _withdraw)


# --- dialogs -------------------------------------------------------------------------------------

Fields = Callable[[Audit, actions.Form], actions.Make]


def _step(
    scope: Scope,
    audit: Audit,
    name: str,
    label: str,
    confirm: str,
    fields: Fields,
    *,
    icon: str | None = None,
    kind: Literal["primary", "secondary"] = "secondary",
) -> None:
    """A button over one audit with its dialog; `fields` is given the audit as it stands at that moment."""
    dialog = actions.Dialog(
        audits.title(audit, scope.file.agreement),
        confirm,
        lambda form: fields(form.file.state.audits.audits[audit.id], form),
        about=f"audits/{audit.id}",
    )
    actions.button(scope, label, f"audits.{name}.{audit.id}", dialog, icon=icon, kind=kind)


def _accept(audit: Audit, form: actions.Form) -> actions.Make:
    who = f"the auditor {words.plain(audit.auditor)} and " if audit.auditor else ""
    st.markdown(f"You accept {who}the dates **{_days(audit.plan)}**. The audit is scheduled with that.")
    return lambda: audits.Accept(audit.id)


def _refuse(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown(
        f"You do not accept **{words.plain(audit.auditor)}** as the auditor. Acceptance must not be "
        "withheld unreasonably; the customer reads your reason. This audit does not count for the year."
    )
    reason = st.text_area(**form.field("reason", "Reason"))
    return lambda: audits.RefuseAuditor(audit.id, reason)


def _agree(audit: Audit, form: actions.Form) -> actions.Make:
    if audit.proposed:
        st.markdown(f"The audit is scheduled for **{_days(audit.proposed)}**.")
    return lambda: audits.AgreeDates(audit.id)


def _propose(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The other side has to agree. Until then the audit is not scheduled.")
    left, right = st.columns(2)
    plan = audit.plan
    first = left.date_input(**form.field("first", "First day"), value=plan.first, format="YYYY-MM-DD")
    last = right.date_input(**form.field("last", "Last day"), value=plan.last, format="YYYY-MM-DD")
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: audits.ProposeDates(audit.id, first, last, reason)


def _report(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The report is filed once. Findings stay open until either side records the remedy.")
    chosen = steps.uploads(form, "Report", "report")
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
            raise Refusal(
                audits.CLAUSE,
                "No report is attached." if not chosen else "More than one report is attached.",
                "Attach one file.",
                "report",
            )
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
