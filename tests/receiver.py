"""A real HTTP server for what the service sends by itself: it keeps each request and answers.

with receiving() as receiver:
    ...                                  # something posts to receiver.url
    request = receiver.next()            # waits for it
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from threading import Thread
from typing import Any

WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Receiver:
    """What came, and what is answered: `answers` first, then 200."""

    port: int
    came: Queue[Request] = field(default_factory=Queue)
    answers: Queue[int] = field(default_factory=Queue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def apprise(self) -> str:
        """The address as ALERT_URLS has it."""
        return f"json://127.0.0.1:{self.port}/hook"

    def next(self) -> Request:
        """The next request; waits for it. From a thread only, where the sender is on the loop."""
        return self.came.get(timeout=WAIT_SECONDS)

    def all(self) -> list[Request]:
        """What came and was not taken yet."""
        found = []
        while True:
            try:
                found.append(self.came.get_nowait())
            except Empty:
                return found

    def answer(self) -> int:
        try:
            return self.answers.get_nowait()
        except Empty:
            return 200


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of loopback, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.answer()
            receiver.came.put(Request(self.path, headers, body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_about: object) -> None:
            """Nothing is said on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(port=server.server_address[1])
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
