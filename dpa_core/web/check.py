"""Says, before anybody signs in, what each identity provider will be asked and what would stand in the way.

Standard: OpenID Connect Discovery 1.0, 3 and 4.3; OpenID Connect RP-Initiated Logout 1.0, 2.1
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dpa_core.providers import TENANT, Provider, Refused
from dpa_core.web.oidc import Connection, Metadata
from dpa_core.web.sign_in import CALLBACK, SIGN_IN

_METHODS = ("client_secret_basic", "client_secret_post")
_STANDARD = ("email", "email_verified", "preferred_username")
"""Claims that a provider names where it has them; others are switched on per client and named nowhere."""


@dataclass
class Report:
    """On one provider, in lines. No secret is among them."""

    provider: str
    told: list[str] = field(default_factory=list)
    """What it will be asked, and what counts of its answers."""
    notes: list[str] = field(default_factory=list)
    """What cannot be seen from here, or is not as usual."""
    missing: list[str] = field(default_factory=list)
    """What keeps people from signing in."""


def check(providers: tuple[Provider, ...], public_url: str) -> list[Report]:
    """A report on each provider, whose metadata and keys are fetched. `public_url`: without a slash at its
    end."""

    async def every() -> list[Report]:
        return await asyncio.gather(*(_report(provider, public_url) for provider in providers))

    return asyncio.run(every())


async def _report(provider: Provider, public_url: str) -> Report:
    report = Report(provider.label, list(_asked(provider, public_url)))
    connection = Connection(provider, public_url + CALLBACK)
    try:
        said = await connection.metadata()
        report.told.insert(0, f"issuer: {_shown(said.issuer)}")
        report.missing += _missing(provider, said)
        report.notes += _notes(provider, said)
        await connection.keys()
    except Refused as refused:
        report.missing.append(_shown(str(refused)))
    return report


def _asked(provider: Provider, public_url: str) -> Iterator[str]:
    yield f"metadata: {provider.metadata_url}"
    yield f"redirect address to register there: {public_url}{CALLBACK}"
    if provider.end_session:
        yield f"address after signing out to register there: {public_url}{SIGN_IN}"
    yield f"scope: {provider.scope}"
    yield f"prompt: {provider.prompt or 'none asked for'}"
    yield f"address: the claim {provider.address_claim}"
    by_claim = f"where {provider.verified} is true"
    yield f"verified: {'always' if provider.verified == 'by_provider' else by_claim}"
    yield f"tenants: {', '.join(provider.tenants) or 'any of this issuer'}"
    yield f"domains: {', '.join(provider.domains) or 'any'}"
    if provider.customers is not None:
        yield f"opens the customers: {', '.join(provider.customers) or 'none'}"
    for given in provider.groups:
        of = f" of {given.customer}" if given.customer else ""
        yield f"group {given.group} in the claim {provider.groups_claim}: {given.role}{of}"


def _missing(provider: Provider, said: Metadata) -> Iterator[str]:
    if TENANT in said.issuer and not provider.tenants:
        yield "its issuer is of any tenant, and tenants names none"
    for claim in _claims(provider):
        if claim in _STANDARD and said.claims_supported and claim not in said.claims_supported:
            yield f"it does not name {claim} among its claims; see address_claim and verified in the README"
    for scope in provider.scope.split():
        if said.scopes_supported and scope not in said.scopes_supported:
            yield f"it does not know the scope {scope}"
    if (
        provider.prompt
        and said.prompt_values_supported
        and provider.prompt not in said.prompt_values_supported
    ):
        yield f"it does not know the prompt {provider.prompt}"
    if said.code_challenge_methods_supported and "S256" not in said.code_challenge_methods_supported:
        yield "it does not take code challenges by S256 (PKCE)"
    if not set(_METHODS) & set(said.token_endpoint_auth_methods_supported):
        yield f"it takes a client's secret neither by {' nor by '.join(_METHODS)}"
    for name, url in (
        ("metadata_url", provider.metadata_url),
        ("authorization_endpoint", said.authorization_endpoint),
        ("token_endpoint", said.token_endpoint),
        ("jwks_uri", said.jwks_uri),
    ):
        if url.scheme != "https" and url.host not in ("localhost", "127.0.0.1", "[::1]"):
            yield f"its {name} is not https"


def _notes(provider: Provider, said: Metadata) -> Iterator[str]:
    at = str(provider.metadata_url).removesuffix("/.well-known/openid-configuration")
    if TENANT not in said.issuer and said.issuer.rstrip("/") != at.rstrip("/"):
        yield f"its issuer is not where its metadata lie, {_shown(urlsplit(at).netloc)}"
    for claim in _claims(provider):
        if claim not in _STANDARD:
            yield f"whether it sends the claim {claim} shows only at a sign-in; it is switched on there"
    if provider.end_session and said.end_session_endpoint is None:
        yield "it has no end of session: whoever signs out here stays signed in there"


def _claims(provider: Provider) -> Iterator[str]:
    """The claims without which nobody, or nobody with roles by groups, comes in."""
    yield provider.address_claim
    if provider.verified != "by_provider":
        yield provider.verified
    if provider.groups:
        yield provider.groups_claim


def _shown(text: str) -> str:
    """A provider's own text on one line, without characters that a terminal would obey."""
    return "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in text)
