"""All customers of an account manager at a glance. Clauses: Sch. 2 2.2, Sch. 1 2"""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import pandas as pd
import streamlit as st

from dpa_core.locale import D3_DAY
from dpa_core.views import portfolio, tasks
from dpa_core.views.portfolio import Line
from pages.parts import actions, show, words
from pages.parts.scope import Scope
from pages.parts.words import md, note

SHOWN = 200  # things due that are listed; the rest is counted


@dataclass(frozen=True)
class Data:
    """A line a customer."""

    lines: list[Line]


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """The lines of all customers that the person looks after; says so and stops for a customer."""
    opened = actions.attempt(lambda: scope.application.portfolio(scope.file.person))
    if opened is None:
        st.stop()
    return Data(portfolio.lines(opened))


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    lines = data.lines
    st.title("Portfolio", anchor=False)
    note("Your {} · today, {}", words.count(len(lines), "customer"), words.day(scope.application.clock.now()))
    abroad = sum(line.third_countries > 0 for line in lines)
    never = sum(line.days_since_review is None for line in lines)
    waiting = sum(len(line.tasks) for line in lines)
    one, two, three, four = st.columns(4)
    one.metric("Customers", md("{:,}", len(lines)), border=True)
    two.metric("With a third-country transfer", md("{:,}", abroad), border=True)
    three.metric("Never reviewed", md("{:,}", never), border=True)
    four.metric("Open tasks", md("{:,}", waiting), border=True)
    _table(scope, lines)
    left, right = st.columns(2, gap="large")
    with left:
        _adoption(scope, lines)
    with right:
        _exposure(lines)
    _due(scope, lines)
    show.clauses(("Sch. 2 2.2", "3.1(vii)", "Sch. 1 2"), scope.file.agreement)


def _table(scope: Scope, lines: list[Line]) -> None:
    picked = st.dataframe(
        pd.DataFrame(
            {
                "Customer": [line.name for line in lines],
                "Features on": [len(line.on) for line in lines],
                "Sub-processors": [line.sub_processors for line in lines],
                "Third countries": [line.third_countries for line in lines],
                "Days since review": pd.array([line.days_since_review for line in lines], dtype="Int64"),
                "Next due": [words.local_day(line.next_due) if line.next_due else None for line in lines],
                "Open tasks": [len(line.tasks) for line in lines],
            }
        ),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="portfolio.table",
        column_config={"Next due": st.column_config.DateColumn(format="D MMM YYYY")},
        placeholder="–",
        alt="Each customer with features on, sub-processors, third countries, days since the last review, "
        "next due date and open tasks",
    )
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


def _adoption(scope: Scope, lines: list[Line]) -> None:
    st.subheader("Adoption of each feature", anchor=False)
    on = portfolio.adoption(lines)
    names = {f.id: f.name for a in scope.file.agreements.values() for f in a.features}
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


def _exposure(lines: list[Line]) -> None:
    st.subheader("Where data is processed or may be reached", anchor=False)
    ranked = portfolio.exposure(lines).most_common()
    told = "; ".join(f"{name} {number}" for name, number in ranked)
    _bars(
        [name for name, _ in ranked],
        [number for _, number in ranked],
        "Place",
        f"Customers by place: {told}",
        "places",
    )


def _due(scope: Scope, lines: list[Line]) -> None:
    st.subheader("What falls due", anchor=False)
    found = portfolio.falling_due(lines)
    if not found:
        st.markdown(":material/task_alt: Nothing with a date is open.")
        return
    now = scope.application.clock.now()
    frame = pd.DataFrame(
        {
            "Due": [tasks.last_day_of(t) for _, t in found],
            "Until": [tasks.until(t) for _, t in found],
            "Customer": [line.name for line, _ in found],
            "Kind": [tasks.kind(t) for _, t in found],
            "What": [tasks.what(t) for _, t in found],
            "In": [words.distance(at, now) for _, t in found if (at := tasks.due_at(t))],
        }
    )
    chart = (
        alt.Chart(frame.assign(Due=pd.to_datetime(frame["Due"])))
        .mark_tick(thickness=3, size=18)
        .encode(
            x=alt.X(
                "Due:T",
                title=None,
                scale=alt.Scale(domainMin=alt.ExprRef("now()")),
                axis=alt.Axis(format=D3_DAY, tickCount=6),
            ),
            y=alt.Y("Kind:N", title=None, axis=alt.Axis(labelColor="currentColor", labelLimit=220)),
            tooltip=["Customer", "What", alt.Tooltip("Due:T", format=D3_DAY)],
        )
        .properties(height=60 + 30 * frame["Kind"].nunique())
    )
    first = f"{words.count(len(found), 'thing')} due, the first on {words.day(frame['Due'][0])}"
    st.altair_chart(chart, width="stretch", alt=f"{first}; listed below.")
    st.dataframe(
        frame.head(SHOWN), hide_index=True, key="due", alt=f"{first}: day and hour, customer, kind and what"
    )
    if len(found) > SHOWN:
        note("{} listed, what is due first coming first.", words.part(SHOWN, len(found), "thing"))
