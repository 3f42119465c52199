"""Incidents. Clause: 3.1(x), Sch. 3 1.4(iii); the controller's own duty: Art. 33 and 34 GDPR"""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dpa_core.subjects import incidents
from dpa_core.subjects.common import FileRef, Refusal
from dpa_core.subjects.incidents import (
    DECISIONS,
    DECISIONS_OF,
    INCIDENTS,
    ITEMS,
    ITEMS_OF,
    KIND_NAMES,
    POINTS,
    PROVIDER_INCIDENTS,
    PROVIDER_STAGES,
    PROVIDER_STATUS,
    STAGES,
    STATUS,
    AcknowledgeNotice,
    AddCustomers,
    CloseIncident,
    CorrectAwareness,
    NotifyCustomers,
    RecordDecision,
    RecordIncident,
    ReopenIncident,
    for_customer,
    previewed,
    provider_status,
    status,
)
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, TICK, Scenario

HOURS = timedelta(hours=72)
FULL = dict.fromkeys(ITEMS, "Known")
KINDS = list(KIND_NAMES)
BOTH = ("nordfrakt", "solsidan")
FILE = FileRef(name="log.txt", size=9, media_type="text/plain", sha256="0" * 64)
CUSTOMERS = frozenset({"nordfrakt", "solsidan", "fjallbank"})


def provider(at=NOW):
    return Scenario(PROVIDER_INCIDENTS, at, existing_customers=CUSTOMERS)


class Customer(Scenario):
    """What one customer does about what it was told of the provider's incidents."""

    def __init__(self, p, id="nordfrakt"):
        super().__init__(INCIDENTS, p.now)
        self.p, self.id = p, id

    def context(self, side="customer", **facts):
        return super().context(side, incidents=for_customer(self.p.state, self.id), **facts)


def breach(at=NOW, kind="breach", customers=("nordfrakt", "solsidan")):
    return RecordIncident(kind, "Misdirected exports", at, customers)


def full(kind):
    return dict.fromkeys(ITEMS_OF[kind], "Known")


def clause_of(kind):
    return "3.1(x)" if kind == "breach" else "Sch. 3 1.4(iii)"


def the(p, id=1):
    return p.state.incidents[id]


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (RecordIncident("breach", " ", NOW, ("nordfrakt",)), "title"),
        (RecordIncident("breach", "Leak", NOW, ()), "customers"),
        (RecordIncident("fire", "Leak", NOW, ("nordfrakt",)), "kind"),
        (RecordIncident("breach", "Leak", NOW + TICK, ("nordfrakt",)), "aware_at"),
        (RecordIncident("breach", "Leak", NOW - timedelta(days=400), ("nordfrakt",)), "aware_at"),
    ],
)
def test_what_a_record_must_say(command, field):
    assert provider().refused(command).field == field


@pytest.mark.parametrize(
    ("aware", "allowed"),
    [
        (NOW, True),
        (NOW + TICK, False),
        (NOW - incidents.OLDEST, True),
        (NOW - incidents.OLDEST - TICK, False),
    ],
)
def test_it_was_learnt_of_within_a_year_and_not_in_the_future(aware, allowed):
    p = provider()
    if allowed:
        p.go(breach(aware))
    else:
        assert p.refused(breach(aware)).field == "aware_at"


def test_only_customers_that_exist_are_concerned():
    p = provider()
    refusal = p.refused(breach(customers=("nordfrakt", "nobody")))
    assert refusal.message == "There is no customer “nobody”."
    assert (refusal.field, refusal.remedy) == ("customers", "`dpa customers` lists them.")
    p.go(breach())
    added = p.refused(AddCustomers(1, NOW, ("nobody", "fjallbank")))
    assert (added.field, added.message) == (refusal.field, refusal.message)
    # What else is wrong is said first.
    assert p.refused(breach(NOW + TICK, customers=("nobody",))).field == "aware_at"
    assert breach().named_customers == ("nordfrakt", "solsidan")


@pytest.mark.parametrize(
    "command",
    [
        breach(),
        AddCustomers(1, NOW, ("fjallbank",)),
        NotifyCustomers(1, FULL, ("nordfrakt",)),
        CorrectAwareness(1, NOW, ("nordfrakt",), "Read the mail again"),
        CloseIncident(1, "Over"),
        ReopenIncident(1, "More was found"),
    ],
)
def test_the_providers_own_ledger_is_governed(command):
    assert (command.by, command.needs("provider")) == (("provider",), "govern")


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_that_is_too_long_is_refused(item):
    p = provider()
    p.go(breach())
    refusal = p.refused(NotifyCustomers(1, FULL | {item: "x" * 9_000}, ("nordfrakt",)))
    assert (refusal.field, refusal.clause) == (item, "3.1(x)")


@pytest.mark.parametrize(
    ("aware", "until"),
    [
        (datetime(2026, 12, 30, 12, tzinfo=UTC), datetime(2027, 1, 2, 12, tzinfo=UTC)),
        # Hours are hours: the night the clocks change takes none away and adds none.
        (datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 30, 12, tzinfo=UTC)),
        (datetime(2027, 10, 30, 12, tzinfo=UTC), datetime(2027, 11, 2, 12, tzinfo=UTC)),
        (datetime(2028, 2, 27, 12, tzinfo=UTC), datetime(2028, 3, 1, 12, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_seventy_two_hours(aware, until, kind):
    p = provider(aware)
    p.go(breach(aware, kind))
    assert incidents.notify_until(the(p), "nordfrakt", AGREEMENT) == until
    in_time = provider(aware)
    in_time.go(breach(aware, kind))
    in_time.until(until).go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",)))
    assert the(in_time).notices[0].delay == ""
    late = p.until(until + TICK).refused(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",)))
    assert (late.field, late.clause) == ("delay", clause_of(kind))
    assert late.message == "It was due without undue delay, and the 72 hours are over."
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",), delay="Found late at night"))
    assert the(p).notices[0].delay


def test_a_customer_found_later_has_hours_of_its_own():
    p = provider()
    p.go(breach())
    p.until(NOW + timedelta(hours=80))
    p.go(AddCustomers(1, p.now, ("fjallbank",)))
    assert incidents.notify_until(the(p), "fjallbank", AGREEMENT) == p.now + HOURS
    assert p.refused(AddCustomers(1, p.now, ("nordfrakt",))).field == "customers"


def test_a_notice_goes_out_in_phases_and_each_is_kept():
    p = provider()
    p.go(breach())
    assert p.refused(NotifyCustomers(1, {"contact": "privacy"}, ("nordfrakt",))).field == "nature"
    assert p.refused(NotifyCustomers(1, {}, ("nordfrakt",))).field == "nature"
    assert p.refused(NotifyCustomers(1, FULL, ("fjallbank",))).field == "customers"
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",)))
    # Solsidan hears of it for the first time; what Nordfrakt was told is not passed on unseen.
    assert p.refused(NotifyCustomers(1, {"numbers": "140"}, ("nordfrakt", "solsidan"))).field == "nature"
    p.go(NotifyCustomers(1, {"numbers": "140"}, ("nordfrakt",)))
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("solsidan",)))
    assert [n.items for n in the(p).notices] == [
        {"nature": "A leak"},
        {"numbers": "140"},
        {"nature": "A leak"},
    ]
    assert the(p).missing == ("numbers", "contact", "consequences", "measures")


def test_an_incident_is_closed_once_all_are_told_everything():
    p = provider()
    p.go(breach())
    assert provider_status(the(p)) == "to_be_notified"
    assert "2 customers concerned were not notified" in p.refused(CloseIncident(1, "Over")).message
    assert CloseIncident not in incidents.provider_steps_open(the(p), p.state, p.context("provider"))
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt", "solsidan")))
    assert provider_status(the(p)) == "customers_notified"
    assert "Not told to every" in p.refused(CloseIncident(1, "Over")).message
    # The button that closes it is not offered before.
    assert CloseIncident not in incidents.provider_steps_open(the(p), p.state, p.context("provider"))
    p.go(NotifyCustomers(1, FULL, ("nordfrakt", "solsidan")))
    assert p.refused(CloseIncident(1, "")).field == "reason"
    assert CloseIncident in incidents.provider_steps_open(the(p), p.state, p.context("provider"))
    p.go(CloseIncident(1, "Over"))
    assert provider_status(the(p)) == "closed"
    refusal = p.refused(NotifyCustomers(1, FULL, ("nordfrakt",)))
    assert refusal.message == "No incident 1 is open."
    assert (refusal.field, refusal.clause) == ("incident", "3.1(x)")


def test_a_customer_sees_its_own_notices_and_no_other_customer():
    p = provider()
    p.go(breach())
    assert for_customer(p.state, "nordfrakt") == {}
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt", "solsidan")))
    p.go(NotifyCustomers(1, {"numbers": "Of Solsidan: 140"}, ("solsidan",)))
    seen = for_customer(p.state, "nordfrakt")[1].model_dump_json()
    assert "solsidan" not in seen.lower()
    assert "140" not in seen
    assert for_customer(p.state, "fjallbank") == {}


def test_the_customer_acknowledges_and_notes_its_own_decision():
    p = provider()
    p.go(breach())
    c = Customer(p)
    assert "no such notice" in c.refused(AcknowledgeNotice(1, 1)).message
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",)))

    def open_now():
        found = c.open_tasks()
        assert {waits_for for waits_for, _ in found} <= {"customer"}
        return [step for _, step in found]

    assert open_now() == ["Acknowledge the notice", "Decide whom you notify, without undue delay"]
    c.go(AcknowledgeNotice(1, 1))
    assert "already" in c.refused(AcknowledgeNotice(1, 1)).message
    assert "no such notice" in c.refused(AcknowledgeNotice(1, 2)).message
    assert "does not fit" in c.refused(RecordDecision(1, "authority"), "provider").message
    assert c.refused(RecordDecision(1, "undecided")).field == "decision"
    assert c.refused(RecordDecision(1, "none")).clause == "Art. 33(5) GDPR"
    c.go(RecordDecision(1, "authority"))
    assert "noted already" in c.refused(RecordDecision(1, "authority")).message
    assert open_now() == []
    p.go(NotifyCustomers(1, {"numbers": "140"}, ("nordfrakt",)))
    assert open_now() == ["Acknowledge the notice"]
    assert status(c.context().incidents[1], c.state) == "new_notice"
    assert "already" in c.refused(AcknowledgeNotice(1, 1)).message
    assert c.state.handling[1].decision == "authority"


def test_a_customer_is_offered_to_acknowledge_while_something_is_new():
    p = provider()
    p.go(breach())
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",)))
    c = Customer(p)

    def offered():
        incident = c.context().incidents[1]
        last = incident.notices[-1].number
        c.check_steps(incident, [AcknowledgeNotice(1, last), RecordDecision(1, "authority")])
        return incidents.steps_open(incident, c.state, c.context())

    assert offered() == (AcknowledgeNotice, RecordDecision)
    c.go(AcknowledgeNotice(1, 1))
    assert offered() == (RecordDecision,)
    p.go(NotifyCustomers(1, {"numbers": "140"}, ("nordfrakt",)))
    assert offered() == (AcknowledgeNotice, RecordDecision)


def test_a_customer_found_after_all_others_were_notified_is_to_be_notified():
    p = provider()
    p.go(breach())
    p.go(NotifyCustomers(1, FULL, ("nordfrakt", "solsidan")))
    p.go(AddCustomers(1, NOW, ("fjallbank",)))
    assert provider_status(the(p)) == "to_be_notified"
    assert "1 customer concerned was not notified" in p.refused(CloseIncident(1, "Over")).message
    # The number counts within the incident: a customer's first notice may be the second.
    p.go(NotifyCustomers(1, FULL, ("fjallbank",)))
    assert for_customer(p.state, "fjallbank")[1].notices[0].number == 2
    p.go(CloseIncident(1, "Over"))


def test_what_waits_for_the_provider():
    p = provider()
    p.go(breach())
    (task,) = PROVIDER_INCIDENTS.tasks(p.state, p.context("provider"))
    step = "Notify the customers concerned (2) without undue delay"
    assert (task.due, PROVIDER_INCIDENTS.step_of(task)) == (NOW + HOURS, step)
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt", "solsidan")))
    (task,) = PROVIDER_INCIDENTS.tasks(p.state, p.context("provider"))
    assert (task.due, PROVIDER_INCIDENTS.step_of(task)) == (None, "Send an update")
    assert (task.key, task.waits_for, task.clause) == ("incidents/1", "provider", "3.1(x)")
    p.go(NotifyCustomers(1, FULL, ("nordfrakt", "solsidan")))
    assert p.open_tasks("provider") == [("provider", "Update, or close it")]
    p.go(CloseIncident(1, "Over"))
    assert p.open_tasks("provider") == []


def test_it_is_due_when_the_first_hours_are_over_and_counts_all_that_wait():
    p = provider()
    many = [f"customer-{n}" for n in range(1200)]
    p.facts["existing_customers"] |= set(many)
    p.go(breach())
    p.until(NOW + timedelta(hours=10))
    p.go(AddCustomers(1, p.now, tuple(many)))
    (task,) = PROVIDER_INCIDENTS.tasks(p.state, p.context("provider"))
    assert task.due == NOW + HOURS
    assert PROVIDER_INCIDENTS.step_of(task) == "Notify the customers concerned (1202) without undue delay"
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt", "solsidan")))
    (task,) = PROVIDER_INCIDENTS.tasks(p.state, p.context("provider"))
    assert task.due == NOW + timedelta(hours=10) + HOURS


@pytest.mark.parametrize(
    ("kind", "title", "clause"),
    [
        ("breach", "Personal data breach: Misdirected exports", "3.1(x)"),
        ("ict", "Major ICT incident (DORA): Misdirected exports", "Sch. 3 1.4(iii)"),
        ("threat", "Significant cyber threat (DORA): Misdirected exports", "Sch. 3 1.4(iii)"),
    ],
)
def test_both_sides_read_the_same_title(kind, title, clause):
    p = provider()
    p.go(breach(kind=kind))
    (own,) = PROVIDER_INCIDENTS.tasks(p.state, p.context("provider"))
    p.until(NOW + TICK).go(NotifyCustomers(1, full(kind), ("nordfrakt",)))
    c = Customer(p)
    acknowledge, *decide = INCIDENTS.notices(c.state, c.context())
    words = ("Incident", title)
    assert (PROVIDER_INCIDENTS.title_of(own), INCIDENTS.title_of(acknowledge)) == (words, words)
    assert (own.clause, acknowledge.clause) == (clause, clause)
    assert (acknowledge.due, acknowledge.opened_at) == (None, NOW + TICK)
    # The controller's own hours are of breaches only, and run from the first notice.
    own_hours = [(t.key, t.due, t.clause) for t in decide]
    expected = [("incidents/1/own", NOW + TICK + HOURS, "Art. 33(1) GDPR")]
    assert own_hours == (expected if kind == "breach" else [])


def test_every_state_has_a_label_and_a_stage():
    assert set(PROVIDER_STATUS) == set(PROVIDER_STAGES) == set(get_args(incidents.ProviderStatus))
    assert set(STATUS) == set(STAGES) == set(get_args(incidents.Status))


def test_files_of_every_notice_are_named():
    p = provider()
    p.go(breach())
    assert list(PROVIDER_INCIDENTS.files(p.state)) == []
    p.go(NotifyCustomers(1, FULL, ("nordfrakt",), files=(FILE,)))
    p.go(NotifyCustomers(1, FULL, ("solsidan",), files=(FILE, FILE)))
    assert list(PROVIDER_INCIDENTS.files(p.state)) == [FILE, FILE, FILE]


def told_of(incident):
    """What a customer reads of an incident, without who sent its notices."""
    return incident.but(notices=tuple(n.but(by="") for n in incident.notices))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_told_in_items_of_its_own(kind):
    p = provider()
    p.go(breach(kind=kind))
    for other in KINDS:
        for item in set(ITEMS_OF[other]) - set(ITEMS_OF[kind]):
            refusal = p.refused(NotifyCustomers(1, {"nature": "A leak", item: "Known"}, BOTH))
            assert (refusal.field, refusal.clause) == (item, clause_of(kind))
            assert KIND_NAMES[kind] in refusal.message
    p.go(NotifyCustomers(1, {"nature": "A leak"}, BOTH))
    assert the(p).missing == tuple(ITEMS_OF[kind])[1:]
    p.go(NotifyCustomers(1, full(kind), BOTH))
    assert (the(p).missing, tuple(the(p).items)) == ((), tuple(ITEMS_OF[kind]))
    p.go(CloseIncident(1, "Over"))


def test_an_ict_incident_is_asked_for_its_services_and_not_for_data_subjects():
    assert {"services", "duration", "severity", "root_cause"} <= set(ITEMS_OF["ict"])
    assert not {"numbers", "consequences"} & {*ITEMS_OF["ict"], *ITEMS_OF["threat"]}
    assert list(ITEMS_OF["breach"]) == list(ITEMS) == list(POINTS)
    assert list(dict.fromkeys(POINTS.values())) == [f"Art. 33(3)({point}) GDPR" for point in "abcd"]
    assert POINTS["nature"] == POINTS["numbers"]


def test_an_ict_incident_told_in_the_items_of_a_breach_is_still_read_and_asked_for_its_own():
    p = provider()
    p.go(breach(kind="ict"))
    old = incidents.Notified(incident=1, items=FULL, customers=BOTH, delay="", files=())
    for event in recorded([old], NOW, after=1, actor="eva", behalf="processor"):
        p.state = PROVIDER_INCIDENTS.evolve(p.state, event)
    p.sequence = 2
    assert list(the(p).items) == list(ITEMS)
    assert the(p).labels["numbers"] == ITEMS["numbers"]
    assert the(p).labels["nature"] == "What happened"
    assert the(p).missing == ("services", "duration", "severity", "root_cause")
    refusal = p.refused(CloseIncident(1, "Over"))
    assert (refusal.clause, refusal.field) == ("Sch. 3 1.4(iii)", "incident")
    assert "Services affected" in refusal.message
    p.go(NotifyCustomers(1, full("ict"), BOTH))
    p.go(CloseIncident(1, "Over"))


@pytest.mark.parametrize(
    ("kind", "duty", "record"),
    [
        ("breach", "Art. 33(1) GDPR", "Art. 33(5) GDPR"),
        ("ict", "Art. 19(1) DORA", "Art. 17(2) DORA"),
        ("threat", "Art. 19(2) DORA", "Art. 17(2) DORA"),
    ],
)
def test_decisions_fit_what_happened(kind, duty, record):
    p = provider()
    p.go(breach(kind=kind))
    p.go(NotifyCustomers(1, {"nature": "A leak"}, BOTH))
    c = Customer(p)
    for decision in DECISIONS:
        command = RecordDecision(1, decision, "Why")
        if decision in DECISIONS_OF[kind]:
            assert c.decided(command)[0].decision == decision
            continue
        refusal = c.refused(command)
        assert (refusal.field, refusal.clause) == ("decision", duty)
        if decision != "undecided":
            assert KIND_NAMES[kind] in refusal.message
    assert (c.refused(RecordDecision(1, "none")).clause, c.refused(RecordDecision(1, "none")).field) == (
        record,
        "reason",
    )
    named = {d for of in DECISIONS_OF.values() for d in of}
    assert named == set(DECISIONS) - {"undecided"}
    law = "GDPR" if kind == "breach" else "DORA"
    assert all(law in DECISIONS[d] for d in DECISIONS_OF[kind] if d != "none")


def test_only_a_breach_asks_every_customer_for_a_decision():
    for kind in KINDS:
        p = provider()
        p.go(breach(kind=kind))
        assert incidents.asks_for_decision(the(p)) is (kind == "breach")


# --- when it was learnt of -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_corrected_moment_moves_the_hours_and_both_are_kept(kind):
    p = provider()
    p.go(breach(kind=kind))
    p.until(NOW + timedelta(hours=10))
    earlier = NOW - timedelta(hours=6)
    p.go(CorrectAwareness(1, earlier, ("nordfrakt",), "The first mail was overlooked"))
    assert incidents.notify_until(the(p), "nordfrakt", AGREEMENT) == earlier + HOURS
    assert incidents.notify_until(the(p), "solsidan", AGREEMENT) == NOW + HOURS
    (task,) = PROVIDER_INCIDENTS.tasks(p.state, p.context("provider"))
    assert task.due == earlier + HOURS
    (correction,) = the(p).corrections
    assert (correction.before, correction.aware_at) == ({"nordfrakt": NOW}, earlier)
    assert (correction.reason, correction.at) == ("The first mail was overlooked", p.now)
    p.go(NotifyCustomers(1, {"nature": "A leak"}, BOTH))
    assert for_customer(p.state, "nordfrakt")[1].corrections[0].before == {"nordfrakt": NOW}
    assert for_customer(p.state, "solsidan")[1].corrections == ()


def test_a_corrected_moment_is_told_without_the_other_customers_and_without_who_corrected_it():
    p = provider()
    p.go(breach())
    p.go(CorrectAwareness(1, NOW - TICK, BOTH, "Read again"))
    p.go(NotifyCustomers(1, {"nature": "A leak"}, BOTH))
    seen = for_customer(p.state, "nordfrakt")[1]
    assert "solsidan" not in seen.model_dump_json()
    assert [(c.by, c.reason) for c in seen.corrections] == [("", "Read again")]


@pytest.mark.parametrize(("after", "late"), [(timedelta(0), False), (TICK, True)])
def test_a_corrected_moment_can_make_a_notice_late(after, late):
    p = provider()
    p.go(breach())
    p.until(NOW + timedelta(hours=60) + after)
    p.go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",)))
    assert not incidents.told_late(the(p), "nordfrakt", AGREEMENT)
    p.go(CorrectAwareness(1, NOW - timedelta(hours=12), BOTH, "The first mail was overlooked"))
    assert incidents.told_late(the(p), "nordfrakt", AGREEMENT) is late
    assert not incidents.told_late(the(p), "solsidan", AGREEMENT)  # not told at all yet


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_correction_must_say(kind):
    p = provider()
    p.go(breach(kind=kind))
    p.until(NOW + timedelta(hours=2)).go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",)))
    p.until(NOW + timedelta(hours=5))

    def said(at, customers=("nordfrakt",), reason="Read again"):
        refusal = p.refused(CorrectAwareness(1, at, customers, reason))
        assert refusal.clause == clause_of(kind)
        return refusal.field, refusal.code

    assert said(p.now + TICK) == ("aware_at", "incidents.aware_to_come")
    assert said(NOW - incidents.OLDEST - TICK) == ("aware_at", "incidents.aware_long_ago")
    assert said(NOW + timedelta(hours=2) + TICK) == ("aware_at", "incidents.aware_after_notice")
    assert said(NOW) == ("aware_at", "incidents.aware_already")
    assert said(NOW - TICK, ()) == ("customers", "incidents.no_customer_corrected")
    assert said(NOW - TICK, ("fjallbank",)) == ("customers", "incidents.no_customer_corrected")
    assert said(NOW - TICK, reason=" ") == ("reason", "common.reason_missing")
    p.go(CorrectAwareness(1, NOW + timedelta(hours=2), ("nordfrakt",), "Read again"))  # the very notice
    p.go(CorrectAwareness(1, p.now, ("solsidan",), "Read again"))  # who was told nothing yet
    # Only those for whom it changes something are written.
    p.go(CorrectAwareness(1, NOW + timedelta(hours=2), BOTH, "Read again"))
    assert [tuple(c.before) for c in the(p).corrections] == [("nordfrakt",), ("solsidan",), ("solsidan",)]


def test_a_moment_of_long_ago_can_still_be_put_right():
    p = provider()
    p.go(breach())
    p.until(NOW + timedelta(days=800))
    p.go(CorrectAwareness(1, NOW - timedelta(hours=1), ("nordfrakt",), "Read again"))
    assert the(p).aware["nordfrakt"] == NOW - timedelta(hours=1)


def test_what_is_closed_is_opened_again_to_put_it_right():
    p = provider()
    p.go(breach())
    assert p.refused(ReopenIncident(1, "More")).code == "incidents.does_not_fit"
    p.go(NotifyCustomers(1, FULL, BOTH))
    p.go(CloseIncident(1, "Over"))
    assert p.refused(CorrectAwareness(1, NOW - TICK, BOTH, "Read again")).code == "incidents.not_open"
    assert p.refused(ReopenIncident(1, "")).field == "reason"
    p.go(ReopenIncident(1, "The numbers were wrong"))
    assert (provider_status(the(p)), the(p).closed_at) == ("customers_notified", None)
    p.go(NotifyCustomers(1, {"numbers": "150, not 140"}, BOTH))
    p.go(CloseIncident(1, "Over"))


# --- the notice before it goes out, and what it puts right -------------------------------------------


def test_a_preview_is_what_each_customer_told_will_read():
    p = provider()
    p.go(breach())
    p.until(NOW + timedelta(hours=1)).go(NotifyCustomers(1, {"nature": "A leak"}, ("nordfrakt",)))
    p.until(NOW + timedelta(hours=3))
    command = NotifyCustomers(1, {"nature": "A theft", "numbers": "140"}, BOTH, files=(FILE,))
    would = previewed(command, p.state, p.context("provider"))
    assert list(would) == list(BOTH)
    assert [len(would[c].notices) for c in BOTH] == [2, 1]
    assert would["nordfrakt"].items == {"nature": "A theft", "numbers": "140"}
    assert incidents.replaced(would["nordfrakt"], would["nordfrakt"].notices[-1], "nordfrakt") == ("nature",)
    assert incidents.replaced(would["solsidan"], would["solsidan"].notices[-1], "solsidan") == ()
    p.go(command)
    for customer_id in BOTH:
        assert told_of(for_customer(p.state, customer_id)[1]) == told_of(would[customer_id])
    with pytest.raises(Refusal, match="says nothing"):
        previewed(NotifyCustomers(1, {}, BOTH), p.state, p.context("provider"))


def test_what_one_customer_was_told_is_not_taken_for_what_another_was():
    p = provider()
    p.go(breach())
    p.go(NotifyCustomers(1, {"nature": "A leak"}, BOTH))
    p.go(NotifyCustomers(1, {"numbers": "140"}, ("nordfrakt",)))
    assert the(p).told("nordfrakt") == {"nature": "A leak", "numbers": "140"}
    assert the(p).told("solsidan") == {"nature": "A leak"}
    p.go(NotifyCustomers(1, {"numbers": "12"}, ("solsidan",)))
    assert incidents.replaced(the(p), the(p).notices[-1], "solsidan") == ()
    p.go(NotifyCustomers(1, {"numbers": "13", "nature": "A leak"}, ("solsidan",)))
    assert incidents.replaced(the(p), the(p).notices[-1], "solsidan") == ("numbers",)


class Incidents(RuleBasedStateMachine):
    """No course of steps closes an incident untold, is late without a reason, or tells one of another."""

    def __init__(self):
        super().__init__()
        self.p = provider()
        self.told = {who: Customer(self.p, who) for who in ("nordfrakt", "solsidan")}

    @rule(hours=st.integers(1, 100))
    def time_passes(self, hours):
        self.p.until(self.p.now + timedelta(hours=hours))

    @rule(
        kind=st.sampled_from(KINDS),
        ago=st.integers(-1, 90),
        customers=st.sets(st.sampled_from(["nordfrakt", "solsidan"])),
    )
    def record(self, kind, ago, customers):
        self.p.attempt(breach(self.p.now - timedelta(hours=ago), kind, tuple(customers)))

    @rule(
        id=st.integers(1, 6),
        items=st.sets(st.sampled_from(list(ITEMS))),
        customers=st.sets(st.sampled_from(["nordfrakt", "solsidan"])),
        delay=st.sampled_from(["", "Found late"]),
    )
    def notify(self, id, items, customers, delay):
        told = dict.fromkeys(items, "Known")
        command = NotifyCustomers(id, told, tuple(customers), delay)
        before = self.p.state
        try:
            would = previewed(command, self.p.state, self.p.context("provider"))
        except Refusal:
            assert not self.p.attempt(command)
            return
        assert self.p.state == before  # to look sends nothing
        self.p.go(command)
        for who, seen in would.items():
            assert told_of(for_customer(self.p.state, who)[id]) == told_of(seen)

    @rule(
        id=st.integers(1, 6),
        hours=st.integers(-100, 100),
        customers=st.sets(st.sampled_from(["nordfrakt", "solsidan"])),
    )
    def correct(self, id, hours, customers):
        at = self.p.now + timedelta(hours=hours)
        self.p.attempt(CorrectAwareness(id, at, tuple(customers), "Read again"))

    @rule(id=st.integers(1, 6))
    def reopen(self, id):
        self.p.attempt(ReopenIncident(id, "More was found"))

    @rule(id=st.integers(1, 6), customer=st.sampled_from(["nordfrakt", "solsidan"]))
    def widen(self, id, customer):
        self.p.attempt(AddCustomers(id, self.p.now, (customer,)))

    @rule(id=st.integers(1, 6))
    def close(self, id):
        self.p.attempt(CloseIncident(id, "Over"))

    @rule(id=st.integers(1, 6), number=st.integers(1, 5), who=st.sampled_from(["nordfrakt", "solsidan"]))
    def acknowledge(self, id, number, who):
        if self.told[who].attempt(AcknowledgeNotice(id, number)):
            assert number in {n.number for n in for_customer(self.p.state, who)[id].notices}

    @rule(
        id=st.integers(1, 6),
        who=st.sampled_from(["nordfrakt", "solsidan"]),
        decision=st.sampled_from(list(incidents.DECISIONS)),
    )
    def decide(self, id, who, decision):
        if self.told[who].attempt(RecordDecision(id, decision, "Why")):
            assert decision in DECISIONS_OF[for_customer(self.p.state, who)[id].kind]

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        for incident in self.p.state.incidents.values():
            everyone = tuple(incident.aware)
            examples = [
                AddCustomers(incident.id, self.p.now, ("fjallbank",)),
                NotifyCustomers(incident.id, full(incident.kind), everyone, "Found late"),
                CorrectAwareness(incident.id, min(incident.aware.values()) - TICK, everyone, "Read again"),
                CloseIncident(incident.id, "Over"),
                ReopenIncident(incident.id, "More was found"),
            ]
            self.p.check_steps(incident, examples)

    @invariant()
    def what_a_customer_is_offered_is_what_is_accepted(self):
        for c in self.told.values():
            for incident in c.context().incidents.values():
                examples = [
                    AcknowledgeNotice(incident.id, incident.notices[-1].number),
                    RecordDecision(incident.id, "none", "A reason not given before"),
                ]
                c.check_steps(incident, examples)

    @invariant()
    def nobody_is_late_without_a_reason(self):
        for incident in self.p.state.incidents.values():
            for customer_id in incident.aware:
                first = next((n for n in incident.notices if customer_id in n.customers), None)
                assert incidents.told_late(incident, customer_id, AGREEMENT) == bool(
                    first and first.at > incidents.notify_until(incident, customer_id, AGREEMENT)
                )
                if incidents.told_late(incident, customer_id, AGREEMENT):
                    assert first.delay or any(customer_id in c.before for c in incident.corrections)

    @invariant()
    def no_moment_is_lost(self):
        for incident in self.p.state.incidents.values():
            for customer_id, aware in incident.aware.items():
                own = [c for c in incident.corrections if customer_id in c.before]
                moments = [*(c.before[customer_id] for c in own), aware]
                assert [c.aware_at for c in own] == moments[1:]
                first = incident.first_notice(customer_id)
                assert first is None or aware <= first.at

    @invariant()
    def what_is_closed_was_told_to_all(self):
        for incident in self.p.state.incidents.values():
            if incident.closed_at:
                assert not incident.waiting
                assert not incident.missing

    @invariant()
    def nobody_sees_another_customer(self):
        for who, other in (("nordfrakt", "solsidan"), ("solsidan", "nordfrakt")):
            for incident in for_customer(self.p.state, who).values():
                assert other not in incident.model_dump_json()


TestIncidents = Incidents.TestCase
TestIncidents.settings = settings(max_examples=40, stateful_step_count=25)
