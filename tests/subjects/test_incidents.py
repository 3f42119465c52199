"""Incidents. Clause: 3.1(x), Sch. 3 1.4(iii); the controller's own duty: Art. 33 and 34 GDPR"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dpa_core.subjects import incidents
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.incidents import (
    ITEMS,
    Acknowledge,
    CloseIncident,
    Decide,
    Notify,
    RecordIncident,
    Widen,
    for_customer,
)
from tests.conftest import NOW
from tests.subjects.course import AGREEMENT, TICK, Course

HOURS = timedelta(hours=72)
FULL = dict.fromkeys(ITEMS, "Known")


def provider(at=NOW):
    return Course(
        incidents.ProviderState(),
        lambda command, state, now, side: incidents.decide_provider(command, state, AGREEMENT, now),
        incidents.evolve_provider,
        at,
    )


def customer(p, id="nordfrakt"):
    return Course(
        incidents.State(),
        lambda command, state, now, side: incidents.decide(
            command, state, for_customer(p.state, id), AGREEMENT, now
        ),
        incidents.evolve,
        p.now,
    )


def breach(at=NOW, kind="breach", customers=("nordfrakt", "solsidan")):
    return RecordIncident(kind, "Misdirected exports", at, customers)


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
    ("aware", "until"),
    [
        (datetime(2026, 12, 30, 12, tzinfo=UTC), datetime(2027, 1, 2, 12, tzinfo=UTC)),
        # Hours are hours: the night the clocks change takes none away and adds none.
        (datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 30, 12, tzinfo=UTC)),
        (datetime(2027, 10, 30, 12, tzinfo=UTC), datetime(2027, 11, 2, 12, tzinfo=UTC)),
        (datetime(2028, 2, 27, 12, tzinfo=UTC), datetime(2028, 3, 1, 12, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("kind", ["breach", "ict"])
def test_seventy_two_hours(aware, until, kind):
    p = provider(aware)
    p.go(breach(aware, kind))
    assert incidents.notify_until(the(p), "nordfrakt", AGREEMENT) == until
    in_time = provider(aware)
    in_time.go(breach(aware, kind))
    in_time.until(until).go(Notify(1, {"nature": "A leak"}, ("nordfrakt",)))
    assert the(in_time).notices[0].delay == ""
    late = p.until(until + TICK).refused(Notify(1, {"nature": "A leak"}, ("nordfrakt",)))
    assert (late.field, late.clause) == ("delay", "3.1(x)" if kind == "breach" else "Sch. 3 1.4(iii)")
    p.go(Notify(1, {"nature": "A leak"}, ("nordfrakt",), delay="Found late at night"))
    assert the(p).notices[0].delay


def test_a_customer_found_later_has_hours_of_its_own():
    p = provider()
    p.go(breach())
    p.until(NOW + timedelta(hours=80))
    p.go(Widen(1, p.now, ("fjallbank",)))
    assert incidents.notify_until(the(p), "fjallbank", AGREEMENT) == p.now + HOURS
    assert p.refused(Widen(1, p.now, ("nordfrakt",))).field == "customers"


def test_a_notice_goes_out_in_phases_and_each_is_kept():
    p = provider()
    p.go(breach())
    assert p.refused(Notify(1, {"contact": "privacy"}, ("nordfrakt",))).field == "nature"
    assert p.refused(Notify(1, {}, ("nordfrakt",))).field == "nature"
    assert p.refused(Notify(1, FULL, ("fjallbank",))).field == "customers"
    p.go(Notify(1, {"nature": "A leak"}, ("nordfrakt",)))
    # Solsidan hears of it for the first time; what Nordfrakt was told is not passed on unseen.
    assert p.refused(Notify(1, {"numbers": "140"}, ("nordfrakt", "solsidan"))).field == "nature"
    p.go(Notify(1, {"numbers": "140"}, ("nordfrakt",)))
    p.go(Notify(1, {"nature": "A leak"}, ("solsidan",)))
    assert [n.items for n in the(p).notices] == [
        {"nature": "A leak"},
        {"numbers": "140"},
        {"nature": "A leak"},
    ]
    assert the(p).missing == ("numbers", "contact", "consequences", "measures")


def test_an_incident_is_closed_once_all_are_told_everything():
    p = provider()
    p.go(breach())
    assert "were not notified" in p.refused(CloseIncident(1, "Over")).message
    p.go(Notify(1, {"nature": "A leak"}, ("nordfrakt", "solsidan")))
    assert "Not told to every" in p.refused(CloseIncident(1, "Over")).message
    p.go(Notify(1, FULL, ("nordfrakt", "solsidan")))
    assert p.refused(CloseIncident(1, "")).field == "reason"
    p.go(CloseIncident(1, "Over"))
    assert "No incident 1 is open" in p.refused(Notify(1, FULL, ("nordfrakt",))).message


def test_a_customer_sees_its_own_notices_and_no_other_customer():
    p = provider()
    p.go(breach())
    assert for_customer(p.state, "nordfrakt") == {}
    p.go(Notify(1, {"nature": "A leak"}, ("nordfrakt", "solsidan")))
    p.go(Notify(1, {"numbers": "Of Solsidan: 140"}, ("solsidan",)))
    seen = for_customer(p.state, "nordfrakt")[1].model_dump_json()
    assert "solsidan" not in seen.lower()
    assert "140" not in seen
    assert for_customer(p.state, "fjallbank") == {}


def test_the_customer_acknowledges_and_notes_its_own_decision():
    p = provider()
    p.go(breach())
    c = customer(p)
    assert "no such notice" in c.refused(Acknowledge(1, 1)).message
    p.go(Notify(1, {"nature": "A leak"}, ("nordfrakt",)))

    def open_now():
        return [m.next_step for m in incidents.matters(c.state, for_customer(p.state, "nordfrakt"))]

    assert open_now() == ["Acknowledge the notice", "Decide whom you notify"]
    c.go(Acknowledge(1, 1))
    assert "already" in c.refused(Acknowledge(1, 1)).message
    assert c.refused(Decide(1, "undecided")).field == "decision"
    assert c.refused(Decide(1, "none")).clause == "Art. 33(5) GDPR"
    c.go(Decide(1, "authority"))
    assert open_now() == []
    p.go(Notify(1, {"numbers": "140"}, ("nordfrakt",)))
    assert open_now() == ["Acknowledge the notice"]
    assert c.state.handling[1].decision == "authority"


def test_what_waits_for_the_provider():
    p = provider()
    p.go(breach())
    (matter,) = incidents.provider_matters(p.state, AGREEMENT)
    assert (matter.due, matter.next_step) == (NOW + HOURS, "Notify the customers concerned (2)")
    p.go(Notify(1, {"nature": "A leak"}, ("nordfrakt", "solsidan")))
    (matter,) = incidents.provider_matters(p.state, AGREEMENT)
    assert (matter.due, matter.next_step) == (None, "Send an update")


class Incidents(RuleBasedStateMachine):
    """No course of steps closes an incident untold, is late without a reason, or tells one of another."""

    def __init__(self):
        super().__init__()
        self.p = provider()
        self.told = {"nordfrakt": customer(self.p), "solsidan": customer(self.p, "solsidan")}

    def attempt(self, course, command):
        try:
            course.go(command)
        except Refusal:
            return False
        return True

    @rule(hours=st.integers(1, 100))
    def time_passes(self, hours):
        self.p.until(self.p.now + timedelta(hours=hours))

    @rule(
        kind=st.sampled_from(["breach", "ict"]),
        ago=st.integers(-1, 90),
        customers=st.sets(st.sampled_from(["nordfrakt", "solsidan"])),
    )
    def record(self, kind, ago, customers):
        self.attempt(self.p, breach(self.p.now - timedelta(hours=ago), kind, tuple(customers)))

    @rule(
        id=st.integers(1, 10),
        items=st.sets(st.sampled_from(list(ITEMS))),
        customers=st.sets(st.sampled_from(["nordfrakt", "solsidan"])),
        delay=st.sampled_from(["", "Found late"]),
    )
    def notify(self, id, items, customers, delay):
        self.attempt(self.p, Notify(id, dict.fromkeys(items, "Known"), tuple(customers), delay))

    @rule(id=st.integers(1, 10), customer=st.sampled_from(["nordfrakt", "solsidan"]))
    def widen(self, id, customer):
        self.attempt(self.p, Widen(id, self.p.now, (customer,)))

    @rule(id=st.integers(1, 10))
    def close(self, id):
        self.attempt(self.p, CloseIncident(id, "Over"))

    @rule(id=st.integers(1, 10), number=st.integers(1, 5), who=st.sampled_from(["nordfrakt", "solsidan"]))
    def acknowledge(self, id, number, who):
        if self.attempt(self.told[who], Acknowledge(id, number)):
            assert number in {n.number for n in for_customer(self.p.state, who)[id].notices}

    @invariant()
    def nobody_is_late_without_a_reason(self):
        for incident in self.p.state.incidents.values():
            for customer_id in incident.aware:
                first = next((n for n in incident.notices if customer_id in n.customers), None)
                if first and first.at > incidents.notify_until(incident, customer_id, AGREEMENT):
                    assert first.delay

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
