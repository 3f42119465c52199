"""Speaks to the identity providers: what to ask them, and what of their answers counts.

Authlib makes and reads the messages; here stands what it leaves to its users: which metadata count and for
how long, the issuer of a response (RFC 9207), the details from UserInfo, and one cause for each way to fail.

Nothing here waits without an end, and nothing blocks the event loop.
Standard: OpenID Connect Core 1.0, 3.1; RFC 6749; RFC 7636 (PKCE); RFC 9207; OpenID Connect RP-Initiated
Logout 1.0
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import httpx2
from authlib.integrations.starlette_client import OAuthError, StarletteIntegration, StarletteOAuth2App
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, HttpUrl, ValidationError

from dpa_core import providers
from dpa_core.access import Identity
from dpa_core.providers import Provider, Refused

log = logging.getLogger("dpa_desk")

_TIMEOUT = httpx2.Timeout(8, connect=5)
"""Seconds."""
_FRESH = 3_600
"""Seconds for which metadata and keys are used without asking again."""
_LEEWAY = 120
"""Seconds by which the provider's clock may differ."""
_ANSWERS: Mapping[str, providers.Cause] = {
    "access_denied": "declined",
    "login_required": "nobody_signed_in",
    "interaction_required": "nobody_signed_in",
    "account_selection_required": "nobody_signed_in",
    "consent_required": "nobody_signed_in",
    "temporarily_unavailable": "provider_busy",
    "server_error": "provider_busy",
    "invalid_grant": "not_begun_here",
}
"""What the errors of a provider mean to a person; every other one is of the set-up."""


class Metadata(BaseModel):
    """What a provider says of itself, as far as it is used here. Standard: OpenID Connect Discovery 1.0, 3"""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: str
    authorization_endpoint: HttpUrl
    token_endpoint: HttpUrl
    jwks_uri: HttpUrl
    userinfo_endpoint: HttpUrl | None = None
    end_session_endpoint: HttpUrl | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    code_challenge_methods_supported: tuple[str, ...] | None = None
    scopes_supported: tuple[str, ...] | None = None
    claims_supported: tuple[str, ...] | None = None
    prompt_values_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool = False

    @property
    def client_auth(self) -> str:
        """How the client shows that it is the one: the first way of ours that the provider takes."""
        known = ("client_secret_basic", "client_secret_post")
        return next((m for m in known if m in self.token_endpoint_auth_methods_supported), known[0])

    @property
    def algorithms(self) -> list[str]:
        """Of signatures that count. Those by a secret, or of none, do not: only keys that are published."""
        said = self.id_token_signing_alg_values_supported
        return [a for a in said if a != "none" and not a.startswith("HS")] or ["RS256"]


class _App(StarletteOAuth2App):  # type: ignore[misc]  # Authlib has no types
    """Authlib's client, whose metadata are checked first and asked for again every hour."""

    async def load_server_metadata(self) -> dict[str, Any]:
        known: dict[str, Any] = self.server_metadata
        if known.get("_loaded_at", 0) + _FRESH > time.time():
            return known
        try:
            async with self._get_session() as client:
                answer = await client.request("GET", self._server_metadata_url, withhold_token=True)
                answer.raise_for_status()
                said = Metadata.model_validate(answer.json())
        except (httpx2.HTTPError, ValueError) as error:
            if not known:
                raise
            log.warning(
                "%s: its metadata cannot be read anew, the old ones stand: %s", self.name, _brief(error)
            )
            known["_loaded_at"] = time.time()
            return known
        # Only what is checked: Authlib takes metadata for settings of its HTTP client, too.
        known.clear()
        known.update(said.model_dump(mode="json", exclude_none=True))
        known.update(
            _loaded_at=time.time(),
            id_token_signing_alg_values_supported=said.algorithms,
            token_endpoint_auth_method=said.client_auth,
        )
        return known


class Connection:
    """One provider, reached as its settings say. `redirect_uri`: where it sends people back to."""

    def __init__(self, provider: Provider, redirect_uri: str) -> None:
        self.provider = provider
        self.redirect_uri = redirect_uri
        self._app = _App(
            StarletteIntegration(provider.name),
            provider.name,
            client_id=provider.client_id,
            client_secret=provider.client_secret.get_secret_value(),
            server_metadata_url=str(provider.metadata_url),
            client_kwargs={
                "scope": provider.scope,
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT,
                "leeway": 0,  # Authlib's minute would take an access token of a minute for expired
            },
            user_agent="DPA-Desk",
        )

    async def metadata(self) -> Metadata:
        """What the provider says of itself. Raises Refused."""
        try:
            return Metadata.model_validate(await self._app.load_server_metadata())
        except (httpx2.HTTPError, ValueError) as error:
            raise _unread("metadata", error) from error

    async def keys(self) -> None:
        """Fetch the keys that sign its tokens. Raises Refused where they do not come, or are none."""
        await self.metadata()
        try:
            KeySet.import_key_set(await self._app.fetch_jwk_set())
        except (httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unread("keys", error) from error

    async def begin(self, address: str = "") -> dict[str, str]:
        """Where to lead the browser (`url`), with what its answer must fit: `state`, `nonce`,
        `code_verifier`. `address`: whom the provider may offer to sign in. Raises Refused."""
        await self.metadata()
        asked = {"prompt": self.provider.prompt, "login_hint": address}
        begun: dict[str, str] = await self._app.create_authorization_url(
            self.redirect_uri, **{name: value for name, value in asked.items() if value}
        )
        return begun

    async def finish(self, answer: Mapping[str, str], begun: Mapping[str, str]) -> tuple[Identity, str]:
        """The identity that an authorisation response stands for, and its ID token. Raises Refused.

        `begun`: what `begin` gave for the state of this response.
        """
        said = await self.metadata()
        if not providers.response_issuer_fits(
            self.provider,
            said.issuer,
            answer.get("iss"),
            promised=said.authorization_response_iss_parameter_supported,
        ):
            raise Refused("issuer_wrong", "the response has not the issuer of the metadata")
        if "error" in answer:
            raise _answered(answer["error"], answer.get("error_description"))
        if not answer.get("code"):
            raise Refused("provider_wrong", "the response has neither a code nor an error")
        token = await self._token(answer["code"], begun["code_verifier"])
        claims = await self._claims(token, begun["nonce"])
        more = None
        if providers.needs_more(self.provider, claims) and said.userinfo_endpoint:
            more = await self._more(token)
        return providers.identity(self.provider, said.issuer, claims, more), token["id_token"]

    async def _token(self, code: str, verifier: str) -> dict[str, Any]:
        try:
            token: dict[str, Any] = await self._app.fetch_access_token(
                redirect_uri=self.redirect_uri,
                code=code,
                code_verifier=verifier,
                grant_type="authorization_code",
            )
        except OAuthError as error:
            raise _answered(error.error, error.description) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _unread("token", error) from error
        if not isinstance(token.get("id_token"), str):
            raise Refused("provider_wrong", "the token response has no ID token")
        return token

    async def _claims(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of the ID token, its signature, audience, times and nonce checked; not its issuer,
        which may be a template. Standard: OpenID Connect Core 1.0, 3.1.3.7"""
        must = {"iss": {"essential": True}, "aud": {"essential": True, "value": self.provider.client_id}}
        try:
            return dict(await self._app.parse_id_token(token, nonce, claims_options=must, leeway=_LEEWAY))
        except ExpiredTokenError as error:
            raise Refused("token_expired", "the ID token had expired") from error
        except JoseError as error:
            raise Refused("token_wrong", f"the ID token does not count: {_brief(error)}") from error
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            raise _unread("keys", error) from error

    async def _more(self, token: dict[str, Any]) -> dict[str, Any]:
        """The claims of UserInfo. Standard: OpenID Connect Core 1.0, 5.3"""
        try:
            return dict(await self._app.userinfo(token=token))
        except OAuthError as error:
            raise _answered(error.error, error.description) from error
        except (httpx2.HTTPError, ValueError, TypeError) as error:
            raise _unread("UserInfo", error) from error

    async def sign_out_url(self, id_token: str | None, back_to: str, state: str) -> str | None:
        """Where to lead the browser so that it signs out there, too; None where the provider has no such
        place, or the settings say not to. Raises Refused.

        Standard: OpenID Connect RP-Initiated Logout 1.0, 2
        """
        if not self.provider.end_session or not (await self.metadata()).end_session_endpoint:
            return None
        asked = await self._app.create_logout_url(
            post_logout_redirect_uri=back_to,
            id_token_hint=id_token,
            state=state,
            client_id=self.provider.client_id,
        )
        return str(asked["url"])


def _answered(error: str | None, description: str | None) -> Refused:
    """The cause behind an error code of the provider."""
    return Refused(
        _ANSWERS.get(error or "", "misconfigured"), f"it answered {error!r}, {(description or '')[:200]!r}"
    )


def _unread(what: str, error: Exception) -> Refused:
    """The cause behind an answer that did not come, or that cannot be read."""
    if isinstance(error, httpx2.HTTPStatusError):
        status = error.response.status_code
        cause: providers.Cause = "provider_down" if status >= 500 or status == 429 else "misconfigured"
        return Refused(cause, f"its {what} came with HTTP status {status}")
    if isinstance(error, httpx2.HTTPError):
        return Refused("provider_down", f"its {what} did not come: {_brief(error)}")
    return Refused("provider_wrong", f"its {what} cannot be read: {_brief(error)}")


def _brief(error: Exception) -> str:
    """An error in one line, without the text that it stumbled over, which may be a person's."""
    if isinstance(error, ValidationError):
        told = (f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors(include_input=False))
        return "; ".join(told)
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
