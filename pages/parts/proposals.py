"""Proposals to switch features: saved by the provider, accepted or rejected by the customer's admin.

Both read what became of one, and why.
"""

from __future__ import annotations

import streamlit as st

from dpa_core.application import Receipt
from dpa_core.subjects import features, reviews
from dpa_core.views.what_if import Trial
from pages.parts import actions, consequences, paging, show, what_if, words
from pages.parts.scope import Scope
from pages.parts.words import note, say


def save(scope: Scope, trial: Trial) -> None:
    """Fields and a button that save what was tried as a proposal for the customer's admin."""

    def then(_: Receipt) -> str:
        what_if.forget(scope)
        return ""

    form = actions.Form(scope, "proposals.save", then=then)
    with st.container(border=True, key="proposal"):
        st.markdown("**Save as a proposal for the customer’s admin**")
        text = show.reason(form, required=False)
        form.button(
            "Save proposal",
            lambda: reviews.ProposeChanges(trial.changes, text),
            icon=":material/outbox:",
            primary=False,
            disabled=not trial.changes,
        )


def waiting(scope: Scope) -> None:
    """The proposals that wait, each with a button to answer it for whoever may."""
    file = scope.file
    for proposal in file.state.reviews.open_proposals:
        with st.container(border=True, key=f"proposal_{proposal.sequence}"):
            what = reviews.proposed(proposal, file.agreement)
            say(":material/pending: **Proposal {}: {}**", proposal.sequence, what)
            note(
                "{} · by {}",
                words.day_and_distance(proposal.saved_at, file.now),
                words.person(file, proposal.by),
            )
            show.quoted(proposal.reason)
            if file.allows("instruct"):
                name = f"proposals.answer.{proposal.sequence}"
                actions.button(scope, "Look at it and answer", name, _answer(proposal), kind="primary")
            else:
                st.markdown("Waits for an admin of the customer.")


_LOOKS: dict[reviews.Status, show.Look] = {
    "accepted": (":material/check_circle:", "green"),
    "rejected": (":material/cancel:", "red"),
}
_ANSWERED = "reviews.proposals"


def answered(scope: Scope) -> None:
    """The proposals that were accepted or rejected, a page of them, newest first."""
    file = scope.file
    found, number = paging.over(file, _ANSWERED, reviews.Proposal)
    if found:
        st.subheader("Proposals answered", anchor=False)
    for proposal in found:
        stands = reviews.status(proposal)
        with st.container(border=True, key=f"proposal_{proposal.sequence}"):
            what = reviews.proposed(proposal, file.agreement)
            status = show.Status(reviews.STATUS[stands], _LOOKS[stands])
            show.heading(f"Proposal {proposal.sequence}: {what}", status)
            note("{} · by {}", words.day(proposal.saved_at), words.person(file, proposal.by))
            show.quoted(proposal.reason)
            if proposal.answered_at:
                day, by = words.day(proposal.answered_at), words.person(file, proposal.answered_by)
                note("{} · {} by {}", day, reviews.STATUS[stands], by)
                show.quoted(proposal.answer_reason)
    paging.draw(_ANSWERED, number, paging.OVER, "answered proposal")


def _answer(proposal: reviews.Proposal) -> actions.Dialog:
    sequence = proposal.sequence

    def fields(form: actions.Form) -> actions.Make | None:
        file = form.file
        current = actions.attempt(lambda: file.state.reviews.proposal(sequence))
        if current is None:
            return None
        left = current.remaining(file.context.features_on)
        acknowledged: frozenset[str] = frozenset()
        accepted: frozenset[int] = frozenset()
        result = None
        if left:
            result = actions.attempt(
                lambda: features.consequences(features.SetFeatures(left), file.state.features, file.context)
            )
            if result:
                consequences.card(result, file.agreement)
                consequences.coming(result, file)
                accepted = consequences.acceptance(result, form)
                acknowledged = consequences.acknowledgement(result, file.agreement, form.acknowledged())
        else:
            st.markdown("All that this proposal asks for stands already.")
        reason = st.text_area(
            **form.field("reason", "Reason (required to reject)"), help="The provider reads it."
        )
        form.other("Reject", lambda: reviews.RejectProposal(sequence, reason), ":material/cancel:")
        return (lambda: reviews.AcceptProposal(sequence, acknowledged, reason, accepted)) if result else None

    return actions.Dialog(
        "Answer the proposal",
        "Accept as an instruction",
        fields,
        icon=":material/fact_check:",
        about=f"review/{sequence}",
        kept="instruction",
    )
