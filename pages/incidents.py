"""Personal data breaches and major ICT incidents, on both sides. Clauses: 3.1(x), Sch. 3 1.4(iii)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Literal

import streamlit as st

from dpa_core.office import ProviderFile
from dpa_core.subjects import Refusal, dates, incidents
from dpa_core.subjects.incidents import DECISIONS, ITEMS, KIND_NAMES, Handling, Incident
from pages.parts import actions, show, steps, words
from pages.parts.scope import Scope

_NEW = show.Status("New notice", (":material/mark_email_unread:", "red"))
_ACKNOWLEDGED = show.Status("Acknowledged", (":material/check_circle:", "green"))


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
    sides = {f"Notices to {words.plain(file.name)}": partial(_notices, scope, data)}
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
    file = scope.file
    handling = file.state.incidents.handling.get(incident.id, Handling())
    last = incident.notices[-1]
    with st.container(border=True, key=f"incident_{incident.id}"):
        show.heading(incident.title, _NEW if handling.seen < last.number else _ACKNOWLEDGED)
        aware = incident.aware[file.customer_id]
        st.markdown(f"{KIND_NAMES[incident.kind]} · the provider learnt of it {words.minute(aware)}")
        _known(incident)
        for notice in reversed(incident.notices):
            _one_notice(scope, incident, notice, f"told.{incident.id}")
        st.markdown(f"**Your decision:** {DECISIONS[handling.decision]}")
        if handling.decided_at:
            st.caption(f"{words.minute(handling.decided_at)}, by {words.plain(handling.decided_by)}")
        show.quoted(handling.reason)
        if handling.decision == "undecided" and incident.kind == "breach":
            st.caption(
                "Art. 33(1) GDPR gives you 72 hours from when you know; counted here from the first notice."
            )
            steps.due(incident.notices[0].at + incidents.CONTROLLERS_HOURS, file.now, hours=True)
        if file.allows("instruct"):
            _customers_steps(scope, incident, handling)


def _customers_steps(scope: Scope, incident: Incident, handling: Handling) -> None:
    last, about = incident.notices[-1].number, f"incidents/{incident.id}"
    form = actions.Form(scope, f"incidents.acknowledge.{incident.id}.{last}", about=about)
    form.told = st.container()
    with st.container(horizontal=True):
        if handling.seen < last:
            form.button("Acknowledge the notice", lambda: incidents.Acknowledge(incident.id, last))
        dialog = actions.Dialog(
            incident.title, "Note the decision", partial(_decide, incident.id), about=about
        )
        actions.button(scope, "Note our decision", f"incidents.decide.{incident.id}", dialog)


def _known(incident: Incident) -> None:
    """The five items as last told; what is still open is said to be so."""
    for item, label in ITEMS.items():
        st.markdown(f"**{label}**")
        if text := incident.items.get(item):
            st.text(text)
        else:
            st.caption(":material/pending: Not known yet. An update follows.")


def _one_notice(scope: Scope, incident: Incident, notice: incidents.Notice, key: str) -> None:
    name = (
        "First notice" if notice.number == incident.notices[0].number else f"Update, notice {notice.number}"
    )
    with st.expander(f"{name} of {words.minute(notice.at)}", icon=":material/mail:"):
        for item, text in notice.items.items():
            st.caption(ITEMS[item])
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
    return dict(scope.office.directory(scope.file.person, limit=100_000))


@st.fragment(run_every=60)
def _clock(scope: Scope, incident: Incident) -> None:
    """The hours that run, drawn anew every minute."""
    agreement, now = scope.file.agreement, scope.office.clock.now()
    until = min(incidents.notify_until(incident, c, agreement) for c in incident.waiting)
    st.markdown(f":material/timer: **{words.count(len(incident.waiting), 'customer')} not notified yet**")
    steps.due(until, now, hours=True)


def _own(scope: Scope, provider: ProviderFile, incident: Incident, names: dict[str, str]) -> None:
    with st.container(border=True, key=f"own_incident_{incident.id}"):
        show.heading(incident.title, _standing(incident))
        first = min(incident.aware.values())
        clause = incidents.clause_of(incident.kind)
        st.markdown(f"{KIND_NAMES[incident.kind]} · learnt of {words.minute(first)} · {clause}")
        if incident.waiting and not incident.closed_at:
            _clock(scope, incident)
        if incident.missing and not incident.closed_at:
            missing = ", ".join(ITEMS[item] for item in incident.missing)
            st.caption(f":material/pending: Not told to everyone yet: {missing}")
        _concerned(incident, names)
        for notice in reversed(incident.notices):
            with st.expander(
                f"Notice {notice.number} of {words.minute(notice.at)}, to "
                f"{words.count(len(notice.customers), 'customer')}",
                icon=":material/mail:",
            ):
                for item, text in notice.items.items():
                    st.caption(ITEMS[item])
                    st.text(text)
        show.quoted(incident.summary)
        if not incident.closed_at:
            step = partial(_step, scope, incident)
            with st.container(horizontal=True):
                label = "Notify the customers" if incident.waiting else "Send an update"
                step("notify", label, "Notify", _notify, kind="primary")
                step("widen", "Add customers", "Add them", _widen)
                step("close", "Close it", "Close the incident", _close)


def _standing(incident: Incident) -> show.Status:
    if incident.closed_at:
        return show.Status("Closed", (":material/check_circle:", "green"))
    if incident.waiting:
        return show.Status("To be notified", (":material/timer:", "red"))
    return show.Status("Customers notified", (":material/outgoing_mail:", "blue"))


def _concerned(incident: Incident, names: dict[str, str]) -> None:
    rows = []
    for customer_id, aware in incident.aware.items():
        told = [n for n in incident.notices if customer_id in n.customers]
        rows.append(
            {
                "Customer": names.get(customer_id, customer_id),
                "Learnt of": words.minute(aware),
                "First notice": words.minute(told[0].at) if told else "Not yet",
                "Notices": len(told),
            }
        )
    st.dataframe(rows, hide_index=True, key=f"concerned_{incident.id}")


def _record_form(scope: Scope, provider: ProviderFile) -> None:
    form, names = actions.Form(scope, "incidents.record"), _customer_names(scope)
    kind = st.radio(
        **form.field("kind", "What it is"), options=list(KIND_NAMES), format_func=lambda i: KIND_NAMES[i]
    )
    title = st.text_input(**form.field("title", "Title, as customers will read it"))
    aware = _moment(form, provider.now)
    chosen = st.multiselect(
        **form.field("customers", "Customers concerned"), options=list(names), format_func=lambda c: names[c]
    )
    st.caption("Nobody is told yet: you notify the customers in the next step.")
    form.button(
        "Record the incident",
        lambda: incidents.RecordIncident(kind, title, _utc(*aware), tuple(chosen)),
        icon=":material/add_alert:",
    )


def _moment(form: actions.Form, now: datetime) -> tuple[date, time | None]:
    local = now.astimezone(dates.STOCKHOLM)
    left, right = st.columns(2)
    day = left.date_input(**form.field("aware_at", "Learnt of on"), value=local.date(), format="YYYY-MM-DD")
    hour = right.time_input(
        **form.field("aware_hour", "At (Stockholm)"),
        value=local.time().replace(second=0, microsecond=0),
        step=60,
    )
    return day, hour


def _utc(day: date, hour: time | None) -> datetime:
    if hour is None:
        raise Refusal(incidents.CLAUSE, "The moment is missing.", "Give when it was learnt of.", "aware_at")
    return datetime.combine(day, hour, dates.STOCKHOLM).astimezone(UTC)


# --- dialogs -------------------------------------------------------------------------------------

Fields = Callable[[ProviderFile, Incident, actions.Form], actions.Make]


def _step(
    scope: Scope,
    incident: Incident,
    name: str,
    label: str,
    confirm: str,
    fields: Fields,
    *,
    kind: Literal["primary", "secondary"] = "secondary",
) -> None:
    """A button over one of the provider's incidents with its dialog.

    `fields` is given the provider's matters, and the incident, as they stand at that moment.
    """

    def drawn(form: actions.Form) -> actions.Make | None:
        provider = form.scope.provider()
        if provider is None:
            return None
        return fields(provider, provider.state.incidents.incidents[incident.id], form)

    dialog = actions.Dialog(incident.title, confirm, drawn, about=f"incidents/{incident.id}")
    actions.button(scope, label, f"incidents.{name}.{incident.id}", dialog, kind=kind)


def _decide(id: int, form: actions.Form) -> actions.Make:
    st.markdown("A note for your own records. It notifies nobody; that stays your duty as the controller.")
    decision = st.radio(
        **form.field("decision", "Decision"),
        options=[d for d in DECISIONS if d != "undecided"],
        format_func=lambda d: DECISIONS[d],
    )
    reason = st.text_area(**form.field("reason", "Reason (needed where you notify nobody)"))
    return lambda: incidents.Decide(id, decision, reason)


def _notify(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    names = _customer_names(form.scope)
    st.markdown("The five items of Art. 33(3) GDPR. What is not known yet may follow in an update.")
    who = st.multiselect(
        **form.field("customers", "Customers to tell"),
        options=list(incident.aware),
        default=list(incident.waiting or incident.aware),
        format_func=lambda c: names.get(c, c),
    )
    texts = {
        item: st.text_area(**form.field(item, label), value=incident.items.get(item, ""))
        for item, label in ITEMS.items()
    }
    delay = ""
    first = [c for c in incident.waiting if c in who]
    if any(provider.now > incidents.notify_until(incident, c, provider.agreement) for c in first):
        delay = st.text_area(**form.field("delay", "Reasons for the delay, told with the notice"))
    chosen = steps.uploads(form)
    changed = {i: t for i, t in texts.items() if first or t.strip() != incident.items.get(i, "")}
    return lambda: incidents.Notify(
        incident.id, changed, tuple(who), delay, steps.attach(form.scope, chosen, own=True)
    )


def _widen(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    names = {c: n for c, n in _customer_names(form.scope).items() if c not in incident.aware}
    st.markdown("Their hours run from when you learnt that they are concerned.")
    aware = _moment(form, provider.now)
    who = st.multiselect(
        **form.field("customers", "Customers"), options=list(names), format_func=lambda c: names[c]
    )
    return lambda: incidents.Widen(incident.id, _utc(*aware), tuple(who))


def _close(provider: ProviderFile, incident: Incident, form: actions.Form) -> actions.Make:
    st.markdown("Nothing more is to be told. Customers keep what they were told.")
    summary = st.text_area(**form.field("summary", "Summary, for the provider’s record"))
    return lambda: incidents.CloseIncident(incident.id, summary)
