"""Behind nginx and Caddy, set up as the README says: signing in, the websocket, and a file of full size."""

from __future__ import annotations

import datetime
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, expect

from dpa_core.ledger import move
from tests.conftest import email
from tests.journeys.conftest import ROOT, Visit, dpa_serving, until
from tests.needs import program
from tests.oidc_provider import CLIENT, SECRET, entra
from tests.ports import free_port

HOST = "dpa.localhost"
"""In the place of the README's host name: one that browsers find on this machine."""


def of_readme(language: str) -> str:
    """The README's one block in a language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    return str(block)


def put(text: str, **places: str) -> str:
    """The README's block with other addresses; each has to be in it."""
    for there, here in {"dpa.example": HOST, **places}.items():
        assert there in text, there
        text = text.replace(there, here)
    return text


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    """The command that runs nginx on a port, in front of another."""
    certificate, key = self_signed(folder)
    places = {
        "/etc/ssl/dpa.localhost.pem": str(certificate),
        "/etc/ssl/dpa.localhost.key": str(key),
        "listen 443": f"listen 127.0.0.1:{port}",
        "127.0.0.1:8501": f"127.0.0.1:{behind}",
    }
    return nginx_with(folder, put(of_readme("nginx"), **places))


def nginx_with(folder: Path, site: str) -> list[str]:
    """The command that runs nginx with a site's configuration."""
    (folder / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"  {kind}_temp_path {folder / kind};\n" for kind in kinds)
    whole = f"daemon off;\npid {folder / 'pid'};\n"
    whole += "user root;\n" if os.getuid() == 0 else ""
    whole += f"events {{}}\nhttp {{\n  access_log off;\n{temporary}  include {folder / 'site.conf'};\n}}\n"
    (folder / "nginx.conf").write_text(whole)
    return [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    """The command that runs Caddy on a port, in front of another, with a certificate of its own making."""
    site = put(of_readme("caddyfile"), **{"127.0.0.1:8501": f"127.0.0.1:{behind}"})
    options = (
        f"  admin off\n  skip_install_trust\n  auto_https disable_redirects\n  storage file_system {folder}\n"
    )
    (folder / "Caddyfile").write_text(f"{{\n{options}}}\n{site.replace(HOST, f'{HOST}:{port}')}")
    return [program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    as_pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
    private.write_bytes(key.private_bytes(*as_pem))
    return certificate, private


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """Run a proxy until the block ends, once it listens."""
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "HOME": str(folder)}
        )
    with process:
        try:
            until(lambda: listens(port), lambda: process.poll() is not None, log)
            yield
        finally:
            process.terminate()


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_sign_in_pages_and_uploads_work_through_a_proxy(
    browser: Browser, store: Path, tmp_path: Path, proxy: Callable[[Path, int, int], list[str]]
) -> None:
    port, behind = free_port(), free_port()
    public = f"https://{HOST}:{port}"
    front, data = tmp_path / "front", tmp_path / "data"
    for folder in (front, data):
        folder.mkdir()
    move(store, data / store.name)
    command = proxy(front, port, behind)
    anna = entra.Account(email("anna"), claims={"email": email("anna"), "email_verified": True})
    with entra.serving([anna], public) as provider:
        settings = {
            "DPA_PUBLIC_URL": public,
            "DPA_PORT": str(behind),
            "DPA_OIDC_METADATA_URL": provider.metadata_url(),
            "DPA_OIDC_CLIENT_ID": CLIENT,
            "DPA_OIDC_CLIENT_SECRET": SECRET,
            "DPA_COOKIE_SECRET": "c" * 40,
        }
        with dpa_serving(["serve"], data, behind, **settings), running(command, front, port):
            context = browser.new_context(ignore_https_errors=True)
            visit = Visit(context.new_page(), public)
            visit.page.goto(f"{public}/assistance?customer=nordfrakt")
            visit.page.get_by_role("link", name="Sign in").click()
            visit.page.get_by_role("button", name=email("anna")).click()
            visit.arrive()
            expect(visit.page).to_have_url(f"{public}/assistance?customer=nordfrakt")
            attach_a_file_of_full_size(visit, tmp_path / "large.pdf")
            context.close()


def attach_a_file_of_full_size(visit: Visit, file: Path) -> None:
    """25 MB, which is the limit at the defaults."""
    file.write_bytes(b"%PDF-1.7\n" + bytes(25_000_000 - 9))
    box = visit.page.get_by_test_id("stFileUploader")
    with visit.page.expect_response(lambda answer: answer.request.method == "PUT") as sent:
        box.locator("input[type=file]").set_input_files(file)
    assert sent.value.ok, sent.value.text()
    box.get_by_text(file.name).first.wait_for()
    visit.settle()
