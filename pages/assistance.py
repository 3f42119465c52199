"""Help asked for, conversations, and instructions the provider flags. Clauses: 3.1(i), 3.1(viii), 3.1(ix)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import streamlit as st

from dpa_core.application import CustomerFile
from dpa_core.subjects import assistance, dates, features, policies, retention
from dpa_core.subjects.assistance import KINDS_OF_HELP, RIGHTS, Flag, Request
from dpa_core.subjects.common import PROCESSOR
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.retention import CancelShortening
from dpa_core.subjects.subject import Command
from dpa_core.views import history
from pages.parts import actions, consequences, paging, show, steps, words
from pages.parts.scope import Scope
from pages.parts.uploads import Chosen
from pages.parts.words import md, note, say

_STATUS: dict[assistance.Status, show.Look] = {
    "waits_for_provider": (":material/hourglass_top:", "orange"),
    "waits_for_customer": (":material/reply:", "violet"),
    "answered": (":material/mark_chat_read:", "blue"),
    "closed": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}
_OUTCOME: dict[assistance.Outcome, show.Look] = {
    "open": (":material/warning:", "red"),
    "confirmed": (":material/check_circle:", "green"),
    "withdrawn": (":material/undo:", "gray"),
}

LATEST = 200
"""Instructions that are listed to be flagged; older ones are flagged by their number."""
_REQUESTS, _FLAGS = "assistance.requests", "assistance.flags"


@dataclass(frozen=True)
class Data:
    """The open requests and flags, newest first, and a page of each of those that are over."""

    requests: list[Request]
    over: list[Request]
    requests_over: int
    flags: list[tuple[Flag, str]]
    """Each with its instruction in words; empty where the ledger has none of that number."""
    answered: list[tuple[Flag, str]]
    flags_answered: int


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows."""
    file, state = scope.file, scope.file.state.assistance
    over, requests = paging.over(file, _REQUESTS, Request)
    answered, flags = paging.over(file, _FLAGS, Flag)
    return Data(
        sorted(state.requests.values(), key=lambda r: -r.id),
        over,
        requests,
        [(f, _in_words(f, file)) for f in sorted(state.flags.values(), key=lambda f: -f.id)],
        [(f, _in_words(f, file)) for f in answered],
        flags,
    )


def _over(request: Request) -> bool:
    return not assistance.STAGES[request.status].steps


def _in_words(flag: Flag, file: CustomerFile) -> str:
    instruction = history.entry(file, flag.instruction)
    return instruction.what if instruction else ""


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
    for flag, what in data.flags:
        _flag(scope, flag, what)
    nothing = not data.requests and not data.over
    if file.allows("instruct"):
        with st.expander("Ask for help", icon=":material/add:", expanded=nothing):
            _form(scope)
    if file.allows("respond"):
        actions.button(scope, "Flag an instruction as infringing the law", "assistance.flag", _FLAG)
    if nothing:
        st.markdown(":material/task_alt: Nothing was asked for.")
    for request in data.requests:
        _card(scope, request)
    _what_is_over(scope, data)
    show.clauses(
        ("3.1(viii)", assistance.CLAUSE, "3.1(i)", assistance.COST_CLAUSE, "Sch. 3 1.4(v)"), agreement
    )


def _what_is_over(scope: Scope, data: Data) -> None:
    """The requests and flags to which nothing more can happen, a page at a time."""
    if data.over:
        st.subheader("Closed and withdrawn", anchor=False)
    for request in data.over:
        _card(scope, request)
    paging.draw(_REQUESTS, data.requests_over, paging.OVER, "request")
    if data.answered:
        st.subheader("Flags answered", anchor=False)
    for flag, what in data.answered:
        _flag(scope, flag, what)
    paging.draw(_FLAGS, data.flags_answered, paging.OVER, "flag")


def _flag(scope: Scope, flag: Flag, what: str) -> None:
    file = scope.file
    status = show.Status(assistance.OUTCOMES[flag.outcome], _OUTCOME[flag.outcome])
    with st.container(border=True, key=f"flag_{flag.id}"):
        show.heading(f"Instruction {flag.instruction} may infringe the law", status)
        if what:
            st.markdown(words.plain(what))
        note(
            "The provider’s opinion, {}, by {}. No legal advice.",
            words.minute(flag.at),
            words.person(scope.file, flag.by),
        )
        show.quoted(flag.opinion)
        if flag.outcome != "open":
            note("Answered by {}", words.person(scope.file, flag.answered_by))
            show.quoted(flag.answer)
        elif file.acts and assistance.AnswerFlag in assistance.steps_open(
            flag, file.state.assistance, file.context
        ):
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
    say(
        "{} The provider answers until the end of **{}** ({}).",
        about.note,
        words.deadline(due),
        about.clause,
    )
    rights, received = _data_subject(form) if kind == "data_subject" else ([], None)
    title = st.text_input(**form.field("title", "Title"), help="No names of data subjects, please.")
    text = st.text_area(**form.field("text", "What you need"))
    chosen = steps.choose_files(form)
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
    say(
        ":material/event: Your own answer to the person is due on **{}**, a month on (Art. 12(3) GDPR).",
        words.day(own),
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
    over = _over(request)
    status = show.Status(assistance.STATUS[request.status], _STATUS[request.status])
    with st.container(border=True, key=f"request_{request.id}"):
        show.heading(f"{request.id}. {request.title}", status)
        kind = KINDS_OF_HELP[request.kind]
        rights = md(": {}", words.listed([RIGHTS[r] for r in request.rights])) if request.rights else ""
        say("{}{} · {}", kind.name, rights, kind.clause)
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
            md("Conversation ({})", words.count(len(request.said), "message")),
            expanded=not over,
            icon=":material/forum:",
        ):
            steps.conversation(scope, request.said, f"request.{request.id}")
            fitting = assistance.steps_open(request, file.state.assistance, file.context)
            if file.acts and fitting:
                _reply(scope, request, fitting)


def _reply(scope: Scope, request: Request, fitting: Sequence[type[Command]]) -> None:
    """A message, and a button for each step that can be taken with it."""
    form = actions.Form(scope, f"assistance.reply.{request.id}", about=f"assistance/{request.id}")
    text = st.text_area(**form.field("text", "Message"))
    buttons = _buttons(scope, request, text, steps.choose_files(form))
    awaited = assistance.STAGES[request.status].waits_for == scope.file.context.side
    form.told = st.container()
    with st.container(horizontal=True):
        for step in fitting:
            label, icon, make = buttons[step]
            primary = awaited and step is fitting[0]
            form.button(words.plain(label), make, icon=icon, primary=primary, step=step.__name__)


def _buttons(
    scope: Scope, request: Request, text: str, chosen: Chosen
) -> dict[type[Command], tuple[str, str | None, actions.Make]]:
    """The button of each step: its label, its icon, and what it sends."""
    id = request.id
    done = "Close the request" if request.status == "answered" else "Withdraw the request"
    return {
        assistance.SendMessage: (
            "Send",
            ":material/send:",
            lambda: assistance.SendMessage(id, text, steps.attach(scope, chosen)),
        ),
        assistance.AnswerRequest: (
            "Send the answer",
            ":material/send:",
            lambda: assistance.AnswerRequest(id, text, steps.attach(scope, chosen)),
        ),
        assistance.AskCustomer: (
            "Ask the customer",
            ":material/help:",
            lambda: assistance.AskCustomer(id, text, steps.attach(scope, chosen)),
        ),
        assistance.CloseRequest: (
            done,
            None,
            lambda: assistance.CloseRequest(id, steps.without_files(text, chosen)),
        ),
    }


# --- dialogs -------------------------------------------------------------------------------------


def _raise(form: actions.Form) -> actions.Make:
    latest = history.instructions(form.file, last=LATEST)
    given = [i for i in latest if i.on_behalf_of != PROCESSOR]
    words_of = {i.sequence: f"{i.sequence}. {i.what} ({words.day(i.recorded_at)})" for i in given}
    st.markdown("The customer sees it at once, and confirms or withdraws. This is no legal advice.")
    chosen = st.selectbox(
        **form.field("instruction", "Instruction"),
        options=list(words_of),
        format_func=lambda n: words_of[n],
    )
    older = None
    if form.file.sequence > LATEST:
        older = st.number_input(
            **form.field("older", "Or an older one, by its number in the history"),
            value=None,
            min_value=1,
            max_value=form.file.sequence,
            step=1,
        )
    opinion = st.text_area(**form.field("opinion", "Which law, and why"))
    return lambda: assistance.FlagInstruction(int(older or chosen or 0), opinion)


_FLAG = actions.Dialog("Flag an instruction", "Tell the customer", _raise)


def _confirm(id: int, form: actions.Form) -> actions.Make:
    st.markdown(
        "The instruction stands. You are responsible for its being lawful (2.1(iii)); the reason is kept."
    )
    reason = st.text_area(**form.field("reason", "Why it is lawful"))
    return lambda: assistance.AnswerFlag(id, True, reason)


def _revoke(id: int, form: actions.Form) -> actions.Make:
    file = form.file
    state = file.state.assistance
    effects = policies.effects_of(assistance.AnswerFlag(id, False), file.state, file.context)
    asked = file.recalled(assistance.AnswerFlag(id, False)).assistance.requests.get(
        state.flags[id].instruction
    )
    if asked:
        say(":material/cancel: Withdrawn with it: **request {}, {}**.", asked.id, asked.title)
    for command in (*effects.before, *effects.after):
        _goes_with_it(command, file)
    if asked or effects.before or effects.after:
        st.markdown("Other effects you undo on their page.")
    else:
        st.markdown("Nothing is undone with it. What the instruction brought about you undo on its page.")
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: assistance.AnswerFlag(id, False, reason)


def _goes_with_it(command: Command, file: CustomerFile) -> None:
    """What one command brings about that is carried out along with the withdrawal."""
    if isinstance(command, SetFeatures):
        switched = features.consequences(command, file.state.features, file.context)
        names = words.listed([f.name for f in switched.switched_off])
        say(":material/toggle_off: Switched off with it: **{}**.", names)
        consequences.engaged(switched, file.agreement)
    elif isinstance(command, CancelShortening):
        kept = retention.consequences(command, file.state.retention, file.context)
        say(
            ":material/undo: Cancelled with it: the shortening of **{}**, which stays at {}.",
            kept.period.data_type.name,
            words.duration(kept.days),
        )
