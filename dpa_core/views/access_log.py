"""The access log in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dpa_core.access_log import CLAIMED, KINDS, Line
from dpa_core.people import People
from dpa_core.subjects.grants import ROLES
from dpa_core.views.sign_ins import browser

_STEPS = {
    "open": "open the customer",
    "open provider": "open the provider’s own record",
    "access log": "search the access log",
    "access log of": "see the customer’s part of the access log",
    "attach": "attach a file",
    "draft": "look at a draft",
    "hand over": "fetch a file",
    "offer download": "download a file",
    "portfolio": "open the portfolio",
}
"""Steps that are no commands, where the name of the door alone says little."""


@dataclass(frozen=True)
class Row:
    """One line. `at` in UTC; people as they were known then."""

    at: datetime
    what: str
    who: str
    details: str
    customer: str
    came_from: str
    digest: str
    """SHA-256 of a file that was handed over; empty: none was."""


def in_words(lines: Iterable[Line], people: People) -> list[Row]:
    """Lines of the log, as a person reads them."""
    return [
        Row(
            line.happened,
            KINDS[line.kind],
            _who(line, people),
            "; ".join(_details(line, people)),
            line.customer_id or "",
            line.came_from or "",
            line.about.get("sha256", ""),
        )
        for line in lines
    ]


def _who(line: Line, people: People) -> str:
    if line.kind in CLAIMED:
        return f"claimed: {line.who}" if line.who else "nobody named"
    return _known(line.who, line.happened, people) if line.who else "several people"


def _known(who: str, at: datetime, people: People) -> str:
    if who == "operator":
        return "the provider’s operator"
    known = people.who(who, at)
    return known.address if known.name in ("", known.address) else f"{known.name} ({known.address})"


def _details(line: Line, people: People) -> list[str]:
    about = line.about
    found = []
    if "role" in about:
        found.append({str(code): words for code, words in ROLES.items()}.get(about["role"], about["role"]))
    if line.whom:
        found.append(_known(line.whom, line.happened, people))
    if "from" in about:
        found.append(f"{about['from']} is {about['to']} now")
    if "browser" in about:
        found.append(browser(about["browser"]))
    if "provider" in about:
        found.append(f"through {about['provider']}")
    if "why" in about:
        found.append(about["why"].replace("_", " "))
    if "step" in about:
        found.append(_STEPS.get(about["step"], about["step"]))
    found += [about[key] for key in ("file", "address", "issuer") if key in about]
    if line.more:
        found.append(f"{line.more:,} more like it in that minute")
    return found
