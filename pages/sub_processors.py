"""Who else touches personal data, for what, where and on which footing. Clauses: 3.1(v), 3.1(vii), Sch. 2"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dpa_core.agreement import Agreement, Place, SubProcessor
from dpa_core.agreement.transfers import (
    NONE_LISTED,
    decision_for,
    labelled,
    mechanisms_at,
    serving_nowhere,
)
from dpa_core.application import CustomerFile
from dpa_core.subjects import features
from dpa_core.views import notices, sub_processors
from dpa_core.views.notices import Notice
from dpa_core.views.sub_processors import Engagement, Listed
from pages.parts import announced, charts, show, words
from pages.parts.scope import Scope
from pages.parts.words import md, note, say

PARAMETER = "sub_processor"  # names the one whose details are open, in the address
TEXT, KIND, NOW, PLACE, MECHANISM, DETAILS, TABLE, ROUND = (
    f"sub_processors.{k}" for k in ("text", "kind", "now", "place", "mechanism", "details", "table", "round")
)
CORE_CLAUSE = "Sch. 2 2.1"
EVERYONE = "Every customer (core)"  # stands in the charts where an optional one has its feature
KINDS = {"core": "Core", "optional": "Optional"}
HAPPENS = {
    "processing": "Data is processed here",
    "delivery": "Content is delivered from here",
    "access": "Data may be reached from here",
}


@dataclass(frozen=True)
class Data:
    """All sub-processors, and the one that the address names."""

    listed: list[Listed]
    wanted: str
    """What the address names, known or not; empty where it names none."""
    engagement: Engagement | None
    """What engaged the one named."""
    ahead: list[Notice]
    """What is announced for the list."""


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """The list, and the instruction behind the one whose details are open."""
    listed = sub_processors.listed(scope.file)
    wanted = st.query_params.get(PARAMETER, "")
    engaged = any(entry.sub_processor.id == wanted and entry.engaged for entry in listed)
    engagement = sub_processors.engagement(scope.file, wanted) if engaged else None
    return Data(listed, wanted, engagement, notices.ahead(scope.file))


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file = scope.file
    engaged = [entry.sub_processor for entry in data.listed if entry.engaged]
    when = f"on {words.day(file.as_of)}" if file.as_of else "now"
    show.header(
        "Sub-processors",
        f"{len(engaged)} of {words.count(len(data.listed), 'sub-processor')} engaged {when}.",
        file,
    )
    show.outside_line(features.outside_of(engaged, file.agreement))
    if sentences := [announced.sentence(n) for n in data.ahead]:
        words.bullets(":material/campaign: **Announced changes**", sentences)
        scope.link("notices", "Notices and objections", ":material/arrow_forward:")
    chosen = next((e for e in data.listed if e.sub_processor.id == data.wanted), None)
    if data.wanted and chosen is None:
        _unknown(data.wanted, file)
    _table(data.listed, data.wanted if chosen else None, file.agreement)
    _why_core(file.agreement)
    paths = _paths(data.listed, file.agreement)
    _matrix(paths)
    _flow(paths)
    show.clauses(
        ("3.1(v)", features.TRANSFER_CLAUSE, "Sch. 2 2", CORE_CLAUSE, features.CLAUSE), file.agreement
    )
    if chosen:
        _details(scope, chosen, data)


def _unknown(wanted: str, file: CustomerFile) -> None:
    st.warning(
        md(
            "There is no sub-processor “{}” in the agreement of {}. Choose one from the list.",
            wanted[:60],
            words.day(file.agreement.published),
        ),
        icon=":material/search_off:",
    )


# --- the list ------------------------------------------------------------------------------------


def _table(listed: Sequence[Listed], open_now: str | None, agreement: Agreement) -> None:
    shown = _filtered(listed, agreement)
    if not shown:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                ":material/search_off: **No sub-processor matches.** Try another word, or clear the filters."
            )
            st.button("Clear filters", on_click=_clear, icon=":material/filter_alt_off:")
        return
    ids = [entry.sub_processor.id for entry in shown]
    key = f"{TABLE}.{st.session_state.get(ROUND, 0)}"
    st.dataframe(
        _cells(shown, agreement),
        key=key,
        hide_index=True,
        height="content",
        column_config=_COLUMNS,
        on_select=lambda: _selected(key, ids),
        selection_mode=["single-row", "single-cell"],
        alt="Sub-processors with state, kind, features, places, transfer mechanisms and purpose",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        number = md("{} of {} shown. ", len(shown), len(listed)) if len(shown) < len(listed) else ""
        note("{}Select a row to open its details, or choose one by name.", number)
        names = {e.sub_processor.id: e.sub_processor.name for e in listed}
        st.session_state[DETAILS] = open_now
        st.selectbox(
            "Details of",
            list(names),
            format_func=names.__getitem__,
            key=DETAILS,
            placeholder="Choose a sub-processor",
            on_change=lambda: _open(st.session_state[DETAILS]),
            width=280,
        )


def _filtered(listed: Sequence[Listed], agreement: Agreement) -> list[Listed]:
    """The filters, and what they leave."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search", key=TEXT, placeholder="Name, feature, purpose", icon=":material/search:", width=230
        )
        kind = st.selectbox(
            "Kind",
            list(KINDS),
            index=None,
            format_func=KINDS.__getitem__,
            key=KIND,
            placeholder="Core and optional",
            width=180,
        )
        now = st.selectbox(
            "State", ["Engaged now", "Not engaged"], index=None, key=NOW, placeholder="Any", width=150
        )
        used = {location.place for e in listed for location in e.sub_processor.locations}
        place = st.multiselect(
            "Place",
            [p.name for p in agreement.places if p.id in used],
            key=PLACE,
            placeholder="Any place",
            width=190,
        )
        listed_mechanisms = {id for e in listed for id in e.sub_processor.mechanisms}
        mechanism = st.multiselect(
            "Transfer mechanism",
            [*(m.code for m in agreement.mechanisms if m.id in listed_mechanisms), NONE_LISTED],
            key=MECHANISM,
            placeholder="Any mechanism",
            width=190,
        )
    sought = text.casefold().split()
    return [
        entry
        for entry in listed
        if (kind is None or entry.sub_processor.kind == kind)
        and (now is None or entry.engaged == (now == "Engaged now"))
        and (not place or set(place) & set(_places(entry, agreement)))
        and (not mechanism or set(mechanism) & set(_mechanisms(entry, agreement)))
        and all(word in _searched(entry, agreement) for word in sought)
    ]


def _searched(entry: Listed, agreement: Agreement) -> str:
    s = entry.sub_processor
    parts = (s.name, s.purpose, s.location_wording, *(f.name for f in entry.features))
    return " ".join((*parts, *_places(entry, agreement), *_mechanisms(entry, agreement))).casefold()


def _places(entry: Listed, agreement: Agreement) -> list[str]:
    return [agreement.place(location.place).name for location in entry.sub_processor.locations]


def _mechanisms(entry: Listed, agreement: Agreement) -> list[str]:
    return [agreement.mechanism(m).code for m in entry.sub_processor.mechanisms] or [NONE_LISTED]


def _clear() -> None:
    st.session_state.update({TEXT: "", KIND: None, NOW: None, PLACE: [], MECHANISM: []})


_ENGAGED, _NOT = "✓ Engaged", "○ Not engaged"

_COLUMNS = {
    "Sub-processor": st.column_config.TextColumn(width=235),
    "Now": st.column_config.MultiselectColumn(width=125, options=[_ENGAGED, _NOT], color=["green", "gray"]),
    "Kind": st.column_config.TextColumn(width=75),
    "Features": st.column_config.TextColumn(
        width=180, help="Any of them that is on engages it (Sch. 2 2.2)."
    ),
    "Places": st.column_config.TextColumn(width=215),
    "Mechanisms": st.column_config.TextColumn(
        width=150,
        help="What makes a transfer to a third country lawful, at the place it serves (3.1(vii)). "
        "“No mechanism listed”: the agreement says N/A, which promises nothing.",
    ),
    "Purpose": st.column_config.TextColumn(width=400),
}


def _cells(shown: Sequence[Listed], agreement: Agreement) -> dict[str, list[object]]:
    rows = [
        (
            e.sub_processor.name,
            [_ENGAGED if e.engaged else _NOT],
            KINDS[e.sub_processor.kind],
            ", ".join(f.name for f in e.features) or "None: always engaged",
            show.places(e.sub_processor, agreement),
            show.mechanisms(e.sub_processor, agreement),
            e.sub_processor.purpose,
        )
        for e in shown
    ]
    return {name: [row[i] for row in rows] for i, name in enumerate(_COLUMNS)}


def _selected(key: str, ids: Sequence[str]) -> None:
    selection = st.session_state[key].selection
    rows = list(selection.rows) or [row for row, _ in selection.cells]
    _open(ids[rows[0]] if rows else None)


def _open(id: str | None) -> None:
    if id is None:
        _close()
    else:
        st.query_params[PARAMETER] = id


def _close() -> None:
    """Forget the open details, and with a new key the table's selection."""
    st.query_params.pop(PARAMETER, None)
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1


def _why_core(agreement: Agreement) -> None:
    names = words.listed([s.name for s in agreement.sub_processors if s.kind == "core"])
    if names:
        st.markdown(
            md(
                ":material/lock: **{}** is core and can’t be switched off: the service needs it, so it is "
                "engaged for every customer ({}).",
                names,
                CORE_CLAUSE,
            ),
            help=md("{}\n\n{}", show.clause("Sch. 2 2", agreement), show.clause(CORE_CLAUSE, agreement)),
        )


# --- details -------------------------------------------------------------------------------------


def _details(scope: Scope, entry: Listed, data: Data) -> None:
    name = words.plain(entry.sub_processor.name)

    @st.dialog(name, width="medium", icon=":material/account_tree:", on_dismiss=_close)
    def dialog() -> None:
        _detail(scope, entry, data)

    dialog()


def _detail(scope: Scope, entry: Listed, data: Data) -> None:
    file, s = scope.file, entry.sub_processor
    _badges(entry, file.agreement)
    if file.as_of is not None:
        note(":material/history: :orange[As it stood on {}.]", words.day(file.as_of))
    if sentences := announced.of_sub_processor(data.ahead, s.id):
        st.markdown(words.lines(sentences, "\n\n"))
    say("**Purpose:** {}", s.purpose)
    st.markdown(_standing(entry, data.engagement, file))
    if entry.features:
        points = (
            md(":material/check_circle: {}: **on**", f.name)
            if f.id in entry.on
            else md(":material/circle: {}: **off**", f.name)
            for f in entry.features
        )
        words.bullets("**Features that engage it**", points)
    _where_and_how(s, file.agreement)
    _wording(s, file)
    if s.kind == "optional":
        scope.link("features", "Switch its features", ":material/toggle_on:")


def _badges(entry: Listed, agreement: Agreement) -> None:
    s = entry.sub_processor
    with st.container(horizontal=True, gap="small"):
        show.badge(_NOW_BADGE[entry.engaged])
        show.badge(_KIND_BADGE[s.kind])
        if show.outside(s, agreement):
            partly = any(not agreement.place(location.place).third_country for location in s.locations)
            where = "Partly outside the EU and EEA" if partly else "Outside the EU and EEA"
            show.badge(show.Status(where, (":material/public:", "orange")))
        show.badge(show.Status(s.clause, (":material/gavel:", "gray")), show.clause(s.clause, agreement))


_NOW_BADGE = {
    True: show.Status("Engaged now", (":material/check_circle:", "green")),
    False: show.Status("Not engaged", (":material/circle:", "gray")),
}
_KIND_BADGE = {
    "core": show.Status("Core", (":material/lock:", "blue")),
    "optional": show.Status("Optional", (":material/toggle_on:", "gray")),
}


def _where_and_how(s: SubProcessor, agreement: Agreement) -> None:
    points = []
    for location in s.locations:
        place = agreement.place(location.place)
        name = md(":material/location_on: **{}**", place.name)
        if place.third_country:
            name = md(":material/public: **{}**, outside the EU and EEA", place.name)
        by = _here(s, place, agreement)
        more = " ".join(filter(None, (location.note, f"By {by}." if by else "")))
        points.append(md("{}. {}. {}", name, HAPPENS[location.role], more))
    words.bullets("**Places**", points)
    found = [agreement.mechanism(id) for id in s.mechanisms]
    nowhere = serving_nowhere(s, agreement)
    told = [
        md(
            "**{}**, {}. {}{}",
            m.code,
            m.name,
            m.summary,
            " Listed, though it serves none of these places." if m in nowhere else "",
        )
        for m in found
    ]
    none = [md("{}. The agreement says N/A, which promises nothing.", NONE_LISTED)]
    words.bullets("**Transfer mechanisms**", [*told, *_decisions(s, agreement)] or none)


def _here(s: SubProcessor, place: Place, agreement: Agreement) -> str:
    """The mechanisms of a transfer to one of its places; empty in the EU and EEA. Clause: 3.1(vii)"""
    return " + ".join(labelled(s, mechanisms_at(s, place, agreement)))


def _decisions(s: SubProcessor, agreement: Agreement) -> list[words.Markdown]:
    """The adequacy decisions that its transfers rest on, and for whom each is. Standard: Art. 45 GDPR"""
    law, found = agreement.chapter_v, []
    for place in dict.fromkeys(agreement.place(location.place) for location in s.locations):
        decision = decision_for(place, law)
        if decision and any(m.kind == "adequacy" for m in mechanisms_at(s, place, agreement)):
            until = f", until {words.day(decision.expires)}" if decision.expires else ""
            scope = f", for {decision.scope}" if decision.scope else ""
            stated = " It is stated that this one is." if s.recorded and s.recorded.covered else ""
            found.append(
                md(
                    "{}: adequacy decision {} of {}{}{}.{}",
                    place.name,
                    decision.decision,
                    words.day(decision.adopted),
                    until,
                    scope,
                    stated,
                )
            )
    return found


def _wording(s: SubProcessor, file: CustomerFile) -> None:
    agreement = file.agreement
    with st.container(border=True, gap="small"):
        if s in file.agreements[agreement.version].sub_processors:
            say(":material/format_quote: **In the agreement’s own words** ({})", s.clause)
        else:
            say(":material/campaign: **As announced** ({})", s.clause)
        if s.features_wording:
            note("Feature: “{}”", s.features_wording)
        note("Place: “{}”", s.location_wording)
        wording = [m.wording or m.code for m in agreement.mechanisms if m.id in s.mechanisms]
        note("Transfer mechanism: “{}”", " + ".join(wording) or "N/A")
        if s.source_note:
            note(":material/info: {}", s.source_note)


def _standing(entry: Listed, engagement: Engagement | None, file: CustomerFile) -> words.Markdown:
    """Whether it is engaged, since when and by whose instruction, or what would engage it."""
    if not entry.engaged and file.context.all_deleted:
        return md("Not engaged any more: all data is recorded as deleted.")
    if engagement and engagement.change:
        day = words.day(engagement.since)
        return md("Engaged since {}, by a change of the list: {}.", day, engagement.change)
    if entry.sub_processor.kind == "core":
        since = md(" since {}", words.day(file.state.customer.since)) if file.state.customer.since else ""
        return md(
            ":material/lock: Engaged{}, when you entered the agreement. It is core and can’t be "
            "switched off: the service cannot run without it ({}).",
            since,
            CORE_CLAUSE,
        )
    if engagement:
        return md(
            "Engaged since {}, by {} (instruction {}).",
            words.day(engagement.since),
            words.address(engagement.by),
            engagement.sequence,
        )
    if suspended := [f.name for f in entry.features if f.id in file.context.suspended]:
        return md("Not engaged: {} is suspended until an objection is settled.", words.listed(suspended))
    names = words.listed([f.name for f in entry.features], "or")
    return md("Not engaged, so it does not touch your data. Switching on {} would engage it.", names)


# --- charts --------------------------------------------------------------------------------------


def _paths(listed: Sequence[Listed], agreement: Agreement) -> tuple[charts.Path, ...]:
    """Every way from a feature through a sub-processor to a place."""
    return tuple(
        charts.Path(
            feature=name,
            sub_processor=_short(entry.sub_processor.name),
            place=show.place(location, agreement),
            now=on,
            role=HAPPENS[location.role],
            mechanisms=show.mechanisms(entry.sub_processor, agreement),
            here=_here(entry.sub_processor, agreement.place(location.place), agreement),
            clause=entry.sub_processor.clause,
        )
        for name, on, entry in _pairs(listed, agreement)
        for location in entry.sub_processor.locations
    )


def _pairs(listed: Sequence[Listed], agreement: Agreement) -> list[tuple[str, bool, Listed]]:
    core = [(EVERYONE, True, e) for e in listed if e.sub_processor.kind == "core"]
    return core + [
        (f.name, f.id in e.on, e)
        for f in agreement.features
        for e in listed
        if f.id in e.sub_processor.features
    ]


def _short(name: str) -> str:
    """The abbreviation that a long name ends with: `AWS` for `Amazon Web Services, Inc. (AWS)`."""
    head, _, last = name.rpartition(" (")
    return last.removesuffix(")") if len(head) > 20 and last.endswith(")") else name


_KEY = (
    ":small[● filled, heavier text: **engaged now** · ○ hollow: only if the feature is switched on]",
    ":small[● filled, solid line, heavier text: **engaged now** · ○ hollow, dashed line: only if the "
    "feature is switched on]",
)


def _matrix(paths: tuple[charts.Path, ...]) -> None:
    st.subheader("Which feature engages whom", anchor=False)
    chart, table = st.tabs(["Chart", "As a table"], key="sub_processors.matrix")
    with chart:
        st.markdown(_KEY[0])
        st.vega_lite_chart(charts.matrix(paths), alt=charts.matrix_in_words(paths))
    with table:
        state = {(p.feature, p.sub_processor): "● Now" if p.now else "○ If on" for p in paths}
        rows, columns = dict.fromkeys(p.feature for p in paths), dict.fromkeys(p.sub_processor for p in paths)
        st.dataframe(
            {"Feature": list(rows), **{c: [state.get((r, c), "") for r in rows] for c in columns}},
            hide_index=True,
            height="content",
            column_config={
                "Feature": st.column_config.TextColumn(pinned=True),
                **{c: st.column_config.TextColumn(width=max(80, 9 * len(c))) for c in columns},
            },
            alt="Features against sub-processors",
        )


def _flow(paths: tuple[charts.Path, ...]) -> None:
    st.subheader("Where each feature sends data", anchor=False)
    chart, table = st.tabs(["Chart", "As a table"], key="sub_processors.flow")
    with chart:
        st.markdown(_KEY[1])
        # A row that does not wrap scrolls inside itself where the screen is narrower than the chart.
        with st.container(horizontal=True, wrap=False):
            st.vega_lite_chart(charts.flow(paths), width="content", alt=charts.flow_in_words(paths))
    with table:
        st.dataframe(
            {
                "Feature": [p.feature for p in paths],
                "Sub-processor": [p.sub_processor for p in paths],
                "Place": [p.place for p in paths],
                "Now": [[_ENGAGED if p.now else _NOT] for p in paths],
                "What happens there": [p.role for p in paths],
                "Mechanisms": [p.here for p in paths],
                "Clause": [p.clause for p in paths],
            },
            hide_index=True,
            height="content",
            column_config={
                "Feature": st.column_config.TextColumn(width=165),
                "Sub-processor": st.column_config.TextColumn(width=150),
                "Place": st.column_config.TextColumn(width=210),
                "Now": _COLUMNS["Now"],
            },
            alt="Ways from feature through sub-processor to place",
        )
