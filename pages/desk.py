"""The privacy officer's desk: everything open, by due date, over all customers.

Clauses: 3.1(i), 3.1(viii) to (xii), Sch. 2 1.2, Sch. 3 1.4
"""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from dpa_core.access import may
from dpa_core.office import ProviderFile
from dpa_core.views import matters
from pages.parts import show, steps, words
from pages.parts.scope import Scope

KINDS = {
    "audits": "Audits",
    "notices": "Objections",
    "data_return": "Return and deletion",
    "assistance": "Assistance",
    "incidents": "Incidents",
}
FIRST = 8  # matters shown as cards above the table
_WEEKS = 12
_COLORS = ["#0b6bcb", "#8a63d2", "#0f9d8a", "#c77700", "#d1495b"]


@dataclass(frozen=True)
class Data:
    """The inbox as filtered, and the load by kind."""

    provider: ProviderFile
    inbox: pa.Table
    load: pa.Table


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """What is open, under the filters the person has set."""
    if not may(scope.file.person, "govern", None).allowed:
        st.error("The desk is the privacy officer’s. Open one of the other pages.", icon=":material/lock:")
        st.stop()
    state = st.session_state
    provider = scope.office.open_provider(scope.file.person)
    who = {"The provider": "provider", "The customer": "customer", "Both": None}
    inbox = matters.inbox(
        provider,
        waits_for=who[state.get("desk.who", "The provider")],
        pages=state.get("desk.kinds", []),
        text=state.get("desk.text", ""),
        overdue_only=state.get("desk.overdue", False),
    )
    return Data(provider, inbox, matters.load(provider))


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    st.title("Desk", anchor=False)
    st.markdown("Everything open over all customers, overdue first. The next step opens where it is taken.")
    _load(data.load)
    _filters()
    overdue = pc.sum(pc.equal(data.inbox["standing"], "Overdue")).as_py() or 0
    st.markdown(
        f"**{words.count(data.inbox.num_rows, 'matter')}**"
        + (f", :material/warning: **{overdue:,} overdue**" if overdue else ", none overdue")
    )
    if data.inbox.num_rows:
        _first(scope, data)
        _timeline(data)
        _table(scope, data)
    else:
        st.markdown(":material/task_alt: Nothing is open under these filters.")
    clauses = ("3.1(ix)", "3.1(x)", "3.1(xi)", "3.1(xii)", "Sch. 2 1.2")
    show.clauses(clauses, scope.file.agreement)


def _load(load: pa.Table) -> None:
    """How much waits for the provider, a figure a kind."""
    by_page = {row["page"]: row for row in load.to_pylist()}
    for column, (page, name) in zip(st.columns(len(KINDS)), KINDS.items(), strict=True):
        row = by_page.get(page, {"open": 0, "overdue": 0})
        note = f"{row['overdue']:,} overdue" if row["overdue"] else "none overdue"
        column.metric(name, f"{row['open']:,}", border=True, help="Waiting for the provider")
        icon = ":material/warning:" if row["overdue"] else ":material/check:"
        column.caption(f"{icon} {note}")


def _filters() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Waits for",
            ["The provider", "The customer", "Both"],
            default="The provider",
            key="desk.who",
            required=True,
        )
        st.multiselect("Kind", list(KINDS), format_func=lambda p: KINDS[p], key="desk.kinds", width=280)
        st.text_input("Customer or title", key="desk.text", width=240)
        st.checkbox("Overdue only", key="desk.overdue")


def _first(scope: Scope, data: Data) -> None:
    """The most urgent ones, each with its next step as a button."""
    for number, row in enumerate(data.inbox.slice(0, FIRST).to_pylist()):
        with st.container(border=True, key=f"matter_{number}"):
            left, middle, right = st.columns([2.9, 4.0, 2.4], vertical_alignment="center")
            with left:
                steps.due(row["due"], data.provider.now, hours=row["page"] == "incidents")
            who = row["customer"] or "All customers concerned"
            middle.markdown(f"**{words.plain(who)}** · {words.plain(row['title'])} · {row['clause']}")
            mine = row["waits_for"] == "provider"
            if not mine:
                middle.badge("Waits for the customer", icon=":material/person:", color="gray")
            label = row["next_step"] if mine else f"See: {row['next_step']}"
            if right.button(
                label,
                key=f"go_{row['customer_id']}_{row['key']}_{number}",
                type="primary" if mine else "secondary",
                width="stretch",
                wrap=True,
            ):
                _go(scope, row)


def _go(scope: Scope, row: dict[str, str]) -> None:
    """Open the page where the step is taken, for that customer."""
    own = row["customer_id"].startswith("@")
    customer_id = scope.file.customer_id if own else row["customer_id"]
    scope.go(row["page"], customer=customer_id)


def _timeline(data: Data) -> None:
    """What falls due in the coming weeks, as a chart and its table."""
    frame = _weeks(data.inbox, data.provider)
    st.subheader("What falls due", anchor=False)
    order = list(dict.fromkeys(frame["Week"]))
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("Week:N", sort=order, axis=alt.Axis(labelAngle=0, labelOverlap=True, title=None)),
            y=alt.Y("Open:Q", axis=alt.Axis(tickMinStep=1, title="Open matters")),
            color=alt.Color(
                "Kind:N",
                scale=alt.Scale(domain=list(KINDS.values()), range=_COLORS),
                legend=alt.Legend(orient="top", title=None, columns=3),
            ),
            tooltip=["Week", "Kind", "Open"],
        )
        .properties(height=220)
    )
    st.altair_chart(chart)
    with st.expander("The same as a table", icon=":material/table:"):
        st.dataframe(frame, hide_index=True, key="due_table")


def _weeks(inbox: pa.Table, provider: ProviderFile) -> pd.DataFrame:
    """Open matters by week of their due date and kind; before today and undated ones by themselves."""
    frame = inbox.select(["page", "due"]).to_pandas()
    local = frame["due"].dt.tz_convert("Europe/Stockholm") - pd.Timedelta(microseconds=1)
    now = pd.Timestamp(provider.now).tz_convert("Europe/Stockholm")
    monday = (now - pd.Timedelta(days=now.day_of_week)).normalize()
    number = ((local.dt.tz_localize(None) - monday.tz_localize(None)).dt.days // 7).clip(upper=_WEEKS)
    slot = (
        number.where(frame["due"] > pd.Timestamp(provider.now), -1)
        .where(frame["due"].notna(), 99)
        .astype(int)
    )
    counted = frame.assign(slot=slot).groupby(["slot", "page"]).size().reset_index(name="Open")

    def name(slot: int) -> str:
        if slot == -1:
            return "Overdue"
        if slot == 99:
            return "No date"
        start = monday + pd.Timedelta(days=7 * int(slot))
        text = words.day_of_year(start.date())
        return f"From {text}" if slot >= _WEEKS else text

    kinds = counted["page"].map(KINDS)
    return pd.DataFrame({"Week": counted["slot"].map(name), "Kind": kinds, "Open": counted["Open"]})


def _table(scope: Scope, data: Data) -> None:
    st.subheader("All of it", anchor=False)
    shown = data.inbox.select(["standing", "due", "customer", "title", "next_step", "waits_for", "clause"])
    picked = st.dataframe(
        shown,
        hide_index=True,
        key="desk.table",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "standing": "Standing",
            "due": st.column_config.DatetimeColumn(
                "Due before", format="D MMM YYYY, HH:mm", timezone="Europe/Stockholm"
            ),
            "customer": "Customer",
            "title": st.column_config.TextColumn("Matter", width="large"),
            "next_step": "Next step",
            "waits_for": "Waits for",
            "clause": "Clause",
        },
    )
    rows = picked["selection"]["rows"]
    if rows and rows[0] < data.inbox.num_rows:
        row = data.inbox.slice(rows[0], 1).to_pylist()[0]
        if st.button(f"{row['next_step']}: {row['title']}", type="primary", key="desk.go"):
            _go(scope, row)
    else:
        st.caption("Select a row to take its next step.")
