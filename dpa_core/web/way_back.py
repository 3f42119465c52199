"""Where a sign-in leads when it is done: to the page that was wanted, and never anywhere else.

Standard: CWE-601 (open redirect)
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

START = "/"
_MAX = 500
"""Characters of a path and query; ours are far below that, and the cookie of a sign-in has to hold them."""
# The pages have one word for a path. Whatever else could be read as a path, by a browser or by a proxy,
# is not worth the risk: two slashes, a backslash, a dot, an encoded one of these.
_PATH = re.compile(r"/[A-Za-z0-9_]*/?")
_QUERY = re.compile(r"[!-\[\]-~]*")
"""Visible ASCII without the backslash."""


def local(wanted: str) -> str:
    """The path and query of a page of ours; that of the start page where it is anything else."""
    path, mark, query = wanted.partition("?")
    query = query.partition("#")[0]
    path = path.partition("#")[0]
    if len(wanted) > _MAX or not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        return START
    if path.strip("/").lower() in ("oauth2callback", "auth", "healthz"):
        return START
    return f"{path}?{query}" if mark and query else path


def with_next(address: str, wanted: str) -> str:
    """An address of the sign-in that knows the page to lead back to."""
    back = local(wanted)
    if back == START:
        return address
    return f"{address}{'&' if urlsplit(address).query else '?'}next={quote(back, safe='')}"
