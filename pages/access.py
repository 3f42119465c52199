"""Who can open this customer, and giving and taking roles. Clause: Art. 32(4) GDPR"""

from __future__ import annotations

import streamlit as st

from dpa_core.access import Forbidden
from dpa_core.office import CustomerFile, Refusal, StoreError
from dpa_core.subjects import grants
from dpa_core.subjects.grants import ROLES, Role
from dpa_core.views import people
from dpa_core.views.people import Access
from pages.parts import show, words
from pages.parts.scope import Scope, current

OPEN, OPENING = (f"access.{k}" for k in ("open", "opening"))

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


def read(scope: Scope) -> list[Access]:
    """Everyone with a role for this customer, by role and address."""
    return people.people(scope.file)


def draw(scope: Scope, found: list[Access]) -> None:
    """The page."""
    file = scope.file
    provider = file.agreement.processor.name
    held = words.count(len(found), "role")
    verb = "is" if len(found) == 1 else "are"
    show.header("Access", f"Who can open {words.plain(file.name)} here. {held} {verb} held today.", file)
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
    st.markdown(f":material/policy: The privacy officers of {provider} can read every customer.")
    if _offered(file):
        st.button("Give access", type="primary", icon=":material/person_add:", on_click=_open, args=["give"])
    if not found:
        st.markdown("Nobody has a role for this customer yet.")
    for access in found:
        _row(access, file)
    st.caption("  \n".join(f"{ROLES[role]}: {what}" for role, what in CAN.items()))
    if opened := st.session_state.pop(OPEN, None):
        ask, *about = opened
        {"give": _give, "take": _take}[ask](scope, *about)


def _offered(file: CustomerFile) -> list[Role]:
    """The roles that the person may give and take here."""
    offered: list[Role] = []
    if file.allows("grant_customer_roles"):
        offered += ["customer_admin", "customer_reader"]
    if file.allows("grant_any_role"):
        offered += ["account_manager"]
    return offered


def _row(access: Access, file: CustomerFile) -> None:
    with st.container(border=True, key=f"access_{access.role}_{access.email}"):
        who, role, since, step = st.columns([3.6, 1.8, 3, 1.5], vertical_alignment="center")
        you = " (you)" if access.email == file.person.email else ""
        who.markdown(f"{words.address(access.email)}{you}")
        with role:
            st.badge(ROLES[access.role], icon=ICONS[access.role], color="gray", help=CAN[access.role])
        since.caption(f"Since {words.day(access.since)}, given by {words.address(access.by)}")
        if access.role in _offered(file):
            step.button(
                "Take away",
                key=f"take_{access.role}_{access.email}",
                icon=":material/person_remove:",
                width="stretch",
                help=f"Take the role {ROLES[access.role]} away from {words.address(access.email)}",
                on_click=_open,
                args=["take", access.email, access.role],
            )


def _open(*ask: str) -> None:
    st.session_state[OPEN] = ask
    # What is typed belongs to one opening of the dialog.
    st.session_state[OPENING] = st.session_state.get(OPENING, 0) + 1


def _key(field: str) -> str:
    return f"access.{field}_{st.session_state.get(OPENING, 0)}"


# --- the dialogs ---------------------------------------------------------------------------------


@st.dialog("Give access", width="medium", icon=":material/person_add:")
def _give(scope: Scope) -> None:
    file = show.reopened(scope)
    offered = _offered(file)
    if not offered:
        st.error("Your role no longer allows this step.", icon=":material/error:")
        return
    email = st.text_input(
        "E-mail address",
        key=_key("email"),
        placeholder="name@company.example",
        help="The address the person signs in with. The identity provider must have verified it.",
    )
    role = st.radio(
        "Role",
        offered,
        index=offered.index("customer_reader"),
        format_func=ROLES.__getitem__,
        captions=[CAN[r] for r in offered],
        key=_key("role"),
    )
    also = [a.role for a in people.people(file) if a.email == email.strip().lower() and a.role != role]
    if also:
        st.markdown(
            f":material/info: {words.address(email.strip())} is {words.listed([ROLES[r] for r in also])} "
            "already, and stays that too."
        )
    st.markdown(":material/mail: Nobody is told by mail. Tell the person the address of this page yourself.")
    _recorded(file)
    if _buttons("Give access", "Cancel"):
        _change(
            scope,
            file,
            grants.GrantAccess(email, role, file.customer_id),
            f"{ROLES[role]} given to {words.address(email)}.",
        )


@st.dialog("Take access away", width="medium", icon=":material/person_remove:")
def _take(scope: Scope, email: str, role: Role) -> None:
    file = show.reopened(scope)
    found = people.people(file)
    title = ROLES[role]
    st.markdown(f"**{words.address(email)}** will no longer be {title} of {words.plain(file.name)}.")
    left = [ROLES[a.role] for a in found if a.email == email and a.role != role]
    if left:
        st.markdown(f":material/info: What stays is the role {words.listed(left)}.")
    else:
        st.markdown(
            ":material/block: The person can then no longer open this customer. "
            "That holds from the next click, also where the person is signed in."
        )
    admins = [a.email for a in found if a.role == "customer_admin"]
    if admins == [email] and role == "customer_admin":
        st.warning(
            f"This is the **last customer admin** of {words.plain(file.name)}. Afterwards nobody there can "
            f"give instructions or access, until a privacy officer of {file.agreement.processor.name} "
            "names a new admin.",
            icon=":material/warning:",
        )
    if email == file.person.email:
        st.warning(
            "This is **your own role**. You lose it at once, and cannot give it back to yourself.",
            icon=":material/warning:",
        )
    _recorded(file)
    if _buttons("Take access away", "Leave as it is"):
        _change(
            scope,
            file,
            grants.RevokeAccess(email, role, file.customer_id),
            f"{title} taken away from {words.address(email)}.",
        )


def _recorded(file: CustomerFile) -> None:
    st.caption(
        f"Recorded with the person’s roles (Art. 32(4) GDPR): you, {words.address(file.person.email)}, "
        "and the time."
    )


def _buttons(label: str, leave: str) -> bool:
    with st.container(horizontal=True):
        confirmed = st.button(label, type="primary", icon=":material/task_alt:", key=_key("confirm"))
        if st.button(leave, key=_key("leave")):
            st.rerun()
    return confirmed


def _change(scope: Scope, file: CustomerFile, command: grants.Command, done: str) -> None:
    try:
        scope.office.change_access(file.person, command)
    except Refusal as problem:
        show.refusal(problem)
    except (Forbidden, StoreError) as problem:
        st.error(words.plain(str(problem)), icon=":material/error:")
    else:
        show.recorded(done)
        st.rerun()


draw(current(), read(current()))
