"""The retention page: what it shows to whom, and each of its dialogs."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dpa_core import access
from dpa_core.agreement import Agreement
from dpa_core.application import Application
from dpa_core.subjects.grants import RevokeAccess
from dpa_core.subjects.retention import CancelShortening, Period, PlaceHold, ReleaseHold, SetPeriod, period
from tests.conftest import NOW, People, SettableClock, carry_out, email
from tests.pages import alone, confirm, labels, shown, visit


def press(at: AppTest, ask: str, data_type: str) -> AppTest:
    """Open a dialog from its row."""
    return at.button(key=f"open.retention.{ask}.{data_type}").click().run()


def enter(at: AppTest, days: int) -> AppTest:
    """Type a number of days into the dialog."""
    return alone(at, at.number_input[0].set_value(days))


def stands(
    application: Application, people: People, data_type: str, customer_id: str = "nordfrakt"
) -> Period:
    file = application.open(people.eva, customer_id)
    return period(data_type, file.state.retention, file.agreement, file.now)


@pytest.fixture
def usage(application: Application) -> None:
    """Chats of Nordfrakt: 3,000 records and 3 MB in each month of 2026 up to November."""
    months = [date(2026, n, 1) for n in range(1, 12)]
    application.import_usage(
        access.operator(NOW),
        pa.table(
            {
                "customer_id": ["nordfrakt"] * len(months),
                "data_type": ["chats"] * len(months),
                "month_start": pa.array(months, pa.date32()),
                "records": pa.array([3_000] * len(months), pa.int64()),
                "bytes": pa.array([3_000_000] * len(months), pa.int64()),
            }
        ),
    )


# --- the page ------------------------------------------------------------------------------------


def test_each_data_type_is_listed_with_its_range_under_its_category(
    application: Application, people: People, agreement: Agreement
) -> None:
    at = visit("retention", application, people.anna, "nordfrakt")
    text = shown(at)
    for kind in agreement.retention.data_types:
        assert f"**{kind.name}**" in text
        assert f"{kind.minimum_days:,} to {kind.maximum_days:,} days" in text
    assert {s.value for s in at.subheader} == {
        agreement.data_category(k.data_category).name for k in agreement.retention.data_types
    }


def test_it_says_that_the_agreement_names_no_periods(
    application: Application, people: People, agreement: Agreement
) -> None:
    assert agreement.retention.note in shown(visit("retention", application, people.anna, "nordfrakt"))


def test_a_pending_shortening_says_until_when_it_can_be_cancelled(
    application: Application, people: People
) -> None:
    carry_out(application, people.anna, "nordfrakt", SetPeriod("chats", 100))
    at = visit("retention", application, people.anna, "nordfrakt")
    text = shown(at)
    assert "**365 days (about 12 months)**" in text
    assert "**100 days (about 3 months)** from 1 Dec 2026 (in 7 days)" in text
    assert "It can be cancelled until 1 Dec 2026, 15:00" in text
    assert "What is coming" in text
    assert "Cancel shortening" in labels(at)


def test_a_shortening_that_took_effect_names_its_instruction(
    application: Application, people: People, clock: SettableClock
) -> None:
    sequence = carry_out(application, people.anna, "nordfrakt", SetPeriod("chats", 100)).sequence
    clock.pass_days(8)
    text = shown(visit("retention", application, people.anna, "nordfrakt"))
    assert f"Since 1 Dec 2026, by `anna@people.example` (instruction {sequence})" in text
    assert "What is coming" not in text


def test_a_legal_hold_and_its_reason_are_shown(application: Application, people: People) -> None:
    carry_out(application, people.anna, "nordfrakt", PlaceHold("emails", "*Dispute* <b>2026</b>"))
    at = visit("retention", application, people.clara, "nordfrakt")
    assert "nothing is deleted until it is released" in shown(at)
    assert "“*Dispute* <b>2026</b>”" in [t.value for t in at.text]


def test_a_released_hold_says_when_deletion_resumes(application: Application, people: People) -> None:
    carry_out(application, people.anna, "nordfrakt", PlaceHold("emails", "Dispute"))
    carry_out(application, people.anna, "nordfrakt", ReleaseHold("emails"))
    text = shown(visit("retention", application, people.anna, "nordfrakt"))
    assert "Deletion resumes on 1 Dec 2026 (in 7 days)" in text


@pytest.mark.parametrize("who", ["clara", "david", "eva"])
def test_who_may_not_instruct_sees_all_and_changes_nothing(
    application: Application, people: People, who: str
) -> None:
    at = visit("retention", application, getattr(people, who), "nordfrakt")
    assert "**Technical logs**" in shown(at)
    assert not at.button


def test_the_past_cannot_be_changed(application: Application, people: People) -> None:
    assert not visit("retention", application, people.anna, "nordfrakt", NOW - timedelta(days=30)).button


# --- change a period -----------------------------------------------------------------------------


def test_shortening_shows_what_goes_and_when_before_it_is_confirmed(
    application: Application, people: People, usage: None
) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    at = enter(at, 50)
    text = shown(at)
    # 50 days before 1 December is 12 October: nine whole months, and 11 of October's 31 days.
    assert "**About 28,064 records (28.1 MB) of 10 months would be deleted on 1 Dec 2026**" in text
    assert "Until then it can be cancelled" in text
    assert "is an estimate" in text
    table = at.dataframe[0].value
    assert list(table["Month"])[-2:] == ["Sep 2026", "Oct 2026"]
    assert list(table["Records deleted"])[-2:] == ["3,000", "1,064"]
    assert list(table["Records kept"])[-1] == "1,936"
    assert list(table["Basis"])[-2:] == ["Whole month", "Cut month: estimate"]
    assert stands(application, people, "chats").pending is None


def test_a_confirmed_shortening_is_recorded_and_pending(
    application: Application, people: People, usage: None
) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    at = enter(at, 50)
    confirm(at, "Confirm instruction")
    pending = stands(application, people, "chats").pending
    assert pending is not None
    assert (pending.days, pending.effective_at) == (50, NOW + timedelta(days=7))


def test_without_usage_figures_it_says_what_that_means(application: Application, people: People) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    text = shown(enter(at, 50))
    assert "There are no usage figures for Chats" in text
    assert "everything older than 50 days would be deleted on 1 Dec 2026" in text


def test_a_shortening_that_deletes_nothing_says_so(
    application: Application, people: People, usage: None
) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    assert "no records would go" in shown(enter(at, 340))


def test_a_period_out_of_range_is_refused_and_the_number_stays(
    application: Application, people: People
) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    at = enter(at, 3)
    assert "Chats cannot be kept for 3 days" in at.error[0].value
    assert at.number_input[0].value == 3
    assert next(b for b in at.button if b.label == "Confirm instruction").disabled


def test_lengthening_asks_for_a_reason(application: Application, people: People) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    at = enter(at, 500)
    assert at.text_area[0].label == "Reason (required)"
    at = confirm(at, "Confirm instruction")
    assert "A reason is missing" in at.error[0].value
    assert at.number_input[0].value == 500
    at.text_area[0].set_value("Audit trail")
    confirm(at, "Confirm instruction")
    assert stands(application, people, "chats").days == 500


def test_a_reason_that_is_too_long_is_refused_and_stays(application: Application, people: People) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    at = enter(at, 500)
    at.text_area[0].set_value("x" * 10_000)
    at = confirm(at, "Confirm instruction")
    assert "10,000 characters" in at.error[0].value
    assert len(at.text_area[0].value) == 10_000


def test_under_a_hold_a_shortening_says_that_nothing_goes(
    application: Application, people: People, usage: None
) -> None:
    carry_out(application, people.anna, "nordfrakt", PlaceHold("chats", "Dispute"))
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    at = enter(at, 50)
    assert "The legal hold stops the deletion" in shown(at)
    assert not at.dataframe


def test_what_others_changed_meanwhile_is_told_and_typing_stays(
    application: Application, people: People
) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "SetPeriod", "chats")
    at = enter(at, 500)
    at.text_area[0].set_value("Audit trail")
    carry_out(application, people.bo, "nordfrakt", PlaceHold("sms", "Dispute"))
    at = confirm(at, "Confirm instruction")
    assert stands(application, people, "chats").days == 365
    assert "Someone else changed this meanwhile" in shown(at)
    assert "Placed a legal hold on SMS" in shown(at)
    assert (at.number_input[0].value, at.text_area[0].value) == (500, "Audit trail")
    confirm(at, "Confirm instruction")
    assert stands(application, people, "chats").days == 500


def test_who_lost_access_while_the_dialog_was_open_can_confirm_nothing(
    application: Application, people: People
) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "PlaceHold", "chats")
    at.text_area[0].set_value("Dispute")
    application.change_access(people.bo, RevokeAccess(email("anna"), "customer_admin", "nordfrakt"))
    at = confirm(at, "Place legal hold")
    assert "was taken on 24 Nov 2026" in at.error[0].value
    assert stands(application, people, "chats").hold is None


# --- cancel, hold, release -----------------------------------------------------------------------


def test_a_shortening_can_be_cancelled(application: Application, people: People) -> None:
    carry_out(application, people.anna, "nordfrakt", SetPeriod("chats", 100))
    at = press(visit("retention", application, people.anna, "nordfrakt"), "CancelShortening", "chats")
    assert "will not happen" in shown(at)
    confirm(at, "Cancel the shortening")
    assert stands(application, people, "chats").pending is None
    assert stands(application, people, "chats").days == 365


def test_cancelling_what_is_no_longer_pending_is_refused(application: Application, people: People) -> None:
    carry_out(application, people.anna, "nordfrakt", SetPeriod("chats", 100))
    page = visit("retention", application, people.anna, "nordfrakt")
    carry_out(application, people.bo, "nordfrakt", CancelShortening("chats"))
    at = press(page, "CancelShortening", "chats")
    assert "No shortening of Chats is waiting" in at.error[0].value


def test_a_hold_wants_a_reason_and_stops_deletion(application: Application, people: People) -> None:
    at = press(visit("retention", application, people.anna, "nordfrakt"), "PlaceHold", "chats")
    assert "From now on nothing of Chats is deleted" in shown(at)
    at = confirm(at, "Place legal hold")
    assert "A reason is missing" in at.error[0].value
    at.text_area[0].set_value("Dispute")
    confirm(at, "Place legal hold")
    assert not stands(application, people, "chats").deletes


def test_releasing_a_hold_shows_what_goes_after_the_grace_period(
    application: Application, people: People, usage: None, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", PlaceHold("chats", "Dispute"))
    clock.pass_days(60)
    at = press(visit("retention", application, people.anna, "nordfrakt"), "ReleaseHold", "chats")
    text = shown(at)
    assert "resumes on **30 Jan 2027 (in 7 days)**" in text
    # 365 days before 30 January 2027 is 30 January 2026.
    assert "of 1 month would be deleted on 30 Jan 2027" in text
    confirm(at, "Release legal hold")
    after = stands(application, people, "chats")
    assert after.hold is None
    assert after.deletion_resumes_at == clock.now() + timedelta(days=7)
