"""Monthly usage figures from a file: all rows or none, and every wrong cell named by its row."""

from datetime import date, datetime

import duckdb
import pytest

from dpa_core.access import Forbidden
from dpa_core.subjects import retention
from dpa_core.usage import MAX_PROBLEMS, UsageChoice, UsageError, read_usage
from dpa_core.views import usage
from tests.conftest import CUSTOMERS

HEADER = "customer,data_type,month,records,bytes"
GOOD = "nordfrakt,sms,2026-10,120,36000"
LATEST = date(2026, 11, 28)
TYPES = {"sms", "chats", "emails"}


@pytest.fixture
def csv(tmp_path):
    """Write a CSV file of these lines (or these very bytes)."""

    def write(*lines, name="usage.csv", newline="\n"):
        path = tmp_path / name
        content = lines[0] if isinstance(lines[0], bytes) else (newline.join(lines) + newline).encode()
        path.write_bytes(content)
        return path

    return write


def problems(path):
    with pytest.raises(UsageError) as caught:
        read_usage(path, CUSTOMERS, TYPES, latest=LATEST)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def rows(path):
    return [tuple(row.values()) for row in read_usage(path, CUSTOMERS, TYPES, latest=LATEST).to_pylist()]


OCTOBER = ("nordfrakt", "sms", date(2026, 10, 1), 120, 36000)


def test_a_csv_file_is_read(csv):
    assert rows(csv(HEADER, GOOD)) == [OCTOBER]


@pytest.mark.parametrize("month", ["2026-10", "2026-10-01", " 2026-10 "])
def test_a_month_may_be_written_as_its_first_day(csv, month):
    assert rows(csv(HEADER, GOOD.replace("2026-10", month))) == [OCTOBER]


def test_columns_may_stand_in_any_order(csv):
    assert rows(csv("bytes,month,customer,records,data_type", "36000,2026-10,nordfrakt,120,sms")) == [OCTOBER]


def test_a_file_from_windows_with_a_byte_order_mark_is_read(csv):
    assert rows(csv(b"\xef\xbb\xbf" + f"{HEADER}\r\n{GOOD}\r\n".encode())) == [OCTOBER]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(csv):
    csv(HEADER, "nordfrakt,sms,2026-01,1,1", name="u1.csv")
    assert rows(csv(HEADER, GOOD, name="u[1].csv")) == [OCTOBER]


@pytest.mark.parametrize("month", ["'2026-10'", "DATE '2026-10-01'", "TIMESTAMP '2026-10-01'"])
def test_a_parquet_file_is_read_whatever_type_its_month_has(tmp_path, month):
    path = tmp_path / "usage.parquet"
    duckdb.sql(
        f"COPY (SELECT 'nordfrakt' AS customer, 'sms' AS data_type, {month} AS month, 120 AS records, "
        f"36000::BIGINT AS bytes) TO '{path}'"
    )
    assert rows(path) == [OCTOBER]


def test_a_wrong_row_of_a_parquet_file_is_named_too(tmp_path):
    path = tmp_path / "usage.parquet"
    duckdb.sql(
        "COPY (SELECT 'nordfrakt' AS customer, 'sms' AS data_type, '2026-0' || m AS month, "
        f"CASE m WHEN 3 THEN -1 ELSE 1 END AS records, 1 AS bytes FROM range(1, 5) t(m)) TO '{path}'"
    )
    assert problems(path) == ["row 3: records “-1” is no whole number"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("velo,sms,2026-10,1,1", "customer “velo” is unknown"),
        (",sms,2026-10,1,1", "customer “” is unknown"),
        ("@demo,sms,2026-10,1,1", "customer “@demo” is unknown"),
        ("nordfrakt,faxes,2026-10,1,1", "data_type “faxes” is unknown"),
        ("nordfrakt,sms,2026-13,1,1", "month “2026-13” is no month such as 2026-11"),
        ("nordfrakt,sms,2026-10-15,1,1", "month “2026-10-15” is no month such as 2026-11"),
        ("nordfrakt,sms,2026-10-01x,1,1", "month “2026-10-01x” is no month such as 2026-11"),
        ("nordfrakt,sms,October,1,1", "month “October” is no month such as 2026-11"),
        ("nordfrakt,sms,,1,1", "month “” is no month such as 2026-11"),
        ("nordfrakt,sms,2026-10,1.5,1", "records “1.5” is no whole number"),
        ("nordfrakt,sms,2026-10,-1,1", "records “-1” is no whole number"),
        ("nordfrakt,sms,2026-10,1e3,1", "records “1e3” is no whole number"),
        ("nordfrakt,sms,2026-10,,1", "records “” is no whole number"),
        ("nordfrakt,sms,2026-10,1,many", "bytes “many” is no whole number"),
        ("nordfrakt,sms,2026-10,1,99999999999999999999", "bytes “99999999999999999999” is no whole number"),
        ("nordfrakt,sms,2026-10,1,=1+1", "bytes “=1+1” is no whole number"),
        ("nordfrakt,sms,2026-10,1", "has 4 columns instead of 5"),
        ("nordfrakt,sms,2026-10,1,1,1", "has 6 columns instead of 5"),
        ('nordfrakt,"sms,2026-10,1,1', "has a quote too many or too few, or is not UTF-8"),
    ],
)
def test_a_wrong_row_is_named_by_its_number_and_what_is_wrong_with_it(csv, row, problem):
    assert problems(csv(HEADER, "nordfrakt,chats,2026-10,1,1", row)) == [f"row 3: {problem}"]


def test_every_wrong_row_is_named_not_only_the_first(csv):
    path = csv(HEADER, "velo,sms,2026-10,1,1", GOOD, "nordfrakt,sms,x,1,1")
    assert [p.split(":")[0] for p in problems(path)] == ["row 2", "row 4"]


def test_beyond_some_number_problems_are_only_counted(csv):
    told = problems(csv(HEADER, *["velo,sms,2026-10,1,1"] * (MAX_PROBLEMS + 1_234)))
    assert len(told) == MAX_PROBLEMS + 1
    assert told[-1] == "and 1,234 more"


def test_the_same_month_twice_is_named_in_both_rows(csv):
    path = csv(HEADER, GOOD, "nordfrakt,chats,2026-10,1,1", GOOD.replace("2026-10", "2026-10-01"))
    assert [p.split(":")[0] for p in problems(path)] == ["row 2", "row 4"]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("customer,data_type,month,records", "row 1: the column bytes is missing"),
        (HEADER + ",comment", "row 1: there is no column comment"),
        (HEADER.replace("month", "Month"), "row 1: the column month is missing"),
        (HEADER + ",month", "row 1: the column month stands there twice"),
        (GOOD, "row 1: the column customer is missing"),
        ("", "row 1: the column customer is missing"),
    ],
)
def test_a_wrong_header_is_named_with_the_columns_there_should_be(csv, header, problem):
    told = problems(csv(header, GOOD))
    assert problem in told
    assert told[-1] == "The columns are: customer, data_type, month, records, bytes"


def test_a_file_without_figures_is_refused(csv):
    assert problems(csv(HEADER)) == ["usage.csv has a header but no figures."]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert problems(tmp_path / "no.csv") == [f"{tmp_path / 'no.csv'}: there is no such file."]
    assert "no such file" in problems(tmp_path)[0]


@pytest.mark.parametrize("name", ["usage.csv", "usage.parquet"])
@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01" * 99, b"PAR1", bytes(range(256))])
def test_a_file_of_another_kind_is_refused_in_words(csv, name, content):
    assert all("\n" not in problem for problem in problems(csv(content, name=name)))


def test_text_in_another_encoding_is_refused_with_its_row(csv):
    told = problems(csv((f"{HEADER}\n{GOOD}\n").encode() + "fjällbank,sms,2026-10,1,1\n".encode("latin-1")))
    assert told == ["row 3: has a quote too many or too few, or is not UTF-8"]


# --- imported -------------------------------------------------------------------------------------


def test_figures_imported_are_what_the_customers_pages_show(application, people, csv):
    path = csv(HEADER, GOOD, GOOD.replace("2026-10", "2026-09"), "solsidan,sms,2026-10,7,7")
    application.import_usage(people.eva, read_usage(path, CUSTOMERS, TYPES, latest=LATEST))
    shown = usage.monthly(application.open(people.anna, "nordfrakt"), "sms")
    assert [(u.month, u.records) for u in shown] == [(date(2026, 9, 1), 120), (date(2026, 10, 1), 120)]


def test_a_later_import_replaces_the_same_month_only(application, people, csv):
    for line in (GOOD, GOOD.replace("2026-10", "2026-09"), GOOD.replace(",120,", ",99,")):
        application.import_usage(people.eva, read_usage(csv(HEADER, line), CUSTOMERS, TYPES, latest=LATEST))
    shown = usage.monthly(application.open(people.anna, "nordfrakt"), "sms")
    assert [u.records for u in shown] == [120, 99]


def test_the_past_shows_no_figures_of_later_months(application, people, csv, clock):
    application.import_usage(
        people.eva, read_usage(csv(HEADER, GOOD, GOOD.replace("10,", "05,")), CUSTOMERS, TYPES, latest=LATEST)
    )
    june = datetime(2026, 6, 15, tzinfo=clock.now().tzinfo)
    assert [
        u.month.month for u in usage.monthly(application.open(people.anna, "nordfrakt", june), "sms")
    ] == [5]


# --- months that cannot be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "problem"),
    [
        ("0000-01", "is before 2000"),
        ("1999-12", "is before 2000"),
        ("2026-12", "is still to come"),
        ("9999-12", "is still to come"),
    ],
)
def test_a_month_out_of_bounds_is_named(csv, month, problem):
    assert problems(csv(HEADER, GOOD.replace("2026-10", month))) == [f"row 2: month “{month}” {problem}"]


@pytest.mark.parametrize("month", ["2000-01", "2026-11"])
def test_the_first_and_the_present_month_are_taken(csv, month):
    assert len(rows(csv(HEADER, GOOD.replace("2026-10", month)))) == 1


def impossible(application, people, month):
    """A store as an earlier version of the app could leave it."""
    with application.ledger.transaction() as tx:
        tx.replace_usage(
            duckdb.sql(
                f"SELECT 'nordfrakt' AS customer_id, 'sms' AS data_type, DATE '{month}' AS month_start, "
                "7::BIGINT AS records, 7::BIGINT AS bytes"
            ).to_arrow_table()
        )


@pytest.mark.parametrize("month", ["0000-01-01", "0001-01-01", "9999-12-01"])
def test_a_month_that_is_stored_already_breaks_nothing_and_can_be_removed(application, people, csv, month):
    impossible(application, people, month)
    application.import_usage(people.eva, read_usage(csv(HEADER, GOOD), CUSTOMERS, TYPES, latest=LATEST))
    shown = usage.monthly(application.open(people.anna, "nordfrakt"), "sms")
    assert [u.month for u in shown] == [date(2026, 10, 1)]
    lost = retention.losses(shown, kept_now=900, kept_then=1, at=date(2026, 11, 28))
    assert [loss.month for loss in lost] == [date(2026, 10, 1)]
    figures = read_usage(csv(HEADER, GOOD), CUSTOMERS, TYPES, latest=LATEST)
    assert [c.replaced for c in application.usage_change(people.eva, figures)] == [1]
    chosen = UsageChoice("nordfrakt", "sms", month[:7], month[:7])
    assert application.count_usage(people.eva, chosen) == 1
    assert application.remove_usage(people.eva, chosen) == 1
    assert application.remove_usage(people.eva, chosen) == 0
    assert len(usage.monthly(application.open(people.anna, "nordfrakt"), "sms")) == 1


# --- as other programs write it -------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["\r", "\r\n", "\n", "mixed"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_any_line_end_and_any_mark_between_cells_is_read(csv, ends, mark):
    lines = [
        line.replace(",", mark)
        for line in (HEADER, GOOD, GOOD.replace("10,", "09,"), GOOD.replace("10,", "08,"))
    ]
    parts = ["\n", "\r\n", "\r", ""] if ends == "mixed" else [ends] * 4
    content = "".join(line + end for line, end in zip(lines, parts, strict=True))
    assert len(rows(csv(b"\xef\xbb\xbf" + content.encode()))) == 3


def test_a_line_end_that_is_cut_in_two_is_one(csv):
    text = f"{HEADER}\r\n" + f"{GOOD}\r\n" * 60_000
    cut = text[: (1 << 20) - 1].rfind("\r\n")
    padded = text[:cut] + " " * ((1 << 20) - 1 - cut) + text[cut:]
    assert padded[(1 << 20) - 1] == "\r"
    told = problems(csv(padded.encode()))
    assert all("stand in another row too" in line for line in told[:-1])


@pytest.mark.parametrize(
    ("cell", "records"), [("120", 120), ("120,0", 120), ("120.00", 120), ('"120,0"', 120)]
)
def test_a_decimal_without_a_fraction_is_the_whole_number(csv, cell, records):
    assert rows(csv(HEADER.replace(",", ";"), f"nordfrakt;sms;2026-10;{cell};1"))[0][3] == 120


@pytest.mark.parametrize("cell", ["1,5", "1.234", "1,000", "1 234", "0x10"])
def test_what_could_be_another_number_is_named(csv, cell):
    path = csv(HEADER.replace(",", ";"), f"nordfrakt;sms;2026-10;{cell};1")
    assert problems(path) == [f"row 2: records “{cell}” is no whole number"]


def test_a_file_in_utf_16_is_named_with_what_to_do(csv):
    assert "CSV UTF-8" in problems(csv(f"{HEADER}\n{GOOD}\n".encode("utf-16")))[0]


def test_what_a_cell_holds_is_shown_and_forges_no_line(csv):
    told = problems(csv(HEADER, '"ve\nlo\x1b[2J",sms,2026-10,1,1'))
    assert told == ["row 2: customer “ve[U+000A]lo[U+001B][2J” is unknown"]


# --- taken out again ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        (("nordfrakt",), 1),
        (("", "sms"), 2),
        (("nordfrakt", "sms", "2026-10", "2026-10"), 3),
        (("nordfrakt", "", "2026-10"), 2),
        (("", "", "", "2026-09"), 3),
        (("velo",), 4),
    ],
)
def test_rows_are_taken_out_by_customer_data_type_and_months(application, people, csv, chosen, left):
    lines = (GOOD, GOOD.replace("10,", "09,"), GOOD.replace("sms", "chats"), "solsidan,chats,2026-10,1,1")
    path = csv(HEADER, *lines)
    application.import_usage(people.eva, read_usage(path, CUSTOMERS, TYPES, latest=LATEST))
    removed = application.remove_usage(people.eva, UsageChoice(*chosen))
    assert removed == 4 - left
    assert application.ledger.rows("SELECT count(*) FROM usage_figures") == [(left,)]


@pytest.mark.parametrize(
    "chosen", [(), ("velo", "", "soon"), ("velo", "", "2026-13"), ("", "", "", "2026-10-01")]
)
def test_a_choice_that_is_none_takes_nothing_out(application, people, chosen):
    with pytest.raises(UsageError):
        application.remove_usage(people.eva, UsageChoice(*chosen))


def test_only_the_privacy_officer_takes_rows_out(application, people):
    for act in (application.remove_usage, application.count_usage):
        with pytest.raises(Forbidden):
            act(people.anna, UsageChoice("nordfrakt"))
