"""The command line: `dpa`. Whoever may run it on the server's terminal is trusted with the store."""

from __future__ import annotations

import io
import json
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, get_args

import typer
from typer._click.exceptions import ClickException

from dpa_core import backup, locale, manifest, operations, store_copy
from dpa_core.access import Forbidden
from dpa_core.agreement import AgreementError, TextError, compare
from dpa_core.agreement.transfers import mechanisms_in_words
from dpa_core.application import AgreementMissing, Waiting
from dpa_core.clock import start_of
from dpa_core.ledger import StoreError
from dpa_core.local_socket import ask
from dpa_core.settings import (
    Settings,
    SettingsError,
    data_folder,
    load_agreements,
    log_form,
    read_settings,
    signing_key,
)
from dpa_core.snapshots import files, sign
from dpa_core.snapshots.diff import NotComparable, diff
from dpa_core.snapshots.model import Snapshot, json_schema
from dpa_core.snapshots.sign import (
    KEYS,
    KeyFileError,
    key_ring,
    read_jwks,
    rotate,
    usable_keys,
)
from dpa_core.snapshots.verify import MAX_BYTES, NotASnapshot, compared
from dpa_core.snapshots.verify import verify as verify_file
from dpa_core.subjects import grants
from dpa_core.subjects.common import Refusal
from dpa_core.usage import UsageError, read_usage
from dpa_core.verification import Progress

app = typer.Typer(no_args_is_help=True, add_completion=False, help="DPA Desk on the command line.")
agreement = typer.Typer(no_args_is_help=True, help="The agreement as data.")
ledger = typer.Typer(no_args_is_help=True, help="The ledger of documented instructions.")
access = typer.Typer(no_args_is_help=True, help="Who has which role.")
customer = typer.Typer(invoke_without_command=True, help="The customers; without a command: list them.")
usage = typer.Typer(no_args_is_help=True, help="Monthly usage figures.")
returned = typer.Typer(no_args_is_help=True, help="Files of a data return and their manifest.")
snapshot = typer.Typer(no_args_is_help=True, help="Configuration snapshots.")
store = typer.Typer(no_args_is_help=True, help="Where everything is kept.")
for name, group in (
    ("agreement", agreement),
    ("ledger", ledger),
    ("access", access),
    ("customers", customer),
    ("usage", usage),
    ("return", returned),
    ("snapshot", snapshot),
    ("store", store),
):
    app.add_typer(group, name=name)


def _say(*lines: str, err: bool = False) -> None:
    """Print lines of text. What a terminal would obey or not show stands there by number, as `[U+001B]`, so
    that no name in a file moves the cursor, forges a line or hides what it is.

    Standard: CWE-150
    """
    for line in lines:
        typer.echo(locale.visible(line), err=err)


def _say_json(text: str) -> None:
    """Print JSON that was laid out here. The same characters stand in it by their JSON escapes."""
    shown = "".join(
        json.dumps(c)[1:-1] if c != "\n" and locale.hidden(c) else c for c in text.removesuffix("\n")
    )
    typer.echo(shown)


def _fail(*lines: str) -> NoReturn:
    """Say what is wrong and exit with 1."""
    _say(*lines, err=True)
    raise typer.Exit(1)


def _check_port(address: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            _fail(f"Port {port} is in use. Choose another one, for example --port {port + 1}.")


# --- servers -------------------------------------------------------------------------------------


@app.command("demo")
def demo_command(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8501,
    prepare: Annotated[bool, typer.Option("--prepare", help="Fill the store, then exit.")] = False,
) -> None:
    """Run the app with demo data and a sign-in of its own, on this machine only."""
    if prepare:
        from dpa_core import demo

        application = demo.open_application(load_agreements())
        application.ledger.close()
        _say(f"Demo data is ready in {data_folder()}.")
        return
    _check_port("localhost", port)
    from dpa_core import web

    web.one_log(log_form())
    parts = web.serving_demo(port)
    _say(f"DPA Desk with demo data: http://localhost:{port}")
    web.run(parts, web.config("localhost", port))


@app.command()
def serve(
    check_sign_in: Annotated[
        bool,
        typer.Option(
            "--check-sign-in",
            help="Say what identity providers will be asked and what is missing, then exit; 1 if anything.",
        ),
    ] = False,
) -> None:
    """Run the app in production, with settings from the environment, `.env` or a TOML file."""
    settings = read_settings()
    if check_sign_in:
        _check_sign_in(settings)
        return
    _check_port(settings.address, settings.port)
    from dpa_core import web

    web.one_log(settings.log_format)
    parts = web.serving(settings)
    _say(f"DPA Desk: {settings.public_url}")
    web.run(parts, web.config(settings.address, settings.port, settings.max_file_mb))


def _check_sign_in(settings: Settings) -> None:
    from dpa_core.web.check import check as check_providers

    reports = check_providers(settings.identity_providers, str(settings.public_url).rstrip("/"))
    for report in reports:
        _say(report.provider)
        for mark, lines in (("  ", report.told), ("  Note: ", report.notes), ("  Missing: ", report.missing)):
            _say(*(mark + line for line in lines))
    if count := sum(len(report.missing) for report in reports):
        _fail(f"{locale.count(count, 'thing')} missing or contradictory.")
    _say("People can sign in, as far as can be seen from here.")


# --- backup --------------------------------------------------------------------------------------

_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of one backup.")]


@app.command("backup")
def make_backup(folder: _Folder) -> None:
    """Copy ledger, attached files and keys into a new folder, and verify the copy. A server may run."""
    for line in backup.make(folder):
        _say(line)


@app.command("restore")
def restore_backup(
    folder: _Folder,
    keys: Annotated[
        Path | None, typer.Option(help="The backup's snapshot_keys.json, where it is kept elsewhere.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where the store has entries that the backup has not.")
    ] = False,
) -> None:
    """Check a backup, then put it in the place of the store, which is kept aside. Stop the server first."""
    for line in backup.restore(folder, keys, replace=replace):
        _say(line)


@store.command("copy")
def copy_store(
    to: Annotated[
        str,
        typer.Option(
            envvar="DPA_COPY_TO",
            show_envvar=True,
            metavar="PLACE",
            help="postgresql://user:password@host/database, which is empty; or a folder without a store.",
        ),
    ],
) -> None:
    """Copy the whole store elsewhere, from a file into PostgreSQL or back, and verify what arrived. A server
    on a file is stopped first; one in PostgreSQL may go on, and what it writes meanwhile is not copied."""
    with _progress("Rows") as progress:
        said = list(store_copy.copy(to, progress))
    _say(*said)


# --- agreement -----------------------------------------------------------------------------------


@agreement.command("show")
def show(
    version: Annotated[str | None, typer.Option(help="Version; the newest by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Print a version of the agreement as the app knows it."""
    chosen = _version(version)
    if as_json:
        _say_json(json.dumps(chosen.model_dump(mode="json"), ensure_ascii=False, indent=2))
        return
    _say(f"{chosen.title}, version {chosen.version}")
    _say("", "Terms")
    for term in chosen.terms:
        _say(f"  {term.name}: {term.value} {term.unit.replace('_', ' ')} ({term.clause})")
    _say("", "Optional features")
    for feature in chosen.features:
        engaged = ", ".join(s.name for s in chosen.sub_processors if feature.id in s.features)
        _say(f"  {feature.name}: {engaged}")
    _say("", "Sub-processors")
    for s in chosen.sub_processors:
        by = mechanisms_in_words(s, chosen)
        _say(f"  {s.name} ({s.kind}): {s.location_wording} [{by}]")


@agreement.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="The agreement's text.")],
    version: Annotated[str | None, typer.Option(help="Version; the newest by default.")] = None,
) -> None:
    """Compare tables, numbers and names of an agreement's text with the data; exit 1 where they differ."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}.")
    except UnicodeDecodeError:
        _fail(f"{file} is not UTF-8 text.")
    differences = compare(text, _version(version))
    _say(*map(str, differences))
    if differences:
        _fail(f"{locale.count(len(differences), 'difference')}.")
    _say("The text and the data agree.")


def _version(version: str | None) -> Any:
    versions = load_agreements()
    if version is not None and version not in versions:
        _fail(operations.no_version(version, versions))
    return versions[version or max(versions)]


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
    """Shows on a terminal how far a long piece of work has come; elsewhere nothing."""
    bar = typer.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())
    with bar:

        def show(done: int, of: int) -> None:
            bar.length = max(of, 1)
            bar.update(done - bar.pos)

        yield show


# --- ledger --------------------------------------------------------------------------------------


@ledger.command("verify")
def verify() -> None:
    """Recompute every chain and head; name the first broken row of each ledger, and exit 1."""
    with _progress("Entries") as progress:
        found = backup.verify_store(progress)
    _say(*found.notes, *found.faults)
    if found.faults:
        _fail("The ledger was tampered with or is damaged.")
    _say(f"All is well: {found.events:,} events in {len(found.heads):,} ledgers.")


@ledger.command("accept")
def accept() -> None:
    """Go on with a store that may lack its latest entries, as it is, where no backup has them. Who accepted
    what is put on record in it."""
    found, held = backup.accept()
    store = f"{held.events:,} events in {len(held.heads):,} ledgers"
    if not found.doubts:
        _say(f"There was nothing to accept: the store is whole, with {store}.")
        return
    _say(*(doubt.why for doubt in found.doubts), *(f"Lost: {loss}" for loss in found.losses))
    _say(f"The store is taken as it is, and that is on record in it: {store}.")


@ledger.command("export")
def export(customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER")]) -> None:
    """Write one customer's ledger as JSON Lines, one canonical (RFC 8785) row a line."""
    for line in ask(operations.ExportLedger(customer_id=customer_id)):
        typer.echo(line)  # every character as its digest covers it


# --- access, customers, usage --------------------------------------------------------------------


@access.command("grant")
def grant(
    email: str,
    role: Annotated[str, typer.Argument(help=", ".join(grants.ROLES))],
    customer: Annotated[str | None, typer.Option(help="Customer the role is for.")] = None,
) -> None:
    """Give a person a role."""
    given = _role(role)
    tuple(ask(operations.ChangeAccess(give=True, email=email, role=given, customer_id=customer)))
    _say(f"{email} is {grants.ROLES[given]}{f' of {customer}' if customer else ''} now.")


@access.command("revoke")
def revoke(
    email: str,
    role: Annotated[str, typer.Argument(help=", ".join(grants.ROLES))],
    customer: Annotated[str | None, typer.Option(help="Customer the role was for.")] = None,
) -> None:
    """Take a role away from a person."""
    taken = _role(role)
    given_by = tuple(ask(operations.ChangeAccess(give=False, email=email, role=taken, customer_id=customer)))
    _say(f"{email} is no longer {grants.ROLES[taken]}{f' of {customer}' if customer else ''}.")
    for provider in given_by:
        _say(f"The groups at {provider} gave this role, and give it again at the next sign-in.")


@access.command("waiting")
def waiting() -> None:
    """List the accounts that wait to be confirmed, and those that were refused."""
    found = list(ask(operations.UnboundAccounts()))
    for number, one in _numbered(found):
        account = one.account
        state = "waits" if account.status == "waiting" else "was refused"
        roles = [f"{g.role} of {g.customer_id or 'the provider'}" for g in one.grants]
        _say(
            f"{account.address} ({number}) {state} since {account.since.isoformat(timespec='seconds')}: "
            f"“{account.name}” at {account.issuer}; would be {', '.join(roles) or 'somebody without roles'}"
        )
    if not found:
        _say("No account waits.")


def _numbered(found: Sequence[Waiting]) -> Iterator[tuple[int, Waiting]]:
    """Accounts, each with its number among those of its address."""
    seen: Counter[str] = Counter()
    for one in found:
        seen[one.account.address] += 1
        yield seen[one.account.address], one


_Number = Annotated[
    int | None,
    typer.Option("--account", help="Which one of several: its number in the list.", min=1),
]


@access.command("confirm")
def confirm(email: str, number: _Number = None) -> None:
    """Say that the account that waits for an address is its owner's."""
    _decide(email, number, "bound")
    _say(f"The account opens everything that {email} may open, from its next sign-in on.")


@access.command("refuse")
def refuse_account(email: str, number: _Number = None) -> None:
    """Say that the account that waits for an address is somebody else's."""
    _decide(email, number, "refused")
    _say(f"The account opens nothing of {email}.")


def _decide(email: str, number: int | None, status: Literal["bound", "refused"]) -> None:
    address = grants.normal_email(email)
    found = {
        n: one
        for n, one in _numbered(list(ask(operations.UnboundAccounts())))
        if one.account.address == address
    }
    open_ones = {n: one for n, one in found.items() if one.account.status != status}
    if number is None and len(open_ones) > 1:
        _fail(
            f"Several accounts wait for {address}. Name one with --account: {', '.join(map(str, open_ones))}."
        )
    chosen = open_ones.get(number) if number else next(iter(open_ones.values()), None)
    if chosen is None:
        _fail(f"No such account waits for {address}. See `dpa access waiting`.")
    account = chosen.account
    tuple(ask(operations.DecideAccount(issuer=account.issuer, subject=account.subject, status=status)))


@access.command("rename")
def rename(email: str, name: str) -> None:
    """Correct how a person is called, whatever the identity provider says."""
    tuple(ask(operations.RenamePerson(email=email, name=name)))
    _say(f"{email} is called {name.strip()} now.")


@access.command("move")
def move(old: str, new: str) -> None:
    """Have a person's mailbox at another address; the old one opens nothing any more."""
    tuple(ask(operations.MovePerson(old=old, new=new)))
    _say(f"{old} is {grants.normal_email(new)} now.")


def _role(role: str) -> grants.Role:
    if role not in get_args(grants.Role):
        _fail(f"There is no role “{role}”. Choose one of: {', '.join(grants.ROLES)}.")
    return role  # type: ignore[return-value]


@customer.callback()
def list_customers(
    context: typer.Context,
    ids: Annotated[bool, typer.Option("--ids", help="Identifiers only.")] = False,
) -> None:
    """List the customers."""
    if context.invoked_subcommand:
        return
    for id, title in ask(operations.ListCustomers()):
        _say(id if ids else f"{id}  {title}")


@customer.command("add")
def add(
    customer_id: Annotated[str, typer.Argument(metavar="ID")],
    title: Annotated[str, typer.Option("--name", help="The customer's name.")],
    version: Annotated[
        str | None, typer.Option("--agreement", help="Version; the newest by default.")
    ] = None,
) -> None:
    """Open a customer, bound to one version of the agreement."""
    (chosen,) = ask(operations.AddCustomer(id=customer_id, title=title, version=version))
    _say(f"{title} is bound to the agreement of {chosen} now.")


@usage.command("import")
def import_usage(file: Path) -> None:
    """Take monthly figures from CSV or Parquet: customer, data_type, month, records, bytes."""
    ((known, types, latest),) = ask(operations.KnownUsage())
    figures = read_usage(file, known, types, latest=latest)
    tuple(ask(operations.ImportUsage.of(figures)))
    _say(f"{locale.count(figures.num_rows, 'row')} imported.")


@usage.command("remove")
def remove_usage(
    customer: Annotated[str, typer.Option(help="Customer; every one by default.")] = "",
    data_type: Annotated[str, typer.Option(help="Data type; every one by default.")] = "",
    first: Annotated[str, typer.Option("--from", help="First month, as 2026-01.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last month, as 2026-03.")] = "",
) -> None:
    """Take monthly figures out again: of a customer, a data type, a span of months."""
    chosen = operations.RemoveUsage(customer=customer, data_type=data_type, first=first, last=last)
    (removed,) = ask(chosen)
    _say(f"{locale.count(removed, 'row')} removed.")


@returned.command("manifest")
def make_manifest(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    output: Annotated[Path | None, typer.Option(help="File to write; the terminal by default.")] = None,
) -> None:
    """Write the name, size and SHA-256 of every file in a folder."""
    items = manifest.of_folder(folder, leave_out=output)
    if output is None:
        _say_json(manifest.to_json(items))
        return
    try:
        output.write_text(manifest.to_json(items), encoding="utf-8")
    except OSError as error:
        _fail(f"{output} cannot be written: {error.strerror}.")
    _say(f"{locale.count(len(items), 'file')} in {output}.")


@returned.command("check")
def check_manifest(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    file: Annotated[Path, typer.Argument(metavar="MANIFEST")],
) -> None:
    """Check a received folder against its manifest; exit 1 where they differ."""
    try:
        text = file.read_bytes()
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}.")
    items = manifest.from_json(text)
    problems = manifest.check(folder, items, leave_out=file)
    _say(*problems)
    if problems:
        _fail(f"{locale.count(len(problems), 'difference')}. Report them before you acknowledge.")
    _say(f"The folder matches: {locale.count(len(items), 'file')}.")


# --- snapshots -----------------------------------------------------------------------------------

_EXIT = {"genuine": 0, "altered": 1, "unknown_key": 3, "revoked": 4, "revoked_later": 5}
_Keys = Annotated[
    Path | None, typer.Option("--keys", help="The provider's keys, a JWK set; this server's by default.")
]


@snapshot.command("export")
def export_snapshot(
    customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER")],
    format: Annotated[str, typer.Option(help=", ".join(files.FORMATS))] = "json",
    as_of: Annotated[str | None, typer.Option(help="A past day, as 2026-11-24; today by default.")] = None,
    output: Annotated[Path | None, typer.Option(help="File to write; standard output by default.")] = None,
) -> None:
    """Write a customer's configuration, now or as it stood at the end of a day, as a signed file."""
    if format not in files.FORMATS:
        _fail(f"There is no format “{format}”. Choose one of: {', '.join(files.FORMATS)}.")
    if output is None and format != "json" and sys.stdout.isatty():
        _fail(f"A terminal cannot show {format}. Name a file with --output.")
    keys = key_ring(data_folder(), signing_key())
    (frozen,) = ask(operations.Freeze(customer_id=customer_id, as_of=as_of))
    made = files.make(frozen, keys, format)
    digest = sha256(made.content).hexdigest()
    tuple(ask(operations.NoteExport(customer_id=customer_id, name=made.name, digest=digest)))
    content = made.content
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        _fail(f"{output} cannot be written: {error.strerror}.")
    _say(f"{output}: {frozen.customer.name} as at {frozen.as_at}, verification code {frozen.digest}")


@snapshot.command("verify")
def verify_snapshot(file: Path, keys: _Keys = None) -> None:
    """Tell whether a snapshot (JSON, or the PDF) or a certificate of deletion is genuine. Needs no network,
    no database.

    Exit code: 0 genuine, 1 altered or unreadable, 3 signed with an unknown key, 4 signed with a key that was
    revoked by then, 5 with a key that was revoked later, so that only the file itself says it is older.
    """
    verdict = verify_file(_content(file), _public_keys(keys))
    _say(verdict.sentence)
    if verdict.status in ("genuine", "revoked_later") and verdict.document:
        _say(f"Verification code: {verdict.document.digest}")
    raise typer.Exit(_EXIT[verdict.status])


@snapshot.command("diff")
def diff_snapshots(a: Path, b: Path, keys: _Keys = None) -> None:
    """Say what differs in snapshot B from snapshot A: what changed, who did it, by which instruction."""
    known = _public_keys(keys)
    old, new = (_comparable(file, known) for file in (a, b))
    changes = diff(old, new)
    _say(f"{old.customer.name}: {old.as_at} (entry {old.ledger.sequence}) against "
               f"{new.as_at} (entry {new.ledger.sequence})")  # fmt: skip
    for c in changes:
        who = f" [{c.by}, instruction {c.instruction}]" if c.by else ""
        _say(f"  {c.part}: {c.what}: {c.before} -> {c.after}{who}")
    if not changes:
        _say("  Nothing differs.")


@snapshot.command("schema")
def schema() -> None:
    """Print the JSON Schema of a snapshot."""
    _say_json(json.dumps(json_schema(), ensure_ascii=False, indent=2))


@snapshot.command("rotate-key")
def rotate_key() -> None:
    """Sign with a new key from now on; what the old ones signed stays verifiable. Restart the server."""
    if signing_key():
        _fail("The key comes from DPA_SNAPSHOT_KEY. Put a new one there; the old one stays known.")
    ring = rotate(data_folder())
    _say(f"New snapshots are signed with {ring.active.thumbprint()}. Restart the server.")


# A KID may begin with a hyphen.
@snapshot.command("revoke-key", context_settings={"ignore_unknown_options": True})
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="KID", help="The key, as `kid` in the published keys.")],
    since: Annotated[
        str | None, typer.Option(help="From the start of a day on, as 2026-11-24; from now on by default.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; published with the key.")] = "",
) -> None:
    """Trust a key no longer, from a day on; the published keys say so. The one in use is replaced at once."""
    now = datetime.now(UTC)
    try:
        moment = start_of(date.fromisoformat(since)) if since else now
    except (ValueError, OverflowError):
        _fail(f"“{since}” is no date such as 2026-11-24.")
    if moment > now:
        _fail(f"{since} is still to come.")
    replaced = sign.revoke_key(data_folder(), key_id, moment, reason, signing_key())
    _say(f"{key_id} is revoked from {locale.minute_in_full(moment)} on.")
    if replaced:
        _say("It was in use; new snapshots are signed with a new key.")
    _say("Restart the server, and tell those who keep a copy of the published keys to fetch them anew.")


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_BYTES:
            _fail(f"{file} is larger than {MAX_BYTES / 1e6:.0f} MB, which no snapshot is.")
        return file.read_bytes()
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}.")


def _public_keys(file: Path | None) -> dict[str, dict[str, Any]]:
    """The provider's keys, with a word on each that is of no use."""
    path = file or data_folder() / KEYS
    try:
        keys, problems = usable_keys(read_jwks(path.read_bytes()))
    except OSError as error:
        _fail(f"{path} cannot be read: {error.strerror}. Name the provider's keys with --keys.")
    except KeyFileError as error:
        _fail(f"{path}: {error} Name the provider's keys with --keys.")
    _say(*problems, err=True)
    return keys


def _comparable(file: Path, keys: dict[str, dict[str, Any]]) -> Snapshot:
    verdict, held = compared(_content(file), keys)
    if verdict.status == "altered" or held is None:
        _fail(f"{file}: {verdict.sentence}")
    if verdict.status != "genuine":
        _say(f"{file}: {verdict.sentence}", err=True)
    return held


def main() -> None:
    """Run a command. What goes wrong in a way we know ends in one line and exit code 1."""
    # A terminal of another encoding shows what it lacks by number, too.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.exit(app(standalone_mode=False))
    except ClickException as error:
        error.message = locale.visible(error.message)
        error.show()
        sys.exit(error.exit_code)
    except typer.Abort:
        _say("Aborted.", err=True)
        sys.exit(1)
    except (AgreementError, manifest.ManifestError, SettingsError, TextError, UsageError) as error:
        _say(*str(error).split("\n"), err=True)  # one problem a line
        sys.exit(1)
    except (
        AgreementMissing,
        backup.BackupError,
        Forbidden,
        KeyFileError,
        NotASnapshot,
        NotComparable,
        operations.NotDone,
        Refusal,
        StoreError,
    ) as error:
        _say(str(error), err=True)
        sys.exit(1)
