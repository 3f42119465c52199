"""The pages of requests: who finds which step, and what is refused without losing what was typed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.access import Forbidden
from dpa_core.application import Application
from dpa_core.subjects import assistance, audits, data_return, dates, incidents, objections
from pages.parts import uploads
from tests.conftest import NOW, People, SettableClock
from tests.pages import alone, as_read, confirm, labels, shown, visit
from tests.test_requests import AUDIT, BREACH, HELP, ORDER, TALVOX, act, announce, govern

PAGES = ["audits", "notices", "data_return", "assistance", "incidents"]


def field(at: AppTest, label: str):
    """A field by its label."""
    kinds = (at.text_input, at.text_area, at.date_input, at.selectbox, at.multiselect, at.radio, at.checkbox)
    return next(w for kind in kinds for w in kind if w.label == label)


def press(at: AppTest, label: str) -> AppTest:
    return next(b for b in at.button if b.label == label).click().run()


def errors(at: AppTest) -> str:
    assert not at.exception, at.exception
    return "\n".join(e.value for e in at.error)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", ["anna", "clara", "david", "eva"])
def test_every_page_opens_for_everyone_who_may_read(
    application: Application, people: People, page: str, who: str
) -> None:
    assert shown(visit(page, application, getattr(people, who), "nordfrakt"))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", ["clara", "david"])
def test_who_may_only_read_finds_no_step(
    application: Application, people: People, page: str, who: str
) -> None:
    act(application, people.anna, AUDIT)
    act(application, people.anna, HELP)
    act(application, people.anna, ORDER)
    announce(application, people)
    govern(application, people.eva, BREACH)
    at = visit(page, application, getattr(people, who), "nordfrakt")
    assert "Instructions are given by an admin" in shown(at)
    assert not at.button
    assert not at.text_area


@pytest.mark.parametrize("page", PAGES)
def test_in_the_past_nothing_can_be_done(
    application: Application, people: People, clock: SettableClock, page: str
) -> None:
    act(application, people.anna, AUDIT)
    clock.pass_days(3)
    at = visit(page, application, people.anna, "nordfrakt", NOW + timedelta(days=1))
    assert not at.button


def test_labels_are_on_every_field(application: Application, people: People) -> None:
    for page in PAGES:
        for who in (people.anna, people.eva):
            at = visit(page, application, who, "nordfrakt")
            fields = [*at.text_input, *at.text_area, *at.date_input, *at.selectbox, *at.multiselect]
            assert all(w.label.strip() for w in [*fields, *at.radio, *at.checkbox])


# --- audits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (date(2020, 1, 7), "it wants 60 days’ notice"),
        (date(2027, 1, 22), "it wants 60 days’ notice"),
        (date(2027, 3, 26), "no working day in Stockholm (Good Friday)"),
    ],
)
def test_a_date_in_the_past_too_soon_or_on_a_holiday(
    application: Application, people: People, first: date, why: str
) -> None:
    at = visit("audits", application, people.anna, "nordfrakt")
    field(at, "Scope").set_value("Access rights")
    field(at, "First day").set_value(first)
    at = field(at, "Last day").set_value(first).run()
    assert why in errors(at).replace("\\", "")
    at = press(at, "Send the notice")
    assert "(3.1(xii))" in errors(at)
    assert field(at, "Scope").value == "Access rights"
    assert field(at, "First day").value == first
    assert application.open(people.anna, "nordfrakt").state.audits.audits == {}


# --- changes -------------------------------------------------------------------------------------


def drafted(application: Application, people: People) -> AppTest:
    govern(application, people.eva, TALVOX)
    at = visit("notices", application, people.eva, "nordfrakt")
    return press(at, "Publish")


def test_an_effective_date_29_days_ahead(application: Application, people: People) -> None:
    at = drafted(application, people)
    day = dates.local_day(NOW) + timedelta(days=29)
    field(at, "Counts from").set_value(day)
    at = confirm(at, "Publish to all customers")
    assert "(Sch. 2 1.1)" in errors(at)
    assert field(at, "Counts from").value == day
    assert application.open(people.anna, "nordfrakt").changes == {}


def test_an_objection_without_grounds(application: Application, people: People) -> None:
    announce(application, people)
    at = press(visit("notices", application, people.anna, "nordfrakt"), "Object")
    field(at, "These grounds relate to data protection.").set_value(True)
    at = confirm(at, "Object")
    assert "reasonable, documented grounds" in errors(at)
    assert "(Sch. 2 1.2)" in errors(at)
    assert field(at, "These grounds relate to data protection.").value is True


# --- return and deletion -------------------------------------------------------------------------


def test_a_second_termination(application: Application, people: People) -> None:
    at = press(visit("data_return", application, people.eva, "nordfrakt"), "Record the end of the agreement")
    field(at, "Reason").set_value("Once more")
    act(application, people.eva, data_return.Terminate(dates.local_day(NOW), "Notice"))
    for told in ("Someone else changed this meanwhile", "An agreement ends once."):
        at = confirm(at, "Record the end")
        assert told in shown(at).replace("\\", "")
        assert field(at, "Reason").value == "Once more"
    at = visit("data_return", application, people.eva, "nordfrakt")
    assert "Record the end of the agreement" not in labels(at)


def test_an_order_without_a_category_or_the_cost(application: Application, people: People) -> None:
    at = press(visit("data_return", application, people.anna, "nordfrakt"), "Order a return or deletion")
    assert next(b for b in at.button if b.label == "Send the order").disabled
    categories = field(at, "Data categories")
    at = alone(at, categories.set_value(["contact"]))
    assert "(3.1(xiii))" in errors(confirm(at, "Send the order"))


# --- assistance ----------------------------------------------------------------------------------


def test_a_title_of_markup_is_shown_as_typed(application: Application, people: People) -> None:
    typed = "<b>*x*</b> :material/home: $a$"
    act(application, people.anna, assistance.RequestHelp("dpia", typed, typed, cost_acknowledged=True))
    at = visit("assistance", application, people.anna, "nordfrakt")
    (title,) = [h.value for h in at.subheader]
    assert as_read(title) == f"2. {typed}"
    assert "\\<b\\>\\*x\\*" in title
    assert typed in [t.value for t in at.text]


def test_someone_else_was_faster(application: Application, people: People) -> None:
    number = act(application, people.anna, HELP)
    at = visit("assistance", application, people.anna, "nordfrakt")
    field(at, "Message").set_value("Any news?")
    act(application, people.bo, assistance.CloseRequest(number))
    at = press(at, "Send")
    assert "Someone else changed this meanwhile" in shown(at)
    assert f"Withdrew request {number}" in shown(at)


# --- files ---------------------------------------------------------------------------------------


def test_what_is_wrong_with_a_file_is_said_beside_the_uploader_before_anything_is_sent(
    application: Application, people: People
) -> None:
    at = visit("assistance", application, people.anna, "nordfrakt")
    files = [("a.pdf", b"no PDF", "application/pdf"), ("b.txt", b"BM: fine", "text/plain")]
    at = at.file_uploader[0].set_value(files).run()
    [said] = [e.value.replace("\\", "") for e in at.error]
    assert said.startswith("“a.pdf” is no PDF")


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (uploads.Chosen(failed=("plan.pdf",)), "1 file was not uploaded: plan.pdf."),
        (uploads.Chosen(waiting=("a.txt", "b.txt")), "2 files are still on the way: a.txt and b.txt."),
    ],
)
def test_nothing_is_sent_without_a_file_that_did_not_arrive(
    application: Application, people: People, monkeypatch: pytest.MonkeyPatch, chosen, why: str
) -> None:
    monkeypatch.setattr(uploads, "choose", lambda *_, **__: chosen)
    at = visit("assistance", application, people.anna, "nordfrakt")
    at = field(at, "Kind of help").set_value("dpia").run()
    field(at, "Title").set_value("Voicebot")
    field(at, "What you need").set_value("The flows")
    at.checkbox[0].set_value(True)
    at = press(at, "Send the request")
    assert why in errors(at).replace("\\", "")
    assert application.open(people.anna, "nordfrakt").state.assistance.requests == {}


def test_a_step_that_sends_no_files_says_so(application: Application, people: People) -> None:
    act(application, people.anna, HELP)
    at = visit("assistance", application, people.anna, "nordfrakt")
    at.file_uploader[-1].set_value([("b.txt", b"Hello", "text/plain")])
    at = press(at, "Withdraw the request")
    assert "This step sends no files" in errors(at)


# --- the desk ------------------------------------------------------------------------------------


def test_the_desk_lists_what_is_open_and_filters_it(
    application: Application, people: People, clock: SettableClock
) -> None:
    act(application, people.anna, HELP)
    act(application, people.henrik, AUDIT, "solsidan")
    clock.pass_days(20)
    at = visit("desk", application, people.eva, "nordfrakt")
    assert "**2 open tasks**, :material/warning: **1 overdue**" in shown(at)
    assert labels(at) == ["Answer", "Be ready for the audit"]
    at = field(at, "Overdue only").set_value(True).run()
    assert labels(at) == ["Answer"]
    at.checkbox[0].set_value(False)
    at = field(at, "Customer or title").set_value("solsidan").run()
    assert labels(at) == ["Be ready for the audit"]


def test_an_empty_desk_says_so(application: Application, people: People) -> None:
    assert "Nothing is open under these filters." in shown(
        visit("desk", application, people.eva, "nordfrakt")
    )


@pytest.mark.parametrize("who", ["anna", "clara", "david"])
def test_the_desk_is_closed_to_everyone_else(application: Application, people: People, who: str) -> None:
    with pytest.raises(Forbidden):
        application.open_provider(getattr(people, who))


# --- changes, as time goes by ----------------------------------------------------------------------


def test_notices_show_their_standing_in_words(
    application: Application, people: People, clock: SettableClock
) -> None:
    change = announce(application, people, ahead=40)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    clock.pass_days(61)
    text = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "60 days passed without a way out" in text
    theirs = shown(visit("notices", application, people.henrik, "solsidan"))
    assert "No assessment" not in theirs
    assert audits.CLAUSE not in theirs


def test_an_acknowledgement_is_one_press_and_a_readers_is_refused(
    application: Application, people: People
) -> None:
    number = govern(application, people.eva, BREACH)
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "A leak"}, ("nordfrakt",)))
    with pytest.raises(Forbidden):
        act(application, people.clara, incidents.AcknowledgeNotice(number, 1))
    at = press(visit("incidents", application, people.anna, "nordfrakt"), "Acknowledge the notice")
    assert not at.exception
    assert application.open(people.anna, "nordfrakt").state.incidents.handling[number].seen == 1
