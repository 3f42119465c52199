"""Small pieces that several pages draw in the same way."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dpa_core.access import Forbidden, SignInAgain
from dpa_core.agreement import Agreement, Location, SubProcessor
from dpa_core.office import Changed, CustomerFile, Instruction, Receipt, Refusal, StoreError
from dpa_core.subjects.common import MAX_REASON
from dpa_core.views import history
from pages.parts import words
from pages.parts.scope import Scope

_RECORDED = "recorded"


def recorded(sentence: str) -> None:
    """Tell the person, when the page is drawn next, what was just recorded."""
    st.session_state[_RECORDED] = sentence


def header(title: str, sentence: str, file: CustomerFile) -> None:
    """The page's title, what it is for, whose matters are shown, and what was just recorded."""
    st.title(title, anchor=False)
    moment = f" · :orange[as it stood on {words.day(file.as_of)}]" if file.as_of else ""
    st.caption(f"{words.plain(file.name)} · Agreement of {words.day(file.agreement.published)}{moment}")
    st.markdown(sentence)
    if just := st.session_state.pop(_RECORDED, None):
        st.success(just, icon=":material/task_alt:")


def clause(id: str, agreement: Agreement) -> str:
    """A clause as cited, with its heading and summary for a tooltip."""
    found = agreement.clause(id)
    return f"**{id}** {found.heading}  \n{found.summary}"


def clauses(ids: Iterable[str], agreement: Agreement) -> None:
    """The clauses behind what is shown, each with its summary on hover."""
    with st.container(horizontal=True, gap="small"):
        for id in ids:
            st.badge(id, icon=":material/gavel:", color="gray", help=clause(id, agreement))


def mechanisms(sub_processor: SubProcessor, agreement: Agreement) -> str:
    """`SCC + TIA`, or that there is no transfer."""
    codes = [agreement.mechanism(m).code for m in sub_processor.mechanisms]
    return " + ".join(codes) or "No transfer"


_ROLES = {"processing": "{}", "delivery": "{} (delivery)", "access": "{} (access possible)"}


def places(sub_processor: SubProcessor, agreement: Agreement) -> str:
    """Where it processes, delivers from, or may be reached from: `EU/EEA; USA (delivery)`."""
    return "; ".join(
        _ROLES[location.role].format(agreement.place(location.place).name)
        for location in sub_processor.locations
    )


def outside(sub_processor: SubProcessor, agreement: Agreement) -> bool:
    """Whether any of its places lies outside the EU and EEA."""
    return any(agreement.place(location.place).third_country for location in sub_processor.locations)


def refusal(problem: Refusal) -> None:
    """What was refused, what to do, and under which clause."""
    st.error(
        f"{words.plain(problem.message)} {words.plain(problem.remedy)} ({problem.clause})",
        icon=":material/block:",
    )


def quoted(text: str) -> None:
    """A reason somebody typed, exactly as typed."""
    if text:
        st.text(f"“{text}”")


def read_only(file: CustomerFile) -> None:
    """Why nothing can be changed here, where that is so."""
    if file.as_of is not None:
        return  # the banner says it
    if not file.allows("instruct"):
        st.info(
            "You can look at everything here. Instructions are given by an admin of the customer.",
            icon=":material/visibility:",
        )


def reopened(scope: Scope) -> CustomerFile:
    """In a dialog: the customer, and the person's roles, as they stand at this moment.

    A dialog runs again alone, without the page and the sign-in gate around it. So whoever lost access,
    or whose sign-in has ended, since it was opened is told here, and can confirm nothing.
    """
    try:
        return scope.office.open(scope.file.person, scope.file.customer_id)
    except (Forbidden, SignInAgain) as problem:
        st.error(words.plain(str(problem)), icon=":material/error:")
        st.stop()


def meanwhile(changed: Changed | None, file: CustomerFile) -> None:
    """In a dialog: what others recorded since the person looked, where that stopped an instruction."""
    if changed is None:
        return
    with st.container(border=True):
        st.markdown(
            ":material/sync_problem: **Someone changed this customer meanwhile.** "
            "Nothing of yours is recorded yet."
        )
        for event in history.in_words(changed.events, file):
            st.markdown(f"- {words.address(event.actor)}: {event.what} ({words.minute(event.recorded_at)})")
        st.markdown("Below is what your instruction would do now. Please look again.")


def carried_out(scope: Scope, command: Instruction, dialog: str) -> Receipt | None:
    """In a dialog: give the instruction. None, and why on screen, where it was not recorded.

    `dialog`: what its keys begin with. `<dialog>.seen` is the sequence the person had before their eyes;
    where others were faster the dialog runs again, with what they did under `<dialog>.meanwhile`.
    """
    state, seen, file = st.session_state, f"{dialog}.seen", scope.file
    try:
        return scope.office.carry_out(file.person, file.customer_id, command, state.get(seen, file.sequence))
    except Refusal as problem:
        refusal(problem)
    except (Forbidden, SignInAgain, StoreError) as problem:
        st.error(words.plain(str(problem)), icon=":material/error:")
    except Changed as changed:
        state[f"{dialog}.meanwhile"] = changed
        if changed.events:
            state[seen] = changed.events[-1].sequence
        st.rerun(scope="fragment")
    return None


def reason(key: str, *, required: bool) -> str:
    """A field for the reason of an instruction."""
    return st.text_area(
        f"Reason ({'required' if required else 'optional'})",
        key=key,
        help=f"Kept with the instruction. {MAX_REASON:,} characters at the most.",
        placeholder="Why, or a ticket number of yours",
    )


def recorded_as(file: CustomerFile) -> None:
    """What is kept of an instruction once it is confirmed."""
    st.caption(
        "Recorded as a documented instruction (Art. 28(3)(a) GDPR): "
        f"you, {words.address(file.person.email)}, the time, and the agreement of "
        f"{words.day(file.agreement.published)}."
    )


def place(location: Location, agreement: Agreement) -> str:
    """One place and, unless data is processed there, what happens: `USA (delivery)`."""
    return _ROLES[location.role].format(agreement.place(location.place).name)
