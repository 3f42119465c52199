"""What is kept in memory: answers until something is written, and what texts say, within some bytes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar

import pyarrow as pa
from cachetools import LRUCache
from pydantic import BaseModel

T = TypeVar("T")

_PARSED = 9
"""Bytes in memory of a state for each byte of its JSON, with the JSON itself (measured)."""


class Remembered(Generic[T]):
    """What was read lately, by key. Safe to use from any thread.

    Sound where one process writes the store: whoever writes says so here once it is committed. Where others
    write it too (`shared`), nothing is kept.
    """

    def __init__(self, most: int, *, shared: bool = False) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._values: LRUCache[Hashable, T] = LRUCache(most)
        self._writes = 0

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """The value known under this key, or else the one read now, which is kept unless something was
        written meanwhile: it may be older than that."""
        if self._shared:
            return read()
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


class Parsed(Generic[T]):
    """What texts parse to, kept by the text itself and so never out of date. Safe to use from any thread."""

    def __init__(self, parse: Callable[[str], T], most: int) -> None:
        """`most`: bytes of memory, about."""
        self._parse = parse
        self._lock = threading.Lock()
        self._values: LRUCache[str, tuple[T, int]] = LRUCache(most, getsizeof=lambda kept: kept[1])

    def __call__(self, text: str) -> T:
        """What a text says."""
        with self._lock:
            if text in self._values:
                return self._values[text][0]
        value = self._parse(text)
        self.written(value, text)
        return value

    def written(self, value: T, text: str) -> str:
        """Keep a value with the text that was made of it: nobody has to parse it. The text."""
        with self._lock, suppress(ValueError):  # too large to be kept at all
            self._values[text] = value, _PARSED * sys.getsizeof(text)
        return text


def bytes_of(value: Any) -> int:
    """About how many bytes of memory an answer takes, with all that it is made of; each thing once."""
    seen: set[int] = set()
    total, left = 0, [value]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        total += one.nbytes if isinstance(one, pa.Table) else sys.getsizeof(one)
        left += _parts(one)
    return total


def _parts(one: Any) -> Iterable[Any]:
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()]
    if isinstance(one, list | tuple | set | frozenset):
        return one
    if isinstance(one, BaseModel):
        return one.__dict__.values()
    if is_dataclass(one) and not isinstance(one, type):
        return [getattr(one, f.name) for f in fields(one)]
    return ()
