"""Who can open this customer, and giving and taking roles. Clause: Art. 32(4) GDPR"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import pandas as pd
import streamlit as st

from dpa_core.application import CustomerFile, Waiting
from dpa_core.subjects import grants
from dpa_core.subjects.grants import ROLES, Role
from dpa_core.views import access_log, people
from dpa_core.views.access_log import Row
from dpa_core.views.people import Access
from pages.parts import actions, show, words
from pages.parts.scope import Scope
from pages.parts.words import md, note, say

# The roles that go with one customer, and what each may do.
CAN: dict[Role, str] = {
    "customer_admin": "Sees everything of this customer, gives instructions, and gives others access.",
    "customer_reader": "Sees everything of this customer, changes nothing.",
    "account_manager": "Works for the provider. Sees everything of this customer, changes nothing.",
}
ICONS: dict[Role, str] = {
    "customer_admin": ":material/manage_accounts:",
    "customer_reader": ":material/visibility:",
    "account_manager": ":material/support_agent:",
}


@dataclass(frozen=True)
class Data:
    """What the page shows."""

    access: list[Access]
    """Everyone with a role for this customer, by role and address."""
    waiting: list[Waiting]
    """The accounts that the person may confirm."""
    log: list[Row]
    """What was handed over of this customer, and which of its roles changed, lately."""


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows."""
    file, application = scope.file, scope.application
    waiting, log = [], []
    if file.allows("grant_customer_roles"):
        waiting = application.accounts_to_confirm(file.person)
        lines = application.access_log_of(file.person, file.customer_id).lines
        log = access_log.in_words(lines, file.people)
    return Data(people.people(file), waiting, log)


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file, found = scope.file, data.access
    provider = file.agreement.processor.name
    held = words.count(len(found), "role")
    verb = "is" if len(found) == 1 else "are"
    show.header("Access", f"Who can open {file.name} here. {held} {verb} held today.", file)
    if file.as_of is not None:
        st.info(
            "This page always shows who has access today, also while you look at the past. "
            "The history of a person’s roles is kept with that person, not with the customer.",
            icon=":material/today:",
        )
    elif not _offered(file):
        st.info(
            "You can look at everything here. Roles are given by an admin of the customer, "
            "or by the provider’s privacy officer.",
            icon=":material/visibility:",
        )
    _waiting(scope, data.waiting)
    say(":material/policy: The privacy officers of {} can read every customer.", provider)
    if _offered(file):
        actions.button(scope, "Give access", "access.give", _GIVE, icon=_GIVE.icon, kind="primary")
    if not found:
        st.markdown("Nobody has a role for this customer yet.")
    for access in found:
        _row(scope, access)
    st.caption(words.lines((f"{ROLES[role]}: {what}" for role, what in CAN.items()), "  \n"))
    if file.allows("grant_customer_roles"):
        _log(data.log)


def _offered(file: CustomerFile) -> list[Role]:
    """The roles that the person may give and take here."""
    offered: list[Role] = []
    if file.allows("grant_customer_roles"):
        offered += ["customer_admin", "customer_reader"]
    if file.allows("grant_any_role"):
        offered += ["account_manager"]
    return offered


def _row(scope: Scope, access: Access) -> None:
    file = scope.file
    with st.container(border=True, key=f"access_{access.role}_{access.email}"):
        who, role, since, step = st.columns([3.2, 1.6, 2.4, 2.8], vertical_alignment="center")
        you = md(" (you)") if access.email == file.person.email else ""
        name = md("{}  \n", access.name) if access.name != access.email else ""
        who.markdown(md("{}{}{}", name, words.address(access.email), you))
        with role:
            show.badge(
                show.Status(ROLES[access.role], (ICONS[access.role], "gray")), words.plain(CAN[access.role])
            )
        by = md("the groups at {}", access.provider) if access.provider else words.address(access.by)
        since.caption(md("Since {}, given by {}", words.day(access.since), by))
        with step, st.container(horizontal=True, horizontal_alignment="right"):
            _corrections(scope, access)
            if access.role in _offered(file):
                actions.button(
                    scope,
                    "Take away",
                    f"access.take.{access.role}.{access.email}",
                    _taking(access),
                    icon=":material/person_remove:",
                    help=md("Take the role {} away from {}", ROLES[access.role], words.address(access.email)),
                )


def _corrections(scope: Scope, access: Access) -> None:
    """What is asked seldom: another name or address, for whoever may correct them."""
    file, number = scope.file, f"{access.role}.{access.email}"
    renames = file.as_of is None and scope.application.may_rename(file.person, access.person_id)
    moves = file.allows("grant_any_role")
    if not renames and not moves:
        return
    with st.popover("Correct", icon=":material/edit:"):
        if renames:
            actions.button(
                scope,
                "Correct the name",
                f"access.rename.{number}",
                _renaming(access),
                icon=":material/badge:",
                width="stretch",
            )
        if moves:
            actions.button(
                scope,
                "Move the mailbox",
                f"access.move.{number}",
                _moving(access),
                icon=":material/forward_to_inbox:",
                width="stretch",
            )


def _waiting(scope: Scope, waiting: list[Waiting]) -> None:
    """The accounts that wait for this person's word."""
    if not waiting:
        return
    st.subheader("Accounts that wait", anchor=False)
    st.markdown(
        "Somebody signed in with an address whose owner signs in by another account. It opens nothing until "
        "somebody who knows says whose it is."
    )
    for number, one in enumerate(waiting):
        account = one.account
        with st.container(border=True, key=f"waiting_{number}"):
            left, right = st.columns([4.5, 3], vertical_alignment="center")
            with left:
                say("{}  \n“{}”", words.address(account.address), account.name)
                note("From {}, since {}", account.issuer, words.minute(account.since))
            with right, st.container(horizontal=True):
                name = f"{account.issuer}.{account.subject}"
                actions.button(
                    scope, "Confirm", f"access.confirm.{name}", _deciding(one, "bound"), kind="primary"
                )
                actions.button(scope, "Refuse", f"access.refuse.{name}", _deciding(one, "refused"))


def _log(log: list[Row]) -> None:
    """What was handed over of this customer, and whose roles changed. Clause: Art. 28(3)(h) GDPR"""
    with st.expander("Files handed over, and roles given and taken", icon=":material/shield_person:"):
        if not log:
            st.markdown("Nothing yet.")
            return
        note("The last {} of this customer.", words.count(len(log), "line"))
        st.dataframe(
            pd.DataFrame(
                {
                    "When": [words.minute(row.at) for row in log],
                    "What": [row.what for row in log],
                    "Who": [words.cell(row.who) for row in log],
                    "Details": [words.cell(row.details) for row in log],
                }
            ),
            hide_index=True,
            alt="Files handed over and roles given and taken: time, what, who and details",
        )


# --- the dialogs ---------------------------------------------------------------------------------


def _give(form: actions.Form) -> actions.Make | None:
    file = form.file
    offered = _offered(file)
    if not offered:
        st.error("Your role no longer allows this step.", icon=":material/error:")
        return None
    email = st.text_input(
        **form.field("email", "E-mail address"),
        placeholder="name@company.example",
        help="The address the person signs in with. The identity provider must have verified it.",
    )
    role = st.radio(
        **form.field("role", "Role"),
        options=offered,
        index=offered.index("customer_reader"),
        format_func=lambda r: words.plain(ROLES[r]),
        captions=[CAN[r] for r in offered],
    )
    also = [a.role for a in people.people(file) if a.email == email.strip().lower() and a.role != role]
    if also:
        say(
            ":material/info: {} is {} already, and stays that too.",
            words.address(email.strip()),
            words.listed([ROLES[r] for r in also]),
        )
    st.markdown(":material/mail: Nobody is told by mail. Tell the person the address of this page yourself.")
    return lambda: grants.GrantAccess(email, role, file.customer_id)


_GIVE = actions.Dialog(
    "Give access", "Give access", _give, icon=":material/person_add:", kept="role", leave="Cancel"
)


def _taking(access: Access) -> actions.Dialog:
    email, role = access.email, access.role

    def fields(form: actions.Form) -> actions.Make:
        _take(form.file, email, role)
        if access.provider:
            st.warning(
                md(
                    "The groups at {} gave this role, and **give it again at the next sign-in**. Have the "
                    "person taken out of the group there, too.",
                    access.provider,
                ),
                icon=":material/groups:",
            )
        return lambda: grants.RevokeAccess(email, role, form.file.customer_id)

    return actions.Dialog(
        "Take access away",
        "Take access away",
        fields,
        icon=":material/person_remove:",
        kept="role",
        leave="Leave as it is",
    )


def _take(file: CustomerFile, email: str, role: Role) -> None:
    """What taking the role away means."""
    found = people.people(file)
    title = ROLES[role]
    say("**{}** will no longer be {} of {}.", words.address(email), title, file.name)
    left = [ROLES[a.role] for a in found if a.email == email and a.role != role]
    if left:
        say(":material/info: What stays is the role {}.", words.listed(left))
    else:
        st.markdown(
            ":material/block: The person can then no longer open this customer. "
            "That holds from the next click, also where the person is signed in."
        )
    admins = [a.email for a in found if a.role == "customer_admin"]
    if admins == [email] and role == "customer_admin":
        st.warning(
            md(
                "This is the **last customer admin** of {}. Afterwards nobody there can "
                "give instructions or access, until a privacy officer of {} "
                "names a new admin.",
                file.name,
                file.agreement.processor.name,
            ),
            icon=":material/warning:",
        )
    if email == file.person.email:
        st.warning(
            "This is **your own role**. You lose it at once, and cannot give it back to yourself.",
            icon=":material/warning:",
        )


def _deciding(waiting: Waiting, status: Literal["bound", "refused"]) -> actions.Dialog:
    confirms = status == "bound"

    def fields(form: actions.Form) -> actions.Make:
        _decide(waiting, confirms)
        return partial(_decided, form, waiting, status)

    return actions.Dialog(
        "Confirm this account" if confirms else "Refuse this account",
        "Confirm" if confirms else "Refuse",
        fields,
        icon=":material/how_to_reg:" if confirms else ":material/person_off:",
        kept="log",
        leave="Decide later",
    )


def _decide(waiting: Waiting, confirms: bool) -> None:
    """What the decision means."""
    account, owner = waiting.account, waiting.owner.known()
    say(
        "The account calls itself “{}”, with the address {}, at {} since {}.",
        account.name,
        words.address(account.address),
        account.issuer,
        words.minute(account.since),
    )
    if not confirms:
        st.markdown(
            ":material/block: It opens nothing, and is told so when it signs in. The other account of this "
            "address stays as it is. An operator can still confirm it later."
        )
        return
    say(
        ":material/key: From its next sign-in on it **is {}** ({}), with all of this person’s roles:",
        owner.name,
        words.address(owner.address),
    )
    held = [md("{} of {}", ROLES[g.role], g.customer_id or "every customer") for g in waiting.grants]
    st.markdown(words.lines([md("- {}", one) for one in held or [md("none today")]]))
    st.warning(
        "Ask the person by telephone or face to face, not by the mailbox in question. Whoever has this "
        "account can do all of that.",
        icon=":material/warning:",
    )


def _decided(form: actions.Form, waiting: Waiting, status: Literal["bound", "refused"]) -> actions.Done:
    form.scope.application.decide_account(form.file.person, waiting.account, status)
    verb = "confirmed" if status == "bound" else "refused"
    return actions.Done(
        f"The account of {waiting.account.address} is {verb}", ["The person learns it at the next sign-in."]
    )


def _renaming(access: Access) -> actions.Dialog:
    def fields(form: actions.Form) -> actions.Make:
        st.session_state.setdefault(form.key("name"), access.name)
        name = st.text_input(**form.field("name", "Name"))
        st.markdown(
            ":material/info: Shown from now on, whatever the identity provider says. The past keeps the name "
            "it had."
        )
        return lambda: _renamed(form, access, name)

    return actions.Dialog(
        "Correct a name", "Correct the name", fields, icon=":material/badge:", kept="log", leave="Cancel"
    )


def _renamed(form: actions.Form, access: Access, name: str) -> actions.Done:
    form.scope.application.rename_person(form.file.person, access.person_id, name)
    return actions.Done(f"{access.email} is called {name.strip()} now")


def _moving(access: Access) -> actions.Dialog:
    def fields(form: actions.Form) -> actions.Make:
        email = st.text_input(**form.field("email", "New e-mail address"))
        say(
            ":material/block: {} opens nothing any more. Roles, and accounts that sign in as this person "
            "today, go along. Entries of the past keep the old address.",
            words.address(access.email),
        )
        return lambda: _moved(form, access, email)

    return actions.Dialog(
        "Move a mailbox",
        "Move the mailbox",
        fields,
        icon=":material/forward_to_inbox:",
        kept="log",
        leave="Cancel",
    )


def _moved(form: actions.Form, access: Access, email: str) -> actions.Done:
    form.scope.application.move_person(form.file.person, access.person_id, email)
    return actions.Done(f"{access.email} is {grants.normal_email(email)} now")
