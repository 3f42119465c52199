"""Requests and notices through the door: who may take which step, and what one subject does to another."""

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest

from dpa_core import documents, subjects
from dpa_core.access import Forbidden
from dpa_core.office import ByBoth, ByProvider, Changed, OwnCommand
from dpa_core.subjects import (
    assistance,
    audits,
    data_return,
    dates,
    features,
    incidents,
    retention,
    sub_processors,
)
from dpa_core.subjects.common import Refusal
from dpa_core.views import history, matters, notices
from tests.conftest import NOW, carry_out

DAY = date(2027, 2, 1)
AUDIT = audits.RequestAudit(DAY, DAY, "Access rights", "Anna", cost_acknowledged=True)
HELP = assistance.RequestHelp("dpia", "Voicebot", "The flows", cost_acknowledged=True)
ORDER = data_return.OrderData("return", ("contact",), cost_acknowledged=True)
TALVOX = sub_processors.DraftChange(
    "replacement", "deepgram", "Talvox", "Speech", places=("eu_eea",), reason="Moves to the EU"
)
BREACH = incidents.RecordIncident("breach", "Leak", NOW, ("nordfrakt", "solsidan"))


def act(office, who, command, customer="nordfrakt"):
    return office.carry_out(who, customer, command, office.open(who, customer).sequence).sequence


def govern(office, who, command):
    return office.govern(who, command, office.open_provider(who).sequence).sequence


def announce(office, people, ahead=30):
    draft = govern(office, people.eva, TALVOX)
    day = dates.local_day(office.clock.now()) + timedelta(days=ahead)
    govern(office, people.eva, sub_processors.PublishChange(draft, day))
    return draft


# --- who may -------------------------------------------------------------------------------------

BY_CUSTOMER = [
    AUDIT,
    HELP,
    ORDER,
    audits.WithdrawAudit(1),
    sub_processors.Object(1, "No", True),
    sub_processors.AnswerCure(1, True),
    data_return.AcknowledgeReturn(1, frozenset()),
    assistance.Close(1),
    assistance.AnswerFlag(1, True),
    incidents.Acknowledge(1, 1),
    incidents.Decide(1, "none"),
]
BY_PROVIDER = [
    audits.Accept(1),
    audits.RefuseAuditor(1, "No"),
    sub_processors.ProposeCure(1, "Yes"),
    data_return.Deliver(1, ()),
    data_return.Terminate(DAY, "Notice"),
    data_return.RecordException("contact", "law", "Act", DAY),
    data_return.RecordDeletion(1, DAY),
    assistance.Ask(1, "What?"),
    assistance.Answer(1, "This"),
    assistance.FlagInstruction(1, "Art. 9"),
]
BY_BOTH = [
    audits.ProposeDates(1, DAY, DAY),
    audits.AgreeDates(1),
    audits.CloseFinding(1, 1, "Done"),
    sub_processors.EndFeatures(1),
]
OWN = [
    TALVOX,
    sub_processors.DiscardDraft(1),
    sub_processors.PublishChange(1, DAY),
    sub_processors.WithdrawChange(1, "No"),
    BREACH,
    incidents.Widen(1, NOW, ("solsidan",)),
    incidents.Notify(1, {}, ()),
    incidents.CloseIncident(1, "Over"),
]


def test_the_lists_above_are_whole():
    assert {type(c) for c in BY_PROVIDER} == set(get_args(ByProvider))
    assert {type(c) for c in BY_BOTH} == set(get_args(ByBoth))
    assert {type(c) for c in OWN} == set(get_args(OwnCommand))


def attempt(office, who, command, customer):
    """Whether the person gets as far as the rules."""
    try:
        office.carry_out(who, customer, command, office.ledger.head(customer).sequence)
    except Forbidden:
        return False
    except Refusal:
        return True
    return True


@pytest.mark.parametrize("command", [*BY_CUSTOMER, *BY_PROVIDER, *BY_BOTH], ids=lambda c: type(c).__name__)
def test_each_step_is_for_its_side_and_for_nobody_of_another_customer(office, people, command):
    allowed = {
        (name, customer)
        for name in ("anna", "clara", "david", "eva", "farid", "henrik")
        for customer in ("nordfrakt", "solsidan", "fjallbank")
        if attempt(office, getattr(people, name), command, customer)
    }
    admins = {("anna", "nordfrakt"), ("henrik", "solsidan")}
    officer = {("eva", c) for c in ("nordfrakt", "solsidan", "fjallbank")}
    if isinstance(command, ByBoth):
        assert allowed == admins | officer
    else:
        assert allowed == (officer if isinstance(command, ByProvider) else admins)


@pytest.mark.parametrize("command", OWN, ids=lambda c: type(c).__name__)
def test_the_providers_own_steps_are_for_its_officer(office, people, command):
    for name in ("anna", "clara", "david", "farid", "henrik"):
        with pytest.raises(Forbidden):
            office.govern(getattr(people, name), command, 0)
        with pytest.raises(Forbidden):
            office.open_provider(getattr(people, name))


def test_a_customer_of_that_name_cannot_be_the_providers_ledger(office, people):
    announce(office, people)
    with pytest.raises(Forbidden):
        office.open(people.eva, "@provider")
    with pytest.raises(Refusal):
        office.carry_out(people.eva, "@provider", audits.Accept(1), 2)


# --- the list that counts ------------------------------------------------------------------------


def engaged(file):
    return [s.id for s in features.engaged(file.state.features.on, file.agreement)]


def test_on_its_day_the_new_list_counts_everywhere(office, people, clock):
    carry_out(office, people.anna, "nordfrakt", speech_analytics=True)
    announce(office, people)
    assert engaged(office.open(people.anna, "nordfrakt")) == ["aws", "openai", "deepgram"]
    clock.pass_days(31)
    file = office.open(people.anna, "nordfrakt")
    assert engaged(file) == ["aws", "openai", "s_talvox"]
    # In the consequences of an instruction ...
    off = features.consequences(
        features.Instruct({"speech_analytics": False}), file.state.features, file.agreement, file.now
    )
    assert [s.name for s in off.removed] == ["OpenAI", "Talvox"]
    # ... in what is recorded ...
    act(office, people.anna, features.Instruct({"speech_analytics": False}))
    assert office.ledger.events("nordfrakt")[-1].body["released"] == ["openai", "s_talvox"]
    # ... and not in the past.
    past = office.open(people.anna, "nordfrakt", as_of=NOW + timedelta(days=20))
    assert engaged(past) == ["aws", "openai", "deepgram"]


def test_a_notice_says_what_changes_for_the_own_configuration(office, people):
    carry_out(office, people.anna, "nordfrakt", speech_analytics=True)
    announce(office, people)
    (mine,) = notices.notices(office.open(people.anna, "nordfrakt"))
    (theirs,) = notices.notices(office.open(people.henrik, "solsidan"))
    assert [f.name for f in mine.effect.features] == ["Speech Analytics"]
    assert (mine.effect.before.name, mine.effect.after.name) == ("DeepGram", "Talvox")
    assert (theirs.effect.features, theirs.effect.core) == ((), False)
    touched = notices.touched(office.open_provider(people.eva), mine.published.change)
    assert touched == [("nordfrakt", "Nordfrakt Logistik AB", ("Speech Analytics",))]


def test_features_end_over_an_unresolved_objection_and_the_rest_stays(office, people, clock):
    carry_out(office, people.anna, "nordfrakt", speech_analytics=True, voice=True)
    change = announce(office, people)
    act(office, people.anna, sub_processors.Object(change, "No assessment", True))
    clock.pass_days(61)
    act(office, people.eva, sub_processors.EndFeatures(change, "No way out"))
    file = office.open(people.anna, "nordfrakt")
    assert file.state.features.on == {"voice"}
    first, second = history.instructions(file)[:2]
    assert [first.what, second.what] == [
        "Switched off Speech Analytics",
        "Ended Speech Analytics over change 1, unresolved",
    ]
    assert {first.on_behalf_of, second.on_behalf_of} == {"processor"}
    assert office.verify() == []


# --- one subject and another ---------------------------------------------------------------------


def test_a_withdrawn_instruction_takes_back_what_it_did(office, people):
    switched = carry_out(office, people.anna, "nordfrakt", voice=True).sequence
    shortened = act(office, people.anna, retention.SetPeriod("chats", 60))
    for instruction in (switched, shortened):
        flag = act(office, people.eva, assistance.FlagInstruction(instruction, "Art. 5 GDPR"))
        act(office, people.anna, assistance.AnswerFlag(flag, False))
    file = office.open(people.anna, "nordfrakt")
    assert file.state.features.on == set()
    assert retention.period("chats", file.state.retention, file.agreement, file.now).pending is None


@pytest.mark.parametrize("number", [0, -1, 1, 999])
def test_only_an_instruction_of_the_customer_can_be_flagged(office, people, number):
    with pytest.raises(Refusal) as caught:
        act(office, people.eva, assistance.FlagInstruction(number, "Art. 5 GDPR"))
    assert caught.value.field == "instruction"


def test_a_legal_hold_of_the_retention_page_stops_a_deletion(office, people):
    act(office, people.anna, retention.PlaceHold("chats", "Dispute"))
    order = act(
        office,
        people.anna,
        data_return.OrderData("deletion", ("communication_content",), cost_acknowledged=True),
    )
    with pytest.raises(Refusal, match="legal hold"):
        act(office, people.eva, data_return.RecordDeletion(order, dates.local_day(NOW)))


def test_two_at_the_provider_at_once_are_told_of_each_other(office, people):
    seen = office.open_provider(people.eva).sequence
    office.govern(people.eva, TALVOX, seen)
    with pytest.raises(Changed) as caught:
        office.govern(people.eva, BREACH, seen)
    assert [subjects.describe_provider(e) for e in caught.value.events] == [
        "Drafted: Replacement of DeepGram by Talvox"
    ]


def test_an_incident_of_an_unknown_customer_is_refused(office, people):
    with pytest.raises(Refusal, match="no customer"):
        govern(office, people.eva, incidents.RecordIncident("breach", "Leak", NOW, ("nobody",)))


# --- what waits ----------------------------------------------------------------------------------


def busy(office, people):
    """Something of every kind, at two customers."""
    act(office, people.anna, AUDIT)
    act(office, people.anna, HELP)
    act(office, people.henrik, ORDER, "solsidan")
    change = announce(office, people)
    act(office, people.anna, sub_processors.Object(change, "No assessment", True))
    govern(office, people.eva, BREACH)
    return change


def rows(office, people, **filters):
    table = matters.inbox(office.open_provider(people.eva), **filters)
    return [(r["customer"], r["page"], r["next_step"], r["standing"]) for r in table.to_pylist()]


def test_the_inbox_holds_everything_overdue_first(office, people, clock):
    busy(office, people)
    assert rows(office, people) == [
        ("", "incidents", "Notify the customers concerned (2)", "In time"),
        ("Nordfrakt Logistik AB", "assistance", "Answer", "In time"),
        ("Nordfrakt Logistik AB", "notices", "Propose a cure", "In time"),
        ("Nordfrakt Logistik AB", "audits", "Accept the dates", "In time"),
        ("Solsidan AB", "data_return", "Deliver the data with its manifest", "No date"),
    ]
    clock.pass_days(20)
    assert [r[1] for r in rows(office, people, overdue_only=True)] == ["incidents", "assistance"]
    assert [r[3] for r in rows(office, people)][:2] == ["Overdue", "Overdue"]
    assert [r[0] for r in rows(office, people, text="solsi")] == ["Solsidan AB"]
    assert [r[1] for r in rows(office, people, pages=["audits"])] == ["audits"]
    load = matters.load(office.open_provider(people.eva)).to_pylist()
    assert {"page": "assistance", "open": 1, "overdue": 1} in load


def test_time_moves_what_waits_without_anything_having_run(office, people, clock):
    number = act(office, people.anna, AUDIT)
    act(office, people.eva, audits.Accept(number))
    assert rows(office, people) == [("Nordfrakt Logistik AB", "audits", "Be ready for the audit", "In time")]
    clock.at = dates.start_of(DAY)
    assert rows(office, people) == []
    assert rows(office, people, waits_for="customer") == [
        ("Nordfrakt Logistik AB", "audits", "File the report", "In time")
    ]


def test_a_change_taken_back_leaves_the_inbox(office, people):
    change = busy(office, people)
    govern(office, people.eva, sub_processors.WithdrawChange(change, "Sold"))
    assert "notices" not in [r[1] for r in rows(office, people)]


def test_the_customers_own_list_has_notices_as_well(office, people):
    busy(office, people)
    waiting = matters.waiting(office.open(people.henrik, "solsidan"))
    assert [(m.page, m.waits_for) for m in waiting] == [("notices", "customer"), ("data_return", "provider")]


def test_the_inbox_is_what_the_rules_say(office, people, clock):
    busy(office, people)
    provider = office.open_provider(people.eva)
    expected = []
    for who, id in ((people.anna, "nordfrakt"), (people.henrik, "solsidan")):
        file = office.open(who, id)
        expected += [m.key for m in subjects.requests(file.state, provider.state, file.agreement)]
    expected += [m.key for m in subjects.provider_matters(provider.state, provider.agreement)]
    assert sorted(k for (k,) in office.ledger.rows("SELECT key FROM matters")) == sorted(expected)


# --- what nobody else sees -----------------------------------------------------------------------


def test_a_customers_file_tells_nothing_of_another(office, people):
    busy(office, people)
    incident = next(iter(office.open_provider(people.eva).state.incidents.incidents))
    told = {"nature": "Of Solsidan alone"}
    govern(office, people.eva, incidents.Notify(incident, told, ("solsidan",)))
    file = office.open(people.anna, "nordfrakt")
    assert file.incidents == {}
    assert "olsidan" not in repr(file)
    assert "nordfrakt" not in repr(office.open(people.henrik, "solsidan").incidents)


# --- the certificate -----------------------------------------------------------------------------


def deleted(office, people):
    act(
        office,
        people.eva,
        data_return.RecordException("contact", "law", '#panic() *Act* <a> "7:2"', date(2033, 12, 31)),
    )
    order = data_return.OrderData("deletion", ("contact", "voice_audio"), cost_acknowledged=True)
    number = act(office, people.anna, order)
    act(office, people.eva, data_return.RecordDeletion(number, dates.local_day(NOW)))
    return office.open(people.anna, "nordfrakt"), number


def test_the_certificate_is_an_accessible_pdf_and_always_the_same(office, people):
    file, number = deleted(office, people)

    def made():
        order = office.open(people.anna, "nordfrakt").state.data_return.orders[number]
        return documents.deletion_certificate(order, file.name, file.agreement, "0" * 64)

    pdf = made().content
    assert pdf.startswith(b"%PDF-")
    assert b"pdfuaid" in pdf
    assert pdf == made().content
    # What is excepted later was not excepted when the rest was deleted.
    later = data_return.RecordException("voice_audio", "law", "Another act", date(2033, 12, 31))
    act(office, people.eva, later)
    assert pdf == made().content


def test_there_is_no_certificate_without_a_deletion(office, people):
    number = act(office, people.anna, ORDER)
    file = office.open(people.anna, "nordfrakt")
    order = file.state.data_return.orders[number]
    with pytest.raises(ValueError, match="nothing was deleted"):
        documents.deletion_certificate(order, file.name, file.agreement, "")


# --- history -------------------------------------------------------------------------------------


def test_every_step_is_in_the_history_with_its_side(office, people, clock):
    number = act(office, people.anna, AUDIT)
    act(office, people.eva, audits.Accept(number))
    clock.at = datetime(2027, 2, 2, 9, tzinfo=UTC)
    told = [(i.subject, i.on_behalf_of) for i in history.instructions(office.open(people.anna, "nordfrakt"))]
    assert told == [("Audits", "processor"), ("Audits", "nordfrakt"), ("Agreement", "processor")]
    assert office.verify() == []
