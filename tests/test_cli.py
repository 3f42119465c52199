"""`dpa` on the command line: what it prints, its exit codes, and one line for whatever goes wrong."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys

import duckdb
import pytest

from dpa_core import cli, local_socket
from dpa_core.access import Identity, Unconfirmed
from dpa_core.agreement import AGREEMENTS, Agreement, load_all
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger, move
from dpa_core.settings import STORE
from tests.agreement.texts import write_text
from tests.conftest import VERSION, carry_out, email
from tests.ports import free_port
from tests.test_settings import GOOD


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder."""
    monkeypatch.setenv("DPA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DPA_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)  # no `.env` of the developer's
    return tmp_path / "data"


@pytest.fixture
def filled(folder, store):
    """The data folder, with the customers and people of conftest."""
    folder.mkdir()
    move(store, folder / STORE)
    return folder / STORE


@pytest.fixture
def dpa(monkeypatch, capsys):
    """Run a command in this process; give (exit code, standard output, standard error)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dpa", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
            raise SystemExit(0)
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.fixture(scope="module")
def newest() -> Agreement:
    """The newest of the built-in versions, which commands take by default."""
    versions = load_all()
    return versions[max(versions)]


def refused(result):
    """The one line of a command that ended with exit code 1."""
    code, out, err = result
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    return err.strip()


# --- agreement ------------------------------------------------------------------------------------


def test_the_agreement_is_printed_as_json(dpa, newest):
    code, out, _ = dpa("agreement", "show", "--json")
    assert code == 0
    assert json.loads(out) == newest.model_dump(mode="json")


def test_the_agreement_is_printed_in_words(dpa):
    code, out, _ = dpa("agreement", "show", "--version", VERSION)
    assert code == 0
    assert "Speech Analytics: OpenAI, DeepGram" in out
    assert "OpenAI (optional): USA [SCC + TIA]" in out


def test_an_unknown_version_is_refused_with_those_there_are(dpa):
    assert refused(dpa("agreement", "show", "--version", "1999-01-01")) == (
        f"There is no version 1999-01-01. There are: {', '.join(load_all())}."
    )


def test_a_text_that_says_what_the_data_says_agrees(dpa, newest, tmp_path):
    (tmp_path / "text").write_text(write_text(newest), "utf-8")
    assert dpa("agreement", "check", tmp_path / "text") == (0, "The text and the data agree.\n", "")


def test_each_difference_of_a_text_is_a_line(dpa, newest, tmp_path):
    name = newest.sub_processors[-1].name
    (tmp_path / "text").write_text(write_text(newest).replace(name, "Someone else"), "utf-8")
    code, out, err = dpa("agreement", "check", tmp_path / "text")
    assert code == 1
    assert len(out.splitlines()) == int(err.split()[0])
    assert name in out


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"nothing of an agreement"])
def test_a_text_that_cannot_be_compared_is_refused_in_a_line(dpa, tmp_path, content):
    path = tmp_path / "text"
    if content:
        path.write_bytes(content)
    assert refused(dpa("agreement", "check", path))


# --- customers, access ----------------------------------------------------------------------------


def test_from_an_empty_folder_to_the_first_customer_and_privacy_officer(dpa, folder, newest):
    assert dpa("customers") == (0, "", "")
    assert dpa("customers", "add", "velo", "--name", "Velo A/S")[:2] == (
        0,
        f"Velo A/S is bound to the agreement of {newest.version} now.\n",
    )
    assert dpa("access", "grant", "eva@x.example", "privacy_officer")[:2] == (
        0,
        "eva@x.example is Privacy officer now.\n",
    )
    assert dpa("access", "grant", "anna@x.example", "customer_admin", "--customer", "velo")[0] == 0
    assert dpa("customers") == (0, "velo  Velo A/S\n", "")
    assert dpa("ledger", "verify") == (0, "All is well: 3 events in 3 ledgers.\n", "")
    with Ledger.open(folder / STORE) as ledger:
        assert [(e.actor, e.on_behalf_of) for e in ledger.events("velo")] == [("operator", "processor")]


def test_customers_are_listed_by_name_and_by_identifier_only_if_asked(dpa, filled):
    assert dpa("customers", "--ids")[1].splitlines() == ["fjallbank", "nordfrakt", "solsidan"]


def test_a_role_can_be_taken_away(dpa, filled):
    revoke = ("access", "revoke", email("bo"), "customer_admin", "--customer", "nordfrakt")
    assert dpa(*revoke)[1] == f"{email('bo')} is no longer Customer admin of nordfrakt.\n"
    assert "is not Customer admin" in refused(dpa(*revoke))


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("customers add nordfrakt --name X", "There is a customer “nordfrakt” already"),
        ("customers add @demo --name X", "is no identifier"),
        ("customers add velo --name X --agreement 1999-01-01", "There is no version 1999-01-01"),
        ("access grant nobody customer_admin --customer nordfrakt", "is no e-mail address"),
        ("access grant a@b.example root", "There is no role “root”"),
        ("access grant a@b.example customer_admin", "Name the customer"),
        ("access grant a@b.example customer_admin --customer no-such", "There is no customer “no-such”"),
        ("access grant a@b.example privacy_officer --customer nordfrakt", "Leave the customer out"),
        ("access revoke a@b.example privacy_officer", "is not Privacy officer"),
        ("ledger export no-such", "There is no customer “no-such”"),
        ("ledger export @demo", "There is no customer “@demo”"),
        ("usage import no.csv", "there is no such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(dpa, filled, command, says):
    before = dpa("ledger", "verify")
    assert says in refused(dpa(*command.split()))
    assert dpa("ledger", "verify") == before


# --- accounts, names and mailboxes ----------------------------------------------------------------


@pytest.fixture
def second_account(filled, agreement):
    """Two accounts that wait for Anna's address."""
    with Ledger.open(filled) as ledger:
        application = Application(ledger, {VERSION: agreement}, Clock())
        for subject in ("first", "second", "third"):
            who = Identity("test", "https://id.example", subject, email("anna"), subject.title())
            with contextlib.suppress(Unconfirmed):
                application.sign_in(who, "x")


def test_accounts_that_wait_are_listed_confirmed_and_refused(dpa, second_account):
    code, out, _ = dpa("access", "waiting")
    assert code == 0
    assert "anna@people.example (1) waits" in out
    assert "“Third” at https://id.example; would be customer_admin of nordfrakt" in out
    assert "--account: 1, 2" in refused(dpa("access", "confirm", email("anna")))
    assert "No such account" in refused(dpa("access", "confirm", email("anna"), "--account", 3))
    assert dpa("access", "refuse", email("anna"), "--account", 2)[0] == 0
    assert "was refused" in dpa("access", "waiting")[1]
    assert dpa("access", "confirm", email("anna"), "--account", 1)[0] == 0
    assert dpa("access", "confirm", email("anna"))[0] == 0  # the one refused before
    assert dpa("access", "waiting")[1] == "No account waits.\n"


@pytest.mark.parametrize("command", ["confirm", "refuse"])
def test_where_no_account_waits_there_is_none_to_decide(dpa, filled, command):
    assert "No such account waits" in refused(dpa("access", command, email("anna")))
    assert "is no e-mail address" in refused(dpa("access", command, "nonsense"))


def test_a_name_is_corrected_and_a_mailbox_moved(dpa, filled):
    assert dpa("access", "rename", email("anna"), "Anna Lind")[0] == 0
    assert dpa("access", "move", email("anna"), "Anna.Lind@people.example")[:2] == (
        0,
        "anna@people.example is anna.lind@people.example now.\n",
    )
    assert "Nobody has the address" in refused(dpa("access", "rename", email("anna"), "x"))
    assert "somebody else’s" in refused(dpa("access", "move", email("bo"), email("eva")))
    assert "The name" in refused(dpa("access", "rename", email("bo"), " "))


def test_exports_and_roles_by_command_leave_a_line(dpa, filled, agreement):
    assert dpa("ledger", "export", "nordfrakt")[0] == 0
    dpa("access", "revoke", email("clara"), "customer_reader", "--customer", "nordfrakt")
    with Ledger.open(filled) as ledger:
        told = ledger.rows("SELECT kind, who, customer_id FROM access_log ORDER BY number DESC LIMIT 2")
    assert told == [("role_taken", "operator", "nordfrakt"), ("exported", "operator", "nordfrakt")]


def test_who_takes_a_role_of_groups_is_told_that_it_comes_back(dpa, filled, agreement):
    with Ledger.open(filled) as ledger:
        roles = frozenset({("customer_reader", "nordfrakt")})
        who = Identity("entra", "https://e.example", "f", email("farid"), "Farid", roles)
        Application(ledger, {VERSION: agreement}, Clock()).sign_in(who, "x")
    out = dpa("access", "revoke", email("farid"), "customer_reader", "--customer", "nordfrakt")[1]
    assert "The groups at entra gave this role, and give it again at the next sign-in." in out


# --- ledger ---------------------------------------------------------------------------------------


def test_verify_names_the_first_broken_row_and_exits_with_1(dpa, filled):
    with duckdb.connect(str(filled)) as con:
        con.execute("UPDATE events SET actor = 'x' WHERE customer_id = 'solsidan'")
    assert dpa("ledger", "verify") == (
        1,
        "solsidan, sequence 1: was changed after it was written\n",
        "The ledger was tampered with or is damaged.\n",
    )


def test_an_export_can_be_verified_by_anybody_with_sha_256(dpa, filled, agreement, clock):
    with Ledger.open(filled) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        anna = application.person(email("anna"))
        carry_out(application, anna, "nordfrakt", speech_analytics=True)
        carry_out(application, anna, "nordfrakt", speech_analytics=False)
    code, out, _ = dpa("ledger", "export", "nordfrakt")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["sequence"] for row in rows] == [1, 2, 3]
    previous = "0" * 64
    for row in rows:
        digest = row.pop("digest")
        assert row["previous_digest"] == previous
        # RFC 8785, as far as these rows need it: sorted keys, no blanks, UTF-8.
        text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        previous = digest


def test_an_export_of_a_damaged_row_ends_in_a_line(dpa, filled):
    with duckdb.connect(str(filled)) as con:
        con.execute("UPDATE events SET body = 'no JSON' WHERE customer_id = 'solsidan'")
    assert "solsidan, sequence 1 cannot be read" in refused(dpa("ledger", "export", "solsidan"))


# --- usage ----------------------------------------------------------------------------------------


def test_figures_are_imported_and_counted(dpa, filled, tmp_path):
    (tmp_path / "u.csv").write_text(
        "customer,data_type,month,records,bytes\nnordfrakt,sms,2026-10,1,2\nsolsidan,chats,2026-10,3,4\n"
    )
    assert dpa("usage", "import", tmp_path / "u.csv") == (0, "2 rows imported.\n", "")
    with Ledger.open(filled) as ledger:
        assert ledger.rows("SELECT sum(records), sum(bytes) FROM usage_figures") == [(4, 6)]


def test_a_file_with_one_wrong_row_imports_nothing(dpa, filled, tmp_path):
    (tmp_path / "u.csv").write_text(
        "customer,data_type,month,records,bytes\nnordfrakt,sms,2026-10,1,2\nvelo,chats,2026-10,3,4\n"
    )
    assert refused(dpa("usage", "import", tmp_path / "u.csv")) == "row 3: customer “velo” is unknown"
    with Ledger.open(filled) as ledger:
        assert ledger.rows("SELECT count(*) FROM usage_figures") == [(0,)]


# --- the store, and servers -----------------------------------------------------------------------


def test_a_database_that_another_process_has_open_is_said_in_a_line(dpa, filled, monkeypatch):
    monkeypatch.setattr(local_socket, "PATIENCE", 0.2)
    holder = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(filled)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"open\n"
        for command in ("ledger verify", "customers", "access grant a@b.example privacy_officer"):
            line = refused(dpa(*command.split()))
            assert line.startswith("The database file is in use by another process")
            assert "Stop it, or try again" in line
        other.stdin.close()
    assert dpa("ledger", "verify")[0] == 0


def test_a_file_that_is_no_database_is_said_in_a_line(dpa, folder):
    folder.mkdir()
    (folder / STORE).write_bytes(b"no database")
    assert "it is no database, or its beginning is damaged" in refused(dpa("ledger", "verify"))


def test_the_demo_is_prepared_twice_and_verified(dpa, folder):
    for _ in range(2):
        assert dpa("demo", "--prepare") == (0, f"Demo data is ready in {folder}.\n", "")
    assert dpa("ledger", "verify")[0] == 0
    assert len(dpa("customers")[1].splitlines()) == 12


def test_the_demo_refuses_a_folder_with_real_data(dpa, filled):
    assert "holds real data" in refused(dpa("demo", "--prepare"))


def test_serve_names_every_missing_setting_in_a_line(dpa, folder, monkeypatch):
    for name in ("PUBLIC_URL", "OIDC_METADATA_URL", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "COOKIE_SECRET"):
        monkeypatch.delenv(f"DPA_{name}", raising=False)
    line = refused(dpa("serve"))
    assert "DPA_PUBLIC_URL is missing" in line
    assert "DPA_COOKIE_SECRET is missing" in line
    assert not folder.exists()


def test_a_port_in_use_is_said_in_a_line(dpa, folder):
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(dpa("demo", "--port", port)).startswith(f"Port {port} is in use.")


@pytest.fixture
def own_version(tmp_path, monkeypatch):
    """The folder of a version 2027-01-01 of the operator's own, named in the settings."""
    folder = shutil.copytree(AGREEMENTS / VERSION, tmp_path / "own" / "2027-01-01")
    text = (folder / "agreement.toml").read_text("utf-8")
    text = text.replace(f'version = "{VERSION}"', 'version = "2027-01-01"')
    (folder / "agreement.toml").write_text(text.replace("title = ", 'title = "Our own" # '), "utf-8")
    monkeypatch.setenv("DPA_AGREEMENTS_DIR", str(folder.parent))
    return folder


def test_commands_know_the_operators_own_agreements_and_the_built_in_ones(dpa, filled, own_version):
    assert dpa("agreement", "show")[1].startswith("Our own, version 2027-01-01\n")
    assert dpa("agreement", "show", "--version", VERSION)[0] == 0
    assert dpa("customers", "add", "velo", "--name", "Velo A/S")[1] == (
        "Velo A/S is bound to the agreement of 2027-01-01 now.\n"
    )
    assert dpa("ledger", "verify")[0] == 0
    for customer in ("velo", "nordfrakt"):
        assert dpa("snapshot", "export", customer, "--output", own_version / "snapshot.json")[0] == 0


@pytest.mark.parametrize(
    "command",
    ["agreement show", "agreement check text", "ledger verify", "customers", "demo --prepare", "serve"],
)
def test_an_unsound_agreement_of_the_operators_own_stops_every_command_in_lines(
    dpa, folder, own_version, monkeypatch, command
):
    for name, value in {**GOOD, "DPA_PORT": str(free_port())}.items():
        monkeypatch.setenv(name, value)
    (folder.parent / "text").write_text("text", "utf-8")
    (own_version / "terms.toml").write_text("[[terms", "utf-8")
    (own_version / "clauses.toml").unlink()
    code, out, err = dpa(*command.split())
    assert (code, out) == (1, "")
    assert [line.split(":")[0] for line in err.splitlines()] == [
        "2027-01-01/terms.toml",
        "2027-01-01/clauses.toml",
    ]
    assert not folder.exists()


def test_the_demo_without_its_extra_says_what_to_install(dpa, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "oidc_provider_mock", None)
    line = refused(dpa("demo", "--port", free_port()))
    assert "pip install 'dpa-desk[demo]'" in line
    assert not folder.exists()
    assert dpa("demo", "--prepare")[0] == 0


def test_production_starts_without_the_demo_and_what_only_the_demo_needs(folder):
    code = """
import sys
for name in ("oidc_provider_mock", "flask", "werkzeug"):
    sys.modules[name] = None
from dpa_core import cli, web
from dpa_core.settings import read_settings
web.serving(read_settings())
print("dpa_core.demo" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **GOOD}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def test_the_command_that_is_installed_is_this_one():
    dpa = subprocess.run(
        [sys.executable, "-c", "from dpa_core.cli import main; main()", "--help"],
        capture_output=True,
        text=True,
    )
    assert dpa.returncode == 0
    for command in ("demo", "serve", "agreement", "ledger", "access", "customers", "usage"):
        assert command in dpa.stdout


# --- the manifest of a return ---------------------------------------------------------------------


def test_a_received_folder_is_checked_against_its_manifest(dpa, tmp_path):
    received = tmp_path / "received"
    (received / "calls").mkdir(parents=True)
    (received / "calls" / "åsa.csv").write_text("a,b\n")
    (received / "contacts.csv").write_text("c\n")
    inside = received / "manifest.json"
    assert dpa("return", "manifest", received, "--output", inside) == (0, f"2 files in {inside}.\n", "")
    assert dpa("return", "check", received, inside) == (0, "The folder matches: 2 files.\n", "")
    (received / "contacts.csv").write_text("forged")
    code, out, err = dpa("return", "check", received, inside)
    assert (code, out) == (1, "contacts.csv: 6 bytes instead of 2\n")
    assert err == "1 difference. Report them before you acknowledge.\n"
    code, out, _ = dpa("return", "manifest", received / "calls")
    assert (code, json.loads(out)["files"][0]["name"]) == (0, "åsa.csv")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("manifest", "nowhere"), "nowhere is no folder."),
        (("check", ".", "nothing.json"), "nothing.json cannot be read: No such file or directory."),
    ],
)
def test_a_folder_or_manifest_that_is_not_there(dpa, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert dpa("return", *arguments) == (1, "", said + "\n")


def test_what_is_no_manifest_is_said_in_plain_lines(dpa, tmp_path):
    (tmp_path / "m.json").write_text("[]")
    code, _, err = dpa("return", "check", tmp_path, tmp_path / "m.json")
    assert code == 1
    assert err.startswith("This is no manifest of `dpa return manifest`.")


def test_usage_figures_are_taken_out_again(dpa, filled, tmp_path):
    path = tmp_path / "usage.csv"
    path.write_text("customer,data_type,month,records,bytes\nnordfrakt,sms,2026-01,1,1\n")
    assert dpa("usage", "import", path)[:2] == (0, "1 row imported.\n")
    choice = ("usage", "remove", "--customer", "nordfrakt", "--from", "2026-01", "--to", "2026-01")
    assert dpa(*choice) == (0, "1 row removed.\n", "")
    assert dpa(*choice) == (0, "0 rows removed.\n", "")
    assert "Nothing is chosen" in refused(dpa("usage", "remove"))
    assert "is no month" in refused(dpa("usage", "remove", "--from", "soon"))


# --- what is printed ------------------------------------------------------------------------------

HOSTILE = "a\x1b]0;x\x07\x9b31m\u202e\u200b\u2028\nAll is well: b"
SHOWN = "a[U+001B]]0;x[U+0007][U+009B]31m[U+202E][U+200B][U+2028][U+000A]All is well: b"


def test_a_name_is_shown_and_not_obeyed_wherever_it_comes_from(dpa, folder, tmp_path):
    code, out, _ = dpa("customers", "add", "velo", "--name", "Velo\x1b[2J")
    if code == 0:  # where such a name is taken at all
        assert "\x1b" not in out + dpa("customers")[1]
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / HOSTILE).write_text("x")
    code, out, _ = dpa("return", "manifest", tmp_path / "sent")
    assert (code, json.loads(out)["files"][0]["name"]) == (0, HOSTILE)
    assert "\x1b" not in out and "\x9b" not in out and "\u202e" not in out
    (tmp_path / "manifest.json").write_text('{"files": []}')
    code, out, _ = dpa("return", "check", tmp_path / "sent", tmp_path / "manifest.json")
    assert (code, out) == (1, f"{SHOWN}: not in the manifest\n")
    (tmp_path / "manifest.json").write_text(
        json.dumps({"files": [{"name": "../" + HOSTILE, "size": 1, "sha256": "0" * 64}]})
    )
    told = refused(dpa("return", "check", tmp_path / "sent", tmp_path / "manifest.json"))
    assert told.startswith(f"“../{SHOWN}” leads out")


@pytest.mark.parametrize(
    "words",
    [
        ("snapshot", "verify", HOSTILE),
        ("snapshot", "verify", "a", HOSTILE),
        ("return", "check", HOSTILE, HOSTILE),
        ("return", "manifest", HOSTILE),
        ("usage", "import", HOSTILE),
        ("agreement", "check", HOSTILE),
        ("agreement", "show", "--version", HOSTILE),
        ("access", "grant", "x@x.example", HOSTILE),
        ("access", "grant", HOSTILE, "customer_admin", "--customer", HOSTILE),
        ("customers", "add", HOSTILE, "--name", HOSTILE),
        ("ledger", "export", HOSTILE),
        ("snapshot", "export", HOSTILE),
        ("snapshot", "export", "x", "--format", HOSTILE),
        ("snapshot", "export", "x", "--as-of", HOSTILE),
        ("snapshot", "revoke-key", HOSTILE),
        ("demo", "--port", HOSTILE),
        (HOSTILE,),
        ("snapshot", HOSTILE),
        ("--" + HOSTILE,),
    ],
)
def test_an_error_shows_what_was_typed_and_does_not_obey_it(dpa, folder, words):
    code, out, err = dpa(*words)
    assert code in (1, 2)
    for character in set(HOSTILE) - {"\n"}:
        assert character.isprintable() or character not in out + err
    assert not [line for line in err.splitlines() if line.startswith("All is well")]


def test_json_on_the_terminal_stays_the_same_json(dpa, newest):
    for words in (("agreement", "show", "--json"), ("snapshot", "schema")):
        code, out, _ = dpa(*words)
        assert code == 0
        assert json.loads(out)
