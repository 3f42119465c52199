"""CSV that no spreadsheet program runs."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core.tabular import csv_file, harmless
from dpa_core.web import config

STARTS = "=+-@\t\r\n＝＋－＠"


@pytest.mark.parametrize("first", STARTS)
def test_a_cell_that_looks_like_a_formula_is_made_harmless(first):
    assert harmless(first + "1") == "'" + first + "1"
    assert harmless("a" + first) == "a" + first
    assert harmless("") == ""


def test_every_field_is_quoted_and_our_numbers_and_dates_stay_what_they_are():
    rows = [("a", -5, None, date(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=UTC))]
    assert csv_file(("n", "-"), rows).decode("utf-8-sig") == (
        '"n","-"\r\n"a","-5","","2026-01-02","2026-01-02T03:00:00Z"\r\n'
    )


@given(st.lists(st.text(alphabet="a;,\"' \t\r\n=+-@＝1"), min_size=1, max_size=4))
def test_no_cell_is_a_formula_whether_split_at_commas_or_semicolons(texts):
    content = csv_file([f"c{n}" for n in range(len(texts))], [texts]).decode("utf-8-sig")
    for delimiter in (",", ";"):
        for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter):
            for cell in row:
                assert not cell.lstrip(' \t\r\n"').startswith(("=", "+", "-", "@", "＝"))


def test_the_tables_on_the_pages_have_no_export_of_their_own():
    assert config("localhost", 1)["client.disableDataExport"] is True
