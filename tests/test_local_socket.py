"""Commands reach a running server, with the same words and exit codes as without one."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from dpa_core import local_socket, operations
from dpa_core.ledger import Ledger, StoreError
from dpa_core.local_socket import NAME, _Server, connected, listening
from dpa_core.settings import STORE
from tests.conftest import email
from tests.test_cli import dpa as dpa  # fixtures
from tests.test_cli import filled as filled
from tests.test_cli import folder as folder
from tests.test_cli import refused

ROOT = Path(__file__).parents[1]


@contextmanager
def at_work(folder, writing_as="-"):
    """A process that holds the store of a folder, and takes commands; its first line is read."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.at_work", folder / STORE, writing_as],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


COMMANDS = [
    "customers",
    "customers --ids",
    "customers add velo --name Velo",
    "customers add velo --name Velo",
    "customers add @x --name Velo",
    "customers add tre --name Tre --agreement 1999-01-01",
    "access grant eva@x.example privacy_officer",
    "access grant nobody privacy_officer",
    "access grant a@b.example root",
    "access grant anna@velo.example customer_admin --customer velo",
    "access revoke anna@velo.example customer_admin --customer velo",
    "access revoke anna@velo.example customer_admin --customer velo",
    "ledger verify",
    "ledger export no-such",
    "usage import u.csv",
    "usage import wrong.csv",
    "usage import none.csv",
    "snapshot export nordfrakt --as-of 1999-99-99",
    "snapshot export no-such",
]


def test_every_command_says_the_same_with_a_server_and_without(dpa, filled, folder, tmp_path, monkeypatch):
    Path("u.csv").write_text("customer,data_type,month,records,bytes\nnordfrakt,sms,2026-10,1,2\n")
    Path("wrong.csv").write_text("customer,data_type,month,records,bytes\nno-such,sms,2026-10,1,2\n")
    # The same version of the agreement as the server's, which has the frozen one.
    monkeypatch.setattr(operations, "load_agreements", _frozen)
    beside = shutil.copytree(folder, tmp_path / "beside")
    alone = [dpa(*command.split()) for command in COMMANDS]
    monkeypatch.setenv("DPA_DATA_DIR", str(beside))
    with at_work(beside):
        served = [dpa(*command.split()) for command in COMMANDS]
        out = dpa("ledger", "export", "nordfrakt")
        signed = dpa("snapshot", "export", "nordfrakt", "--output", tmp_path / "s.json")
        assert signed[0] == 0, signed
        assert dpa("snapshot", "verify", tmp_path / "s.json")[0] == 0
        with pytest.raises(StoreError):
            Ledger.open(beside / STORE)
    assert served == alone
    assert out == dpa("ledger", "export", "nordfrakt")
    assert {code for code, _, _ in alone} == {0, 1}


def _frozen():
    from tests.frozen import frozen_agreements

    return frozen_agreements()


def test_the_socket_is_its_owners_and_goes_with_the_server(application):
    place = application.ledger.folder / NAME
    with listening(application):
        assert stat.S_IMODE(place.lstat().st_mode) == 0o600
        connected(application.ledger.folder).close()
    assert not place.exists()
    assert connected(application.ledger.folder) is None


def test_the_socket_that_a_killed_server_leaves_is_no_obstacle(dpa, filled, folder):
    with at_work(folder) as server:
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert (folder / NAME).is_socket()
    assert dpa("customers", "--ids")[0] == 0
    with at_work(folder):
        assert dpa("customers", "--ids")[1].splitlines() == ["fjallbank", "nordfrakt", "solsidan"]


def test_a_folder_with_a_long_path_has_a_socket_too(dpa, filled, folder, monkeypatch):
    deep = folder.parent / ("d" * 120)
    folder.rename(deep)
    monkeypatch.setenv("DPA_DATA_DIR", str(deep))
    with at_work(deep):
        assert (deep / NAME).is_socket()
        assert dpa("customers", "--ids")[1].splitlines() == ["fjallbank", "nordfrakt", "solsidan"]


def test_a_server_that_cannot_have_a_socket_runs_and_says_so(application, monkeypatch, caplog):
    def refuse(*_):
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(local_socket, "_Server", refuse)
    with listening(application):
        assert "Commands cannot reach this server" in caplog.text
        assert application.ledger.head("nordfrakt")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("open_to_all", [False, True])
def test_another_user_is_refused_by_the_files_and_by_the_kernels_word(application, open_to_all, caplog):
    folder = application.ledger.folder
    code = f"""
import os, socket, sys
os.setgid(12345); os.setuid(12345)
with socket.socket(socket.AF_UNIX) as s:
    try:
        s.connect({NAME!r})
    except PermissionError:
        print("no entry")
    else:
        print(s.makefile().read())
"""
    with listening(application):
        if open_to_all:
            (folder / NAME).chmod(0o666)
            folder.chmod(0o755)
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
        if open_to_all:
            folder.chmod(0o700)
    if open_to_all:
        assert "runs as another user" in done.stdout, done
        assert "another user (uid 12345) was refused" in caplog.text
    else:
        assert done.stdout == "no entry\n"


def _raw(application, request):
    with connected(application.ledger.folder) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return [json.loads(line) for line in connection.makefile("rb")]


@pytest.mark.parametrize(
    "request_line",
    [
        b"",
        b"\n",
        b"no JSON\n",
        b"[]\n",
        b'{"version": "VERSION", "operation": "Exec", "fields": {}}\n',
        b'{"version": "VERSION", "operation": "AddCustomer", "fields": {"id": 5}}\n',
        b'{"version": "VERSION", "operation": "ListCustomers", "fields": {"path": "/etc/passwd"}}\n',
        b"[" * 100_000 + b"\n",
    ],
    ids=range(8),
)
def test_what_is_no_command_is_answered_in_a_line_and_changes_nothing(application, request_line):
    with listening(application):
        (answer,) = _raw(application, request_line.replace(b"VERSION", local_socket.app_version().encode()))
        assert "does not understand" in answer["error"]
        assert connected(application.ledger.folder)


def test_a_server_of_another_version_says_to_restart_it(application):
    with listening(application):
        (answer,) = _raw(application, b'{"version": "9.9", "operation": "ListCustomers", "fields": {}}\n')
    assert "this command is of 9.9. Restart the server." in answer["error"]


def test_what_goes_wrong_in_the_server_has_a_number_and_no_traceback(
    dpa, filled, folder, monkeypatch, caplog
):
    with operations.own_office() as application, listening(application):
        monkeypatch.setattr(operations.ListCustomers, "run", lambda *_: 1 / 0)
        line = refused(dpa("customers"))
    number = line.rpartition(" ")[2].rstrip(".")
    assert line.startswith("Something went wrong in the server.")
    assert number in caplog.text


def test_a_server_that_ends_in_the_middle_is_said(dpa, filled, folder, monkeypatch):
    monkeypatch.setattr(
        _Server, "process_request_thread", lambda self, request, _: self.shutdown_request(request)
    )
    with operations.own_office() as application, listening(application):
        assert "The server ended before the command did." in refused(dpa("customers"))


def test_a_command_waits_for_another_that_has_the_store_open(dpa, filled, folder, monkeypatch):
    opened, tries = operations.own_office, []

    @contextmanager
    def busy_at_first():
        tries.append(1)
        if len(tries) < 3:
            raise local_socket.StoreInUse
        with opened() as application:
            yield application

    monkeypatch.setattr(local_socket, "own_office", busy_at_first)
    assert dpa("customers", "--ids")[0] == 0
    assert len(tries) == 3


def test_commands_run_while_people_write(dpa, filled, folder):
    with at_work(folder, email("anna")):
        assert dpa("customers", "add", "velo", "--name", "Velo", "--agreement", "2026-01-29")[0] == 0
        assert dpa("ledger", "verify")[0] == 0
        assert not list(folder.glob("unfinished-*"))
