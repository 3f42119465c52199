"""Usage figures on the desk: read from a file, seen before they are stored, taken out again. Sch. 1 2"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import streamlit as st

from dpa_core.application import ALL
from dpa_core.usage import UsageChange, UsageChoice, UsageError, read_usage
from pages.parts import actions, connection, customers, uploads, words
from pages.parts.scope import Scope
from pages.parts.words import md

_DONE = "usage.done"


def draw(scope: Scope) -> None:
    """Both forms, folded away until they are wanted."""
    with st.expander("Usage figures", icon=":material/query_stats:"):
        if done := st.session_state.pop(_DONE, None):
            st.success(words.plain(done), icon=":material/task_alt:")
        bring, take = st.tabs(["Import a file", "Remove rows"], key="usage.tab", on_change="rerun")
        if bring.open:
            with bring:
                _import(scope)
        if take.open:
            with take:
                _remove(scope)


def _import(scope: Scope) -> None:
    # A new key empties the field once a file is stored.
    turn = st.session_state.setdefault("usage.turn", 0)
    key, gone = connection.uploader(f"usage.file.{turn}")
    file = st.file_uploader(
        "Monthly figures (CSV)",
        type=["csv", "txt"],
        key=key,
        help="Columns: customer, data_type, month (as 2026-11), records, bytes. Nothing is stored before "
        "you confirm.",
    )
    if file is None:
        uploads.tell_gone(gone, key)
        return
    figures = _read(scope, file.getvalue())
    if figures is None:
        return
    changes = actions.attempt(lambda: scope.application.usage_change(scope.file.person, figures))
    if changes is None:
        return
    _preview(changes)
    rows = words.count(figures.num_rows, "row")
    if not st.button(md("Store {}", rows), type="primary", key="usage.store"):
        return
    stored = actions.attempt(lambda: scope.application.import_usage(scope.file.person, figures))
    if stored is not None:
        st.session_state["usage.turn"] = turn + 1
        _done(md("{} stored.", rows))


def _read(scope: Scope, content: bytes) -> pa.Table | None:
    """The figures; None, and each problem by its row on screen, where they are not taken."""
    application = scope.application
    known = [id for id, _ in application.directory(scope.file.person, limit=ALL)]
    with TemporaryDirectory(prefix="dpa-usage-") as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(content)
        try:
            latest = words.local_day(application.clock.now())
            return read_usage(path, known, _types(scope), latest=latest)
        except UsageError as error:
            st.error("Nothing was stored.", icon=":material/error:")
            for problem in error.problems:
                st.text(problem)
    return None


def _types(scope: Scope) -> list[str]:
    """The data types of every version of the agreement."""
    versions = scope.application.agreements.values()
    return sorted({t.id for version in versions for t in version.retention.data_types})


def _preview(changes: list[UsageChange]) -> None:
    replaced = sum(change.replaced for change in changes)
    what = md("{} will be replaced", words.count(replaced, "row")) if replaced else md("none is replaced")
    st.markdown(md("**{}**, {}.", words.count(len(changes), "customer"), what))
    st.dataframe(
        {
            "Customer": [change.customer_id for change in changes],
            "From": [words.month(change.first) for change in changes],
            "To": [words.month(change.last) for change in changes],
            "Rows": [change.rows for change in changes],
            "Replaced": [change.replaced for change in changes],
            "Records": [change.records for change in changes],
            "Size": [words.size(change.bytes) for change in changes],
        },
        hide_index=True,
        key="usage.preview",
        alt="What the file holds, a customer a row: months, rows, rows replaced, records and size",
    )


def _remove(scope: Scope) -> None:
    application, person = scope.application, scope.file.person
    chosen = _chosen(scope)
    if chosen == UsageChoice():
        st.caption("Name a customer, a data type or months, and see how many rows they have.")
        return
    try:
        number = actions.attempt(lambda: application.count_usage(person, chosen))
    except UsageError as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    if not number:
        st.caption("There are no such rows.")
        return
    rows = words.count(number, "row")
    st.warning(
        md("{} would go. The desk keeps no copy; the file they came from can be imported again.", rows),
        icon=":material/delete_forever:",
    )
    if st.button(md("Remove {}", rows), type="primary", key="usage.remove"):
        removed = actions.attempt(lambda: application.remove_usage(person, chosen))
        if removed is not None:
            _done(md("{} removed.", words.count(removed, "row")))


def _chosen(scope: Scope) -> UsageChoice:
    known = dict(scope.application.directory(scope.file.person, limit=ALL))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        customer = customers.one("usage.customer", known)
        data_type = st.selectbox(
            "Data type", ["", *_types(scope)], format_func=lambda id: id or "All", key="usage.type", width=200
        )
        first = st.text_input("From month", placeholder="2026-01", key="usage.first", width=130)
        last = st.text_input("To month", placeholder="2026-03", key="usage.last", width=130)
    return UsageChoice(customer, data_type, first.strip(), last.strip())


def _done(sentence: words.Markdown) -> None:
    st.session_state[_DONE] = sentence
    st.rerun()
