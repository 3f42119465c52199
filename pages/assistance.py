"""Help asked for, conversations, and instructions the provider flags. Clauses: 3.1(i), 3.1(viii), 3.1(ix)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dpa_core.subjects import assistance, dates
from dpa_core.subjects.assistance import KINDS_OF_HELP, RIGHTS, Flag, Request
from dpa_core.subjects.common import PROCESSOR
from dpa_core.views import history
from pages.parts import show, steps, words
from pages.parts.scope import Scope, current

_STATUS = {
    "waits for the provider": (":material/hourglass_top:", "orange"),
    "waits for you": (":material/reply:", "violet"),
    "answered": (":material/mark_chat_read:", "blue"),
    "closed": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}


@dataclass(frozen=True)
class Data:
    """The requests and flags, newest first."""

    requests: list[Request]
    flags: list[Flag]


def read(scope: Scope) -> Data:
    """All that the page shows, open ones first."""
    state = scope.file.state.assistance
    return Data(
        sorted(state.requests.values(), key=lambda r: (r.status in ("closed", "withdrawn"), -r.id)),
        sorted(state.flags.values(), key=lambda f: (f.outcome != "open", -f.id)),
    )


def draw(scope: Scope, data: Data) -> None:
    """The page."""
    file, agreement = scope.file, scope.file.agreement
    term = agreement.term("assistance")
    show.header(
        "Assistance",
        f"Ask the provider for help with data subjects, assessments, authorities, security and DORA, or for "
        f"anything else. Answers come within {term.value} business days in Stockholm.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    for flag in data.flags:
        _flag(scope, flag)
    if file.allows("instruct"):
        with st.expander("Ask for help", icon=":material/add:", expanded=not data.requests):
            _form(scope)
    if file.allows("respond"):
        steps.open_button("Flag an instruction as infringing the law", "assistance.flag.0")
    if not data.requests:
        st.markdown(":material/task_alt: Nothing was asked for.")
    for request in data.requests:
        _card(scope, request)
    show.clauses(
        ("3.1(viii)", assistance.CLAUSE, "3.1(i)", assistance.COST_CLAUSE, "Sch. 3 1.4(v)"), agreement
    )
    _dialogs(scope)
    steps.saw(scope)


def _flag(scope: Scope, flag: Flag) -> None:
    with st.container(border=True, key=f"flag_{flag.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(f"Instruction {flag.instruction} may infringe the law", anchor=False)
            icon, color = {
                "open": (":material/warning:", "red"),
                "confirmed": (":material/check_circle:", "green"),
                "withdrawn": (":material/undo:", "gray"),
            }[flag.outcome]
            st.badge(
                "Needs your answer" if flag.outcome == "open" else flag.outcome.capitalize(),
                icon=icon,
                color=color,
            )
        st.markdown(words.plain(flag.what))
        st.caption(
            f"The provider’s opinion, {words.minute(flag.at)}, by {words.address(flag.by)}. No legal advice."
        )
        show.quoted(flag.opinion)
        if flag.outcome != "open":
            st.caption(f"Answered by {words.plain(flag.answered_by)}")
            show.quoted(flag.answer)
        elif scope.file.allows("instruct"):
            with st.container(horizontal=True):
                steps.open_button("Confirm the instruction", f"assistance.confirm.{flag.id}")
                steps.open_button("Withdraw the instruction", f"assistance.revoke.{flag.id}", primary=True)


def _form(scope: Scope) -> None:
    file, k = scope.file, steps.turn("assistance.request")
    kind = st.selectbox(
        "Kind of help", list(KINDS_OF_HELP), format_func=lambda i: KINDS_OF_HELP[i].name, key=f"{k}.kind"
    )
    about = KINDS_OF_HELP[kind]
    due = dates.business_days_later(file.now, file.agreement.term("assistance").value)
    st.markdown(
        f"{about.note} The provider answers until the end of **{words.day(steps.last_day(due))}** "
        f"({about.clause})."
    )
    rights: list[assistance.Right] = []
    received = None
    if kind == "data_subject":
        rights = st.multiselect(
            "Rights the person uses", list(RIGHTS), format_func=lambda r: RIGHTS[r], key=f"{k}.rights"
        )
        received = st.date_input(
            "The request reached you on", dates.local_day(file.now), key=f"{k}.received", format="YYYY-MM-DD"
        )
        if received:
            own = dates.month_later(received)
            st.markdown(
                f":material/event: Your own answer to the person is due on **{words.day(own)}**, a month on "
                "(Art. 12(3) GDPR)."
            )
    title = st.text_input("Title", key=f"{k}.title", help="No names of data subjects, please.")
    text = st.text_area("What you need", key=f"{k}.text")
    chosen = steps.uploads(scope, f"{k}.files")
    cost = False
    if about.cost:
        cost = st.checkbox(_COST[about.cost], key=f"{k}.cost")
    else:
        st.markdown(":material/money_off: The agreement provides for no charge for this.")
    steps.recorded(scope)
    if st.button("Send the request", type="primary", key=f"{k}.send", icon=":material/send:"):
        steps.send(
            scope,
            "assistance.request",
            lambda: assistance.RequestHelp(
                kind, title, text, tuple(rights), received, steps.attach(scope, chosen), cost
            ),
        )


_COST = {
    assistance.COST_CLAUSE: "I acknowledge that reasonable expenses are reimbursed (3.1(xiii)).",
    "Sch. 3 1.4(vi)": "I acknowledge that help beyond the standard processes is charged at the agreed "
    "rates (Sch. 3 1.4(vi)).",
    assistance.INSTRUCTION_CLAUSE: "I acknowledge that this is a change request, and that other security "
    "measures may be compensated (3.1(i)).",
}


def _card(scope: Scope, request: Request) -> None:
    file, agreement = scope.file, scope.file.agreement
    icon, color = _STATUS[request.status]
    over = request.status in ("closed", "withdrawn")
    waits = "Waits for the customer" if request.status == "waits for you" else request.status.capitalize()
    with st.container(border=True, key=f"request_{request.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(f"{request.id}. {words.plain(request.title)}", anchor=False)
            st.badge(waits, icon=icon, color=color)
        kind = KINDS_OF_HELP[request.kind]
        rights = f": {words.listed([RIGHTS[r] for r in request.rights])}" if request.rights else ""
        st.markdown(f"{kind.name}{rights} · {kind.clause}")
        if not over:
            with st.container(horizontal=True):
                if request.status != "answered":
                    st.caption("The provider")
                    steps.due(assistance.due(request, agreement), file.now)
                own = assistance.controller_due(request)
                if own:
                    st.caption("You to the data subject")
                    steps.due(dates.end_of(own), file.now)
        with st.expander(
            f"Conversation ({words.count(len(request.said), 'message')})",
            expanded=not over,
            icon=":material/forum:",
        ):
            steps.conversation(scope, request.said, f"request.{request.id}")
            if not over and (file.allows("instruct") or file.allows("respond")):
                _reply(scope, request)


def _reply(scope: Scope, request: Request) -> None:
    customer, provider = scope.file.allows("instruct"), scope.file.allows("respond")
    name = f"assistance.reply.{request.id}"
    k = steps.turn(name)
    text = st.text_area("Message", key=f"{k}.text")
    chosen = steps.uploads(scope, f"{k}.files")
    with st.container(horizontal=True):
        if customer:
            if st.button("Send", key=f"{k}.say", icon=":material/send:"):
                steps.send(scope, name, lambda: assistance.Say(request.id, text, steps.attach(scope, chosen)))
            done = "Close the request" if request.status == "answered" else "Withdraw the request"
            if st.button(
                done, key=f"{k}.close", type="primary" if request.status == "answered" else "secondary"
            ):
                steps.send(scope, name, lambda: assistance.Close(request.id, text))
        elif provider:
            if st.button("Send the answer", key=f"{k}.answer", type="primary", icon=":material/send:"):
                steps.send(
                    scope, name, lambda: assistance.Answer(request.id, text, steps.attach(scope, chosen))
                )
            if st.button("Ask the customer", key=f"{k}.ask", icon=":material/help:"):
                steps.send(scope, name, lambda: assistance.Ask(request.id, text, steps.attach(scope, chosen)))


# --- dialogs -------------------------------------------------------------------------------------

Fields = Callable[[str], Callable[[], assistance.Command]]


def _dialogs(scope: Scope) -> None:
    name = steps.opened()
    if name is None or not name.startswith("assistance."):
        return
    _, step, id = name.split(".")
    title, label, fields = {"flag": _raise, "confirm": _confirm, "revoke": _revoke}[step](scope, int(id))
    steps.dialog(scope, name, title, label, fields)


def _raise(scope: Scope, _: int) -> tuple[str, str, Fields]:
    given = [i for i in history.instructions(scope.file) if i.on_behalf_of != PROCESSOR]
    words_of = {i.sequence: f"{i.sequence}. {i.what} ({words.day(i.recorded_at)})" for i in given}

    def fields(k: str) -> Callable[[], assistance.Command]:
        st.markdown("The customer sees it at once, and confirms or withdraws. This is no legal advice.")
        chosen = st.selectbox(
            "Instruction", list(words_of), format_func=lambda n: words_of[n], key=f"{k}.instruction"
        )
        opinion = st.text_area("Which law, and why", key=f"{k}.opinion")
        return lambda: assistance.FlagInstruction(chosen or 0, opinion)

    return "Flag an instruction", "Tell the customer", fields


def _confirm(scope: Scope, id: int) -> tuple[str, str, Fields]:
    def fields(k: str) -> Callable[[], assistance.Command]:
        st.markdown(
            "The instruction stands. You are responsible for its being lawful (2.1(iii)); the reason is kept."
        )
        reason = st.text_area("Why it is lawful", key=f"{k}.reason")
        return lambda: assistance.AnswerFlag(id, True, reason)

    return "Confirm the instruction", "Confirm", fields


def _revoke(scope: Scope, id: int) -> tuple[str, str, Fields]:
    file = scope.file
    flag = file.state.assistance.flags.get(id)

    def fields(k: str) -> Callable[[], assistance.Command]:
        on = [
            f.name
            for f in file.agreement.features
            if flag
            and (s := file.state.features.switches.get(f.id))
            and s.on
            and s.sequence == flag.instruction
        ]
        if on:
            st.markdown(f":material/toggle_off: Switched off with it: **{words.listed(on)}**.")
        st.markdown(
            "A request is withdrawn, features it switched on go off, a shortening that waits is cancelled. "
            "Other effects you undo on their page."
        )
        reason = st.text_area("Reason (optional)", key=f"{k}.reason")
        return lambda: assistance.AnswerFlag(id, False, reason)

    return "Withdraw the instruction", "Withdraw", fields


draw(current(), read(current()))
