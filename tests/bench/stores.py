"""A store with many customers and long histories, made quickly: real events, chained, but written in bulk."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from dpa_core import access, demo, deriving
from dpa_core.agreement import Agreement
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.facts import Facts
from dpa_core.ledger import Event, Head, Ledger, chain
from dpa_core.ledger.chain import canonical
from dpa_core.subjects import assistance, customers, features, grants, registry
from dpa_core.subjects.registry import STATE_SCHEMA, CustomerState
from dpa_core.subjects.subject import Context
from tests.frozen import VERSION, frozen_agreements

BEGAN = datetime(2026, 2, 2, 8, 0, tzinfo=UTC)
_EVENTS = tuple(f.name for f in fields(Event))
_HEADS = tuple(f.name for f in fields(Head) if f.compare)


def drafts(agreement: Agreement, number: int) -> list[tuple[str, dict]]:
    """A customer's first `number` events: opened, then features switched on and off in turn."""
    opened = customers.Opened(name="", agreement_version=agreement.version)
    out = [(opened.kind, opened.model_dump(mode="json"))]
    state = features.State()
    for turn in range(number - 1):
        feature = agreement.features[turn % len(agreement.features)]
        switch = {feature.id: feature.id not in state.on}
        context = Context(agreement, BEGAN)
        wanted = features.consequences(features.SetFeatures(switch), state, context).to_acknowledge
        (new,) = features.decide(features.SetFeatures(switch, f"Change {turn}", wanted), state, context)
        body = new.model_dump(mode="json")
        out.append((new.kind, body))
        event = Event("", turn + 2, BEGAN, "", "", "", new.kind, body, "", "")
        state = features.FEATURES.evolve(state, event)
    return out


def crowd(path: Path, number: int, length: int) -> None:
    """A demo store with `number` more customers (`c00000` …), each with `length` events, every 500th
    with an admin."""
    agreements = frozen_agreements()
    agreement = agreements[VERSION]
    template = drafts(agreement, length)
    with Ledger.open(path) as ledger:
        demo.fill(ledger, agreements, datetime.now(UTC))
        for start in range(0, number, 500):
            rows: list[Event] = []
            heads: list[Head] = []
            for n in range(start, min(start + 500, number)):
                name = {**template[0][1], "name": f"Customer {n:05} AB"}
                events = _spread(f"c{n:05}", [(template[0][0], name), *template[1:]])
                state = registry.fold(events).model_dump_json()
                last = events[-1]
                rows += events
                heads.append(Head(last.customer_id, last.sequence, last.digest, state, STATE_SCHEMA))
            write(ledger, rows, heads)
        application = Application(ledger, agreements, Clock())
        for n in range(0, number, 500):
            grant = grants.GrantAccess(f"admin@c{n:05}.example", "customer_admin", f"c{n:05}")
            application.change_access(access.operator(BEGAN), grant)


def _spread(
    customer_id: str, template: list[tuple[str, dict]], pace: timedelta = timedelta(days=2)
) -> list[Event]:
    head, events = None, []
    for step, draft in enumerate(template):
        (event,) = chain(
            head,
            [draft],
            customer_id=customer_id,
            recorded_at=BEGAN + step * pace,
            actor=f"admin@{customer_id}.example",
            on_behalf_of=customer_id,
            agreement_version=VERSION,
        )
        head = Head(customer_id, event.sequence, event.digest, "", 0)
        events.append(event)
    return events


def long_customer(path: Path, entries: int, requests: int) -> None:
    """Put a customer `long` into a demo store, with an admin: so many entries, among them those of so many
    requests for help, all but the last answered and closed."""
    agreements = frozen_agreements()
    drafts_made = _drafts_of_requests(requests)
    switched = drafts(agreements[VERSION], entries - len(drafts_made))
    name = {**switched[0][1], "name": "Long AB"}
    events = _spread("long", [(switched[0][0], name), *drafts_made, *switched[1:]], timedelta(minutes=15))
    last = events[-1]
    with Ledger.open(path) as ledger:
        # Of no shape: the application makes the state, and all that lies beside it, when it begins.
        write(ledger, events, [Head("long", last.sequence, last.digest, "{}", 0)])
        application = Application(ledger, agreements, Clock())
        grant = grants.GrantAccess("admin@long.example", "customer_admin", "long")
        application.change_access(access.operator(BEGAN), grant)


def _drafts_of_requests(number: int) -> list[tuple[str, dict]]:
    """Requests for help from the second entry of a ledger on: asked, answered and closed in turn."""
    out: list[assistance.Requested | assistance.MessageSent | assistance.Closed] = []
    for n in range(number):
        asked = assistance.Requested(
            request_kind="security",
            title=f"Certificate {n}",
            text="The certificate, please",
            rights=(),
            received_on=None,
            files=(),
            cost_acknowledged=False,
        )
        id = len(out) + 2
        out.append(asked)
        if n < number - 1:
            out.append(assistance.MessageSent(request=id, text="Here it is", files=(), then="answered"))
            out.append(assistance.Closed(request=id, outcome="closed", reason="Thanks"))
    return [(body.kind, body.model_dump(mode="json")) for body in out]


def write(ledger: Ledger, rows: list[Event], heads: list[Head]) -> None:
    columns = {name: [getattr(row, name) for row in rows] for name in _EVENTS}
    columns["recorded_at"] = [row.recorded_at.replace(tzinfo=None) for row in rows]
    columns["body"] = [canonical(row.body) for row in rows]
    states = ((h.customer_id, CustomerState.model_validate_json(h.state)) for h in heads)
    listed = [[id, *Facts.of(state).row()] for id, state in states]
    with ledger.transaction() as tx:
        tx.insert("events", pa.table(columns))
        tx.insert("heads", pa.table({name: [getattr(h, name) for h in heads] for name in _HEADS}))
        tx.insert("facts", deriving.as_table(deriving.FACTS, listed))
