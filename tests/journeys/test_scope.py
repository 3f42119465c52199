"""Which customer, and which moment, a person looks at."""

from playwright.sync_api import expect

from dpa_core.agreement import Agreement
from tests.journeys.conftest import ANNA, CLARA, DAVID, EVA, HENRIK, SignIn

PAGES = ["/", "/features", "/sub_processors", "/retention", "/history", "/agreement", "/access"]


def test_an_account_manager_cannot_open_an_unassigned_customer_by_its_address(sign_in: SignIn):
    david = sign_in(DAVID, "/?customer=solsidan")
    david.sees("Solsidan Försäkring AB · Agreement")
    for page in PAGES:
        david.open(f"{page}?customer=granit")
        david.sees("There is no customer “granit” that you may open.")
        david.does_not_see("Granit Telekom")
    # The words are those for a customer that does not exist.
    david.open("/?customer=no-such-customer")
    david.sees("There is no customer “no-such-customer” that you may open.")
    david.click("Go to the start page")
    david.sees("Where your data is processed")


def test_an_account_manager_sees_its_customers_and_changes_nothing(sign_in: SignIn):
    david = sign_in(DAVID, "/features?customer=nordfrakt")
    david.sees("Instructions are given by an admin of the customer.")
    choice = david.page.get_by_label("Customer", exact=True)
    choice.scroll_into_view_if_needed()  # scrolling closes an open list
    david.settle()
    choice.click()
    expect(david.page.get_by_role("option")).to_have_count(4)
    david.page.get_by_role("option", name="Fjällbank AB").click()
    david.sees("Fjällbank AB · Agreement")


def test_one_person_can_have_different_roles_for_two_customers(sign_in: SignIn):
    henrik = sign_in(HENRIK, "/features?customer=solsidan")
    henrik.sees("Customer admin")
    henrik.open("/features?customer=apotek-ett")
    henrik.sees("Customer reader")
    henrik.sees("Instructions are given by an admin of the customer.")


def test_the_whole_app_can_be_looked_at_as_it_stood(sign_in: SignIn, newest: Agreement):
    eva = sign_in(EVA, "/history?customer=granit&as_of=2026-06-30")
    for page in PAGES:
        eva.open(f"{page}?customer=granit&as_of=2026-06-30")
        eva.sees("As it stood on 30 Jun 2026.")
    eva.open("/?customer=granit&as_of=2026-06-30")
    eva.sees(f"3 of {len(newest.features)}")
    eva.click("Back to today")
    eva.sees(f"5 of {len(newest.features)}")
    eva.does_not_see("You are looking at the past.")


def test_the_past_cannot_be_changed(sign_in: SignIn, newest: Agreement):
    anna = sign_in(ANNA, "/features?as_of=2026-06-30")
    anna.sees("Nothing can be changed here.")
    switches = anna.page.get_by_role("switch").or_(anna.page.get_by_role("checkbox"))
    expect(switches).to_have_count(len(newest.features))
    for switch in switches.all():
        expect(switch).to_be_disabled()


def test_a_day_that_cannot_be_shown_is_said_plainly(sign_in: SignIn):
    anna = sign_in(ANNA)
    for day in ("2020-01-01", "2999-01-01", "yesterday", "2026-02-31"):
        anna.open(f"/?as_of={day}")
        anna.sees("This cannot be shown")
        anna.click("Go to the start page")
        anna.sees("Where your data is processed")


def test_a_customer_checks_its_own_record(sign_in: SignIn):
    clara = sign_in(CLARA, "/history")
    clara.click("Check the record")
    clara.sees("Whole: entries 1 to 5 fit.")


def test_nothing_is_wider_than_a_phone(sign_in: SignIn):
    anna = sign_in(ANNA, viewport={"width": 390, "height": 844})
    for page in PAGES:
        anna.open(page)
        assert anna.page.evaluate("document.documentElement.scrollWidth") <= 390, page
        main = "document.querySelector('[data-testid=stMain]')"
        assert anna.page.evaluate(f"{main}.scrollWidth <= {main}.clientWidth"), page
