"""The one address at which people reach this server, and what of a request names it.

Standard: RFC 9110 7.2 (Host), RFC 6454 (Origin), RFC 6455 10.2 (a websocket's Origin)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
# No user, path, or space, and no letters beyond ASCII: browsers write other scripts as xn--.
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.+)", re.IGNORECASE)


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _authority(text: str, scheme: str) -> tuple[str, int] | None:
    """Host in lower case, and port; None for what no browser writes."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    host, port = match[1].lower(), match[2]
    return str(_ip(host) or host), int(port) if port else _DEFAULT_PORTS[scheme]


@dataclass(frozen=True)
class PublicAddress:
    """The address people type, taken apart."""

    scheme: str
    host: str
    """In lower case; letters beyond ASCII as xn--, an IPv6 address without its brackets."""
    port: int

    @classmethod
    def of(cls, url: str) -> PublicAddress:
        """Of an `http:` or `https:` address without a path. Raises ValueError for any other."""
        parts = urlsplit(url)
        found = _authority(parts.netloc, parts.scheme) if parts.scheme in _DEFAULT_PORTS else None
        if found is None or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"{url} is no address such as https://dpa.example, without path, query or user")
        return cls(parts.scheme, *found)

    @property
    def netloc(self) -> str:
        """Host and port as a browser writes them: without the default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """As a browser's Origin header has it."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def websocket_origin(self) -> str:
        """The same for websockets, as a Content-Security-Policy names it."""
        return "ws" + self.origin.removeprefix("http")

    def is_named_by_host(self, host: str) -> bool:
        """Whether a Host header names this address."""
        return _authority(host, self.scheme) == (self.host, self.port)

    @staticmethod
    def is_own_address(host: str, listening: tuple[str, int | None] | None) -> bool:
        """Whether a Host header names the end of the connection at which the request came in. It does so by
        an IP address or `localhost`, so that no name of a stranger's can be made to lead here.

        `listening`: that end.
        """
        local = _ip(listening[0]) if listening else None
        named = _authority(host, "http")
        if local is None or named is None or listening is None or named[1] != listening[1]:
            return False
        return _ip(named[0]) == local or (local.is_loopback and named[0] == "localhost")

    def is_origin(self, origin: str) -> bool:
        """Whether an Origin header is of a page at this address. `null` is not."""
        match = _ORIGIN.fullmatch(origin)
        if match is None or (scheme := match[1].lower()) != self.scheme:
            return False
        return _authority(match[2], scheme) == (self.host, self.port)
