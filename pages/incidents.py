"""Personal data breaches and major ICT incidents, on both sides. Clauses: 3.1(x), Sch. 3 1.4(iii)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import streamlit as st

from dpa_core.application import ALL, ProviderFile
from dpa_core.subjects import dates, incidents
from dpa_core.subjects.incidents import DECISIONS, ITEMS, KIND_NAMES, Incident
from dpa_core.subjects.subject import Command
from pages.parts import actions, customers, show, steps, words
from pages.parts.scope import Scope
from pages.parts.words import md, note, say

_STATUS: dict[incidents.Status, show.Look] = {
    "new_notice": (":material/mark_email_unread:", "red"),
    "acknowledged": (":material/check_circle:", "green"),
}
_PROVIDER_STATUS: dict[incidents.ProviderStatus, show.Look] = {
    "to_be_notified": (":material/timer:", "red"),
    "customers_notified": (":material/outgoing_mail:", "blue"),
    "closed": (":material/check_circle:", "green"),
}


@dataclass(frozen=True)
class Data:
    """What the customer was told of, newest first, and the provider's incidents for its officer."""

    told: list[Incident]
    provider: ProviderFile | None


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """The customer's notices, and the provider's incidents where the person may see them."""
    return Data(sorted(scope.file.incidents.values(), key=lambda i: -i.id), scope.provider())


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file, agreement = scope.file, scope.file.agreement
    hours = agreement.term("breach_notice").value
    show.header(
        "Incidents",
        f"Personal data breaches and major ICT incidents. The provider tells you within {hours} hours of "
        "learning of one. Whom you notify yourselves stays your decision.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    sides = {f"Notices to {file.name}": partial(_notices, scope, data)}
    if data.provider:
        sides = {"All incidents (provider)": partial(_provider, scope, data.provider), **sides}
    show.sides(sides)
    show.clauses((incidents.CLAUSE, incidents.DORA_CLAUSE), agreement)
    actions.drawn(scope, data.provider)


# --- the customer's side -------------------------------------------------------------------------


def _notices(scope: Scope, data: Data) -> None:
    if not data.told:
        st.markdown(":material/task_alt: You were not told of any incident.")
    for incident in data.told:
        _notice(scope, incident)


def _notice(scope: Scope, incident: Incident) -> None:
    file, state = scope.file, scope.file.state.incidents
    handling, status = state.of(incident.id), incidents.status(incident, state)
    with st.container(border=True, key=f"incident_{incident.id}"):
        show.heading(incident.title, show.Status(incidents.STATUS[status], _STATUS[status]))
        aware = incident.aware[file.customer_id]
        say("{} · the provider learnt of it {}", KIND_NAMES[incident.kind], words.minute(aware))
        _known(incident)
        for notice in reversed(incident.notices):
            _one_notice(scope, incident, notice, f"told.{incident.id}")
        say("**Your decision:** {}", DECISIONS[handling.decision])
        if handling.decided_at:
            note("{}, by {}", words.minute(handling.decided_at), words.person(file, handling.decided_by))
        show.quoted(handling.reason)
        if handling.decision == "undecided" and incident.kind == "breach":
            st.caption(
                "Art. 33(1) GDPR gives you 72 hours from when you know; counted here from the first notice."
            )
            steps.due(incident.notices[0].at + incidents.CONTROLLERS_HOURS, file.now)
        fitting = incidents.steps_open(incident, state, file.context)
        if file.acts and fitting:
            _customers_steps(scope, incident, fitting)


def _customers_steps(scope: Scope, incident: Incident, fitting: Sequence[type[Command]]) -> None:
    """A button for each step that fits, the awaited one first."""
    file, last = scope.file, incident.notices[-1].number
    stage = incidents.STAGES[incidents.status(incident, file.state.incidents)]
    awaited = stage.waits_for == file.context.side
    about = f"incidents/{incident.id}"
    form = actions.Form(scope, f"incidents.acknowledge.{incident.id}.{last}", about=about)
    form.told = st.container()
    with st.container(horizontal=True):
        for step in fitting:
            _CUSTOMERS_BUTTONS[step](form, incident, awaited and step is fitting[0])


def _acknowledge(form: actions.Form, incident: Incident, primary: bool) -> None:
    """One press, without a dialog: it says no more than that the notice was received."""
    make = partial(incidents.AcknowledgeNotice, incident.id, incident.notices[-1].number)
    form.button("Acknowledge the notice", make, primary=primary)


def _note(form: actions.Form, incident: Incident, primary: bool) -> None:
    """The decision is made in a dialog."""
    fields = partial(_decide, incident.id)
    dialog = actions.Dialog(incident.title, "Note the decision", fields, about=form.about)
    name = f"incidents.{incidents.RecordDecision.__name__}.{incident.id}"
    actions.button(form.scope, "Note our decision", name, dialog, kind="primary" if primary else "secondary")


_CUSTOMERS_BUTTONS: dict[type[Command], Callable[[actions.Form, Incident, bool], None]] = {
    incidents.AcknowledgeNotice: _acknowledge,
    incidents.RecordDecision: _note,
}


def _known(incident: Incident) -> None:
    """The five items as last told; what is still open is said to be so."""
    for item, label in ITEMS.items():
        say("**{}**", label)
        if text := incident.items.get(item):
            st.text(text)
        else:
            st.caption(":material/pending: Not known yet. An update follows.")


def _one_notice(scope: Scope, incident: Incident, notice: incidents.Notice, key: str) -> None:
    name = (
        "First notice"
        if notice.number == incident.notices[0].number
        else md("Update, notice {}", notice.number)
    )
    with st.expander(md("{} of {}", name, words.minute(notice.at)), icon=":material/mail:"):
        for item, text in notice.items.items():
            st.caption(words.plain(ITEMS[item]))
            st.text(text)
        if notice.delay:
            st.caption("Reasons for the delay")
            st.text(notice.delay)
        steps.files(scope, notice.files, f"{key}.{notice.number}")


# --- the provider's side -------------------------------------------------------------------------


def _provider(scope: Scope, provider: ProviderFile) -> None:
    found = sorted(
        provider.state.incidents.incidents.values(), key=lambda i: (i.closed_at is not None, -i.id)
    )
    with st.expander("Record an incident", icon=":material/add_alert:", expanded=not found):
        _record_form(scope, provider)
    if not found:
        st.markdown(":material/task_alt: No incident is on record.")
    names = _customer_names(scope)
    for incident in found:
        _own(scope, provider, incident, names)


def _customer_names(scope: Scope) -> dict[str, str]:
    return dict(scope.application.directory(scope.file.person, limit=ALL))


@st.fragment(run_every=60)
def _clock(scope: Scope, incident: Incident) -> None:
    """The hours that run, drawn anew every minute."""
    agreement, now = scope.file.agreement, scope.application.clock.now()
    until = min(incidents.notify_until(incident, c, agreement) for c in incident.waiting)
    say(":material/timer: **{} not notified yet**", words.count(len(incident.waiting), "customer"))
    steps.due(until, now)


def _own(scope: Scope, provider: ProviderFile, incident: Incident, names: dict[str, str]) -> None:
    status = incidents.provider_status(incident)
    with st.container(border=True, key=f"own_incident_{incident.id}"):
        show.heading(incident.title, show.Status(incidents.PROVIDER_STATUS[status], _PROVIDER_STATUS[status]))
        first = min(incident.aware.values())
        clause = incidents.clause_of(incident.kind)
        say("{} · learnt of {} · {}", KIND_NAMES[incident.kind], words.minute(first), clause)
        if status == "to_be_notified":
            _clock(scope, incident)
        if incident.missing and status != "closed":
            missing = ", ".join(ITEMS[item] for item in incident.missing)
            note(":material/pending: Not told to everyone yet: {}", missing)
        _concerned(incident, names)
        for notice in reversed(incident.notices):
            with st.expander(
                md(
                    "Notice {} of {}, to {}",
                    notice.number,
                    words.minute(notice.at),
                    words.count(len(notice.customers), "customer"),
                ),
                icon=":material/mail:",
            ):
                for item, text in notice.items.items():
                    st.caption(words.plain(ITEMS[item]))
                    st.text(text)
        show.quoted(incident.summary)
        _steps(scope, provider, incident)


def _concerned(incident: Incident, names: dict[str, str]) -> None:
    first: dict[str, datetime] = {}
    notices: Counter[str] = Counter()
    for notice in incident.notices:
        notices.update(notice.customers)
        first = dict.fromkeys(notice.customers, notice.at) | first
    listed = sorted(incident.aware.items(), key=lambda pair: pair[0] in first)[: customers.FEW]
    rows = [
        {
            "Customer": names.get(customer_id, customer_id),
            "Learnt of": words.minute(aware),
            "First notice": words.minute(first[customer_id]) if customer_id in first else "Not yet",
            "Notices": notices[customer_id],
        }
        for customer_id, aware in listed
    ]
    customers.table(rows, len(incident.aware), f"concerned_{incident.id}")


def _record_form(scope: Scope, provider: ProviderFile) -> None:
    form, names = actions.Form(scope, "incidents.record", own=True), _customer_names(scope)
    kind = st.radio(
        **form.field("kind", "What it is"),
        options=list(KIND_NAMES),
        format_func=lambda i: words.plain(KIND_NAMES[i]),
    )
    title = st.text_input(**form.field("title", "Title, as customers will read it"))
    aware = _moment(form, provider.now)
    chosen = customers.several(form, "customers", "Customers concerned", names)
    st.caption("Nobody is told yet: you notify the customers in the next step.")
    form.button(
        "Record the incident",
        lambda: incidents.RecordIncident(kind, title, aware, chosen),
        icon=":material/add_alert:",
    )


def _moment(form: actions.Form, now: datetime) -> datetime:
    """The moment it was learnt of, in UTC, asked for as a day and a time in Stockholm."""
    local = now.astimezone(dates.STOCKHOLM)
    left, right = st.columns(2)
    day = left.date_input(**form.field("aware_at", "Learnt of on"), value=local.date(), format="YYYY-MM-DD")
    hour = right.time_input(
        **form.field("aware_hour", "At (Stockholm)"),
        value=local.time().replace(second=0, microsecond=0),
        step=60,
    )
    return datetime.combine(day, hour, dates.STOCKHOLM).astimezone(UTC)


# --- dialogs -------------------------------------------------------------------------------------

Fields = Callable[[ProviderFile, Incident, actions.Form], actions.Make]


def _steps(scope: Scope, provider: ProviderFile, incident: Incident) -> None:
    """A button for each step of the provider that fits, with its dialog."""
    fitting = incidents.provider_steps_open(incident, provider.state.incidents, provider.context)
    stage = incidents.PROVIDER_STAGES[incidents.provider_status(incident)]
    awaited = stage.waits_for == provider.context.side
    if not fitting:
        return
    with st.container(horizontal=True):
        for step in fitting:
            _step(scope, incident, step, "primary" if awaited and step is fitting[0] else "secondary")


def _step(
    scope: Scope, incident: Incident, step: type[Command], kind: Literal["primary", "secondary"]
) -> None:
    """One button; the fields of its dialog are given the provider's ledger, and the incident, as they stand
    at that moment."""
    label, confirm, fields = _DIALOGS[step]

    def drawn(form: actions.Form) -> actions.Make | None:
        provider = form.scope.provider()
        if provider is None:
            return None
        return fields(provider, provider.state.incidents.incidents[incident.id], form)

    dialog = actions.Dialog(incident.title, confirm, drawn, about=f"incidents/{incident.id}", own=True)
    name = f"incidents.{step.__name__}.{incident.id}"
    actions.button(scope, label(incident), name, dialog, kind=kind)


def _decide(id: int, form: actions.Form) -> actions.Make:
    st.markdown("A note for your own records. It notifies nobody; that stays your duty as the controller.")
    decision = st.radio(
        **form.field("decision", "Decision"),
        options=[d for d in DECISIONS if d != "undecided"],
        format_func=lambda d: words.plain(DECISIONS[d]),
    )
    reason = st.text_area(**form.field("reason", "Reason (needed where you notify nobody)"))
    return lambda: incidents.RecordDecision(id, decision, reason)


def _notify(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    names = _customer_names(form.scope)
    st.markdown("The five items of Art. 33(3) GDPR. What is not known yet may follow in an update.")
    told = incident.waiting or tuple(incident.aware)
    concerned = {c: names.get(c, c) for c in incident.aware}
    who = customers.several(form, "customers", "Customers to tell", concerned, told)
    texts = {
        item: st.text_area(**form.field(item, label), value=incident.items.get(item, ""))
        for item, label in ITEMS.items()
    }
    delay = ""
    first = sorted(set(incident.waiting) & set(who))
    if any(provider.now > incidents.notify_until(incident, c, provider.agreement) for c in first):
        delay = st.text_area(**form.field("delay", "Reasons for the delay, told with the notice"))
    chosen = steps.choose_files(form)
    changed = {i: t for i, t in texts.items() if first or t.strip() != incident.items.get(i, "")}
    return lambda: incidents.NotifyCustomers(
        incident.id, changed, who, delay, steps.attach(form.scope, chosen, own=True)
    )


def _widen(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    names = {c: n for c, n in _customer_names(form.scope).items() if c not in incident.aware}
    st.markdown("Their hours run from when you learnt that they are concerned.")
    aware = _moment(form, provider.now)
    who = customers.several(form, "customers", "Customers", names)
    return lambda: incidents.AddCustomers(incident.id, aware, who)


def _close(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    st.markdown("Nothing more is to be told. Customers keep what they were told.")
    summary = st.text_area(**form.field("summary", "Summary, for the provider’s record"))
    return lambda: incidents.CloseIncident(incident.id, summary)


_DIALOGS: dict[type[Command], tuple[Callable[[Incident], str], str, Fields]] = {
    incidents.NotifyCustomers: (
        lambda incident: "Notify the customers" if incident.waiting else "Send an update",
        "Notify",
        _notify,
    ),
    incidents.AddCustomers: (lambda _: "Add customers", "Add them", _widen),
    incidents.CloseIncident: (lambda _: "Close it", "Close the incident", _close),
}
"""Of each step: the label of its button, that of its confirmation, and its fields."""
