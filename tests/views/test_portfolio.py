"""All customers of an account manager, each in a line."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from dpa_core import access
from dpa_core.access import Forbidden
from dpa_core.subjects import customers, features, objections, retention, reviews
from dpa_core.subjects.grants import GrantAccess
from dpa_core.views import portfolio, tasks
from tests.conftest import NOW, carry_out, email
from tests.test_requests import act, announce


def overview(application, person):
    return portfolio.Overview(application.portfolio(person))


def lines(application, person):
    return overview(application, person).listed()


def ids(application, person):
    return [line.customer_id for line in lines(application, person)]


@pytest.mark.parametrize("name", ["anna", "clara", "henrik", "farid"])
def test_it_is_for_the_provider_only(application, people, name):
    with pytest.raises(Forbidden):
        application.portfolio(getattr(people, name))


def test_an_account_manager_sees_own_customers_and_an_officer_all(application, people):
    assert ids(application, people.david) == ["nordfrakt"]
    assert ids(application, people.eva) == ["fjallbank", "nordfrakt", "solsidan"]


def test_being_a_reader_elsewhere_adds_nothing_to_the_portfolio(application, people):
    application.change_access(people.eva, GrantAccess(email("david"), "customer_reader", "solsidan"))
    assert ids(application, people.david) == ["nordfrakt"]


def test_a_line_tells_the_facts(application, people, clock):
    action = reviews.Action(what="Send the list", side="provider", due=date(2026, 11, 27))
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("", (action,)))
    clock.pass_days(2)
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    carry_out(application, people.anna, "nordfrakt", retention.SetPeriod("chats", 60))
    [line] = lines(application, people.david)
    assert (line.on, line.sub_processors) == ({"speech_analytics"}, 3)
    assert line.outside == {"processing": ("USA",), "delivery": ("USA", "Worldwide"), "access": ()}
    assert line.places == ("EU/EEA", "USA", "USA (delivery)", "Worldwide (delivery)")
    assert line.days_since_review == 2
    dated = [tasks.kind(d.task) for d in overview(application, people.david).falling_due() if d.last]
    assert dated == ["Agreed action", "Coming retention period"]
    assert line.open_tasks == 3
    assert line.next_due and line.next_due.date() == date(2026, 11, 27)


def test_charts_count_over_all_customers(application, people):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    carry_out(application, people.henrik, "solsidan", voice=True, speech_analytics=True)
    carry_out(application, people.henrik, "solsidan", retention.SetPeriod("chats", 60))
    found = overview(application, people.eva)
    assert found.adoption() == {"voice": 2, "speech_analytics": 1}
    assert found.exposure() == {"EU/EEA": 3, "USA": 1, "USA (delivery)": 3, "Worldwide (delivery)": 3}
    [due] = found.falling_due()
    assert (due.customer_id, due.customer, due.task.due) == (
        "solsidan",
        "Solsidan AB",
        NOW + timedelta(days=7),
    )
    assert found.due_by_day() == {(date(2026, 12, 1), "Coming retention period"): 1}
    assert found.totals() == portfolio.Totals(
        customers=3,
        outside={"processing": 1, "delivery": 3, "access": 0},
        never_reviewed=3,
        open_tasks=1,
    )


def test_the_list_is_searched_sorted_and_cut(application, people):
    carry_out(application, people.anna, "nordfrakt", voice=True, speech_analytics=True)
    carry_out(application, people.henrik, "solsidan", voice=True)
    carry_out(application, people.henrik, "solsidan", retention.SetPeriod("chats", 60))
    found = overview(application, people.eva)
    assert [line.customer_id for line in found.listed("S AB")] == []
    assert [line.customer_id for line in found.listed("FJÄLL")] == ["fjallbank"]
    assert (found.found("ab"), found.found("fjäll"), found.found("%")) == (3, 1, 0)
    orders = {order: [line.customer_id for line in found.listed(order=order)] for order in portfolio.ORDERS}
    assert orders["name"] == ["fjallbank", "nordfrakt", "solsidan"]
    assert orders["features"] == ["nordfrakt", "solsidan", "fjallbank"]
    assert orders["sub_processors"][0] == orders["outside"][0] == "nordfrakt"
    assert orders["open_tasks"][0] == orders["next_due"][0] == "solsidan"
    assert [line.customer_id for line in found.listed(page=1, size=2)] == ["solsidan"]
    assert found.listed(page=2, size=2) == []


def test_no_list_reads_a_folded_state(application, people, monkeypatch):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    asked = []
    read = application.ledger.rows
    monkeypatch.setattr(application.ledger, "rows", lambda sql, *rest: asked.append(sql) or read(sql, *rest))
    found = overview(application, people.eva)
    for question in (found.listed, found.totals, found.falling_due, found.due_by_day, found.found):
        question()
    assert application.directory(people.eva, "nord") == [("nordfrakt", "Nordfrakt Logistik AB")]
    assert asked
    # The person's own head is read by its key.
    assert not [sql for sql in asked if "heads" in sql and "customer_id IN ($1)" not in sql]


def of_its_own(application, person, customer):
    """A customer's numbers as its own pages have them."""
    file = application.open(person, customer)
    engaged = features.engaged_now(file.context)
    outside = features.outside_of(engaged, file.agreement)
    return file.context.in_use, len(engaged), outside, len(tasks.open_tasks(file))


@pytest.mark.parametrize("days", [0, 10, 20, 31, 32, 45, 62, 70])
def test_each_line_has_the_numbers_of_the_customers_own_list(application, people, clock, days):
    for person, customer in ((people.anna, "nordfrakt"), (people.henrik, "solsidan")):
        carry_out(application, person, customer, speech_analytics=True)
    change = announce(application, people)
    clock.pass_days(5)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    operator = access.operator(clock.now())
    application.open_customer(operator, customers.OpenCustomer("late", "Late AB"))
    application.change_access(operator, GrantAccess(email("henrik"), "customer_admin", "late"))
    people = replace(people, henrik=application.person(email("henrik")))
    carry_out(application, people.henrik, "late", speech_analytics=True)
    clock.pass_days(days)
    if days == 45:
        act(application, people.eva, objections.CannotHoldBack(change, "One list for all"))
    if days == 62:
        act(application, people.anna, objections.EndFeatures(change))
    found = {line.customer_id: line for line in lines(application, people.eva)}
    for person, customer in (
        (people.anna, "nordfrakt"),
        (people.henrik, "solsidan"),
        (people.henrik, "late"),
    ):
        line = found[customer]
        shown = (line.on, line.sub_processors, line.outside, line.open_tasks)
        assert shown == of_its_own(application, person, customer)
    assert application.verify() == []
