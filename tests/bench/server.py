"""A real server of its own process, and what it takes of the machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.conftest import DPA, answers
from tests.ports import free_port

STARTS_WITHIN = 120
"""Seconds after which a server that does not answer is given up."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A demo server that answers."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """As people type it."""
        return f"http://localhost:{self.port}"

    def cpu(self) -> float:
        """Seconds of processor time that it has used, all of its threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident(self) -> float:
        """Megabytes of memory that it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1000


@contextmanager
def serving(data: Path) -> Iterator[Server]:
    """`dpa demo` on that data folder until the block ends. Raises RuntimeError where it does not start."""
    port = free_port()
    log = data.with_name(data.name + ".log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [DPA, "demo", "--port", str(port)],
            env={**os.environ, "DPA_DATA_DIR": str(data)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    server = Server(port, process.pid)
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not answers(server.url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield server
        if "Traceback" in log.read_text():
            raise RuntimeError(f"something went wrong in the server:\n{log.read_text()[-5_000:]}")
    finally:
        process.terminate()
        process.wait(60)
