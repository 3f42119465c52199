"""The providers that sign-in is tested against are what they are said to be."""

from __future__ import annotations

import hashlib
import re
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.needs import NODE
from tests.oidc_provider import CLIENT, SECRET, entra, metadata_url, serving

DESK = "https://desk.example"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "client_id": CLIENT,
    "redirect_uri": f"{DESK}/oauth2callback",
    "response_type": "code",
    "scope": "openid email profile",
    "state": "state-1",
    "nonce": "nonce-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
ANNA = {"email": "anna@nordfrakt.example", "email_verified": True, "name": "Anna"}


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=20) as client:
        yield client


def answered(location: str) -> dict[str, str]:
    """What a redirect back to the client says."""
    assert location.startswith(f"{DESK}/oauth2callback?"), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def redeem(client: httpx2.Client, metadata: dict[str, Any], code: str, **other: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": ASKED["redirect_uri"]}
    said = form | {"code_verifier": VERIFIER} | other
    return client.post(metadata["token_endpoint"], data=said, auth=(CLIENT, SECRET))


def claims(client: httpx2.Client, metadata: dict[str, Any], token: dict[str, Any]) -> dict[str, Any]:
    keys = KeySet.import_key_set(client.get(metadata["jwks_uri"]).json())
    return jwt.decode(token["id_token"], keys).claims


def userinfo(client: httpx2.Client, metadata: dict[str, Any], token: dict[str, Any]) -> dict[str, Any]:
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    answer: dict[str, Any] = client.get(metadata["userinfo_endpoint"], headers=bearer).json()
    return answer


# --- oidc-provider at its defaults ---------------------------------------------------------------


def sign_in(client: httpx2.Client, metadata: dict[str, Any], login: str) -> dict[str, str]:
    """Through its pages as a browser goes, to what it tells the client."""
    page = client.get(metadata["authorization_endpoint"], params=ASKED, follow_redirects=True)
    for form in ({"prompt": "login", "login": login, "password": "any"}, {"prompt": "consent"}):
        (action,) = re.findall(r'action="([^"]+)" method="post"', page.text)
        page = client.post(action, data=form)
        while page.is_redirect and not page.headers["location"].startswith(DESK):
            page = client.get(httpx2.URL(page.url).join(page.headers["location"]))
    return answered(page.headers["location"])


def test_the_address_comes_from_userinfo_only_and_the_response_names_its_issuer(
    client: httpx2.Client, tmp_path: Path
) -> None:
    with serving(tmp_path, DESK, {"anna": ANNA}) as issuer:
        metadata = client.get(metadata_url(issuer)).json()
        assert metadata["issuer"] == issuer
        assert metadata["authorization_response_iss_parameter_supported"] is True
        answer = sign_in(client, metadata, "anna")
        assert (answer["iss"], answer["state"]) == (issuer, "state-1")
        token = redeem(client, metadata, answer["code"]).json()
        assert claims(client, metadata, token).keys() & ANNA.keys() == set()
        assert userinfo(client, metadata, token) == {"sub": "anna", **ANNA}


def test_the_address_comes_in_the_id_token_where_the_provider_is_set_so(
    client: httpx2.Client, tmp_path: Path
) -> None:
    with serving(tmp_path, DESK, {"anna": ANNA}, conformIdTokenClaims=False) as issuer:
        metadata = client.get(metadata_url(issuer)).json()
        token = redeem(client, metadata, sign_in(client, metadata, "anna")["code"]).json()
        assert claims(client, metadata, token).items() >= {"sub": "anna", **ANNA}.items()


def test_a_login_that_is_not_listed_has_no_claims(client: httpx2.Client, tmp_path: Path) -> None:
    with serving(tmp_path, DESK, {"anna": ANNA}) as issuer:
        metadata = client.get(metadata_url(issuer)).json()
        token = redeem(client, metadata, sign_in(client, metadata, "nobody")["code"]).json()
        assert userinfo(client, metadata, token) == {"sub": "nobody"}


@pytest.mark.parametrize(
    ("prompt", "error"), [("select_account", "invalid_request"), ("none", "login_required")]
)
def test_what_it_refuses_at_its_defaults(
    client: httpx2.Client, tmp_path: Path, prompt: str, error: str
) -> None:
    with serving(tmp_path, DESK, {}) as issuer:
        metadata = client.get(metadata_url(issuer)).json()
        answer = client.get(metadata["authorization_endpoint"], params={**ASKED, "prompt": prompt})
        assert answered(answer.headers["location"])["error"] == error


def test_what_it_cannot_start_with_is_said(tmp_path: Path) -> None:
    wrong = {"devInteractions": True}
    with (
        pytest.raises(pytest.fail.Exception, match=r"did not start:[^!]*with a boolean"),
        serving(tmp_path, DESK, {}, features=wrong),
    ):
        pass


def test_the_node_of_playwright_runs() -> None:
    version = subprocess.run([NODE, "--version"], check=True, capture_output=True, text=True).stdout
    assert int(version.removeprefix("v").split(".")[0]) >= 20


# --- as Entra ------------------------------------------------------------------------------------


def pick(client: httpx2.Client, metadata: dict[str, Any], username: str, **other: str) -> dict[str, str]:
    """Choose an account on its page."""
    asked = {**ASKED, **other}
    page = client.get(metadata["authorization_endpoint"], params=asked)
    assert f"value='{username}'" in page.text
    chosen = {"username": username}
    answer = client.post(metadata["authorization_endpoint"], params=asked, data=chosen)
    return answered(answer.headers["location"])


def test_the_issuer_of_several_tenants_is_a_template_and_tokens_name_their_tenant(
    client: httpx2.Client,
) -> None:
    accounts = [entra.Account("anna@nordfrakt.example"), entra.Account("eve@else.example", entra.OTHER)]
    with entra.serving(accounts, DESK) as provider:
        metadata = client.get(provider.metadata_url("common")).json()
        assert metadata["issuer"] == "https://login.entra.example/{tenantid}/v2.0"
        answer = pick(client, metadata, "eve@else.example")
        assert "iss" not in answer
        said = claims(client, metadata, redeem(client, metadata, answer["code"]).json())
        assert said["iss"] == f"https://login.entra.example/{entra.OTHER}/v2.0"
        assert (said["tid"], said["aud"], said["nonce"]) == (entra.OTHER, CLIENT, "nonce-1")
        assert said["preferred_username"] == "eve@else.example"
        assert said.keys() & {"email", "email_verified", "xms_edov"} == set()


def test_one_tenant_has_its_own_issuer_and_accounts(client: httpx2.Client) -> None:
    accounts = [entra.Account("anna@nordfrakt.example"), entra.Account("eve@else.example", entra.OTHER)]
    with entra.serving(accounts, DESK) as provider:
        metadata = client.get(provider.metadata_url(entra.HOME)).json()
        assert metadata["issuer"] == provider.issuer(entra.HOME)
        page = client.get(metadata["authorization_endpoint"], params=ASKED).text
        assert "anna@nordfrakt.example" in page
        assert "eve@else.example" not in page


def test_an_accounts_claims_are_what_the_test_says(client: httpx2.Client) -> None:
    claimed = {"email": "anna@nordfrakt.example", "xms_edov": True, "name": None}
    with entra.serving([entra.Account("anna@x.example", claims=claimed)], DESK) as provider:
        metadata = client.get(provider.metadata_url()).json()
        token = redeem(client, metadata, pick(client, metadata, "anna@x.example")["code"]).json()
        said = claims(client, metadata, token)
        assert (said["email"], said["xms_edov"], "name" in said) == ("anna@nordfrakt.example", True, False)
        assert userinfo(client, metadata, token) == {"sub": said["sub"], "email": "anna@nordfrakt.example"}


def test_a_code_works_once_for_its_client_and_verifier(client: httpx2.Client) -> None:
    with entra.serving([entra.Account("anna@x.example")], DESK) as provider:
        metadata = client.get(provider.metadata_url()).json()
        code = pick(client, metadata, "anna@x.example")["code"]
        assert redeem(client, metadata, code, code_verifier="another").status_code == 400
        code = pick(client, metadata, "anna@x.example")["code"]
        assert redeem(client, metadata, code).status_code == 200
        assert redeem(client, metadata, code).json() == {"error": "invalid_grant"}
        other = {"client_id": CLIENT, "client_secret": "another"}
        assert client.post(metadata["token_endpoint"], data=other).status_code == 401


def test_somebody_may_decline(client: httpx2.Client) -> None:
    with entra.serving([], DESK) as provider:
        metadata = client.get(provider.metadata_url()).json()
        answer = client.post(metadata["authorization_endpoint"], params=ASKED)
        assert answered(answer.headers["location"])["error"] == "access_denied"
