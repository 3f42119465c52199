"""What is open for one customer: requests, notices and objections beside its settings and reviews."""

from collections import Counter
from datetime import date, datetime, timedelta

from dpa_core.clock import STOCKHOLM
from dpa_core.subjects import assistance, incidents, objections, sub_processors
from dpa_core.views import portfolio, tasks
from tests.conftest import NOW
from tests.test_requests import AUDIT, BREACH, HELP, ORDER, act, announce, govern


def items(application, who, customer="nordfrakt"):
    return tasks.open_tasks(application.open(who, customer))


def one(application, who, page, kind=None):
    [found] = [t for t in items(application, who) if tasks.page(t) == page and kind in (None, tasks.kind(t))]
    return found


def day(task):
    return tasks.due_at(task).astimezone(STOCKHOLM).date()


def test_a_new_customer_has_nothing_open(application, people):
    assert items(application, people.anna) == []


def test_a_request_tells_its_next_step_who_asked_and_its_entry(application, people):
    entry = act(application, people.anna, HELP)
    task = one(application, people.clara, "assistance")
    assert (tasks.kind(task), tasks.what(task)) == (
        "Assistance",
        "Data protection impact assessment: Voicebot · Answer",
    )
    assert tasks.due_at(task) == datetime(2026, 12, 8, 23, 59, tzinfo=STOCKHOLM)
    assert (task.waits_for, task.clause, task.opened_at) == ("provider", "3.1(ix)", NOW)
    assert (task.by, task.entry) == (people.anna.id, entry)


def test_every_kind_of_task_is_there_once(application, people):
    for command in (AUDIT, HELP, ORDER):
        act(application, people.anna, command)
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No transfer assessment", True))
    found = [(tasks.kind(t), t.waits_for) for t in items(application, people.anna)]
    assert sorted(found, key=str) == [
        ("Assistance", "provider"),
        ("Audit", "provider"),
        ("Coming sub-processor change", None),
        ("Return and deletion", "provider"),
        ("Sub-processor change", "provider"),
    ]


def test_an_objection_names_who_objected_and_a_notice_nobody_of_the_provider(application, people):
    change = announce(application, people)
    notice = one(application, people.anna, "notices", "Sub-processor change")
    assert (notice.by, notice.entry, notice.opened_at) == (None, None, NOW)
    assert day(notice) == date(2026, 12, 24)
    act(application, people.anna, objections.ObjectToChange(change, "No transfer assessment", True))
    objection = one(application, people.anna, "notices", "Sub-processor change")
    assert tasks.what(objection) == "Objection: Replacement of DeepGram by Talvox · Propose a cure"
    assert objection.by == people.anna.id


def test_a_coming_change_is_open_until_it_counts(application, people, clock):
    announce(application, people, ahead=40)
    assert day(one(application, people.anna, "notices", "Coming sub-processor change")) == date(2027, 1, 3)
    clock.pass_days(35)
    assert [tasks.kind(t) for t in items(application, people.anna)] == ["Coming sub-processor change"]
    clock.pass_days(10)
    assert items(application, people.anna) == []


def test_a_change_taken_back_is_no_longer_coming(application, people):
    change = announce(application, people)
    govern(application, people.eva, sub_processors.WithdrawChange(change, "No contract"))
    assert items(application, people.anna) == []


def test_an_incident_is_open_for_those_told_only(application, people):
    incident = govern(application, people.eva, BREACH)
    assert items(application, people.anna) == []
    told = dict.fromkeys(incidents.ITEMS, "Known")
    govern(application, people.eva, incidents.NotifyCustomers(incident, told, ("nordfrakt",)))
    assert {tasks.what(t) for t in items(application, people.anna)} == {
        "Personal data breach: Leak · Acknowledge the notice",
        "Personal data breach: Leak · Decide whom you notify, without undue delay",
    }
    assert items(application, people.henrik, "solsidan") == []


def test_what_is_due_comes_first_and_the_order_is_always_the_same(application, people):
    for command in (ORDER, AUDIT, HELP, assistance.RequestHelp("dora_information", "ISO", "The certificate")):
        act(application, people.anna, command)
    announce(application, people)
    found = items(application, people.anna)
    assert found == items(application, people.clara)
    places = [tasks.due_at(t) or t.opened_at for t in found]
    assert places == sorted(places)
    assert None in [t.due for t in found]


def test_the_portfolio_counts_what_each_customer_sees(application, people, clock):
    act(application, people.anna, AUDIT)
    act(application, people.anna, HELP)
    change = announce(application, people, ahead=40)
    act(application, people.henrik, objections.ObjectToChange(change, "No assessment", True), "solsidan")
    incident = govern(application, people.eva, BREACH)
    told = dict.fromkeys(incidents.ITEMS, "Known")
    govern(application, people.eva, incidents.NotifyCustomers(incident, told, ("nordfrakt",)))
    for days in (0, 31, 9, 30):
        clock.pass_days(days)
        found = portfolio.Overview(application.portfolio(people.eva))
        expected = []
        for line in found.listed():
            seen = items(application, people.eva, line.customer_id)
            dated = [(tasks.last_moment(t), t) for t in seen if t.due]
            assert line.open_tasks == len(seen)
            assert line.next_due == min((at for at, _ in dated), default=None)
            expected += [(line.customer_id, t.key, tasks.what(t), tasks.last_moment(t)) for t in seen]
        listed = found.falling_due()
        due = [(d.customer_id, d.task.key, tasks.what(d.task), d.last) for d in listed]
        assert sorted(due, key=str) == sorted(expected, key=str)
        places = [d.last or d.task.opened_at for d in listed]
        assert places == sorted(places)
        dated = (d.task for d in listed if d.last)
        by_day = Counter((tasks.last_day_of(t), tasks.kind(t)) for t in dated)
        assert found.due_by_day() == by_day
        assert found.totals().open_tasks == sum(line.open_tasks for line in found.listed())


def test_the_portfolio_places_customers_by_the_list_that_counts(application, people, clock):
    act(application, people.anna, HELP)
    before = portfolio.Overview(application.portfolio(people.eva)).exposure()
    core = sub_processors.DraftChange(
        "change",
        "aws",
        places=("usa",),
        mechanisms=("dpf",),
        reason="Moves",
        uses={"usa": ("processing",)},
        covered=True,
    )
    draft = govern(application, people.eva, core)
    effective = clock.now().date() + timedelta(days=31)
    govern(application, people.eva, sub_processors.PublishChange(draft, effective))
    clock.pass_days(32)
    after = portfolio.Overview(application.portfolio(people.eva)).exposure()
    assert (before["USA"], after["USA"]) == (0, 3)


def test_a_task_of_another_account_managers_customer_is_not_told(application, people):
    act(application, people.henrik, HELP, "solsidan")
    found = portfolio.Overview(application.portfolio(people.david))
    [line] = found.listed()
    assert (line.customer_id, line.open_tasks) == ("nordfrakt", 0)
    assert found.falling_due() == []
    assert (found.totals().open_tasks, found.due_by_day()) == (0, {})
