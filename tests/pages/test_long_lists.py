"""Lists longer than a page, and choices among more customers than one can look through."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.customers import FEW, FOUND


def script_of_pages():
    import streamlit as st

    from pages.parts import paging

    asked = st.text_input("Search", key="asked")
    found = 45 if not asked else 12
    at = paging.number("list", found, 20, asked)
    st.text(f"page {at}")
    paging.draw("list", found, 20, "customer")


def script_of_one(many):
    import streamlit as st

    from pages.parts import customers

    names = {f"c{n:04}": f"Company {n:04}" for n in range(many)}
    st.text(f"chosen: {customers.one('choice', names)}")


def script_of_several(many, default):
    import streamlit as st

    from pages.parts import customers

    class Form:
        def key(self, name):
            return f"form.{name}"

        def field(self, name, label):
            return {"label": label, "key": self.key(name)}

    names = {f"c{n:04}": f"Company {n:04}" for n in range(many)}
    st.text(",".join(customers.several(Form(), "who", "Customers", names, default)))


@pytest.fixture
def pages():
    return AppTest.from_function(script_of_pages).run()


def says(at):
    return at.text[0].value, [c.value for c in at.caption]


def test_the_way_goes_forward_to_the_last_page_and_back(pages):
    assert says(pages) == ("page 0", ["1 to 20 of 45 customers"])
    assert [b.disabled for b in pages.button] == [True, False]
    pages.button(key="list.next").click().run()
    pages.button(key="list.next").click().run()
    assert says(pages) == ("page 2", ["41 to 45 of 45 customers"])
    assert [b.disabled for b in pages.button] == [False, True]
    pages.button(key="list.previous").click().run()
    assert says(pages) == ("page 1", ["21 to 40 of 45 customers"])


def test_asking_for_something_else_begins_at_the_first_page_again(pages):
    pages.button(key="list.next").click().run()
    pages.text_input(key="asked").set_value("x").run()
    assert says(pages) == ("page 0", [])
    assert not pages.button  # all of them are shown
    pages.text_input(key="asked").set_value("").run()
    assert says(pages)[0] == "page 0"


def test_a_list_that_has_become_shorter_shows_its_last_page(pages):
    pages.session_state["list.page"] = 7
    assert says(pages.run())[0] == "page 2"


def test_few_customers_are_all_listed():
    at = AppTest.from_function(script_of_one, args=(FEW,)).run()
    assert not at.text_input
    assert len(at.selectbox[0].options) == FEW + 1


def test_many_customers_are_searched_for_and_the_choice_stays():
    at = AppTest.from_function(script_of_one, args=(FEW + 1,)).run()
    assert at.selectbox[0].options == ["All"]
    at.text_input(key="choice.find").set_value(" COMPANY 0033 ").run()
    at.selectbox(key="choice").select("c0033").run()
    at.text_input(key="choice.find").set_value("nobody").run()
    assert (at.text[0].value, at.caption[0].value) == (
        "chosen: c0033",
        "No customer has that in its name.",
    )
    at.text_input(key="choice.find").set_value("company").run()
    assert len(at.selectbox[0].options) == FOUND + 2
    assert at.caption[0].value == f"The first {FOUND} are listed. Type more of the name."


def test_all_of_many_are_chosen_at_once_or_some_by_name():
    at = AppTest.from_function(script_of_several, args=(FEW + 1, ["c0001", "c0002"])).run()
    assert at.text[0].value == "c0001,c0002"
    assert at.checkbox[0].label == "All of them: 2"
    at.checkbox[0].uncheck().run()
    assert at.text[0].value == ""
    at.text_input(key="form.who_find").set_value("0030").run()
    at.multiselect(key="form.who").select("c0030").run()
    at.text_input(key="form.who_find").set_value("0040").run()
    at.multiselect(key="form.who").select("c0040").run()
    assert at.text[0].value == "c0030,c0040"
