"""Requests, notices and changes to the list of sub-processors in snapshots, reviews and the portfolio."""

from dpa_core.snapshots.diff import diff
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import snapshots
from dpa_core.views import portfolio, tasks
from tests.conftest import carry_out
from tests.pages import shown, visit
from tests.test_requests import AUDIT, act, announce


def items(snapshot):
    return {(i.kind, i.waits_for) for i in snapshot.open_items}


def test_open_requests_and_notices_are_in_the_snapshot_with_their_dates(application, people):
    act(application, people.anna, AUDIT)
    announce(application, people)
    frozen = freeze(application.open(people.david, "nordfrakt"))
    assert items(frozen) == {
        ("Audit", "provider"),
        ("Sub-processor change", "customer"),
        ("Coming sub-processor change", None),
    }
    notice = next(i for i in frozen.open_items if i.kind == "Sub-processor change")
    assert notice.due_at is not None
    assert notice.clause == "Sch. 2 1.1"


def test_a_change_of_the_list_leaves_an_earlier_snapshot_as_it_was(application, people, clock):
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    file = application.open(people.anna, "nordfrakt")
    before = freeze(file)
    carry_out(
        application, people.anna, "nordfrakt",
        snapshots.RecordSnapshot(file.now.date(), file.now, file.sequence, before.digest),
    )  # fmt: skip
    clock.pass_days(1)
    announce(application, people)
    clock.pass_days(40)
    after = freeze(application.open(people.anna, "nordfrakt"))
    found = {(c.part, c.what): (c.before, c.after) for c in diff(before, after)}
    assert found["Sub-processors", "Talvox"] == ("not engaged", "engaged")
    assert found["Sub-processors", "DeepGram"] == ("engaged", "not engaged")
    assert freeze(application.reopen(people.anna, "nordfrakt", file.sequence, file.now)) == before


def test_the_portfolio_counts_requests_and_follows_the_list(application, people, clock):
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True, voice=True)
    act(application, people.anna, AUDIT)
    announce(application, people)
    found = portfolio.Overview(application.portfolio(people.david))
    [line] = found.listed()
    assert {tasks.kind(d.task) for d in found.falling_due()} == {
        "Audit",
        "Sub-processor change",
        "Coming sub-processor change",
    }
    assert line.next_due == found.falling_due()[0].last
    clock.pass_days(40)
    [later] = portfolio.Overview(application.portfolio(people.david)).listed()
    assert later.sub_processors == line.sub_processors
    assert line.outside["processing"] == later.outside["processing"] == ("USA",)


def test_a_review_shows_requests(application, people):
    act(application, people.anna, AUDIT)
    at = visit("review", application, people.david, "nordfrakt")
    at = next(b for b in at.button if b.label == "Start a review").click().run()
    for _ in range(3):
        at = next(b for b in at.button if b.label == "Next").click().run()
    assert "Requests" in shown(at)
    assert "Audit" in list(at.dataframe[0].value["Kind"])
