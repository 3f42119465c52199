"""The frame of every visit: sign-in gate, customer in scope, side bar, navigation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

import streamlit as st

from dpa_core import logs
from dpa_core.access import Forbidden, Person, RoleTaken, SignInAgain, may
from dpa_core.application import PAST_CLAUSE, AgreementMissing, CustomerFile, refuse
from dpa_core.clock import end_of
from dpa_core.subjects import registry
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.grants import ROLES
from dpa_core.views.data_return import end_in_words
from pages import (
    access,
    access_log,
    agreement,
    assistance,
    audits,
    data_return,
    desk,
    features,
    history,
    incidents,
    notices,
    overview,
    portfolio,
    retention,
    review,
    snapshots,
    sub_processors,
    what_if,
)
from pages.parts import actions, connection, drafts, resuming, sign_ins, words
from pages.parts.customers import FEW, FOUND
from pages.parts.scope import RUNNING, Scope, look_at
from pages.parts.words import md, note, say

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from dpa_core.web import Site

ICON = Path(__file__).parent / "icon.svg"
"""A file of ours: an icon by name would make every browser ask another company's server for it."""


@dataclass(frozen=True)
class Listed:
    """A page as the navigation lists it. Its name is the last part of its address."""

    icon: str
    draw: Callable[[Scope], None]
    title: str = ""
    """Empty: the title of the subject that is settled there."""


PROVIDERS = {
    "desk": Listed(":material/inbox:", desk.page, "Desk"),
    "portfolio": Listed(":material/work:", portfolio.page, "Portfolio"),
    "access_log": Listed(":material/shield_person:", access_log.page, "Access log"),
}
START = "overview"
SIGN_IN_AGAIN = "/sign-in?next={next}"
SIGN_OUT = "/auth/logout"
SECTIONS = {
    "": {START: Listed(":material/dashboard:", overview.page, "Overview")},
    "Configuration": {
        "features": Listed(":material/toggle_on:", features.page),
        "sub_processors": Listed(":material/account_tree:", sub_processors.page, "Sub-processors"),
        "retention": Listed(":material/auto_delete:", retention.page),
        "what_if": Listed(":material/science:", what_if.page, "What if"),
    },
    "Requests and notices": {
        "notices": Listed(":material/campaign:", notices.page),
        "audits": Listed(":material/policy:", audits.page, "Audits"),
        "data_return": Listed(":material/inventory_2:", data_return.page),
        "assistance": Listed(":material/support_agent:", assistance.page),
        "incidents": Listed(":material/crisis_alert:", incidents.page),
    },
    "Record": {
        "history": Listed(":material/history:", history.page, "History"),
        "snapshots": Listed(":material/photo_camera:", snapshots.page),
        "review": Listed(":material/slideshow:", review.page),
        "agreement": Listed(":material/contract:", agreement.page),
        "access": Listed(":material/group:", access.page),
    },
}
_TITLES = {s.page: s.title for s in registry.ALL}


def visit(site: Site) -> None:
    """Draw one run of the app for whoever is at the browser."""
    # A review has the whole screen. Streamlit may leave an empty side bar standing unless told to fold it.
    st.set_page_config(
        page_title="DPA Desk",
        page_icon=str(ICON),
        layout="wide",
        initial_sidebar_state="collapsed" if RUNNING in st.session_state else "auto",
    )
    stood = connection.begin()
    person = _person(site)
    file = _customer(site, person)
    logs.know(customer=file.customer_id)
    scope, sections = entered(site, file)
    resumed = resuming.resume(scope, stood) if stood else ()
    reviewing = st.session_state.get(RUNNING) == file.customer_id and file.allows("hold_review")
    page = st.navigation(sections, position="hidden" if reviewing else "sidebar", expanded=True)
    if reviewing and page.url_path != "review":
        st.session_state.pop(RUNNING)
        st.rerun()
    if not reviewing:
        with st.sidebar:
            _side_bar(site, file)
    logs.know(page=page.url_path or START)
    _banners(site, file)
    resuming.tell(resumed)
    page.run()
    actions.drawn(scope)
    drafts.catch_up()
    drafts.watch_typing()
    actions.keep_standing("page")


def entered(site: Site, file: CustomerFile) -> tuple[Scope, dict[str, list[StreamlitPage]]]:
    """The scope of this run, and the pages that this person can go to under their headings."""
    pages: dict[str, StreamlitPage] = {}
    scope = Scope(site.application, file, site.is_demo, site.keys, pages)

    def listed(those: Mapping[str, Listed]) -> list[StreamlitPage]:
        for name, page in those.items():
            pages[name] = st.Page(
                partial(page.draw, scope),
                title=page.title or _TITLES[name],
                icon=page.icon,
                url_path=name,
                default=name == START,
            )
        return [pages[name] for name in those]

    theirs = {
        "desk": may(file.person, "govern", None).allowed,
        "portfolio": file.person.is_provider,
        "access_log": may(file.person, "govern", None).allowed,
    }
    first = listed({name: page for name, page in PROVIDERS.items() if theirs[name]})
    sections = {heading: listed(those) for heading, those in SECTIONS.items()}
    return scope, sections | {"": first + sections[""]}


# --- who -----------------------------------------------------------------------------------------


def secret(site: Site) -> str:
    """The secret of whoever is at the browser, as the cookie had it when this page was opened."""
    return st.context.cookies.get(site.cookie.name, "")


def _person(site: Site) -> Person:
    """The signed-in person with a grant; draws the page that helps on, and stops, for anyone else."""
    try:
        session = site.application.session(secret(site))
        person = site.application.person_of(session, st.context.ip_address)
        logs.know(person=person.id, session=(person.session_id or "")[: logs.SHORT])
    except SignInAgain as again:
        with _narrow():
            st.title("Please sign in again")
            st.markdown(words.plain(str(again)))
            if st.button("Sign in again", type="primary"):
                site.leave_for(SIGN_IN_AGAIN.format(next=quote(_here(), safe="")))
        st.stop()
    if not person.grants:
        if taken := site.application.role_taken(person):
            _message(site, "Your access was taken away", words.plain(taken.sentence), person)
            st.stop()
        _message(
            site,
            "You have no access yet",
            md(
                "You are signed in as {}, but nobody has given you access to a customer. "
                "Ask your company’s admin of DPA Desk, or write to {}.",
                words.address(person.email),
                words.address(site.contact),
            ),
        )
        st.stop()
    return person


def _here() -> str:
    """The path and query of the page that the person is on."""
    query = urlencode(st.query_params.to_dict())
    return (urlsplit(str(st.context.url or "")).path or "/") + (f"?{query}" if query else "")


def _message(site: Site, title: str, sentence: str, left_by: Person | None = None) -> None:
    """`left_by`: whose typed text to show, to be copied."""
    with _narrow():
        st.title(words.plain(title))
        st.markdown(words.plain(sentence))
        if left_by:
            drafts.show_left(site.application, left_by)
        if st.button("Sign out", type="primary"):
            site.leave_for(SIGN_OUT)


def _narrow() -> st.delta_generator.DeltaGenerator:
    return st.container(width=560)


# --- which customer, at which moment -------------------------------------------------------------


def _customer(site: Site, person: Person) -> CustomerFile:
    """The customer and moment that the address names, else the ones last looked at, else the first."""
    state, query = st.session_state, st.query_params
    wanted = query.get("customer") or state.get("customer")
    if wanted is None:
        first = site.application.directory(person, limit=1)
        if not first:
            _message(
                site,
                "No customers yet",
                md("Add one with `dpa customers add`, then load this page anew."),
            )
            st.stop()
        wanted = first[0][0]
    day = query.get("as_of") or state.get("as_of")
    try:
        file = site.application.open(person, wanted, _moment(day, site))
    except (Forbidden, Refusal, AgreementMissing) as problem:
        with _narrow():
            taken = isinstance(problem, RoleTaken)
            st.title("Your access was taken away" if taken else "This cannot be shown")
            st.error(actions.sentence(problem), icon=":material/person_off:" if taken else ":material/error:")
            if taken:
                drafts.show_left(site.application, person)
            st.button("Go to the start page", on_click=_forget)
        st.stop()
    state["customer"], state["as_of"] = wanted, day
    # Navigation clears the address; put back what a person would bookmark.
    query["customer"] = wanted
    if day:
        query["as_of"] = day
    return file


def _moment(day: str | None, site: Site) -> datetime | None:
    """The end of that day in Stockholm, or this moment if the day is today; None where none is given."""
    if not day:
        return None
    now = site.application.clock.now()
    try:
        return end_of(date.fromisoformat(day), now) or now
    except (ValueError, OverflowError):
        raise refuse("no_date", PAST_CLAUSE, "as_of", text=day[:40]) from None


def _forget() -> None:
    """Leave the customer and the date that could not be shown."""
    st.query_params.clear()
    for key in ("customer", "as_of"):
        st.session_state.pop(key, None)


def _choose(customer_id: str) -> None:
    st.query_params["customer"] = customer_id
    look_at(None)


# --- frame ---------------------------------------------------------------------------------------


def _side_bar(site: Site, file: CustomerFile) -> None:
    person = file.person
    _customer_choice(site, file)
    role = ROLES[file.role] if file.role else "No role"
    st.caption(md("{}  \n{}", person.name, role), help=words.address(person.email))
    sign_ins.button(site, person, lambda: site.leave_for(SIGN_OUT))
    if st.button("Sign out", icon=":material/logout:", type="tertiary"):
        site.leave_for(SIGN_OUT)
    if site.is_demo:
        _demo_clock(site, person)


def _customer_choice(site: Site, file: CustomerFile) -> None:
    few = site.application.directory(file.person, limit=FEW + 1)
    if len(few) == 1:
        _named(file)
        return
    if len(few) > FEW:
        _named(file)
        text = st.text_input("Find a customer", key="find_customer", placeholder="Part of its name")
        few = site.application.directory(file.person, text, limit=FOUND + 1) if text else []
        if text and not few:
            st.caption("No customer has that in its name.")
        if len(few) > FOUND:
            words.note("The first {} are listed. Type more of the name.", FOUND)
        for id, name in _with_ends(site, file, few[:FOUND]).items():
            st.button(words.plain(name), key=f"choose_{id}", type="tertiary", on_click=_choose, args=[id])
        return
    names = _with_ends(site, file, few)
    st.session_state["customer_choice"] = file.customer_id
    st.selectbox(
        "Customer",
        list(names),
        format_func=lambda id: names[id],
        key="customer_choice",
        on_change=lambda: _choose(st.session_state["customer_choice"]),
    )
    if last := file.context.ends_on:  # which the field may cut off
        note(":material/event_busy: {}", end_in_words(last, file.now))


def _named(file: CustomerFile) -> None:
    """The customer in scope, where it is not chosen from a list."""
    last = file.context.ends_on
    say("**{}**{}", file.name, md("  \n{}", end_in_words(last, file.now)) if last else "")


def _with_ends(site: Site, file: CustomerFile, listed: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The names of customers by identifier, each with the end of its agreement where one is recorded."""
    ends, now = site.application.ends(file.person, [id for id, _ in listed]), site.application.clock.now()
    return {id: f"{name} ({end_in_words(ends[id], now)})" if id in ends else name for id, name in listed}


def _demo_clock(site: Site, person: Person) -> None:
    with st.expander("Demo clock", icon=":material/schedule:"):
        say("Today is {} in this demo.", words.day(site.application.clock.now()))
        with st.form("demo_clock", border=False):
            days = st.number_input("Move forward by days", min_value=1, max_value=366, value=7, step=1)
            if st.form_submit_button("Move the date"):
                site.application.advance_clock(person, int(days))
                st.rerun()


_TOLD_FOR = timedelta(days=1)
"""How long a page says that a role for its customer was taken, where nothing typed is left to be copied."""


def _role_taken(site: Site, file: CustomerFile) -> None:
    """That a role for this customer was taken of somebody who may still look; with what was typed then."""
    if file.acts or file.as_of is not None:
        return
    taken = site.application.role_taken(file.person, file.customer_id)
    if taken is None:
        return
    left = any(x.customer_id == file.customer_id for x in site.application.left_drafts(file.person))
    if left or site.application.clock.now() < taken.at + _TOLD_FOR:
        st.warning(words.plain(taken.sentence), icon=":material/person_off:")
        drafts.show_left(site.application, file.person)


def _banners(site: Site, file: CustomerFile) -> None:
    _role_taken(site, file)
    if file.as_of is not None:
        st.warning(
            md(
                "**As it stood on {}.** You are looking at the past. Nothing can be changed here.",
                words.day(file.as_of),
            ),
            icon=":material/history:",
        )
        st.button("Back to today", on_click=look_at, args=[None], type="primary", icon=":material/undo:")
    if site.is_demo:
        moved = site.application.clock.offset.days
        by = md(", moved forward by {}", words.count(moved, "day")) if moved else ""
        today = words.day(site.application.clock.now())
        note(":material/science: Demo with invented data. Today is {}{}.", today, by)
