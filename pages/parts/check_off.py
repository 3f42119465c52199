"""Check the files of a return off: by hand, or by a folder that the browser compares with the manifest.

The folder is read by `client/checking.js` on the customer's machine and not uploaded. Clause: 3.1(xi)
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from pydantic import BaseModel, ValidationError

from dpa_core.subjects.data_return import Item
from pages.parts import actions, client, words
from pages.parts.words import md, say

MOST_IN_BROWSER = 5_000
"""Files of a manifest that are handed to a browser."""
MOST_BY_HAND = 20
"""Files with a box of their own."""

_WORDS = {
    "label": "Choose the folder you received; this browser compares it, and uploads nothing",
    "reading": "Comparing file",
    "insecure": "Your browser compares files on pages served by HTTPS only. Use the script on the page.",
}
_DIFFERENCES = {
    "missing": "is not in the folder",
    "extra": "is not in the manifest",
    "size": "has another size",
    "content": "has the same size, but other content (SHA-256 differs)",
    "too_large": "is too large for a browser: use the script on the page",
    "unreadable": "cannot be read by this browser",
}


class Found(BaseModel):
    """What the browser found: names of files that match, those that differ and how, and how many differ."""

    matching: frozenset[str] = frozenset()
    differing: list[tuple[str, str]] = []
    number: int = 0


def draw(form: actions.Form, items: Sequence[Item]) -> frozenset[str]:
    """The files with sizes and SHA-256, and the ways to check them; the names of those that are checked."""
    rows = [{"File": i.name, "Size": words.size(i.size), "SHA-256": i.sha256} for i in items]
    st.dataframe(rows, hide_index=True, key=form.key("files"), alt="The files of the return")
    names = frozenset(i.name for i in items)
    found = _by_browser(form, items)
    matching = found.matching & names
    if matching:
        say(
            ":material/task_alt: **{} of {} {} in name, size and SHA-256.**",
            f"{len(matching):,}",
            words.count(len(names), "file"),
            "matches" if len(matching) == 1 else "match",
        )
    if found.number:
        points = (md("**{}** {}", name, _DIFFERENCES.get(how, how)) for name, how in found.differing)
        words.bullets(":material/report: **What differs:**", points)
        if more := found.number - len(found.differing):
            say("And {} more.", f"{more:,}")
    return matching | _by_hand(form, [i.name for i in items if i.name not in matching])


def _by_browser(form: actions.Form, items: Sequence[Item]) -> Found:
    if len(items) > MOST_IN_BROWSER:
        st.caption("These are too many files for a browser: check the folder with the script on the page.")
        return Found()
    told = client.run(
        "checking",
        key=form.key("checking"),
        data={"files": [[i.name, i.size, i.sha256] for i in items], "words": _WORDS},
        default={"found": {}},
        on_found_change=lambda: None,
    ).found
    try:
        return Found.model_validate(told)
    except ValidationError:  # no page of ours tells such a thing
        return Found()


def _by_hand(form: actions.Form, names: Sequence[str]) -> frozenset[str]:
    if not names:
        return frozenset()
    st.markdown("Or check off by yourself each file that is there and matches its SHA-256:")
    if len(names) > MOST_BY_HAND:
        every = st.checkbox(md("All {:,} files match", len(names)), key=form.key("all"))
        return frozenset(names if every else ())
    return frozenset(
        name for name in names if st.checkbox(words.plain(name), key=form.key(f"file_{words.plain(name)}"))
    )
