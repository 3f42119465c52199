"""Sentences with gaps, filled by name from values that carry no words of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from string import Formatter
from typing import Any, NamedTuple, get_args

from dpa_core.locale.formats import count, day, listed, number


class Label(NamedTuple):
    """A code with the words that stand beside it: a record keeps the one, a sentence shows the other."""

    code: str
    words: str


def worded(codes: Any, **otherwise: str) -> dict[Any, str]:
    """The codes of a Literal, in its order, each with what a person reads for it: `report_due`, `Report due`.

    `otherwise`: the words of codes that do not read so.
    """
    return {code: otherwise.get(code) or code.replace("_", " ").capitalize() for code in get_args(codes)}


Value = str | int | date | Label | tuple[str, ...]
"""What may fill a gap. A date or time is shown as its day, a tuple as a list."""


class _Filler(Formatter):
    """`{days:day|days}` is a count with its noun, of a number or of the members of a tuple. `{audit:id}` is
    a number that names something, so written plain: `1234`. Every other gap is shown by its value's type."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """The words of one gap."""
        if format_spec == "id":
            return str(value)
        if format_spec:
            one, many = format_spec.split("|")
            return count(len(value) if isinstance(value, tuple) else value, one, many)
        return shown(value)


def shown(value: Value) -> str:
    """A value as it is read in a sentence."""
    if isinstance(value, Label):
        return value.words
    if isinstance(value, tuple):
        return listed(value)
    if isinstance(value, date):
        return day(value)
    return number(value) if isinstance(value, int) else value


def fill(template: str, parameters: Mapping[str, Any]) -> str:
    """A template with its gaps filled. KeyError where a parameter is missing."""
    return _Filler().vformat(template, (), parameters)


def gaps(template: str) -> list[str]:
    """The names of a template's gaps, in their order."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]
