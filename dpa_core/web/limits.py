"""How much of the server one session, one person or one address may take at once, and in a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from math import ceil

from cachetools import TTLCache

from dpa_core import metrics
from dpa_core.settings import Limits

_MOST_KEYS = 20_000


class TooMany(Exception):
    """A limit is reached. The message is for the person. `wait`: seconds after which it is worth trying."""

    def __init__(self, sentence: str, wait: int) -> None:
        super().__init__(sentence)
        self.wait = wait


def network_of(client: tuple[str, int] | None) -> str:
    """The address that limits count by: an IPv6 subscriber has a network of 64 bits, not one address."""
    if client is None:
        return ""
    try:
        address = ip_address(client[0])
    except ValueError:
        return client[0][:100]
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


class Allowance:
    """An amount per key that fills up again evenly over some seconds.

    Used from the event loop alone. `timer`: seconds that never go back.
    """

    def __init__(self, amount: float, seconds: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._amount, self._seconds, self._timer = amount, seconds, timer
        # Forgotten after the time in which a key's allowance is whole again.
        self._spent: TTLCache[str, tuple[float, float]] = TTLCache(_MOST_KEYS, seconds, timer)

    def take(self, key: str, cost: float) -> int:
        """Take from a key's allowance: 0, or the seconds until so much is there, and nothing is taken."""
        now = self._timer()
        spent, at = self._spent.get(key, (0.0, now))
        spent = max(0.0, spent - (now - at) * self._amount / self._seconds)
        over = spent + cost - self._amount
        if over > 0:
            return max(1, ceil(over * self._seconds / self._amount))
        self._spent[key] = (spent + cost, now)
        return 0


class Connections:
    """The websockets that are open, by whom. Used from the event loop alone."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def counted(self, session_id: str, person_id: str, address: str) -> Iterator[None]:
        """Count one more while the block lasts. Raises TooMany."""
        keys = (("session", session_id), ("person", person_id), ("address", address))
        most = (
            self._limits.connections_per_session,
            self._limits.connections_per_person,
            self._limits.connections_per_address,
        )
        for key, limit in zip(keys, most, strict=True):
            if self._open[key] >= limit:
                raise TooMany(f"More than {limit} pages are open. Close some, then try again.", 30)
        self._open.update(keys)
        metrics.CONNECTIONS.inc()
        try:
            yield
        finally:
            metrics.CONNECTIONS.dec()
            self._open.subtract(keys)
            for key in keys:
                if not self._open[key]:
                    del self._open[key]
