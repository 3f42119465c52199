"""The agreement the customer is bound to: every clause in our own words, and what the app does about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dpa_core.agreement import (
    Agreement,
    Certification,
    Clause,
    DataCategory,
    DataSubject,
    Measure,
    Purpose,
    Term,
)
from dpa_core.application import CustomerFile
from pages.parts import show, words
from pages.parts.scope import Scope
from pages.parts.words import md, note, say

Entry = DataSubject | Purpose | Measure | Certification

TEXT = "agreement.text"
UNITS = {
    "calendar_days": "calendar day",
    "business_days": "business day",
    "hours": "hour",
    "per_calendar_year": "time",
}


@dataclass(frozen=True)
class Group:
    """A part of the agreement and its clauses, in order."""

    name: str
    clauses: tuple[Clause, ...]


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> list[Group]:
    """The clauses of the agreement the customer is bound to, by part."""
    groups: dict[str, list[Clause]] = {}
    for clause in scope.file.agreement.clauses:
        groups.setdefault(_part(clause.id), []).append(clause)
    return [Group(name, tuple(clauses)) for name, clauses in groups.items()]


def _part(id: str) -> str:
    """`Schedule 2` for `Sch. 2 1.1`, `Clause 3` for `3.1(vii)`."""
    found = re.match(r"(Sch\. )?(\d+)", id)
    if not found:
        return "Other"
    return f"{'Schedule' if found[1] else 'Clause'} {found[2]}"


def draw(scope: Scope, groups: list[Group]) -> None:
    """What it shows."""
    file = scope.file
    show.header("Agreement", md("**{}.** {}", file.agreement.title, _bound(file)), file)
    st.markdown(
        ":material/info: These are summaries in our own words, to find your way. "
        "**The signed text prevails.**"
    )
    clauses, terms, data, security, parties = st.tabs(
        ["Clauses", "Terms", "Personal data", "Security", "Provider"], key="agreement.tabs"
    )
    with clauses:
        _clauses(scope, groups)
    with terms:
        _terms(file.agreement)
    with data:
        _personal_data(file.agreement)
    with security:
        _security(file.agreement)
    with parties:
        _provider(file)


def _bound(file: CustomerFile) -> words.Markdown:
    bound = file.state.customer
    since = md(" since {}", words.day(bound.since)) if bound.since else ""
    version = words.day(file.agreement.published)
    return md("{} is bound to the version of **{}**{}.", bound.name, version, since)


# --- clauses -------------------------------------------------------------------------------------


def _clauses(scope: Scope, groups: Sequence[Group]) -> None:
    text = st.text_input(
        "Search the clauses",
        key=TEXT,
        placeholder="Number, heading or summary",
        icon=":material/search:",
        width=420,
    )
    sought = text.casefold().split()
    hits = {g.name: [c for c in g.clauses if _matches(c, sought)] for g in groups}
    found, total = sum(map(len, hits.values())), sum(len(g.clauses) for g in groups)
    if not found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            say(
                ":material/search_off: **No clause has “{}” in its number, heading or "
                "summary.** Try another word, or one word alone.",
                text[:60],
            )
            st.button("Show all clauses", on_click=_clear, icon=":material/undo:")
        return
    st.caption(
        md("{} of {} found", found, words.count(total, "clause")) if sought else words.count(total, "clause")
    )
    for number, group in enumerate(groups):
        if not hits[group.name]:
            continue
        of = hits[group.name]
        label = md("**{}** · {} to {}", group.name, group.clauses[0].id, group.clauses[-1].id)
        if sought:
            label = md("{} · {} of {} found", label, len(of), len(group.clauses))
        with st.expander(label, expanded=bool(sought) or number == 0):
            for clause in of:
                _clause(scope, clause)


def _matches(clause: Clause, sought: Sequence[str]) -> bool:
    text = f"{clause.id} {clause.heading} {clause.summary}".casefold()
    return all(word in text for word in sought)


def _clear() -> None:
    st.session_state[TEXT] = ""


def _clause(scope: Scope, clause: Clause) -> None:
    with st.container(border=True, gap="small", key=f"clause_{clause.id}"):
        say(
            "**{} · {}**  \n{}  \n:material/arrow_right_alt: :gray[In this app:] {}",
            clause.id,
            clause.heading,
            clause.summary,
            clause.handled,
        )
        if clause.source_note:
            note(":material/info: About the text: {}", clause.source_note)
        if clause.page == "agreement":
            st.caption(":material/contract: On this page")
        elif clause.page:
            scope.link(clause.page, f"Open {scope.pages[clause.page].title}")


# --- terms, data, security, provider -------------------------------------------------------------


def _terms(agreement: Agreement) -> None:
    st.markdown("Every number that the agreement fixes.")
    left, right = st.columns(2, gap="medium")
    for number, term in enumerate(agreement.terms):
        with left if number % 2 == 0 else right, st.container(border=True, gap="small"):
            st.markdown(md("{}: **{}**", term.name, _length(term)), help=show.clause(term.clause, agreement))
            st.markdown(words.plain(term.summary))
            show.clauses((term.clause,), agreement)


def _length(term: Term) -> str:
    each = " per calendar year" if term.unit == "per_calendar_year" else ""
    return words.count(term.value, UNITS[term.unit]) + each


def _personal_data(agreement: Agreement) -> None:
    _section("Categories of personal data", agreement.data_categories, agreement)
    show.table(
        {
            "Category": [md("**{}**  \n{}", c.name, c.summary) for c in agreement.data_categories],
            "Contains": [words.listed(c.contents) for c in agreement.data_categories],
            "Clause": [c.clause for c in agreement.data_categories],
        },
        hide_index=True,
    )
    _section("Whose data it is", agreement.data_subjects, agreement)
    _listing(agreement.data_subjects)
    _section("Purposes the provider follows as a controller", agreement.purposes, agreement)
    _listing(agreement.purposes)


def _security(agreement: Agreement) -> None:
    _section("Technical and organisational measures", agreement.measures, agreement)
    _listing(agreement.measures)
    _section("Certifications", agreement.certifications, agreement)
    _listing(agreement.certifications)


def _section(title: str, entries: Sequence[Entry | DataCategory], agreement: Agreement) -> None:
    st.subheader(words.plain(title), anchor=False)
    show.clauses(dict.fromkeys(e.clause for e in entries), agreement)


def _listing(entries: Sequence[Entry]) -> None:
    show.table(
        {
            "Name": [md("**{}**", e.name) for e in entries],
            "In our words": [e.summary for e in entries],
            "Clause": [e.clause for e in entries],
        },
        hide_index=True,
    )


def _provider(file: CustomerFile) -> None:
    p = file.agreement.processor
    show.table(
        {
            "Processor": p.name,
            "Registration number": p.registration_number,
            "Address": p.address,
            "Questions on the agreement": p.contact,
            "Website": p.website,
            "Agreement": f"{file.agreement.title}, version {file.agreement.version}",
        },
        hide_header=True,
    )
