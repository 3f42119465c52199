"""The wheel, installed where nothing of the checkout is, runs from any folder."""

import os
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.hostile.streamlit_client import Address, Page, connect
from tests.journeys.conftest import EVA, ROOT, Visit, serving
from tests.ports import free_port
from tests.test_settings import GOOD

PAGES = sorted(file.stem for file in (ROOT / "pages").glob("[a-z]*.py"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a fresh environment with the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    fresh = folder / "venv"
    venv.create(fresh, symlinks=True)
    python = fresh / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    # The dependencies that these tests run with. Their folder's own .pth files, one of which leads to the
    # checkout, do not count when the folder itself comes from one.
    (site,) = fresh.glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text("\n".join(p for p in sys.path if p.endswith("-packages")))
    return fresh / "bin"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where commands run, without settings and without the checkout."""
    for name in os.environ:
        if name.startswith("DPA_") or name == "PYTHONPATH":
            monkeypatch.delenv(name)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def said(*command: str | Path, **environment: str) -> str:
    """What a command that ends well prints."""
    environment = {**os.environ, **environment}
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def first_page(url: str) -> str:
    request = urllib.request.Request(url, headers={"accept": "text/html"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers.get_content_type() == "text/html"
        return str(answer.read(), "utf-8")


def test_nothing_of_the_checkout_and_no_package_called_pages_is_installed(installed: Path):
    code = "import dpa_core, importlib.util as u; print(dpa_core.__file__, u.find_spec('pages'), sep='\\n')"
    file, pages = said(installed / "python", "-c", code).splitlines()
    assert Path(file).is_relative_to(installed.parent)
    assert pages == "None"


def test_the_agreement_is_in_the_wheel(installed: Path):
    assert "version 2026-01-29" in said(installed / "dpa", "agreement", "show")


def test_the_demo_in_the_wheel_shows_every_page(installed: Path, browser: Browser, tmp_path: Path):
    data = tmp_path / "data"
    prepared = said(installed / "dpa", "demo", "--prepare", DPA_DATA_DIR=str(data))
    assert prepared == f"Demo data is ready in {data}.\n"
    port = free_port()
    command: list[str | Path] = [installed / "dpa", "demo", "--port", str(port)]
    with serving(command, data, port, cwd=Path.cwd()) as url:
        assert "<title>" in first_page(url)
        context = browser.new_context(color_scheme="light")
        eva = Visit(context.new_page(), url)
        eva.sign_in(EVA, "/access")
        # Of .streamlit/config.toml.
        button = eva.page.get_by_role("button", name="Give access")
        expect(button).to_have_css("background-color", "rgb(11, 92, 173)")
        (secret,) = (c["value"] for c in context.cookies(url) if c["name"] == "dpa_session")
        context.close()
        headings = set()
        # Drawn as for a browser, without one: whether each is as it should look is seen elsewhere.
        with connect(Address(port, url), secret) as drawn:
            for page in PAGES:
                drawn.rerun(page="" if page == "overview" else page, query="customer=nordfrakt")
                assert "Something went wrong" not in drawn.shown()
                headings.add(title(drawn))
        assert len(headings) == len(PAGES), headings


def title(page: Page) -> str:
    """Of what was drawn last."""
    elements = [m.delta.new_element for m in page.said if m.WhichOneof("type") == "delta"]
    return next(str(e.heading.body) for e in elements if e.WhichOneof("type") == "heading")


def test_production_in_the_wheel_starts(installed: Path, tmp_path: Path):
    port = free_port()
    here = {"DPA_PORT": str(port), "DPA_ADDRESS": "localhost", "DPA_PUBLIC_URL": f"http://localhost:{port}"}
    settings = {**GOOD, **here}
    with serving([installed / "dpa", "serve"], tmp_path / "data", port, cwd=Path.cwd(), **settings) as url:
        assert "<title>" in first_page(url)
