"""Pages, each run alone by Streamlit's AppTest in a scope that the test chooses."""

from __future__ import annotations

from datetime import datetime

from joserfc.jwk import OKPKey
from streamlit.testing.v1 import AppTest

from dpa_core.access import Person
from dpa_core.office import Office
from dpa_core.settings import ROOT
from dpa_core.snapshots.sign import KeyRing
from pages.parts.scope import Scope

_KEY = OKPKey.generate_key("Ed25519")
KEYS = KeyRing(_KEY, {_KEY.thumbprint(): dict(_KEY.as_dict(private=False))})


def visit(
    page: str, office: Office, person: Person, customer_id: str, as_of: datetime | None = None
) -> AppTest:
    """Run a page for a person who looks at a customer."""
    at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=30)
    at.session_state["scope"] = Scope(office, office.open(person, customer_id, as_of), False, KEYS)
    return at.run()


def shown(at: AppTest) -> str:
    """All the text on the page, and in its dialog."""
    assert not at.exception, at.exception
    texts = [*at.title, *at.subheader, *at.markdown, *at.caption, *at.text]
    return "\n".join(e.value for e in [*texts, *at.info, *at.warning, *at.error])


def labels(at: AppTest) -> list[str]:
    """The buttons on the page, by label."""
    return [b.label for b in at.button]
