"""Certify a deletion from the entry that recorded it. Clause: 3.1(xi)"""

from __future__ import annotations

from collections.abc import Iterable

from dpa_core.agreement import Agreement
from dpa_core.application import CustomerFile
from dpa_core.downloads import File
from dpa_core.snapshots import certificate, model, pdf
from dpa_core.snapshots.certificate import Certificate
from dpa_core.snapshots.sign import KeyRing
from dpa_core.subjects import data_return
from dpa_core.subjects.data_return import Deleted, Order


def certify(file: CustomerFile, order: Order) -> Certificate:
    """The certificate of a deletion, the same whenever it is made.

    It speaks in the names of the agreement of the entry, and names people as they were known then. ValueError
    where the order has not ended in a deletion. Clause: 3.1(xi)
    """
    entry = file.reader.event(order.deleted_entry) if order.deleted_entry else None
    if entry is None or order.deleted_on is None:
        raise ValueError("nothing was deleted")
    a, body, who = file.version(entry.agreement_version), Deleted.model_validate(entry.body), file.people.who
    kept = {id: None for k in body.kept for id in data_return.excepted(k, a)}
    return Certificate(
        issued_at=entry.recorded_at,
        customer=certificate.Customer(id=file.customer_id, name=file.name),
        provider=model.Provider(
            name=a.processor.name,
            registration_number=a.processor.registration_number,
            contact=a.processor.contact,
        ),
        agreement=model.AgreementVersion(version=a.version, title=a.title, published=a.published),
        order=certificate.Order(
            id=body.order,
            at=data_return.since(order, a),
            by=who(order.by, order.at).address if order.by else "",
            wish=data_return.WISHES[order.wish],
            reason=order.reason,
            assumed=order.assumed,
        ),
        deleted_on=body.on,
        recorded_by=who(entry.actor, entry.recorded_at).address,
        deleted=_data(data_return.deleted_by(order, a), a),
        kept=tuple(_kept(id, body.kept, a) for id in kept),
        waits=_data((id for id in body.waits if id not in kept), a),
        own_purposes=tuple(
            certificate.Purpose(name=p.name, summary=p.summary, clause=p.clause) for p in a.purposes
        ),
        ledger=model.LedgerHead(sequence=entry.sequence, digest=entry.digest, recorded_at=entry.recorded_at),
    )


def _data(ids: Iterable[str], agreement: Agreement) -> tuple[certificate.Data, ...]:
    return tuple(
        certificate.Data(
            id=id,
            name=data_return.name_of(id, agreement),
            category=data_return.name_of(data_return.category_of(id, agreement), agreement),
        )
        for id in ids
    )


def _kept(id: str, kept: Iterable[data_return.Kept], agreement: Agreement) -> certificate.Kept:
    (data,) = _data([id], agreement)
    return certificate.Kept(
        data=data,
        exceptions=tuple(
            certificate.Ground(ground=data_return.GROUNDS[k.ground], law=k.law, until=k.until)
            for k in kept
            if id in data_return.excepted(k, agreement)
        ),
    )


def certificate_file(file: CustomerFile, order: Order, keys: KeyRing) -> File:
    """The certificate as a PDF with its signed JSON inside. ValueError as `certify`."""
    made = certify(file, order)
    name = f"deletion-certificate-{file.customer_id}-{made.ledger.sequence}.pdf"
    return File(name, "application/pdf", pdf.render(made, keys.sign(made)))
