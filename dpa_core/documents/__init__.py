"""Documents made of the ledger's facts, as PDF/UA."""

from __future__ import annotations

from pathlib import Path

from dpa_core.agreement import Agreement
from dpa_core.documents import typeset
from dpa_core.downloads import File
from dpa_core.locale import day_in_full, minute_in_full
from dpa_core.subjects import data_return


def deletion_certificate(order: data_return.Order, customer: str, agreement: Agreement, digest: str) -> File:
    """What was deleted, when, by whom, and which exceptions remain. Clause: 3.1(xi)

    `digest`: of the entry that recorded the deletion, so that the certificate can be found again and is the
    same whenever it is made. ValueError where the order
    has not ended in a deletion.
    """
    if order.deleted_on is None or order.certified_at is None:
        raise ValueError("nothing was deleted")
    names = {c.id: c.name for c in agreement.data_categories}
    why = (
        "Assumed under clause 3.1(xi) from "
        f"{minute_in_full(data_return.since(order, agreement))} on, as no return was asked for in time after "
        "the end of the agreement"
        if order.assumed
        else f"Instruction {order.id} of {minute_in_full(order.at)} by {order.by}"
    )
    data = {
        "processor": agreement.processor.model_dump(mode="json"),
        "customer": customer,
        "agreement": agreement.version,
        "order": why,
        "categories": [names.get(c, c) for c in order.categories],
        "deleted_on": day_in_full(order.deleted_on),
        "recorded": f"{minute_in_full(order.certified_at)} by {order.deleted_by}",
        "kept": [
            {
                "category": names.get(k.category, k.category),
                "ground": data_return.GROUNDS[k.ground],
                "law": k.law,
                "until": day_in_full(k.until),
            }
            for k in order.exceptions
        ],
        "digest": digest,
    }
    template = Path(__file__).with_name("deletion_certificate.typ").read_bytes()
    content = typeset.pdf(template, data, order.certified_at, ["ua-1"])
    return File(f"deletion-certificate-{order.id}.pdf", "application/pdf", content)
