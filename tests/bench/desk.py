"""Script time of the desk with 10,000 open requests of 10,000 customers, against the same from constants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from dpa_core import demo
from dpa_core.application import Application, task_row
from dpa_core.clock import DemoClock
from dpa_core.ledger import Head, Ledger, chain
from dpa_core.subjects import assistance, customers, registry
from dpa_core.subjects.registry import STATE_SCHEMA, ProviderState
from tests.bench import pages, stores
from tests.frozen import VERSION, frozen_agreements

REQUESTS = 10_000
LIMIT = 2.0


def measure() -> list[tuple[str, float, float]]:
    """(what, ratio, limit) of the desk for the privacy officer."""
    pages.stand_in()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "busy.duckdb"
        _fill(path)
        who = {"email": "eva.sund@connectel.example", "customer": "c00500"}
        with Ledger.open(path) as ledger:
            ratio = pages.ratio(Application(ledger, frozen_agreements(), DemoClock()), "desk", who)
    return [(f"desk, {REQUESTS:,} open requests of as many customers", ratio, LIMIT)]


def _fill(path: Path) -> None:
    """A demo store with as many more customers, each with one request, spread over half a year."""
    agreements = frozen_agreements()
    agreement = agreements[VERSION]
    now = datetime.now(UTC)
    with Ledger.open(path) as ledger:
        demo.fill(ledger, agreements, now)
        for start in range(0, REQUESTS, 500):
            rows, heads, waiting = [], [], {}
            for n in range(start, start + 500):
                id = f"c{n:05}"
                opened = customers.Opened(name=f"Customer {n:05} AB", agreement_version=agreement.version)
                asked = assistance.Requested(
                    request_kind="dpia",
                    title=f"Assessment {n}",
                    text="The data flows, please",
                    rights=(),
                    received_on=None,
                    files=(),
                    cost_acknowledged=True,
                )
                events = chain(
                    None,
                    [
                        (opened.kind, opened.model_dump(mode="json")),
                        (asked.kind, asked.model_dump(mode="json")),
                    ],
                    customer_id=id,
                    recorded_at=now - timedelta(days=n % 60),
                    actor=f"admin@{id}.example",
                    on_behalf_of=id,
                    agreement_version=agreement.version,
                )
                state = registry.fold(events)
                last = events[-1]
                rows += events
                heads.append(Head(id, last.sequence, last.digest, state.model_dump_json(), STATE_SCHEMA))
                context = registry.context_of(
                    state, ProviderState(), agreement, now, customer_id=id, sequence=2, side="customer"
                )
                waiting[id] = [task_row(t, opened.name) for t in registry.desk_tasks(state, context)]
            stores.write(ledger, rows, heads)
            with ledger.transaction() as tx:
                for id, found in waiting.items():
                    tx.replace_tasks(id, found)
