"""Old events stay readable for ever: `events.jsonl` has one of every kind and version ever written.

Lines are added, never changed or removed. A new kind, or a new version of a body, gets a line.
"""

import json
from datetime import datetime
from itertools import groupby
from pathlib import Path

import pytest

from dpa_core import subjects
from dpa_core.ledger import Event, Head, chain, digest_of
from dpa_core.office import DEMO, PROVIDER, fold_ledger
from dpa_core.subjects import (
    assistance,
    audits,
    customers,
    data_return,
    features,
    incidents,
    retention,
    reviews,
    snapshots,
    sub_processors,
)

LINES = (Path(__file__).parent / "events.jsonl").read_text("utf-8").splitlines()


def event(line):
    record = json.loads(line)
    return Event(**record | {"recorded_at": datetime.fromisoformat(record["recorded_at"])})


EVENTS = [event(line) for line in LINES]
names = [f"{e.kind}-{e.sequence}" for e in EVENTS]

KNOWN = {
    (customers.KIND, 1),
    (features.KIND, 1),
    *((kind, 1) for subject in (retention, audits, data_return, assistance) for kind in subject.KINDS),
    *(
        (kind, 1)
        for subject in (sub_processors, incidents)
        for kind in subject.KINDS | subject.PROVIDER_KINDS
    ),
    *((kind, 1) for kind in reviews.KINDS),
    (snapshots.KIND, 1),
    ("access.granted", 1),
    ("access.revoked", 1),
    ("demo.clock_advanced", 1),
}


def test_every_kind_and_version_that_the_program_writes_is_in_the_file():
    assert {(e.kind, e.body["v"]) for e in EVENTS} >= KNOWN


@pytest.mark.parametrize("old", EVENTS, ids=names)
def test_its_digest_is_still_the_one_it_was_written_with(old):
    assert digest_of(old) == old.digest
    head = Head(old.customer_id, old.sequence - 1, old.previous_digest, "", 1)
    (again,) = chain(
        head if old.sequence > 1 else None,
        [(old.kind, old.body)],
        customer_id=old.customer_id,
        recorded_at=old.recorded_at,
        actor=old.actor,
        on_behalf_of=old.on_behalf_of,
        agreement_version=old.agreement_version,
    )
    assert again == old


@pytest.mark.parametrize("old", EVENTS, ids=names)
def test_it_still_changes_the_state(old):
    if old.customer_id == DEMO:
        assert fold_ledger(DEMO, [old]) == json.dumps({"days": old.body["days"]})
    elif old.customer_id.startswith("@person:"):
        assert subjects.fold_grants([old]).email == old.body["email"]
    else:
        before = [e for e in EVENTS if e.customer_id == old.customer_id and e.sequence < old.sequence]
        assert fold_ledger(old.customer_id, [*before, old]) != fold_ledger(old.customer_id, before)


@pytest.mark.parametrize(
    "old", [e for e in EVENTS if not e.customer_id.startswith("@")], ids=lambda e: e.kind
)
def test_it_is_still_described_in_a_sentence(old, agreement):
    sentence = subjects.describe(old, agreement)
    assert sentence != old.kind
    assert sentence[0].isupper()


@pytest.mark.parametrize("old", [e for e in EVENTS if e.customer_id == PROVIDER], ids=lambda e: e.kind)
def test_the_providers_own_is_still_described_in_a_sentence(old):
    sentence = subjects.describe_provider(old)
    assert sentence != old.kind
    assert sentence[0].isupper()


def test_the_whole_file_folds_to_the_state_it_stood_for():
    ledgers = {id: list(group) for id, group in groupby(EVENTS, key=lambda e: e.customer_id)}
    state = subjects.fold(ledgers["nordfrakt"])
    assert state.customer.name == "Nordfrakt Logistik AB"
    assert state.features.on == {"voice", "speech_analytics"}
    settings = state.retention.settings
    assert (settings["chats"].days, settings["chats"].pending) == (None, None)
    assert settings["sms"].days == 400
    assert settings["emails"].hold is None
    reviewed = subjects.fold(ledgers["fjallbank"])
    assert reviewed.reviews.last.confirmed_by == "henrik@people.example"
    assert [p.answer for p in reviewed.reviews.proposals] == ["accepted", "rejected"]
    assert reviewed.snapshots.taken == {"ab" * 32: 7}
    assert subjects.fold_grants(ledgers["@person:anna@people.example"]).grants == ()


OWN = {"review": "reviews", "proposal": "reviews", "snapshot": "snapshots"}
"""The state that a kind's first word changes, where it is not that word."""


@pytest.mark.parametrize("customer", ["solsidan", "fjallbank"])
def test_an_event_of_another_subject_leaves_a_state_as_it_is(customer):
    state = subjects.CustomerState()
    for old in (e for e in EVENTS if e.customer_id == customer):
        new = subjects.evolve(state, old)
        changed = {name for name in type(new).model_fields if getattr(new, name) != getattr(state, name)}
        word = old.kind.split(".")[0]
        assert changed == {OWN.get(word, word)}
        state = new
