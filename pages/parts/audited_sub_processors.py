"""Audits of sub-processors on the page of audits: request, course and steps. Clause: Sch. 2 1.4"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

from dpa_core.subjects import sub_processor_audits as audits
from dpa_core.subjects.sub_processor_audits import Audit
from dpa_core.subjects.subject import Command
from pages.parts import actions, show, steps, words
from pages.parts.scope import Scope
from pages.parts.words import note, say

SHELF = "sub_processor_audits.audits"
_LOOKS: dict[audits.Status, show.Look] = {
    "requested": (":material/mark_email_unread:", "orange"),
    "under_way": (":material/search:", "violet"),
    "declined": (":material/block:", "red"),
    "result_filed": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}


# --- asking --------------------------------------------------------------------------------------


def request(scope: Scope) -> None:
    """The fields of a request."""
    form = actions.Form(scope, "audits.sub_processor")
    say(
        "The provider conducts or confirms an audit of a sub-processor, as far as applicable data protection "
        "law requires it ({}). The clause names no notice, no number a year, no date and no cost.",
        audits.CLAUSE,
    )
    names = {s.id: s.name for s in form.file.agreement.sub_processors}
    sub_processor = st.selectbox(
        **form.field("sub_processor", "Sub-processor"), options=list(names), format_func=lambda id: names[id]
    )
    ground = st.text_area(
        **form.field("ground", "Ground in data protection law"),
        placeholder="Such as Art. 28(3)(h) GDPR, and why",
        help=show.clause(audits.CLAUSE, form.file.agreement),
    )
    about = st.text_area(
        **form.field("scope", "What the audit is to look at"),
        placeholder="Obligations that matter for the processing on your behalf",
    )
    actions.recorded(scope.file)
    form.button(
        "Ask for the audit",
        lambda: audits.RequestSubProcessorAudit(sub_processor or "", ground, about),
        icon=":material/send:",
    )


# --- one request ---------------------------------------------------------------------------------


def card(scope: Scope, audit: Audit) -> None:
    """A request with what was said, its result and the steps that fit."""
    file = scope.file
    stands = audits.status(audit)
    open_steps = audits.steps_open(audit, file.state.sub_processor_audits, file.context) if file.acts else ()
    with st.container(border=True, key=f"sub_processor_audit_{audit.id}"):
        show.heading(audits.title(audit), show.Status(audits.STATUS[stands], _LOOKS[stands]))
        if audit.how:
            say(":material/fact_check: The provider chose to: **{}**", audits.HOW[audit.how].lower())
        if audit.expected and stands == "under_way":
            note(
                "Result expected by {}: the provider’s own day, as the agreement names none.",
                words.day(audit.expected),
            )
        steps.files(scope, audit.result, f"sub_processor_audit.{audit.id}.result")
        with st.expander("What was asked for, and said since", expanded=stands in ("requested", "declined")):
            say("**Ground in law**")
            st.text(audit.ground)
            steps.conversation(scope, audit.said, f"sub_processor_audit.{audit.id}")
        with st.container(horizontal=True):
            for step in open_steps:
                _step(scope, audit, step)


# --- dialogs -------------------------------------------------------------------------------------


class _Offer(NamedTuple):
    """How a step is offered: its button, the one that confirms it, and its fields."""

    label: str
    confirm: str
    fields: Callable[[Audit, actions.Form], actions.Make]
    """Given the request as it stands at that moment."""


def _step(scope: Scope, audit: Audit, step: type[Command]) -> None:
    """A button over one request with its dialog."""
    offer = _OFFERS[step]
    dialog = actions.Dialog(
        audits.title(audit),
        offer.confirm,
        lambda form: offer.fields(form.file.state.sub_processor_audits.audits.get(audit.id, audit), form),
        about=f"audits/{audit.id}",
    )
    awaited = step is audits.STAGES[audits.status(audit)].steps[0]
    name = f"audits.{step.__name__}.{audit.id}"
    label = "Another way or day" if step is audits.UndertakeAudit and audit.how else offer.label
    actions.button(scope, label, name, dialog, kind="primary" if awaited else "secondary")


def _undertake(audit: Audit, form: actions.Form) -> actions.Make:
    how = st.radio(
        **form.field("how", "What you do"),
        options=list(audits.HOW),
        index=list(audits.HOW).index(audit.how) if audit.how else 0,
        format_func=lambda code: words.plain(audits.HOW[code]),
    )
    expected = st.date_input(
        **form.field("expected", "Result expected by (optional)"), value=audit.expected, format="YYYY-MM-DD"
    )
    note("The agreement names no day. One that you name here is due on your desk.")
    message = st.text_area(**form.field("reason", "Message (optional)"))
    return lambda: audits.UndertakeAudit(audit.id, how, expected, message)


def _decline(audit: Audit, form: actions.Form) -> actions.Make:
    say(
        "You may decline only what applicable data protection law does not require ({}). The customer reads "
        "your reason and can answer; then you look at it again.",
        audits.CLAUSE,
    )
    reason = st.text_area(**form.field("reason", "Reason (required)"))
    not_required = st.checkbox(
        **form.field("not_required", "Applicable data protection law does not require this audit.")
    )
    return lambda: audits.DeclineAudit(audit.id, reason, not_required)


def _answer(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The provider has to look at it again.")
    answer = st.text_area(**form.field("answer", "Why the law requires it"))
    return lambda: audits.AnswerDecline(audit.id, answer)


def _result(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The customer sees the result at once. It is filed once.")
    chosen = steps.choose_files(form, "Report or confirmation")
    message = st.text_area(**form.field("reason", "Message (optional)"))

    return lambda: audits.FileResult(audit.id, steps.attach(form.scope, chosen), message)


def _withdraw(audit: Audit, form: actions.Form) -> actions.Make:
    st.markdown("The provider need not conduct or confirm it any more.")
    reason = st.text_area(**form.field("reason", "Reason (optional)"), help="The provider reads it.")
    return lambda: audits.WithdrawRequest(audit.id, reason)


_OFFERS: dict[type[Command], _Offer] = {
    audits.UndertakeAudit: _Offer("Conduct or confirm", "Tell the customer", _undertake),
    audits.DeclineAudit: _Offer("Decline", "Decline", _decline),
    audits.AnswerDecline: _Offer("Answer", "Send the answer", _answer),
    audits.FileResult: _Offer("File the result", "File the result", _result),
    audits.WithdrawRequest: _Offer("Withdraw", "Withdraw the request", _withdraw),
}
