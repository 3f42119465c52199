"""A person's own sign-ins, as a person reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import ua_parser

from dpa_core.access import Person
from dpa_core.application import Application


@dataclass(frozen=True)
class SignIn:
    """One sign-in that counts. Times in UTC."""

    id: str
    browser: str
    provider: str
    began: datetime
    ends: datetime
    is_this: bool
    """Whether it is the one by which the person is here."""


def own(application: Application, person: Person) -> list[SignIn]:
    """The person's own sign-ins, this one first, then the newest. Raises SignInAgain."""
    found = [
        SignIn(s.id, browser(s.browser), s.provider, s.began, s.ends, s.id == person.session_id)
        for s in application.sessions_of(person)
    ]
    return sorted(found, key=lambda s: not s.is_this)


def browser(agent: str) -> str:
    """What a browser says of itself, in words: `Chrome on Windows`. It may say anything."""
    found = ua_parser.parse(agent)
    name = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return " on ".join(part for part in (name, system) if part) or "An unknown browser"
