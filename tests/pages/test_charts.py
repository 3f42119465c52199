"""Charts count in days of Stockholm, also where those of UTC are others."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from dpa_core import access
from dpa_core.application import Application
from dpa_core.subjects import incidents
from dpa_core.views.usage import monthly
from tests.conftest import NOW, People, SettableClock
from tests.pages import visit
from tests.test_requests import HELP, act, govern


def week(application: Application, people: People, kind: str) -> str:
    """The week in which the desk's chart counts the one open thing of a kind."""
    at = visit("desk", application, people.eva, "nordfrakt")
    assert not at.exception, at.exception
    (frame,) = [f.value for f in at.dataframe if "Week" in f.value]
    (found,) = frame[frame["Kind"] == kind]["Week"]
    return str(found)


def specs(at: Any) -> list[dict[str, Any]]:
    """The charts on a page, as Vega-Lite."""
    return [json.loads(chart.proto.spec) for chart in at.get("vega_lite_chart")]


@pytest.mark.parametrize(
    ("learnt", "counted"),
    [
        # 72 hours later: Sunday 23:30, Monday 00:00 (so the last moment is Sunday's), Monday 00:30.
        (datetime(2026, 11, 26, 22, 30, tzinfo=UTC), "23 Nov"),
        (datetime(2026, 11, 26, 23, 0, tzinfo=UTC), "23 Nov"),
        (datetime(2026, 11, 26, 23, 30, tzinfo=UTC), "30 Nov"),
    ],
)
def test_what_is_due_after_midnight_in_stockholm_is_due_on_that_day(
    application: Application, people: People, clock: SettableClock, learnt: datetime, counted: str
) -> None:
    clock.at = learnt
    govern(application, people.eva, incidents.RecordIncident("breach", "Leak", learnt, ("nordfrakt",)))
    assert week(application, people, "Incidents") == counted


@pytest.mark.parametrize(
    ("now", "counted"),
    [
        (datetime(2027, 3, 24, 12, tzinfo=UTC), "5 Apr"),  # clocks go forward on 28 March
        (datetime(2027, 10, 27, 12, tzinfo=UTC), "8 Nov"),  # and back on 31 October
        (datetime(2027, 10, 31, 22, 45, tzinfo=UTC), "8 Nov"),  # in the last minutes of that long day
    ],
)
def test_a_week_begins_on_monday_whatever_the_clocks_do(
    application: Application, people: People, clock: SettableClock, now: datetime, counted: str
) -> None:
    clock.at = now
    act(application, people.anna, HELP)  # due after ten business days
    assert week(application, people, "Assistance") == counted


def test_the_portfolios_days_begin_with_today_in_stockholm(
    application: Application, people: People, clock: SettableClock
) -> None:
    clock.at = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    act(application, people.anna, HELP)
    at = visit("portfolio", application, people.david, "nordfrakt")
    scales = [s["encoding"]["x"].get("scale", {}) for s in specs(at)]
    assert {"domainMin": {"year": 2026, "month": 12, "date": 1}} in scales


def test_figures_go_up_to_the_month_that_has_begun_in_stockholm(
    application: Application, people: People, clock: SettableClock
) -> None:
    figures = {
        "customer_id": ["nordfrakt"],
        "data_type": ["chats"],
        "month_start": pa.array([date(2026, 12, 1)], pa.date32()),
        "records": pa.array([3], pa.int64()),
        "bytes": pa.array([3], pa.int64()),
    }
    application.import_usage(access.operator(NOW), pa.table(figures))
    found = []
    for minute in (59, 0):  # the last of November, the first of December
        clock.at = datetime(2026, 11, 30, 22 if minute else 23, minute, tzinfo=UTC)
        found.append([x.month for x in monthly(application.open(people.anna, "nordfrakt"), "chats")])
    assert found == [[], [date(2026, 12, 1)]]
