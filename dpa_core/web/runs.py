"""Watches every run of the page script: gives it a number for the log, and counts and times it.

Streamlit has no place for this: what runs before the script are callbacks of widgets, and a run of a part
alone (a dialog) never comes by `app.py`.
"""

from __future__ import annotations

import time
from functools import wraps
from typing import Any

from cachetools import LRUCache
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

from dpa_core import logs, metrics

_KEPT = ("session", "person", "customer", "page")


def watch() -> None:
    """Watch from now on; once for a process."""
    run: Any = ScriptRunner._run_script
    if hasattr(run, "__wrapped__"):
        return
    known: LRUCache[str, dict[str, str]] = LRUCache(20_000)

    @wraps(run)
    def watched(self: Any, rerun_data: Any) -> None:
        # A run of a part is about what the last run of its whole page was about.
        with logs.request(known.get(self._session_id)) as about, metrics.RUNNING.track_inprogress():
            began = time.perf_counter()
            try:
                run(self, rerun_data)
            finally:
                kind = "part" if rerun_data.fragment_id_queue else "page"
                page = about.get("page", "none")
                metrics.RUNS.labels(page, kind).observe(time.perf_counter() - began)
                known[self._session_id] = {name: about[name] for name in _KEPT if name in about}

    ScriptRunner._run_script = watched  # type: ignore[method-assign]
