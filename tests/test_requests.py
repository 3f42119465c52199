"""Requests and notices through the door: who may take which step, and what one subject does to another."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from dpa_core import locale
from dpa_core.access import Forbidden
from dpa_core.application import Changed
from dpa_core.subjects import (
    assistance,
    audits,
    data_return,
    dates,
    features,
    incidents,
    legal_duties,
    objections,
    registry,
    retention,
    sub_processor_audits,
    sub_processors,
)
from dpa_core.subjects.common import FileRef, Refusal
from dpa_core.views import history, notices, tasks
from tests.conftest import CUSTOMERS, NOW, VERSION, carry_out

DAY = date(2027, 2, 1)
AUDIT = audits.RequestAudit(DAY, DAY, "Access rights", "Anna", cost_acknowledged=True)
HELP = assistance.RequestHelp("dpia", "Voicebot", "The flows", cost_acknowledged=True)
ORDER = data_return.OrderData("return", ("contact",), cost_acknowledged=True)
TALVOX = sub_processors.DraftChange(
    "replacement", "deepgram", "Talvox", "Speech", places=("eu_eea",), reason="Moves to the EU"
)
BREACH = incidents.RecordIncident("breach", "Leak", NOW, ("nordfrakt", "solsidan"))


def act(application, who, command, customer="nordfrakt"):
    return application.carry_out(who, customer, command, application.open(who, customer).sequence).sequence


def govern(application, who, command):
    return application.govern(who, command, application.open_provider(who).sequence).sequence


def announce(application, people, ahead=31):
    draft = govern(application, people.eva, TALVOX)
    day = dates.local_day(application.clock.now()) + timedelta(days=ahead)
    govern(application, people.eva, sub_processors.PublishChange(draft, day))
    return draft


# --- who may -------------------------------------------------------------------------------------

BY_CUSTOMER = [
    AUDIT,
    HELP,
    ORDER,
    audits.WithdrawAudit(1),
    audits.NameAuditor(1, "Granskning AB"),
    audits.AnswerContest(1, "Yes"),
    sub_processor_audits.RequestSubProcessorAudit("openai", "Art. 28", "All"),
    sub_processor_audits.AnswerDecline(1, "No"),
    sub_processor_audits.WithdrawRequest(1),
    objections.ObjectToChange(1, "No", True),
    objections.AnswerCure(1, True),
    data_return.AcknowledgeReturn(1, frozenset()),
    assistance.CloseRequest(1),
    assistance.AnswerDate(1, True),
    assistance.AnswerCost(1, True),
    assistance.ExtendOwnTime(1, DAY, "Complex"),
    assistance.AnswerFlag(1, True),
    legal_duties.AcknowledgeDuty(1),
    incidents.AcknowledgeNotice(1, 1),
    incidents.RecordDecision(1, "none"),
]
BY_PROVIDER = [
    audits.AcceptAudit(1),
    audits.RefuseAuditor(1, "No"),
    audits.ContestCause(1, "No"),
    sub_processor_audits.UndertakeAudit(1, "conduct"),
    sub_processor_audits.DeclineAudit(1, "No", True),
    sub_processor_audits.FileResult(1, ()),
    objections.ProposeCure(1, "Yes"),
    data_return.Deliver(1, ()),
    data_return.Terminate(DAY, "Notice"),
    data_return.RecordException("contacts", "law", "Act", DAY),
    data_return.RecordDeletion(1, DAY),
    assistance.AskCustomer(1, "What?"),
    assistance.AnswerRequest(1, "This"),
    assistance.AnswerInPart(1, "This much"),
    assistance.ProposeDate(1, DAY, "Holidays"),
    assistance.ProposeCost(1, "100", "SEK", "Work"),
    assistance.AcceptChange(1),
    assistance.DeclineChange(1, "No"),
    assistance.FlagInstruction(1, "Against the law", "Art. 9"),
    legal_duties.TellLegalDuty("Act 2022:482", "Traffic data is kept"),
]
BY_BOTH = [
    audits.ProposeDates(1, DAY, DAY),
    audits.AgreeDates(1),
    audits.KeepDates(1, "No"),
    audits.FileReport(1, FileRef(name="a.txt", size=1, media_type="text/plain", sha256="ab" * 32)),
    audits.CloseFinding(1, 1, "Done"),
    objections.EndFeatures(1),
]
OWN = [
    TALVOX,
    sub_processors.DiscardDraft(1),
    sub_processors.PublishChange(1, DAY),
    sub_processors.WithdrawChange(1, "No"),
    BREACH,
    incidents.AddCustomers(1, NOW, ("solsidan",)),
    incidents.NotifyCustomers(1, {}, ()),
    incidents.CloseIncident(1, "Over"),
]


def attempt(application, who, command, customer):
    """Whether the person gets as far as the rules."""
    try:
        application.carry_out(who, customer, command, application.ledger.head(customer).sequence)
    except Forbidden:
        return False
    except Refusal:
        return True
    return True


@pytest.mark.parametrize("command", [*BY_CUSTOMER, *BY_PROVIDER, *BY_BOTH], ids=lambda c: type(c).__name__)
def test_each_step_is_for_its_side_and_for_nobody_of_another_customer(application, people, command):
    allowed = {
        (name, customer)
        for name in ("anna", "clara", "david", "eva", "farid", "henrik")
        for customer in ("nordfrakt", "solsidan", "fjallbank")
        if attempt(application, getattr(people, name), command, customer)
    }
    admins = {("anna", "nordfrakt"), ("henrik", "solsidan")}
    officer = {("eva", c) for c in ("nordfrakt", "solsidan", "fjallbank")}
    if command in BY_BOTH:
        assert allowed == admins | officer
    else:
        assert allowed == (officer if command in BY_PROVIDER else admins)


@pytest.mark.parametrize("command", OWN, ids=lambda c: type(c).__name__)
def test_the_providers_own_steps_are_for_its_officer(application, people, command):
    for name in ("anna", "clara", "david", "farid", "henrik"):
        with pytest.raises(Forbidden):
            application.govern(getattr(people, name), command, 0)
        with pytest.raises(Forbidden):
            application.open_provider(getattr(people, name))


def test_a_customer_of_that_name_cannot_be_the_providers_ledger(application, people):
    announce(application, people)
    with pytest.raises(Forbidden):
        application.open(people.eva, "@provider")
    with pytest.raises(Refusal):
        application.carry_out(people.eva, "@provider", audits.AcceptAudit(1), 2)


# --- the list that counts ------------------------------------------------------------------------


def engaged(file):
    return [s.id for s in features.engaged(file.state.features.on, file.agreement)]


def test_on_its_day_the_new_list_counts_everywhere(application, people, clock):
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    announce(application, people)
    assert engaged(application.open(people.anna, "nordfrakt")) == ["aws", "openai", "deepgram"]
    clock.pass_days(31)
    file = application.open(people.anna, "nordfrakt")
    assert engaged(file) == ["aws", "openai", "s_talvox"]
    # In the consequences of an instruction ...
    off = features.consequences(
        features.SetFeatures({"speech_analytics": False}), file.state.features, file.context
    )
    assert [s.name for s in off.removed] == ["OpenAI", "Talvox"]
    # ... in what is recorded ...
    act(application, people.anna, features.SetFeatures({"speech_analytics": False}))
    assert application.ledger.events("nordfrakt")[-1].body["released"] == ["openai", "s_talvox"]
    # ... and not in the past.
    past = application.open(people.anna, "nordfrakt", as_of=NOW + timedelta(days=20))
    assert engaged(past) == ["aws", "openai", "deepgram"]


def test_a_notice_says_what_changes_for_the_own_configuration(application, people):
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    announce(application, people)
    (mine,) = notices.notices(application.open(people.anna, "nordfrakt"))
    (theirs,) = notices.notices(application.open(people.henrik, "solsidan"))
    assert [f.name for f in mine.effect.features] == ["Speech Analytics"]
    assert (mine.effect.before.name, mine.effect.after.name) == ("DeepGram", "Talvox")
    assert (theirs.effect.features, theirs.effect.core) == ((), False)
    touched = notices.touched(application.open_provider(people.eva), mine.published.change, 50)
    assert touched == (1, [("nordfrakt", "Nordfrakt Logistik AB", ("Speech Analytics",))])


def test_features_end_over_an_unresolved_objection_and_the_rest_stays(application, people, clock):
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True, voice=True)
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    clock.pass_days(61)
    act(application, people.eva, objections.EndFeatures(change, "No way out"))
    file = application.open(people.anna, "nordfrakt")
    assert file.state.features.on == {"voice"}
    first, second = history.instructions(file)[:2]
    assert [first.what, second.what] == [
        "Switched off Speech Analytics",
        "Ended Speech Analytics over change 1, unresolved",
    ]
    assert {first.on_behalf_of, second.on_behalf_of} == {"processor"}
    assert application.verify() == []


# --- one subject and another ---------------------------------------------------------------------


def test_a_withdrawn_instruction_takes_back_what_it_did(application, people):
    switched = carry_out(application, people.anna, "nordfrakt", voice=True).sequence
    shortened = act(application, people.anna, retention.SetPeriod("chats", 60))
    for instruction in (switched, shortened):
        flag = act(
            application, people.eva, assistance.FlagInstruction(instruction, "Against the law", "Art. 5 GDPR")
        )
        act(application, people.anna, assistance.AnswerFlag(flag, False))
    file = application.open(people.anna, "nordfrakt")
    assert file.state.features.on == set()
    assert retention.period("chats", file.state.retention, file.agreement, file.now).pending is None


@pytest.mark.parametrize("number", [0, -1, 1, 999])
def test_only_an_instruction_of_the_customer_can_be_flagged(application, people, number):
    with pytest.raises(Refusal) as caught:
        act(application, people.eva, assistance.FlagInstruction(number, "Against the law", "Art. 5 GDPR"))
    assert caught.value.field == "instruction"


def test_a_legal_hold_of_the_retention_page_stops_a_deletion(application, people, clock):
    act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    order = act(
        application,
        people.anna,
        data_return.OrderData("deletion", ("communication_content",), "Moved", True, CUSTOMERS["nordfrakt"]),
    )
    # An exception of another data type makes no difference.
    sms = data_return.RecordException("sms", "law", "Act", DAY)
    act(application, people.eva, sms)
    with pytest.raises(Refusal, match="legal hold"):
        act(application, people.eva, data_return.RecordDeletion(order, dates.local_day(NOW)))
    act(application, people.anna, retention.ReleaseHold("chats"))
    first = dates.local_day(NOW) + timedelta(days=7)
    clock.pass_days(6)
    with pytest.raises(Refusal, match=f"Delete it on {locale.day(first)} or later"):
        act(application, people.eva, data_return.RecordDeletion(order, first - timedelta(days=1)))
    assert rows(application, people) == []  # nobody can do anything until then
    clock.pass_days(1)
    assert [r[1] for r in rows(application, people)] == ["data_return"]
    with pytest.raises(Refusal, match=f"Choose from {locale.day(first)}"):
        act(application, people.eva, data_return.RecordDeletion(order, first - timedelta(days=1)))
    act(application, people.eva, data_return.RecordDeletion(order, first))
    assert application.verify() == []


def test_two_at_the_provider_at_once_are_told_of_each_other(application, people):
    seen = application.open_provider(people.eva).sequence
    application.govern(people.eva, TALVOX, seen)
    with pytest.raises(Changed) as caught:
        application.govern(people.eva, BREACH, seen)
    assert [registry.describe(e, application.agreements[VERSION]) for e in caught.value.events] == [
        "Drafted: Replacement of DeepGram by Talvox"
    ]


def test_an_incident_of_an_unknown_customer_is_refused(application, people):
    with pytest.raises(Refusal, match="no customer"):
        govern(application, people.eva, incidents.RecordIncident("breach", "Leak", NOW, ("nobody",)))


# --- what waits ----------------------------------------------------------------------------------


def busy(application, people):
    """Something of every kind, at two customers."""
    act(application, people.anna, AUDIT)
    act(application, people.anna, HELP)
    act(application, people.henrik, ORDER, "solsidan")
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    govern(application, people.eva, BREACH)
    return change


def rows(application, people, **filters):
    table = tasks.of_provider(application.open_provider(people.eva), tasks.Wanted(**filters))
    return [
        (r["customer"], r["subject"], r["next_step"], tasks.STANDING[r["standing"]])
        for r in table.to_pylist()
    ]


def test_the_desk_holds_everything_overdue_first(application, people, clock):
    busy(application, people)
    assert rows(application, people) == [
        # Without a date, it stands by the day it began.
        ("Solsidan AB", "data_return", "Deliver the data with its manifest", "No date"),
        ("", "incidents", "Notify the customers concerned (2) without undue delay", "In time"),
        ("Nordfrakt Logistik AB", "assistance", "Answer", "In time"),
        ("Nordfrakt Logistik AB", "objections", "Propose a cure", "In time"),
        ("Nordfrakt Logistik AB", "audits", "Be ready for the audit", "In time"),
    ]
    clock.pass_days(20)
    assert [r[1] for r in rows(application, people, overdue_only=True)] == ["incidents", "assistance"]
    assert [r[3] for r in rows(application, people)][:3] == ["No date", "Overdue", "Overdue"]
    assert [r[0] for r in rows(application, people, text="solsi")] == ["Solsidan AB"]
    assert [r[1] for r in rows(application, people, subjects=["audits"])] == ["audits"]
    load = tasks.load(application.open_provider(people.eva)).to_pylist()
    assert {"subject": "assistance", "open": 1, "overdue": 1} in load


def test_time_moves_what_waits_without_anything_having_run(application, people, clock):
    act(application, people.anna, AUDIT)
    assert rows(application, people) == [
        ("Nordfrakt Logistik AB", "audits", "Be ready for the audit", "In time")
    ]
    clock.at = dates.start_of(DAY)
    assert rows(application, people) == []
    assert rows(application, people, waits_for="customer") == [
        ("Nordfrakt Logistik AB", "audits", "File the report", "In time")
    ]


def test_a_change_taken_back_leaves_the_desk(application, people):
    change = busy(application, people)
    govern(application, people.eva, sub_processors.WithdrawChange(change, "Sold"))
    assert "objections" not in [r[1] for r in rows(application, people)]


def test_the_customers_own_list_has_notices_as_well(application, people):
    busy(application, people)
    waiting = tasks.open_tasks(application.open(people.henrik, "solsidan"))
    assert [(t.subject, t.waits_for) for t in waiting] == [
        ("data_return", "provider"),
        ("objections", "customer"),
        ("objections", None),
    ]


def test_the_desk_is_what_the_rules_say(application, people, clock):
    busy(application, people)
    provider = application.open_provider(people.eva)
    expected = []
    for who, id in ((people.anna, "nordfrakt"), (people.henrik, "solsidan")):
        file = application.open(who, id)
        expected += [t.key for t in registry.desk_tasks(file.state, file.context) if t.stands(file.now)]
    expected += [t.key for t in registry.desk_tasks(provider.state, provider.context)]
    found = tasks.of_provider(provider, tasks.Wanted(waits_for=None))["key"].to_pylist()
    assert sorted(found) == sorted(expected)


# --- what nobody else sees -----------------------------------------------------------------------


def test_a_customers_file_tells_nothing_of_another(application, people):
    busy(application, people)
    incident = next(iter(application.open_provider(people.eva).state.incidents.incidents))
    told = {"nature": "Of Solsidan alone"}
    govern(application, people.eva, incidents.NotifyCustomers(incident, told, ("solsidan",)))
    file = application.open(people.anna, "nordfrakt")
    assert file.incidents == {}
    assert "olsidan" not in repr(file)
    assert "nordfrakt" not in repr(application.open(people.henrik, "solsidan").incidents)


# --- history -------------------------------------------------------------------------------------


def test_every_step_is_in_the_history_with_its_side(application, people, clock):
    number = act(application, people.anna, replace(AUDIT, auditor="Revision AB"))
    act(application, people.eva, audits.AcceptAudit(number))
    clock.at = datetime(2027, 2, 2, 9, tzinfo=UTC)
    told = [
        (i.subject, i.on_behalf_of) for i in history.instructions(application.open(people.anna, "nordfrakt"))
    ]
    assert told == [("Audits", "processor"), ("Audits", "nordfrakt"), ("Agreement", "processor")]
    assert application.verify() == []
