"""Settings of a production server, from environment variables, `.env`, or a TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_data_path
from pydantic import Field, HttpUrl, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from dpa_core import ROOT as ROOT
from dpa_core.agreement import AGREEMENTS, Agreement, load_all
from dpa_core.drafts import DAYS

STORE = "desk.duckdb"
"""Name of the database file in the data folder."""


class SettingsError(Exception):
    """A setting is missing or wrong. The message is one line."""


class _Folders(BaseSettings):
    """The settings that every command needs, where things lie. Read from the same sources as all
    settings, so that no command looks at another store, or at other agreements, than the server."""

    model_config = SettingsConfigDict(
        env_prefix="DPA_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(default_factory=lambda: user_data_path("dpa-desk", appauthor=False))
    """Where state lives: by default the platform's user data folder."""
    agreements_dir: Path | None = None
    """Agreements of the operator's own, one folder a version, beside the built-in ones."""

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


class Settings(_Signing):
    """Read from `DPA_…` variables, then `.env`, then the TOML file named by `DPA_SETTINGS`."""

    address: str = "127.0.0.1"
    port: int = Field(default=8501, ge=1, le=65535)
    public_url: HttpUrl
    """The address people type, such as https://dpa.connectel.example."""
    oidc_metadata_url: HttpUrl
    """The identity provider's `.well-known/openid-configuration`."""
    oidc_client_id: str = Field(min_length=1)
    oidc_client_secret: SecretStr = Field(min_length=1)
    cookie_secret: SecretStr = Field(min_length=32)
    """Signs the identity cookie: 32 random characters or more."""
    max_file_mb: int = Field(default=25, ge=1, le=200)
    """Megabytes, of 1,048,576 bytes, that an attached file may have."""
    draft_days: int = Field(default=DAYS, ge=1, le=365)
    """How long what is typed and not sent is kept."""
    contact: str = "privacy@connectel.se"
    """Whom to ask for access."""


def data_folder() -> Path:
    """Where state lives. Raises SettingsError with one line."""
    return _read(_Folders).data_dir


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
        problems = []
        for problem in error.errors():
            name = "DPA_" + "_".join(str(part) for part in problem["loc"]).upper()
            what = "is missing" if problem["type"] == "missing" else f"is wrong: {problem['msg'].lower()}"
            problems.append(f"{name} {what}")
        raise SettingsError("; ".join(problems) + ". See “Settings” in the README.") from error
    except ValueError as error:  # tomllib's, for a broken file
        raise SettingsError(f"{file} is no valid TOML: {error}") from error
