"""One deadline reads the same wherever it is printed, and a list says how much of it is shown."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from dpa_core import ROOT
from dpa_core.snapshots import pdf, tables
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import data_return, dates, incidents, retention, reviews
from pages import review
from tests.conftest import carry_out
from tests.pages import receipt, shown, visit
from tests.pages.test_requests import field
from tests.test_requests import BREACH, HELP, act, govern

MIDNIGHT = re.compile(r"(?:, |\b)(?:00:00|23:59)\b|(?:9 Dec|2026-12-09)")
"""How the end of 8 December must not read."""


def printed(at) -> str:
    """All that is on the page: texts, and tables as their cells."""
    return "\n".join([shown(at), *(frame.value.to_string() for frame in at.dataframe)])


@pytest.mark.parametrize(
    ("page", "who"),
    [
        ("assistance", "anna"),
        ("overview", "anna"),
        ("review", "david"),
        ("portfolio", "david"),
        ("desk", "eva"),
        ("assistance", "eva"),
    ],
)
def test_a_period_of_days_reads_as_its_last_day_on_every_page(application, people, page, who):
    act(application, people.anna, HELP)
    at = visit(page, application, getattr(people, who), "nordfrakt")
    if page == "review":
        next(b for b in at.button if b.label == "Start a review").click().run()
        for _ in range([s.title for s in review.STEPS].index("Requests")):
            next(b for b in at.button if b.label == "Next").click().run()
    said = printed(at)
    assert "8 Dec 2026" in said or "2026-12-08" in said
    assert not MIDNIGHT.search(said), said


def test_card_and_table_of_the_desk_agree_to_the_minute(application, people, clock):
    act(application, people.anna, HELP)
    clock.pass_days(0.01)
    breach = incidents.RecordIncident("breach", "Leak", clock.now(), ("nordfrakt",))
    govern(application, people.eva, breach)
    at = visit("desk", application, people.eva, "nordfrakt")
    cards = [m.value for m in at.markdown if "Due " in m.value]
    assert [re.search(r"Due ([\w ,:]+?) \(", c)[1] for c in cards] == ["27 Nov 2026, 15:14", "8 Dec 2026"]
    table = at.dataframe[-1].value
    assert list(table["due"]) == [date(2026, 11, 27), date(2026, 12, 8)]
    assert list(table["until"]) == ["15:14", "end of day"]


def test_hours_are_told_on_the_overview_as_on_the_page_of_incidents(application, people):
    incident = govern(application, people.eva, BREACH)
    told = dict.fromkeys(incidents.ITEMS, "Known")
    govern(application, people.eva, incidents.NotifyCustomers(incident, told, ("nordfrakt",)))
    for page in ("overview", "incidents"):
        assert "27 Nov 2026, 15:00" in shown(visit(page, application, people.anna, "nordfrakt"))


def test_what_is_overdue_names_its_last_day(application, people, clock):
    act(application, people.anna, HELP)
    clock.pass_days(16)
    for page, who in (("assistance", people.anna), ("overview", people.anna), ("desk", people.eva)):
        assert "Overdue: 8 Dec 2026 (2 days ago)" in shown(visit(page, application, who, "nordfrakt"))


def test_an_agreed_action_that_is_over_is_overdue_on_the_overview(application, people, clock):
    action = reviews.Action(what="Send the list", side="provider", due=date(2026, 12, 1))
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("", (action,)))
    clock.pass_days(8)
    assert "Overdue: 1 Dec 2026 (1 day ago)" in shown(
        visit("overview", application, people.anna, "nordfrakt")
    )


def test_the_receipt_of_a_step_names_the_same_day(application, people):
    at = visit("assistance", application, people.anna, "nordfrakt")
    at = field(at, "Kind of help").set_value("dpia").run()
    field(at, "Title").set_value("Voicebot")
    field(at, "What you need").set_value("The flows").run()
    at.checkbox[0].set_value(True)
    at = next(b for b in at.button if b.label == "Send the request").click().run()
    assert "by 8 Dec 2026 (in 14 days)" in receipt(at)


def test_snapshots_print_the_day_that_the_pages_show(application, people):
    act(application, people.anna, HELP)
    snapshot = freeze(application.open(people.anna, "nordfrakt"))
    assert [row[4] for row in pdf._view(snapshot)["open_items"]] == ["8 Dec 2026"]
    [items] = [t for t in tables.tables(snapshot) if t.name == "Open items"]
    [row] = items.rows
    assert row[items.columns.index("day (Stockholm)")] == date(2026, 12, 8)


def test_a_shortening_can_be_cancelled_until_the_end_of_a_day_or_a_minute(application, people):
    carry_out(application, people.anna, "nordfrakt", retention.SetPeriod("chats", 60))
    assert "It can be cancelled until 1 Dec 2026, 15:00;" in shown(
        visit("retention", application, people.anna, "nordfrakt")
    )


def test_the_end_of_the_agreement_leaves_time_to_the_same_day(application, people, clock):
    carry_out(application, people.eva, "nordfrakt", data_return.Terminate(date(2026, 12, 1), "Notice"))
    last = "15 Dec 2026"
    for page, who in (("data_return", people.anna), ("overview", people.anna)):
        assert last in printed(visit(page, application, who, "nordfrakt")), page
    over = dates.end_of(date(2026, 12, 15))
    for at, assumed in ((over - timedelta(microseconds=1), False), (over, True)):
        clock.at = at
        page = printed(visit("data_return", application, people.anna, "nordfrakt"))
        assert ("Deletion is assumed" in page) is assumed


@pytest.mark.parametrize(("tasks", "said"), [(8, None), (12, "8 of 12 open tasks")])
def test_the_desk_says_how_many_of_its_tasks_have_a_card(application, people, tasks, said):
    for _ in range(tasks):
        act(application, people.anna, HELP)
    at = visit("desk", application, people.eva, "nordfrakt")
    assert f"**{tasks} open tasks**" in shown(at)
    assert len([b for b in at.button if b.label == "Answer"]) == 8
    assert (said in shown(at)) if said else (" of 8" not in shown(at))


def test_no_page_shows_a_moment_in_a_column_of_its_own_spelling():
    """A column of moments spells midnight as the hour of the next day, so none is used."""
    for path in (ROOT / "pages").rglob("*.py"):
        assert "DatetimeColumn" not in Path(path).read_text(encoding="utf-8"), path.name
