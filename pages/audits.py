"""Audits of the provider and of its sub-processors. Clauses: 3.1(xii), Sch. 2 1.4, Sch. 3 1.2"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import streamlit as st

from dpa_core.office import Refusal
from dpa_core.subjects import audits, dates
from dpa_core.subjects.audits import Audit
from pages.parts import show, steps, words
from pages.parts.scope import Scope, current

_STATUS = {
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


def read(scope: Scope) -> list[Audit]:
    """The audits, newest first."""
    return sorted(scope.file.state.audits.audits.values(), key=lambda a: -a.id)


def draw(scope: Scope, found: list[Audit]) -> None:
    """The page."""
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
    _dialogs(scope, found)
    steps.saw(scope)


# --- asking --------------------------------------------------------------------------------------


def _request(scope: Scope, soonest: date) -> None:
    agreement = scope.file.agreement
    k = steps.turn("audits.request")
    about = st.radio("Who is audited", [agreement.processor.name, "A sub-processor"], key=f"{k}.about")
    sub_processor, ground = None, ""
    if about == "A sub-processor":
        names = {s.id: s.name for s in agreement.sub_processors}
        sub_processor = st.selectbox(
            "Sub-processor", list(names), format_func=lambda id: names[id], key=f"{k}.sub_processor"
        )
        ground = st.text_area(
            "Ground in data protection law",
            key=f"{k}.ground",
            placeholder="Such as Art. 28(3)(h) GDPR, and why",
            help=show.clause(audits.SUB_PROCESSOR_CLAUSE, agreement),
        )
    who = st.radio("Who audits", ["We ourselves", "An auditor we mandate"], key=f"{k}.who")
    auditor = ""
    if who == "An auditor we mandate":
        auditor = st.text_input(
            "Name of the auditor", key=f"{k}.auditor", help="The provider has to accept the auditor."
        )
    left, right = st.columns(2)
    first = left.date_input("First day", value=soonest, key=f"{k}.first", format="YYYY-MM-DD")
    last = right.date_input("Last day", value=soonest, key=f"{k}.last", format="YYYY-MM-DD")
    opens, closes = map(words.clock_time, dates.OFFICE_HOURS)
    st.caption(
        f"Working days in Stockholm, {opens} to {closes} (the provider’s working hours), without "
        "disturbing its operations."
    )
    on_site = st.radio("How", ["On site", "Remote"], key=f"{k}.how", horizontal=True) == "On site"
    scope_text = st.text_area("Scope", key=f"{k}.scope", placeholder="Processes, systems and measures")
    contact = st.text_input("Your contact for the audit", key=f"{k}.contact")
    command = audits.RequestAudit(
        first,
        last,
        scope_text,
        contact,
        on_site,
        auditor if who != "We ourselves" else "",
        sub_processor,
        ground,
    )
    cause = _consequences(command, scope, k)
    cost = _cost(k)

    def make() -> audits.RequestAudit:
        if who != "We ourselves" and not auditor.strip():
            raise Refusal(audits.CLAUSE, "The auditor’s name is missing.", "Write it down.", "auditor")
        return audits.RequestAudit(
            first, last, scope_text, contact, on_site, auditor, sub_processor, ground, cause, cost
        )

    steps.recorded(scope)
    if st.button("Send the notice", type="primary", key=f"{k}.send", icon=":material/send:"):
        steps.send(scope, "audits.request", make)


def _consequences(command: audits.RequestAudit, scope: Scope, k: str) -> str:
    """What the notice brings about, before it is sent; gives the cause where one is asked for."""
    file = scope.file
    try:
        result = audits.consequences(command, file.state.audits, file.agreement, file.now)
    except Refusal as problem:
        show.refusal(problem)
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
    return st.text_area("Reasonable cause for a further audit", key=f"{k}.cause")


def _cost(k: str) -> bool:
    return st.checkbox(
        "I acknowledge that the provider’s reasonable expenses are reimbursed, and its personnel’s help in "
        "the audit is compensated (3.1(xii), 3.1(xiii)).",
        key=f"{k}.cost",
    )


# --- one audit -----------------------------------------------------------------------------------


def _card(scope: Scope, audit: Audit) -> None:
    file = scope.file
    stands = audits.status(audit, file.now)
    icon, color = _STATUS[stands]
    with st.container(border=True, key=f"audit_{audit.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(words.plain(audits.title(audit, file.agreement)), anchor=False)
            st.badge(stands.capitalize(), icon=icon, color=color)
        who = f"by {words.plain(audit.auditor)}, mandated" if audit.auditor else "by the customer itself"
        how = "on site" if audit.on_site else "remote"
        st.markdown(f":material/event: **{_days(audit.plan)}** · {how} · {who}")
        if audit.proposed:
            side = "The provider" if audit.proposed_by == "provider" else "The customer"
            st.markdown(f":material/event_repeat: {side} proposes **{_days(audit.proposed)}** instead.")
        if audit.refusal:
            st.markdown(":material/person_off: The provider does not accept the auditor:")
            show.quoted(audit.refusal)
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
        if audit.report:
            steps.files(scope, [audit.report], f"audit.{audit.id}.report")
        for finding in audit.findings:
            _finding(scope, audit, finding)
        _next(scope, audit, stands)


def _days(plan: audits.Plan) -> str:
    if plan.first == plan.last:
        return words.day(plan.first)
    return f"{words.day(plan.first)} to {words.day(plan.last)}"


def _finding(scope: Scope, audit: Audit, finding: audits.Finding) -> None:
    file = scope.file
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{finding.number}.** {words.plain(finding.title)}")
        if finding.closed_at:
            st.badge(f"Closed {words.day(finding.closed_at)}", icon=":material/check_circle:", color="green")
        elif finding.remedy_by:
            steps.due(dates.end_of(finding.remedy_by), file.now)
        else:
            st.badge("Open", icon=":material/rule:", color="orange")
        if finding.closed_at is None and (file.allows("instruct") or file.allows("respond")):
            steps.open_button("Close the finding", f"audits.close.{audit.id}.{finding.number}")
    show.quoted(finding.remedy)


def _next(scope: Scope, audit: Audit, stands: audits.Status) -> None:
    """The steps that fit, the next one first."""
    customer, provider = scope.file.allows("instruct"), scope.file.allows("respond")
    if not customer and not provider:
        return
    mine = (audit.proposed_by == "customer") == customer
    with st.container(horizontal=True):
        if provider and stands == "requested":
            steps.open_button("Accept", f"audits.accept.{audit.id}", icon=":material/check:", primary=True)
            if audit.auditor:
                steps.open_button("Refuse the auditor", f"audits.refuse.{audit.id}")
        if stands == "dates proposed" and not mine:
            steps.open_button("Agree to the dates", f"audits.agree.{audit.id}", primary=True)
        if stands in ("requested", "dates proposed", "scheduled"):
            steps.open_button("Propose other dates", f"audits.propose.{audit.id}")
        if customer and stands in ("under way", "report due"):
            steps.open_button("File the report", f"audits.report.{audit.id}", primary=True)
        if customer and stands in ("requested", "dates proposed", "scheduled", "under way", "report due"):
            steps.open_button("Withdraw", f"audits.withdraw.{audit.id}")


# --- dialogs -------------------------------------------------------------------------------------


def _dialogs(scope: Scope, found: list[Audit]) -> None:
    name = steps.opened()
    if name is None or not name.startswith("audits."):
        return
    _, step, id, *rest = name.split(".")
    audit = next((a for a in found if a.id == int(id)), None)
    if audit is None:
        return
    title = audits.title(audit, scope.file.agreement)
    numbers = [int(n) for n in rest]
    label, fields = _STEPS[step](scope, audit, *numbers)
    steps.dialog(scope, name, title, label, fields)


Fields = Callable[[str], Callable[[], audits.Command]]


def _accept(scope: Scope, audit: Audit) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], audits.Command]:
        who = f"the auditor {words.plain(audit.auditor)} and " if audit.auditor else ""
        st.markdown(f"You accept {who}the dates **{_days(audit.plan)}**. The audit is scheduled with that.")
        return lambda: audits.Accept(audit.id)

    return "Accept", fields


def _refuse(scope: Scope, audit: Audit) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], audits.Command]:
        st.markdown(
            f"You do not accept **{words.plain(audit.auditor)}** as the auditor. Acceptance must not be "
            "withheld unreasonably; the customer reads your reason. This audit does not count for the year."
        )
        reason = st.text_area("Reason", key=f"{k}.reason")
        return lambda: audits.RefuseAuditor(audit.id, reason)

    return "Refuse the auditor", fields


def _agree(scope: Scope, audit: Audit) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], audits.Command]:
        if audit.proposed:
            st.markdown(f"The audit is scheduled for **{_days(audit.proposed)}**.")
        return lambda: audits.AgreeDates(audit.id)

    return "Agree", fields


def _propose(scope: Scope, audit: Audit) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], audits.Command]:
        st.markdown("The other side has to agree. Until then the audit is not scheduled.")
        left, right = st.columns(2)
        first = left.date_input("First day", audit.plan.first, key=f"{k}.first", format="YYYY-MM-DD")
        last = right.date_input("Last day", audit.plan.last, key=f"{k}.last", format="YYYY-MM-DD")
        reason = st.text_area("Reason (optional)", key=f"{k}.reason")
        return lambda: audits.ProposeDates(audit.id, first, last, reason)

    return "Propose", fields


def _report(scope: Scope, audit: Audit) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], audits.Command]:
        st.markdown("The report is filed once. Findings stay open until either side records the remedy.")
        chosen = steps.uploads(scope, f"{k}.report", "Report")
        text = st.text_area(
            "Findings, one a line",
            key=f"{k}.findings",
            placeholder="Backups are not tested",
            help="Leave it empty where there is none.",
        )
        remedy_by = st.date_input("To be remedied by (optional)", None, key=f"{k}.by", format="YYYY-MM-DD")

        def make() -> audits.Command:
            if len(chosen) != 1:
                raise Refusal(
                    audits.CLAUSE,
                    "No report is attached." if not chosen else "More than one report is attached.",
                    "Attach one file.",
                    "report",
                )
            titles = [line.strip() for line in text.splitlines() if line.strip()]
            findings = tuple(audits.NewFinding(title=t, remedy_by=remedy_by) for t in titles)
            return audits.FileReport(audit.id, steps.attach(scope, chosen)[0], findings)

        return make

    return "File the report", fields


def _withdraw(scope: Scope, audit: Audit) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], audits.Command]:
        st.markdown("The audit will not take place, and does not count for its calendar year.")
        reason = st.text_area("Reason (optional)", key=f"{k}.reason")
        return lambda: audits.WithdrawAudit(audit.id, reason)

    return "Withdraw the audit", fields


def _close(scope: Scope, audit: Audit, number: int) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], audits.Command]:
        remedy = st.text_area(f"What was done about finding {number}", key=f"{k}.remedy")
        return lambda: audits.CloseFinding(audit.id, number, remedy)

    return "Close the finding", fields


_STEPS: dict[str, Callable[..., tuple[str, Fields]]] = {
    "accept": _accept,
    "refuse": _refuse,
    "agree": _agree,
    "propose": _propose,
    "report": _report,
    "withdraw": _withdraw,
    "close": _close,
}


draw(current(), read(current()))
