"""Help asked for, conversations, and instructions the provider flags. Clauses: 3.1(i), 3.1(viii), 3.1(ix)"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

import streamlit as st

from dpa_core.subjects import assistance, dates
from dpa_core.subjects.assistance import KINDS_OF_HELP, RIGHTS, Flag, Request
from dpa_core.subjects.common import PROCESSOR
from dpa_core.views import history
from pages.parts import actions, show, steps, words
from pages.parts.scope import Scope

_STATUS: dict[assistance.Status, show.Look] = {
    "waits for the provider": (":material/hourglass_top:", "orange"),
    "waits for you": (":material/reply:", "violet"),
    "answered": (":material/mark_chat_read:", "blue"),
    "closed": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}
_OUTCOME: dict[str, show.Status] = {
    "open": show.Status("Needs your answer", (":material/warning:", "red")),
    "confirmed": show.Status("Confirmed", (":material/check_circle:", "green")),
    "withdrawn": show.Status("Withdrawn", (":material/undo:", "gray")),
}


@dataclass(frozen=True)
class Data:
    """The requests and flags, newest first."""

    requests: list[Request]
    flags: list[Flag]


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows, open ones first."""
    state = scope.file.state.assistance
    return Data(
        sorted(state.requests.values(), key=lambda r: (r.status in ("closed", "withdrawn"), -r.id)),
        sorted(state.flags.values(), key=lambda f: (f.outcome != "open", -f.id)),
    )


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
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
        actions.button(scope, "Flag an instruction as infringing the law", "assistance.flag", _FLAG)
    if not data.requests:
        st.markdown(":material/task_alt: Nothing was asked for.")
    for request in data.requests:
        _card(scope, request)
    show.clauses(
        ("3.1(viii)", assistance.CLAUSE, "3.1(i)", assistance.COST_CLAUSE, "Sch. 3 1.4(v)"), agreement
    )


def _flag(scope: Scope, flag: Flag) -> None:
    with st.container(border=True, key=f"flag_{flag.id}"):
        show.heading(f"Instruction {flag.instruction} may infringe the law", _OUTCOME[flag.outcome])
        st.markdown(words.plain(flag.what))
        st.caption(
            f"The provider’s opinion, {words.minute(flag.at)}, by {words.address(flag.by)}. No legal advice."
        )
        show.quoted(flag.opinion)
        if flag.outcome != "open":
            st.caption(f"Answered by {words.plain(flag.answered_by)}")
            show.quoted(flag.answer)
        elif scope.file.allows("instruct"):
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


def _form(scope: Scope) -> None:
    file, form = scope.file, actions.Form(scope, "assistance.request")
    kind = st.selectbox(
        **form.field("kind", "Kind of help"),
        options=list(KINDS_OF_HELP),
        format_func=lambda i: KINDS_OF_HELP[i].name,
    )
    about = KINDS_OF_HELP[kind]
    due = dates.business_days_later(file.now, file.agreement.term("assistance").value)
    st.markdown(
        f"{about.note} The provider answers until the end of **{words.day(steps.last_day(due))}** "
        f"({about.clause})."
    )
    rights, received = _data_subject(form) if kind == "data_subject" else ([], None)
    title = st.text_input(**form.field("title", "Title"), help="No names of data subjects, please.")
    text = st.text_area(**form.field("text", "What you need"))
    chosen = steps.uploads(form)
    cost = False
    if about.cost:
        cost = st.checkbox(_COST[about.cost], key=form.key("cost"))
    else:
        st.markdown(":material/money_off: The agreement provides for no charge for this.")
    actions.recorded(file)
    form.button(
        "Send the request",
        lambda: assistance.RequestHelp(
            kind, title, text, tuple(rights), received, steps.attach(scope, chosen), cost
        ),
        icon=":material/send:",
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
    own = dates.month_later(received)
    st.markdown(
        f":material/event: Your own answer to the person is due on **{words.day(own)}**, a month on "
        "(Art. 12(3) GDPR)."
    )
    return rights, received


_COST = {
    assistance.COST_CLAUSE: "I acknowledge that reasonable expenses are reimbursed (3.1(xiii)).",
    "Sch. 3 1.4(vi)": "I acknowledge that help beyond the standard processes is charged at the agreed "
    "rates (Sch. 3 1.4(vi)).",
    assistance.INSTRUCTION_CLAUSE: "I acknowledge that this is a change request, and that other security "
    "measures may be compensated (3.1(i)).",
}


def _card(scope: Scope, request: Request) -> None:
    file, agreement = scope.file, scope.file.agreement
    over = request.status in ("closed", "withdrawn")
    waits = "Waits for the customer" if request.status == "waits for you" else request.status.capitalize()
    with st.container(border=True, key=f"request_{request.id}"):
        show.heading(f"{request.id}. {request.title}", show.Status(waits, _STATUS[request.status]))
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
    id, answered = request.id, request.status == "answered"
    form = actions.Form(scope, f"assistance.reply.{id}", about=f"assistance/{id}")
    text = st.text_area(**form.field("text", "Message"))
    chosen = steps.uploads(form)
    form.told = st.container()
    with st.container(horizontal=True):
        if customer:
            form.button(
                "Send",
                lambda: assistance.Say(id, text, steps.attach(scope, chosen)),
                icon=":material/send:",
                primary=False,
                step="say",
            )
            done = "Close the request" if answered else "Withdraw the request"
            form.button(done, lambda: assistance.Close(id, text), primary=answered, step="close")
        elif provider:
            form.button(
                "Send the answer",
                lambda: assistance.Answer(id, text, steps.attach(scope, chosen)),
                icon=":material/send:",
                step="answer",
            )
            form.button(
                "Ask the customer",
                lambda: assistance.Ask(id, text, steps.attach(scope, chosen)),
                icon=":material/help:",
                primary=False,
                step="ask",
            )


# --- dialogs -------------------------------------------------------------------------------------


def _raise(form: actions.Form) -> actions.Make:
    given = [i for i in history.instructions(form.file) if i.on_behalf_of != PROCESSOR]
    words_of = {i.sequence: f"{i.sequence}. {i.what} ({words.day(i.recorded_at)})" for i in given}
    st.markdown("The customer sees it at once, and confirms or withdraws. This is no legal advice.")
    chosen = st.selectbox(
        **form.field("instruction", "Instruction"),
        options=list(words_of),
        format_func=lambda n: words_of[n],
    )
    opinion = st.text_area(**form.field("opinion", "Which law, and why"))
    return lambda: assistance.FlagInstruction(chosen or 0, opinion)


_FLAG = actions.Dialog("Flag an instruction", "Tell the customer", _raise)


def _confirm(id: int, form: actions.Form) -> actions.Make:
    st.markdown(
        "The instruction stands. You are responsible for its being lawful (2.1(iii)); the reason is kept."
    )
    reason = st.text_area(**form.field("reason", "Why it is lawful"))
    return lambda: assistance.AnswerFlag(id, True, reason)


def _revoke(id: int, form: actions.Form) -> actions.Make:
    state = form.file.state
    flag = state.assistance.flags[id]
    on = [
        f.name
        for f in form.file.agreement.features
        if (s := state.features.switches.get(f.id)) and s.on and s.sequence == flag.instruction
    ]
    if on:
        st.markdown(f":material/toggle_off: Switched off with it: **{words.listed(on)}**.")
    st.markdown(
        "A request is withdrawn, features it switched on go off, a shortening that waits is cancelled. "
        "Other effects you undo on their page."
    )
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: assistance.AnswerFlag(id, False, reason)
