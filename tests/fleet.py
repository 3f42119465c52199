"""Servers that share a store, behind nginx or HAProxy with the very files of `.deploy/`, and people at them.

with fleet.running(nginx, postgres, folder) as desk:
    anna = desk.person()
    anna.sign_in("anna@people.example")
    async with anna.page() as page:
        await page.open("features")
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dpa_core.access import operator
from dpa_core.agreement import AGREEMENTS, load_all
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.locale import local_day
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import customers, grants
from dpa_core.subjects.snapshots import RecordSnapshot
from tests.bench.visitor import Failed, Visitor
from tests.conftest import email
from tests.hostile.streamlit_client import PATIENCE, STREAM, Answer
from tests.journeys import forked
from tests.journeys.conftest import ROOT, answers, nothing_went_wrong, until, until_it_answers
from tests.journeys.test_proxies import HOST, nginx_with, put, self_signed
from tests.journeys.test_proxies import running as proxying
from tests.needs import program
from tests.oidc_provider import CLIENT, SECRET, entra
from tests.ports import free_port
from tests.postgres import Server as Database

SESSION = "__Host-dpa_session"
CUSTOMER = "nordfrakt"
KEY = (
    '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",'
    '"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}'
)
"""To sign snapshots with. Standard: RFC 8037, appendix A.1"""

Proxy = Callable[[Path, int, "Fleet"], list[str]]


def nginx(folder: Path, port: int, fleet: Fleet) -> list[str]:
    """The command that runs nginx with `.deploy/nginx.conf`."""
    certificate, key = self_signed(folder)
    text = (ROOT / ".deploy" / "nginx.conf").read_text()
    places = {
        "/etc/ssl/dpa.localhost.pem": str(certificate),
        "/etc/ssl/dpa.localhost.key": str(key),
        "listen 443": f"listen 127.0.0.1:{port}",
        **fleet.places(),
    }
    return nginx_with(folder, put(text, **places))


def haproxy(folder: Path, port: int, fleet: Fleet) -> list[str]:
    """The command that runs HAProxy with `.deploy/haproxy.cfg`."""
    certificate, key = self_signed(folder)
    both = folder / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    text = (ROOT / ".deploy" / "haproxy.cfg").read_text()
    places = {
        "/etc/ssl/dpa.localhost.pem": str(both),
        "bind :443": f"bind 127.0.0.1:{port}",
        "hdr Host dpa.localhost": f"hdr Host {HOST}:{port}",
        **fleet.places(),
    }
    (folder / "haproxy.cfg").write_text(put(text, **places))
    return [program("haproxy"), "-f", str(folder / "haproxy.cfg")]


@dataclass
class Member:
    """One of the servers."""

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)
    process: BaseProcess | None = None

    @property
    def log(self) -> Path:
        return self.folder.with_name(self.folder.name + ".log")

    def start(self) -> None:
        """Begin, and wait until it answers."""
        own = {
            "DPA_DATA_DIR": str(self.folder),
            "DPA_PORT": str(self.port),
            "DPA_METRICS_ADDRESS": f"127.0.0.1:{self.metrics}",
        }
        process = forked.dpa(["serve"], self.log, {**os.environ, **self.environment, **own})
        self.process = process
        until_it_answers(self.port, lambda: process.exitcode is not None, self.log)

    def send(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ends(self) -> int | None:
        """Wait until its process has ended; how it did. None where it goes on."""
        assert self.process is not None
        self.process.join(PATIENCE)
        nothing_went_wrong(self.log)
        return self.process.exitcode

    def ready(self) -> bool:
        """Whether it wants people sent to it."""
        return answers(f"http://127.0.0.1:{self.port}")

    def pages(self) -> int:
        """How many are open at it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=PATIENCE) as answer:
            found = re.search(r"^dpa_connections (\S+)$", answer.read().decode(), re.M)
        assert found
        return int(float(found[1]))


@dataclass
class Fleet:
    """Two servers, and the proxy in front of them."""

    port: int
    url: str
    """Of the store."""
    members: list[Member] = field(default_factory=list)
    front: list[str] = field(default_factory=list)
    """The command that runs the proxy."""
    _standing: ExitStack = field(default_factory=ExitStack)

    def stand(self, folder: Path) -> None:
        """Run the proxy, anew where it runs: one that remembers no server that was away."""
        self._standing.close()
        self._standing.enter_context(proxying(self.front, folder, self.port))

    def heal(self) -> None:
        """Have both servers at work, and a proxy that knows it."""
        gone = [m for m in self.members if m.process is None or not m.process.is_alive()]
        for member in gone:
            member.start()
        if gone:
            self.stand(self.members[0].folder.with_name("front"))

    def fall(self) -> None:
        """End the proxy."""
        self._standing.close()

    @property
    def origin(self) -> str:
        return f"https://{HOST}:{self.port}"

    def places(self) -> dict[str, str]:
        """What stands in a configuration for the servers, and where they are."""
        return {f"10.0.0.1{n}:8501": f"127.0.0.1:{m.port}" for n, m in enumerate(self.members, start=1)}

    def person(self) -> Person:
        """Somebody with a browser that knows nothing yet."""
        return Person(self)

    def at(self) -> tuple[Member, Member]:
        """The server at which pages are open, and the other one."""
        one, other = self.members
        return (one, other) if one.pages() else (other, one)

    def entries(self) -> int:
        """How many Nordfrakt's ledger has."""
        with Ledger.at(self.url, self.members[0].folder) as ledger:
            head = ledger.head(CUSTOMER)
        assert head
        return head.sequence


class Page(Visitor):
    """An open page that also knows its links, and the identifier of its session."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__(socket, CUSTOMER)
        self.links: list[str] = []

    def _drawn(self, delta: Delta) -> None:
        super()._drawn(delta)
        if delta.new_element.WhichOneof("type") == "link_button":
            self.links.append(delta.new_element.link_button.url)

    async def press(self, label: str) -> None:
        """Press a button, and wait for what comes of it."""
        button = self._named(label)
        await self._ask(button.fragment, WidgetState(id=button.id, trigger_value=True))
        del self._held[button.id]
        await self._settled()

    async def closed(self) -> int:
        """Read until the server closes the connection; its code."""
        try:
            while True:
                ForwardMsg.FromString(await self.socket.recv(decode=False))
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006


@dataclass
class Person:
    """A browser, as far as its cookies go."""

    fleet: Fleet
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """The header that it sends."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(
        self, path: str, at: Member | None = None, method: str = "GET", body: bytes = b"", **headers: str
    ) -> Answer:
        """One request: through the proxy, or straight to a server."""
        connection: http.client.HTTPConnection
        if at is None:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.fleet.port, timeout=PATIENCE, context=trusting()
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=PATIENCE)
        named = {"Host": f"{HOST}:{self.fleet.port}", "Accept": "text/html", "Cookie": self.cookie}
        named |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self._keep(value)
        connection.close()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)

    def _keep(self, cookie: str) -> None:
        name, _, value = cookie.partition(";")[0].partition("=")
        self.cookies[name.strip()] = value.strip('"')
        if "Max-Age=0" in cookie or value in ("", '""', "null"):
            del self.cookies[name.strip()]

    def sign_in(self, address: str, first: Member | None = None, then: Member | None = None) -> None:
        """At the identity provider and back. `first`, `then`: the servers that begin it and end it, where it
        is not the proxy that chooses."""
        begun = self.ask("/auth/login?provider=provider&next=/features", first)
        assert begun.status == 302, begun
        said = urlencode({"username": address}).encode()
        request = urllib.request.Request(begun.headers["location"], said)
        back = urlsplit(_redirected(request))
        ended = self.ask(f"{back.path}?{back.query}", then)
        assert (ended.status, ended.headers["location"]) == (302, "/features"), ended
        assert SESSION in self.cookies

    @asynccontextmanager
    async def page(self, at: Member | None = None) -> AsyncIterator[Page]:
        """A page's websocket: through the proxy, or straight to a server."""
        port, secure = (self.fleet.port, "s") if at is None else (at.port, "")
        async with connect(
            f"ws{secure}://{HOST}:{self.fleet.port}{STREAM}",
            host="127.0.0.1",
            port=port,
            ssl=trusting() if at is None else None,
            origin=self.fleet.origin,
            subprotocols=["streamlit", "PLACEHOLDER_AUTH_TOKEN"],
            additional_headers={"Cookie": self.cookie},
            max_size=None,
            open_timeout=PATIENCE,
            ping_interval=None,
            proxy=None,
        ) as socket:
            yield Page(socket)


def trusting() -> ssl.SSLContext:
    """For a certificate that nobody has signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _redirected(request: urllib.request.Request) -> str:
    """Where an answer leads to."""
    try:
        urllib.request.build_opener(_Stay).open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["location"])
    raise Failed("it leads nowhere")


def begin(url: str, folder: Path) -> None:
    """Open Nordfrakt, with its admin Anna and a snapshot on file."""
    with Ledger.at(url, folder) as ledger:
        application = Application(ledger, load_all(AGREEMENTS), Clock())
        by = operator(application.clock.now())
        application.open_customer(by, customers.OpenCustomer(CUSTOMER, "Nordfrakt Logistik AB"))
        application.change_access(by, grants.GrantAccess(email("anna"), "customer_admin", CUSTOMER))
        anna = application.person(email("anna"))
        file = application.open(anna, CUSTOMER)
        day = local_day(file.now)
        snapshot = RecordSnapshot(day, file.now, file.sequence, freeze(file).digest)
        application.carry_out(anna, CUSTOMER, snapshot, file.sequence)


@contextmanager
def running(proxy: Proxy, database: Database, folder: Path, **more: str) -> Iterator[Fleet]:
    """Two servers behind a proxy until the block ends. `more`: settings."""
    fleet = Fleet(free_port(), database.url(database.database()))
    begin(fleet.url, folder)
    anna = entra.Account(email("anna"), claims={"email": email("anna"), "email_verified": True})
    with ExitStack() as stack:
        provider = stack.enter_context(entra.serving([anna], fleet.origin))
        settings = {
            "DPA_DATABASE_URL": fleet.url,
            "DPA_PUBLIC_URL": fleet.origin,
            "DPA_OIDC_METADATA_URL": provider.metadata_url(),
            "DPA_OIDC_CLIENT_ID": CLIENT,
            "DPA_OIDC_CLIENT_SECRET": SECRET,
            "DPA_COOKIE_SECRET": "c" * 40,
            "DPA_SNAPSHOT_KEY": KEY,
            **more,
        }
        for name in ("one", "other"):
            member = Member(folder / name, settings)
            member.folder.mkdir()
            fleet.members.append(member)
            member.start()
            stack.callback(_ended, member)
        front = folder / "front"
        front.mkdir()
        fleet.front = proxy(front, fleet.port, fleet)
        fleet.stand(front)
        stack.callback(fleet.fall)
        yield fleet


def _ended(member: Member) -> None:
    if member.process is not None and member.process.is_alive():
        member.process.kill()
        member.process.join(30)
    nothing_went_wrong(member.log)


def until_true(what: Callable[[], bool], member: Member) -> None:
    """Wait for something that a server does."""
    until(what, lambda: False, member.log)
