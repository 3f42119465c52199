"""All customers of an account manager at a glance. Clauses: Sch. 2 2.2, Sch. 1 2"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from dpa_core.locale import D3_DAY
from dpa_core.subjects.features import OUTSIDE
from dpa_core.views import portfolio, tasks
from dpa_core.views.data_return import end_in_words
from dpa_core.views.portfolio import DUE, ORDERS, PAGE, Due, Line, Order, Totals
from pages.parts import actions, paging, show, words
from pages.parts.scope import Scope
from pages.parts.words import md, note


@dataclass(frozen=True)
class Data:
    """A page of the customers that a search finds, and the figures over all."""

    lines: list[Line]
    found: int
    totals: Totals
    features: dict[str, str]
    """Names by identifier."""
    adoption: Counter[str]
    exposure: Counter[str]
    due: list[Due]
    due_by_day: Counter[tuple[date, str]]


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """The customers that the person looks after, as searched and sorted; says so and stops for a customer."""
    opened = actions.attempt(lambda: scope.application.portfolio(scope.file.person))
    if opened is None:
        st.stop()
    view = portfolio.Overview(opened)
    text, order = st.session_state.get("portfolio.text", ""), st.session_state.get("portfolio.order", "name")
    found = view.found(text)
    number = paging.number("portfolio", found, PAGE, (text, order))
    return Data(
        view.listed(text, order, number),
        found,
        view.totals(),
        view.feature_names(),
        view.adoption(),
        view.exposure(),
        view.falling_due(),
        view.due_by_day(),
    )


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    totals = data.totals
    st.title("Portfolio", anchor=False)
    note(
        "Your {} · today, {}",
        words.count(totals.customers, "customer"),
        words.day(scope.application.clock.now()),
    )
    one, two, three, four = st.columns(4)
    one.metric("Customers", md("{:,}", totals.customers), border=True)
    two.metric(
        words.plain(OUTSIDE["processing"]),
        md("{:,} of {:,}", totals.outside["processing"], totals.customers),
        border=True,
        help=words.lines(
            [
                md(
                    "{}: {} of {}",
                    name,
                    f"{totals.outside[role]:,}",
                    words.count(totals.customers, "customer"),
                )
                for role, name in OUTSIDE.items()
            ],
            "  \n",
        ),
    )
    three.metric("Never reviewed", md("{:,}", totals.never_reviewed), border=True)
    four.metric("Open tasks", md("{:,}", totals.open_tasks), border=True)
    _search(data)
    if data.lines:
        _table(scope, data)
    else:
        st.info("No customer has that in its name.", icon=":material/filter_alt_off:")
    left, right = st.columns(2, gap="large")
    with left:
        _adoption(data)
    with right:
        _exposure(data)
    _due(scope, data)
    show.clauses(("Sch. 2 2.2", "3.1(vii)", "Sch. 1 2"), scope.file.agreement)


def _search(data: Data) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Find a customer", key="portfolio.text", placeholder="Part of its name", width=280)
        options: list[Order] = list(ORDERS)
        st.selectbox(
            "Sorted by",
            options,
            format_func=lambda order: ORDERS[order],
            key="portfolio.order",
            width=260,
        )


def _table(scope: Scope, data: Data) -> None:
    lines, now = data.lines, scope.application.clock.now()
    picked = st.dataframe(
        pd.DataFrame(
            {
                "Customer": [line.name for line in lines],
                "Agreement": [end_in_words(x.ends_on, now) if x.ends_on else "In force" for x in lines],
                "Features on": [len(line.on) for line in lines],
                "Sub-processors": [line.sub_processors for line in lines],
                "Days since review": pd.array([line.days_since_review for line in lines], dtype="Int64"),
                "Next due": [words.local_day(line.next_due) if line.next_due else None for line in lines],
                "Open tasks": [line.open_tasks for line in lines],
                **{name: [len(line.outside[role]) for line in lines] for role, name in OUTSIDE.items()},
            }
        ),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"portfolio.table.{hash(tuple(line.customer_id for line in lines))}",
        column_config={
            "Agreement": st.column_config.TextColumn(width=165),
            "Next due": st.column_config.DateColumn(format="D MMM YYYY"),
        },
        placeholder="–",
        alt="Each customer with how its agreement stands, features on, sub-processors, days since the last "
        "review, next due date, open tasks, and places outside the EU and EEA by what happens there",
    )
    paging.draw("portfolio", data.found, PAGE, "customer")
    names = {line.customer_id: line.name for line in lines}
    rows = picked.selection.rows
    if rows and rows[0] < len(lines):
        st.session_state["portfolio.customer"] = lines[rows[0]].customer_id
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Customer to open",
            list(names),
            format_func=lambda id: names[id],
            key="portfolio.customer",
            width=320,
        )
        if st.button("Open", icon=":material/arrow_forward:") and chosen:
            _open(scope, chosen, "overview")
        if st.button("Review", type="primary", icon=":material/slideshow:") and chosen:
            _open(scope, chosen, "review")


def _open(scope: Scope, customer_id: str, page: str) -> None:
    """Go to another customer's page; the address follows."""
    st.session_state["customer"], st.session_state["as_of"] = customer_id, None
    scope.go(page)


def _bars(names: list[str], numbers: list[int], what: str, sentence: str, key: str) -> None:
    frame = pd.DataFrame({what: names, "Customers": numbers})
    axis = alt.Axis(
        title=None, labelLimit=220, labelColor="currentColor", labelOverlap=False, ticks=False, domain=False
    )
    chart = (
        alt.Chart(frame)
        .mark_bar(height=14)
        .encode(
            x=alt.X("Customers:Q", axis=alt.Axis(tickMinStep=1, title="Customers", format="d")),
            y=alt.Y(f"{what}:N", sort=None, axis=axis),
            tooltip=[what, "Customers"],
        )
        .properties(height=alt.Step(26))
    )
    st.altair_chart(chart, width="stretch", alt=sentence)
    with st.expander("As a table"):
        st.dataframe(frame, hide_index=True, key=key, alt=sentence)


def _adoption(data: Data) -> None:
    st.subheader("Adoption of each feature", anchor=False)
    on = data.adoption
    names = data.features
    ranked = sorted(names, key=lambda id: (-on[id], names[id]))
    numbers = [on[id] for id in ranked]
    told = "; ".join(f"{names[id]} {on[id]}" for id in ranked)
    _bars(
        [names[id] for id in ranked],
        numbers,
        "Feature",
        f"Customers with each feature on: {told}",
        "adoption",
    )


def _exposure(data: Data) -> None:
    st.subheader("Where data is processed, delivered from, or may be reached", anchor=False)
    ranked = data.exposure.most_common()
    told = "; ".join(f"{name} {number}" for name, number in ranked)
    _bars(
        [name for name, _ in ranked],
        [number for _, number in ranked],
        "Place",
        f"Customers by place: {told}",
        "places",
    )


def _due(scope: Scope, data: Data) -> None:
    st.subheader("What is open", anchor=False)
    if not data.due:
        st.markdown(":material/task_alt: Nothing is open.")
        return
    total, dated = data.totals.open_tasks, sum(data.due_by_day.values())
    first = f"{words.count(total, 'thing')} open"
    if dated:
        first = f"{first}, {dated:,} with a date, the first on {words.day(min(data.due_by_day)[0])}"
        _days(scope, data, first)
    now = scope.application.clock.now()
    frame = pd.DataFrame(
        {
            "Due": [tasks.last_day_of(d.task) for d in data.due],
            "Until": [tasks.until(d.task) for d in data.due],
            "Customer": [d.customer for d in data.due],
            "Kind": [tasks.kind(d.task) for d in data.due],
            "What": [tasks.what(d.task) for d in data.due],
            "In": [words.distance(d.last, now) if d.last else None for d in data.due],
            "Began": [words.local_day(at) if (at := d.task.opened_at) else None for d in data.due],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        key="due",
        column_config={
            "Due": st.column_config.DateColumn(format="D MMM YYYY", width=95),
            "Until": st.column_config.TextColumn(width=75),
            "What": st.column_config.TextColumn(width=340),
            "Began": st.column_config.DateColumn(format="D MMM YYYY", width=95),
        },
        placeholder="–",
        alt=f"{first}: day and hour, customer, kind, what, and when it began",
    )
    if total > DUE:
        note(
            "{} listed, what is due first coming first; without a date, by when it began.",
            words.part(DUE, total, "thing"),
        )


def _days(scope: Scope, data: Data, sentence: str) -> None:
    """A mark for each day on which something of a kind falls due."""
    frame = pd.DataFrame(
        [(pd.Timestamp(day), kind, number) for (day, kind), number in sorted(data.due_by_day.items())],
        columns=["Due", "Kind", "Number"],
    )
    # From today on, in Stockholm by the application's clock; with what is overdue, from the first of that.
    now = scope.application.clock.now()
    today = words.local_day(now)
    start = alt.DateTime(year=today.year, month=today.month, date=today.day)
    first = next(d.last for d in data.due if d.last)
    since = {} if first < now else {"domainMin": start}
    chart = (
        alt.Chart(frame)
        .mark_tick(thickness=3, size=18)
        .encode(
            x=alt.X(
                "Due:T",
                title=None,
                scale=alt.Scale(**since),
                axis=alt.Axis(format=D3_DAY, tickCount=6),
            ),
            y=alt.Y("Kind:N", title=None, axis=alt.Axis(labelColor="currentColor", labelLimit=220)),
            tooltip=["Kind", "Number", alt.Tooltip("Due:T", format=D3_DAY)],
        )
        .properties(height=60 + 30 * frame["Kind"].nunique())
    )
    st.altair_chart(chart, width="stretch", alt=f"{sentence}; listed below.")
