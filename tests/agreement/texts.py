"""Texts to compare with: the real one where it is at hand, and one written from the data."""

from pathlib import Path

from dpa_core.agreement import Agreement

REAL = Path(__file__).parents[2].parent / "shared/dpa/connectel-dpa-2026-01-29.txt"


def write_text(a: Agreement, separator: str = " ") -> str:
    """An agreement's text that says what the data says, with `separator` between the cells of a row."""
    mechanisms = {"scc": "SCC:s", "tia": "TIA", "dpf": "DPF (Data Privacy Framework)"}

    def row(*cells: str) -> str:
        return separator.join(cells)

    def sub_processor(s, *features):
        transfer = " + ".join(mechanisms[m] for m in s.mechanisms) or "N/A"
        return row(s.name, *features, s.purpose, s.location_wording, transfer)

    wordings = dict.fromkeys(wording for term in a.terms for wording in term.wording)  # each once
    lines = ["1. Terms", *(f"It is so: {wording}." for wording in wordings)]
    lines += ["3.5 Data Categories", "", row("Categories", "Data")]
    lines += [row(c.name, c.contents_wording) for c in a.data_categories]
    lines += ["", "Schedule 2 – Sub-processors", "2.1 List of Core Subprocessors", ""]
    lines += [row("Name", "Purpose", "Processing Location", "Transfer Mechanism")]
    lines += [sub_processor(s) for s in a.sub_processors if s.kind == "core"]
    lines += ["2.2 List of Optional Subprocessors", "\u00a0"]
    lines += [row("Name", "Feature(s)", "Purpose", "Processing Location", "Transfer Mechanism")]
    for s in a.sub_processors:
        if s.kind == "optional":
            names = ", ".join(a.feature(id).name for id in s.features)
            lines.append(sub_processor(s, s.features_wording or names))
    return "\n".join([*lines, "Schedule 3 – Measures", ""])
