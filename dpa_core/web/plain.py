"""Pages that need neither Streamlit nor a sign-in."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse


def page(title: str, sentence: str, status: int = 200) -> HTMLResponse:
    """A page of one sentence with a way back."""
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>body{{font:16px/1.5 system-ui;max-width:36rem;"
        f"margin:15vh auto;padding:0 1rem;color-scheme:light dark}}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p><p><a href='/'>Back to DPA Desk</a></p></html>",
        status_code=status,
    )
