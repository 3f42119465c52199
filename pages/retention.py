"""Set how long each data type is kept, and see before confirming what that deletes. Clause: Sch. 1 2"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from dpa_core.agreement import DataCategory, DataType
from dpa_core.application import CustomerFile
from dpa_core.subjects import retention
from dpa_core.subjects.retention import MonthlyUsage, Period
from dpa_core.subjects.subject import Command
from dpa_core.views import usage
from pages.parts import actions, charts, show, words
from pages.parts.scope import Scope
from pages.parts.words import md, note, say


@dataclass(frozen=True)
class Group:
    """A data category with its data types."""

    category: DataCategory
    periods: tuple[Period, ...]


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> list[Group]:
    """The periods under their data categories, in the settings' order."""
    file = scope.file
    by_category: dict[str, list[Period]] = {}
    for period in retention.periods(file.state.retention, file.agreement, file.now):
        by_category.setdefault(period.data_type.data_category, []).append(period)
    return [Group(file.agreement.data_category(id), tuple(found)) for id, found in by_category.items()]


def draw(scope: Scope, groups: list[Group]) -> None:
    """What it shows."""
    file, settings = scope.file, scope.file.agreement.retention
    periods = [period for group in groups for period in group.periods]
    show.header(
        "Retention",
        f"How long each of {words.count(len(periods), 'data type')} is kept before it is deleted. "
        f"A shorter period takes effect after {words.count(settings.grace_days, 'day')}, in which it can be "
        "cancelled; a longer one at once, with a reason.",
        file,
    )
    show.read_only(file)
    say(
        ":material/info: {} So are the days before a shorter period and the reason for a longer one.",
        settings.note,
    )
    _coming(periods, file)
    for group in groups:
        name, summary = words.plain(group.category.name), words.plain(group.category.summary)
        st.subheader(name, anchor=False, help=summary)
        for period in group.periods:
            _row(scope, period)
    show.clauses((settings.clause, "3.1(i)"), file.agreement)


def _coming(periods: list[Period], file: CustomerFile) -> None:
    """What time alone will bring about, soonest first."""
    coming = []
    for p in periods:
        if p.pending:
            held = ", though a legal hold stops the deletion" if p.hold else ""
            what = f"kept for {words.count(p.pending.days, 'day')} instead of {p.days:,}{held}"
            coming.append((p.pending.effective_at, p.data_type.name, what))
        if p.deletion_resumes_at:
            coming.append((p.deletion_resumes_at, p.data_type.name, "deletion resumes"))
    if not coming:
        return
    points = (
        md("{}: **{}**, {}", words.day_and_distance(at, file.now), name, what)
        for at, name, what in sorted(coming)
    )
    with st.container(border=True):
        words.bullets(":material/event_upcoming: **What is coming**", points)


def _row(scope: Scope, period: Period) -> None:
    kind, file = period.data_type, scope.file
    with st.container(border=True, key=f"type_{kind.id}", gap="small"):
        name, days, limits, steps = st.columns([2.4, 3.4, 2.2, 2.0], vertical_alignment="top")
        with name.container(gap="xsmall"):
            say("**{}**", kind.name)
            _status(period)
        with days.container(gap="xsmall"):
            say("**{}**", words.duration(period.days))
            if period.is_default:
                show.badge(show.Status("Provider’s default", (":material/settings:", "gray")))
            else:
                show.badge(show.Status("Set by instruction", (":material/edit_calendar:", "blue")))
                st.caption(_since(period, scope.file))
        limits.caption(_limits(kind), help="The provider’s settings. The agreement names no periods.")
        if file.acts:
            with steps.container(horizontal=True, gap="small"):
                _steps(scope, period)
        if period.pending:
            st.markdown(_pending(period, file))
        _held(period, file)


def _status(period: Period) -> None:
    if period.hold:
        show.badge(show.Status("Legal hold", (":material/lock:", "red")))
    if period.deletion_resumes_at:
        show.badge(show.Status("Deletion paused", (":material/pause_circle:", "violet")))
    if period.pending:
        show.badge(show.Status("Shortening pending", (":material/schedule:", "orange")))


def _since(period: Period, file: CustomerFile) -> words.Markdown:
    since, by = period.since, period.by
    if since is None or by is None or period.sequence is None:
        return md("")
    return md("Since {}, by {} (instruction {:,})", words.day(since), words.person(file, by), period.sequence)


def _limits(kind: DataType) -> words.Markdown:
    most, default = words.count(kind.maximum_days, "day"), words.count(kind.default_days, "day")
    return md("Allowed: {:,} to {}  \nDefault: {}", kind.minimum_days, most, default)


def _pending(period: Period, file: CustomerFile) -> words.Markdown:
    pending = period.pending
    assert pending is not None  # noqa: S101  # the caller looked
    return md(
        ":material/schedule: **{}** from {}, by {} (instruction {:,}). It can be cancelled until {}; "
        "the provider’s own setting gives {} for that.",
        words.duration(pending.days),
        words.day_and_distance(pending.effective_at, file.now),
        words.person(file, pending.by),
        pending.sequence,
        words.deadline(pending.effective_at),
        words.count(file.agreement.retention.grace_days, "day"),
    )


def _held(period: Period, file: CustomerFile) -> None:
    """A legal hold, or what is left of one. Shown wherever the period is."""
    if hold := period.hold:
        say(
            ":red[:material/lock:] **Legal hold** since {}, "
            "by {} (instruction {:,}): "
            "nothing is deleted until it is released.",
            words.day(hold.since),
            words.person(file, hold.by),
            hold.sequence,
        )
        show.quoted(hold.reason)
    if at := period.deletion_resumes_at:
        say(
            ":violet[:material/pause_circle:] **Deletion is paused:** a legal hold was released. "
            "Deletion resumes on {}: {} after the release, by the provider’s own setting.",
            words.day_and_distance(at, file.now),
            words.count(file.agreement.retention.grace_days, "day"),
        )


def _steps(scope: Scope, period: Period) -> None:
    """The steps that fit, each with its dialog."""
    id = period.data_type.id
    for step in retention.steps_open(period, scope.file.state.retention, scope.file.context):
        title, confirm, icon, fields = _DIALOGS[step]
        dialog = _dialog(title, confirm, icon, fields, id)
        name = f"retention.{step.__name__}.{id}"
        actions.button(scope, title, name, dialog, icon=dialog.icon, kind="tertiary")


# --- the dialogs ---------------------------------------------------------------------------------

Fields = Callable[[actions.Form, Period], "actions.Make | None"]


def _dialog(title: str, confirm: str, icon: str, fields: Fields, data_type: str) -> actions.Dialog:
    """A dialog over one data type; `fields` is given its period as it stands at that moment."""

    def drawn(form: actions.Form) -> actions.Make | None:
        file = form.file
        period = retention.period(data_type, file.state.retention, file.agreement, file.now)
        say("**{}**", period.data_type.name)
        _held(period, file)
        return fields(form, period)

    return actions.Dialog(
        title,
        confirm,
        drawn,
        icon=f":material/{icon}:",
        kept="instruction",
        leave="Leave as it is",
    )


def _change(form: actions.Form, period: Period) -> actions.Make | None:
    file, kind = form.file, period.data_type
    days = st.number_input(
        **form.field("days", "Keep for (days)"),
        value=period.days,
        step=1,
        help="The allowed range is the provider's setting. The agreement names no periods.",
    )
    note("{}  \nToday: {}", _limits(kind), words.duration(period.days))
    form.basis = str(days)
    if days == period.days:
        st.markdown("Enter another number to see what it would do.")
        return None
    figures = usage.monthly(file, kind.id)
    result = _consequences(retention.SetPeriod(kind.id, days), file, figures)
    if result is None:
        return None
    if days < period.days:
        _shortening(result, file, figures)
    else:
        _lengthening(result)
    reason = _reason(form, result)
    return lambda: retention.SetPeriod(kind.id, days, reason)


def _cancel(form: actions.Form, period: Period) -> actions.Make | None:
    file, id = form.file, period.data_type.id
    result = _consequences(retention.CancelShortening(id), file)
    if result is None or period.pending is None:
        return None
    say(
        ":material/undo: The period stays at **{}**. "
        "The shortening to {} on "
        "{} will not happen, "
        "and deletes nothing.",
        words.duration(period.days),
        words.count(period.pending.days, "day"),
        words.day_and_distance(period.pending.effective_at, file.now),
    )
    reason = _reason(form, result)
    return lambda: retention.CancelShortening(id, reason)


def _hold(form: actions.Form, period: Period) -> actions.Make | None:
    file, kind = form.file, period.data_type
    result = _consequences(retention.PlaceHold(kind.id, ""), file)
    if result is None:
        return None
    say(
        ":red[:material/lock:] **From now on nothing of {} is deleted**, however old it is, "
        "until somebody releases the hold.",
        kind.name,
    )
    if period.pending:
        say(
            ":material/schedule: The shortening to {} still takes "
            "effect on {}, "
            "but deletes nothing while the hold stands.",
            words.count(period.pending.days, "day"),
            words.day_and_distance(period.pending.effective_at, file.now),
        )
    then = period.pending.days if period.pending else period.days
    say(
        ":material/event: The period, {}{}, counts again {} after the release (the provider’s own setting).",
        words.duration(then),
        md(" by then") if period.pending else "",
        words.count(file.agreement.retention.grace_days, "day"),
    )
    reason = _reason(form, result)
    return lambda: retention.PlaceHold(kind.id, reason)


def _release(form: actions.Form, period: Period) -> actions.Make | None:
    file, kind = form.file, period.data_type
    figures = usage.monthly(file, kind.id)
    result = _consequences(retention.ReleaseHold(kind.id), file, figures)
    if result is None:
        return None
    say(
        ":material/lock_open: Deletion of {} resumes on "
        "**{}**. Until then nothing is deleted, "
        "and a new hold can be placed; those {} are the provider’s own setting.",
        kind.name,
        words.day_and_distance(result.effective_at, file.now),
        words.count(file.agreement.retention.grace_days, "day"),
    )
    _deletion(result, file, figures)
    reason = _reason(form, result)
    return lambda: retention.ReleaseHold(kind.id, reason)


_DIALOGS: dict[type[Command], tuple[str, str, str, Fields]] = {
    retention.SetPeriod: ("Change period", "Confirm instruction", "edit_calendar", _change),
    retention.CancelShortening: ("Cancel shortening", "Cancel the shortening", "undo", _cancel),
    retention.PlaceHold: ("Place legal hold", "Place legal hold", "lock", _hold),
    retention.ReleaseHold: ("Release legal hold", "Release legal hold", "lock_open", _release),
}


def _consequences(
    command: retention.Step, file: CustomerFile, figures: Iterable[MonthlyUsage] = ()
) -> retention.Consequences | None:
    """What the command would do; None, and the refusal on screen, where it cannot be given."""
    return actions.attempt(
        lambda: retention.consequences(command, file.state.retention, file.context, figures)
    )


def _reason(form: actions.Form, result: retention.Consequences) -> str:
    """The clauses behind what is shown, and the reason that they ask for or not."""
    show.clauses(result.clauses, form.file.agreement)
    if result.reason_required:
        st.caption("That a reason is needed is the provider’s own setting.")
    return show.reason(form, required=result.reason_required)


# --- what would be deleted -----------------------------------------------------------------------


def _shortening(result: retention.Consequences, file: CustomerFile, figures: list[MonthlyUsage]) -> None:
    say(
        ":material/schedule: From {} to "
        "**{}**, taking effect on "
        "**{}**. "
        "Until then it can be cancelled, and nothing goes because of it. "
        "The {} until then are the provider’s own setting.",
        words.count(result.period.days, "day"),
        words.duration(result.days),
        words.day_and_distance(result.effective_at, file.now),
        words.count(file.agreement.retention.grace_days, "day"),
    )
    if result.held:
        say(
            ":red[:material/lock:] The legal hold stops the deletion: nothing goes while it stands. "
            "Once it is released, what is older than {} goes "
            "{} later.",
            words.count(result.days, "day"),
            words.count(file.agreement.retention.grace_days, "day"),
        )
        return
    _deletion(result, file, figures)


def _lengthening(result: retention.Consequences) -> None:
    say(
        ":material/event_repeat: From {} to "
        "**{}**, taking effect **at once**. Nothing is deleted by this; "
        "what is deleted already does not come back.",
        words.count(result.period.days, "day"),
        words.duration(result.days),
    )
    st.markdown(":material/edit_note: Personal data is then kept longer.")


def _deletion(result: retention.Consequences, file: CustomerFile, figures: list[MonthlyUsage]) -> None:
    """How many records of which months go, as a sentence, a chart and a table."""
    name, limit = result.period.data_type.name, words.count(result.days, "day")
    day = words.day(result.effective_at)
    if not figures:
        st.warning(
            md(
                "There are no usage figures for {}, so nobody can tell here how much would go. "
                "All the same, everything older than {} would be deleted on {}.",
                name,
                limit,
                day,
            ),
            icon=":material/query_stats:",
        )
        return
    span = md("{} to {}", words.month(figures[0].month), words.month(figures[-1].month))
    records, size = sum(x.records for x in result.losses), sum(x.bytes for x in result.losses)
    if not records:
        say(
            ":material/task_alt: By the usage figures ({}), nothing will be older than {} "
            "on {}: no records would go.",
            span,
            limit,
            day,
        )
        return
    cut = any(not loss.whole for loss in result.losses)
    say(
        ":material/auto_delete: **{}{} "
        "({}) of {} would be deleted on {}**, "
        "being older than {}. They cannot be brought back.",
        md("About ") if cut else "",
        words.count(records, "record"),
        words.size(size),
        words.count(len(result.losses), "month"),
        day,
        limit,
    )
    shares = _shares(result, figures)
    st.altair_chart(_chart(shares), width="stretch", height=220, alt=_alt(shares, name, day))
    going = shares[shares["goes"] > 0]
    st.dataframe(
        pd.DataFrame(
            {
                "Month": [words.month(month) for month in going["month"]],
                "Records deleted": [f"{n:,}" for n in going["goes"]],
                "Size": [words.size(n) for n in going["bytes"]],
                "Records kept": [f"{n:,}" for n in going["stays"]],
                "Basis": ["Whole month" if whole else "Cut month: estimate" for whole in going["whole"]],
            }
        ),
        hide_index=True,
        height="auto" if len(going) > 8 else "content",
        alt=f"Records of {name} that would be deleted, by month",
    )
    before = "" if result.period.hold else md(" What the present period deletes before then is left out.")
    note(
        "From the monthly usage figures, {}. A month that is cut in two is an estimate, "
        "as if its records were evenly spread over its days.{}",
        span,
        before,
    )


def _shares(result: retention.Consequences, figures: list[MonthlyUsage]) -> pd.DataFrame:
    """Of each month still stored: how many records go and how many stay. What went before is left out."""
    at = words.local_day(result.effective_at)
    goes = {loss.month: loss for loss in result.losses}
    ever, stored = (at - date.min).days, (at - result.stored_since).days
    gone = retention.losses(figures, kept_now=ever, kept_then=stored, at=at)
    before = {loss.month: loss.records for loss in gone}
    rows = []
    for figure in figures:
        loss = goes.get(figure.month)
        going = loss.records if loss else 0
        staying = figure.records - before.get(figure.month, 0) - going
        if going or staying:
            rows.append((figure.month, going, loss.bytes if loss else 0, staying, bool(loss and loss.whole)))
    return pd.DataFrame(rows, columns=["month", "goes", "bytes", "stays", "whole"])


GOES, STAYS = "Would be deleted", "Stays"


def _chart(shares: pd.DataFrame) -> alt.Chart:
    """Bars by month. What goes is filled, what stays is an outline, so that no colour is needed."""
    rows = [
        {"month": words.month(row.month), "part": part, "records": int(number), "order": order}
        for row in shares.itertuples()
        for order, (part, number) in enumerate(((GOES, row.goes), (STAYS, row.stays)))
        if number
    ]
    legend = alt.Legend(title=None, orient="top")

    def colours(of_goes: str, of_stays: str) -> alt.Scale:
        return alt.Scale(domain=[GOES, STAYS], range=[of_goes, of_stays])

    chart: alt.Chart = (
        alt.Chart(charts.inline(values=rows))
        .mark_bar(strokeWidth=1.5)
        .encode(
            x=alt.X(
                "month:O",
                sort=[words.month(month) for month in shares["month"]],
                axis=alt.Axis(title=None, labelAngle=0, labelOverlap="greedy", labelSeparation=8),
            ),
            y=alt.Y("records:Q", axis=alt.Axis(title="Records", format=",.0f", tickCount=4)),
            fill=alt.Fill("part:N", scale=colours("#d9480f", "rgba(107, 140, 179, 0.12)"), legend=legend),
            stroke=alt.Stroke("part:N", scale=colours("#d9480f", "#6b8cb3"), legend=legend),
            order="order:Q",
            tooltip=[
                alt.Tooltip("month:O", title="Month"),
                alt.Tooltip("part:N", title="What"),
                alt.Tooltip("records:Q", title="Records", format=","),
            ],
        )
    )
    return chart


def _alt(shares: pd.DataFrame, name: str, day: str) -> str:
    going = shares[shares["goes"] > 0]["month"]
    return (
        f"Bar chart of {name} by month: {words.count(int(shares['goes'].sum()), 'record')} from "
        f"{words.month(going.min())} to {words.month(going.max())} would be deleted on {day}; "
        f"{words.count(int(shares['stays'].sum()), 'record')} stay. The table below has the figures."
    )
