"""What is open for one customer: requests, notices and objections beside its settings and reviews."""

from datetime import date, datetime, timedelta

from dpa_core.clock import STOCKHOLM
from dpa_core.subjects import assistance, incidents, sub_processors
from dpa_core.views import portfolio
from dpa_core.views.open_items import KINDS, OpenItem, open_items
from tests.conftest import NOW
from tests.test_requests import AUDIT, BREACH, HELP, ORDER, act, announce, govern


def items(office, who, customer="nordfrakt"):
    return open_items(office.open(who, customer))


def one(office, who, page, kind=None):
    [found] = [i for i in items(office, who) if i.page == page and kind in (None, i.kind)]
    return found


def day(item):
    return item.due_at.astimezone(STOCKHOLM).date()


def test_a_new_customer_has_nothing_open(office, people):
    assert items(office, people.anna) == []


def test_a_request_tells_its_next_step_who_asked_and_its_entry(office, people):
    entry = act(office, people.anna, HELP)
    assert one(office, people.clara, "assistance") == OpenItem(
        page="assistance",
        kind="Assistance",
        what="Data protection impact assessment: Voicebot · Answer",
        waits_for="provider",
        due_at=datetime(2026, 12, 8, 23, 59, tzinfo=STOCKHOLM),
        clause="3.1(ix)",
        opened_at=NOW,
        by=people.anna.email,
        sequence=entry,
    )


def test_every_kind_of_matter_is_there_once(office, people):
    for command in (AUDIT, HELP, ORDER):
        act(office, people.anna, command)
    change = announce(office, people)
    act(office, people.anna, sub_processors.Object(change, "No transfer assessment", True))
    found = [(i.kind, i.waits_for) for i in items(office, people.anna)]
    assert sorted(found, key=str) == [
        ("Assistance", "provider"),
        ("Audit", "provider"),
        ("Coming sub-processor change", None),
        ("Return and deletion", "provider"),
        ("Sub-processor change", "provider"),
    ]


def test_an_objection_names_who_objected_and_a_notice_nobody_of_the_provider(office, people):
    change = announce(office, people)
    notice = one(office, people.anna, "notices", KINDS["notices"])
    assert (notice.by, notice.sequence, notice.opened_at) == (None, None, NOW)
    assert day(notice) == date(2026, 12, 24)
    act(office, people.anna, sub_processors.Object(change, "No transfer assessment", True))
    objection = one(office, people.anna, "notices", KINDS["notices"])
    assert objection.what == "Objection: Replacement of DeepGram by Talvox · Propose a cure"
    assert objection.by == people.anna.email


def test_a_coming_change_is_open_until_it_counts(office, people, clock):
    announce(office, people, ahead=40)
    assert day(one(office, people.anna, "notices", "Coming sub-processor change")) == date(2027, 1, 3)
    clock.pass_days(35)
    assert [i.kind for i in items(office, people.anna)] == ["Coming sub-processor change"]
    clock.pass_days(10)
    assert items(office, people.anna) == []


def test_a_change_taken_back_is_no_longer_coming(office, people):
    change = announce(office, people)
    govern(office, people.eva, sub_processors.WithdrawChange(change, "No contract"))
    assert items(office, people.anna) == []


def test_an_incident_is_open_for_those_told_only(office, people):
    incident = govern(office, people.eva, BREACH)
    assert items(office, people.anna) == []
    told = dict.fromkeys(incidents.ITEMS, "Known")
    govern(office, people.eva, incidents.Notify(incident, told, ("nordfrakt",)))
    assert {i.what for i in items(office, people.anna)} == {
        "Personal data breach: Leak · Acknowledge the notice",
        "Personal data breach: Leak · Decide whom you notify",
    }
    assert items(office, people.henrik, "solsidan") == []


def test_what_is_due_comes_first_and_the_order_is_always_the_same(office, people):
    for command in (ORDER, AUDIT, HELP, assistance.RequestHelp("security", "ISO", "The certificate")):
        act(office, people.anna, command)
    announce(office, people)
    found = items(office, people.anna)
    assert found == items(office, people.clara)
    dated = [i.due_at for i in found if i.due_at]
    assert dated == sorted(dated)
    assert [i.due_at for i in found[-1:]] == [None]


def test_the_portfolio_counts_what_each_customer_sees(office, people, clock):
    act(office, people.anna, AUDIT)
    act(office, people.anna, HELP)
    change = announce(office, people, ahead=40)
    act(office, people.henrik, sub_processors.Object(change, "No assessment", True), "solsidan")
    incident = govern(office, people.eva, BREACH)
    told = dict.fromkeys(incidents.ITEMS, "Known")
    govern(office, people.eva, incidents.Notify(incident, told, ("nordfrakt",)))
    for days in (0, 31, 9, 30):
        clock.pass_days(days)
        for line in portfolio.lines(office.portfolio(people.eva)):
            seen = items(office, people.eva, line.customer_id)
            facts = sorted((i.kind, i.what, str(i.due_at), i.clause) for i in seen)
            counted = sorted((i.kind, i.what, str(i.due_at), i.clause) for i in line.open_items)
            assert counted == facts
            assert line.next_due == min((i.due_at for i in seen if i.due_at), default=None)


def test_the_portfolio_places_customers_by_the_list_that_counts(office, people, clock):
    act(office, people.anna, HELP)
    before = portfolio.exposure(portfolio.lines(office.portfolio(people.eva)))
    core = sub_processors.DraftChange("change", "aws", places=("usa",), mechanisms=("dpf",), reason="Moves")
    draft = govern(office, people.eva, core)
    effective = clock.now().date() + timedelta(days=30)
    govern(office, people.eva, sub_processors.PublishChange(draft, effective))
    clock.pass_days(31)
    after = portfolio.exposure(portfolio.lines(office.portfolio(people.eva)))
    assert (before["USA"], after["USA"]) == (0, 3)


def test_a_matter_of_another_account_managers_customer_is_not_told(office, people):
    act(office, people.henrik, HELP, "solsidan")
    [line] = portfolio.lines(office.portfolio(people.david))
    assert (line.customer_id, line.open_items) == ("nordfrakt", ())
