"""Texts that people type: how long each may be, and what is said of one that is missing or too long."""

from __future__ import annotations

from dpa_core.locale import Label
from dpa_core.subjects.common import Refusals

MAX_REASON = 2_000
"""Characters a reason may have."""
MAX_TEXT = 8_000
"""Characters of a message or another longer text."""
MAX_TITLE = 200

TEXTS: dict[str, str] = {
    "agreed_where": "How the files reach the customer",
    "auditor": "The auditor’s name",
    "cause": "The cause",
    "consequences": "The account of the consequences",
    "contact": "The contact",
    "correction": "What was wrong",
    "cure": "The cure",
    "description": "What is needed",
    "finding": "A finding’s title",
    "ground": "The ground in law",
    "grounds": "The grounds",
    "law": "The law or rule",
    "measures": "The account of the measures",
    "message": "The message",
    "mismatch": "What does not match",
    "name": "The name",
    "nature": "The account of what happened",
    "new_place": "The new place",
    "numbers": "The account of the numbers",
    "opinion": "The opinion",
    "purpose": "The purpose",
    "remedy": "What was done",
    "scope": "The scope",
    "title": "The title",
}
"""Texts that a person types, as a refusal begins with them."""

refuse_text = Refusals("common")


def checked_reason(reason: str, *, required_by: str | None = None) -> str:
    """The reason without blanks around it. Refused when too long, or missing where a clause asks for it.

    `required_by`: the clause that asks for a reason; None where it is optional.
    """
    text = reason.strip()
    if len(text) > MAX_REASON:
        clause = required_by or "Art. 28(3)(a) GDPR"
        raise refuse_text("reason_too_long", clause, "reason", length=len(text), limit=MAX_REASON)
    if required_by and not text:
        raise refuse_text("reason_missing", required_by, "reason")
    return text


def checked_text(
    text: str, what: str, clause: str, field: str | None = None, *, limit: int = MAX_TEXT
) -> str:
    """A text that must be there, without blanks around it.

    `what`: which one, a code of `TEXTS`. `field`: the command's field, where it is called otherwise.
    """
    text, name = text.strip(), Label(what, TEXTS[what])
    if not text:
        raise refuse_text("text_missing", clause, field or what, what=name)
    if len(text) > limit:
        raise refuse_text("text_too_long", clause, field or what, what=name, length=len(text), limit=limit)
    return text
