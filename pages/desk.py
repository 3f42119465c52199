"""The privacy officer's desk: everything open, by due date, over all customers.

Clauses: 3.1(i), 3.1(viii) to (xii), Sch. 2 1.2, Sch. 3 1.4
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import altair as alt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from dpa_core.access import may
from dpa_core.application import ProviderFile
from dpa_core.subjects import registry
from dpa_core.subjects.common import SIDES
from dpa_core.views import tasks
from pages.parts import paging, show, steps, usage, words
from pages.parts.scope import Scope
from pages.parts.words import md, say

KINDS = {s.title: tuple(o.name for o in registry.ON_DESK if o.title == s.title) for s in registry.ON_DESK}
"""The subjects of each kind of task: those that one page shows together are one kind."""
FIRST = 8  # tasks shown as cards above the table
PAGE = 50  # rows of the table at once
_WEEKS = 12
WHO = {"provider": "The provider", "customer": "The customer", "both": "Both"}
_COLORS = ["#0b6bcb", "#8a63d2", "#0f9d8a", "#c77700", "#d1495b", "#5b7083"]


@dataclass(frozen=True)
class Data:
    """A page of the open tasks as filtered, the first of all, how many there are, and the load by subject."""

    provider: ProviderFile
    tasks: pa.Table
    first: pa.Table
    counted: pa.Table
    load: pa.Table

    @property
    def number(self) -> int:
        """How many are open under the filters."""
        return pc.sum(self.counted["open"]).as_py() or 0


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """What is open, under the filters the person has set."""
    if not may(scope.file.person, "govern", None).allowed:
        st.error("The desk is the privacy officer’s. Open one of the other pages.", icon=":material/lock:")
        st.stop()
    state = st.session_state
    provider = scope.application.open_provider(scope.file.person)
    who = state.get("desk.who", "provider")
    wanted = tasks.Wanted(
        waits_for=None if who == "both" else who,
        subjects=tuple(name for kind in state.get("desk.kinds", []) for name in KINDS[kind]),
        text=state.get("desk.text", ""),
        overdue_only=state.get("desk.overdue", False),
    )
    counted = tasks.counted(provider, wanted)
    number = paging.number("desk", pc.sum(counted["open"]).as_py() or 0, PAGE, wanted)
    found = tasks.of_provider(provider, wanted, PAGE, number * PAGE)
    first = found if number == 0 else tasks.of_provider(provider, wanted, FIRST)
    return Data(provider, found, first.slice(0, FIRST), counted, tasks.load(provider))


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    st.title("Desk", anchor=False)
    st.markdown("Everything open over all customers, overdue first. The next step opens where it is taken.")
    _load(data.load)
    _filters()
    late_ones = data.counted.filter(pc.equal(data.counted["standing"], "overdue"))
    overdue = pc.sum(late_ones["open"]).as_py() or 0
    late = md(":material/warning: **{:,} overdue**", overdue) if overdue else "none overdue"
    say("**{}**, {}{}", words.count(data.number, "open task"), late, _shown(data.number))
    if data.number:
        _first(scope, data)
        _timeline(data)
        _table(scope, data)
    else:
        st.markdown(":material/task_alt: Nothing is open under these filters.")
    usage.draw(scope)
    clauses = ("3.1(ix)", "3.1(x)", "3.1(xi)", "3.1(xii)", "Sch. 2 1.2", "Sch. 2 1.4", "Sch. 3 1.4(iii)")
    show.clauses(clauses, scope.file.agreement)


def _shown(number: int) -> words.Markdown:
    """How many of them have a card, where not all have."""
    if number <= FIRST:
        return md("")
    return md(". Here the most urgent: {}; the table below has all.", words.part(FIRST, number, "open task"))


def _load(load: pa.Table) -> None:
    """How much waits for the provider, a figure a kind."""
    by_subject = {row["subject"]: row for row in load.to_pylist()}
    for column, (kind, subjects) in zip(st.columns(len(KINDS)), KINDS.items(), strict=True):
        rows = [by_subject[name] for name in subjects if name in by_subject]
        waiting, overdue = (sum(row[what] for row in rows) for what in ("open", "overdue"))
        column.metric(words.plain(kind), md("{:,}", waiting), border=True, help="Waiting for the provider")
        late = md(":material/warning: {:,} overdue", overdue)
        column.caption(late if overdue else ":material/check: none overdue")


def _filters() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Waits for",
            list(WHO),
            default="provider",
            format_func=lambda who: WHO[who],
            key="desk.who",
            required=True,
        )
        st.multiselect("Kind", list(KINDS), key="desk.kinds", width=280)
        st.text_input("Customer or title", key="desk.text", width=240)
        st.checkbox("Overdue only", key="desk.overdue")


def _first(scope: Scope, data: Data) -> None:
    """The most urgent ones, each with its next step as a button."""
    for number, row in enumerate(data.first.to_pylist()):
        with st.container(border=True, key=f"task_{number}"):
            left, middle, right = st.columns([3.3, 3.8, 2.3], vertical_alignment="center")
            with left:
                steps.due(row["due"], data.provider.now)
            who = row["customer"] or "All customers concerned"
            middle.markdown(md("**{}** · {} · {}", who, row["title"], row["clause"]))
            mine = row["waits_for"] in ("provider", "both")
            if not mine:
                with middle:
                    show.badge(show.Status("Waits for the customer", (":material/person:", "gray")))
            label = row["next_step"] if mine else f"See: {row['next_step']}"
            if right.button(
                words.plain(label),
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
    scope.go(registry.by_name(row["subject"]).page, customer=customer_id)


def _timeline(data: Data) -> None:
    """What falls due in the coming weeks, as a chart and its table."""
    frame = _weeks(data.counted, data.provider)
    st.subheader("What falls due", anchor=False)
    order = list(dict.fromkeys(frame["Week"]))
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("Week:N", sort=order, axis=alt.Axis(labelAngle=0, labelOverlap=True, title=None)),
            y=alt.Y("Open:Q", axis=alt.Axis(tickMinStep=1, title="Open tasks")),
            color=alt.Color(
                "Kind:N",
                scale=alt.Scale(domain=list(KINDS), range=_COLORS),
                legend=alt.Legend(orient="top", title=None, columns=3),
            ),
            tooltip=["Week", "Kind", "Open"],
        )
        .properties(height=220)
    )
    st.altair_chart(chart)
    with st.expander("The same as a table", icon=":material/table:"):
        st.dataframe(frame, hide_index=True, key="due_table")


def _weeks(found: pa.Table, provider: ProviderFile) -> pd.DataFrame:
    """Open tasks by week of their due date and kind; before today and undated ones by themselves."""
    frame = found.to_pandas()
    # Days of Stockholm without their hours, so that the night the clocks change moves nothing.
    local = frame["due"].dt.tz_convert("Europe/Stockholm").dt.tz_localize(None)
    today = words.local_day(provider.now)
    monday = today - timedelta(days=today.weekday())
    number = ((local - pd.Timestamp(monday)).dt.days // 7).clip(upper=_WEEKS)
    slot = number.where(frame["standing"] != "overdue", -1).where(frame["due"].notna(), 99).astype(int)
    kinds = frame["subject"].map({name: kind for kind, subjects in KINDS.items() for name in subjects})
    frame = frame.assign(slot=slot, Kind=kinds)
    counted = frame.groupby(["slot", "Kind"])["open"].sum().reset_index(name="Open")

    def name(slot: int) -> str:
        if slot == -1:
            return "Overdue"
        if slot == 99:
            return "No date"
        text = words.day_of_year(monday + timedelta(days=7 * int(slot)))
        return f"From {text}" if slot >= _WEEKS else text

    return pd.DataFrame({"Week": counted["slot"].map(name), "Kind": counted["Kind"], "Open": counted["Open"]})


def _table(scope: Scope, data: Data) -> None:
    st.subheader("All of it", anchor=False)
    shown = data.tasks.select(["standing", "due", "customer", "title", "next_step", "waits_for", "clause"])
    due = shown.column("due").to_pylist()
    days, hours = ([at and spelt(at) for at in due] for spelt in (words.last_day, words.deadline_hour))
    shown = shown.set_column(1, "due", pa.array(days, pa.date32()))
    shown = shown.add_column(2, "until", pa.array(hours, pa.string()))
    for at, labels in ((0, tasks.STANDING), (6, SIDES)):
        named = pa.array([labels[code].capitalize() for code in shown.column(at).to_pylist()], pa.string())
        shown = shown.set_column(at, shown.column_names[at], named)
    picked = st.dataframe(
        shown,
        hide_index=True,
        key=f"desk.table.{st.session_state.get('desk.page', 0)}",  # another page, another selection
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "standing": "Standing",
            "due": st.column_config.DateColumn("Due", format="D MMM YYYY"),
            "until": "Until",
            "customer": "Customer",
            "title": st.column_config.TextColumn("What", width="large"),
            "next_step": "Next step",
            "waits_for": "Waits for",
            "clause": "Clause",
        },
    )
    paging.draw("desk", data.number, PAGE, "open task")
    rows = picked["selection"]["rows"]
    if rows and rows[0] < data.tasks.num_rows:
        row = data.tasks.slice(rows[0], 1).to_pylist()[0]
        if st.button(md("{}: {}", row["next_step"], row["title"]), type="primary", key="desk.go"):
            _go(scope, row)
    else:
        st.caption("Select a row to take its next step.")
