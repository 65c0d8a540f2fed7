"""A small Vault for tests and for trying things out: its documented answers, errors included.

AppRole and token login, tokens that end and can be renewed, policies by path, namespaces, the
key-value engine version 2 with versions and deletion; sealed, rate-limited and slow on request.
What it answers is held to hvac, the real client, by tests/integration/secrets. It keeps everything
in memory and listens on loopback only.
"""

from __future__ import annotations

import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

Answer = tuple[int, dict[str, Any]]


@dataclass
class Token:
    """A token of the fake; it ends at `ends` on the fake's own clock, or never."""

    paths: tuple[str, ...]  # prefixes of API paths that it may read
    ttl: float
    ends: float | None
    renewable: bool
    renewals: int = 0


@dataclass
class Faults:
    """What the fake is asked to do wrong."""

    sealed: bool = False
    limited: bool = False  # 429, with Retry-After
    moved_to: str | None = None  # a redirect, as a standby node gives
    silent: threading.Event | None = None  # answers only once it is set


@dataclass
class FakeVault:
    """Its state. `clock` is seconds; tests move it."""

    namespace: str | None = None
    clock: Callable[[], float] = time.monotonic
    faults: Faults = field(default_factory=Faults)
    tokens: dict[str, Token] = field(default_factory=dict)
    roles: dict[str, tuple[str, float, tuple[str, ...]]] = field(default_factory=dict)
    secrets: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # "GET /v1/...", in order

    def token(self, *paths: str, ttl: float = 0, renewable: bool = False) -> str:
        """A new token for these prefixes, such as `kv/data/shop`. `ttl` 0: it never ends."""
        name = f"hvs.{secrets.token_urlsafe(24)}"
        ends = self.clock() + ttl if ttl else None
        self.tokens[name] = Token(paths, ttl, ends, renewable)
        return name

    def role(self, *paths: str, ttl: float = 3600) -> tuple[str, str]:
        """A new AppRole: its role id and secret id."""
        role_id, secret_id = secrets.token_hex(16), secrets.token_hex(16)
        self.roles[role_id] = (secret_id, ttl, paths)
        return role_id, secret_id

    def put(self, path: str, data: dict[str, Any] | None) -> None:
        """A new version of a secret at `mount/path`; None: the newest version is deleted."""
        mount, _, inside = path.partition("/")
        self.secrets.setdefault(f"{mount}/data/{inside}", []).append(data)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What Vault answers: a status and its JSON."""
        self.asked.append(f"{method} /v1/{path}")
        if self.faults.silent is not None:
            self.faults.silent.wait(30)
        if self.faults.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if self.faults.limited:
            return 429, {"errors": ["request path: rate limit quota exceeded"]}
        if headers.get("x-vault-namespace", "").strip("/") != (self.namespace or ""):
            return 404, {"errors": ["no handler for route"]}
        if method == "POST" and path == "auth/approle/login":
            return self._login(json.loads(body or b"{}"))
        token = self._alive(headers.get("x-vault-token", ""))
        if token is None:
            return 403, {"errors": ["permission denied"]}
        if path.startswith("auth/token/"):
            return self._of_token(method, path, token)
        if method != "GET" or not any(path.startswith(prefix) for prefix in token.paths):
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        return self._read(path)

    def _login(self, given: dict[str, Any]) -> Answer:
        role = self.roles.get(str(given.get("role_id")))
        if role is None or role[0] != given.get("secret_id"):
            return 400, {"errors": ["invalid role or secret ID"]}
        _, ttl, paths = role
        name = self.token(*paths, ttl=ttl, renewable=True)
        auth = {"client_token": name, "lease_duration": int(ttl), "renewable": True}
        return 200, {"auth": auth | {"policies": ["default"], "token_type": "service"}}

    def _alive(self, name: str) -> Token | None:
        token = self.tokens.get(name)
        if token is None or (token.ends is not None and token.ends <= self.clock()):
            return None
        return token

    def _of_token(self, method: str, path: str, token: Token) -> Answer:
        if method == "GET" and path == "auth/token/lookup-self":
            left = 0 if token.ends is None else int(token.ends - self.clock())
            return 200, {"data": {"ttl": left, "renewable": token.renewable, "type": "service"}}
        if method in ("POST", "PUT") and path == "auth/token/renew-self":
            if not token.renewable:
                return 400, {"errors": ["lease is not renewable"]}
            token.ends, token.renewals = self.clock() + token.ttl, token.renewals + 1
            return 200, {"auth": {"lease_duration": int(token.ttl), "renewable": True}}
        return 404, {"errors": ["unsupported path"]}

    def _read(self, path: str) -> Answer:
        versions = self.secrets.get(path)
        if not versions:
            return 404, {"errors": []}
        now = datetime.now(UTC).isoformat()
        deleted = versions[-1] is None
        metadata = {
            "created_time": now,
            "deletion_time": now if deleted else "",
            "destroyed": False,
            "version": len(versions),
        }
        return (404 if deleted else 200), {"data": {"data": versions[-1], "metadata": metadata}}


@contextmanager
def serving(vault: FakeVault, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve it on a free port of loopback; its address."""

    class Handler(_Handler):
        state = vault

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """HTTP in, HTTP out."""

    state: ClassVar[FakeVault]
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        faults = self.state.faults
        if faults.moved_to is not None:
            return self._send(307, {}, {"Location": faults.moved_to + self.path})
        path = self.path.removeprefix("/v1/").partition("?")[0]
        status, answer = self.state.answer(self.command, path, headers, body)
        return self._send(status, answer, {"Retry-After": "1"} if status == 429 else {})

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names that http.server calls

    def _send(self, status: int, answer: dict[str, Any], headers: dict[str, str]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own name
        """Say nothing: its lines would carry paths of secrets to standard error."""
