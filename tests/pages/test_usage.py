"""Usage figures on the desk: a preview, problems by row, and rows taken out again."""

from tests.pages import labels, shown, visit
from tests.test_usage import GOOD, HEADER, impossible

JANUARY, FEBRUARY = (GOOD.replace("2026-10", month) for month in ("2026-01", "2026-02"))


def upload(application, people, *lines):
    at = visit("desk", application, people.eva, "nordfrakt")
    at.session_state["usage.tab"] = "Import a file"
    at = at.run()
    at.file_uploader(key="usage.file.0").set_value(("a.csv", "\n".join(lines).encode(), "text/csv"))
    return at.run()


def rows(application):
    return application.ledger.rows("SELECT count(*) FROM usage_figures")[0][0]


def preview(at):
    return next(d.value for d in at.dataframe if "Replaced" in d.value)


def test_a_file_is_shown_before_it_is_stored_and_stored_on_confirmation(application, people):
    at = upload(application, people, HEADER, JANUARY, FEBRUARY)
    assert rows(application) == 0
    assert list(preview(at)["Rows"]) == [2]
    assert list(preview(at)["Replaced"]) == [0]
    at = at.button(key="usage.store").click().run()
    assert (rows(application), [s.value for s in at.success]) == (2, ["2 rows stored."])
    assert list(preview(upload(application, people, HEADER, FEBRUARY))["Replaced"]) == [1]


def test_problems_are_named_by_row_and_nothing_is_stored(application, people):
    at = upload(application, people, HEADER, GOOD.replace("2026-10", "0000-01"), "velo,sms,2026-01,1,1")
    assert "row 2: month “0000-01” is before 2000\nrow 3: customer “velo” is unknown" in shown(at)
    assert "usage.store" not in [b.key for b in at.button]
    assert rows(application) == 0


def test_rows_are_counted_then_removed(application, people):
    impossible(application, people, "0000-01-01")
    at = visit("desk", application, people.eva, "nordfrakt")
    at.session_state["usage.tab"] = "Remove rows"
    at = at.run()
    at.text_input(key="usage.first").set_value("0000-01")
    at.text_input(key="usage.last").set_value("soon")
    assert "is no month such as 2026" in shown(at.run())
    at.text_input(key="usage.last").set_value("0000-01")
    at = at.run()
    assert "Remove 1 row" in labels(at)
    at = at.button(key="usage.remove").click().run()
    assert (rows(application), [s.value for s in at.success]) == (0, ["1 row removed."])
