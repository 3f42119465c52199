"""Settings of a production server, from environment variables, `.env`, or a TOML file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_data_path
from pydantic import (
    BaseModel,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from dpa_core import ROOT as ROOT
from dpa_core import logs
from dpa_core.access_log import DAYS as ACCESS_LOG_DAYS
from dpa_core.agreement import AGREEMENTS, Agreement, load_all
from dpa_core.drafts import DAYS
from dpa_core.ledger import Ledger
from dpa_core.providers import Provider, contradictions

STORE = "desk.duckdb"
"""Name of the database file in the data folder."""


class SettingsError(Exception):
    """A setting is missing or wrong. The message is one line."""


class _Missing(ValueError):
    """A setting that is missing only because others are, too."""


class _Folders(BaseSettings):
    """The settings that every command needs, where things lie. Read from the same sources as all
    settings, so that no command looks at another store, or at other agreements, than the server."""

    model_config = SettingsConfigDict(
        env_prefix="DPA_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(default_factory=lambda: user_data_path("dpa-desk", appauthor=False))
    """Where state lives: by default the platform's user data folder."""
    database_url: SecretStr | None = None
    """A PostgreSQL database that several servers may share; without it, state lies in a file."""
    agreements_dir: Path | None = None
    """Agreements of the operator's own, one folder a version, beside the built-in ones."""

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not is_postgresql(url.get_secret_value()):
            raise ValueError("it is no address such as postgresql://dpa:password@host/dpa")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the TOML file as the last source."""
        sources = (init_settings, env_settings, dotenv_settings)
        if file := os.environ.get("DPA_SETTINGS"):
            return (*sources, TomlConfigSettingsSource(settings_cls, Path(file)))
        return sources


class _Signing(_Folders):
    """What signing snapshots needs; commands that only sign need none of the other settings."""

    snapshot_key: SecretStr | None = None
    """The private Ed25519 key as a JWK; without it, one is made in the data folder."""


class _Sessions(_Folders):
    """What the demo needs to know of sign-ins, too."""

    session_hours: float = Field(default=12, gt=0, le=24)
    """When a sign-in ends at the latest. The longest is a day. Standard: NIST SP 800-63B 2.2.3"""

    @property
    def session(self) -> timedelta:
        """When a sign-in ends at the latest."""
        return timedelta(hours=self.session_hours)


class _Logging(_Folders):
    """What the demo needs to know of its log, too."""

    log_format: logs.Form = "auto"
    """How log entries are written."""


class Limits(BaseModel):
    """How much of the server one session, one person or one address may take."""

    connections_per_session: int = Field(default=20, ge=1)
    """Pages open at once, each of which holds a websocket."""
    connections_per_person: int = Field(default=60, ge=1)
    connections_per_address: int = Field(default=400, ge=1)
    """More: a whole company's people may come from one address."""
    uploads_held_mb: int = Field(default=200, ge=1)
    """Megabytes of one person's uploads in memory at once."""
    uploads_held_in_all_mb: int = Field(default=1_000, ge=1)
    uploads_per_hour_mb: int = Field(default=1_000, ge=1)
    """Megabytes that one person may upload in an hour."""
    sign_ins_per_minute: int = Field(default=300, ge=1)
    """Requests to the pages of sign-in from one address."""


class Settings(_Sessions, _Signing, _Logging, Limits):
    """Read from `DPA_…` variables, then `.env`, then the TOML file named by `DPA_SETTINGS`."""

    address: str = "127.0.0.1"
    port: int = Field(default=8501, ge=1, le=65535)
    public_url: HttpUrl
    """The address people type, such as https://dpa.connectel.example."""
    providers: tuple[Provider, ...] = ()
    """The identity providers, where there are several, or one whose groups give roles."""
    # One provider, in the words that the list has, too. Declared after the list, which they ask for.
    oidc_title: str = ""
    oidc_metadata_url: HttpUrl | None = Field(default=None, validate_default=True)
    """The identity provider's `.well-known/openid-configuration`."""
    oidc_client_id: str | None = Field(default=None, validate_default=True)
    oidc_client_secret: SecretStr | None = Field(default=None, validate_default=True)
    oidc_domains: str = ""
    """Of the addresses that may sign in, with blanks or commas between them."""
    oidc_tenants: str = ""
    oidc_address_claim: str = "email"
    oidc_verified: str = "email_verified"
    oidc_prompt: str = ""
    oidc_scope: str = "openid email profile"
    cookie_secret: SecretStr = Field(min_length=32)
    """Signs the cookie of a sign-in that is under way: 32 random characters or more."""
    trusted_proxies: str = "127.0.0.1,::1"
    """Addresses or networks, separated by commas, whose word about the sender of a request counts."""
    max_file_mb: int = Field(default=25, ge=1, le=200)
    """Megabytes, of 1,048,576 bytes, that an attached file may have."""
    draft_days: int = Field(default=DAYS, ge=1, le=365)
    """How long what is typed and not sent is kept."""
    access_log_days: int = Field(default=ACCESS_LOG_DAYS, ge=1, le=3_660)
    """Days for which a line of the access log is kept."""
    contact: str = "privacy@connectel.se"
    """Whom to ask for access."""
    drain_seconds: int = Field(default=20, ge=1, le=600)
    """Seconds that open pages have to go to another server, once this one is told to stop."""
    metrics_address: str = ""
    """Where Prometheus finds the metrics, as 127.0.0.1:9464; empty: nowhere."""

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, url: HttpUrl) -> HttpUrl:
        if url.path not in (None, "", "/") or url.query or url.fragment or url.username or url.password:
            raise ValueError("it has no path, query, fragment or user; give the app a host name of its own")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, text: str) -> str:
        for part in text.split(",") if text != "none" else ():
            try:
                ip_network(part.strip())
            except ValueError:
                raise ValueError(f"{part.strip()} is no address or network, such as 10.0.0.0/24") from None
        return text

    @field_validator("metrics_address")
    @classmethod
    def _is_a_place_of_its_own(cls, text: str, info: ValidationInfo) -> str:
        if not text:
            return text
        host, _, port = text.rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            raise ValueError("it is no address with a port, such as 127.0.0.1:9464")
        if int(port) == info.data.get("port"):
            raise ValueError("people reach that port; metrics have one of their own")
        return text

    @property
    def metrics_at(self) -> tuple[str, int] | None:
        """The address and port for metrics; None: there are none."""
        host, _, port = self.metrics_address.rpartition(":")
        return (host.strip("[]"), int(port)) if host else None

    @field_validator("oidc_metadata_url", "oidc_client_id", "oidc_client_secret")
    @classmethod
    def _one_or_a_list(cls, value: Any, info: ValidationInfo) -> Any:
        listed = info.data.get("providers")
        if value is None and listed == ():
            raise _Missing
        if value is not None and listed:
            raise ValueError("stands beside [[providers]]: move it into that list")
        return value

    @model_validator(mode="after")
    def _providers_fit(self) -> Settings:
        try:
            problems = contradictions(self.identity_providers)
        except ValidationError as error:
            raise ValueError("; ".join(_problems(error, "DPA_OIDC_"))) from error
        if problems:
            raise ValueError("[[providers]]: " + "; ".join(problems))
        return self

    @property
    def identity_providers(self) -> tuple[Provider, ...]:
        """Through which people sign in: those of the list, or the one that has settings of its own."""
        if self.providers:
            return self.providers
        given: dict[str, Any] = {
            "title": self.oidc_title,
            "metadata_url": self.oidc_metadata_url,
            "client_id": self.oidc_client_id,
            "client_secret": self.oidc_client_secret,
            "domains": _listed(self.oidc_domains),
            "tenants": _listed(self.oidc_tenants),
            "address_claim": self.oidc_address_claim,
            "verified": self.oidc_verified,
            "prompt": self.oidc_prompt,
            "scope": self.oidc_scope,
        }
        return (Provider.model_validate({"name": "provider", **given}),)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[\s,]+", text.strip())) if text.strip() else ()


def data_folder() -> Path:
    """Where state lives. Raises SettingsError with one line."""
    return _read(_Folders).data_dir


def is_postgresql(place: str) -> bool:
    """Whether that is the address of a PostgreSQL database."""
    return place.startswith(("postgresql://", "postgres://"))


def database_url() -> str | None:
    """The PostgreSQL database where state lives; None where it lies in a file of the data folder. Raises
    SettingsError with one line."""
    url = _read(_Folders).database_url
    return url.get_secret_value() if url else None


def open_ledger(state_schema: int) -> Ledger:
    """The store of the settings. `state_schema`: as `Ledger.open`. Raises SettingsError, StoreInUse,
    StoreError."""
    folder, url = data_folder(), database_url()
    if url is None:
        return Ledger.open(folder / STORE, state_schema=state_schema)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Ledger.at(url, folder, state_schema=state_schema)


def load_agreements() -> dict[str, Agreement]:
    """Every version of the agreement, oldest first: the built-in ones, and those of the operator's own.

    Raises SettingsError with one line, AgreementError with a line for each thing that is wrong in any.
    """
    own = _read(_Folders).agreements_dir
    return load_all(AGREEMENTS) if own is None else load_all(AGREEMENTS, own)


def signing_key() -> str | None:
    """The key to sign snapshots with, where the settings give one. Raises SettingsError with one line."""
    key = _read(_Signing).snapshot_key
    return key.get_secret_value() if key else None


def session_length() -> timedelta:
    """When a sign-in ends at the latest. Raises SettingsError with one line."""
    return _read(_Sessions).session


def log_form() -> logs.Form:
    """How log entries are written. Raises SettingsError with one line."""
    return _read(_Logging).log_format


def read_settings(**given: Any) -> Settings:
    """The settings; `given` come before all sources. Raises SettingsError with one line."""
    return _read(Settings, **given)


_S = TypeVar("_S", bound=_Folders)


def _read(kind: type[_S], **given: Any) -> _S:
    file = os.environ.get("DPA_SETTINGS")
    if file and not Path(file).is_file():
        raise SettingsError(f"DPA_SETTINGS names {file}, which is no file.")
    try:
        return kind(**given)
    except ValidationError as error:
        problems = _problems(error, "DPA_")
        raise SettingsError("; ".join(problems) + ". See “Settings” in the README.") from error
    except ValueError as error:  # tomllib's, for a broken file
        raise SettingsError(f"{file} is no valid TOML: {error}") from error


def _problems(error: ValidationError, prefix: str) -> Iterator[str]:
    """What is wrong, by the name of the setting; never what was given, which may be a secret."""
    for problem in error.errors(include_input=False):
        # What a validator of ours says is a sentence already.
        said = str(problem.get("ctx", {}).get("error") or problem["msg"].lower())
        where = _setting(problem["loc"], prefix)
        if not where:
            yield said
        elif problem["type"] == "missing" or isinstance(problem.get("ctx", {}).get("error"), _Missing):
            yield f"{where} is missing"
        elif problem["type"] == "extra_forbidden":
            yield f"{where} is no setting that there is"
        else:
            yield f"{where} is wrong: {said}"


def _setting(loc: tuple[int | str, ...], prefix: str) -> str:
    """`DPA_PORT`, or `[[providers]] number 2, groups number 1, role`."""
    if not loc:
        return ""
    first = "[[providers]]" if loc[0] == "providers" else f"{prefix}{loc[0]}".upper()
    return first + "".join(f" number {p + 1}" if isinstance(p, int) else f", {p}" for p in loc[1:])
