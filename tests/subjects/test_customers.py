"""Opening a customer under a version of the agreement. Clause: 1.2"""

import pytest

from dpa_core.subjects import customers
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.customers import OpenCustomer, State
from dpa_core.subjects.subject import Context
from tests.conftest import NOW, VERSION, recorded


def refused(command, agreement, state=None):
    with pytest.raises(Refusal) as caught:
        customers.decide(command, state or State(), Context(agreement, NOW))
    assert caught.value.clause == "1.2"
    return caught.value


def test_a_customer_is_bound_to_one_version_from_that_moment(agreement):
    (event,) = recorded(
        customers.decide(OpenCustomer("velo", " Velo A/S "), State(), Context(agreement, NOW))
    )
    state = customers.CUSTOMERS.evolve(State(), event)
    assert (state.name, state.agreement_version, state.since) == ("Velo A/S", VERSION, NOW)
    assert (
        customers.CUSTOMERS.describe(event, agreement) == f"Velo A/S entered the agreement, version {VERSION}"
    )


@pytest.mark.parametrize("id", ["a", "7", "apotek-ett", "a" * 60])
def test_an_identifier_of_letters_digits_and_hyphens_is_fine(agreement, id):
    assert customers.decide(OpenCustomer(id, "A"), State(), Context(agreement, NOW))


@pytest.mark.parametrize(
    "id",
    ["", "-a", "A", "å", "a b", "a/b", "@demo", "@person:x@y.z", "a\n", "a" * 61, "../a", "<b>", "processor"],
)
def test_any_other_identifier_is_refused(agreement, id):
    assert refused(OpenCustomer(id, "A"), agreement).field == "customer_id"


def test_an_identifier_is_given_once(agreement):
    refusal = refused(
        OpenCustomer("velo", "Velo"), agreement, State(name="Velo A/S", agreement_version=VERSION)
    )
    assert "Velo A/S" in refusal.message


@pytest.mark.parametrize(("name", "fine"), [("", False), ("  ", False), ("x", True), ("x" * 200, True),
                                            ("x" * 201, False)])  # fmt: skip
def test_a_name_has_1_to_200_characters(agreement, name, fine):
    if fine:
        assert customers.decide(OpenCustomer("velo", name), State(), Context(agreement, NOW))
    else:
        assert refused(OpenCustomer("velo", name), agreement).field == "name"
