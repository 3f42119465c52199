"""Identity providers: what the settings say of each, and what its claims have to say for somebody to come in.

Strict where the settings say nothing: the address is the claim `email`, and counts where `email_verified` is
true. A provider that does not send that claim (Microsoft Entra ID) needs a rule of its own in the settings.

An identity is the issuer with the subject (`sub`), never the address. Entra ID gives each registered client
subjects of its own: whoever registers another client there has to have every account confirmed anew.

Standard: OpenID Connect Core 1.0; OpenID Connect Discovery 1.0, 4.3; RFC 9207
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator

from dpa_core import addresses
from dpa_core.access import REFUSED, WAITS, Identity
from dpa_core.subjects.grants import OF_PROVIDER, Role

TENANT = "{tenantid}"
"""What stands for the tenant in the issuer of Entra's metadata for several of them."""
_OF_ANYBODY = re.compile(r"/(common|organizations|consumers)/", re.IGNORECASE)
_MAX_NAME = 200
"""Characters of a person's name that are kept."""
_MAX_SUBJECT = 255
"""Standard: OpenID Connect Core 1.0, 2 (sub)"""
_TRUE: Mapping[str, tuple[object, ...]] = {
    # Some providers send the text "true"; nothing else counts (and 1 == True in Python).
    "email_verified": (True, "true"),
    "xms_edov": (True, "true", 1, "1"),
}

Verified = Literal["email_verified", "xms_edov", "by_provider"]


def _domain(text: str) -> str:
    found = addresses.canonical_domain(text)
    if found is None:
        raise ValueError("is no domain")
    return found


def _scope(text: str) -> str:
    if "openid" not in text.split():
        raise ValueError("does not ask for “openid”")
    return " ".join(text.split())


Domain = Annotated[str, AfterValidator(_domain)]


class _Given(BaseModel):
    """A table of the settings: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class GroupRole(_Given):
    """A role that everyone in one of the provider's groups has."""

    group: str = Field(min_length=1)
    """As the claim has it: the group's identifier, or its name."""
    role: Role
    customer: str | None = None

    @model_validator(mode="after")
    def _of_the_right_kind(self) -> GroupRole:
        if (self.role in OF_PROVIDER) != (self.customer is None):
            wants = "no customer" if self.role in OF_PROVIDER else "a customer"
            raise ValueError(f"the role {self.role} goes with {wants}")
        return self


class Provider(_Given):
    """An identity provider through which people sign in."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    """Names it in addresses, in the record of sign-ins, and in the log."""
    title: str = Field(default="", max_length=60)
    """What its button says; the name where there is none."""
    metadata_url: HttpUrl
    """Its `.well-known/openid-configuration`."""
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    domains: tuple[Domain, ...] = ()
    """Of the addresses that may sign in through it; empty: any. Subdomains are not among them."""
    customers: tuple[str, ...] | None = None
    """The only customers that a sign-in through it opens, whatever other roles a person has; None: all
    that the person has roles for."""
    tenants: tuple[str, ...] = ()
    """The only tenants whose accounts it may vouch for: the claim `tid`, or the issuer of a provider that
    has no such claim. Empty: any, where the issuer alone is one tenant."""
    address_claim: Literal["email", "preferred_username", "upn"] = "email"
    verified: Verified = "email_verified"
    """Which claim says that the address is the person's own; `by_provider`: all its addresses are."""
    prompt: Literal["", "login", "consent", "select_account"] = ""
    """What the provider is asked to do even where the person is signed in there; empty: as it thinks fit."""
    scope: Annotated[str, AfterValidator(_scope)] = "openid email profile"
    groups_claim: str = Field(default="groups", min_length=1)
    groups: tuple[GroupRole, ...] = ()
    """The roles that its groups give, and take when the group is gone; empty: groups say nothing."""
    end_session: bool = True
    """Whether signing out here leads on to sign out there."""

    @model_validator(mode="after")
    def _without_contradiction(self) -> Provider:
        if self.verified == "by_provider" and not (self.tenants and self.domains):
            raise ValueError('verified = "by_provider" needs both tenants and domains')
        if self.verified != "by_provider" and self.address_claim != "email":
            raise ValueError(
                f'{self.verified} speaks of the claim email: address_claim = "{self.address_claim}" needs '
                'verified = "by_provider"'
            )
        if _OF_ANYBODY.search(self.metadata_url.path or "") and not self.tenants:
            raise ValueError("this metadata_url is for the accounts of anybody: name the tenants")
        for given in self.groups:
            if self.customers is not None and given.customer not in self.customers:
                raise ValueError(f"the group {given.group} gives a role outside of customers")
        return self

    @property
    def label(self) -> str:
        """What people call it."""
        return self.title or self.name


def contradictions(providers: tuple[Provider, ...]) -> list[str]:
    """What is wrong with providers beside each other, a sentence each.

    Each vouches for the addresses of its own domains alone: otherwise one customer's provider could say
    that it has the address of another customer's admin.
    """
    found: list[str] = []
    names = [p.name for p in providers]
    found += [f"{n} is the name of two providers" for n in dict.fromkeys(names) if names.count(n) > 1]
    if len(providers) > 1:
        bare = [p.name for p in providers if not p.domains]
        found += [f"{name} needs domains, as there are several providers" for name in bare]
    seen: dict[str, str] = {}
    for provider in providers:
        for domain in dict.fromkeys(provider.domains):
            if domain in seen:
                found.append(f"{domain} is a domain of both {seen[domain]} and {provider.name}")
            seen[domain] = provider.name
    return found


def for_address(providers: tuple[Provider, ...], text: str) -> Provider | None:
    """The provider whose domains have the address; None for no such one, or no address."""
    address = addresses.canonical(text)
    domain = addresses.domain_of(address) if address else ""
    return next((p for p in providers if domain in p.domains), None)


# --- what claims have to say --------------------------------------------------------------------------

Cause = Literal[
    "claim_absent",
    "no_address",
    "not_verified",
    "domain_not_allowed",
    "tenant_not_allowed",
    "issuer_wrong",
    "another_subject",
    "groups_withheld",
    "token_expired",
    "token_wrong",
    "declined",
    "nobody_signed_in",
    "provider_busy",
    "provider_down",
    "provider_wrong",
    "misconfigured",
    "not_begun_here",
    "waits",
    "refused",
    "store_down",
]
SENTENCES: Mapping[Cause, str] = {
    "claim_absent": "{provider} does not tell us your e-mail address. Whoever runs it has to release it to "
    "DPA Desk.",
    "no_address": "What {provider} tells us as your e-mail address is none that mail could be sent to.",
    "not_verified": "{provider} has not verified your e-mail address. Verify it there, then sign in again.",
    "domain_not_allowed": "Nobody with an e-mail address of that domain may sign in through {provider}.",
    "tenant_not_allowed": "Accounts of that organisation may not sign in through {provider}.",
    "issuer_wrong": "The answer came from another identity provider than {provider}, so it does not count.",
    "another_subject": "{provider} gave the details of another account than the one that signed in.",
    "groups_withheld": "{provider} does not say in which groups you are, often because they are too many. "
    "Whoever runs it can have it send only the groups that are given to DPA Desk.",
    "token_expired": "The answer of {provider} had expired when it came. Sign in again; if it stays, a clock "
    "is wrong there or here.",
    "token_wrong": "The answer of {provider} was not signed for this sign-in, so it does not count. Sign in "
    "again.",
    "declined": "You, or {provider}, declined the sign-in.",
    "nobody_signed_in": "{provider} wants you to sign in there first. Sign in again.",
    "provider_busy": "{provider} cannot sign anybody in at the moment. Try again in a minute.",
    "provider_down": "{provider} does not answer, so nobody can sign in through it at the moment. Nothing "
    "you entered was lost or changed. Try again in a minute.",
    "provider_wrong": "{provider} gave an answer that does not follow the standard, so nobody can sign in "
    "through it. Whoever runs this server finds the reason in its log.",
    "misconfigured": "DPA Desk and {provider} are not set up for each other, so nobody can sign in through "
    "it. Whoever runs this server finds the reason in its log.",
    "not_begun_here": "That sign-in was not begun in this browser, was used already, or took more than ten "
    "minutes. Sign in again.",
    "waits": WAITS,
    "refused": REFUSED,
    "store_down": "DPA Desk cannot keep a new sign-in at the moment. Try again in a minute.",
}
"""What a person reads, by cause."""


class Refused(Exception):
    """Nobody comes in, for a cause. The text is for the log, and names no person.

    `claimed`: the address that the provider's answer named, as it is, for the access log.
    """

    def __init__(self, cause: Cause, why: str, claimed: str = "") -> None:
        super().__init__(why)
        self.cause = cause
        self.claimed = claimed


def issuer_of(provider: Provider, issuer: str, claims: Mapping[str, Any]) -> str:
    """The issuer that the claims must have, where the metadata say `issuer`, which may be templated.

    Raises Refused where a template stands for tenants that the settings do not name.
    """
    if TENANT not in issuer:
        return issuer
    if not provider.tenants:
        raise Refused("misconfigured", "the issuer is of any tenant, and the settings name none")
    tenant = claims.get("tid")
    if not isinstance(tenant, str) or tenant.lower() not in _lower(provider.tenants):
        raise Refused("tenant_not_allowed", "the tenant is not among those of the settings")
    return issuer.replace(TENANT, tenant)


def identity(
    provider: Provider, issuer: str, claims: Mapping[str, Any], more: Mapping[str, Any] | None = None
) -> Identity:
    """The identity behind the claims of an ID token whose signature, times and audience were checked.

    `issuer`: as in the provider's metadata. `more`: the claims of UserInfo, where they were asked for; an
    address and what says that it is verified are taken from one of the two, never from both together.
    Raises Refused. Standard: OpenID Connect Core 1.0, 3.1.3.7, 5.3.2 and 5.7
    """
    if claims.get("iss") != issuer_of(provider, issuer, claims):
        raise Refused("issuer_wrong", "the token is of another issuer than the metadata say")
    tenant = claims.get("tid", claims["iss"])
    if provider.tenants and str(tenant).lower() not in _lower(provider.tenants):
        raise Refused("tenant_not_allowed", "the tenant is not among those of the settings")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT:
        raise Refused("provider_wrong", "the token has no subject")
    if more is not None and more.get("sub") != subject:
        raise Refused("another_subject", "UserInfo is of another subject than the token")
    both = {**(more or {}), **claims}
    email = _address(provider, claims if more is None or provider.address_claim not in more else more)
    return Identity(
        provider=provider.name,
        issuer=claims["iss"],
        subject=subject,
        email=email,
        name=_name(both.get("name")) or email,
        roles=_roles(provider, both),
    )


def needs_more(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Whether UserInfo may know what the ID token does not say. Standard: OpenID Connect Core 1.0, 5.4"""
    wanted: list[str] = [provider.address_claim]
    if provider.verified != "by_provider":
        wanted.append(provider.verified)
    if provider.groups and not _withheld(provider, claims):
        wanted.append(provider.groups_claim)
    return any(claim not in claims for claim in wanted)


def _address(provider: Provider, claims: Mapping[str, Any]) -> str:
    """The verified address, in canonical form."""
    said = claims.get(provider.address_claim)
    if said is None or said == "":
        raise Refused("claim_absent", f"there is no claim {provider.address_claim}")
    address = addresses.canonical(said) if isinstance(said, str) else None
    if address is None:
        raise Refused("no_address", f"the claim {provider.address_claim} is no address", str(said))
    if not _is_verified(provider, claims):
        raise Refused("not_verified", f"by {provider.verified}, the address is not verified", address)
    if provider.domains and addresses.domain_of(address) not in provider.domains:
        why = "the address is of a domain that the settings do not name"
        raise Refused("domain_not_allowed", why, address)
    return address


def _is_verified(provider: Provider, claims: Mapping[str, Any]) -> bool:
    said = claims.get("email_verified")
    if provider.verified == "email_verified":
        return _is_true("email_verified", said)
    # A provider that says “not verified” is believed, whatever rule it has.
    if said is not None and not _is_true("email_verified", said):
        return False
    return provider.verified == "by_provider" or _is_true("xms_edov", claims.get("xms_edov"))


def _is_true(claim: str, value: object) -> bool:
    return any(type(value) is type(true) and value == true for true in _TRUE[claim])


def _roles(provider: Provider, claims: Mapping[str, Any]) -> frozenset[tuple[Role, str | None]] | None:
    """The roles that the person's groups give; None where the provider's groups give none."""
    if not provider.groups:
        return None
    said = claims.get(provider.groups_claim, ())
    if _withheld(provider, claims):
        raise Refused("groups_withheld", "the provider keeps the groups in another place (overage)")
    groups = [said] if isinstance(said, str) else said
    if not isinstance(groups, (list, tuple)) or not all(isinstance(g, str) for g in groups):
        raise Refused("provider_wrong", f"the claim {provider.groups_claim} is no list of texts")
    return frozenset((g.role, g.customer) for g in provider.groups if g.group in groups)


def _withheld(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Whether the groups are only pointed at: Entra ID does so beyond 200 of them.

    Standard: OpenID Connect Core 1.0, 5.6.2 (distributed claims)
    """
    names = claims.get("_claim_names")
    elsewhere = isinstance(names, Mapping) and provider.groups_claim in names
    return provider.groups_claim not in claims and (elsewhere or claims.get("hasgroups") in (True, "true"))


def _name(said: object) -> str:
    """A name on one line, without characters that cannot be seen."""
    text = said if isinstance(said, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MAX_NAME]


def _lower(texts: tuple[str, ...]) -> set[str]:
    return {text.lower() for text in texts}


def response_issuer_fits(provider: Provider, issuer: str, said: str | None, *, promised: bool) -> bool:
    """Whether the authorisation response comes from this provider: its `iss`, compared whenever it is there,
    and missed where the metadata promise it. Standard: RFC 9207, 2.4"""
    if said is None:
        return not promised
    if TENANT in issuer:
        return said.lower() in {issuer.replace(TENANT, tenant).lower() for tenant in provider.tenants}
    return said == issuer
