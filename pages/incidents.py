"""Personal data breaches and major ICT incidents, on both sides. Clauses: 3.1(x), Sch. 3 1.4(iii)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import streamlit as st

from dpa_core.office import ProviderFile, Refusal
from dpa_core.subjects import dates, incidents
from dpa_core.subjects.incidents import DECISIONS, ITEMS, KIND_NAMES, Handling, Incident
from pages.parts import show, steps, words
from pages.parts.scope import Scope, current


@dataclass(frozen=True)
class Data:
    """What the customer was told of, newest first, and the provider's incidents for its officer."""

    told: list[Incident]
    provider: ProviderFile | None


def read(scope: Scope) -> Data:
    """The customer's notices, and the provider's incidents where the person may see them."""
    file = scope.file
    own = scope.office.open_provider(file.person) if file.allows("govern") else None
    return Data(sorted(file.incidents.values(), key=lambda i: -i.id), own)


def draw(scope: Scope, data: Data) -> None:
    """The page."""
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
    if data.provider:
        own, mine = st.tabs(["All incidents (provider)", f"Notices to {words.plain(file.name)}"])
        with own:
            _provider(scope, data.provider)
        with mine:
            _notices(scope, data)
    else:
        _notices(scope, data)
    show.clauses((incidents.CLAUSE, incidents.DORA_CLAUSE), agreement)
    _dialogs(scope, data)
    steps.saw(scope, data.provider)


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
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(words.plain(incident.title), anchor=False)
            if handling.seen < last.number:
                st.badge("New notice", icon=":material/mark_email_unread:", color="red")
            else:
                st.badge("Acknowledged", icon=":material/check_circle:", color="green")
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
            with st.container(horizontal=True):
                if handling.seen < last.number:
                    key = f"acknowledge.{incident.id}.{last.number}"
                    if st.button("Acknowledge the notice", key=key, type="primary"):
                        steps.send(
                            scope,
                            "incidents.acknowledge",
                            lambda: incidents.Acknowledge(incident.id, last.number),
                        )
                steps.open_button("Note our decision", f"incidents.decide.{incident.id}")


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
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(words.plain(incident.title), anchor=False)
            if incident.closed_at:
                st.badge("Closed", icon=":material/check_circle:", color="green")
            elif incident.waiting:
                st.badge("To be notified", icon=":material/timer:", color="red")
            else:
                st.badge("Customers notified", icon=":material/outgoing_mail:", color="blue")
        first = min(incident.aware.values())
        clause = incidents.clause_of(incident.kind)
        st.markdown(f"{KIND_NAMES[incident.kind]} · learnt of {words.minute(first)} · {clause}")
        if incident.waiting and not incident.closed_at:
            _clock(scope, incident)
        if incident.missing and not incident.closed_at:
            missing = ", ".join(ITEMS[item] for item in incident.missing)
            st.caption(f":material/pending: Not told to everyone yet: {missing}")
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
            with st.container(horizontal=True):
                label = "Notify the customers" if incident.waiting else "Send an update"
                steps.open_button(label, f"incidents.notify.{incident.id}", primary=True)
                steps.open_button("Add customers", f"incidents.widen.{incident.id}")
                steps.open_button("Close it", f"incidents.close.{incident.id}")


def _record_form(scope: Scope, provider: ProviderFile) -> None:
    k, names = steps.turn("incidents.record"), _customer_names(scope)
    kind = st.radio("What it is", list(KIND_NAMES), format_func=lambda i: KIND_NAMES[i], key=f"{k}.kind")
    title = st.text_input("Title, as customers will read it", key=f"{k}.title")
    aware = _moment(k, provider.now)
    chosen = st.multiselect(
        "Customers concerned", list(names), format_func=lambda c: names[c], key=f"{k}.who"
    )
    st.caption("Nobody is told yet: you notify the customers in the next step.")
    if st.button("Record the incident", type="primary", key=f"{k}.send", icon=":material/add_alert:"):
        steps.govern(
            scope,
            "incidents.record",
            lambda: incidents.RecordIncident(kind, title, _utc(*aware), tuple(chosen)),
        )


def _moment(k: str, now: datetime) -> tuple[date | None, time | None]:
    local = now.astimezone(dates.STOCKHOLM)
    left, right = st.columns(2)
    day = left.date_input("Learnt of on", local.date(), key=f"{k}.day", format="YYYY-MM-DD")
    hour = right.time_input(
        "At (Stockholm)", local.time().replace(second=0, microsecond=0), key=f"{k}.at", step=60
    )
    return day, hour


def _utc(day: date | None, hour: time | None) -> datetime:
    if day is None or hour is None:
        raise Refusal(incidents.CLAUSE, "The moment is missing.", "Give when it was learnt of.", "aware_at")
    return datetime.combine(day, hour, dates.STOCKHOLM).astimezone(UTC)


# --- dialogs -------------------------------------------------------------------------------------


def _dialogs(scope: Scope, data: Data) -> None:
    name = steps.opened()
    if name is None or not name.startswith("incidents."):
        return
    _, step, id = name.split(".")
    if step == "decide":
        incident = next(i for i in data.told if i.id == int(id))
        steps.dialog(scope, name, incident.title, "Note the decision", _decide(incident))
    elif data.provider:
        own = data.provider.state.incidents.incidents[int(id)]
        label, fields = {"notify": _notify, "widen": _widen, "close": _close}[step](scope, data.provider, own)
        steps.own_dialog(scope, name, own.title, label, fields)


def _decide(incident: Incident) -> Callable[[str], Callable[[], incidents.Command]]:
    def fields(k: str) -> Callable[[], incidents.Command]:
        st.markdown(
            "A note for your own records. It notifies nobody; that stays your duty as the controller."
        )
        options = [d for d in DECISIONS if d != "undecided"]
        decision = st.radio("Decision", options, format_func=lambda d: DECISIONS[d], key=f"{k}.decision")
        reason = st.text_area("Reason (needed where you notify nobody)", key=f"{k}.reason")
        return lambda: incidents.Decide(incident.id, decision, reason)

    return fields


OwnFields = Callable[[str], Callable[[], incidents.ProviderCommand]]


def _notify(scope: Scope, provider: ProviderFile, incident: Incident) -> tuple[str, OwnFields]:
    names = _customer_names(scope)

    def fields(k: str) -> Callable[[], incidents.ProviderCommand]:
        st.markdown("The five items of Art. 33(3) GDPR. What is not known yet may follow in an update.")
        default = list(incident.waiting or incident.aware)
        who = st.multiselect(
            "Customers to tell",
            list(incident.aware),
            default,
            format_func=lambda c: names.get(c, c),
            key=f"{k}.who",
        )
        texts = {
            item: st.text_area(label, value=incident.items.get(item, ""), key=f"{k}.{item}")
            for item, label in ITEMS.items()
        }
        delay = ""
        agreement = provider.agreement
        first = [c for c in incident.waiting if c in who]
        now = scope.office.clock.now()
        if any(now > incidents.notify_until(incident, c, agreement) for c in first):
            delay = st.text_area("Reasons for the delay, told with the notice", key=f"{k}.delay")
        chosen = steps.uploads(scope, f"{k}.files")
        changed = {i: t for i, t in texts.items() if first or t.strip() != incident.items.get(i, "")}
        return lambda: incidents.Notify(
            incident.id, changed, tuple(who), delay, steps.attach(scope, chosen, own=True)
        )

    return "Notify", fields


def _widen(scope: Scope, provider: ProviderFile, incident: Incident) -> tuple[str, OwnFields]:
    names = {c: n for c, n in _customer_names(scope).items() if c not in incident.aware}

    def fields(k: str) -> Callable[[], incidents.ProviderCommand]:
        st.markdown("Their hours run from when you learnt that they are concerned.")
        aware = _moment(k, provider.now)
        who = st.multiselect("Customers", list(names), format_func=lambda c: names[c], key=f"{k}.who")
        return lambda: incidents.Widen(incident.id, _utc(*aware), tuple(who))

    return "Add them", fields


def _close(scope: Scope, provider: ProviderFile, incident: Incident) -> tuple[str, OwnFields]:
    def fields(k: str) -> Callable[[], incidents.ProviderCommand]:
        st.markdown("Nothing more is to be told. Customers keep what they were told.")
        summary = st.text_area("Summary, for the provider’s record", key=f"{k}.summary")
        return lambda: incidents.CloseIncident(incident.id, summary)

    return "Close the incident", fields


draw(current(), read(current()))
