"""How a command reaches the server that has the store open: a Unix domain socket in the data folder.

One request a connection, one line of JSON: the app's version, the operation's name and its fields. The
answers come back a line each, then a line that says that it ended or what went wrong. Only the user whom the
server runs as may connect: by the socket's mode (0600), the folder's (0700), and what the kernel says of the
caller.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from dpa_core import logs, metrics
from dpa_core.application import Application
from dpa_core.ledger import StoreError, StoreInUse
from dpa_core.operations import EXPECTED, OPERATIONS, NotDone, Operation, own_office
from dpa_core.settings import data_folder, database_url

log = logging.getLogger("dpa_desk")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

NAME = "desk.sock"
MAX_REQUEST = 500_000_000
"""Bytes of a request, more than the usage figures of 10,000 customers and two years need."""
PATIENCE = 5.0
"""Seconds for which a command waits for a store that another process has open and is about to let go."""
_PATH_LIMIT = 100
"""Bytes of a socket's path that every system takes (Linux: 107, macOS: 103)."""


def app_version() -> str:
    """The version of the app that runs."""
    return version("dpa-desk")


# --- the command's side --------------------------------------------------------------------------


def ask(operation: Operation[T]) -> Iterator[T]:
    """The answers to an operation, from the server that runs on the data folder, or else by this process.

    Raises NotDone in the server's words; StoreInUse where another process has the store open and takes no
    commands; and what the operation does.
    """
    folder = data_folder()
    stack, place = patiently(_reach, folder)
    with stack:
        if isinstance(place, Application):
            yield from operation.run(place)
        else:
            yield from _answers(place, operation)


def patiently(step: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """What a step gives, asked again for a while where another process has the store open."""
    retrying = Retrying(
        retry=retry_if_exception_type(StoreInUse),
        stop=stop_after_delay(PATIENCE),
        wait=wait_fixed(0.1),
        reraise=True,
    )
    return retrying(step, *arguments, **named)


def _reach(folder: Path) -> tuple[ExitStack, Application | socket.socket]:
    """The server of a folder, or else its store, opened; and what closes it again."""
    stack = ExitStack()
    server = connected(folder) if database_url() is None else None  # a database takes commands itself
    if server is not None:
        return stack, stack.enter_context(server)
    return stack, stack.enter_context(own_office())


def connected(folder: Path) -> socket.socket | None:
    """A connection to the server that runs on a folder; None where none does. Raises StoreError where it
    is another user's."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_path(folder) as path:
            connection.connect(path)
    except PermissionError as error:
        connection.close()
        raise _another_users(folder) from error
    except OSError:  # no folder, no socket, or one that a server has left that was killed
        connection.close()
        return None
    if _other_end(connection) not in (None, os.geteuid()):
        connection.close()
        raise _another_users(folder)
    return connection


def _another_users(folder: Path) -> StoreError:
    return StoreError(
        f"{folder} belongs to another user. Run the command as the user whom the server runs as."
    )


def _answers(server: socket.socket, operation: Operation[T]) -> Iterator[T]:
    request = {
        "version": app_version(),
        "operation": type(operation).__name__,
        "fields": operation.model_dump(mode="json"),
    }
    try:
        with suppress(BrokenPipeError):  # refused before it was read; the answer says why
            server.sendall(json.dumps(request).encode() + b"\n")
        with server.makefile("rb") as lines:
            for line in lines:
                answer = json.loads(line)
                if "answer" not in answer:
                    if answer.get("error") is not None:
                        raise NotDone(answer["error"])
                    return
                yield operation.answers.validate_json(json.dumps(answer["answer"]))
    except (OSError, ValueError) as error:
        raise _broken_off() from error
    raise _broken_off()


def _broken_off() -> NotDone:
    return NotDone(
        "The server ended before the command did. Look whether it was done before you give it again."
    )


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """The path of the socket in a form that fits into a socket's address. Raises OSError where none does."""
    path = str(folder / NAME)
    if len(os.fsencode(path)) <= _PATH_LIMIT:
        yield path
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"  # Linux; elsewhere there is no such folder
    finally:
        os.close(descriptor)


# --- the server's side ---------------------------------------------------------------------------


@contextmanager
def listening(application: Application) -> Iterator[None]:
    """Run commands through this application, on threads of their own, until the block ends.

    Without the socket the server runs as well: a line in the log says why there is none.
    """
    folder = application.ledger.folder
    if application.ledger.shared:  # commands write to the database themselves
        yield
        return
    try:
        with _short_path(folder) as path:
            # The store is ours alone, so a socket that lies there is of a server that was killed.
            (folder / NAME).unlink(missing_ok=True)
            server = _Server(path, application)
        (folder / NAME).chmod(0o600)
    except OSError as error:
        log.warning("Commands cannot reach this server, stop it for them: %s/%s: %s", folder, NAME, error)
        yield
        return
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="dpa-commands", daemon=True)
    thread.start()
    try:
        yield
    finally:
        (folder / NAME).unlink(missing_ok=True)
        server.shutdown()
        server.server_close()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, path: str, application: Application) -> None:
        self.application = application
        super().__init__(path, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A command that went away in the middle is no fault of the server's."""
        log.info("A command ended before its answer did.")


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Run one operation, and send its answers as they come."""
        with logs.request():
            self._handle()

    def _handle(self) -> None:
        caller = _other_end(self.connection)
        if caller not in (None, os.geteuid()):
            log.warning("A command of another user (uid %s) was refused.", caller)
            self._send({"error": "This server runs as another user. Run the command as that user."})
            return
        try:
            operation = self._asked()
            for answer in operation.run(self.server.application):
                self._send({"answer": operation.answers.dump_python(answer, mode="json")})
        except EXPECTED as error:
            self._send({"error": str(error)})
        except OSError:
            raise
        except Exception as error:  # the server goes on, the log has the cause, and the command its number
            number = logs.number()
            log.error("error %s", number, exc_info=error)
            metrics.ERRORS.inc()
            self._send({"error": f"Something went wrong in the server. Its log says more under {number}."})
        else:
            self._send({"error": None})

    def _asked(self) -> Operation[Any]:
        line = self.rfile.readline(MAX_REQUEST)
        try:
            request = json.loads(line)
            theirs = request["version"]
            if theirs == app_version():
                return OPERATIONS[request["operation"]].model_validate_json(json.dumps(request["fields"]))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise NotDone("The server does not understand this command. Restart it.") from error
        raise NotDone(
            f"The server runs version {app_version()}, and this command is of {theirs}. Restart the server."
        )

    def _send(self, line: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(line).encode() + b"\n")


def _other_end(connection: socket.socket) -> int | None:
    """The user identifier at the other end, from the kernel; None where it does not say (not Linux)."""
    if sys.platform != "linux":
        return None
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)
