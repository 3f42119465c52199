"""Identity providers of others, as customers have them: the npm package `oidc-provider` at its defaults
(`serving`), and one whose claims are as Microsoft Entra ID sends them (`entra`)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.needs import NODE, npm_package

CLIENT = "dpa-desk"
SECRET = "a-secret-of-forty-characters-or-a-few-more"


def package() -> Path:
    """The folder of `oidc-provider`; skips the test where it is not installed."""
    return npm_package("oidc-provider", "9")


@contextmanager
def serving(
    folder: Path, public_url: str, accounts: Mapping[str, Mapping[str, Any]], **configuration: Any
) -> Iterator[str]:
    """Run `oidc-provider` until the block ends; give its issuer once it answers.

    `folder`: for its files. `public_url`: of the one client, `CLIENT` with `SECRET`. `accounts`: what it
    claims of each login. `configuration`: settings of oidc-provider that differ from its defaults, for
    example `conformIdTokenClaims=False`, with which the e-mail address comes in the ID token too.
    """
    client = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [f"{public_url}/oauth2callback"],
        "post_logout_redirect_uris": [f"{public_url}/sign-in"],
    }
    file = folder / "oidc-provider.json"
    said = {"clients": [client], "accounts": accounts, "configuration": configuration}
    file.write_text(json.dumps(said), encoding="utf-8")
    log = folder / "oidc-provider.log"
    with log.open("wb") as err:
        process = subprocess.Popen(
            [NODE, Path(__file__).with_name("server.mjs"), package(), file],
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        )
    with process:
        try:
            assert process.stdout
            issuer = process.stdout.readline().strip()  # empty once it has ended
            if not issuer:
                pytest.fail(f"oidc-provider did not start:\n{log.read_text()}")
            yield issuer
        finally:
            process.terminate()


def metadata_url(issuer: str) -> str:
    """Where an issuer's metadata are. Standard: OpenID Connect Discovery 1.0, 4"""
    return f"{issuer}/.well-known/openid-configuration"


def sign_in(page: Page, login: str) -> None:
    """On the provider's pages: sign in under a login, then consent to what the client asks."""
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
