"""The ledger: append-only, hash-chained per customer, in one DuckDB file. Knows nothing of the rules."""

from dpa_core.ledger.chain import GENESIS, Event, Head, chain, digest_of
from dpa_core.ledger.store import Conflict, Ledger, StoreError, Transaction
from dpa_core.ledger.verify import Fault, check_chain, verify

__all__ = [
    "GENESIS",
    "Conflict",
    "Event",
    "Fault",
    "Head",
    "Ledger",
    "StoreError",
    "Transaction",
    "chain",
    "check_chain",
    "digest_of",
    "verify",
]
