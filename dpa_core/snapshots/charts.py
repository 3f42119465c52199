"""The PDF's two charts as Vega-Lite, drawn to SVG by vl-convert, each with a text that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import vl_convert

from dpa_core.snapshots.model import Snapshot

_INK, _INSIDE, _OUTSIDE = "#1f2933", "#2f6f9f", "#c2571a"
_FONT = "Libertinus Serif"
_AXIS = {"title": None, "domain": False, "ticks": False, "labelFontSize": 11, "labelLimit": 260}


@dataclass(frozen=True)
class Chart:
    """A picture, and what it shows in words for whoever cannot see it."""

    svg: str
    words: str


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


def places(s: Snapshot) -> Chart:
    """How many engaged sub-processors have a part in each place."""
    names: dict[tuple[str, bool], set[str]] = {}
    for engaged in s.sub_processors:
        for p in engaged.places:
            names.setdefault((p.name, p.third_country), set()).add(engaged.name)
    data = [
        {"place": name, "number": len(who), "outside": "outside the EU/EEA" if outside else "EU/EEA"}
        for (name, outside), who in names.items()
    ]
    x = {"field": "number", "type": "quantitative", "axis": None}
    y = {"field": "place", "type": "nominal", "sort": None, "axis": _AXIS}
    colour = _colour("outside", {"EU/EEA": _INSIDE, "outside the EU/EEA": _OUTSIDE})
    svg = _svg(
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
    listed = "; ".join(f"{name}: {', '.join(sorted(who))}" for (name, _), who in names.items())
    return Chart(svg, f"Engaged sub-processors by place. {listed}.")


def periods(s: Snapshot) -> Chart:
    """How long each data type is kept, on a logarithmic scale of days."""
    data = [
        {
            "type": p.name,
            "days": p.days,
            "label": f"{p.days:,} days"
            + (" (default)" if p.is_default else "")
            + (", legal hold" if p.hold else ""),
            "set": "default" if p.is_default else "set",
        }
        for p in s.retention.periods
    ]
    x = {"field": "days", "type": "quantitative", "scale": {"type": "log", "domainMin": 1}, "axis": None}
    y = {"field": "type", "type": "nominal", "sort": None, "axis": _AXIS}
    colour = _colour("set", {"default": "#9fb3c8", "set": _INSIDE})
    svg = _svg(
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
    listed = "; ".join(f"{row['type']}: {row['label']}" for row in data)
    return Chart(svg, f"Retention period of each data type. {listed}.")
