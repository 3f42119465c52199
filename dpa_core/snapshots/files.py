"""A snapshot as a file, in each of its formats."""

from __future__ import annotations

from collections.abc import Callable

from dpa_core.downloads import File
from dpa_core.snapshots import pdf, sheets
from dpa_core.snapshots.model import Snapshot
from dpa_core.snapshots.sign import KeyRing

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_FORMATS: dict[str, tuple[str, str, Callable[[Snapshot, KeyRing], bytes]]] = {
    "pdf": ("pdf", "application/pdf", lambda snapshot, keys: pdf.render(snapshot, keys.sign(snapshot))),
    "json": ("json", "application/json", lambda snapshot, keys: keys.sign(snapshot)),
    "xlsx": ("xlsx", _XLSX, lambda snapshot, _: sheets.xlsx(snapshot)),
    "csv": ("csv.zip", "application/zip", lambda snapshot, _: sheets.csv_zip(snapshot)),
}
FORMATS = tuple(_FORMATS)


def make(snapshot: Snapshot, keys: KeyRing, format: str) -> File:
    """The file in one of `FORMATS`. KeyError for another."""
    ending, media_type, build = _FORMATS[format]
    name = f"dpa-snapshot-{snapshot.customer.id}-{snapshot.as_at.isoformat()}.{ending}"
    return File(name, media_type, build(snapshot, keys))
