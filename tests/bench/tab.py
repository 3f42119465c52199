"""Tabs of browsers that give instructions while servers are killed under them, and go on as browsers do.

Each instruction has a reason of its own, so that the ledgers show how often it was recorded. A tab believes
the page: what is said to be recorded is done, what is said not to be is pressed once more.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus, WebSocketException

from dpa_core.ledger import Ledger
from dpa_core.locale.refusals import refusal_codes, refusal_words
from tests.bench.fleet import Fleet
from tests.bench.visitor import Failed, Visitor, Who, connected

TRIES = 60
"""Times that one instruction is begun, after which a tab gives up."""
_GONE = (OSError, WebSocketException, TimeoutError)
_UNKNOWN = "Whether this was recorded is not known"
_NOT_RECORDED = "Your last step was not recorded."


@dataclass
class Story:
    """What all tabs of a run were told."""

    acknowledged: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Customer and entry of each instruction that the page said is recorded, by its reason."""
    unknown: list[str] = field(default_factory=list)
    """The reasons of those of which the page said that nobody knows, or nothing."""
    errors: Counter[str] = field(default_factory=Counter)
    """What was said in red, and refusals of a connection."""
    resumed: Counter[str] = field(default_factory=Counter)
    """What pages said that had lost their server."""
    losses: int = 0
    """Connections that broke."""

    def __post_init__(self) -> None:
        self._more = asyncio.Condition()

    async def acknowledge(self, reason: str, customer: str, entry: int) -> None:
        """The page said that it is recorded."""
        self.acknowledged[reason] = customer, entry
        async with self._more:
            self._more.notify_all()

    async def leave_unknown(self, reason: str) -> None:
        """The page said that nobody knows, or nothing."""
        self.unknown.append(reason)
        async with self._more:
            self._more.notify_all()

    async def reaches(self, number: int) -> None:
        """Wait until there is nothing more to wait for of so many instructions."""
        async with self._more:
            await self._more.wait_for(lambda: len(self.acknowledged) + len(self.unknown) >= number)


@dataclass
class Tab:
    """One open page, and which server its browser prefers."""

    fleet: Fleet
    who: Who
    server: int
    story: Story
    visitor: Visitor | None = None
    pressed: bool = False
    """Whether the instruction was sent and no answer came."""

    async def give(self, reasons: Iterator[str]) -> None:
        """Give instructions, one after another, while there are reasons. Raises Failed."""
        async with AsyncExitStack() as self._open:
            for reason in reasons:
                await self._instruct(reason)

    async def _instruct(self, reason: str) -> None:
        self.pressed, last = False, ""
        for _ in range(TRIES):
            try:
                if await self._attempt(reason):
                    return
            except Failed as failed:
                last = str(failed)
                assert self.visitor is not None  # it said so
                self.story.errors.update(self.visitor.errors)
                if any(_UNKNOWN in said for said in self.visitor.errors):
                    await self.story.leave_unknown(reason)
                    return
                self.pressed = False
            except InvalidStatus as refused:
                self.story.errors[str(refused.response.body.decode())] += 1
                self._lost()
            except _GONE:
                self._lost()
        raise Failed(f"{reason} could not be given: {last}")

    def _lost(self) -> None:
        self.story.losses += 1
        self._socket = None

    _socket: ClientConnection | None = None

    async def _attempt(self, reason: str) -> bool:
        """Once from wherever the page stands; whether nothing more is to be done. Raises Failed, and what
        says that the connection is gone."""
        visitor = await self._there()
        if self.pressed and visitor.recorded is None and not self._says(_NOT_RECORDED):
            await self.story.leave_unknown(reason)
            return True
        if self.pressed and visitor.recorded is not None:
            await self.story.acknowledge(reason, self.who.customer, visitor.recorded)
            return True
        self.pressed = False
        if not visitor.in_dialog:
            await visitor.open("features")
            await visitor.toggle()
        await visitor.give_reason(reason)
        while visitor.in_dialog:  # as often as others are faster
            await visitor.acknowledge()
            self.pressed = True
            await visitor.press_confirm()
            self.pressed = False
            if visitor.recorded is not None:
                await self.story.acknowledge(reason, self.who.customer, visitor.recorded)
                return True
        return False

    def _says(self, sentence: str) -> bool:
        return self.visitor is not None and any(sentence in said for said in self.visitor.said)

    async def _there(self) -> Visitor:
        """The page, connected to a server that answers."""
        if self._socket is not None and self.visitor is not None:
            return self.visitor
        session = self.visitor.session if self.visitor else ""
        place = await self.fleet.nearest(self.server)
        self._socket = socket = await self._open.enter_async_context(connected(place, self.who, session))
        if self.visitor is None:
            self.visitor = Visitor(socket, self.who.customer)
            await self.visitor.open("features")
            return self.visitor
        await self.visitor.resume(socket)
        for said in self.visitor.said:
            self.story.resumed[re.split(r"[.:]?\*\*", said)[1]] += 1
        return self.visitor


Trouble = Callable[[], Awaitable[Any]]


async def instructed(
    fleet: Fleet, people: Sequence[Who], toggles: int, troubles: Sequence[Trouble] = ()
) -> Story:
    """Have people give so many instructions, while one trouble after another comes, spread over them."""
    story, reasons = Story(), (f"instruction {n}" for n in range(toggles))

    async def make_trouble() -> None:
        for n, trouble in enumerate(troubles, start=1):
            await story.reaches(n * toggles // (len(troubles) + 2))
            await trouble()

    async with asyncio.TaskGroup() as group:
        for n, who in enumerate(people):
            group.create_task(Tab(fleet, who, n % fleet.number, story).give(reasons))
        group.create_task(make_trouble())
    return story


def compared(ledger: Ledger, story: Story) -> tuple[list[str], list[str]]:
    """The acknowledged instructions that are not in the ledgers, and those that are in them twice."""
    rows = ledger.rows(
        "SELECT CAST(body AS JSON) ->> 'reason', customer_id, sequence FROM events "
        "WHERE kind = 'features.instructed'"
    )
    stored = {reason: (customer, sequence) for reason, customer, sequence in rows}
    lost = [reason for reason, where in story.acknowledged.items() if stored.get(reason) != where]
    twice = [reason for reason, times in Counter(row[0] for row in rows).items() if times > 1]
    return lost, twice


_SENTENCES = (
    "The database server cannot be reached just now.",
    "Whether this was recorded is not known:",
    "Too many people write here at once.",
    "The database took too long.",
)
"""How what the store refuses begins."""


def not_in_words(story: Story) -> list[str]:
    """What was said in red that is neither in the catalogue of refusals nor a sentence of the store's."""
    words = [
        refusal_words(f"{of}.{code}")[0] for of in ("application", "features") for code in refusal_codes(of)
    ]
    patterns = [re.sub(r"\\\{.*?\\\}", ".+", re.escape(message)) for message in words]
    known = re.compile("|".join([*map(re.escape, _SENTENCES), *patterns]))
    return [said for said in story.errors if not known.match(re.sub(r"\\(.)|\*\*.*?:\*\* ", r"\1", said))]
