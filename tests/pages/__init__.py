"""Pages, each run alone by Streamlit's AppTest in a scope that the test chooses."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any
from unittest.mock import patch

from joserfc.jwk import OKPKey
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest, local_script_runner

from dpa_core.access import Person
from dpa_core.application import Application, CustomerFile
from dpa_core.snapshots.sign import KeyRing
from dpa_core.web import Site
from dpa_core.web.cookies import SessionCookie
from pages.parts import actions, shell

_KEY = OKPKey.generate_key("Ed25519")
KEYS = KeyRing(_KEY, {_KEY.thumbprint(): dict(_KEY.as_dict(private=False))})
LISTED = {
    **shell.PROVIDERS,
    **{name: page for pages in shell.SECTIONS.values() for name, page in pages.items()},
}
"""Every page, by name."""


def visit(
    page: str, application: Application, person: Person, customer_id: str, as_of: datetime | None = None
) -> AppTest:
    """Run a page for a person who looks at a customer."""
    site = Site(application, "privacy@people.example", KEYS, SessionCookie(secure=False))
    file = application.open(person, customer_id, as_of)
    return AppTest.from_function(_script, args=(page, site, file), default_timeout=30).run()


def _script(page, site, file):  # type: ignore[no-untyped-def]  # AppTest runs its text by itself
    from tests import pages

    pages.draw(page, site, file)


def draw(page: str, site: Site, file: CustomerFile) -> None:
    """The page as the frame draws it, without the frame."""
    scope, _ = shell.entered(site, file)
    LISTED[page].draw(scope)
    actions.drawn(scope)


def alone(at: AppTest, inside: Any) -> AppTest:
    """Run the dialog that a widget stands in, as the browser does: without the page and the gate around it.

    `at` then has what is in the dialog; the whole page again, once a step is recorded.
    """
    # AppTest has no way of its own to ask for this.
    known = at.session_state._state._state._new_widget_state.widget_metadata
    only = partial(RerunData, fragment_id_queue=[known[inside.id].fragment_id])
    with patch.object(local_script_runner, "RerunData", only):
        return at.run()


def confirm(at: AppTest, label: str) -> AppTest:
    """Press the button in the open dialog."""
    button = next(b for b in reversed(at.button) if b.label == label)
    return alone(at, button.click())


def shown(at: AppTest) -> str:
    """All the text on the page, and in its dialog."""
    assert not at.exception, at.exception
    texts = [*at.title, *at.subheader, *at.markdown, *at.caption, *at.text]
    return "\n".join(e.value for e in [*texts, *at.info, *at.warning, *at.error])


def as_read(markdown: str) -> str:
    """Markdown without what keeps typed text in it as typed; what is Markdown on purpose stays."""
    return markdown.replace(":small[]", "").replace("\\", "")


def receipt(at: AppTest) -> str:
    """What the page says of the step that was just recorded, as typed."""
    assert not at.exception, at.exception
    (told,) = [s.value for s in at.success]
    return as_read(told)


def labels(at: AppTest) -> list[str]:
    """The buttons on the page, by label."""
    return [b.label for b in at.button]


def offered(page: str, application: Application, person: Person, only: Collection[str] = ()) -> list[str]:
    """The buttons of the steps that a page offers; an asterisk marks the main one.

    `only`: their labels; none: those that open a dialog.
    """
    at = visit(page, application, person, "nordfrakt")
    assert not at.exception, at.exception
    found = [b for b in at.button if (b.label in only if only else (b.key or "").startswith("open."))]
    return [b.label + "*" * (b.proto.type == "primary") for b in found]
