"""Certificates of deletion: what they say, that they stay the same, and that they verify. Clause: 3.1(xi)"""

import io
import json
import subprocess
import sys
from datetime import date, timedelta

import pytest
from pypdf import PdfReader

from dpa_core.snapshots import certify, pdf
from dpa_core.snapshots.sign import KEYS, key_ring, revoke_key
from dpa_core.snapshots.verify import NotASnapshot, compared, verify
from dpa_core.subjects import data_return, dates, retention
from tests.conftest import CUSTOMERS, NOW
from tests.test_requests import HELP, act

TODAY = dates.local_day(NOW)
LAW = '#panic() *Act* <a> "7:2"'
ORDER = data_return.OrderData(
    "deletion", ("contact", "voice_audio"), "We *move*", True, CUSTOMERS["nordfrakt"]
)


def except_(data_type, law=LAW, ground="law", until=date(2033, 12, 31)):
    return data_return.RecordException(data_type, ground, law, until)


def deleted(application, people, wish=ORDER, *before):
    """The number of an order that is carried out."""
    for command in before:
        act(application, people.eva, command)
    number = act(application, people.anna, wish)
    act(application, people.eva, data_return.RecordDeletion(number, dates.local_day(application.clock.now())))
    return number


def certified(application, people, number):
    file = application.open(people.anna, "nordfrakt")
    found = file.closed.find("data_return.orders", number) or file.state.data_return.orders[number]
    return file, found


def made(application, people, number):
    return certify.certify(*certified(application, people, number))


def printed(content):
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    return " ".join(text.split())


def test_each_data_type_stands_once_deleted_or_kept(application, people):
    number = deleted(
        application, people, ORDER, except_("contacts"), except_("contacts", "Rule 4", "other_rules")
    )
    found = made(application, people, number)
    assert [d.id for d in found.deleted] == ["call_recordings", "voicebot_recordings"]
    assert (found.deleted[0].name, found.deleted[0].category) == ("Call recordings", "Voice and Audio Data")
    (kept,) = found.kept
    assert (kept.data.id, kept.data.category) == ("contacts", "Contact Data")
    assert [(g.ground, g.law, g.until) for g in kept.exceptions] == [
        ("Retention by law", LAW, date(2033, 12, 31)),
        ("Other rules and regulations", "Rule 4", date(2033, 12, 31)),
    ]
    assert (found.order.reason, found.order.by, found.recorded_by) == (
        "We *move*",
        people.anna.email,
        people.eva.email,
    )


def test_it_says_what_the_provider_keeps_as_a_controller_of_its_own(application, people, agreement, tmp_path):
    number = deleted(application, people)
    found = made(application, people, number)
    assert [p.name for p in found.own_purposes] == [p.name for p in agreement.purposes]
    assert {p.clause for p in found.own_purposes} == {"Sch. 1 3.3"}
    text = printed(pdf.render(found, key_ring(tmp_path).sign(found)))
    assert "Traffic Data" in text
    assert "controller of its own" in text
    assert "no data is kept" not in text.lower()
    assert "No lawful exception stood for these data categories." in text


def test_two_downloads_are_the_same_bytes_and_carry_their_own_entry(application, people, clock, tmp_path):
    number = deleted(application, people, ORDER, except_("contacts"))
    entry = application.open(people.anna, "nordfrakt").sequence
    keys = key_ring(tmp_path)
    first = certify.certificate_file(*certified(application, people, number), keys)
    # Further entries, time, and what is excepted later change nothing.
    act(application, people.anna, HELP)
    act(application, people.eva, except_("call_recordings"))
    clock.pass_days(400)
    assert certify.certificate_file(*certified(application, people, number), key_ring(tmp_path)) == first
    found = made(application, people, number)
    own = application.open(people.anna, "nordfrakt").reader.event(entry)
    assert (found.ledger.digest, found.ledger.sequence, found.issued_at) == (own.digest, entry, NOW)
    text = printed(first.content)
    assert "Issued 24 November 2026" in text
    assert LAW in text
    assert b"pdfuaid" in first.content


def test_there_is_nothing_to_certify_before_the_deletion(application, people):
    number = act(application, people.anna, ORDER)
    with pytest.raises(ValueError, match="nothing was deleted"):
        made(application, people, number)


def test_what_a_hold_keeps_from_an_assumed_deletion_is_named(application, people, clock):
    act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    act(application, people.eva, except_("contacts"))
    end = act(application, people.eva, data_return.Terminate(TODAY, "Notice"))
    clock.pass_days(16)
    number = act(application, people.eva, data_return.RecordDeletion(end, TODAY + timedelta(days=16)))
    found = made(application, people, number)
    assert [d.id for d in found.waits] == ["transcripts", "chats", "emails", "sms"]
    assert [k.data.id for k in found.kept] == ["contacts"]
    assert (found.order.assumed, found.order.by, found.order.id) == (True, "", end)
    named = [d.id for d in (*found.deleted, *(k.data for k in found.kept), *found.waits)]
    everything = data_return.data_types(
        [c.id for c in _agreement(application).data_categories], _agreement(application)
    )
    assert sorted(named) == sorted(everything)
    assert "Assumed under clause 3.1(xi)" in printed(pdf.render(found, b"{}"))


def _agreement(application):
    (agreement,) = application.agreements.values()
    return agreement


# --- the signature -------------------------------------------------------------------------------


@pytest.fixture
def signed(application, people, tmp_path):
    """(keys, certificate, its PDF)"""
    number = deleted(application, people, ORDER, except_("contacts"))
    keys = key_ring(tmp_path / "keys")
    found = made(application, people, number)
    return keys, found, certify.certificate_file(*certified(application, people, number), keys).content


def test_pdf_and_json_are_genuine_and_tell_of_what(signed):
    keys, found, content = signed
    for file in (content, keys.sign(found)):
        verdict = verify(file, keys.public)
        assert (verdict.status, verdict.document, verdict.snapshot) == ("genuine", found, None)
        assert verdict.sentence == (
            "Genuine: the certificate of 24 Nov 2026 that data of Nordfrakt Logistik AB was deleted on "
            "24 Nov 2026, unchanged since Connectel AB signed it."
        )


def test_one_that_was_changed_or_signed_by_another_is_told(signed, tmp_path):
    keys, found, content = signed
    json_file = keys.sign(found)
    assert verify(json_file.replace(b"Nordfrakt", b"Sydfrakt"), keys.public).status == "altered"
    assert verify(content + b"\n% more", keys.public).status == "altered"
    more = json.dumps(json.loads(json_file) | {"snapshot": {}}).encode()
    assert verify(more, keys.public).status == "altered"
    assert verify(json_file, key_ring(tmp_path / "others").public).status == "unknown_key"


def test_a_certificate_is_none_in_the_place_of_a_snapshot(signed):
    keys, found, content = signed
    renamed = json.loads(keys.sign(found))
    renamed["snapshot"] = renamed.pop("certificate")
    with pytest.raises(NotASnapshot, match="no signed snapshot"):
        verify(json.dumps(renamed).encode(), keys.public)
    for known in (keys.public, {}):
        with pytest.raises(NotASnapshot, match="is a certificate of deletion"):
            compared(content, known)


@pytest.mark.parametrize(("days", "status"), [(-1, "revoked"), (0, "revoked"), (1, "revoked_later")])
def test_the_day_of_issue_counts_when_its_key_is_revoked(signed, tmp_path, days, status):
    keys, found, content = signed
    kid = keys.active.thumbprint()
    revoke_key(tmp_path / "keys", kid, found.issued_at + timedelta(days=days), "Stolen")
    verdict = verify(content, key_ring(tmp_path / "keys").public)
    assert (verdict.status, verdict.document) == (status, found)


def test_the_command_that_verifies_snapshots_verifies_it(signed, tmp_path):
    _, found, content = signed
    (tmp_path / "c.pdf").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", "from dpa_core.cli import main; main()", "snapshot", "verify", "c.pdf",
         "--keys", str(tmp_path / "keys" / KEYS)],
        capture_output=True, check=False, cwd=tmp_path, env={"DPA_DATA_DIR": str(tmp_path)}, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Verification code: {found.digest}" in done.stdout


def test_a_name_in_any_script_is_printed_and_what_cannot_be_seen_is_shown(signed):
    keys, found, _ = signed
    name = "日本 \u202e\x07 \U00012000"
    odd = found.but(customer=found.customer.but(name=name))
    text = printed(pdf.render(odd, keys.sign(odd)))
    assert "日本 [U+202E][U+0007] [U+12000]" in text
