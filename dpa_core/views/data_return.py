"""What is handed over of return and deletion. Clause: 3.1(xi)"""

from __future__ import annotations

from dpa_core import documents
from dpa_core.application import CustomerFile
from dpa_core.downloads import File
from dpa_core.subjects.data_return import Order


def deletion_certificate(file: CustomerFile, order: Order) -> File:
    """The certificate of a deletion, the same bytes whenever it is made.

    It carries the digest of the entry that recorded the deletion, and speaks in the names of the agreement
    of that entry. ValueError where the order has not ended in a deletion. Clause: 3.1(xi)
    """
    entry = file.reader.event(order.deleted_entry) if order.deleted_entry else None
    if entry is None:
        raise ValueError("nothing was deleted")
    return documents.deletion_certificate(
        order, file.name, file.version(entry.agreement_version), entry.digest
    )
