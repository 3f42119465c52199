"""The PDF's two charts as Vega-Lite, drawn to SVG by vl-convert, each with a text that says the same to
whoever cannot see it.

Texts are passed through `shown` first: a control character is no XML, and vl-convert ends the process at one.
"""

from __future__ import annotations

from typing import Any

import vl_convert

from dpa_core.documents.typeset import Shown
from dpa_core.snapshots.model import Retention, Snapshot

_INK, _INSIDE, _OUTSIDE = "#1f2933", "#2f6f9f", "#c2571a"
_FONT = "Libertinus Serif"
_AXIS = {"title": None, "domain": False, "ticks": False, "labelFontSize": 11, "labelLimit": 260}


def _svg(marks: list[dict[str, Any]], data: list[dict[str, Any]], encoding: dict[str, Any]) -> str:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 380,
        "height": {"step": 17},
        "data": {"values": data},
        "encoding": encoding,
        "layer": marks,
        "config": {"font": _FONT, "view": {"stroke": None}, "axis": {"labelColor": _INK, "grid": False}},
    }
    return vl_convert.vegalite_to_svg(spec)


def _colour(field: str, shades: dict[str, str]) -> dict[str, Any]:
    scale = {"domain": list(shades), "range": list(shades.values())}
    return {"field": field, "type": "nominal", "legend": None, "scale": scale}


def _by_place(s: Snapshot) -> dict[tuple[str, bool], set[str]]:
    """The engaged sub-processors at each place: its name, and whether it is outside the EU/EEA."""
    names: dict[tuple[str, bool], set[str]] = {}
    for engaged in s.sub_processors:
        for p in engaged.places:
            names.setdefault((p.name, p.third_country), set()).add(engaged.name)
    return names


def places_in_words(s: Snapshot) -> str:
    """What `places` shows."""
    listed = "; ".join(f"{name}: {', '.join(sorted(who))}" for (name, _), who in _by_place(s).items())
    return f"Engaged sub-processors by place. {listed}."


def places(s: Snapshot, shown: Shown) -> str:
    """How many engaged sub-processors have a part in each place, as SVG."""
    data = [
        {"place": shown(name), "number": len(who), "outside": "outside the EU/EEA" if outside else "EU/EEA"}
        for (name, outside), who in _by_place(s).items()
    ]
    x = {"field": "number", "type": "quantitative", "axis": None}
    y = {"field": "place", "type": "nominal", "sort": None, "axis": _AXIS}
    colour = _colour("outside", {"EU/EEA": _INSIDE, "outside the EU/EEA": _OUTSIDE})
    return _svg(
        [
            {"mark": {"type": "bar", "height": 11}, "encoding": {"color": colour}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 11, "color": _INK},
                "encoding": {"text": {"field": "number"}},
            },
        ],
        data,
        {"x": x, "y": y},
    )


def _label(p: Retention) -> str:
    return f"{p.days:,} days" + (" (default)" if p.is_default else "") + (", legal hold" if p.hold else "")


def periods_in_words(s: Snapshot) -> str:
    """What `periods` shows."""
    listed = "; ".join(f"{p.name}: {_label(p)}" for p in s.retention.periods)
    return f"Retention period of each data type. {listed}."


def periods(s: Snapshot, shown: Shown) -> str:
    """How long each data type is kept, on a logarithmic scale of days, as SVG."""
    data = [
        {
            "type": shown(p.name),
            "days": p.days,
            "label": _label(p),
            "set": "default" if p.is_default else "set",
        }
        for p in s.retention.periods
    ]
    x = {"field": "days", "type": "quantitative", "scale": {"type": "log", "domainMin": 1}, "axis": None}
    y = {"field": "type", "type": "nominal", "sort": None, "axis": _AXIS}
    colour = _colour("set", {"default": "#9fb3c8", "set": _INSIDE})
    return _svg(
        [
            {
                "mark": {"type": "bar", "height": 11},
                "encoding": {"color": colour, "x2": {"datum": 1, "type": "quantitative"}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 11, "color": _INK},
                "encoding": {"text": {"field": "label"}},
            },
        ],
        data,
        {"x": x, "y": y},
    )
