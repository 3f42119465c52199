"""Answers kept in memory until something is written.

Sound because one process writes the store: whoever writes says so here once it is committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

T = TypeVar("T")


class Remembered(Generic[T]):
    """What was read lately, by key. Safe to use from any thread."""

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._values: LRUCache[Hashable, T] = LRUCache(most)
        self._writes = 0

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """The value known under this key, or else the one read now, which is kept unless something was
        written meanwhile: it may be older than that."""
        with self._lock:
            if key in self._values:
                return self._values[key]
            writes = self._writes
        value = read()
        with self._lock:
            if writes == self._writes:
                self._values[key] = value
        return value

    def forget(self) -> None:
        """Something was written and committed: read everything anew."""
        with self._lock:
            self._writes += 1
            self._values.clear()
