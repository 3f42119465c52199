"""Signing in over HTTP at a provider whose metadata and tokens are as Microsoft Entra ID has them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from dpa_core.application import Application
from dpa_core.providers import Provider
from tests.conftest import email
from tests.oidc_provider import CLIENT, SECRET, entra
from tests.web.test_sign_in import DESK, Desk, cause

ANNA = email("anna")
ACCOUNTS = [
    entra.Account(ANNA, claims={"email": ANNA}),
    entra.Account("bo@people.example", claims={"email": "bo@people.example", "xms_edov": True}),
    entra.Account("clara@people.example"),  # with a preferred_username alone
    entra.Account("eva@people.example", tenant=entra.OTHER, claims={"email": "eva@people.example"}),
    entra.Account("guest@else.example", claims={"email": "guest@else.example"}),
    entra.Account(
        "farid@people.example",
        claims={"email": "farid@people.example", "groups": [f"{n:036x}" for n in range(200)]},
    ),
]
VERIFIED = {"verified": "by_provider", "tenants": [entra.HOME], "domains": ["people.example"]}


@pytest.fixture(scope="module")
def microsoft() -> Iterator[entra.Entra]:
    with entra.serving(ACCOUNTS, DESK) as running:
        yield running


def arrives(application: Application, microsoft: entra.Entra, who: str, of: str, **given: object) -> str:
    """The address to which a sign-in leads; `of`: whose metadata are used."""
    said = {"name": "nordfrakt", "client_id": CLIENT, "client_secret": SECRET, **given}
    desk = Desk(application, Provider.model_validate({**said, "metadata_url": microsoft.metadata_url(of)}))
    with httpx2.Client() as there:
        answer = there.post(desk.begins("/features"), data={"username": who})
    back = answer.headers["location"]
    location: str = desk.browser.get(back.removeprefix(DESK)).headers["location"]
    if location == "/features":
        assert application.person_of(desk.session).email == who
        assert desk.session.issuer == microsoft.issuer(entra.HOME)
    return location


@pytest.mark.parametrize("of", [entra.HOME, "common", "organizations"])
def test_its_addresses_come_in_where_the_settings_say_that_they_are_verified(application, microsoft, of):
    assert arrives(application, microsoft, ANNA, of, **VERIFIED) == "/features"


def test_by_the_strict_rule_nobody_comes_in_and_the_cause_is_said(application, microsoft):
    assert cause(arrives(application, microsoft, ANNA, entra.HOME)) == "not_verified"


def test_xms_edov_may_vouch_for_an_address(application, microsoft):
    rule = {"verified": "xms_edov"}
    assert arrives(application, microsoft, "bo@people.example", entra.HOME, **rule) == "/features"
    assert cause(arrives(application, microsoft, ANNA, entra.HOME, **rule)) == "not_verified"


def test_the_address_may_be_the_preferred_username(application, microsoft):
    clara = "clara@people.example"
    assert cause(arrives(application, microsoft, clara, "common", **VERIFIED)) == "claim_absent"
    rule = {**VERIFIED, "address_claim": "preferred_username"}
    assert arrives(application, microsoft, clara, "common", **rule) == "/features"


def test_another_tenant_does_not_come_in(application, microsoft):
    eva = "eva@people.example"
    assert cause(arrives(application, microsoft, eva, "common", **VERIFIED)) == "tenant_not_allowed"


def test_a_guest_of_another_domain_does_not_come_in(application, microsoft):
    guest = arrives(application, microsoft, "guest@else.example", entra.HOME, **VERIFIED)
    assert cause(guest) == "domain_not_allowed"


def test_somebody_in_200_groups_comes_in(application, microsoft):
    assert arrives(application, microsoft, "farid@people.example", "common", **VERIFIED) == "/features"
