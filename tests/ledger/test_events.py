"""Old events stay readable for ever: `events.jsonl` has one of every kind and version ever written.

Lines are added, never changed or removed. A new kind, or a new version of a body, gets a line.
"""

import hashlib
import json
from datetime import datetime
from itertools import groupby
from pathlib import Path

import pytest

from dpa_core.application import DEMO, PROVIDER, fold_ledger
from dpa_core.ledger import Event, Head, chain, digest_of
from dpa_core.ledger.chain import canonical
from dpa_core.subjects import grants, registry
from dpa_core.subjects.registry import ALL, STATE_SCHEMA, CustomerState, ProviderState

LINES = (Path(__file__).parent / "events.jsonl").read_text("utf-8").splitlines()


def event(line):
    record = json.loads(line)
    return Event(**record | {"recorded_at": datetime.fromisoformat(record["recorded_at"])})


EVENTS = [event(line) for line in LINES]
names = [f"{e.kind}-{e.sequence}" for e in EVENTS]


def by_ledger(events):
    """Each ledger's events in order, wherever their lines stand."""
    found = sorted(events, key=lambda e: (e.customer_id, e.sequence))
    return {id: list(group) for id, group in groupby(found, key=lambda e: e.customer_id)}


KNOWN = {
    *((body.kind, body.model_fields["v"].default) for subject in ALL for body in subject.events),
    ("demo.clock_advanced", 1),
}

PINNED = {
    3: (
        "4108f59b1df0a699afdd143fde42cc2a7fd97355cecce0a009eb39b3bbf43b4c",
        73,
        "9ed372b1ffc7050b2848f4f1e7b3c9d80c899a1367a140708783eb363c998840",
    ),
    # Of the same shape; what lists need came beside it.
    4: (
        "4108f59b1df0a699afdd143fde42cc2a7fd97355cecce0a009eb39b3bbf43b4c",
        73,
        "9ed372b1ffc7050b2848f4f1e7b3c9d80c899a1367a140708783eb363c998840",
    ),
    # Without the requests and flags to which nothing more can happen.
    5: (
        "4108f59b1df0a699afdd143fde42cc2a7fd97355cecce0a009eb39b3bbf43b4c",
        73,
        "6ae2e8035453fc03e0ca8d22bbe058dc267a1646a6994239b77f48979028b2d2",
    ),
    # Nor audits, orders, objections, reviews, proposals and snapshots.
    6: (
        "f94b13f7326ce1da015a15739b8efdcba0e4a714e46e7e926f5bbc795e9bdee8",
        73,
        "73fa34641f4ad2af992972e229d4119b7e896033f737cfc8d693b5838405f28e",
    ),
    # What counts for each party to the letter of the agreement.
    7: (
        "0e1ccc5c9a312481cc7db638f2daf2892a976f56c25c6c7f16cc7a5b59d2c40d",
        120,
        "fac8a7b5765025acefef75a1c06428d372fd45fb42beb9ec3f15a17d1c5179f7",
    ),
}
"""By schema number: the digest of the state's own schema, a number of lines, and the digest of what those
first lines of `events.jsonl` fold to. Lines are added at the end, so that they leave it as it is."""


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
        assert registry.fold_person([old]).email == old.body["email"]
    else:
        before = [e for e in EVENTS if e.customer_id == old.customer_id and e.sequence < old.sequence]
        fold = registry.fold_provider if old.customer_id == PROVIDER else registry.fold
        assert fold([*before, old]) != fold(before)


@pytest.mark.parametrize("old", [e for e in EVENTS if e.customer_id != DEMO], ids=lambda e: e.kind)
def test_it_is_still_described_in_a_sentence(old, agreement):
    sentence = registry.describe(old, agreement)
    assert sentence != old.kind
    assert sentence[0].isupper()


def test_the_whole_file_folds_to_the_state_it_stood_for():
    ledgers = by_ledger(EVENTS)
    state = registry.fold(ledgers["nordfrakt"])
    assert state.customer.name == "Nordfrakt Logistik AB"
    assert state.features.on == {"voice", "speech_analytics"}
    settings = state.retention.settings
    assert (settings["chats"].days, settings["chats"].pending) == (None, None)
    assert settings["sms"].days == 400
    assert settings["emails"].hold is None
    reviewed = registry.fold(ledgers["fjallbank"])
    assert reviewed.reviews.last.confirmed_by == "henrik@people.example"
    assert [p.answer for p in reviewed.reviews.proposals.values()] == ["accepted", "rejected"]
    assert [(s.digest, s.entry) for s in reviewed.snapshots.taken.values()] == [("ab" * 32, 7)]
    assert registry.fold_person(ledgers["@person:anna@people.example"]).grants == ()


@pytest.mark.parametrize("customer", [id for id in by_ledger(EVENTS) if not id.startswith("@")])
def test_a_state_is_the_same_whether_it_was_folded_or_read(customer):
    state = CustomerState()
    for old in by_ledger(EVENTS)[customer]:
        state = registry.evolve(state, old)
        assert CustomerState.model_validate_json(state.model_dump_json()) == state


def test_the_states_of_the_provider_and_of_people_are_too():
    ledgers = by_ledger(EVENTS)
    for id, events in ledgers.items():
        if id == PROVIDER:
            provider = registry.fold_provider(events)
            assert ProviderState.model_validate_json(provider.model_dump_json()) == provider
        elif id.startswith("@person:"):
            person = registry.fold_person(events)
            assert grants.State.model_validate_json(person.model_dump_json()) == person


@pytest.mark.parametrize("customer", ["solsidan", "fjallbank"])
def test_an_event_of_another_subject_leaves_a_state_as_it_is(customer):
    state = CustomerState()
    for old in (e for e in EVENTS if e.customer_id == customer):
        new = registry.evolve(state, old)
        changed = {name for name in type(new).model_fields if getattr(new, name) != getattr(state, name)}
        assert changed == {registry.by_kind(old.kind).name}
        state = new


# --- the schema number ---------------------------------------------------------------------------


def test_folded_one_by_one_a_ledger_says_and_closes_the_same():
    customers = {id: events for id, events in by_ledger(EVENTS).items() if not id.startswith("@")}
    for events in customers.values():
        fold = registry.CustomerFold()
        left = [item for event in events for item in fold.take(event)]
        assert (fold.state(), left) == registry.fold_open(events)


def sha256(value):
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def shape(model):
    """A model's JSON Schema without its prose, which may be reworded."""

    def bare(node):
        if isinstance(node, dict):
            return {
                k: bare(v)
                for k, v in node.items()
                if k not in ("description", "title") or isinstance(v, dict)
            }
        return [bare(n) for n in node] if isinstance(node, list) else node

    return bare(model.model_json_schema())


def test_a_changed_state_has_a_new_schema_number():
    schema, lines, fold = PINNED.get(STATE_SCHEMA, ("", 0, ""))
    folded = {id: json.loads(fold_ledger(id, events)) for id, events in by_ledger(EVENTS[:lines]).items()}
    shapes = [shape(model) for model in (CustomerState, ProviderState, grants.State)]
    assert (schema, fold) == (sha256(shapes), sha256(folded)), (
        "The folded state, or what the events fold to, is not what this number stands for: states in "
        "stores would be read as something else. Raise STATE_SCHEMA, and pin what it stands for under it."
    )
