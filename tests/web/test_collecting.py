"""Nothing looks through all memory while somebody waits for a page."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import weakref
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.access import Identity
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.settings import ROOT, STORE
from dpa_core.web.collecting import collect_when_calm
from dpa_core.web.streamlit_side import scripts_run
from tests.frozen import frozen_agreements
from tests.hostile.streamlit_client import Address, connect
from tests.journeys.conftest import ANNA, DPA, data, prepared, serving  # noqa: F401  # fixtures
from tests.ports import free_port

# Loaded by every Python process that finds it; tells who asks for a full look, and with which setting.
_WATCH = """
import gc, sys
collect = gc.collect
def told(*args):
    print("full look asked by", sys._getframe(1).f_globals["__name__"], file=sys.stderr, flush=True)
    return collect(*args)
gc.collect = told
"""


@pytest.fixture
def watch(tmp_path) -> str:
    """A folder for PYTHONPATH."""
    folder = tmp_path / "watch"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_WATCH)
    return str(folder)


def signed_in(data: Path) -> str:  # noqa: F811
    """The secret of a sign-in that the server will find in its store."""
    with Ledger.open(data / STORE) as ledger:
        who = Identity("test", "https://id.example", "anna", ANNA, "Anna")
        return Application(ledger, frozen_agreements(), Clock()).sign_in(who, "Test browser")[0]


STARTS = {
    "dpa demo": lambda port: [DPA, "demo", "--port", str(port)],
    "streamlit run": lambda port: [
        sys.executable, "-m", "streamlit", "run", ROOT / "app.py", "--server.port", str(port),
    ],
}  # fmt: skip


@pytest.mark.parametrize("start", STARTS)
def test_no_visit_makes_streamlit_look_through_all_memory(start, data, tmp_path, watch):  # noqa: F811
    port, secret = free_port(), signed_in(data)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    address = Address(port, f"http://localhost:{port}")
    environment = {"DPA_DEMO": "true", "PYTHONPATH": watch, "STREAMLIT_RUNNER_POST_SCRIPT_GC": "true"}
    server = serving(STARTS[start](port), data, port, cwd=elsewhere, **environment)
    with server, connect(address, secret) as page:
        for _ in range(3):
            page.rerun(query="customer=nordfrakt")
            assert "Nordfrakt" in page.shown()
    log = data.with_name(data.name + ".log").read_text()
    asked = [line.split()[-1] for line in log.splitlines() if line.startswith("full look asked by")]
    assert "dpa_core.web.collecting" in asked  # once all was loaded: the watch works
    assert "streamlit.runtime.scriptrunner.script_runner" not in asked


# --- when it happens ------------------------------------------------------------------------------------


class Looks:
    """Counts full looks, and lets a test wait for them."""

    def __init__(self) -> None:
        self.number = 0
        self.steps: list[str] = []

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            self.number += 1
            self.steps.append("look")

    async def reach(self, number: int) -> None:
        async with asyncio.timeout(60):
            while self.number < number:
                await asyncio.sleep(0)


@pytest.fixture
def looks():
    counted = Looks()
    gc.callbacks.append(counted)
    yield counted
    gc.callbacks.remove(counted)


@contextmanager
def as_found():
    """What a server sets for the whole process is as before once it has ended."""
    before = gc.get_threshold(), gc.get_freeze_count()
    yield
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def run(looks: Looks, until: int, busy=lambda: False, waits: float = 60.0) -> None:
    async def main() -> None:
        task = asyncio.create_task(
            collect_when_calm(lambda: looks.steps.append("warm"), busy, every=0.0, waits=waits)
        )
        await looks.reach(until)
        assert gc.get_freeze_count() > 0
        task.cancel()

    with as_found():
        asyncio.run(main())


def test_what_was_loaded_first_is_set_aside_and_the_rest_is_looked_at_again_and_again(looks):
    run(looks, until=3)
    assert looks.steps[:2] == ["warm", "look"]


def test_it_waits_while_somebody_waits(looks):
    answers = iter([True, True, True])

    def busy() -> bool:
        looks.steps.append("busy")
        return next(answers, False)

    run(looks, until=2, busy=busy)
    assert looks.steps[:7] == ["warm", "look", "busy", "busy", "busy", "busy", "look"]


def test_it_does_not_wait_for_ever(looks):
    run(looks, until=3, busy=lambda: True, waits=0.0)


def test_a_cycle_made_later_is_freed(looks):
    class Ring:
        def __init__(self) -> None:
            self.itself = self

    freed = []

    async def main() -> None:
        task = asyncio.create_task(collect_when_calm(lambda: None, lambda: False, every=0.0))
        await looks.reach(1)
        ring = Ring()
        weakref.finalize(ring, freed.append, True)
        del ring
        await looks.reach(looks.number + 2)
        task.cancel()

    with as_found():
        asyncio.run(main())
    assert freed


def test_a_running_script_is_known():
    def script():
        import streamlit as st

        from dpa_core.web.streamlit_side import scripts_run

        st.text(scripts_run())

    assert AppTest.from_function(script, default_timeout=60).run().text[0].value == "True"
    for thread in threading.enumerate():  # of this test and of others, each at its end
        if thread.name.startswith("ScriptRunner"):
            thread.join(60)
    assert not scripts_run()
