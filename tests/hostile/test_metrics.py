"""The metrics of a whole server, scraped as Prometheus scrapes them; and one number for page and log."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dpa_core import metrics
from dpa_core.application import Application
from dpa_core.ledger import Conflict
from dpa_core.subjects import registry
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.features import SetFeatures
from pages.parts import actions
from tests.conftest import email
from tests.hostile.streamlit_client import ask, connect
from tests.pages import LISTED
from tests.ports import free_port

Sample = tuple[str, frozenset[tuple[str, str]]]


class Scraped(dict[Sample, float]):
    """The figures of one scrape."""

    def value(self, name: str, **labels: str) -> float:
        return self.get((name, frozenset(labels.items())), 0.0)


@pytest.fixture
def address() -> Iterator[str]:
    port = free_port()
    stop = metrics.serve("127.0.0.1", port, "1.2.3")
    yield f"http://127.0.0.1:{port}/metrics"
    stop()


def scrape(address: str) -> Scraped:
    with urllib.request.urlopen(address, timeout=60) as answer:
        text = answer.read().decode()
    return Scraped(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )


def test_a_visit_is_counted_and_timed_by_its_page(desk, address):
    before = scrape(address)
    with connect(desk.address, desk.sign_in("anna")) as page:
        page.rerun("history", "customer=nordfrakt")
        page.until_drawn()
        during = scrape(address)
        assert during.value("dpa_connections") == before.value("dpa_connections") + 1
        assert during.value("dpa_sessions") >= 1
    run = {"page": "history", "kind": "page"}
    assert during.value("dpa_run_seconds_count", **run) == before.value("dpa_run_seconds_count", **run) + 1
    assert during.value("dpa_run_seconds_sum", **run) > before.value("dpa_run_seconds_sum", **run)
    for what, name in (("read", "dpa_store_seconds_count"), ("write", "dpa_store_seconds_count")):
        assert during.value(name, what=what) > before.value(name, what=what)
    signed_in = ("dpa_sign_ins_total", {"result": "signed_in"})
    assert during.value(signed_in[0], **signed_in[1]) == before.value(signed_in[0], **signed_in[1]) + 1
    lines = "dpa_access_log_lines_total"
    assert during.value(lines, kind="signed_in") == before.value(lines, kind="signed_in") + 1


def toggle(application: Application, seen: int | None = None, feature: str = "voice") -> None:
    file = application.open(application.person(email("anna")), "nordfrakt")
    on = {feature: feature not in file.state.features.on}
    application.carry_out(file.person, "nordfrakt", SetFeatures(on), file.sequence)


def test_what_is_recorded_counts_once_even_where_another_got_in_between(desk, address, monkeypatch):
    before, tried = scrape(address), []
    begin = desk.application.ledger.transaction

    def overtaken():
        tried.append(1)
        if len(tried) == 1:
            raise Conflict("nordfrakt", 1)
        return begin()

    monkeypatch.setattr(desk.application.ledger, "transaction", overtaken)
    toggle(desk.application)
    after = scrape(address)
    for name, labels in (
        ("dpa_entries_total", {"subject": "features"}),
        ("dpa_store_seconds_count", {"what": "append"}),
        ("dpa_store_conflicts_total", {}),
    ):
        assert after.value(name, **labels) == before.value(name, **labels) + 1, name


def test_what_is_undone_counts_for_nothing(desk, address):
    before = scrape(address)
    with pytest.raises(ZeroDivisionError), desk.application.ledger.transaction() as tx:
        tx.then.append(metrics.ACCESS_LINES.labels("signed_in").inc)
        1 / 0  # noqa: B018
    after, lines = scrape(address), "dpa_access_log_lines_total"
    assert after.value(lines, kind="signed_in") == before.value(lines, kind="signed_in")


def test_refusals_count_by_their_code(desk, address):
    before = scrape(address)
    with pytest.raises(Refusal) as caught:
        toggle(desk.application, feature="no such feature")
    after, name = scrape(address), "dpa_refusals_total"
    assert after.value(name, code=caught.value.code) == before.value(name, code=caught.value.code) + 1
    assert ask(desk.address, "GET", "/nothing/here", accept="text/html").status in (401, 404)
    assert scrape(address).value("dpa_requests_refused_total", status="404") > 0


def test_no_label_names_anybody_and_each_has_known_values_only(desk, address):
    allowed = {
        "page": {*LISTED, "none"},
        "subject": {s.name for s in registry.ALL} | {"grants", "none"},
        "kind": None,
        "code": None,
    }
    text = urllib.request.urlopen(address, timeout=60).read().decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert "nordfrakt" not in value
                assert "@" not in value
                if family.name.startswith("dpa_") and allowed.get(label):
                    assert value in allowed[label], (family.name, label)
    assert 'version="1.2.3"' in text


def test_the_public_port_has_no_metrics(desk):
    secret = desk.sign_in("eva")
    for path in ("/metrics", "/_stcore/metrics"):
        assert "dpa_run_seconds" not in ask(desk.address, "GET", path, secret).text
    assert ask(desk.address, "GET", "/_stcore/metrics", secret).status == 404


def test_a_person_is_shown_the_number_under_which_the_log_has_the_cause(desk, address, log, monkeypatch):
    before = scrape(address)

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(actions, "drawn", broken)
    with connect(desk.address, desk.sign_in("anna")) as page:
        page.rerun("history", "customer=nordfrakt")
        shown = page.shown()
    (number,) = re.findall(r"quote number ([0-9A-Z]{4}-[0-9A-Z]{4}) ", shown)
    assert any(f"error {number}" in line and "RuntimeError" in line for line in log)
    assert scrape(address).value("dpa_errors_total") == before.value("dpa_errors_total") + 1
