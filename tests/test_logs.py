"""Log entries: one line each, with the number of their request, and nothing that somebody typed."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import threading

import pytest
from pydantic import BaseModel

from dpa_core import ROOT, logs

TYPED = "Third-level help for Åsa"


@pytest.fixture
def written(monkeypatch):
    """`written(form)`: everything that is logged from then on, as text. What was set up before comes back."""
    names = list(logging.root.manager.loggerDict)
    before = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).propagate) for name in names
    }
    handlers, level = logging.root.handlers[:], logging.root.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def start(form: logs.Form = "json", stream: io.StringIO | None = None) -> io.StringIO:
        stream = stream or io.StringIO()
        logs.set_up(form, stream)
        return stream

    yield start
    logging.captureWarnings(False)
    logging.root.handlers[:], logging.root.level = handlers, level
    for name, (those, propagate) in before.items():
        logging.getLogger(name).handlers[:] = those
        logging.getLogger(name).propagate = propagate


def entries(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_entry_is_one_line_with_what_it_is_about(written):
    stream = written()
    with logs.request() as about:
        logs.know(session="abc", person="p1", customer="nordfrakt", page="features", nothing=None)
        logging.getLogger("dpa_desk").info("two\nlines and %s", "a value")
    (entry,) = entries(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry == {
        "level": "info",
        "logger": "dpa_desk",
        "message": "two\nlines and a value",
        "request": about["request"],
        "session": "abc",
        "person": "p1",
        "customer": "nordfrakt",
        "page": "features",
    }


def test_a_request_ends_and_has_a_number_to_read_out(written):
    stream = written()
    with logs.request() as first:
        assert logs.number() == first["request"]
        with logs.request({"page": "desk"}) as second:
            assert logs.number() == second["request"] != first["request"]
        assert logs.number() == first["request"]
    logging.getLogger("dpa_desk").info("later")
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", first["request"])
    assert "request" not in entries(stream)[0]


class Typed(BaseModel):
    count: int


def _fail_by_pydantic():
    Typed.model_validate({"count": TYPED})


def _fail_with_a_cause():
    try:
        int(TYPED)
    except ValueError as error:
        raise RuntimeError("the step broke") from error


@pytest.mark.parametrize("fail", [lambda: int(TYPED), _fail_by_pydantic, _fail_with_a_cause])
def test_an_exception_is_in_the_same_line_and_quotes_nobody(written, fail):
    stream = written()
    try:
        fail()
    except Exception as error:
        logging.getLogger("dpa_desk").error("broke", exc_info=error)
    (entry,) = entries(stream)
    assert "Traceback" in entry["error"]
    assert "test_logs.py" in entry["error"]
    assert "its message may quote what was typed" in entry["error"]
    assert "help for" not in stream.getvalue()
    if fail is _fail_with_a_cause:
        assert "RuntimeError: the step broke\ncaused by\n" in entry["error"]


def test_causes_that_go_in_a_circle_end(written):
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    assert logs.told(first).count("RuntimeError") == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_people_at_a_terminal_get_a_line_to_read_that_moves_no_cursor(written):
    stream = written("auto", Terminal())
    with logs.request() as about:
        logging.getLogger("dpa_desk").warning("one\x1b[2Jtwo")
    assert f"one[U+001B][2Jtwo [request={about['request']}]\n" in stream.getvalue()
    assert written("auto").getvalue() == ""
    stream = written("text")
    logging.getLogger("dpa_desk").warning("on a pipe")
    assert stream.getvalue().endswith("WARNING dpa_desk: on a pipe\n")


SCRIPT = """
import logging, threading, warnings
from dpa_core import web
from streamlit.logger import get_logger
before = get_logger("streamlit.before")
web.one_log("json")
before.warning("before")
get_logger("streamlit.after").warning("after")
logging.getLogger("uvicorn.error").error("of uvicorn")
logging.getLogger("uvicorn.access").warning("GET /oauth2callback?code=secret")
logging.getLogger("somebody").info("not told")
warnings.warn("a warning")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start(); thread.join()
raise RuntimeError("at the end")
"""


def test_every_logger_writes_in_one_form_and_what_nobody_caught_too():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(e["logger"], e["level"]) for e in told] == [
        ("streamlit.before", "warning"),
        ("streamlit.after", "warning"),
        ("uvicorn.error", "error"),
        ("py.warnings", "warning"),
        ("dpa_desk", "critical"),
        ("dpa_desk", "critical"),
    ]
    assert "ZeroDivisionError" in told[4]["error"]
    assert "at the end" in told[5]["error"]
