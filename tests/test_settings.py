"""Settings of a production server: where they come from, and one clear line for a wrong one."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from dpa_core import ROOT
from dpa_core.agreement import AGREEMENTS
from dpa_core.settings import (
    Settings,
    SettingsError,
    data_folder,
    load_agreements,
    log_form,
    read_settings,
)
from tests.conftest import VERSION

GOOD = {
    "DPA_PUBLIC_URL": "https://dpa.connectel.example",
    "DPA_OIDC_METADATA_URL": "https://id.example/.well-known/openid-configuration",
    "DPA_OIDC_CLIENT_ID": "desk",
    "DPA_OIDC_CLIENT_SECRET": "a secret of the provider",
    "DPA_COOKIE_SECRET": "0123456789abcdef0123456789abcdef",
}


@pytest.fixture(autouse=True)
def empty_place(tmp_path, monkeypatch):
    """No setting from outside the test, and a folder of its own for `.env`."""
    monkeypatch.chdir(tmp_path)
    others = (
        "SESSION_HOURS",
        "OIDC_PROMPT",
        "OIDC_SCOPE",
        "OIDC_VERIFIED",
        "OIDC_DOMAINS",
        "OIDC_TENANTS",
        "DATA_DIR",
        "AGREEMENTS_DIR",
        "SETTINGS",
        "PORT",
        "ADDRESS",
        "CONTACT",
        "LOG_FORMAT",
        "METRICS_ADDRESS",
    )
    for name in (*GOOD, *(f"DPA_{other}" for other in others)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def good(monkeypatch):
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def problem():
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def toml(name="desk.toml", **values):
    text = "".join(f'{key} = "{value}"\n' for key, value in values.items())
    Path(name).write_text(text, "utf-8")
    return str(Path(name).resolve())


def test_settings_come_from_the_environment(good):
    settings = read_settings()
    assert str(settings.public_url) == "https://dpa.connectel.example/"
    assert settings.cookie_secret.get_secret_value() == GOOD["DPA_COOKIE_SECRET"]
    assert (settings.address, settings.port) == ("127.0.0.1", 8501)


def test_settings_come_from_an_env_file():
    Path(".env").write_text("".join(f"{k}={v}\n" for k, v in GOOD.items()), "utf-8")
    assert read_settings().oidc_client_id == "desk"


def test_settings_come_from_a_toml_file(monkeypatch):
    values = {name.removeprefix("DPA_").lower(): value for name, value in GOOD.items()}
    monkeypatch.setenv("DPA_SETTINGS", toml(**values))
    assert read_settings().oidc_client_id == "desk"


def test_the_environment_goes_before_env_and_env_before_toml(good, monkeypatch):
    monkeypatch.setenv("DPA_SETTINGS", toml(contact="toml@x.example", address="toml", port="1003"))
    Path(".env").write_text("DPA_ADDRESS=env\nDPA_PORT=1002\n", "utf-8")
    monkeypatch.setenv("DPA_PORT", "1001")
    settings = read_settings()
    assert (settings.contact, settings.address, settings.port) == ("toml@x.example", "env", 1001)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_setting_is_named(good, monkeypatch, name):
    monkeypatch.delenv(name)
    assert f"{name} is missing" in problem()
    monkeypatch.setenv(name, "")
    assert f"{name} is missing" in problem()


def test_all_that_is_missing_is_named_at_once():
    told = problem()
    assert all(f"{name} is missing" in told for name in GOOD)
    assert "README" in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DPA_PORT", "many"),
        ("DPA_PORT", "0"),
        ("DPA_PORT", "65536"),
        ("DPA_PUBLIC_URL", "dpa.connectel.example"),
        ("DPA_PUBLIC_URL", "ftp://dpa.connectel.example"),
        ("DPA_OIDC_METADATA_URL", "no address"),
        ("DPA_COOKIE_SECRET", "0123456789abcdef0123456789abcde"),
    ],
)
def test_a_wrong_setting_is_named(good, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert f"{name} is wrong" in problem()


def test_no_secret_is_ever_shown(good, monkeypatch):
    assert GOOD["DPA_COOKIE_SECRET"] not in repr(read_settings())
    assert GOOD["DPA_OIDC_CLIENT_SECRET"] not in repr(read_settings())
    monkeypatch.setenv("DPA_COOKIE_SECRET", "hunter2")
    assert "hunter2" not in problem()


@pytest.mark.parametrize("content", ["port = ", "port = 1\nport = 2\n", "\0", "[["])
def test_a_broken_toml_file_is_named(good, monkeypatch, content):
    Path("desk.toml").write_text(content, "utf-8")
    monkeypatch.setenv("DPA_SETTINGS", "desk.toml")
    assert "desk.toml is no valid TOML" in problem()


def test_a_toml_file_that_is_not_utf_8_is_named(good, monkeypatch):
    Path("desk.toml").write_bytes("contact = 'å'".encode("latin-1"))
    monkeypatch.setenv("DPA_SETTINGS", "desk.toml")
    assert "desk.toml is no valid TOML" in problem()


@pytest.mark.parametrize("name", ["no.toml", "."])
def test_a_toml_file_that_is_not_there_is_named(good, monkeypatch, name):
    monkeypatch.setenv("DPA_SETTINGS", name)
    assert problem() == f"DPA_SETTINGS names {name}, which is no file."


# --- identity providers ---------------------------------------------------------------------------

ONE = {
    "name": "nordfrakt",
    "metadata_url": "https://id.nordfrakt.example/.well-known/openid-configuration",
    "client_id": "desk",
    "client_secret": "hunter2 of nordfrakt",
    "domains": ["nordfrakt.example"],
}
TWO = {**ONE, "name": "solsidan", "domains": ["solsidan.example"]}


def listed(monkeypatch, *providers):
    """Settings whose providers are a list in a TOML file."""
    for name in [name for name in GOOD if "OIDC" in name]:
        monkeypatch.delenv(name)
    lines = []
    for provider in providers:
        groups = provider.pop("groups", [])
        lines += ["[[providers]]", *(f"{name} = {json.dumps(value)}" for name, value in provider.items())]
        for group in groups:
            lines += ["[[providers.groups]]", *(f"{n} = {json.dumps(v)}" for n, v in group.items())]
    Path("desk.toml").write_text("\n".join(lines), "utf-8")
    monkeypatch.setenv("DPA_SETTINGS", "desk.toml")


def test_one_provider_has_settings_of_its_own(good, monkeypatch):
    [provider] = read_settings().identity_providers
    assert (provider.client_id, provider.prompt, provider.verified) == ("desk", "", "email_verified")
    assert provider.client_secret.get_secret_value() == GOOD["DPA_OIDC_CLIENT_SECRET"]
    monkeypatch.setenv("DPA_OIDC_PROMPT", "login")
    monkeypatch.setenv("DPA_OIDC_SCOPE", "openid email")
    monkeypatch.setenv("DPA_OIDC_DOMAINS", "A.example, b.example c.example")
    monkeypatch.setenv("DPA_OIDC_TENANTS", "t1 t2")
    monkeypatch.setenv("DPA_OIDC_VERIFIED", "by_provider")
    [provider] = read_settings().identity_providers
    assert (provider.prompt, provider.scope, provider.verified) == ("login", "openid email", "by_provider")
    assert provider.domains == ("a.example", "b.example", "c.example")
    assert provider.tenants == ("t1", "t2")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DPA_OIDC_PROMPT", "none", "DPA_OIDC_PROMPT is wrong"),
        ("DPA_OIDC_SCOPE", "email", "DPA_OIDC_SCOPE is wrong: does not ask for “openid”"),
        ("DPA_OIDC_DOMAINS", "a.example, @", "DPA_OIDC_DOMAINS number 2 is wrong: is no domain"),
        ("DPA_OIDC_VERIFIED", "by_provider", "needs both tenants and domains"),
        ("DPA_OIDC_VERIFIED", "yes", "DPA_OIDC_VERIFIED is wrong"),
    ],
)
def test_a_wrong_rule_of_the_one_provider_is_named(good, monkeypatch, name, value, told):
    monkeypatch.setenv(name, value)
    assert told in problem()
    assert GOOD["DPA_OIDC_CLIENT_SECRET"] not in problem()


def test_several_providers_are_a_list(good, monkeypatch):
    group = {"group": "g", "role": "customer_admin", "customer": "nordfrakt"}
    listed(monkeypatch, {**ONE, "customers": ["nordfrakt"], "groups": [group]}, dict(TWO))
    one, two = read_settings().identity_providers
    assert (one.name, two.name) == ("nordfrakt", "solsidan")
    assert (one.customers, two.customers) == (("nordfrakt",), None)
    assert one.groups[0].role == "customer_admin"
    assert "hunter2" not in repr(read_settings())


@pytest.mark.parametrize(
    ("one", "two", "told"),
    [
        ({"secret": "x"}, {}, "[[providers]] number 1, secret is no setting that there is"),
        ({}, {"client_id": ""}, "[[providers]] number 2, client_id is wrong"),
        ({"groups": [{"group": "g", "role": "boss"}]}, {}, "[[providers]] number 1, groups number 1, role"),
        ({"name": "Nord Frakt"}, {}, "[[providers]] number 1, name is wrong"),
        ({"domains": []}, {}, "nordfrakt needs domains"),
        ({"domains": ["solsidan.example"]}, {}, "solsidan.example is a domain of both"),
        ({"name": "solsidan"}, {}, "solsidan is the name of two providers"),
        ({"verified": "by_provider"}, {}, "needs both tenants and domains"),
    ],
)
def test_what_is_wrong_with_a_provider_is_named_and_no_secret_is(good, monkeypatch, one, two, told):
    listed(monkeypatch, {**ONE, **one}, {**TWO, **two})
    assert told in problem()
    assert "hunter2" not in problem()


def test_a_missing_field_of_a_provider_is_named(good, monkeypatch):
    listed(monkeypatch, {name: value for name, value in ONE.items() if name != "client_secret"})
    assert "[[providers]] number 1, client_secret is missing" in problem()


def test_a_list_beside_the_one_provider_is_refused(good, monkeypatch):
    listed(monkeypatch, dict(ONE))
    monkeypatch.setenv("DPA_OIDC_CLIENT_ID", "desk")
    assert "DPA_OIDC_CLIENT_ID is wrong: stands beside [[providers]]" in problem()


@pytest.mark.parametrize(
    ("hours", "valid"), [("12", True), ("0.5", True), ("24", True), ("0", False), ("25", False)]
)
def test_a_sign_in_ends_within_a_day(good, monkeypatch, hours, valid):
    monkeypatch.setenv("DPA_SESSION_HOURS", hours)
    if valid:
        assert read_settings().session == timedelta(hours=float(hours))
    else:
        assert "DPA_SESSION_HOURS is wrong" in problem()


# --- where state lives ----------------------------------------------------------------------------


def test_without_a_setting_state_lives_in_the_users_data_folder(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert data_folder() == Path("/somewhere/dpa-desk")


@pytest.mark.parametrize("source", ["environment", ".env", "TOML"])
def test_the_server_and_every_command_look_for_the_store_in_the_same_place(good, monkeypatch, source):
    if source == "environment":
        monkeypatch.setenv("DPA_DATA_DIR", "/var/lib/desk")
    elif source == ".env":
        Path(".env").write_text("DPA_DATA_DIR=/var/lib/desk\n", "utf-8")
    else:
        monkeypatch.setenv("DPA_SETTINGS", toml(data_dir="/var/lib/desk"))
    assert data_folder() == read_settings().data_dir == Path("/var/lib/desk")


def test_an_empty_setting_is_none(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    monkeypatch.setenv("DPA_DATA_DIR", "")
    assert data_folder() == Path("/somewhere/dpa-desk")


def test_a_command_that_needs_only_the_store_minds_no_other_setting(monkeypatch):
    monkeypatch.setenv("DPA_DATA_DIR", "/var/lib/desk")
    monkeypatch.setenv("DPA_PORT", "many")
    assert data_folder() == Path("/var/lib/desk")


# --- agreements of the operator's own -------------------------------------------------------------


@pytest.mark.parametrize("source", ["environment", ".env", "TOML"])
def test_agreements_of_the_operators_own_stand_beside_the_built_in_ones(tmp_path, monkeypatch, source):
    own = tmp_path / "own"
    file = shutil.copytree(AGREEMENTS / VERSION, own / "2027-01-01") / "agreement.toml"
    text = file.read_text("utf-8").replace(f'version = "{VERSION}"', 'version = "2027-01-01"')
    file.write_text(text, "utf-8")
    assert list(load_agreements()) == [VERSION]
    if source == "environment":
        monkeypatch.setenv("DPA_AGREEMENTS_DIR", str(own))
    elif source == ".env":
        Path(".env").write_text(f"DPA_AGREEMENTS_DIR={own}\n", "utf-8")
    else:
        monkeypatch.setenv("DPA_SETTINGS", toml(agreements_dir=own))
    assert list(load_agreements()) == [VERSION, "2027-01-01"]


@pytest.mark.parametrize(
    "url",
    [
        "https://dpa.connectel.example/dpa",
        "https://dpa.connectel.example/?a=1",
        "https://dpa.connectel.example/#a",
        "https://eva@dpa.connectel.example",
        "https://eva:secret@dpa.connectel.example",
    ],
)
def test_the_public_address_is_a_host_and_nothing_more(good, monkeypatch, url):
    monkeypatch.setenv("DPA_PUBLIC_URL", url)
    said = problem()
    assert "DPA_PUBLIC_URL is wrong" in said
    assert "secret" not in said


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.1,", "10.0.0.1/8"])
def test_a_trusted_proxy_is_an_address_or_a_network(good, monkeypatch, wrong):
    monkeypatch.setenv("DPA_TRUSTED_PROXIES", wrong)
    assert "DPA_TRUSTED_PROXIES is wrong" in problem()


@pytest.mark.parametrize("right", ["none", "10.0.0.5", "10.0.0.0/24, ::1"])
def test_trusted_proxies_are_taken_as_given(good, monkeypatch, right):
    monkeypatch.setenv("DPA_TRUSTED_PROXIES", right)
    assert read_settings().trusted_proxies == right


def test_limits_have_settings_of_their_own(good, monkeypatch):
    monkeypatch.setenv("DPA_CONNECTIONS_PER_PERSON", "7")
    assert read_settings().connections_per_person == 7
    monkeypatch.setenv("DPA_UPLOADS_HELD_MB", "0")
    assert "DPA_UPLOADS_HELD_MB is wrong" in problem()


# --- log and metrics -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", None),
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("metrics.internal:1", ("metrics.internal", 1)),
    ],
)
def test_metrics_have_an_address_of_their_own_or_none(good, monkeypatch, text, at):
    monkeypatch.setenv("DPA_METRICS_ADDRESS", text)
    assert read_settings().metrics_at == at


@pytest.mark.parametrize(
    "text", ["9464", ":9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "a:b", "a:²"]
)
def test_what_is_no_address_for_metrics_is_named(good, monkeypatch, text):
    monkeypatch.setenv("DPA_METRICS_ADDRESS", text)
    assert "DPA_METRICS_ADDRESS is wrong: it is no address with a port" in problem()


def test_metrics_are_never_on_the_port_that_people_reach(good, monkeypatch):
    monkeypatch.setenv("DPA_METRICS_ADDRESS", "127.0.0.1:8501")
    assert "DPA_METRICS_ADDRESS is wrong: people reach that port" in problem()


def test_the_log_has_one_of_three_forms(good, monkeypatch):
    assert log_form() == "auto"
    monkeypatch.setenv("DPA_LOG_FORMAT", "json")
    assert read_settings().log_format == log_form() == "json"
    monkeypatch.setenv("DPA_LOG_FORMAT", "xml")
    assert "DPA_LOG_FORMAT is wrong" in problem()


def test_the_readme_names_every_setting():
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [name for name in Settings.model_fields if f"`DPA_{name.upper()}`" not in readme]
    assert missing == ["providers"]  # only in a TOML file
