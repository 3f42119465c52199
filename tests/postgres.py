"""A PostgreSQL server of a test run's own: Debian's programs, in a temporary folder, as an unprivileged user.

It keeps what it has in a folder that goes with the run, and answers on a socket there and on a free port of
this machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg

from tests.needs import debian_postgresql
from tests.ports import free_port

_USER = "nobody"
_SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 32MB
"""


class Server:
    """A server that runs. `url` of a database; `template`: what `database` copies."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._programs, self._folder, self._port = programs, folder, port
        self._made = 0

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://dpa:secret-word@127.0.0.1:{self._port}/{database}"

    def run(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        as_user = ["setpriv", f"--reuid={_USER}", "--regid=nogroup", "--clear-groups"]
        command = [str(self._programs / name), *arguments]
        prefix = as_user if os.geteuid() == 0 else []
        # Into a file: a server that goes on would keep a pipe open.
        with (self._folder / "said").open("a") as said:
            subprocess.run([*prefix, *command], check=True, stdout=said, stderr=said, cwd=self._folder)

    def pg_ctl(self, *arguments: str) -> None:
        """Start, stop or restart the server, and wait until that is done."""
        data, log = str(self._folder / "data"), str(self._folder / "log")
        options = f"-p {self._port} -k {self._folder}"
        self.run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", *arguments)

    def database(self, template: str = "template0") -> str:
        """The name of a new database, copied from another that nobody is connected to."""
        self._made += 1
        name = f"desk_{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            locale = "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'" if template == "template0" else ""
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {locale}")
        return name


@contextmanager
def running() -> Iterator[Server]:
    """A server, from initdb to its end."""
    programs = debian_postgresql()
    folder = Path(mkdtemp(prefix="dpa-pg-"))
    server = Server(programs, folder, free_port())
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam(_USER)
            os.chown(folder, account.pw_uid, account.pw_gid)
        password = folder / "password"
        password.write_text("secret-word")
        password.chmod(0o644)
        server.run(
            "initdb", "-D", str(folder / "data"), "-U", "dpa", "--auth=scram-sha-256", f"--pwfile={password}",
            "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync",
        )  # fmt: skip
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        server.pg_ctl("start")
        try:
            yield server
        finally:
            server.pg_ctl("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
