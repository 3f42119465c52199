"""The command line: `dpa`. Whoever may run it on the server's terminal is trusted with the store."""

from __future__ import annotations

import io
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_args

import typer
from typer._click.exceptions import ClickException

from dpa_core import locale, manifest
from dpa_core.access import Forbidden, operator
from dpa_core.agreement import AgreementError, TextError, compare
from dpa_core.application import AgreementMissing, Application, demo_days
from dpa_core.clock import Clock, DemoClock, end_of, start_of
from dpa_core.ledger import Ledger, StoreError
from dpa_core.ledger.chain import as_record, canonical
from dpa_core.settings import (
    STORE,
    Settings,
    SettingsError,
    data_folder,
    load_agreements,
    read_settings,
    signing_key,
)
from dpa_core.snapshots import files, sign
from dpa_core.snapshots.diff import NotComparable, diff
from dpa_core.snapshots.freeze import freeze
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
from dpa_core.subjects import customers, grants
from dpa_core.subjects.common import Refusal
from dpa_core.usage import UsageChoice, UsageError, read_usage

app = typer.Typer(no_args_is_help=True, add_completion=False, help="DPA Desk on the command line.")
agreement = typer.Typer(no_args_is_help=True, help="The agreement as data.")
ledger = typer.Typer(no_args_is_help=True, help="The ledger of documented instructions.")
access = typer.Typer(no_args_is_help=True, help="Who has which role.")
customer = typer.Typer(invoke_without_command=True, help="The customers; without a command: list them.")
usage = typer.Typer(no_args_is_help=True, help="Monthly usage figures.")
returned = typer.Typer(no_args_is_help=True, help="Files of a data return and their manifest.")
snapshot = typer.Typer(no_args_is_help=True, help="Configuration snapshots.")
for name, group in (
    ("agreement", agreement),
    ("ledger", ledger),
    ("access", access),
    ("customers", customer),
    ("usage", usage),
    ("return", returned),
    ("snapshot", snapshot),
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


@contextmanager
def _office() -> Iterator[Application]:
    """The store under `$DPA_DATA_DIR`, opened by this process."""
    agreements = load_agreements()
    with Ledger.open(data_folder() / STORE) as store:
        days = demo_days(store)
        yield Application(store, agreements, Clock() if days is None else DemoClock(days))


def _operator() -> Any:
    return operator(datetime.now(UTC))


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

    parts = web.serving(settings)
    _say(f"DPA Desk: {settings.public_url}")
    web.run(parts, web.config(settings.address, settings.port, settings.max_file_mb))


def _check_sign_in(settings: Settings) -> None:
    from dpa_core.web.check import check as check_providers

    reports = check_providers(settings.identity_providers, str(settings.public_url).rstrip("/"))
    for report in reports:
        _say(report.provider)
        for mark, lines in (("  ", report.told), ("  Note: ", report.notes), ("  Missing: ", report.missing)):
            for line in lines:
                _say(mark + line)
    if count := sum(len(report.missing) for report in reports):
        _fail(f"{locale.count(count, 'thing')} missing or contradictory.")
    _say("People can sign in, as far as can be seen from here.")


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
        by = " + ".join(chosen.mechanism(m).code for m in s.mechanisms) or "no transfer"
        _say(f"  {s.name} ({s.kind}): {s.location_wording} [{by}]")


@agreement.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="The agreement's text.")],
    version: Annotated[str | None, typer.Option(help="Version; the newest by default.")] = None,
) -> None:
    """Compare the tables of an agreement's text with the data; exit 1 where they differ."""
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
        _fail(f"There is no version {version}. There are: {', '.join(sorted(versions))}.")
    return versions[version or max(versions)]


# --- ledger --------------------------------------------------------------------------------------


@ledger.command("verify")
def verify() -> None:
    """Recompute every chain and head; name the first broken row of each ledger, and exit 1."""
    with _office() as application:
        faults = application.verify()
        count = application.ledger.rows("SELECT count(*), count(DISTINCT customer_id) FROM events")[0]
    _say(*map(str, faults))
    if faults:
        _fail("The ledger was tampered with or is damaged.")
    _say(f"All is well: {count[0]:,} events in {count[1]:,} ledgers.")


@ledger.command("export")
def export(customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER")]) -> None:
    """Write one customer's ledger as JSON Lines, one canonical (RFC 8785) row a line."""
    with _office() as application:
        application.open(_operator(), customer_id)
        for event in application.ledger.events(customer_id):
            typer.echo(canonical(as_record(event)))


# --- access, customers, usage --------------------------------------------------------------------


@access.command("grant")
def grant(
    email: str,
    role: Annotated[str, typer.Argument(help=", ".join(grants.ROLES))],
    customer: Annotated[str | None, typer.Option(help="Customer the role is for.")] = None,
) -> None:
    """Give a person a role."""
    with _office() as application:
        application.change_access(_operator(), grants.GrantAccess(email, _role(role), customer))
    _say(f"{email} is {grants.ROLES[_role(role)]}{f' of {customer}' if customer else ''} now.")


@access.command("revoke")
def revoke(
    email: str,
    role: Annotated[str, typer.Argument(help=", ".join(grants.ROLES))],
    customer: Annotated[str | None, typer.Option(help="Customer the role was for.")] = None,
) -> None:
    """Take a role away from a person."""
    with _office() as application:
        application.change_access(_operator(), grants.RevokeAccess(email, _role(role), customer))
    _say(f"{email} is no longer {grants.ROLES[_role(role)]}{f' of {customer}' if customer else ''}.")


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
    with _office() as application:
        for id, title in application.directory(_operator(), limit=1_000_000):
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
    with _office() as application:
        chosen = _version(version).version
        application.open_customer(_operator(), customers.OpenCustomer(customer_id, title), chosen)
    _say(f"{title} is bound to the agreement of {chosen} now.")


@usage.command("import")
def import_usage(file: Path) -> None:
    """Take monthly figures from CSV or Parquet: customer, data_type, month, records, bytes."""
    with _office() as application:
        known = [id for id, _ in application.directory(_operator(), limit=10_000_000)]
        types = {t.id for version in application.agreements.values() for t in version.retention.data_types}
        latest = locale.local_day(application.clock.now())
        figures = read_usage(file, known, types, latest=latest)
        application.import_usage(_operator(), figures)
    _say(f"{locale.count(figures.num_rows, 'row')} imported.")


@usage.command("remove")
def remove_usage(
    customer: Annotated[str, typer.Option(help="Customer; every one by default.")] = "",
    data_type: Annotated[str, typer.Option(help="Data type; every one by default.")] = "",
    first: Annotated[str, typer.Option("--from", help="First month, as 2026-01.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last month, as 2026-03.")] = "",
) -> None:
    """Take monthly figures out again: of a customer, a data type, a span of months."""
    with _office() as application:
        removed = application.remove_usage(_operator(), UsageChoice(customer, data_type, first, last))
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
    with _office() as application:
        try:
            moment = end_of(date.fromisoformat(as_of), application.clock.now()) if as_of else None
        except (ValueError, OverflowError):
            _fail(f"“{as_of}” is no date such as 2026-11-24.")
        frozen = freeze(application.open(_operator(), customer_id, moment))
    content = files.make(frozen, keys, format).content
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
    """Tell whether a snapshot (JSON, or the PDF) is genuine. Needs no network and no database.

    Exit code: 0 genuine, 1 altered or unreadable, 3 signed with an unknown key, 4 signed with a key that was
    revoked by then, 5 with a key that was revoked later, so that only the file itself says it is older.
    """
    verdict = verify_file(_content(file), _public_keys(keys))
    _say(verdict.sentence)
    if verdict.status in ("genuine", "revoked_later") and verdict.snapshot:
        _say(f"Verification code: {verdict.snapshot.digest}")
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
        Forbidden,
        KeyFileError,
        NotASnapshot,
        NotComparable,
        Refusal,
        StoreError,
    ) as error:
        _say(str(error), err=True)
        sys.exit(1)
