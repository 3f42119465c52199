"""Giving and taking roles. Standard: Art. 32(4) GDPR"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core.subjects import grants
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.grants import GrantAccess, RevokeAccess, State
from dpa_core.subjects.subject import Context
from tests.conftest import NOW, VERSION, recorded
from tests.frozen import frozen_agreements

CONTEXT = Context(frozen_agreements()[VERSION], NOW)
ANNA = "anna@people.example"
OF_CUSTOMER = ("customer_admin", "customer_reader", "account_manager")


def give(state, *commands, by="eva"):
    for command in commands:
        for event in recorded(grants.decide(command, state, CONTEXT), actor=by):
            state = grants.GRANTS.evolve(state, event)
    return state


def refused(command, state=None):
    with pytest.raises(Refusal) as caught:
        grants.decide(command, state or State(), CONTEXT)
    return caught.value


def test_a_grant_remembers_who_gave_it_and_when():
    state = give(State(), GrantAccess(ANNA, "customer_admin", "nordfrakt"))
    (held,) = state.grants
    assert (held.role, held.customer_id, held.since, held.by) == ("customer_admin", "nordfrakt", NOW, "eva")


def test_a_role_taken_away_leaves_the_others():
    state = give(
        State(),
        GrantAccess(ANNA, "customer_admin", "nordfrakt"),
        GrantAccess(ANNA, "customer_reader", "nordfrakt"),
        GrantAccess(ANNA, "customer_admin", "solsidan"),
        RevokeAccess(ANNA, "customer_admin", "nordfrakt"),
    )
    assert [(g.role, g.customer_id) for g in state.grants] == [
        ("customer_reader", "nordfrakt"),
        ("customer_admin", "solsidan"),
    ]


def test_the_same_role_twice_and_a_role_not_held_are_refused():
    command = GrantAccess(ANNA, "customer_admin", "nordfrakt")
    assert "already" in refused(command, give(State(), command)).message
    assert "is not Customer admin" in refused(RevokeAccess(ANNA, "customer_admin", "nordfrakt")).message


@pytest.mark.parametrize("role", OF_CUSTOMER)
def test_a_customers_role_needs_a_customer(role):
    assert refused(GrantAccess(ANNA, role)).remedy == "Name the customer."


def test_a_privacy_officer_belongs_to_no_customer():
    assert refused(GrantAccess(ANNA, "privacy_officer", "nordfrakt")).remedy == "Leave the customer out."
    assert give(State(), GrantAccess(ANNA, "privacy_officer")).has("privacy_officer", None)


def test_an_unknown_role_is_refused_with_the_known_ones():
    assert "customer_reader" in refused(GrantAccess(ANNA, "root", "nordfrakt")).remedy


@pytest.mark.parametrize(
    "address", ["", "anna", "anna@", "@x.y", "a@b", "a b@c.d", "a@b@c.d", "<b>a</b>@x.y", f"{'a' * 251}@b.c"]
)
def test_what_is_no_address_is_refused(address):
    assert refused(GrantAccess(address, "customer_admin", "nordfrakt")).field == "email"


def test_an_address_is_one_however_it_is_typed():
    assert grants.normal_email("  Anna@People.EXAMPLE ") == ANNA


commands = st.lists(
    st.builds(
        lambda kind, role, customer: kind(ANNA, role, customer),
        st.sampled_from([GrantAccess, RevokeAccess]),
        st.sampled_from(OF_CUSTOMER),
        st.sampled_from(["nordfrakt", "solsidan"]),
    ),
    max_size=20,
)


@given(commands)
def test_a_role_is_held_exactly_from_its_grant_until_its_revocation(sequence):
    state, model = State(), set()
    for command in sequence:
        key = (command.role, command.customer_id)
        if (key in model) == isinstance(command, GrantAccess):
            refused(command, state)
            continue
        state = give(state, command)
        model ^= {key}
        assert {(g.role, g.customer_id) for g in state.grants} == model
        assert len(state.grants) == len(model)
