"""Monthly usage figures from a file: all rows or none, and every wrong cell named by its row."""

from datetime import date, datetime

import duckdb
import pytest

from dpa_core.usage import MAX_PROBLEMS, UsageError, read_usage
from dpa_core.views import usage
from tests.conftest import CUSTOMERS

HEADER = "customer,data_type,month,records,bytes"
GOOD = "nordfrakt,sms,2026-10,120,36000"
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
        read_usage(path, CUSTOMERS, TYPES)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def rows(path):
    return [tuple(row.values()) for row in read_usage(path, CUSTOMERS, TYPES).to_pylist()]


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
        (HEADER.replace(",", ";"), "row 1: the column customer is missing"),
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
    application.import_usage(people.eva, read_usage(path, CUSTOMERS, TYPES))
    shown = usage.monthly(application.open(people.anna, "nordfrakt"), "sms")
    assert [(u.month, u.records) for u in shown] == [(date(2026, 9, 1), 120), (date(2026, 10, 1), 120)]


def test_a_later_import_replaces_the_same_month_only(application, people, csv):
    for line in (GOOD, GOOD.replace("2026-10", "2026-09"), GOOD.replace(",120,", ",99,")):
        application.import_usage(people.eva, read_usage(csv(HEADER, line), CUSTOMERS, TYPES))
    shown = usage.monthly(application.open(people.anna, "nordfrakt"), "sms")
    assert [u.records for u in shown] == [120, 99]


def test_the_past_shows_no_figures_of_later_months(application, people, csv, clock):
    application.import_usage(
        people.eva, read_usage(csv(HEADER, GOOD, GOOD.replace("10,", "05,")), CUSTOMERS, TYPES)
    )
    june = datetime(2026, 6, 15, tzinfo=clock.now().tzinfo)
    assert [
        u.month.month for u in usage.monthly(application.open(people.anna, "nordfrakt", june), "sms")
    ] == [5]
