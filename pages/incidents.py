"""Breaches, major ICT incidents and significant cyber threats, on both sides.

Clauses: 3.1(x), Sch. 3 1.4(iii)
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import streamlit as st

from dpa_core.agreement import Agreement
from dpa_core.application import ALL, ProviderFile
from dpa_core.subjects import dates, incidents
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.incidents import DECISIONS, DECISIONS_OF, ITEMS_OF, KIND_NAMES, POINTS, Incident
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


_WHAT_IT_IS: dict[incidents.IncidentKind, str] = {
    "breach": "Personal data was lost, changed, or disclosed to or reached by somebody who may not "
    "(3.1(x), as Art. 4(12) GDPR defines it).",
    "ict": "It affects the services (Sch. 3 1.4(iii)). Where personal data is concerned too, record a breach "
    "beside it.",
    "threat": "It could affect the services, and has not yet (Sch. 3 1.4(iii)).",
}
_FIVE_ITEMS = (
    "Clause 3.1(x) lists five items; they hold the four points of Art. 33(3) GDPR: (i) and (ii) are its "
    "point (a), (iii) is (b), (iv) is (c), (v) is (d)."
)
_OWN_LIST = (
    "The agreement lists no items for this. The list is the provider’s own, with what a customer under DORA "
    "needs for its own report."
)
_DUTY: dict[incidents.IncidentKind, str] = {
    "breach": "Whom you notify is your duty as the controller (Art. 33 and 34 GDPR).",
    "ict": "Only financial entities report under DORA (Art. 19); the agreement sets no time for your report.",
    "threat": "Only financial entities notify under DORA, and of a threat voluntarily (Art. 19(2)).",
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
        "Personal data breaches, major ICT incidents and significant cyber threats. The provider tells you "
        f"without undue delay, and no later than {hours} hours after learning of one. Whom you notify "
        "yourselves stays your decision.",
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
        _as_told(scope, incident, f"told.{incident.id}")
        say("**Your decision:** {}", DECISIONS[handling.decision])
        if handling.decided_at:
            note("{}, by {}", words.minute(handling.decided_at), words.person(file, handling.decided_by))
        show.quoted(handling.reason)
        if handling.decision == "undecided":
            st.caption(words.plain(_DUTY[incident.kind]))
        if handling.decision == "undecided" and incidents.asks_for_decision(incident):
            st.caption(
                "Art. 33(1) GDPR: without undue delay and, where feasible, within 72 hours of becoming "
                "aware. Counted here from the first notice: our reading, with EDPB Guidelines 9/2022."
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
    fields = partial(_decide, incident)
    dialog = actions.Dialog(incident.title, "Note the decision", fields, about=form.about)
    name = f"incidents.{incidents.RecordDecision.__name__}.{incident.id}"
    actions.button(form.scope, "Note our decision", name, dialog, kind="primary" if primary else "secondary")


_CUSTOMERS_BUTTONS: dict[type[Command], Callable[[actions.Form, Incident, bool], None]] = {
    incidents.AcknowledgeNotice: _acknowledge,
    incidents.RecordDecision: _note,
}


def _as_told(scope: Scope, incident: Incident, key: str, opened: bool = False) -> None:
    """An incident as one customer reads it: on its page, and before a notice goes out. `incident`: with what
    belongs to that customer only; `opened`: whether an update is, so that what is new in it is seen."""
    ((customer_id, aware),) = incident.aware.items()
    say("{} · the provider learnt of it on {}", KIND_NAMES[incident.kind], words.minute(aware))
    for correction in incident.corrections:
        note(
            ":material/history: Put right on {}: learnt of it on {}, not {}.",
            words.minute(correction.at),
            words.minute(correction.aware_at),
            words.minute(correction.before[customer_id]),
        )
        show.quoted(correction.reason)
    if incidents.told_late(incident, customer_id, scope.file.agreement):
        note(":material/warning: The first notice came after the hours that the agreement allows at most.")
    _known(incident)
    for notice in reversed(incident.notices):
        _one_notice(
            scope, incident, notice, key, opened and notice is incident.notices[-1] is not incident.notices[0]
        )


def _known(incident: Incident) -> None:
    """Its items as last told; what is still open is said to be so."""
    if incident.kind != "breach":
        st.caption(words.plain(_OWN_LIST))
    for item, label in incident.labels.items():
        point = md(" · {}", POINTS[item]) if incident.kind == "breach" else ""
        with st.container(gap="xxsmall"):
            say("**{}**{}", label, point)
            if text := incident.items.get(item):
                st.text(text)
            else:
                st.caption(":material/pending: Not known yet. An update follows.")


def _one_notice(
    scope: Scope, incident: Incident, notice: incidents.Notice, key: str, opened: bool = False
) -> None:
    name = (
        "First notice"
        if notice.number == incident.notices[0].number
        else md("Update, notice {}", notice.number)
    )
    head = md("{} of {}", name, words.minute(notice.at))
    with st.expander(head, icon=":material/mail:", expanded=opened):
        _items(incident, notice)
        steps.files(scope, notice.files, f"{key}.{notice.number}")


def _items(incident: Incident, notice: incidents.Notice) -> None:
    """What one notice tells, what in it replaces what was told before, and why it is late."""
    replaced = {i for c in notice.customers for i in incidents.replaced(incident, notice, c)}
    for item, text in notice.items.items():
        again = md(" · replaces what was told before") if item in replaced else ""
        note("{}{}", incident.labels[item], again)
        st.text(text)
    if notice.delay:
        st.caption("Reasons for the delay")
        st.text(notice.delay)


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
    waiting = words.count(len(incident.waiting), "customer")
    say(":material/timer: **{} not notified yet.** Without undue delay, and at the latest:", waiting)
    steps.due(until, now)


def _own(scope: Scope, provider: ProviderFile, incident: Incident, names: dict[str, str]) -> None:
    status = incidents.provider_status(incident)
    with st.container(border=True, key=f"own_incident_{incident.id}"):
        show.heading(incident.title, show.Status(incidents.PROVIDER_STATUS[status], _PROVIDER_STATUS[status]))
        first = min(incident.aware.values())
        clause = incidents.clause_of(incident.kind)
        say("{} · learnt of it on {} · {}", KIND_NAMES[incident.kind], words.minute(first), clause)
        if status == "to_be_notified":
            _clock(scope, incident)
        if incident.missing and status != "closed":
            missing = "; ".join(incident.labels[item] for item in incident.missing)
            note(":material/pending: Not told to everyone yet: {}", missing)
        _corrections(scope, incident, names)
        _concerned(incident, names, scope.file.agreement)
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
                _items(incident, notice)
        show.quoted(incident.summary)
        _steps(scope, provider, incident)


def _corrections(scope: Scope, incident: Incident, names: Mapping[str, str]) -> None:
    """Each moment that was put right, with the one that stood before."""
    for correction in incident.corrections:
        before = ", ".join(words.minute(at) for at in sorted(set(correction.before.values())))
        note(
            ":material/history: Put right on {} by {}: learnt of it on {}, not {}, for {}.",
            words.minute(correction.at),
            words.person(scope.file, correction.by),
            words.minute(correction.aware_at),
            before,
            _few(list(correction.before), names),
        )
        show.quoted(correction.reason)


def _few(ids: Sequence[str], names: Mapping[str, str]) -> str:
    """Some customers by name; beyond three, how many more there are."""
    named = [names.get(id, id) for id in ids[:3]]
    more = [f"{len(ids) - 3:,} more"] if len(ids) > 3 else []
    return words.listed([*named, *more])


def _concerned(incident: Incident, names: dict[str, str], agreement: Agreement) -> None:
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
            "In time": _in_time(incident, customer_id, agreement),
            "Notices": notices[customer_id],
        }
        for customer_id, aware in listed
    ]
    customers.table(rows, len(incident.aware), f"concerned_{incident.id}")


def _in_time(incident: Incident, customer_id: str, agreement: Agreement) -> str:
    """Whether the first notice came within the hours; whether that was without undue delay nobody counts."""
    if incident.first_notice(customer_id) is None:
        return ""
    return "After the hours" if incidents.told_late(incident, customer_id, agreement) else "Within the hours"


def _record_form(scope: Scope, provider: ProviderFile) -> None:
    form, names = actions.Form(scope, "incidents.record", own=True), _customer_names(scope)
    kind = st.radio(
        **form.field("kind", "What it is"),
        options=list(KIND_NAMES),
        format_func=lambda i: words.plain(KIND_NAMES[i]),
        captions=[words.plain(_WHAT_IT_IS[i]) for i in KIND_NAMES],
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


def _moment(form: actions.Form, at: datetime) -> datetime:
    """The moment it was learnt of, in UTC, asked for as a day and a time in Stockholm. `at`: at first."""
    local = at.astimezone(dates.STOCKHOLM)
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


def _decide(incident: Incident, form: actions.Form) -> actions.Make:
    st.markdown("A note for your own records. It notifies nobody.")
    st.markdown(words.plain(_DUTY[incident.kind]))
    decision = st.radio(
        **form.field("decision", "Decision"),
        options=DECISIONS_OF[incident.kind],
        format_func=lambda d: words.plain(DECISIONS[d]),
    )
    reason = st.text_area(**form.field("reason", "Reason (needed where you notify nobody)"))
    return lambda: incidents.RecordDecision(incident.id, decision, reason)


def _notify(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    names = _customer_names(form.scope)
    st.markdown(words.plain(_FIVE_ITEMS if incident.kind == "breach" else _OWN_LIST))
    st.markdown("What is not known yet may follow in an update. What was told before can be put right here.")
    told = incident.waiting or tuple(incident.aware)
    concerned = {c: names.get(c, c) for c in incident.aware}
    who = customers.several(form, "customers", "Customers to tell", concerned, told)
    texts = {
        item: st.text_area(**form.field(item, label), value=incident.items.get(item, ""), height="content")
        for item, label in ITEMS_OF[incident.kind].items()
    }
    delay = ""
    first = sorted(set(incident.waiting) & set(who))
    if any(provider.now > incidents.notify_until(incident, c, provider.agreement) for c in first):
        delay = st.text_area(**form.field("delay", "Reasons for the delay, told with the notice"))
    chosen = steps.choose_files(form)
    changed = {i: t for i, t in texts.items() if any(incident.told(c).get(i, "") != t.strip() for c in who)}
    notice = incidents.NotifyCustomers(incident.id, changed, who, delay)
    _preview(provider, notice, form, [f.name for f in chosen])
    return lambda: replace(notice, files=steps.attach(form.scope, chosen, own=True))


def _preview(
    provider: ProviderFile, notice: incidents.NotifyCustomers, form: actions.Form, files: Sequence[str]
) -> None:
    """What each customer will read, drawn as on its own page. A press that was meant for another text sends
    nothing: the button's key hangs on the text."""
    seen = repr((sorted(notice.items.items()), sorted(notice.customers), notice.delay, files))
    form.basis = hashlib.sha256(seen.encode()).hexdigest()[:16]
    st.markdown("**What will be sent**")
    try:
        would = incidents.previewed(notice, provider.state.incidents, provider.context)
    except Refusal as problem:
        note("Nothing can be sent yet. {}", actions.sentence(problem, form.labels))
        return
    alike: dict[str, tuple[Incident, list[str]]] = {}
    for customer_id, incident in would.items():
        alike.setdefault(_without_name(incident, customer_id), (incident, []))[1].append(customer_id)
    names = _customer_names(form.scope)
    for number, (incident, ids) in enumerate(alike.values()):
        with st.container(border=True, key=form.key(f"preview_{number}")):
            say("{} will read:", _few(ids, names))
            say("**{}**", incident.title)
            _as_told(form.scope, incident, form.key(f"preview_{number}"), opened=True)
            if files:
                note(":material/attach_file: With it: {}", words.listed(files))


def _without_name(incident: Incident, customer_id: str) -> str:
    """An incident as one customer reads it: the same for all that read the same."""
    return incident.but(
        aware={"": incident.aware[customer_id]},
        notices=tuple(n.but(customers=()) for n in incident.notices),
        corrections=tuple(c.but(before={"": c.before[customer_id]}) for c in incident.corrections),
    ).model_dump_json()


def _widen(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    names = {c: n for c, n in _customer_names(form.scope).items() if c not in incident.aware}
    st.markdown("Their hours run from when you learnt that they are concerned.")
    aware = _moment(form, provider.now)
    who = customers.several(form, "customers", "Customers", names)
    return lambda: incidents.AddCustomers(incident.id, aware, who)


def _correct(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    names, agreement = _customer_names(form.scope), provider.agreement
    st.markdown(
        "The hours follow the moment you give. The one on record now is kept, and customers are shown both, "
        "with your reason."
    )
    aware = _moment(form, min(incident.aware.values()))
    concerned = {c: names.get(c, c) for c in incident.aware}
    who = customers.several(form, "customers", "Customers it is put right for", concerned, tuple(concerned))
    after = incident.but(aware=incident.aware | dict.fromkeys(who, aware))
    waiting = [c for c in after.waiting if c in who]
    if waiting:
        until = min(incidents.notify_until(after, c, agreement) for c in waiting)
        say("Not notified yet: {}. Then due without undue delay, and at the latest:", _few(waiting, names))
        steps.due(until, provider.now)
    if late := [c for c in who if incidents.told_late(after, c, agreement)]:
        st.warning(
            md("The first notice then came after the hours for {}.", _few(late, names)),
            icon=":material/warning:",
        )
    reason = st.text_area(**form.field("reason", "Reason, told to the customers as you write it"))
    return lambda: incidents.CorrectAwareness(incident.id, aware, who, reason)


def _reopen(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    st.markdown(
        "You can tell more then, or put right what was told. Customers are told nothing by this alone."
    )
    reason = st.text_area(**form.field("reason", "Reason, for the provider’s record"))
    return lambda: incidents.ReopenIncident(incident.id, reason)


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
    incidents.CorrectAwareness: (
        lambda _: "Put right when you learnt of it",
        "Put the moment right",
        _correct,
    ),
    incidents.CloseIncident: (lambda _: "Close it", "Close the incident", _close),
    incidents.ReopenIncident: (lambda _: "Open it again", "Open the incident again", _reopen),
}
"""Of each step: the label of its button, that of its confirmation, and its fields."""
