"""What is on, where that sends data, what changed last, and what waits. Clauses: Sch. 2, Sch. 1 2"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dpa_core.agreement import Agreement, Feature, Place, SubProcessor
from dpa_core.agreement.transfers import NONE_LISTED, labelled, mechanisms_at
from dpa_core.application import CustomerFile
from dpa_core.subjects import features, retention
from dpa_core.subjects.subject import Task
from dpa_core.views import history, tasks
from pages.parts import show, words
from pages.parts.scope import Scope
from pages.parts.words import md, say


@dataclass(frozen=True)
class Waiting:
    """Something that will happen, or that the person may still decide. Times in UTC, to sort by."""

    what: words.Markdown
    by: datetime | None
    when: str
    """The same in words, with how far off it is; empty without a date."""
    clause: str
    page: str
    began: datetime | None
    """Where it stands among the others, when it has no date."""
    overdue: bool = False


@dataclass(frozen=True)
class Data:
    """What the page shows."""

    on: tuple[Feature, ...]
    engaged: tuple[SubProcessor, ...]
    places: tuple[tuple[Place, tuple[tuple[SubProcessor, str], ...]], ...]
    """Each place with the sub-processors there and what happens there."""
    outside: features.Outside
    latest: list[history.Instruction]
    waiting: list[Waiting]
    holds: int


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows, from the customer's file."""
    file, agreement = scope.file, scope.file.agreement
    engaged = features.engaged_now(file.context)
    places = tuple(
        (place, there)
        for place in agreement.places
        if (there := tuple((s, at.role) for s in engaged for at in s.locations if at.place == place.id))
    )
    periods = retention.periods(file.state.retention, agreement, file.now)
    open_tasks = tasks.open_tasks(file)
    return Data(
        on=tuple(f for f in agreement.features if f.id in file.context.in_use),
        engaged=engaged,
        places=places,
        outside=features.outside_of(engaged, agreement),
        latest=history.instructions(file, last=5),
        waiting=_by_date([*_of_others(open_tasks, file), *_of_settings(periods, open_tasks, file.now)]),
        holds=sum(p.hold is not None for p in periods),
    )


def _of_settings(periods: tuple[retention.Period, ...], found: list[Task], now: datetime) -> list[Waiting]:
    """What reviews left open, and what is coming for retention."""
    waiting = [
        Waiting(
            md("{}: {}.", tasks.kind(t), tasks.what(t)),
            t.due,
            tasks.when_and_distance(t, now),
            t.clause,
            tasks.page(t),
            t.opened_at,
            overdue=bool(t.waits_for and t.due and t.due <= now),
        )
        for t in found
        if t.subject == "reviews"
    ]
    for p in periods:
        name = p.data_type.name
        if p.pending:
            days, held = (
                words.count(p.pending.days, "day"),
                "; a legal hold stops the deletion" if p.hold else "",
            )
            what = md("{} will be kept for {} instead of {:,}{}. Can be cancelled.", name, days, p.days, held)
            waiting.append(_coming(what, p.pending.effective_at, now))
        if p.hold:
            waiting.append(
                Waiting(
                    md("{}: a legal hold stops deletion until released.", name),
                    None,
                    "",
                    retention.CLAUSE,
                    "retention",
                    p.hold.since,
                )
            )
        if p.deletion_resumes_at:
            what = md("{}: the legal hold is released; deletion resumes.", name)
            waiting.append(_coming(what, p.deletion_resumes_at, now))
    return waiting


def _coming(what: words.Markdown, at: datetime, now: datetime) -> Waiting:
    """What time alone brings about for retention."""
    return Waiting(what, at, words.day_and_distance(at, now), retention.CLAUSE, "retention", None)


def _of_others(found: list[Task], file: CustomerFile) -> list[Waiting]:
    """What waits in requests and notices, each with the side it waits for."""
    sides = {"customer": file.name, "provider": file.agreement.processor.name, "both": "either side"}
    return [
        Waiting(
            md("**{}** · {}: {}", tasks.title(t), sides[t.waits_for], tasks.next_step(t)),
            t.due,
            tasks.when_and_distance(t, file.now),
            t.clause,
            tasks.page(t),
            t.opened_at,
            t.due is not None and t.due <= file.now,
        )
        for t in found
        if t.waits_for and t.subject != "reviews"
    ]


def _by_date(found: list[Waiting]) -> list[Waiting]:
    """Soonest first; what has no date stands among the others by when it began."""

    def place(w: Waiting) -> float:
        at = w.by or w.began
        return at.timestamp() if at else 0.0

    return sorted(found, key=place)


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file, agreement = scope.file, scope.file.agreement
    show.header("Overview", "How your configuration under the Data Processing Agreement stands.", file)
    _ended(scope)
    one, two, three = st.columns(3)
    one.metric("Features on", md("{} of {}", len(data.on), len(agreement.features)), border=True)
    two.metric(
        "Sub-processors engaged",
        md("{} of {}", len(data.engaged), len(agreement.sub_processors)),
        border=True,
    )
    three.metric("Legal holds", md("{}", data.holds), border=True)
    show.outside_counts(data.outside)
    # What waits stands first: on a phone the columns follow each other.
    left, right = st.columns([2, 3], gap="large")
    with left:
        _waits(scope, data)
        _latest(scope, data)
    with right:
        _places(scope, data)
        _features(scope, data)
    show.clauses((features.CLAUSE, features.TRANSFER_CLAUSE, retention.CLAUSE), agreement)


_HAPPENS = {"processing": "", "delivery": " (delivers from there)", "access": " (may reach data from there)"}


def _ended(scope: Scope) -> None:
    """That the agreement is over, and what that means for the data."""
    context = scope.file.context
    if not context.ended:
        return
    gone = (
        "All data is recorded as deleted, so no sub-processor is engaged any more."
        if context.all_deleted
        else "Every feature is off. The core service keeps the data until it is returned or deleted."
    )
    with st.container(border=True, key="agreement_ended"):
        say(":material/event_busy: **The agreement ended on {}.** {}", words.day(context.ended), gone)
        scope.link("data_return", "Return and deletion", ":material/arrow_forward:")


def _places(scope: Scope, data: Data) -> None:
    agreement = scope.file.agreement
    st.subheader("Where your data is processed, delivered from, or may be reached", anchor=False)
    for place, there in data.places:
        name = place.name[0].upper() + place.name[1:]
        head = md(":material/location_on: **{}**", name)
        if place.third_country:
            head = md(":material/public: **{}**, outside the EU and EEA", name)
        points = []
        for s, role in there:
            by = f" · {_mechanisms(s, place, agreement)}" if place.third_country else ""
            core = " · core" if s.kind == "core" else ""
            points.append(f"{s.name}{_HAPPENS[role]}{by}{core}")
        words.bullets(head, points)
    scope.link("sub_processors", "All sub-processors", ":material/arrow_forward:")


def _mechanisms(s: SubProcessor, place: Place, agreement: Agreement) -> str:
    """What is listed for a transfer there. Clause: 3.1(vii)"""
    return " + ".join(labelled(s, mechanisms_at(s, place, agreement))) or NONE_LISTED


def _features(scope: Scope, data: Data) -> None:
    st.subheader("What is switched on", anchor=False)
    if not data.engaged:
        st.markdown("Nothing is processed any more, so no sub-processor is engaged.")
    elif not data.on:
        st.markdown("No optional feature is on, so only core sub-processors are engaged.")
    lines = []
    for feature in data.on:
        brings = words.listed([s.name for s in data.engaged if feature.id in s.features])
        lines.append(md(":material/check_circle: **{}** · {}", feature.name, brings))
    st.markdown(words.lines(lines, "  \n"))
    label = "All features" if scope.file.context.ended else "Switch features"
    scope.link("features", label, ":material/arrow_forward:")


def _waits(scope: Scope, data: Data) -> None:
    st.subheader("Waiting or in force", anchor=False)
    if not data.waiting:
        st.markdown(":material/task_alt: Nothing is waiting.")
    for w in data.waiting:
        with st.container(border=True):
            if w.by:
                late = md(":material/warning: **Overdue: {}**", w.when)
                st.markdown(late if w.overdue else md(":material/schedule: **{}**", w.when))
            elif w.page == "retention":
                st.markdown(":material/lock: **In force**")
            elif w.page == "review":
                st.markdown(":material/pending: **Open**")
            else:
                st.markdown(":material/event: **No date in the agreement**")
            st.markdown(words.plain(w.what))
            label = f"Open {scope.pages[w.page].title.lower()} ({w.clause})"
            scope.link(w.page, label, ":material/arrow_forward:")


def _latest(scope: Scope, data: Data) -> None:
    st.subheader("What changed last", anchor=False)
    for i in data.latest:
        say("**{}**  \n{} · {}", i.what, words.day(i.recorded_at), words.address(i.actor))
    scope.link("history", "Whole history", ":material/arrow_forward:")
