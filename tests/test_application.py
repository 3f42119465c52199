"""The one door: two people at once, a moment in the past, and instructions in every wrong state."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpa_core import application as door
from dpa_core.application import AgreementMissing, Application, Changed, QueryCache, Refusal, demo_days
from dpa_core.clock import Clock, DemoClock
from dpa_core.ledger import Conflict, Ledger, StoreError
from dpa_core.subjects import assistance, customers, incidents
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.grants import GrantAccess
from dpa_core.subjects.retention import CancelShortening, PlaceHold, SetPeriod, period
from dpa_core.views import history, portfolio, tasks
from dpa_core.views import people as people_view
from tests.conftest import BEGAN, NOW, VERSION, at_the_same_time, carry_out, email, switch
from tests.test_requests import BREACH, govern


def together(*steps):
    """Run all steps at once, each in a thread of its own; give what each returned or raised."""

    def begun(step):
        def run(all_began):
            all_began.wait()
            return step()

        return run

    return at_the_same_time(*map(begun, steps))


# --- an instruction -------------------------------------------------------------------------------


def test_an_instruction_is_there_for_whoever_looks_next_and_after_a_restart(
    application, people, store, agreement
):
    receipt = carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    assert application.open(people.clara, "nordfrakt").state.features.on == {"speech_analytics"}
    application.ledger.close()
    with Ledger.open(store) as ledger:
        again = Application(ledger, {VERSION: agreement}, Clock())
        file = again.open(again.person(email("clara")), "nordfrakt")
        assert (file.state.features.on, file.sequence) == ({"speech_analytics"}, receipt.sequence)


def test_a_refused_instruction_leaves_nothing_behind(application, people):
    before = application.ledger.head("nordfrakt")
    for command in (
        SetFeatures({"speech_analytics": True}),  # not acknowledged
        SetFeatures({"voice": True}, reason="x" * 10_000),
        SetPeriod("chats", 99_999),
        CancelShortening("chats"),
    ):
        with pytest.raises(Refusal):
            application.carry_out(people.anna, "nordfrakt", command, before.sequence)
    assert application.ledger.head("nordfrakt") == before
    assert application.verify() == []


@pytest.mark.parametrize(
    "reason", ["<script>alert(1)</script>", "=1+1", "'; DROP TABLE events; --", "a\x00b 🙂"]
)
def test_whatever_stands_in_a_reason_comes_back_as_typed(application, people, reason):
    carry_out(application, people.anna, "nordfrakt", PlaceHold("chats", reason))
    file = application.open(people.clara, "nordfrakt")
    assert history.instructions(file, last=1)[0].reason == reason
    assert file.state.retention.of("chats").hold.reason == reason
    assert application.verify() == []


def test_a_customer_bound_to_a_version_that_is_not_there_says_which(application, people):
    without = Application(application.ledger, {}, application.clock)
    with pytest.raises(AgreementMissing, match=VERSION):
        without.open(people.anna, "nordfrakt")


def test_an_identifier_that_belongs_to_another_ledger_is_refused(application, people):
    for id in ("@demo", f"@person:{email('anna')}", "nordfrakt"):
        with pytest.raises(Refusal):
            application.open_customer(people.eva, customers.OpenCustomer(id, "Someone"))


# --- two at once ----------------------------------------------------------------------------------


def test_the_second_of_two_people_is_told_what_the_first_did(application, people):
    seen_by_both = application.open(people.anna, "nordfrakt")
    carry_out(application, people.bo, "nordfrakt", voice=True)
    carry_out(application, people.bo, "nordfrakt", PlaceHold("chats", "case"))
    with pytest.raises(Changed) as caught:
        application.carry_out(
            people.anna, "nordfrakt", SetFeatures({"text_messages": True}), seen_by_both.sequence
        )
    told = history.in_words(caught.value.events, application.open(people.anna, "nordfrakt"))
    assert [(i.actor, i.what) for i in told] == [
        (email("bo"), "Switched on Voice"),
        (email("bo"), "Placed a legal hold on Chats"),
    ]
    assert application.open(people.anna, "nordfrakt").state.features.on == {"voice"}


def test_after_being_told_the_second_can_go_on(application, people):
    old = application.open(people.anna, "nordfrakt").sequence
    carry_out(application, people.bo, "nordfrakt", voice=True)
    with pytest.raises(Changed):
        application.carry_out(people.anna, "nordfrakt", SetFeatures({"text_messages": True}), old)
    carry_out(application, people.anna, "nordfrakt", text_messages=True)
    assert application.open(people.anna, "nordfrakt").state.features.on == {"voice", "text_messages"}


def test_of_many_at_the_same_instant_one_is_recorded_and_every_other_is_told_of_it(application, people):
    def toggle(person, on):
        def run():
            return application.carry_out(person, "nordfrakt", SetFeatures({"voice": on}), sequence)

        return run

    for round in range(10):
        sequence = application.open(people.anna, "nordfrakt").sequence
        on = round % 2 == 0
        outcomes = together(*(toggle(p, on) for p in (people.anna, people.bo) * 3))
        losers = [o for o in outcomes if isinstance(o, Changed)]
        (winner,) = (o for o in outcomes if o not in losers)
        assert winner.sequence == sequence + 1
        assert [[e.sequence for e in loser.events] for loser in losers] == [[sequence + 1]] * 5
    assert application.verify() == []


def test_different_customers_do_not_stand_in_each_others_way(application, people):
    def five_times(person, customer):
        def run():
            return [carry_out(application, person, customer, voice=n % 2 == 0).sequence for n in range(5)]

        return run

    assert together(five_times(people.anna, "nordfrakt"), five_times(people.henrik, "solsidan")) == [
        [2, 3, 4, 5, 6],
        [2, 3, 4, 5, 6],
    ]
    assert application.verify() == []


def test_roles_given_to_one_person_at_the_same_instant_are_all_given(application, people):
    def give(role):
        return lambda: application.change_access(people.eva, GrantAccess("new@x.example", role, "nordfrakt"))

    roles = ("customer_admin", "customer_reader", "account_manager")
    together(*map(give, roles))
    assert {g.role for g in application.person("new@x.example").grants} == set(roles)


def test_a_customer_opened_by_two_at_the_same_instant_is_opened_once(application, people):
    def open_it(name):
        return lambda: application.open_customer(people.eva, customers.OpenCustomer("velo", name))

    outcomes = together(open_it("Velo A/S"), open_it("Velo Cykel A/S"))
    assert sorted(type(o).__name__ for o in outcomes) == ["Receipt", "Refusal"]
    assert len(application.ledger.events("velo")) == 1


def test_a_closed_database_does_not_pretend_that_an_instruction_was_recorded(application, people):
    sequence = application.open(people.anna, "nordfrakt").sequence
    application.ledger.close()
    with pytest.raises(StoreError):
        application.carry_out(people.anna, "nordfrakt", SetFeatures({"voice": True}), sequence)


@pytest.fixture
def contested(application, monkeypatch):
    """Make others get in between the next `often` times; gives a list that grows with every attempt."""
    begin, attempts = application.ledger.transaction, []
    monkeypatch.setattr(door, "_PAUSE", (0, 0))

    def contest(often):
        def transaction():
            attempts.append(len(attempts) + 1)
            if len(attempts) <= often:
                raise Conflict("nordfrakt", 1)
            return begin()

        monkeypatch.setattr(application.ledger, "transaction", transaction)
        return attempts

    return contest


def test_an_instruction_is_tried_again_until_it_gets_through(application, people, contested):
    attempts = contested(5)
    carry_out(application, people.anna, "nordfrakt", voice=True)
    assert attempts == [1, 2, 3, 4, 5, 6]
    assert application.open(people.anna, "nordfrakt").sequence == 2


def test_one_that_never_gets_through_says_so_in_the_end(application, people, contested):
    attempts = contested(1_000_000)
    with pytest.raises(StoreError, match="Too many people write here at once"):
        carry_out(application, people.anna, "nordfrakt", voice=True)
    assert len(attempts) == 200


def test_one_that_is_refused_is_not_tried_again(application, people, contested):
    attempts = contested(0)
    with pytest.raises(Refusal):
        carry_out(application, people.anna, "nordfrakt", SetPeriod("chats", 99_999))
    assert attempts == [1]


# --- what is kept ---------------------------------------------------------------------------------


def test_an_answer_asked_for_again_and_again_stays_while_many_others_come_and_go():
    answers, asked = QueryCache(), []

    def answer():
        asked.append("once")
        return "the answer"

    for number in range(30):
        answers.get(number, lambda: "x" * (QueryCache.MOST // 10))
        assert answers.get("question", answer) == "the answer"
    assert asked == ["once"]


def test_answers_long_unasked_for_make_room():
    answers = QueryCache()
    for number in range(10):
        answers.get(number, lambda: "first" + "x" * (QueryCache.MOST // 10))
    assert answers.get(0, lambda: "anew") == "anew"
    assert answers.get(9, lambda: "anew").startswith("first")


def test_an_answer_too_large_to_be_kept_is_given_all_the_same_and_leaves_the_others():
    answers = QueryCache()
    answers.get("small", lambda: "first")
    assert len(answers.get("large", lambda: [str(n) * 100 for n in range(1_000_000)])) == 1_000_000
    assert answers.get("large", lambda: "anew") == "anew"
    assert answers.get("small", lambda: "anew") == "first"


def test_a_state_that_was_just_written_is_not_parsed_again(application, people, monkeypatch):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    monkeypatch.setattr(application._parsed, "_parse", None)
    carry_out(application, people.anna, "nordfrakt", voice=False)
    assert application.open(people.anna, "nordfrakt").state.features.on == set()


# --- the past -------------------------------------------------------------------------------------


def test_a_customer_can_be_looked_at_as_it_stood(application, people, clock):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    clock.pass_days(1)
    carry_out(application, people.anna, "nordfrakt", voice=False, text_messages=True)
    clock.pass_days(1)
    then = application.open(people.anna, "nordfrakt", NOW)
    assert (then.state.features.on, then.sequence, then.now, then.as_of) == ({"voice"}, 2, NOW, NOW)
    assert (
        application.open(people.anna, "nordfrakt", NOW - timedelta(microseconds=1)).state.features.on == set()
    )
    assert application.open(people.anna, "nordfrakt").state.features.on == {"text_messages"}
    assert [i.sequence for i in history.instructions(then)] == [2, 1]
    assert [i.sequence for i in history.instructions(then, last=1)] == [2]


def test_the_past_counts_time_from_the_past(application, people, clock):
    carry_out(application, people.anna, "nordfrakt", SetPeriod("chats", 60))
    clock.pass_days(30)

    def days(as_of):
        file = application.open(people.anna, "nordfrakt", as_of)
        return period("chats", file.state.retention, file.agreement, file.now).days

    assert days(NOW + timedelta(days=6)) == 365
    assert days(NOW + timedelta(days=7)) == 60
    assert days(None) == 60


@pytest.mark.parametrize(
    ("moment", "fine"),
    [
        (datetime.min.replace(tzinfo=UTC), False),
        (BEGAN - timedelta(microseconds=1), False),
        (BEGAN, True),
        (NOW, True),
        (NOW + timedelta(microseconds=1), False),
        (datetime.max.replace(tzinfo=UTC), False),
    ],
)
def test_before_the_customer_began_and_in_the_future_there_is_nothing_to_see(
    application, people, moment, fine
):
    if fine:
        assert application.open(people.anna, "nordfrakt", moment).as_of == moment
    else:
        with pytest.raises(Refusal) as caught:
            application.open(people.anna, "nordfrakt", moment)
        assert caught.value.field == "as_of"
        assert "from 2 Feb 2026 until today" in caught.value.remedy


# --- the demo's clock -----------------------------------------------------------------------------


@pytest.fixture
def demo_application(application):
    return Application(application.ledger, application.agreements, DemoClock())


def test_in_the_demo_the_date_moves_and_stays_moved_after_a_restart(demo_application, people):
    before = demo_application.clock.now()
    demo_application.advance_clock(people.clara, 7)
    demo_application.advance_clock(people.clara, 30)
    assert timedelta(days=37) <= demo_application.clock.now() - before < timedelta(days=38)
    assert demo_days(demo_application.ledger) == 37
    assert demo_application.verify() == []


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_the_date_moves_forward_only_and_by_a_year_at_most(demo_application, people, days):
    with pytest.raises(Refusal):
        demo_application.advance_clock(people.clara, days)
    assert demo_days(demo_application.ledger) is None
    with pytest.raises(ValueError, match="forward only"):
        DemoClock().advance(-abs(days) % 1)


def test_periods_lapse_when_the_date_moves(demo_application, people):
    carry_out(demo_application, people.anna, "nordfrakt", SetPeriod("chats", 60))
    demo_application.advance_clock(people.anna, 7)
    file = demo_application.open(people.anna, "nordfrakt")
    assert period("chats", file.state.retention, file.agreement, file.now).days == 60


def test_the_clock_of_production_has_no_way_to_be_moved():
    assert not hasattr(Clock(), "advance")
    assert abs(Clock().now() - datetime.now(UTC)) < timedelta(minutes=1)


# --- what holds whatever people do ----------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(["anna", "bo"]),
        st.sampled_from(["voice", "speech_analytics", "chats", "sms", "hold"]),
        st.integers(0, 9),
    ),
    max_size=8,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_the_state_kept_is_always_the_state_replayed_and_the_chain_always_fits(
    application, people, clock, steps
):
    for name, what, days in steps:
        clock.pass_days(days)
        file = application.open(people.anna, "nordfrakt")
        if what in ("voice", "speech_analytics"):
            command = switch(
                file.agreement, file.state.features, **{what: what not in file.state.features.on}
            )
        elif what == "hold":
            command = PlaceHold("emails", "case")
        else:
            command = SetPeriod(what, 30 + days, "policy")
        try:
            application.carry_out(getattr(people, name), "nordfrakt", command, file.sequence)
        except Refusal:
            assert application.open(people.anna, "nordfrakt").sequence == file.sequence
    assert application.verify() == []
    present = application.open(people.anna, "nordfrakt")
    assert application.open(people.anna, "nordfrakt", clock.now()).state == present.state


# --- a store that an older version wrote ----------------------------------------------------------

_AS_BEFORE = """
DROP TABLE tasks;
DROP TABLE facts;
DROP TABLE answers;
DROP TABLE told;
CREATE TABLE matters (customer_id VARCHAR, title VARCHAR);
DELETE FROM migrations WHERE name IN ('0003_tasks.sql', '0009_facts.sql') OR name >= '0018';
UPDATE heads SET state_schema = 2, state = '{"of": "another shape"}' WHERE customer_id <> '@demo';
"""


def test_a_store_of_an_older_version_shows_the_same_states_and_tasks(store, agreement, clock):
    def looked_at():
        with Ledger.open(store) as ledger:
            application = Application(ledger, {VERSION: agreement}, clock)
            eva, anna = (application.person(email(name)) for name in ("eva", "anna"))
            file = application.open(anna, "nordfrakt")
            found = tasks.of_provider(application.open_provider(eva)).to_pylist()
            listed = portfolio.Overview(application.portfolio(eva)).listed()
            return file.state, found, listed, people_of(application, file), application.verify()

    def people_of(application, file):
        return [(a.email, a.role) for a in people_view.people(file)]

    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        anna = application.person(email("anna"))
        carry_out(application, anna, "nordfrakt", voice=True)
        asked = assistance.RequestHelp("dora_information", "ISO", "The certificate")
        carry_out(application, anna, "nordfrakt", asked)
    before = looked_at()
    assert [t["next_step"] for t in before[1]] == ["Answer"]
    assert [len(line.on) for line in before[2]] == [0, 1, 0]
    with duckdb.connect(str(store)) as connection:
        connection.execute(_AS_BEFORE)
    assert looked_at() == before
    assert before[-1] == []


def test_derived_rows_are_made_anew_once_and_then_left_alone(store, agreement, clock, monkeypatch):
    with Ledger.open(store) as ledger:
        Application(ledger, {VERSION: agreement}, clock)
        monkeypatch.setattr(Application, "_derive_anew", lambda self, ids: pytest.fail("made anew"))
        Application(ledger, {VERSION: agreement}, clock)


def test_a_ledger_that_cannot_be_read_keeps_no_other_from_being_opened(store, agreement, clock):
    with duckdb.connect(str(store)) as connection:
        connection.execute("UPDATE events SET body = '5' WHERE customer_id = 'solsidan'")
        connection.execute("UPDATE heads SET state_schema = 2, state = '{}'")
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        assert (
            application.open(application.person(email("anna")), "nordfrakt").name == "Nordfrakt Logistik AB"
        )
        assert [fault.customer_id for fault in application.verify()] == ["solsidan"]


# --- what lies beside the heads -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "whose"),
    [
        ("UPDATE facts SET features_on = '' WHERE customer_id = 'nordfrakt'", "nordfrakt"),
        ("DELETE FROM facts WHERE customer_id = 'solsidan'", "solsidan"),
        ("INSERT INTO answers VALUES ('fjallbank', 'incidents', 1, 1, TRUE)", "fjallbank"),
        ("DELETE FROM told", "@provider"),
    ],
)
def test_what_lists_tell_is_verified_against_the_ledgers(application, people, change, whose):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    number = govern(application, people.eva, BREACH)
    told = incidents.NotifyCustomers(number, {"nature": "A leak"}, ("nordfrakt",))
    govern(application, people.eva, told)
    carry_out(application, people.anna, "nordfrakt", incidents.AcknowledgeNotice(number, 1))
    assert application.verify() == []
    with application.ledger.transaction() as tx:
        tx.execute(change, [])
    [fault] = application.verify()
    assert (fault.customer_id, fault.why) == (whose, "what lists tell of it does not follow from its rows")


# --- a clock that was set back --------------------------------------------------------------------


def test_no_ledger_goes_back_in_time_when_the_clock_does_also_after_a_restart(store, agreement, clock):
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        anna, eva = application.person(email("anna")), application.person(email("eva"))
        carry_out(application, anna, "nordfrakt", voice=True)
        application.change_access(eva, GrantAccess(email("farid"), "customer_reader", "nordfrakt"))
    clock.pass_days(-30)
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        receipt = carry_out(application, anna, "nordfrakt", voice=False)
        assert receipt.recorded_at == NOW
        given = application.change_access(eva, GrantAccess(email("farid"), "customer_reader", "solsidan"))
        assert given.recorded_at == NOW
        clock.pass_days(29)
        carry_out(application, anna, "nordfrakt", PlaceHold("chats", "Dispute"))
        clock.pass_days(2)
        last = carry_out(application, anna, "nordfrakt", voice=True)
        times = [e.recorded_at for e in ledger.events("nordfrakt")]
        assert times == sorted(times)
        assert last.recorded_at == NOW + timedelta(days=1)
        assert application.open(anna, "nordfrakt", NOW).sequence == last.sequence - 1
        assert application.verify() == []
