"""Requests that no browser makes, refused before anything looks at them closer.

Standard: RFC 9110 2.2 and 4.2.4, RFC 3986 3.3, CWE-22 (path traversal), CWE-158 (NUL)
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.types import Scope

MOST_PATH = 2_000
MOST_QUERY = 8_000
MOST_LINE = 8_000
"""Bytes of one header. The websocket library takes no line of more than 8,192, and says so to nobody."""
MOST_HEADERS = 32_000
_ONCE = (b"host", b"origin", b"content-length", b"sec-websocket-protocol")


def problem(scope: Scope) -> tuple[int, str] | None:
    """Status and sentence where a request is not well formed, else None."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if len(raw) > MOST_PATH or len(scope["query_string"]) > MOST_QUERY:
        return 400, "This address is too long."
    # Line breaks stay: a provider's words about a failed sign-in come with them.
    query = unquote_to_bytes(scope["query_string"]).translate(None, b"\t\r\n")
    if _bad_path(raw) or _bad_text(query):
        return 400, "This address is not well formed."
    return _bad_headers(scope["headers"])


def _bad_path(raw: bytes) -> bool:
    path = unquote_to_bytes(raw)
    encoded = raw.lower()
    return (
        not path.startswith(b"/")
        or b"//" in path
        or b"\\" in path
        or any(part in (b".", b"..") for part in path.split(b"/"))
        # What is still encoded after one decoding, or a slash that was hidden, is meant for something else.
        or any(hidden in encoded for hidden in (b"%2f", b"%5c", b"%25"))
        or _bad_text(path)
    )


def _bad_text(text: bytes) -> bool:
    """Whether it is no UTF-8, or has control characters."""
    try:
        return any(ord(c) < 32 or ord(c) == 127 for c in text.decode())
    except UnicodeDecodeError:
        return True


def _bad_headers(headers: list[tuple[bytes, bytes]]) -> tuple[int, str] | None:
    names = [name for name, _ in headers]
    if any(names.count(name) > 1 for name in _ONCE):
        return 400, "A header stands twice that may stand once only."
    if (
        any(len(name) + len(value) + 4 > MOST_LINE for name, value in headers)
        or sum(len(name) + len(value) + 4 for name, value in headers) > MOST_HEADERS
    ):
        return 431, (
            "Your browser sends more with each request than this server takes. Delete the cookies of this "
            "address in your browser, then open it again."
        )
    if any(name == b"cookie" and not value.isascii() for name, value in headers):
        return 400, "A cookie is not well formed. Delete the cookies of this address, then open it again."
    return None
