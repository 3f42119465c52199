"""Proposals to switch features: saved by the provider, accepted or rejected by the customer's admin."""

from __future__ import annotations

import streamlit as st

from dpa_core.access import Forbidden, SignInAgain
from dpa_core.office import Changed, Refusal, StoreError
from dpa_core.subjects import features, reviews
from dpa_core.views.open_items import proposed
from dpa_core.views.what_if import Trial
from pages.parts import consequences, show, what_if, words
from pages.parts.scope import Scope

SEEN, MEANWHILE, ROUND = (f"proposals.{k}" for k in ("seen", "meanwhile", "round"))


def save(scope: Scope, trial: Trial) -> None:
    """A form that saves what was tried as a proposal for the customer's admin."""
    with st.form("proposal", border=True):
        st.markdown("**Save as a proposal for the customer’s admin**")
        text = show.reason("proposals.reason", required=False)
        pressed = st.form_submit_button("Save proposal", disabled=not trial.changes, icon=":material/outbox:")
    if not pressed:
        return
    file = scope.file
    try:
        receipt = scope.office.carry_out(
            file.person, file.customer_id, reviews.Propose(trial.changes, text), file.sequence
        )
    except Refusal as problem:
        show.refusal(problem)
    except Changed:
        st.warning(
            "Someone changed this customer meanwhile. Look at what your proposal would mean now, then save "
            "again.",
            icon=":material/sync_problem:",
        )
    except (Forbidden, SignInAgain, StoreError) as problem:
        st.error(words.plain(str(problem)), icon=":material/error:")
    else:
        what_if.forget(file)
        st.session_state.pop("proposals.reason", None)
        show.recorded(f"Saved as proposal {receipt.sequence}.")
        st.rerun()


def waiting(scope: Scope) -> None:
    """The proposals that wait, each with a button to answer it for whoever may."""
    file = scope.file
    for proposal in file.state.reviews.open_proposals:
        with st.container(border=True, key=f"proposal_{proposal.sequence}"):
            st.markdown(
                f":material/pending: **Proposal {proposal.sequence}: {proposed(proposal, file.agreement)}**"
            )
            st.caption(
                f"{words.day_and_distance(proposal.saved_at, file.now)} · by {words.address(proposal.by)}"
            )
            show.quoted(proposal.reason)
            if file.allows("instruct"):
                if st.button("Look at it and answer", key=f"answer_{proposal.sequence}", type="primary"):
                    _open(scope)
                    _answer(scope, proposal.sequence)
            else:
                st.markdown("Waits for an admin of the customer.")


def _open(scope: Scope) -> None:
    st.session_state[SEEN] = scope.file.sequence
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    st.session_state.pop(MEANWHILE, None)


@st.dialog("Answer the proposal", width="medium", icon=":material/fact_check:")
def _answer(scope: Scope, sequence: int) -> None:
    state = st.session_state
    file = show.reopened(scope)
    show.meanwhile(state.get(MEANWHILE), file)
    try:
        left = file.state.reviews.proposal(sequence).remaining(file.state.features.on)
    except Refusal as problem:
        show.refusal(problem)
        return
    acknowledged: frozenset[str] = frozenset()
    if left:
        result = features.consequences(features.Instruct(left), file.state.features, file.agreement, file.now)
        consequences.card(result, file.agreement)
        acknowledged = consequences.acknowledgement(
            result, file.agreement, f"proposals.acknowledge_{state.get(ROUND, 0)}_{state.get(SEEN)}"
        )
    else:
        st.markdown("All that this proposal asks for stands already.")
    reason = show.reason("proposals.answer_reason", required=False)
    show.recorded_as(file)
    with st.container(horizontal=True):
        accept = st.button(
            "Accept as an instruction", type="primary", disabled=not left, icon=":material/task_alt:"
        )
        reject = st.button("Reject", icon=":material/cancel:")
    if accept:
        _carry_out(scope, reviews.Accept(sequence, acknowledged, reason))
    if reject:
        _carry_out(scope, reviews.Reject(sequence, reason))


def _carry_out(scope: Scope, command: reviews.Accept | reviews.Reject) -> None:
    if receipt := show.carried_out(scope, command, "proposals"):
        st.session_state.pop("proposals.answer_reason", None)
        show.recorded(f"Recorded as entry {receipt.sequence}.")
        st.rerun()
