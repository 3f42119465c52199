"""Documents as PDF, and the script that checks a received folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

from dpa_core.downloads import File
from dpa_core.subjects.data_return import Item

_EMPTY = 'MANIFEST = "[]"'


def check_script(order: int, items: Sequence[Item]) -> File:
    """A Python script that compares a folder with the manifest inside it. `order`: its number.

    Whatever a file is called, the manifest is one text constant of the script, in ASCII. Clause: 3.1(xi)
    """
    script = (resources.files(__package__) / "check_return.py").read_text("utf-8")
    manifest = json.dumps(json.dumps([[i.name, i.size, i.sha256] for i in items]))
    content = script.replace(_EMPTY, f"MANIFEST = {manifest}", 1)
    return File(f"check-return-{order}.py", "text/x-python", content.encode())
