"""What the claims of an identity provider have to say for somebody to come in: one refusal for each cause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dpa_core.providers import (
    SENTENCES,
    TENANT,
    Provider,
    Refused,
    contradictions,
    for_address,
    identity,
    needs_more,
    response_issuer_fits,
)

ISSUER = "https://id.nordfrakt.example"
MICROSOFT = "https://login.microsoftonline.com"
TEMPLATE = f"{MICROSOFT}/{TENANT}/v2.0"
OURS = "0f5c6c1e-7e0a-4d5b-9a59-3d2a4c1f0001"
THEIRS = "0f5c6c1e-7e0a-4d5b-9a59-3d2a4c1f0002"
PLAIN = {
    "name": "nordfrakt",
    "metadata_url": f"{ISSUER}/.well-known/openid-configuration",
    "client_id": "desk",
    "client_secret": "very secret",
}
ENTRA = {
    **PLAIN,
    "metadata_url": f"{MICROSOFT}/organizations/v2.0/.well-known/openid-configuration",
    "tenants": [OURS],
    "domains": ["nordfrakt.example"],
    "verified": "by_provider",
}


def provider(**given):
    return Provider.model_validate({**PLAIN, **given})


def entra(**given):
    return Provider.model_validate({**ENTRA, **given})


def claims(**given):
    """Claims of Anna's; `...` takes one away."""
    said = {
        "iss": ISSUER,
        "sub": "7f3a",
        "email": "anna@nordfrakt.example",
        "email_verified": True,
        "name": "Anna Lindqvist",
        **given,
    }
    return {key: value for key, value in said.items() if value is not ...}


def entra_claims(**given):
    """As Entra ID's v2 tokens have them: no `email_verified`."""
    of = {"iss": TEMPLATE.replace(TENANT, OURS), "tid": OURS, "oid": "1", "email_verified": ...}
    return claims(**{**of, **given})


def cause(of, said, more=None, issuer=ISSUER):
    with pytest.raises(Refused) as caught:
        identity(of, issuer, said, more)
    assert SENTENCES[caught.value.cause]
    assert "anna" not in str(caught.value).lower()  # the log names nobody
    return caught.value.cause


# --- strict, where the settings say nothing -------------------------------------------------------------


def test_a_verified_address_is_an_identity():
    who = identity(provider(), ISSUER, claims())
    assert (who.provider, who.issuer, who.subject) == ("nordfrakt", ISSUER, "7f3a")
    assert (who.email, who.name, who.roles) == ("anna@nordfrakt.example", "Anna Lindqvist", None)


@pytest.mark.parametrize("verified", [True, "true"])
def test_true_and_the_text_true_count_as_verified(verified):
    assert identity(provider(), ISSUER, claims(email_verified=verified))


@pytest.mark.parametrize(
    "verified", [..., None, False, "false", "True", "yes", "", 0, 1, 1.0, [True], {"a": 1}]
)
def test_nothing_else_counts_as_verified(verified):
    assert cause(provider(), claims(email_verified=verified)) == "not_verified"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_whatever_else_is_said_of_an_address_it_is_not_verified(said):
    if said is not True and said != "true":
        assert cause(provider(), claims(email_verified=said)) == "not_verified"


@pytest.mark.parametrize("address", [..., None, ""])
def test_without_an_address_there_is_no_identity(address):
    assert cause(provider(), claims(email=address)) == "claim_absent"


@pytest.mark.parametrize(
    "address", ["anna", "anna@localhost", "a\u202enna@x.example", 7, ["a@x.example"], True]
)
def test_what_is_no_address_is_said_to_be_none(address):
    assert cause(provider(), claims(email=address)) == "no_address"


def test_an_address_is_kept_in_its_one_form():
    who = identity(provider(), ISSUER, claims(email="Anna@blåbär.EXAMPLE"))
    assert who.email == "anna@xn--blbr-noae.example"
    assert identity(provider(), ISSUER, claims(email=who.email)).email == who.email


@pytest.mark.parametrize("subject", [..., None, "", 7, ["a"], "s" * 256])
def test_without_a_subject_there_is_no_identity(subject):
    assert cause(provider(), claims(sub=subject)) == "provider_wrong"


@pytest.mark.parametrize("issuer", [..., None, ISSUER + "/", ISSUER.upper(), "https://evil.example", 7])
def test_the_issuer_is_the_one_of_the_metadata_to_the_letter(issuer):
    said = claims(iss=issuer)
    assert cause(provider(), said) == "issuer_wrong"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  Anna \n Lindqvist\u202e", "Anna Lindqvist"),
        (..., "anna@nordfrakt.example"),
        ({"given": "Anna"}, "anna@nordfrakt.example"),
        ("\u200b", "anna@nordfrakt.example"),
        ("n" * 900, "n" * 200),
    ],
)
def test_a_name_is_one_line_that_can_be_seen(name, shown):
    assert identity(provider(), ISSUER, claims(name=name)).name == shown


@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "email", "email_verified", "name", "tid", "groups", "xms_edov"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([ISSUER, "a@b.example"]),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=4,
        ),
    )
)
def test_whatever_a_provider_says_is_an_identity_or_refused(said):
    try:
        who = identity(provider(), ISSUER, said)
    except Refused as refused:
        assert refused.cause in SENTENCES
    else:
        assert said["email_verified"] in (True, "true")
        assert (who.issuer, who.subject) == (said["iss"], said["sub"])


# --- domains and customers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "comes_in"),
    [
        ("anna@nordfrakt.example", True),
        ("anna@NordFrakt.example", True),
        ("anna@xn--blbr-noae.example", False),
        ("anna@sub.nordfrakt.example", False),
        ("anna@nordfrakt.example.evil.example", False),
        ("anna@evilnordfrakt.example", False),
        ("nordfrakt.example@evil.example", False),
    ],
)
def test_only_named_domains_come_in(address, comes_in):
    of = provider(domains=["Nordfrakt.Example"])
    if comes_in:
        assert identity(of, ISSUER, claims(email=address))
    else:
        assert cause(of, claims(email=address)) == "domain_not_allowed"


def test_a_domain_in_unicode_is_the_one_in_ascii():
    of = provider(domains=["blåbär.example"])
    assert of.domains == ("xn--blbr-noae.example",)
    assert identity(of, ISSUER, claims(email="anna@xn--blbr-noae.example"))


# --- Entra ID -------------------------------------------------------------------------------------------


def test_entras_claims_come_in_where_its_addresses_are_said_to_be_verified():
    who = identity(entra(), TEMPLATE, entra_claims())
    assert who.issuer == f"{MICROSOFT}/{OURS}/v2.0"


def test_entras_claims_do_not_come_in_by_the_strict_rule():
    of = entra(verified="email_verified")
    assert cause(of, entra_claims(), issuer=TEMPLATE) == "not_verified"


@pytest.mark.parametrize("claim", ["preferred_username", "upn"])
def test_another_claim_may_be_the_address(claim):
    of = entra(address_claim=claim)
    said = entra_claims(**{"email": ..., claim: "anna@nordfrakt.example"})
    assert identity(of, TEMPLATE, said).email == "anna@nordfrakt.example"
    assert cause(of, entra_claims(), issuer=TEMPLATE) == "claim_absent"
    guest = entra_claims(**{claim: "anna_solsidan.example#EXT#@nordfrakt.onmicrosoft.example"})
    assert cause(of, guest, issuer=TEMPLATE) == "domain_not_allowed"


@pytest.mark.parametrize("said", [True, "true", 1, "1"])
def test_xms_edov_may_say_that_the_address_is_verified(said):
    assert identity(entra(verified="xms_edov"), TEMPLATE, entra_claims(xms_edov=said))


@pytest.mark.parametrize("said", [..., None, False, "false", 0, "0", "", 2, 1.0, [1]])
def test_nothing_else_of_xms_edov_does(said):
    of = entra(verified="xms_edov")
    assert cause(of, entra_claims(xms_edov=said), issuer=TEMPLATE) == "not_verified"


@pytest.mark.parametrize("rule", ["xms_edov", "by_provider"])
@pytest.mark.parametrize("denied", [False, "false", 0, "no"])
def test_a_provider_that_says_not_verified_is_believed(rule, denied):
    said = entra_claims(xms_edov=True, email_verified=denied)
    assert cause(entra(verified=rule), said, issuer=TEMPLATE) == "not_verified"


@pytest.mark.parametrize("tenant", [..., None, THEIRS, "", "*", TENANT, OURS[:-1], [OURS]])
def test_only_named_tenants_come_in(tenant):
    said = entra_claims(tid=tenant, iss=TEMPLATE.replace(TENANT, str(tenant)))
    assert cause(entra(), said, issuer=TEMPLATE) == "tenant_not_allowed"


def test_a_token_of_one_tenant_does_not_pass_for_one_of_another():
    of = entra(tenants=[OURS, THEIRS])
    said = entra_claims(tid=THEIRS)  # with the issuer of ours
    assert cause(of, said, issuer=TEMPLATE) == "issuer_wrong"


def test_one_tenants_own_metadata_need_no_template():
    url = f"{MICROSOFT}/{OURS}/v2.0/.well-known/openid-configuration"
    of = entra(metadata_url=url)
    assert identity(of, f"{MICROSOFT}/{OURS}/v2.0", entra_claims())
    elsewhere = entra_claims(tid=THEIRS, iss=f"{MICROSOFT}/{OURS}/v2.0")
    assert cause(of, elsewhere, issuer=f"{MICROSOFT}/{OURS}/v2.0") == "tenant_not_allowed"


def test_the_tenant_of_a_provider_without_such_a_claim_is_its_issuer():
    of = provider(verified="by_provider", tenants=[ISSUER], domains=["nordfrakt.example"])
    assert identity(of, ISSUER, claims(email_verified=...))
    other = provider(verified="by_provider", tenants=[OURS], domains=["nordfrakt.example"])
    assert cause(other, claims(email_verified=...)) == "tenant_not_allowed"


def test_a_template_without_named_tenants_lets_nobody_in():
    assert cause(provider(), entra_claims(email_verified=True), issuer=TEMPLATE) == "misconfigured"


# --- UserInfo -------------------------------------------------------------------------------------------


def test_the_address_may_come_from_userinfo_alone():
    bare = claims(email=..., email_verified=..., name=...)
    assert needs_more(provider(), bare)
    more = {"sub": "7f3a", "email": "anna@nordfrakt.example", "email_verified": True, "name": "Anna"}
    who = identity(provider(), ISSUER, bare, more)
    assert (who.email, who.name) == ("anna@nordfrakt.example", "Anna")


@pytest.mark.parametrize("subject", ["7f3b", "", None, 7, ...])
def test_userinfo_of_another_subject_does_not_count(subject):
    more = {"sub": subject, "email": "anna@nordfrakt.example", "email_verified": True}
    more = {key: value for key, value in more.items() if value is not ...}
    assert cause(provider(), claims(email=...), more) == "another_subject"


def test_an_address_of_one_source_is_not_verified_by_the_other():
    more = {"sub": "7f3a", "email": "evil@nordfrakt.example"}
    assert cause(provider(), claims(email=..., email_verified=True), more) == "not_verified"
    more = {"sub": "7f3a", "email_verified": True}
    assert cause(provider(), claims(email_verified=...), more) == "not_verified"


@pytest.mark.parametrize(
    ("given", "said", "asks"),
    [
        ({}, claims(), False),
        ({}, claims(email_verified=...), True),
        ({}, claims(email=...), True),
        ({"groups": [{"group": "g", "role": "privacy_officer"}]}, claims(), True),
        ({"groups": [{"group": "g", "role": "privacy_officer"}]}, claims(groups=[]), False),
    ],
)
def test_userinfo_is_asked_for_what_is_missing_alone(given, said, asks):
    assert needs_more(provider(**given), said) == asks


# --- groups ---------------------------------------------------------------------------------------------

GROUPS = [
    {"group": "desk-admins", "role": "customer_admin", "customer": "nordfrakt"},
    {"group": "desk-readers", "role": "customer_reader", "customer": "nordfrakt"},
    {"group": "officers", "role": "privacy_officer"},
]


@pytest.mark.parametrize(
    ("groups", "roles"),
    [
        (["desk-admins"], {("customer_admin", "nordfrakt")}),
        ("desk-admins", {("customer_admin", "nordfrakt")}),
        (["officers", "x", "desk-readers"], {("privacy_officer", None), ("customer_reader", "nordfrakt")}),
        ([f"{n:032x}" for n in range(200)], set()),
        (["DESK-ADMINS", "desk"], set()),
        ([], set()),
        (..., set()),
    ],
)
def test_groups_give_roles(groups, roles):
    said = claims(groups=groups)
    assert identity(provider(groups=GROUPS), ISSUER, said).roles == roles


def test_groups_say_nothing_where_the_settings_give_them_no_roles():
    assert identity(provider(), ISSUER, claims(groups=["desk-admins"])).roles is None


def test_the_claim_with_the_groups_may_have_another_name():
    of = provider(groups=GROUPS, groups_claim="roles")
    assert identity(of, ISSUER, claims(roles=["officers"], groups=["desk-admins"])).roles == {
        ("privacy_officer", None)
    }


@pytest.mark.parametrize("groups", [7, {"desk-admins": 1}, [7], [["desk-admins"]], True])
def test_groups_that_cannot_be_read_let_nobody_in(groups):
    assert cause(provider(groups=GROUPS), claims(groups=groups)) == "provider_wrong"


@pytest.mark.parametrize("sign", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": True}])
def test_groups_that_are_kept_elsewhere_take_no_role(sign):
    assert cause(provider(groups=GROUPS), claims(**sign)) == "groups_withheld"
    assert identity(provider(), ISSUER, claims(**sign)).roles is None


# --- the response's issuer ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "promised", "fits"),
    [
        (ISSUER, True, True),
        (ISSUER, False, True),
        (None, False, True),
        (None, True, False),
        ("", False, False),
        ("https://evil.example", False, False),
        (ISSUER + "/", True, False),
    ],
)
def test_the_issuer_of_a_response_is_compared_wherever_it_is_there(said, promised, fits):
    assert response_issuer_fits(provider(), ISSUER, said, promised=promised) == fits


def test_the_issuer_of_a_response_fits_a_template_with_a_named_tenant():
    assert response_issuer_fits(entra(), TEMPLATE, TEMPLATE.replace(TENANT, OURS), promised=True)
    assert not response_issuer_fits(entra(), TEMPLATE, TEMPLATE.replace(TENANT, THEIRS), promised=False)
    assert not response_issuer_fits(entra(), TEMPLATE, TEMPLATE, promised=False)


# --- settings that contradict themselves ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"verified": "by_provider"}, "needs both tenants and domains"),
        ({"verified": "by_provider", "tenants": [OURS]}, "needs both tenants and domains"),
        ({"verified": "by_provider", "domains": ["a.example"]}, "needs both tenants and domains"),
        ({"address_claim": "upn"}, 'needs verified = "by_provider"'),
        ({"address_claim": "preferred_username", "verified": "xms_edov"}, 'needs verified = "by_provider"'),
        ({"metadata_url": f"{MICROSOFT}/common/v2.0/.well-known/openid-configuration"}, "name the tenants"),
        ({"metadata_url": f"{MICROSOFT}/Organizations/v2.0/x"}, "name the tenants"),
        ({"scope": "email profile"}, "openid"),
        ({"domains": ["anna@nordfrakt.example"]}, "is no domain"),
        ({"domains": ["*.example"]}, "is no domain"),
        ({"name": "Nord frakt"}, "pattern"),
        ({"prompt": "none"}, "prompt"),
        ({"client_secrets": "x"}, "client_secrets"),
        ({"groups": [{"group": "g", "role": "customer_admin"}]}, "goes with a customer"),
        ({"groups": [{"group": "g", "role": "privacy_officer", "customer": "a"}]}, "goes with no customer"),
        ({"groups": [{"group": "g", "role": "boss"}]}, "role"),
        ({"customers": ["solsidan"], "groups": GROUPS[:1]}, "outside of customers"),
        ({"customers": ["solsidan"], "groups": GROUPS[2:]}, "outside of customers"),
    ],
)
def test_a_provider_that_contradicts_itself_is_refused(given, told):
    with pytest.raises(ValidationError, match=told):
        provider(**given)


def test_providers_beside_each_other_keep_to_their_own_domains():
    one = provider(domains=["a.example", "b.example"])
    two = provider(name="solsidan", domains=["b.example"])
    assert contradictions((one,)) == []
    assert contradictions((provider(),)) == []
    assert contradictions((one, two)) == ["b.example is a domain of both nordfrakt and solsidan"]
    assert contradictions((one, one))[0] == "nordfrakt is the name of two providers"
    assert contradictions((one, provider(name="x"))) == ["x needs domains, as there are several providers"]


def test_an_address_leads_to_the_provider_of_its_domain():
    both = (provider(domains=["a.example"]), provider(name="solsidan", domains=["b.example"]))
    assert for_address(both, "Bo@B.example") == both[1]
    assert for_address(both, "bo@c.example") is None
    assert for_address(both, "bo") is None
    assert for_address((provider(),), "") is None


def test_every_sentence_can_name_its_provider():
    for said in SENTENCES.values():
        assert "{" not in said.format(provider="Nordfrakt")
