"""What is handed over of return and deletion. Clause: 3.1(xi)"""

import io

import pytest
from pypdf import PdfReader

from dpa_core import documents
from dpa_core.views.data_return import deletion_certificate
from tests.test_requests import HELP, ORDER, act, deleted


def order_of(file, number):
    return file.closed.find("data_return.orders", number)


def download(application, people, number):
    file = application.open(people.anna, "nordfrakt")
    open_one = file.state.data_return.orders.get(number)
    return deletion_certificate(file, open_one or order_of(file, number))


def test_a_certificate_is_the_same_after_further_entries_and_carries_the_digest_of_its_own(
    application, people
):
    file, number = deleted(application, people)
    order, own = order_of(file, number), file.reader.event(file.sequence)
    assert own.kind == "data_return.deleted"
    first = download(application, people, number)
    act(application, people.anna, HELP)
    assert download(application, people, number) == first
    named = order.model_copy(update={"by": people.anna.email, "deleted_by": file.who(own.actor)})
    assert first == documents.deletion_certificate(named, file.name, file.agreement, own.digest)


def test_there_is_nothing_to_certify_before_the_deletion(application, people):
    number = act(application, people.anna, ORDER)
    with pytest.raises(ValueError, match="nothing was deleted"):
        download(application, people, number)


def test_a_certificate_names_a_customer_in_any_script_and_shows_what_cannot_be_seen(application, people):
    file, number = deleted(application, people)
    order = order_of(file, number)
    made = documents.deletion_certificate(order, "日本 \u202e\x07 \U00012000", file.agreement, "0" * 64)
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(made.content)).pages)
    assert "日本 [U+202E][U+0007] [U+12000]" in " ".join(text.split())
