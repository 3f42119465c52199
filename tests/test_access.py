"""Who may do what to which customer: every command and every reading, by every role, own and other."""

from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from dpa_core.access import Forbidden, SignInAgain, acting_side, may, require
from dpa_core.application import SESSION, Application, Changed, Refusal
from dpa_core.ledger import Ledger
from dpa_core.subjects import customers, registry, retention
from dpa_core.subjects.audits import AcceptAudit
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.grants import ROLES, GrantAccess, RevokeAccess
from dpa_core.views import history
from dpa_core.views import people as who
from dpa_core.views import usage as figures
from tests.conftest import BEGAN, CUSTOMERS, NOW, carry_out, email, sign_in

OWN, OTHER = "nordfrakt", "solsidan"
EVERYONE = {
    "anna": "customer_admin",
    "clara": "customer_reader",
    "david": "account_manager",
    "eva": "privacy_officer",
    "farid": None,
}
"""All but the privacy officer, who is for all customers, have their role for OWN."""

INSTRUCTIONS = {
    "switch a feature": SetFeatures({"voice": True}),
    "shorten a period": retention.SetPeriod("chats", 60),
    "lengthen a period": retention.SetPeriod("chats", 400, "audit"),
    "cancel a shortening": retention.CancelShortening("sms"),
    "place a hold": retention.PlaceHold("chats", "case"),
    "release a hold": retention.ReleaseHold("emails"),
}


@pytest.fixture
def prepared(application, people):
    """Both customers with a shortening that waits and a hold that stands."""
    for admin, customer in ((people.anna, OWN), (people.henrik, OTHER)):
        carry_out(application, admin, customer, retention.SetPeriod("sms", 30))
        carry_out(application, admin, customer, retention.PlaceHold("emails", "case"))
    return application


def test_no_role_and_no_instruction_is_missing_from_these_tests():
    assert {role for role in EVERYONE.values() if role} == set(ROLES)
    assert {type(c) for c in INSTRUCTIONS.values()} == {SetFeatures, *retention.RETENTION.commands}


def attempt(step):
    """Whether the door let it happen; only being forbidden counts as not."""
    try:
        step()
    except Forbidden:
        return False
    return True


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("customer", [OWN, OTHER])
@pytest.mark.parametrize("name", EVERYONE)
def test_who_may_open_a_customer(application, people, name, customer):
    person = getattr(people, name)
    allowed = EVERYONE[name] == "privacy_officer" or (EVERYONE[name] is not None and customer == OWN)
    for as_of in (None, BEGAN + timedelta(days=1)):
        assert attempt(lambda at=as_of: application.open(person, customer, at)) == allowed


@pytest.mark.parametrize("name", [n for n, role in EVERYONE.items() if role])
def test_whoever_may_open_a_customer_reads_what_the_pages_show(prepared, people, name):
    file = prepared.open(getattr(people, name), OWN)
    assert len(history.instructions(file)) == 3
    assert history.fault(file) is None
    assert {a.email for a in who.people(file)} == {email(n) for n in ("anna", "bo", "clara", "david")}
    assert figures.monthly(file, "chats") == []
    assert file.allows("read")
    assert file.allows("instruct") == (name == "anna")
    assert file.allows("grant_customer_roles") == (name in ("anna", "eva"))


@pytest.mark.parametrize("name", ["anna", "eva"])
def test_nobody_can_change_the_past(application, people, name):
    file = application.open(getattr(people, name), OWN, BEGAN + timedelta(days=1))
    assert file.allows("read")
    for action in ("instruct", "grant_customer_roles", "grant_any_role", "open_customer", "import_usage"):
        assert not file.allows(action)


@pytest.mark.parametrize(
    "asked", ["no-such", "", "@demo", f"@person:{email('anna')}", "x" * 5000, "<b>", "%"]
)
@pytest.mark.parametrize("name", EVERYONE)
def test_a_customer_that_does_not_exist_looks_like_one_that_may_not_be_opened(
    application, people, name, asked
):
    person = getattr(people, name)
    with pytest.raises(Forbidden) as unknown:
        application.open(person, asked)
    with pytest.raises(Forbidden) as forbidden:
        application.open(people.farid, OTHER)
    assert str(unknown.value) == str(forbidden.value).replace(OTHER, asked[:60])


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("anna", ["nordfrakt"]),
        ("clara", ["nordfrakt"]),
        ("david", ["nordfrakt"]),
        ("henrik", ["fjallbank", "solsidan"]),
        ("eva", ["fjallbank", "nordfrakt", "solsidan"]),
        ("farid", []),
    ],
)
def test_the_directory_lists_what_may_be_opened(application, people, name, listed):
    person = getattr(people, name)
    assert application.directory(person) == [(id, CUSTOMERS[id]) for id in listed]
    assert application.directory(person, limit=1) == [(id, CUSTOMERS[id]) for id in listed[:1]]
    # A search finds no more than that.
    assert [id for id, _ in application.directory(person, "a")] == listed


def test_the_directory_is_searched_in_names_and_identifiers_as_typed(application, people):
    assert [id for id, _ in application.directory(people.eva, "FJÄLL")] == ["fjallbank"]
    assert [id for id, _ in application.directory(people.eva, "fjall")] == ["fjallbank"]
    for wild in ("%", "_", "'", "' OR true --"):
        assert application.directory(people.eva, wild) == []


# --- instructions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("customer", [OWN, OTHER])
@pytest.mark.parametrize("name", EVERYONE)
def test_only_an_admin_of_the_customer_gives_instructions(prepared, people, name, customer):
    person = getattr(people, name)
    for command in INSTRUCTIONS.values():
        before = prepared.ledger.head(customer)
        try:
            happened = attempt(
                lambda c=command, h=before: prepared.carry_out(person, customer, c, h.sequence)
            )
        except Refusal:  # a period that is waiting already: past the check of access
            happened = True
        assert happened == (name == "anna" and customer == OWN)
        if not happened:
            assert prepared.ledger.head(customer) == before


def test_each_instruction_is_recorded_under_the_admins_name_for_the_customer(application, people):
    receipt = carry_out(application, people.anna, OWN, voice=True)
    event = application.ledger.events(OWN)[-1]
    assert (event.actor, event.on_behalf_of) == (people.anna.id, OWN)
    assert (event.sequence, event.digest) == (receipt.sequence, receipt.digest)


def test_an_instruction_for_no_customer_is_forbidden_before_anything_is_read(application, people):
    for customer in ("no-such", "@demo", f"@person:{email('anna')}"):
        with pytest.raises(Forbidden):
            application.carry_out(people.anna, customer, SetFeatures({"voice": True}), 1)


# --- roles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("customer", [OWN, OTHER])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", EVERYONE)
def test_who_may_give_and_take_which_role(application, people, name, role, customer):
    person = getattr(people, name)
    of = None if role == "privacy_officer" else customer
    by_admin = name == "anna" and customer == OWN and role in ("customer_admin", "customer_reader")
    allowed = name == "eva" or by_admin
    new = "new@people.example"
    assert attempt(lambda: application.change_access(person, GrantAccess(new, role, of))) == allowed
    assert bool(application.person(new).grants) == allowed
    if not allowed:
        application.change_access(people.eva, GrantAccess(new, role, of))
    assert attempt(lambda: application.change_access(person, RevokeAccess(new, role, of))) == allowed
    assert bool(application.person(new).grants) != allowed


def test_a_role_given_is_held_at_once_and_one_taken_is_gone_at_once(application, people):
    application.change_access(people.anna, GrantAccess(email("farid"), "customer_reader", OWN))
    assert application.open(application.person(email("farid")), OWN).role == "customer_reader"
    application.change_access(people.anna, RevokeAccess(email("farid"), "customer_reader", OWN))
    with pytest.raises(Forbidden):
        application.open(application.person(email("farid")), OWN)


STEPS = {
    "reading": lambda application, person: application.open(person, OWN),
    "an instruction": lambda application, person: application.carry_out(
        person, OWN, SetFeatures({"voice": True}), 1
    ),
    "a role given": lambda application, person: application.change_access(
        person, GrantAccess("new@people.example", "customer_reader", OWN)
    ),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_dialog_left_open_does_not_outlive_the_role_it_was_opened_under(application, people, step):
    held_before = people.anna
    application.change_access(people.eva, RevokeAccess(email("anna"), "customer_admin", OWN))
    with pytest.raises(Forbidden):
        step(application, held_before)
    assert application.ledger.head(OWN).sequence == 1


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_nor_the_sign_in(application, clock, step):
    _, anna = sign_in(application, "anna")
    clock.at += SESSION - timedelta(microseconds=1)
    application.open(anna, OWN)
    clock.at += timedelta(microseconds=1)
    with pytest.raises(SignInAgain, match="expired"):
        step(application, anna)
    assert application.ledger.head(OWN).sequence == 1


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_signing_out_in_one_tab_ends_the_others(application, step):
    secret, here = sign_in(application, "anna")
    elsewhere = application.person_of(application.session(secret))
    _, in_another_browser = sign_in(application, "anna")
    application.sign_out(application.session(secret))
    for person in (here, elsewhere):
        with pytest.raises(SignInAgain, match="was ended"):
            step(application, person)
    step(application, in_another_browser)


def test_a_provider_for_some_customers_opens_nothing_else(store, agreement, clock):
    with Ledger.open(store) as ledger:
        reach = {"test": frozenset({"fjallbank"}), "another": None}
        application = Application(ledger, {agreement.version: agreement}, clock, reach=reach)
        (_, henrik), (_, eva) = (sign_in(application, name) for name in ("henrik", "eva"))
        assert [g.customer_id for g in henrik.grants] == ["fjallbank"]
        assert eva.grants == ()
        application.open(henrik, "fjallbank")
        with pytest.raises(Forbidden):
            application.open(henrik, OTHER)
        with pytest.raises(Forbidden):
            application.open(eva, OWN)


def test_a_sign_in_through_a_provider_that_was_taken_away_is_over(store, agreement, clock):
    with Ledger.open(store) as ledger:
        before = Application(ledger, {agreement.version: agreement}, clock)
        secret, _ = sign_in(before, "anna")
        application = Application(ledger, {agreement.version: agreement}, clock, reach={"another": None})
        session = application.session(secret)
        assert not application.is_open(session)
        with pytest.raises(SignInAgain, match="was ended"):
            application.person_of(session)


def test_a_role_that_someone_claims_to_hold_is_looked_up(application, people):
    with pytest.raises(Forbidden):
        application.open(replace(people.farid, grants=people.eva.grants), OWN)


def test_an_address_counts_however_it_was_typed(application, people):
    application.change_access(people.eva, GrantAccess(" Farid@People.Example ", "customer_reader", OWN))
    assert application.person(email("farid")).customer_ids == (OWN,)


def test_a_role_for_a_customer_that_does_not_exist_is_refused(application, people):
    for customer in ("no-such", "@demo"):
        with pytest.raises(Refusal, match="There is no customer"):
            application.change_access(people.eva, GrantAccess(email("farid"), "customer_reader", customer))


def test_someone_with_several_roles_acts_under_the_one_that_allows_most(application, people):
    application.change_access(people.eva, GrantAccess(email("anna"), "customer_reader", OWN))
    application.change_access(people.eva, GrantAccess(email("anna"), "privacy_officer"))
    anna = application.person(email("anna"))
    assert anna.role_for(OWN) == "customer_admin"
    assert anna.role_for(OTHER) == "privacy_officer"
    assert anna.is_provider
    assert not people.anna.is_provider
    assert people.david.is_provider


def test_a_reader_who_is_also_a_privacy_officer_is_shown_the_steps_that_the_door_allows(application, people):
    application.change_access(people.eva, GrantAccess(email("eva"), "customer_reader", OWN))
    eva = application.person(email("eva"))
    file = application.open(eva, OWN)
    assert file.acts
    assert file.context.side == acting_side(eva, AcceptAudit(1), OWN) == "provider"
    assert application.open(people.clara, OWN).context.side == "customer"
    assert application.open(people.anna, OWN).context.side == "customer"


# --- every command --------------------------------------------------------------------------------

SIDES = {"anna": "customer", "clara": None, "david": None, "eva": "provider", "farid": None, "henrik": None}
"""For which side the people act for `OWN`, where a command asks for no right of its own."""
RIGHTS = {
    "take_snapshot": {"anna": "customer", "david": "provider", "eva": "provider"},
    "hold_review": {"david": "provider", "eva": "provider"},
    "open_customer": {"eva": "provider"},
    "govern": {"eva": "provider"},
}
COMMANDS = [c for s in (*registry.OF_CUSTOMER, *registry.OF_PROVIDER) for c in s.commands]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.__name__)
def test_every_command_is_for_its_side_and_its_right(people, command):
    given = object.__new__(command)  # who may give it does not depend on what it says
    for name in SIDES:
        side = RIGHTS[command.action].get(name) if command.action else SIDES[name]
        person = getattr(people, name)
        if side in command.by:
            assert acting_side(person, given, OWN) == side
        else:
            with pytest.raises(Forbidden):
                acting_side(person, given, OWN)


# --- the provider's own ledger -----------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYONE)
def test_only_a_privacy_officer_opens_customers_and_imports_figures(application, people, name):
    person = getattr(people, name)
    table = pa.table(
        {"customer_id": [OWN], "data_type": ["sms"], "month_start": [date(2026, 1, 1)], "records": [1],
         "bytes": [1]}
    )  # fmt: skip
    assert attempt(lambda: application.open_customer(person, customers.OpenCustomer("velo", "Velo"))) == (
        name == "eva"
    )
    assert attempt(lambda: application.import_usage(person, table)) == (name == "eva")
    assert (application.ledger.head("velo") is not None) == (name == "eva")
    assert application.ledger.rows("SELECT count(*) FROM usage_figures") == [(int(name == "eva"),)]


@pytest.mark.parametrize("name", EVERYONE)
def test_nobody_moves_the_date_outside_the_demo(application, people, clock, name):
    with pytest.raises(Forbidden, match="in the demo only"):
        application.advance_clock(getattr(people, name), 7)
    assert clock.now() == NOW
    assert application.ledger.head("@demo") is None


# --- the decision can explain itself --------------------------------------------------------------


def test_a_decision_names_the_rule_behind_it(people):
    assert may(people.anna, "instruct", OWN).rule == "Customer admin of nordfrakt may instruct"
    assert may(people.eva, "read", OWN).rule == "Privacy officer of the provider may read"
    refusal = may(people.clara, "instruct", OWN)
    assert not refusal.allowed
    assert refusal.rule == "no grant of clara@people.example allows instruct on nordfrakt"


def test_what_the_screen_says_tells_nothing_of_the_customer(people):
    with pytest.raises(Forbidden) as caught:
        require(people.clara, "instruct", OWN)
    assert "ordfrakt" not in str(caught.value)


def test_an_outdated_page_does_not_get_around_the_check(prepared, people):
    # Forbidden comes before Changed: what others did is not told to someone who may not know it.
    with pytest.raises(Forbidden):
        prepared.carry_out(people.clara, OWN, SetFeatures({"voice": True}), 1)
    with pytest.raises(Changed):
        prepared.carry_out(people.anna, OWN, SetFeatures({"voice": True}), 1)
