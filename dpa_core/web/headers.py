"""The headers of every answer: what the browser may load, and who may hold this page.

Standard: Content Security Policy Level 3, OWASP HTTP Security Response Headers Cheat Sheet
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import streamlit
from starlette.types import Message

from dpa_core.web.public import PublicAddress

SHELL = Path(streamlit.__file__).parent / "static" / "index.html"
"""The page around all pages. It holds no data."""
_INLINE_STYLES = (
    # Where Streamlit's style sheets begin; their rules come by script, which needs no leave.
    b"",
    # What its buttons bring for touch screens.
    b"""@layer {
  [data-react-aria-pressable] {
    touch-action: pan-x pan-y pinch-zoom;
  }
}""",
)
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_NOBODY = (
    "accelerometer camera display-capture geolocation gyroscope magnetometer microphone midi payment usb"
)
_A_YEAR = b"max-age=31536000"
_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"x-frame-options": b"DENY",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": ", ".join(f"{name}=()" for name in _NOBODY.split()).encode(),
}
_POLICY = b"content-security-policy"
_NEVER = ("server", "x-powered-by", "access-control-")


def digest(content: bytes) -> str:
    """Of an inline script or style, as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"


def policy(**kinds: str) -> str:
    """A Content-Security-Policy: nothing, save what is named. `style_src="'self'"`."""
    named = {
        "default_src": "'none'", "base_uri": "'none'", "form_action": "'none'", "frame_ancestors": "'none'",
    } | kinds  # fmt: skip
    return "; ".join(f"{kind.replace('_', '-')} {sources}" for kind, sources in named.items())


def pages_policy(public: PublicAddress) -> str:
    """For Streamlit's pages: its own files and connection, and nothing from any other server."""
    inline = " ".join(digest(script) for script in _INLINE_SCRIPT.findall(SHELL.read_bytes()))
    return policy(
        # Its reader of messages counts whole numbers with WebAssembly. No text becomes a script.
        script_src=f"'self' 'wasm-unsafe-eval' {inline}".strip(),
        style_src=" ".join(("'self'", *map(digest, _INLINE_STYLES))),
        img_src="'self' data:",
        font_src="'self' data:",
        # Some browsers do not count a websocket to this address among 'self'.
        connect_src=f"'self' {public.websocket_origin}",
        manifest_src="'self'",
    )


class Headers:
    """What is added to answers and taken from them. `secure`: whether people come over TLS."""

    def __init__(self, public: PublicAddress, secure: bool) -> None:
        self._secure = secure
        self._always = dict(_ALWAYS)
        if secure:
            self._always[b"strict-transport-security"] = _A_YEAR
        self._for_pages = pages_policy(public).encode()
        self._strictest = policy().encode()

    def put(self, message: Message, *, own: bool) -> Message:
        """The start of an answer with its headers. `own`: of a route of ours, which may name a policy and
        for how long it may be kept; Streamlit may not, save for its files that never change."""
        given = [(k.lower(), v) for k, v in message["headers"]]
        if self._secure:  # Streamlit's own cookie does not know that people come over TLS
            given = [(k, _secured(v) if k == b"set-cookie" else v) for k, v in given]
        added = dict(self._always)
        names = {k for k, _ in given}
        if not own or _POLICY not in names:
            added[_POLICY] = self._strictest if own else self._for_pages
        if b"cache-control" not in names:
            added[b"cache-control"] = b"no-store"
        kept = [(k, v) for k, v in given if k not in added and not k.decode("latin-1").startswith(_NEVER)]
        return {**message, "headers": [*kept, *added.items()]}


def _secured(cookie: bytes) -> bytes:
    return cookie if b"; secure" in cookie.lower() else cookie + b"; Secure"
