"""Memory of the server with 10,000 customers of 100 events each, after people have looked at every page."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tests.bench import stores
from tests.bench.pages import PAGES
from tests.journeys.conftest import ANNA, DPA, EVA, FLAGS, Visit, answers
from tests.ports import free_port

LIMIT = 600.0


def measure() -> list[tuple[str, float, float]]:
    """(what, MB, limit)."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        data = Path(folder) / "data"
        stores.crowd(data / "desk.duckdb", 10_000, 100)
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        port = free_port()
        process = subprocess.Popen(
            [DPA, "demo", "--port", str(port)],
            env={**os.environ, "DPA_DATA_DIR": str(data)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://localhost:{port}"
        while not answers(url):
            time.sleep(0.1)
        for email in (ANNA, EVA):
            visit = Visit(chromium.new_context().new_page(), url)
            visit.sign_in(email)
            for page in PAGES:
                visit.open("/" if page == "overview" else f"/{page}")
        for n in range(0, 10_000, 200):
            visit.open(f"/history?customer=c{n:05}")
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        process.wait(30)
        chromium.close()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return [("memory of the server, 10,000 customers (MB)", int(resident.split()[1]) / 1000, LIMIT)]
