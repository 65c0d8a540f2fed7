"""One fake ServiceNow for all of these tests, over TLS, fresh for each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from app.servicenow.fake.control import Control
from app.servicenow.fake.running import running


@pytest.fixture(scope="session")
def one_fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """The fake, started once."""
    with running(tmp_path_factory.mktemp("servicenow-fake")) as control:
        yield control


@pytest.fixture
def fake(one_fake: Control) -> Control:
    """The fake, as at its start."""
    one_fake.reset()
    return one_fake


POLL_SECONDS = 0.02  # how soon the receiver notices that it is to stop

SignIn = Callable[..., httpx.Client]


@pytest.fixture
def sign_in(fake: Control) -> Iterator[SignIn]:
    """A plain HTTP client as some user: `sign_in("alice")`; the integration's user without one."""
    opened: list[httpx.Client] = []

    def client(
        user: str | None = None,
        *,
        anonymous: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Client:
        name = user or fake.credentials.user_name
        made = httpx.Client(
            base_url=fake.url,
            verify=fake.trust,
            trust_env=False,
            auth=None if anonymous else (name, fake.credentials.password),
            headers=headers,
        )
        opened.append(made)
        return made

    yield client
    for made in opened:
        made.close()


@pytest.fixture
def now(sign_in: SignIn) -> httpx.Client:
    """The integration's user."""
    return sign_in()


@dataclass
class Receiver:
    """What a business rule calls: remembers every request, answers 202."""

    url: str
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A listening receiver."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.taken.append((dict(self.headers.items()), body))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        heard = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        yield heard
        server.shutdown()
        thread.join()
