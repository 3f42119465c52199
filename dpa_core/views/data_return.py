"""What is handed over of return and deletion. Clause: 3.1(xi)"""

from __future__ import annotations

from datetime import date, datetime

from dpa_core import documents
from dpa_core.application import CustomerFile
from dpa_core.downloads import File
from dpa_core.locale import day
from dpa_core.subjects import dates
from dpa_core.subjects.data_return import Order


def end_in_words(last: date, now: datetime) -> str:
    """How an agreement stands whose end is recorded: `Ends on 3 Nov 2026`, and `Ended on` once it has."""
    return f"{'Ended' if now >= dates.end_of(last) else 'Ends'} on {day(last)}"


def deletion_certificate(file: CustomerFile, order: Order) -> File:
    """The certificate of a deletion, the same bytes whenever it is made.

    It carries the digest of the entry that recorded the deletion, speaks in the names of the agreement of
    that entry, and names people as they were known then. ValueError where the order has not ended in a
    deletion. Clause: 3.1(xi)
    """
    entry = file.reader.event(order.deleted_entry) if order.deleted_entry else None
    if entry is None:
        raise ValueError("nothing was deleted")
    who, version = file.people.who, file.version(entry.agreement_version)
    named = {
        "by": who(order.by, order.at).address,
        "deleted_by": who(entry.actor, entry.recorded_at).address,
    }
    return documents.deletion_certificate(order.model_copy(update=named), file.name, version, entry.digest)
