"""The files that a page is drawn with, compressed once each, and kept by browsers for as long as they may.

They are the same for everybody, and nothing of what else is answered is compressed: the length of an answer
that holds a secret beside what somebody else chose would tell of the secret (BREACH, CVE-2013-3587).

Standard: RFC 9110 8.8.3 (ETag), 12.5.3 (Accept-Encoding), 12.5.5 (Vary), RFC 9111 5.2, RFC 8246 (immutable)
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dpa_core.web.headers import SHELL
from dpa_core.web.streamlit_side import Part

_HASHED = re.compile(r"\.[A-Za-z0-9_-]{8}\.[a-z0-9]+")
"""How a name ends that changes whenever its content does."""
_FOR_A_YEAR, _ASK_EACH_TIME = "public, max-age=31536000, immutable", "no-cache"
_FONTS = re.compile(
    rb'<link\s+rel="preload"[^>]*\sas="font"[^>]*>'
    rb"|@font-face\s*{\s*font-family:\s*[\"']?Source (?:Sans|Serif|Code)\b[^}]*}"
)
"""Where Streamlit's own fonts are fetched, a seventh of all there is to fetch. They would be seen for a
moment only: `.streamlit/config.toml` names those of the browser's machine."""
_LEVEL = 9


@dataclass(frozen=True)
class _File:
    """One file as it is sent."""

    whole: bytes
    compressed: bytes | None
    """None where that would be no smaller."""
    media_type: str
    cache_control: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> _File:
        """Raises OSError."""
        whole = path.read_bytes()
        if path.suffix in (".html", ".css"):
            whole = _FONTS.sub(b"", whole)
        smaller = gzip.compress(whole, _LEVEL, mtime=0)
        return cls(
            whole,
            smaller if len(smaller) < 0.95 * len(whole) else None,
            mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            _FOR_A_YEAR if _HASHED.search(path.name) else _ASK_EACH_TIME,
            hashlib.sha256(whole).hexdigest()[:32],
        )

    def answer(self, asked: Headers, method: str) -> Response:
        """As the sender takes it, or that the sender has it already."""
        headers = {"cache-control": self.cache_control, "etag": f'"{self.etag}"'}
        content = self.whole
        if self.compressed is not None:
            headers["vary"] = "Accept-Encoding"
            if takes_gzip(", ".join(asked.getlist("accept-encoding"))):
                content = self.compressed
                headers |= {"content-encoding": "gzip", "etag": f'"{self.etag}-gzip"'}
        response = Response(content, media_type=self.media_type, headers=headers)
        if has_it(asked.get("if-none-match", ""), response.headers["etag"]):
            return NotModifiedResponse(response.headers)
        if method == "HEAD":
            response.body = b""
        return response


def has_it(named: str, etag: str) -> bool:
    """Whether a sender has that version. `named`: its header If-None-Match."""
    known = [tag.strip().removeprefix("W/") for tag in named.split(",")]
    return etag in known or known == ["*"]


def takes_gzip(accepted: str) -> bool:
    """Whether a sender takes an answer that is compressed so. `accepted`: its header Accept-Encoding."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        coding, _, parameter = (text.strip() for text in part.partition(";"))
        try:
            weights[coding] = float(parameter.removeprefix("q=")) if parameter else 1.0
        except ValueError:  # no weight of any standard: not taken
            weights[coding] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0


class Files:
    """Answers for Streamlit's files and the shell of its pages, and leaves all else to Streamlit, in no form
    that is compressed. It stands behind the guard, which says who may ask, by which method, and for what."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        folder = SHELL.parent
        # Of these alone, so that no path leads anywhere else.
        self._paths = {f"/{file.relative_to(folder).as_posix()}": file for file in folder.rglob("*.*")}
        self._read: dict[Path, _File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = SHELL if Part.PAGE.value.fullmatch(scope["path"]) else self._paths.get(scope["path"])
        if path is None:
            kept = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            await self.app({**scope, "headers": kept}, receive, send)
            return
        # What two ask for at once is made twice; each time it is the same.
        if (file := self._read.get(path)) is None:
            file = self._read[path] = await run_in_threadpool(_File.read, path)
        await file.answer(Headers(scope=scope), scope["method"])(scope, receive, send)
