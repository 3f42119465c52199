"""Who can open this customer, and giving and taking roles. Clause: Art. 32(4) GDPR"""

from __future__ import annotations

import streamlit as st

from dpa_core.application import CustomerFile
from dpa_core.subjects import grants
from dpa_core.subjects.grants import ROLES, Role
from dpa_core.views import people
from dpa_core.views.people import Access
from pages.parts import actions, show, words
from pages.parts.scope import Scope
from pages.parts.words import md, say

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


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> list[Access]:
    """Everyone with a role for this customer, by role and address."""
    return people.people(scope.file)


def draw(scope: Scope, found: list[Access]) -> None:
    """What it shows."""
    file = scope.file
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
    say(":material/policy: The privacy officers of {} can read every customer.", provider)
    if _offered(file):
        actions.button(scope, "Give access", "access.give", _GIVE, icon=_GIVE.icon, kind="primary")
    if not found:
        st.markdown("Nobody has a role for this customer yet.")
    for access in found:
        _row(scope, access)
    st.caption(words.lines((f"{ROLES[role]}: {what}" for role, what in CAN.items()), "  \n"))


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
        who, role, since, step = st.columns([3.6, 1.8, 3, 1.5], vertical_alignment="center")
        you = md(" (you)") if access.email == file.person.email else ""
        who.markdown(md("{}{}", words.address(access.email), you))
        with role:
            show.badge(
                show.Status(ROLES[access.role], (ICONS[access.role], "gray")), words.plain(CAN[access.role])
            )
        since.caption(md("Since {}, given by {}", words.day(access.since), words.address(access.by)))
        if access.role in _offered(file):
            with step:
                actions.button(
                    scope,
                    "Take away",
                    f"access.take.{access.role}.{access.email}",
                    _taking(access.email, access.role),
                    icon=":material/person_remove:",
                    width="stretch",
                    help=md("Take the role {} away from {}", ROLES[access.role], words.address(access.email)),
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


def _taking(email: str, role: Role) -> actions.Dialog:
    def fields(form: actions.Form) -> actions.Make:
        _take(form.file, email, role)
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
