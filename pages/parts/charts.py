"""Charts of where data goes. All colours come from Streamlit's theme; what is engaged now also differs in
shape: filled marks, solid lines and heavier text, against hollow marks and dashed lines.

A chart comes as the Vega-Lite specification that Altair makes of it. Altair checks every part against its
schema, which takes a tenth of a second, so charts are kept: they depend on nothing but the paths.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypedDict

import altair as alt

_WIDE = 1000  # pixels the flow needs to be read; a narrow screen scrolls it inside its own box
_TALL = 1000  # height of the flow's own scale
_LEFT, _BOX, _RIGHT = 0.0, (0.35, 0.65), 1.0  # where the flow's three columns stand, from 0 to 1
_GAP = 0.011  # between a round mark's middle and its lines
_OFF = 0.8  # opacity of what is not engaged
_NOW = "Engaged"
_STATE = {True: _NOW, False: "Not engaged"}

inline: Callable[..., alt.Data] = alt.Data
"""Rows that stay where a chart names them: `inline(values=rows)`."""


class _Look(TypedDict):
    """How the names on an axis look."""

    labelColor: str
    labelFontSize: int
    labelOverlap: bool
    labelLimit: int
    labelPadding: int
    grid: bool
    title: None


class _Names(_Look):
    """The nodes of a column as the labels of an axis."""

    values: list[int]
    labelExpr: str
    labelFontWeight: dict[str, Any]


def _look(*, limit: int, grid: bool) -> _Look:
    """In the page's own text colour, light or dark: the theme's is too faint for names that matter."""
    return _Look(
        labelColor="currentColor",
        labelFontSize=13,
        labelOverlap=False,
        labelLimit=limit,
        labelPadding=6,
        grid=grid,
        title=None,
    )


@dataclass(frozen=True)
class Path:
    """One way data takes, or could take: from a feature through a sub-processor to a place."""

    feature: str
    sub_processor: str
    place: str
    now: bool
    role: str
    mechanisms: str
    """Of the sub-processor."""
    here: str
    """Those of them that serve this place."""
    clause: str


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _tooltip(*fields: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{f}:N", title=f) for f in (*fields, "Now", "Clause")]


def _facts(path: Path) -> dict[str, str]:
    return {
        "Feature": path.feature,
        "Sub-processor": path.sub_processor,
        "Transfer mechanisms": path.mechanisms,
        "Now": _STATE[path.now],
        "Clause": path.clause,
    }


def _heavy(values: Iterable[object]) -> dict[str, Any]:
    """Heavier text for these values of an axis."""
    test = f"indexof({json.dumps(list(values))}, datum.value) >= 0"
    return {"condition": {"test": test, "value": 700}, "value": 400}


# --- matrix --------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def matrix(paths: tuple[Path, ...]) -> dict[str, Any]:
    """A mark where a feature engages a sub-processor: filled if it does now, hollow if it would."""
    cells: dict[tuple[str, str], Path] = {}
    for p in paths:
        cells.setdefault((p.feature, p.sub_processor), p)
    rows = [_facts(p) for p in cells.values()]
    features, sub_processors = (
        _in_order(p.feature for p in paths),
        _in_order(p.sub_processor for p in paths),
    )
    common = _look(limit=190, grid=True)
    x = alt.X(
        "Sub-processor:N",
        sort=sub_processors,
        scale=alt.Scale(domain=sub_processors),
        axis=alt.Axis(
            orient="top",
            labelAngle=-90,
            labelFontWeight=_heavy(_in_order(p.sub_processor for p in paths if p.now)),
            **common,
        ),
    )
    y = alt.Y(
        "Feature:N",
        sort=features,
        scale=alt.Scale(domain=features),
        axis=alt.Axis(labelFontWeight=_heavy(_in_order(p.feature for p in paths if p.now)), **common),
    )
    tooltip = _tooltip("Feature", "Sub-processor")
    now = [r for r in rows if r["Now"] == _NOW]
    could = [r for r in rows if r["Now"] != _NOW]
    spec: dict[str, Any] = (
        alt.layer(
            alt.Chart(inline(values=could))
            .mark_point(size=130, strokeWidth=1.5, opacity=_OFF, filled=False)
            .encode(x=x, y=y, tooltip=tooltip),
            alt.Chart(inline(values=now))
            .mark_point(size=190, opacity=1, filled=True)
            .encode(x=x, y=y, tooltip=tooltip),
        )
        .properties(height=30 * len(features) + 140)
        .configure_view(strokeWidth=0)
        .to_dict()
    )
    return spec


def matrix_in_words(paths: Sequence[Path]) -> str:
    """The matrix for whoever does not see it."""
    engaged = [
        f"{feature}: {', '.join(_in_order(p.sub_processor for p in paths if p.now and p.feature == feature))}"
        for feature in _in_order(p.feature for p in paths if p.now)
    ]
    return (
        f"Matrix of {len(_in_order(p.feature for p in paths))} features against "
        f"{len(_in_order(p.sub_processor for p in paths))} sub-processors. "
        f"Engaged now, by feature: {'; '.join(engaged)}. All else is not engaged."
    )


# --- flow ----------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def flow(paths: tuple[Path, ...]) -> dict[str, Any]:
    """Lines from features through sub-processors to places: solid where data goes now, dashed where it
    would."""
    left = _column([(p.feature, p.now) for p in paths])
    middle = _column([(p.sub_processor, p.now) for p in paths])
    right = _column([(p.place, p.now) for p in paths])
    to_sub_processor: dict[tuple[int, int], bool] = {}
    to_place: dict[tuple[int, int], bool] = {}
    for p in sorted(paths, key=lambda p: p.now):  # what is engaged now replaces what is not
        to_sub_processor[left[p.feature].y, middle[p.sub_processor].y] = p.now
        to_place[middle[p.sub_processor].y, right[p.place].y] = p.now
    spec: dict[str, Any] = (
        alt.layer(
            *_lines(to_sub_processor, _LEFT + _GAP, _BOX[0]),
            *_lines(to_place, _BOX[1], _RIGHT - _GAP),
            *_boxes(middle, paths),
            *_dots(left, _LEFT, "Feature", alt.Axis(orient="left", **_labels(left))),
            *_dots(right, _RIGHT, "Place", alt.Axis(orient="right", **_labels(right))),
        )
        .resolve_axis(y="independent")
        .properties(width=_WIDE, height=42 * len(middle) + 20)
        .configure_view(strokeWidth=0)
        .to_dict()
    )
    return spec


@dataclass(frozen=True)
class _Node:
    y: int
    now: bool


def _column(entries: Sequence[tuple[str, bool]]) -> dict[str, _Node]:
    """The nodes of a column, spread evenly from the top."""
    names = _in_order(name for name, _ in entries)
    active = {name for name, now in entries if now}
    step = _TALL / len(names)
    return {
        name: _Node(round(_TALL - step * (place + 0.5)), name in active) for place, name in enumerate(names)
    }


_X = alt.X("x:Q", scale=alt.Scale(domain=[-0.01, 1.01], nice=False, zero=False), axis=None)


def _y(axis: alt.Axis | None = None) -> alt.Y:
    return alt.Y("y:Q", scale=alt.Scale(domain=[0, _TALL], nice=False), axis=axis)


def _lines(legs: dict[tuple[int, int], bool], start: float, end: float) -> list[alt.Chart]:
    """Curves between two columns, those of what is engaged now on top."""
    bend = (end - start) * 0.45
    layers = []
    for now, style in (
        (False, {"strokeDash": [3, 4], "strokeWidth": 1.3, "opacity": _OFF}),
        (True, {"strokeWidth": 2.6, "opacity": 1}),
    ):
        rows = [
            {"x": x, "y": y, "step": step, "leg": f"{y0} {y1}"}
            for (y0, y1), engaged in legs.items()
            if engaged == now
            for step, (x, y) in enumerate(((start, y0), (start + bend, y0), (end - bend, y1), (end, y1)))
        ]
        layers.append(
            alt.Chart(inline(values=rows))
            .mark_line(interpolate="basis", aria=False, **style)
            .encode(x=_X, y=_y(), detail="leg:N", order="step:Q")
        )
    return layers


def _labels(nodes: dict[str, _Node]) -> _Names:
    """The names of a column's nodes as labels of an axis, so that they wear the theme's text colour."""
    at = [n.y for n in nodes.values()]
    return _Names(
        **_look(limit=260, grid=False),
        values=at,
        labelExpr=f"{json.dumps(list(nodes))}[indexof({json.dumps(at)}, datum.value)]",
        labelFontWeight=_heavy(n.y for n in nodes.values() if n.now),
    )


def _dots(nodes: dict[str, _Node], at: float, column: str, axis: alt.Axis) -> list[alt.Chart]:
    layers = []
    for now in (False, True):
        rows = [{column: name, "Now": _STATE[now], "x": at, "y": n.y} for name, n in _those(nodes, now)]
        layers.append(
            alt.Chart(inline(values=rows))
            .mark_point(size=130, filled=now, opacity=1 if now else _OFF, strokeWidth=1.5, aria=False)
            .encode(x=_X, y=_y(axis if now else None), tooltip=[f"{column}:N", "Now:N"])
        )
    return layers


def _boxes(nodes: dict[str, _Node], paths: Sequence[Path]) -> list[alt.Chart]:
    """The sub-processors, with their names inside, and on hover what else is known of them."""
    told = {p.sub_processor: _facts(p) for p in paths}
    for name, facts in told.items():
        of = [p for p in paths if p.sub_processor == name]
        facts["Features"] = ", ".join(_in_order(p.feature for p in of))
        facts["Places"] = "; ".join(_in_order(p.place for p in of))
        facts["Now"] = _STATE[nodes[name].now]
    tooltip = _tooltip("Sub-processor", "Features", "Places", "Transfer mechanisms")
    half = 0.34 * _TALL / len(nodes)
    names = _labels(nodes)
    names["labelPadding"] = 0
    axis = alt.Axis(orient="right", offset=alt.ExprRef("-width / 2"), labelAlign="center", **names)
    could, now = (
        alt.Chart(
            inline(
                values=[
                    {**told[name], "x": _BOX[0], "x2": _BOX[1]} | {"y": n.y - half, "y2": n.y + half}
                    for name, n in _those(nodes, state)
                ]
            )
        ).encode(x=_X, x2="x2:Q", y=_y(), y2="y2:Q", tooltip=tooltip)
        for state in (False, True)
    )
    return [
        could.mark_rect(
            filled=False, strokeWidth=1.3, strokeDash=[3, 4], opacity=_OFF, cornerRadius=4, aria=False
        ),
        now.encode(y=_y(axis)).mark_rect(filled=True, opacity=0.16, cornerRadius=4, aria=False),
        now.mark_rect(filled=False, strokeWidth=2, opacity=1, cornerRadius=4, aria=False),
    ]


def _those(nodes: dict[str, _Node], now: bool) -> list[tuple[str, _Node]]:
    return [(name, node) for name, node in nodes.items() if node.now == now]


def flow_in_words(paths: Sequence[Path]) -> str:
    """The flow for whoever does not see it."""
    routes = [
        f"{s} to {' and '.join(_in_order(p.place for p in paths if p.now and p.sub_processor == s))}"
        for s in _in_order(p.sub_processor for p in paths if p.now)
    ]
    return f"Flow from features through sub-processors to places. Data goes now: {'; '.join(routes)}."
