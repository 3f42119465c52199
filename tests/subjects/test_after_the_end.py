"""What the end of the agreement means for every subject. Clauses: 3.1(xi), 5.1"""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from dpa_core.subjects import dates, features, policies, registry, retention, reviews
from dpa_core.subjects.assistance import AnswerFlag, FlagInstruction
from dpa_core.subjects.audits import RequestAudit
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.customers import OpenCustomer
from dpa_core.subjects.data_return import CorrectEnd, RecordDeletion, RecordException, Terminate
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.objections import ObjectToChange
from dpa_core.subjects.retention import CancelShortening, PlaceHold, ReleaseHold, SetPeriod
from dpa_core.subjects.reviews import AcceptProposal, ProposeChanges, RejectProposal
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, TICK
from tests.subjects.test_policies import Customer
from tests.subjects.test_sub_processors import MOVE, published

LAST = dates.local_day(NOW) + timedelta(days=10)
OVER = dates.end_of(LAST)
CORE = [s.id for s in AGREEMENT.sub_processors if s.kind == "core"]
AUDIT = RequestAudit(date(2027, 3, 15), date(2027, 3, 15), "Rights", "Anna", cost_acknowledged=True)


def customer(*commands):
    """A customer opened now, after these steps of its own, whose agreement ends in ten days."""
    c = Customer()
    new = recorded(
        registry.decide(OpenCustomer("nordfrakt", "Nordfrakt"), c.state, c.context(side="provider")), NOW
    )
    c.events += new
    c.state = registry.fold(new)
    for command in commands:
        c.go(command)
    c.go(Terminate(LAST, "Notice"), "provider")
    return c


def deleted(c):
    """All of its data is recorded as deleted, 15 days after the end."""
    c.now = OVER + timedelta(days=15)
    c.go(RecordDeletion(c.state.data_return.termination.sequence, dates.local_day(c.now)), "provider")
    return c


def refusal(c, command, side="customer"):
    with pytest.raises(Refusal) as caught:
        policies.decide(command, c.state, c.context(command, side))
    assert caught.value.message
    assert caught.value.remedy
    return caught.value.code, caught.value.field, caught.value.clause


# --- what rests on the end -------------------------------------------------------------------------


def test_everything_works_until_the_last_moment_of_the_last_day():
    c = customer(SetFeatures({"voice": True}, acknowledged=frozenset({"twilio"})))
    c.now = OVER - TICK
    context = c.context()
    assert (context.ends_on, context.ended, context.features_on) == (LAST, None, {"voice"})
    c.go(
        SetFeatures(
            {"speech_analytics": True}, acknowledged=frozenset(s.id for s in AGREEMENT.sub_processors)
        )
    )
    c.now = OVER
    context = c.context()
    assert (context.ends_on, context.ended, context.features_on) == (LAST, LAST, frozenset())
    assert context.opened_on == dates.local_day(NOW)


def test_no_end_is_no_end():
    c = customer()
    c.state = c.state.but(data_return=c.state.data_return.but(termination=None))
    context = c.context()
    assert (context.ends_on, context.ended, context.all_deleted) == (None, None, False)


def engaged(c):
    return [s.id for s in features.engaged_now(c.context())]


def test_optional_sub_processors_go_with_the_end_and_core_ones_with_the_data():
    c = customer(SetFeatures({"voice": True}, acknowledged=frozenset({"twilio"})))
    c.now = OVER - TICK
    assert set(engaged(c)) > set(CORE)
    c.now = OVER
    assert engaged(c) == CORE
    deleted(c)
    assert c.context().all_deleted
    assert engaged(c) == []


def test_core_ones_stay_for_what_is_lawfully_kept():
    c = customer()
    kept = RecordException("contacts", "law", "Accounting Act 7:2", LAST + timedelta(days=400))
    c.go(kept, "provider")
    deleted(c)
    assert not c.context().all_deleted
    assert engaged(c) == CORE


def test_an_end_taken_back_gives_everything_back():
    c = customer(SetFeatures({"voice": True}, acknowledged=frozenset({"twilio"})))
    c.now = OVER
    c.go(CorrectEnd(None, "Of another customer"), "provider")
    assert c.context().features_on == {"voice"}
    c.go(SetFeatures({"voice": False}))


# --- features --------------------------------------------------------------------------------------


def test_after_the_end_no_feature_is_switched_on_and_every_one_is_off():
    c = customer(SetFeatures({"voice": True}, acknowledged=frozenset({"twilio"})))
    c.now = OVER
    for id in (f.id for f in AGREEMENT.features):
        command = SetFeatures({id: True}, acknowledged=frozenset(s.id for s in AGREEMENT.sub_processors))
        assert refusal(c, command) == ("features.ended", "changes", "3.1(xi)")
    assert refusal(c, SetFeatures({"voice": False})) == ("features.already_off", "changes", "Sch. 2 2.2")


def test_a_proposal_lapses_with_the_end_and_can_still_be_rejected():
    c = customer()
    c.go(ProposeChanges({"voice": True}), "provider")
    number = len(c.events)
    waits = [t for t in reviews.tasks(c.state.reviews, c.context()) if t.about == "proposal"]
    assert [(t.stands(OVER - TICK), t.stands(OVER)) for t in waits] == [(True, False)]
    c.now = OVER
    accept = AcceptProposal(number, frozenset({"twilio"}))
    assert refusal(c, accept) == ("reviews.ended", "proposal", "3.1(xi)")
    proposal = c.state.reviews.proposals[number]
    assert reviews.steps_open(proposal, c.state.reviews, c.context()) == (RejectProposal,)
    c.go(RejectProposal(number, "It is over"))


def test_after_the_end_no_feature_is_proposed():
    c = customer()
    c.now = OVER
    assert refusal(c, ProposeChanges({"voice": True}), "provider") == ("reviews.ended", "changes", "3.1(xi)")
    assert refusal(c, ProposeChanges({"voice": False}), "provider")[0] == "reviews.changes_nothing"


def test_an_instruction_in_doubt_can_be_withdrawn_after_the_end():
    c = customer(SetFeatures({"voice": True}, acknowledged=frozenset({"twilio"})))
    c.go(FlagInstruction(2, "Recording without consent", "Art. 6 GDPR"), "provider")
    flag = len(c.events)
    c.now = OVER
    new = c.go(AnswerFlag(flag, False, "We withdraw it"))
    assert all(e.kind != "features.instructed" for e in new)


# --- retention -------------------------------------------------------------------------------------


def test_after_the_end_data_is_not_kept_longer_but_may_be_held_or_go_sooner():
    c = customer(SetPeriod("sms", 30))
    c.now = OVER
    days = retention.period("chats", c.state.retention, AGREEMENT, c.now).days
    assert refusal(c, SetPeriod("chats", days + 1, "Longer")) == ("retention.ended", "days", "3.1(xi)")
    assert refusal(c, SetPeriod("chats", days, "Same"))[0] == "retention.same_period"
    c.go(SetPeriod("chats", days - 1))
    c.go(CancelShortening("chats"))
    c.go(PlaceHold("chats", "Dispute"))
    c.go(ReleaseHold("chats"))


def test_once_all_is_deleted_there_is_nothing_to_keep():
    c = deleted(customer())
    for command in (SetPeriod("chats", 30), PlaceHold("chats", "Dispute")):
        assert refusal(c, command) == ("retention.all_deleted", None, "5.1")


# --- the rest of the DPA, which lasts as long as the provider processes ----------------------------


def test_an_audit_is_asked_for_until_all_is_deleted():
    c = customer()
    c.now = OVER
    c.go(AUDIT)
    deleted(c)
    assert refusal(c, AUDIT) == ("audits.all_deleted", None, "5.1")


def test_a_change_is_objected_to_until_all_is_deleted():
    _, change = published(NOW, MOVE)
    c = customer()
    before = replace(c.context(), changes={1: change})
    step, notices = ObjectToChange(1, "No assessment", True), registry.by_name("objections").notices
    c.now = OVER
    ended = replace(before, now=OVER)
    for context in (before, ended):
        assert policies.decide(step, c.state, context)
        assert list(notices(c.state.objections, context))
    gone = replace(ended, all_deleted=True)
    with pytest.raises(Refusal) as caught:
        policies.decide(step, c.state, gone)
    refused = caught.value
    assert (refused.code, refused.field, refused.clause) == ("objections.all_deleted", "change", "5.1")
    assert list(notices(c.state.objections, gone)) == []
