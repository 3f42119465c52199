"""Requests to which nothing more can happen leave the state, and nothing of them is lost."""

import hashlib
from datetime import timedelta

import pytest

from dpa_core import closed, deriving
from dpa_core.application import Application
from dpa_core.ledger import Ledger
from dpa_core.subjects import (
    assistance,
    audits,
    customers,
    data_return,
    legal_duties,
    objections,
    registry,
    reviews,
    snapshots,
    sub_processor_audits,
)
from dpa_core.subjects.common import FileRef, Refusal
from dpa_core.subjects.registry import SHELVES, CustomerState
from tests.conftest import NOW, VERSION, carry_out, email, recorded
from tests.ledger.test_events import EVENTS, by_ledger
from tests.pages import shown, visit
from tests.test_requests import act

REQUESTS = "assistance.requests"


def asked(application, people, title="The data flows"):
    return act(
        application,
        people.anna,
        assistance.RequestHelp("dora_information", title, "Please"),
    )


@pytest.fixture
def over(application, people):
    """A request that was answered and closed, and one that is open."""
    first = asked(application, people, "Closed one")
    act(application, people.eva, assistance.AnswerRequest(first, "Here"))
    act(application, people.anna, assistance.CloseRequest(first, "Thanks"))
    return first, asked(application, people, "Open one")


def state_of(application, people, **options):
    return application.open(people.anna, "nordfrakt", **options)


def whole(state, found):
    """A state with everything put back that has left it."""
    for shelf, id in sorted({(c.shelf, c.id) for c in found}):
        last = [c for c in found if (c.shelf, c.id) == (shelf, id)][-1]
        subject, field = shelf.split(".")
        part = getattr(state, subject)
        items = dict(sorted((getattr(part, field) | {id: last.item}).items()))
        state = state.but(**{subject: part.but(**{field: items})})
    return state


@pytest.mark.parametrize("customer", [id for id in by_ledger(EVENTS) if not id.startswith("@")])
def test_with_what_has_left_it_the_state_is_what_the_ledger_folds_to(customer):
    events = by_ledger(EVENTS)[customer]
    for upto in range(1, len(events) + 1):
        state, found = registry.fold_open(events[:upto])
        assert whole(state, found) == registry.fold(events[:upto])
        again, more = registry.fold_open(events[upto - 1 : upto], *_before(events[: upto - 1]))
        assert again == state
        assert more == [c for c in found if c.sequence == events[upto - 1].sequence]


def _before(events):
    state, found = registry.fold_open(events)
    items = {(c.shelf, c.id): c.item for c in found}
    return state, lambda shelf, id: items.get((shelf, id))


def test_a_closed_request_leaves_the_head_and_is_still_listed(application, people, over):
    first, second = over
    file = state_of(application, people)
    assert list(file.state.assistance.requests) == [second]
    assert "Closed one" not in application.ledger.head("nordfrakt").state
    [request] = file.closed.page(REQUESTS, assistance.Request, 10)
    assert (request.id, request.title, request.status) == (first, "Closed one", "closed")
    assert [m.text for m in request.said] == ["Please", "Here", "Thanks"]
    assert file.closed.number(REQUESTS) == 1
    text = shown(visit("assistance", application, people.anna, "nordfrakt"))
    assert "Closed one" in text
    assert "Open one" in text
    assert application.verify() == []


def test_the_past_shows_it_open(application, people, clock):
    first = asked(application, people)
    then = clock.now()
    clock.pass_days(1)
    act(application, people.eva, assistance.AnswerRequest(first, "Here"))
    act(application, people.anna, assistance.CloseRequest(first, ""))
    past = state_of(application, people, as_of=then)
    assert list(past.state.assistance.requests) == [first]
    assert past.closed.number(REQUESTS) == 0
    assert state_of(application, people).closed.number(REQUESTS) == 1


def test_a_step_on_a_closed_request_is_refused_by_what_it_is(application, people, over):
    for command in (assistance.CloseRequest(over[0]), assistance.SendMessage(over[0], "More")):
        with pytest.raises(Refusal) as caught:
            act(application, people.anna, command)
        assert caught.value.code == "assistance.over"


def test_a_closed_request_that_was_flagged_is_withdrawn_with_its_instruction(application, people, clock):
    number = act(application, people.anna, assistance.RequestHelp("change", "Chats", "Keep them longer"))
    act(application, people.eva, assistance.AcceptChange(number))
    act(application, people.eva, assistance.AnswerRequest(number, "Done"))
    act(application, people.anna, assistance.CloseRequest(number))
    flag = act(application, people.eva, assistance.FlagInstruction(number, "Against the law", "Art. 5 GDPR"))
    then = clock.now()
    clock.pass_days(1)
    act(application, people.anna, assistance.AnswerFlag(flag, False))
    file = state_of(application, people)
    [request] = file.closed.page(REQUESTS, assistance.Request, 10)
    assert request.status == "withdrawn"
    [answered] = file.closed.page("assistance.flags", assistance.Flag, 10)
    assert answered.outcome == "withdrawn"
    [before] = state_of(application, people, as_of=then).closed.page(REQUESTS, assistance.Request, 10)
    assert before.status == "closed"
    assert application.verify() == []


def test_the_files_of_a_closed_request_can_be_fetched_and_are_verified(application, people):
    ref = application.attach(people.anna, "nordfrakt", "flows.txt", b"the data flows")
    act(application, people.anna, assistance.RequestHelp("dora_information", "Flows", "Please", files=(ref,)))
    number = state_of(application, people).sequence
    act(application, people.anna, assistance.CloseRequest(number))
    assert state_of(application, people).attached(ref.sha256).content == b"the data flows"
    assert application.verify() == []
    for path in (application.ledger.folder / "files").rglob(f"*{ref.sha256}*"):
        path.unlink()
    assert [f.customer_id for f in application.verify()] == ["nordfrakt"]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM closed",
        "UPDATE closed SET content = replace(content, 'Closed', 'Other')",
        "INSERT INTO closed (customer_id, shelf, id, closed_sequence, content) "
        "VALUES ('nordfrakt', 'assistance.requests', 1, 1, '{}')",
    ],
)
def test_what_is_closed_is_verified_against_the_ledger(application, people, over, change):
    with application.ledger.transaction() as tx:
        tx.execute(change, [])
    assert [f.customer_id for f in application.verify()] == ["nordfrakt"]


# --- the past -------------------------------------------------------------------------------------


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(closed, "EVERY", 3)


def test_every_moment_of_the_past_is_what_the_ledger_folds_to(often, application, people, clock):
    for turn in range(3):
        number = asked(application, people, f"Request {turn}")
        clock.pass_days(1)
        carry_out(application, people.anna, "nordfrakt", voice=turn % 2 == 0)
        act(application, people.anna, assistance.CloseRequest(number))
        clock.pass_days(1)
    events = application.ledger.events("nordfrakt")
    kept = application.ledger.rows("SELECT sequence FROM folds WHERE customer_id = 'nordfrakt' ORDER BY 1")
    assert [sequence for (sequence,) in kept] == [3, 6, 9]
    read = []
    original = application.ledger.events

    def reading(*args, **options):
        found = original(*args, **options)
        read.append(len(found))
        return found

    application.ledger.events = reading
    for event in events:
        file = application.reopen(people.anna, "nordfrakt", event.sequence, clock.now())
        assert file.state == registry.fold_open(events[: event.sequence])[0]
    assert max(read) <= 3
    del application.ledger.events
    assert application.verify() == []


def test_a_kept_state_of_another_shape_is_not_used_and_one_that_was_changed_is_found(
    often, application, people
):
    for turn in range(4):
        carry_out(application, people.anna, "nordfrakt", voice=turn % 2 == 0)
    with application.ledger.transaction() as tx:
        tx.execute("UPDATE folds SET state = '{}'", [])
    assert [f.customer_id for f in application.verify()] == ["nordfrakt"]
    with application.ledger.transaction() as tx:
        tx.execute("UPDATE folds SET state_schema = 1", [])
    file = application.reopen(people.anna, "nordfrakt", 4, NOW)
    assert file.state.features.on == {"voice"}


def test_an_older_store_gets_its_past_made_anew(often, store, agreement, clock):
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        anna = application.person(email("anna"))
        number = act(application, anna, assistance.RequestHelp("dora_information", "Flows", "Please"))
        act(application, anna, assistance.CloseRequest(number))
        before = [ledger.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in ("closed", "folds")]
        with ledger.transaction() as tx:
            tx.execute("UPDATE heads SET state_schema = 4 WHERE customer_id <> '@demo'", [])
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        assert [ledger.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in ("closed", "folds")] == before
        assert application.verify() == []


def test_every_shelf_names_a_field_of_its_subject():
    for name in SHELVES:
        subject, field = name.split(".")
        assert getattr(getattr(CustomerState(), subject), field) == {}


# --- every kind -----------------------------------------------------------------------------------


def drafts_settled(first, turn):
    """One request of every kind, from its first event to the one that settles it; `first`: the entry that the
    first event becomes."""
    day = (NOW + timedelta(days=turn)).date()
    ref = FileRef(name="report.pdf", size=1, media_type="", sha256="ab" * 32)
    out = []

    def note(body):
        out.append(body)
        return first + len(out) - 1

    asked = note(
        assistance.Requested(
            request_kind="security",
            title="T",
            text="Please",
            rights=(),
            received_on=None,
            files=(),
            cost_acknowledged=False,
        )
    )
    note(assistance.Closed(request=asked, outcome="closed", reason=""))
    flag = note(assistance.Flagged(instruction=1, opinion="Unlawful"))
    note(assistance.FlagAnswered(flag=flag, outcome="confirmed", reason="It is not"))
    duty = note(legal_duties.Told(law="Act", what="Kept"))
    note(legal_duties.Acknowledged(duty=duty, remark=""))
    plan = audits.Plan(first=day, last=day)
    told = {"sub_processor": None, "ground": "", "auditor": "", "scope": "All", "on_site": True}
    audit = note(audits.Requested(**told, contact="Anna", cause="A", plan=plan, cost_acknowledged=True))
    note(audits.DatesProposed(audit=audit, plan=plan, reason="Staff away"))
    note(audits.DatesKept(audit=audit, plan=plan, reason="Booked"))
    note(audits.ReportFiled(audit=audit, report=ref, findings=()))
    of_another = {"sub_processor": "openai", "name": "OpenAI", "ground": "Art. 28", "scope": "All"}
    another = note(sub_processor_audits.Requested(**of_another))
    note(sub_processor_audits.Withdrawn(audit=another, reason="No need"))
    ordered = {"wish": "deletion", "categories": ("voice_audio",), "reason": "", "cost_acknowledged": True}
    order = note(data_return.Ordered(**ordered))
    deleted = {"categories": ("voice_audio",), "on": day, "kept": (), "assumed": False}
    note(data_return.Deleted(order=order, **deleted))
    note(objections.Objected(change=turn + 1, grounds="No assessment", files=()))
    note(objections.ObjectionWithdrawn(change=turn + 1, reason=""))
    note(reviews.Held(notes="All well", actions=()))
    proposal = note(reviews.Saved(changes={"voice": True}, reason=""))
    note(reviews.ProposalRejected(proposal=proposal, reason=""))
    digest = hashlib.sha256(str(turn).encode()).hexdigest()
    note(snapshots.Taken(as_at=day, moment=NOW, sequence=1, digest=digest))
    return out


def folded_after(turns):
    """The state after so many requests of every kind, all settled, and all that has left it."""
    events = recorded([customers.Opened(name="Nordfrakt", agreement_version=VERSION)])
    for turn in range(turns):
        bodies = drafts_settled(len(events) + 1, turn)
        events += recorded(bodies, NOW + timedelta(days=turn), after=len(events))
    return registry.fold_open(events)


@pytest.fixture(scope="module")
def settled():
    return folded_after(4000)


def test_a_head_is_no_larger_after_four_thousand_settled_requests_of_every_kind(settled, application):
    state, left = settled
    heads = application.ledger.rows("SELECT state FROM heads WHERE customer_id NOT LIKE '@%'")
    demo = max(len(text) for (text,) in heads)
    assert len(state.model_dump_json()) <= 2 * demo
    assert {c.shelf for c in left} == set(SHELVES)


def test_what_rules_need_of_settled_requests_stays(settled):
    state, _ = settled
    year = max(state.audits.over)
    counted = audits.in_year(state.audits, year, NOW + timedelta(days=3999))
    assert (counted.number > 0, len(counted.last)) == (True, audits.NAMED_AT_MOST)
    assert state.data_return.deleted == {"voice_audio": (NOW + timedelta(days=3999)).date()}
    assert state.reviews.last is not None


def test_several_processes_make_an_older_store_anew_as_one_does(store, agreement, clock, monkeypatch, caplog):
    monkeypatch.setattr(deriving, "ALONE", 0)
    monkeypatch.setattr(deriving, "BATCH", 1)
    monkeypatch.setattr(deriving, "_TELL", 1)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    caplog.set_level("INFO", "dpa_desk")
    tables = ("heads", "facts", "answers", "tasks", "closed", "folds", "roles")
    with Ledger.open(store) as ledger:
        before = [ledger.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in tables]
        with ledger.transaction() as tx:
            tx.execute("UPDATE heads SET state_schema = 5 WHERE customer_id <> '@demo'")
        application = Application(ledger, {VERSION: agreement}, clock)
        assert [ledger.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in tables] == before
        assert application.verify() == []
    assert "3 of 3 ledgers" in caplog.text
