"""Dates, numbers and names as a person reads them on a page; `dpa_core.locale` spells them.

Streamlit takes most of its text for Markdown, where what somebody typed could load a picture from any server,
make a link or an icon, or read otherwise than typed. So a page gives Streamlit constants and `Markdown` only:
`md` makes it of a constant with typed text filled in, `plain` of typed text alone.

Markdown, in Streamlit 1.67:
- the text of `markdown`, `caption`, `title`, `header`, `subheader`, `badge`, `toast`, of alerts (`info`,
  `success`, `warning`, `error`), `spinner`, `progress`;
- labels of all widgets, expanders, tabs, links and metrics, a metric's value and delta, titles of dialogs;
- `help` everywhere, also in `column_config`;
- options and captions of `radio`, options of `pills`, `segmented_control` and `menu_button`;
- every header and cell of `table`.

Plain, so typed text goes there as it is:
- `text`, `code`, `placeholder`, `alt`, what is in a field (`value`), the titles of pages;
- options of `selectbox`, `multiselect` and `select_slider`;
- headers and cells of `dataframe`, labels in `column_config`, and the rows, axes and tooltips of charts: Vega
  makes links of the channel `href` alone, and its tooltip escapes what it shows.

`tests/pages/test_text.py` holds the pages to this.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import streamlit as st

from dpa_core import locale
from dpa_core.locale import STOCKHOLM as STOCKHOLM
from dpa_core.locale import last_day as last_day
from dpa_core.locale import listed as listed
from dpa_core.locale import local_day as local_day
from dpa_core.locale import to_the_minute as to_the_minute

if TYPE_CHECKING:
    from dpa_core.application import CustomerFile, ProviderFile

_P = ParamSpec("_P")


class Markdown(str):
    """Text that Streamlit may take for Markdown: constants, and what somebody typed only if escaped."""

    __slots__ = ()


class _Filled(string.Formatter):
    """Fills gaps with text that is escaped, unless it is Markdown already."""

    def format_field(self, value: object, format_spec: str) -> str:
        return plain(value if isinstance(value, str) else format(value, format_spec))


def md(template: str, *typed: object, **named: object) -> Markdown:
    """`md("**{}** is on", name)`: Markdown, with whatever fills a gap shown exactly as typed.

    `template`: a constant. What fills its gaps may be `Markdown`, which goes in as it is.
    """
    return Markdown(_Filled().vformat(template, typed, named))


def say(template: str, *typed: object) -> None:
    """A paragraph of Markdown, filled as `md` does."""
    st.markdown(md(template, *typed))


def note(template: str, *typed: object) -> None:
    """The same, small."""
    st.caption(md(template, *typed))


def icon(name: str) -> Markdown:
    """An icon of ours within text, by the name that Streamlit has for it: `:material/lock:`."""
    if not re.fullmatch(r":material/\w+:", name):
        raise ValueError(f"{name!r} names no icon")
    return Markdown(name)


def bullets(head: str, points: Iterable[str]) -> None:
    """A list under its head. `head`: a constant, or Markdown."""
    st.markdown(lines([Markdown(head), *(md("- {}", point) for point in points)]))


def lines(parts: Iterable[str], between: str = "\n") -> Markdown:
    """Lines of Markdown as one text. `between`: a constant; `"  \\n"` breaks the line within a paragraph."""
    return Markdown(between.join(plain(part) for part in parts))


# --- escaping ------------------------------------------------------------------------------------

_SEAM = ":small[]"
"""Parts a text and shows nothing: an element without content.

What Streamlit looks for once Markdown is read (addresses, e-mail, icons, emoji, arrows) no backslash stops.
"""
_SPECIAL = re.compile(
    r"(?P<seam>(?<=[<>~-])(?=[>=-])|(?=@)|(?=://)|(?<=(?i:www))(?=\.))"
    r"|(?P<colon>:(?=[\w+/-]+(?::|$)))"
    r"|(?P<number>^\d{1,9}(?=[.)](?:\s|$)))"
    r"|[\\`*\[\]{}<>$~|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=[#\w]|\Z)|:(?=[A-Za-z:@]|\Z)|!\Z"
    r"|^[#+=:-]",
    re.MULTILINE,
)
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
"""Letters, marks and symbols that show nothing."""


def plain(text: str) -> Markdown:
    """What somebody typed, so that Streamlit shows it exactly as typed; Markdown is given back as it is.

    Lines stay lines, without the empty ones between them, which would end what the text stands in.
    """
    if isinstance(text, Markdown):
        return text
    kept = re.sub(r"\s*\n\s*", "\n", visible(text).strip())
    return Markdown(_SPECIAL.sub(_escaped, kept).replace("\n", "  \n"))


def _escaped(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "seam":
            return _SEAM
        case "colon":
            return f"\\:{_SEAM}"
        case "number":
            return f"{found[0]}\\"
        case _:
            return f"\\{found[0]}"


def visible(text: str) -> str:
    """Text with its control, direction and zero-width characters shown by number, as `[U+202E]`.

    Taken away, two names that differ would look the same; left in, they can turn around what stands beside
    them. What Persian, Indian scripts and emoji need to join their letters stays where they do.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return re.sub(r"[^ -~\n]", _shown, text)


def _shown(found: re.Match[str]) -> str:
    character, text, at = found[0], found.string, found.start()
    script = "\u02ff"  # the last character of the Latin blocks
    before, after = text[at - 1 : at] > script, text[at + 1 : at + 2] > script
    if character in "\u200c\u200d":
        hidden = not (before and after)
    elif "\ufe00" <= character <= "\ufe0f":
        hidden = not before
    else:
        hidden = character in _BLANK or unicodedata.category(character) in _HIDDEN
    return f"[U+{ord(character):04X}]" if hidden else character


_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


# --- what several pages say ----------------------------------------------------------------------


def _ours(spell: Callable[_P, str]) -> Callable[_P, Markdown]:
    """What the locale spells holds no typed text."""

    @wraps(spell)
    def spelled(*of: _P.args, **more: _P.kwargs) -> Markdown:
        return Markdown(spell(*of, **more))

    return spelled


clock_time = _ours(locale.clock_time)
count = _ours(locale.count)
day = _ours(locale.day)
day_of_year = _ours(locale.day_of_year)
deadline = _ours(locale.deadline)
deadline_and_distance = _ours(locale.deadline_and_distance)
deadline_hour = _ours(locale.deadline_hour)
distance = _ours(locale.distance)
duration = _ours(locale.duration)
minute = _ours(locale.minute)
money = _ours(locale.money)
month = _ours(locale.month)
part = _ours(locale.part)
size = _ours(locale.size)


def day_and_distance(at: datetime, now: datetime) -> Markdown:
    """`23 Nov 2026 (in 30 days)`."""
    return md("{} ({})", day(at), distance(at, now))


def address(email: str) -> Markdown:
    """An e-mail address, or any actor, as typed and not as a link to a mail program."""
    if email == "operator":
        return Markdown("the provider’s operator")
    return Markdown(f"`{visible(email).replace('`', '')}`")


def person(file: CustomerFile | ProviderFile, actor: str | None) -> Markdown:
    """The actor of an entry, as known at the moment looked at."""
    return address(file.who(actor or ""))


def cell(text: str) -> str:
    """Text for a table that can be downloaded: nothing a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
