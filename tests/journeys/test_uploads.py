"""A file that does not arrive: the browser alone knows, so only a browser shows that nothing goes without it.

Clause: Art. 32(1)(b) GDPR
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.conftest import ANNA, SignIn, Visit
from tests.journeys.test_requests import attach, begin_attaching, main, pick, send, tick, write

SMALL = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"BM: the meeting"}


def arrived(anna: Visit) -> None:
    """Wait until nothing is on the way, and the page knows it."""
    expect(main(anna).get_by_test_id("stFileChipIconSpinner")).to_have_count(0)
    anna.settle()


def test_a_file_that_did_not_arrive_stops_the_sending(sign_in: SignIn, tmp_path: Path) -> None:
    large = tmp_path / "plan.pdf"
    with large.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(27_000_000)
    anna = sign_in(ANNA, "/assistance")
    pick(anna, "Kind of help", "Data protection impact assessment")
    write(anna, "Title", "Voicebot")
    write(anna, "What you need", "The flows")
    tick(anna, "I acknowledge: Reasonable expenses")
    box = main(anna).get_by_test_id("stFileUploader")
    expect(box).to_contain_text("25MB per file")
    box.locator("input[type=file]").set_input_files(large)
    box.get_by_text("plan.pdf").first.wait_for()
    anna.sees("was not uploaded: it is larger than 25 MB, or the connection broke.")
    anna.settle()
    attach(anna, "Files (optional)", SMALL)
    arrived(anna)
    anna.click("Send the request")
    anna.sees("1 file was not uploaded: plan.pdf.")
    anna.does_not_see("Recorded as entry")
    box.get_by_role("button", name="Remove plan.pdf").click()
    anna.does_not_see("was not uploaded")

    # A connection that breaks on the way is no other case.
    anna.page.route("**/_stcore/upload_file/**", lambda route: route.abort())
    attach(anna, "Files (optional)", {**SMALL, "name": "lost.txt"})
    anna.sees("was not uploaded")
    anna.click("Send the request")
    anna.sees("1 file was not uploaded: lost.txt.")
    box.get_by_role("button", name="Remove lost.txt").click()
    anna.page.unroute_all()

    # One that is still on the way neither.
    held: list[object] = []
    anna.page.route("**/_stcore/upload_file/**", lambda route: held.append(route))
    begin_attaching(anna, "Files (optional)", {**SMALL, "name": "slow.txt"})
    anna.settle()
    anna.click("Send the request")
    anna.sees("1 file is still on the way: slow.txt.")
    for route in held:
        route.continue_()
    arrived(anna)
    send(anna, "Send the request")
    main(anna).get_by_role("button", name="note.txt").wait_for()
    main(anna).get_by_role("button", name="slow.txt").wait_for()
