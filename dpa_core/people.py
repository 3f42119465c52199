"""The directory of people, beside the ledgers: whom an identifier in an entry means, by which address and
name they were known when, and by which account they sign in.

Ledgers name a person by an identifier that says nothing. So a name can be corrected, and a mailbox can
move, without any entry changing; entries from before there was a directory name their actor by address.

Standard: OpenID Connect Core 1.0, 5.7 (an account is its issuer and subject, never its address)
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from dpa_core.ledger import Ledger, Transaction
from dpa_core.remembered import Remembered

PREFIX = "@person:"
"""Begins the identifier of every person's ledger, in which its roles lie."""
_MOST = 5_000

Status = Literal["bound", "waiting", "refused"]


@dataclass(frozen=True)
class Name:
    """How a person was known from a moment (UTC) on. `address`: in canonical form."""

    since: datetime
    address: str
    name: str
    corrected_by: str | None = None
    """Whose word the name is, where it is not the identity provider's: that one does not change it."""


@dataclass(frozen=True)
class Entry:
    """A person. `names`: oldest first, one at least."""

    id: str
    ledger: str
    names: tuple[Name, ...]

    def known(self, at: datetime | None = None) -> Name:
        """How the person was known at a moment in UTC; now, where none is given."""
        before = [n for n in self.names if at is None or n.since <= at]
        return before[-1] if before else self.names[0]


@dataclass(frozen=True)
class Account:
    """An account at an identity provider, bound to a person, waiting to be, or refused. `since` in UTC."""

    issuer: str
    subject: str
    person_id: str
    address: str
    name: str
    status: Status
    since: datetime
    decided_by: str | None = None


class People:
    """The directory of one store."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._entries: Remembered[Entry | None] = Remembered(_MOST, shared=ledger.shared)
        self._ids: Remembered[str | None] = Remembered(_MOST, shared=ledger.shared)
        self._changes = 0

    @property
    def changes(self) -> int:
        """Part of a question about names: another number once the directory may have changed."""
        if self._ledger.shared:  # by another process, which says nothing here: never the same twice
            self._changes += 1
        return self._changes

    # --- reading ---------------------------------------------------------------------------------

    # Whoever writes gives the transaction, and reads what it sees: what is remembered may be older.

    def entry(self, person_id: str, tx: Transaction | None = None) -> Entry | None:
        """The person of that identifier; None where there is none."""
        if tx is not None:
            return self._read_entry(person_id, tx)
        return self._entries.get(person_id, lambda: self._read_entry(person_id, self._ledger))

    def _read_entry(self, person_id: str, reader: Ledger | Transaction) -> Entry | None:
        rows = reader.rows("SELECT ledger FROM people WHERE id = $1", [person_id])
        if not rows:
            return None
        names = reader.rows(
            "SELECT since, address, name, corrected_by FROM person_names WHERE person_id = $1 "
            "ORDER BY since, number",
            [person_id],
        )
        known = tuple(Name(since.replace(tzinfo=UTC), *said) for since, *said in names)
        return Entry(person_id, rows[0][0], known)

    def at_address(self, address: str, tx: Transaction | None = None) -> Entry | None:
        """The person whose address that is now, in canonical form; None where it is nobody's."""
        if tx is not None:
            found = self._read_id(address, tx)
        else:
            found = self._ids.get(("address", address), lambda: self._read_id(address, self._ledger))
        return self.entry(found, tx) if found else None

    def _read_id(self, address: str, reader: Ledger | Transaction) -> str | None:
        rows = reader.rows("SELECT person_id FROM addresses WHERE address = $1", [address])
        return rows[0][0] if rows else None

    def of_ledger(self, ledger_id: str) -> Entry | None:
        """The person whose roles lie in that ledger; None where it is nobody's."""
        found = self._ids.get(("ledger", ledger_id), lambda: self._read_owner(ledger_id))
        return self.entry(found) if found else None

    def _read_owner(self, ledger_id: str) -> str | None:
        rows = self._ledger.rows("SELECT id FROM people WHERE ledger = $1", [ledger_id])
        return rows[0][0] if rows else None

    def who(self, actor: str, at: datetime | None = None) -> Name:
        """How the actor of an entry was known at a moment (UTC), or is now.

        For an actor that is no person of the directory: the text itself, as older entries have addresses.
        """
        entry = self.entry(actor)
        return entry.known(at) if entry else Name(datetime.min.replace(tzinfo=UTC), actor, actor)

    def account(self, issuer: str, subject: str, tx: Transaction | None = None) -> Account | None:
        """What is known of an account; None where it never signed in."""
        found = self._accounts("issuer = $1 AND subject = $2", [issuer, subject], tx)
        return found[0] if found else None

    def accounts_of(self, person_id: str) -> list[Account]:
        """Every account of a person, oldest first."""
        return self._accounts("person_id = $1", [person_id])

    def unbound(self, tx: Transaction | None = None) -> list[Account]:
        """The accounts that wait for somebody's word, or were refused; oldest first."""
        return self._accounts("status <> 'bound'", [], tx)

    def _accounts(self, where: str, values: list[str], tx: Transaction | None = None) -> list[Account]:
        columns = "issuer, subject, person_id, address, name, status, since, decided_by"
        # `where`: a constant of this class.
        sql = f"SELECT {columns} FROM accounts WHERE {where} ORDER BY since, issuer, subject"  # noqa: S608
        rows = (tx or self._ledger).rows(sql, values)
        return [
            Account(issuer, subject, person, address, name, status, since.replace(tzinfo=UTC), by)
            for issuer, subject, person, address, name, status, since, by in rows
        ]

    # --- writing: in the caller's transaction; `written` once it is committed ------------------------

    def _hold(self, tx: Transaction, person_id: str) -> None:
        """Until the transaction ends, let nobody else write of this person: Conflict is raised in the second
        of two, also where the first has ended since the second began to read."""
        tx.execute("UPDATE people SET writes = writes + 1 WHERE id = $1", [person_id])

    def add(
        self, tx: Transaction, name: Name, ledger_id: str | None = None, bits: int | None = None
    ) -> Entry:
        """A new person. `ledger_id`: where its roles lie already; `bits`: 64 of them, of which the identifier
        is made, random where none are given. Raises Conflict where the address is somebody's."""
        id = f"p_{secrets.randbits(64) if bits is None else bits:016x}"
        entry = Entry(id, ledger_id or PREFIX + id, (name,))
        tx.execute("INSERT INTO people (id, ledger, writes) VALUES ($1, $2, 0)", [id, entry.ledger])
        tx.execute("INSERT INTO addresses (address, person_id) VALUES ($1, $2)", [name.address, id])
        self.rename(tx, id, name)
        return entry

    def rename(self, tx: Transaction, person_id: str, name: Name) -> None:
        """From a moment on, a person is known by another name; the address has to be its own."""
        self._hold(tx, person_id)
        tx.execute(
            "INSERT INTO person_names (person_id, since, address, name, corrected_by, number) "
            "VALUES ($1, $2, $3, $4, $5, (SELECT count(*) FROM person_names WHERE person_id = $1))",
            [person_id, name.since, name.address, name.name, name.corrected_by],
        )

    def move(self, tx: Transaction, entry: Entry, to: Name) -> None:
        """From a moment on, a person has another address. Raises Conflict where it is somebody's."""
        tx.execute("DELETE FROM addresses WHERE person_id = $1", [entry.id])
        tx.execute("INSERT INTO addresses (address, person_id) VALUES ($1, $2)", [to.address, entry.id])
        self.rename(tx, entry.id, to)

    def is_bound(self, tx: Transaction, person_id: str) -> bool:
        """Whether an account is bound to the person, so that nobody else can bind one meanwhile."""
        self._hold(tx, person_id)
        rows = tx.rows("SELECT 1 FROM accounts WHERE person_id = $1 AND status = 'bound'", [person_id])
        return bool(rows)

    def put(self, tx: Transaction, account: Account) -> None:
        """An account as it stands from now on. Raises Conflict where another writer put it."""
        self._hold(tx, account.person_id)
        a = account
        tx.execute("DELETE FROM accounts WHERE issuer = $1 AND subject = $2", [a.issuer, a.subject])
        tx.execute(
            "INSERT INTO accounts (issuer, subject, person_id, address, name, status, since, decided_by) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [a.issuer, a.subject, a.person_id, a.address, a.name, a.status, a.since, a.decided_by],
        )

    def written(self) -> None:
        """Read anew: a transaction that wrote to the directory has been committed."""
        self._changes += 1
        self._entries.forget()
        self._ids.forget()
