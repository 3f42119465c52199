"""The one cookie that opens anything: a secret that says nothing.

Standard: RFC 6265bis 4.1.3.2 (the `__Host-` prefix: from this host, over TLS, for every path)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response


@dataclass(frozen=True)
class SessionCookie:
    """The cookie of a sign-in. `secure`: whether people come over TLS, without which no browser takes the
    prefix."""

    secure: bool

    @property
    def name(self) -> str:
        """Its name."""
        return "__Host-dpa_session" if self.secure else "dpa_session"

    def put(self, response: Response, secret: str, lasts: timedelta) -> None:
        """Hand the secret to the browser. `lasts`: a time from now, as its clock may differ from ours."""
        response.set_cookie(
            self.name,
            secret,
            max_age=int(lasts.total_seconds()),
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def take_away(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name, path="/", secure=self.secure, httponly=True, samesite="lax")
