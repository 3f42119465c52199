"""Ports for servers that tests start, several at a time."""

from __future__ import annotations

import socket

_held: list[socket.socket] = []
"""Bound, never listening: the system gives their ports to nobody else, while a server that sets
SO_REUSEADDR, as all of them do, may still listen there."""


def free_port() -> int:
    """A port of 127.0.0.1 that no other test, in this process or another, is given until this one ends."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    _held.append(probe)
    port: int = probe.getsockname()[1]
    return port
