"""Taking, downloading and comparing snapshots, as several pages do. Standard: Art. 28(3)(h) GDPR"""

from __future__ import annotations

from datetime import date
from functools import partial

import pandas as pd
import streamlit as st

from dpa_core.application import CustomerFile
from dpa_core.clock import end_of
from dpa_core.downloads import File
from dpa_core.snapshots import files
from dpa_core.snapshots.diff import Change
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import snapshots
from dpa_core.subjects.snapshots import RecordSnapshot
from dpa_core.views import history
from dpa_core.views.snapshots import OnFile
from pages.parts import download, show, words
from pages.parts.scope import Scope
from pages.parts.words import md, say

FORMATS = {"pdf": "PDF", "json": "JSON", "xlsx": "Excel", "csv": "CSV"}


def command(scope: Scope, day: date) -> RecordSnapshot:
    """Freeze the customer at the end of a day, to be put on file. Raises Forbidden, Refusal."""
    file = scope.file
    then = scope.application.open(file.person, file.customer_id, end_of(day, scope.application.clock.now()))
    return RecordSnapshot(day, then.now, then.sequence, freeze(then).digest)


def buttons(scope: Scope, snapshot: OnFile) -> None:
    """Choose a format, and download."""
    key = f"download_{snapshot.sequence}"
    format = st.segmented_control(
        "Format",
        list(FORMATS),
        default="pdf",
        required=True,
        format_func=lambda f: FORMATS[f],
        key=f"{key}_format",
    )
    download.button(scope, f"Download {FORMATS[format]}", partial(_file, scope, snapshot, format), key=key)


def _file(scope: Scope, snapshot: OnFile, format: str) -> File:
    """The snapshot made anew from the ledger; it comes out the same, or is not handed over."""
    file = scope.file
    frozen = freeze(scope.application.reopen(file.person, file.customer_id, snapshot.upto, snapshot.moment))
    if frozen.digest != snapshot.digest:
        raise snapshots.refuse("comes_out_otherwise", snapshots.CLAUSE)
    return files.make(frozen, scope.keys, format)


def changes(found: list[Change], before: str, after: str) -> None:
    """What differs, side by side."""
    if not found:
        say(":material/task_alt: Nothing differs between {} and {}.", before, after)
        return
    say("**{}** between {} and {}", words.count(len(found), "difference"), before, after)
    st.dataframe(
        pd.DataFrame(
            {
                "Part": [c.part for c in found],
                "What": [c.what for c in found],
                before: [c.before for c in found],
                after if after != before else f"{after} ": [c.after for c in found],
                "Who": [c.by for c in found],
                "When": [words.day(c.at) if c.at else "" for c in found],
                "Instruction": [str(c.instruction or "") for c in found],
            }
        ),
        hide_index=True,
        alt="What differs: part, what, before, after, who did it, when and under which instruction",
    )


def between(old: CustomerFile, new: CustomerFile) -> None:
    """The entries of the history after one moment and up to another, folded away."""
    events = new.reader.events(after=old.sequence, upto=new.sequence)
    with st.expander(md("{} of the history between the two", words.count(len(events), "entry", "entries"))):
        for i in history.in_words(events, new):
            say("{}. {} · {} · {}", i.sequence, i.what, words.day(i.recorded_at), words.address(i.actor))
            show.quoted(i.reason)
