"""Starting the fake: for the command in the foreground, for tests in a thread of their process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.servicenow.fake.application import create_app
from app.servicenow.fake.certificate import TlsFiles, tls_files
from app.servicenow.fake.control import Control
from app.servicenow.fake.front import CUT
from app.servicenow.fake.seeding import Credentials

STOP_SECONDS = 2
CA_FILE = "ca.pem"


class CuttableProtocol(H11Protocol):
    """HTTP with a way, for the front, to end the connection without a word."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            extensions = {**scope.get("extensions", {}), CUT: transport.abort}
            await inner({**scope, "extensions": extensions}, receive, send)

        self.app = app


def listen(port: int) -> socket.socket:
    """A listening socket on this machine alone; port 0: any free one. Raises OSError."""
    return socket.create_server(("127.0.0.1", port))


def url_of(listening: socket.socket) -> str:
    """The fake's address behind that socket."""
    return f"https://localhost:{listening.getsockname()[1]}"


def server(credentials: Credentials, ids_from: str | None, tls: TlsFiles) -> uvicorn.Server:
    """A server that waits to be run on a socket."""
    config = uvicorn.Config(
        create_app(credentials, ids_from),
        http=CuttableProtocol,
        ssl_certfile=tls.server,
        ssl_keyfile=tls.server,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return uvicorn.Server(config)


@contextmanager
def running(
    folder: Path, *, port: int = 0, ids_from: str | None = "fake", tls: TlsFiles | None = None
) -> Iterator[Control]:
    """A fake in a thread of this process, ready. Its certificate is kept in `folder`."""
    credentials = Credentials()
    tls = tls or tls_files(folder)
    listening = listen(port)
    serving = server(credentials, ids_from, tls)
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        with Control(url_of(listening), tls.ca, credentials) as control:
            control.state()  # the socket listens already: answered as soon as the thread serves
            yield control
    finally:
        serving.should_exit = True
        thread.join()
        listening.close()
