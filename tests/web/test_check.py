"""What is said of an identity provider before anybody signs in."""

import pytest
from typer.testing import CliRunner

from dpa_core import cli
from dpa_core.web.check import check
from tests.oidc_provider import CLIENT, SECRET, entra
from tests.test_settings import GOOD, empty_place
from tests.web.scripted_provider import ScriptedProvider
from tests.web.test_sign_in import DESK, provider, running, settings

__all__ = ["empty_place", "provider", "running"]


def report(provider, **given):
    [of] = check((settings(provider, **given),), DESK)
    return of


def test_it_says_what_will_be_asked(provider):
    groups = [{"group": "g1", "role": "customer_admin", "customer": "nordfrakt"}]
    of = report(
        provider, prompt="login", domains=["a.example"], customers=["nordfrakt"], groups=groups, tenants=["t"]
    )
    assert of.missing == []
    for line in (
        f"issuer: {provider.url}",
        f"redirect address to register there: {DESK}/oauth2callback",
        f"address after signing out to register there: {DESK}/sign-in",
        "scope: openid email profile",
        "prompt: login",
        "address: the claim email",
        "verified: where email_verified is true",
        "tenants: t",
        "domains: a.example",
        "opens the customers: nordfrakt",
        "group g1 in the claim groups: customer_admin of nordfrakt",
    ):
        assert line in of.told


MISSING = {
    "metadata": (lambda p: p.status.update(metadata=404), "HTTP status 404"),
    "metadata that are none": (lambda p: p.metadata.update(issuer=...), "issuer"),
    "keys": (lambda p: p.status.update(jwks=404), "keys came with HTTP status 404"),
    "keys that are none": (lambda p: p.body.update(jwks="[1]"), "keys cannot be read"),
    "a claim": (lambda p: p.metadata.update(claims_supported=["sub", "email"]), "email_verified"),
    "a scope": (lambda p: p.metadata.update(scopes_supported=["openid"]), "the scope email"),
    "a prompt": (lambda p: p.metadata.update(prompt_values_supported=["none"]), "the prompt consent"),
    "PKCE": (lambda p: p.metadata.update(code_challenge_methods_supported=["plain"]), "S256"),
    "a way to show the secret": (
        lambda p: p.metadata.update(token_endpoint_auth_methods_supported=["private_key_jwt"]),
        "secret neither",
    ),
    "TLS": (lambda p: p.metadata.update(token_endpoint="http://id.example/token"), "not https"),
    "a tenant": (lambda p: p.metadata.update(issuer="https://x.example/{tenantid}"), "tenants names none"),
}


@pytest.mark.parametrize(("script", "said"), MISSING.values(), ids=MISSING)
def test_it_says_what_is_missing(provider, script, said):
    script(provider)
    assert said in "; ".join(report(provider, prompt="consent").missing)


def test_it_notes_what_is_not_as_usual_or_cannot_be_seen(provider):
    provider.metadata.update(issuer="https://id.example\x1b[31m", end_session_endpoint=...)
    of = report(provider, verified="xms_edov")
    assert of.missing == []
    said = "; ".join(of.notes)
    assert "not where its metadata lie" in said
    assert "the claim xms_edov shows only at a sign-in" in said
    assert "no end of session" in said
    assert "issuer: https://id.example[U+001B][31m" in of.told


@pytest.fixture
def dpa(monkeypatch, provider):
    """`dpa serve --check-sign-in` with the scripted provider."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DPA_OIDC_METADATA_URL", f"{provider.url}/.well-known/openid-configuration")
    return lambda: CliRunner().invoke(cli.app, ["serve", "--check-sign-in"])


def test_the_command_says_so_and_starts_nothing(dpa):
    ended = dpa()
    assert ended.exit_code == 0
    assert "redirect address to register there: https://dpa.connectel.example/oauth2callback" in ended.output
    assert "People can sign in" in ended.output
    assert GOOD["DPA_OIDC_CLIENT_SECRET"] not in ended.output
    assert GOOD["DPA_COOKIE_SECRET"] not in ended.output


def test_the_command_ends_with_1_where_something_is_missing(dpa, provider: ScriptedProvider):
    provider.metadata["claims_supported"] = ["sub"]
    ended = dpa()
    assert ended.exit_code == 1
    assert "Missing: it does not name email among its claims" in ended.output
    assert "2 things missing" in ended.output


def test_entra_by_the_strict_rule_is_missing_what_would_let_anybody_in():
    with entra.serving([], DESK) as microsoft:
        given = {"client_id": CLIENT, "client_secret": SECRET, "metadata_url": microsoft.metadata_url()}
        strict, verified = (
            settings(microsoft, **given, **more)
            for more in (
                {},
                {"verified": "by_provider", "tenants": [entra.HOME], "domains": ["people.example"]},
            )
        )
        of = check((strict, verified), DESK)
    assert [len(r.missing) for r in of] == [1, 0]
    assert "email_verified" in of[0].missing[0]
