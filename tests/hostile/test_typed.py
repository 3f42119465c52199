"""Hostile texts in every free-text field, seen by every role on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from dpa_core import access
from dpa_core.subjects.grants import ROLES, GrantAccess, Role
from tests.conftest import NOW, email
from tests.hostile.typed import ROWS, everywhere
from tests.pages import LISTED, visit

MARKDOWN = frozenset({"body", "label", "help", "captions", "delta"})
"""Fields of Streamlit's messages that it takes for Markdown."""
PLAIN = frozenset({"Text"})
"""Messages whose fields of these names it shows as they are."""


RAW = [re.compile(rf"(?<!\\){re.escape(raw)}") for raw in ROWS.values()]
"""What must not stand there, unless a backslash takes its meaning away."""


def markdown(message: Message) -> Iterator[str]:
    """All text of an element that Streamlit takes for Markdown."""
    for field, value in message.ListFields():
        values: list[Any] = list(value) if hasattr(value, "append") or hasattr(value, "add") else [value]
        for one in values:
            if isinstance(one, Message):
                yield from markdown(one)
            elif isinstance(one, str) and field.name in MARKDOWN and message.DESCRIPTOR.name not in PLAIN:
                yield one


@pytest.fixture
def hostile(application, people):
    everywhere(application, access.operator(NOW), email("anna"), email("eva"))
    for name, role in (("clara", "customer_reader"), ("david", "account_manager")):
        application.change_access(people.eva, GrantAccess(email(name), role, "hostile"))
    return application


WHO: dict[Role, str] = dict(zip(ROLES, ("anna", "clara", "david", "eva"), strict=True))


@pytest.mark.parametrize("role", WHO)
def test_what_was_typed_is_markdown_nowhere(hostile, role):
    person = hostile.person(email(WHO[role]))
    assert person.role_for("hostile") == role
    seen = 0
    for page in LISTED:
        if (page == "portfolio" and not person.is_provider) or (
            page in ("desk", "access_log") and role != "privacy_officer"
        ):
            continue
        at = visit(page, hostile, person, "hostile")
        assert not at.exception, (page, at.exception)
        for element in at._tree:
            proto = getattr(element, "proto", None)
            for text in markdown(proto) if isinstance(proto, Message) else ():
                seen += "evil" in text
                found = [raw for raw in RAW if raw.search(f" {text} ")]
                assert not found, (page, found, text)
    assert seen > 20
