"""How rows are chained, checked by code that shares nothing with ours but the standard library."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core.ledger import GENESIS, Head, chain, digest_of
from dpa_core.ledger.chain import as_record, canonical, moment

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


def rows(*drafts, head=None):
    return chain(
        head,
        drafts,
        customer_id="nordfrakt",
        recorded_at=AT,
        actor="anna@people.example",
        on_behalf_of="nordfrakt",
        agreement_version="2026-01-29",
    )


def test_the_first_row_stands_on_the_genesis_digest_and_each_other_on_the_one_before():
    first, second, third = rows(("a", {}), ("b", {}), ("c", {}))
    assert [e.sequence for e in (first, second, third)] == [1, 2, 3]
    assert first.previous_digest == GENESIS == "0" * 64
    assert (second.previous_digest, third.previous_digest) == (first.digest, second.digest)


def test_rows_go_on_from_the_head():
    (event,) = rows(("d", {}), head=Head("nordfrakt", 41, "ab" * 32, "{}", 1))
    assert (event.sequence, event.previous_digest) == (42, "ab" * 32)


def test_the_digest_is_sha_256_of_the_canonical_row():
    (event,) = rows(("a", {"v": 1, "reason": "på svenska 🙂 <b>"}))
    record = as_record(event)
    digest = record.pop("digest")
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == digest


@pytest.mark.parametrize(
    "change",
    [
        {"customer_id": "solsidan"},
        {"sequence": 2},
        {"recorded_at": AT + timedelta(microseconds=1)},
        {"actor": "bo@people.example"},
        {"on_behalf_of": "processor"},
        {"agreement_version": "2027-01-01"},
        {"kind": "b"},
        {"body": {"v": 2}},
        {"previous_digest": "1" * 64},
    ],
)
def test_every_column_enters_the_digest(change):
    (event,) = rows(("a", {"v": 1}))
    assert digest_of(replace(event, **change)) != event.digest


def test_the_same_instant_has_one_digest_whatever_zone_it_was_given_in():
    (event,) = rows(("a", {}))
    elsewhere = replace(event, recorded_at=AT.astimezone(timezone(timedelta(hours=2))))
    assert digest_of(elsewhere) == event.digest
    assert moment(elsewhere.recorded_at) == "2026-11-24T14:00:00.000000Z"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values))
def test_any_body_survives_the_way_through_canonical_json_unchanged(body):
    text = canonical(body)
    assert json.loads(text) == body
    assert canonical(json.loads(text)) == text
