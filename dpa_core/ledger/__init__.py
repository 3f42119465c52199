"""The ledger: append-only, hash-chained per customer, in one DuckDB file. Knows nothing of the rules."""

from dpa_core.ledger.chain import GENESIS, Event, Head, chain, digest_of
from dpa_core.ledger.database import Values
from dpa_core.ledger.losses import Accepted, accepted
from dpa_core.ledger.store import Conflict, Ledger, StoreError, StoreInUse, Transaction
from dpa_core.ledger.verify import Fault, check_chain, verify
from dpa_core.ledger.whole import move

__all__ = [
    "GENESIS",
    "Accepted",
    "Conflict",
    "Event",
    "Fault",
    "Head",
    "Ledger",
    "StoreError",
    "StoreInUse",
    "Transaction",
    "Values",
    "accepted",
    "chain",
    "check_chain",
    "digest_of",
    "move",
    "verify",
]
