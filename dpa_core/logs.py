"""Log entries: one line of JSON each, or a line for people on a terminal; and what each is about.

A request has a number, which goes with all that is logged of it, and which a person is shown with an error.
Of people there are only the identifiers that they have in the store, never what they typed.

Standard: RFC 8259, RFC 3339
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, TextIO

import duckdb

Form = Literal["auto", "json", "text"]
"""How an entry is written; `auto`: for people where they read along on a terminal."""

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""None that is taken for another when read aloud."""
_QUOTING = (ValueError, duckdb.DataError, duckdb.IntegrityError)
"""Exceptions whose messages may quote what somebody typed."""
SHORT = 12
"""Characters of a session's identifier that tell it apart in a log."""
_LONGEST = 300
"""Characters of an exception's message."""
_about: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)


def new_number() -> str:
    """A number for a request, as `7F3K-9QXD`: one in 10^12, easy to read out."""
    text = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{text[:4]}-{text[4:]}"


@contextmanager
def request(known: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """While the block lasts: a request with a number of its own. Gives what entries say that they are about.
    `known`: what is known of it before."""
    about = {**(known or {}), "request": new_number()}
    token = _about.set(about)
    try:
        yield about
    finally:
        _about.reset(token)


def know(**found: str | None) -> None:
    """Find out something more of the request: `session`, `person`, `customer`, `page`."""
    about = _about.get()
    if about is not None:
        about |= {name: value for name, value in found.items() if value}


def number() -> str:
    """The number of this request; a new one outside of any."""
    return (_about.get() or {}).get("request") or new_number()


def about() -> Mapping[str, str]:
    """What is known of this request."""
    return _about.get() or {}


# --- how an entry is written ---------------------------------------------------------------------


def _time(record: logging.LogRecord) -> str:
    """When, in UTC, as `2026-11-28T14:03:12.004Z`."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def told(error: BaseException) -> str:
    """An exception, with where it came from and its causes, without a message that may quote somebody."""
    found, seen = [], set[int]()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        message = "(its message may quote what was typed)" if isinstance(cause, _QUOTING) else str(cause)
        name = f"{type(cause).__module__}.{type(cause).__qualname__}".removeprefix("builtins.")
        frames = "".join(traceback.format_tb(cause.__traceback__))
        found.append(f"Traceback (most recent call last):\n{frames}{name}: {message[:_LONGEST]}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\ncaused by\n".join(found)


class AsJson(logging.Formatter):
    """One line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry with its exception, in one line."""
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **about(),
        }
        if record.exc_info and record.exc_info[1]:
            entry["error"] = told(record.exc_info[1])
        return json.dumps(entry)


class AsText(logging.Formatter):
    """A line for people, with the exception below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry; what a terminal would obey is shown by number."""
        known = " ".join(f"{name}={value}" for name, value in about().items())
        text = f"{_time(record)} {record.levelname:<7} {record.name}: {_visible(record.getMessage())}"
        text += f" [{_visible(known)}]" if known else ""
        if record.exc_info and record.exc_info[1]:
            text += f"\n{told(record.exc_info[1])}"
        return text


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in text)


def set_up(form: Form = "auto", stream: TextIO | None = None) -> None:
    """Have every logger write to `stream` (standard error), in one form, exceptions nobody caught too.

    Loggers with handlers of their own lose them; what is created later has none.
    """
    stream = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(AsText() if as_text else AsJson())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("dpa_desk").setLevel(logging.INFO)
    for name in list(logging.root.manager.loggerDict):
        speak_through_root(logging.getLogger(name))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def speak_through_root(logger: logging.Logger) -> None:
    """Take a logger's own handlers away."""
    logger.handlers.clear()
    logger.propagate = True


def _uncaught(kind: type[BaseException], error: BaseException | None, _: TracebackType | None) -> None:
    if error is not None and not issubclass(kind, KeyboardInterrupt):
        logging.getLogger("dpa_desk").critical("nobody caught an error", exc_info=error)
