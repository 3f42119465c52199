"""Snapshots in the browser: taken, downloaded once, verified, compared. Art. 28(3)(h) GDPR"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.conftest import ANNA, CLARA, SignIn, Visit


def take(visit: Visit) -> None:
    visit.open("/snapshots?customer=nordfrakt")
    visit.click("Take a snapshot")
    visit.sees("Recorded as entry")
    visit.settle()


def link(visit: Visit, format: str) -> str:
    """Make the file in one format; the address of the link to it."""
    visit.page.get_by_test_id("stButtonGroup").get_by_text(format, exact=True).click()
    visit.settle()
    visit.click(f"Download {format}")
    address = visit.page.get_by_role("link", name="Save dpa-snapshot").get_attribute("href")
    assert address
    return address


def save(visit: Visit, format: str, folder: Path) -> Path:
    link(visit, format)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="Save dpa-snapshot").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def upload(visit: Visit, path: Path) -> None:
    visit.open("/snapshots?customer=nordfrakt")
    visit.page.get_by_role("tab", name="Verify a file").click()
    visit.page.locator("input[type=file]").set_input_files(path)


def test_what_was_downloaded_is_genuine_and_what_was_altered_is_not(sign_in: SignIn, tmp_path: Path) -> None:
    anna = sign_in(ANNA)
    take(anna)
    pdf, signed = save(anna, "PDF", tmp_path), save(anna, "JSON", tmp_path)
    for genuine in (pdf, signed):
        upload(anna, genuine)
        anna.sees("Genuine: the configuration of Nordfrakt Logistik AB")
    altered = tmp_path / "altered.json"
    altered.write_bytes(signed.read_bytes().replace(b'"on":false', b'"on":true', 1))
    upload(anna, altered)
    anna.sees("The file was changed after it was signed")
    altered_pdf = tmp_path / "altered.pdf"
    altered_pdf.write_bytes(pdf.read_bytes() + b"\n%")
    upload(anna, altered_pdf)
    anna.sees("The pages of this PDF are not those")


def test_a_link_works_once_and_in_no_other_browser(sign_in: SignIn) -> None:
    anna, clara = sign_in(ANNA), sign_in(CLARA)
    take(anna)
    address = anna.url + link(anna, "JSON")
    assert clara.page.request.get(address).status == 403
    first = anna.page.request.get(address)
    assert (first.status, first.headers["content-type"]) == (200, "application/json")
    again = anna.page.request.get(address)
    assert again.status == 403
    assert "This file cannot be downloaded" in again.text()


def test_two_dates_are_compared(sign_in: SignIn) -> None:
    clara = sign_in(CLARA)
    clara.open("/snapshots?customer=nordfrakt")
    clara.page.get_by_role("tab", name="Compare two days").click()
    clara.sees("differences")
    clara.page.get_by_text("of the history between the two").click()
    clara.sees("Placed a legal hold on E-mails")
    expect(clara.page.get_by_test_id("stDataFrame")).to_be_visible()
