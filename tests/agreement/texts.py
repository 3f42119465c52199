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

    below = {
        "Sch. 1 3.5": [
            row("Categories", "Data"),
            *(row(c.name, c.contents_wording) for c in a.data_categories),
            "",
            "Schedule 2 – Sub-processors",
        ],
        "Sch. 2 2.1": [
            row("Name", "Purpose", "Processing Location", "Transfer Mechanism"),
            *(sub_processor(s) for s in a.sub_processors if s.kind == "core"),
        ],
        "Sch. 2 2.2": [
            row("Name", "Feature(s)", "Purpose", "Processing Location", "Transfer Mechanism"),
            *(
                sub_processor(s, s.features_wording or ", ".join(a.feature(id).name for id in s.features))
                for s in a.sub_processors
                if s.kind == "optional"
            ),
            "Schedule 3 – Measures",
        ],
    }
    above = {"Sch. 1 3.5": "3.5 Data Categories", "Sch. 2 2.1": "2.1 ", "Sch. 2 2.2": "2.2 "}
    wordings = set()
    lines = [f"{a.processor.name}: {' | '.join(a.processor.model_dump().values())}"]
    for clause in a.clauses:
        begins = above.get(clause.id, "")
        lines += [begins + clause.opening] if clause.id.startswith("Sch. 2 2.") else [begins, clause.opening]
        # What the text says in its own words, with the numbers and names that ours have.
        lines += ["\u00a0", *(said for id, said in _said(a) if id == clause.id)]
        for wording in (w for term in a.terms if term.clause == clause.id for w in term.wording):
            if wording not in wordings:  # each once
                lines.append(f"It is so: {wording}.")
                wordings.add(wording)
        lines += below.get(clause.id, [])
    return "\n".join([*lines, *(m.summary for m in a.mechanisms), ""])


def _said(a: Agreement):
    """Clause, and the words of what our data says that it says: backwards, so that no phrase is the same."""
    said = [(c.id, c.summary) for c in a.clauses]
    said += [(x.clause, x.summary) for of in (a.terms, a.measures, a.data_categories) for x in of]
    said += [(x.clause, f"{x.name} {x.summary}") for x in (*a.certifications, *a.purposes, *a.data_subjects)]
    return [(id, " ".join(reversed(text.split()))) for id, text in said]
