"""Pages that need neither Streamlit nor a sign-in, and no script."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

from dpa_core.web.headers import digest, policy

STYLE = (
    "body{font:16px/1.5 system-ui;max-width:36rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}"
)
POLICY = policy(style_src=digest(STYLE.encode()))
"""Nothing but the style above."""


def page(
    title: str, sentence: str, status: int = 200, *, way: tuple[str, str] = ("/", "Back to DPA Desk")
) -> HTMLResponse:
    """A page of one sentence with a way on: an address and its words."""
    address, words = way
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p>"
        f"<p><a href='{escape(address)}'>{escape(words)}</a></p></html>",
        status_code=status,
        headers={"content-security-policy": POLICY},
    )
