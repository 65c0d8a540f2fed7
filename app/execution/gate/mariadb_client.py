"""The MariaDB and MySQL servers that run here, and how each is asked: its client, as root.

Through the socket, as packages set it up; no file with a password is read. One client asks all: a
server that is full has a single place left for its administrator.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import time
from typing import NamedTuple

from .answers import command_of, process_ids, text_at, unit_of
from .child import ENVIRONMENT
from .refusal import Failed

PROGRAMS = ("mariadbd", "mysqld")
CLIENTS = ("/usr/bin/mariadb", "/usr/bin/mysql", "/usr/local/bin/mariadb", "/usr/local/bin/mysql")
_MOST = 4
_SECONDS = 6.0  # for one answer
_MOST_BYTES = 4 * 1024 * 1024
_LISTENING = "00010000"  # __SO_ACCEPTCON among the flags of /proc/net/unix


class Server(NamedTuple):
    """One running server."""

    unit: str | None
    socket: str
    port: int


def servers() -> list[Server]:
    found = []
    for pid in process_ids():
        if command_of(pid) in PROGRAMS and (path := _socket_of(pid)):
            server = Server(unit_of(pid), path, 0)
            found.append(server._replace(port=_port(server)))
    return sorted(found, key=lambda server: server.port)[:_MOST]


def _socket_of(pid: str) -> str:
    """The path of the socket that a process listens on; "" where it has none."""
    held = set()
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            held.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    except OSError:
        return ""  # it ended while it was looked at
    paths = []
    for line in text_at("/proc/net/unix", 4 * 1024 * 1024).splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[3] == _LISTENING and f"socket:[{words[6]}]" in held:
            paths.append(words[7])
    named = [path for path in paths if path.startswith("/") and path.endswith(".sock")]
    return next(iter(named), "")


def at_port(port: int) -> Server:
    for server in servers():
        if server.port == port:
            return server
    raise Failed(f"no MariaDB or MySQL server of this host has the port {port}")


def _port(server: Server) -> int:
    """What it calls its port, also where it does not listen on it; 0 where it does not say."""
    try:
        return int(value_of(server, "SELECT @@GLOBAL.port"))
    except Failed:
        return 0


def value_of(server: Server, statement: str) -> str:
    found = rows(server, statement)
    if not found or not found[0]:
        raise Failed("MariaDB answered nothing")
    return found[0][0]


def rows(server: Server, statement: str) -> list[list[str]]:
    return [line.split("\t") for line in ask(server, statement).splitlines()]


def ask(server: Server, statement: str, *, vertical: bool = False, forced: bool = False) -> str:
    """What the client prints, without the names of columns; Failed with the server's own words."""
    said = _talk(server.socket).say(statement + ("\\G" if vertical else ";"))
    error = next((line for line in said if line.startswith("ERROR ")), None)
    if error is not None and not (forced and "Unknown thread id" in error):
        raise Failed(f"MariaDB: {error[:300]}")
    return "\n".join(said if vertical else said[1:])


class Talk:
    """A client that is kept: a statement, its answer."""

    def __init__(self, argv: list[str]) -> None:
        import subprocess  # only where it is needed: it costs every start of the gate 10 ms

        self._asked = 0
        self._unread = b""
        self._ended: list[str] = []  # why it did
        try:
            self._client = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=ENVIRONMENT, cwd="/",
            )  # fmt: skip
        except OSError as error:
            raise Failed(f"MariaDB: {error}") from None

    def say(self, statement: str) -> list[str]:
        """The lines of its answer, names of columns first, or what went wrong as `ERROR ...`."""
        if self._ended:
            return self._ended
        self._asked += 1
        mark = f"sre-agent {self._asked}"
        assert self._client.stdin is not None
        try:
            self._client.stdin.write(f"{statement}\nSELECT '{mark}' AS `{mark}`;\n".encode())
            self._client.stdin.flush()
        except OSError:
            return self._last_words()
        return self._until(f"{mark}\n{mark}\n".encode())

    def close(self) -> None:
        """Let the client go; it goes by itself with the gate that asked."""
        for end in (self._client.stdin, self._client.stdout):
            with contextlib.suppress(OSError):  # what it was still to be told is lost with it
                assert end is not None
                end.close()
        self._client.wait(_SECONDS)

    def _until(self, end: bytes) -> list[str]:
        """What comes before `end`; the client is given up where it ends, or says too much."""
        assert self._client.stdout is not None
        descriptor = self._client.stdout.fileno()
        deadline = time.monotonic() + _SECONDS
        while end not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or len(self._unread) > _MOST_BYTES:
                self._client.kill()
                raise Failed(f"MariaDB did not answer within {_SECONDS:.0f} s, or with too much")
            if select.select([descriptor], [], [], left)[0]:
                more = os.read(descriptor, 65536)
                if not more:
                    return self._last_words()
                self._unread += more
        answer, _, self._unread = self._unread.partition(end)
        return answer.decode("utf-8", "replace").splitlines()

    def _last_words(self) -> list[str]:
        """Why the client ended."""
        assert self._client.stdout is not None
        said = (self._unread + self._client.stdout.read()).decode("utf-8", "replace")
        told = [line for line in said.splitlines() if line.startswith("ERROR ")]
        self._ended = told[-1:] or [f"ERROR {said.strip()[-200:] or 'no answer'}"]
        return self._ended


@functools.lru_cache(_MOST)
def _talk(socket: str) -> Talk:
    client = next((path for path in CLIENTS if os.path.exists(path)), CLIENTS[0])
    return Talk(
        [client, "--no-defaults", "--protocol=socket", f"--socket={socket}", "--user=root",
         "--connect-timeout=3", "--skip-reconnect", "--batch", "--raw", "--unbuffered", "--force"]
    )  # fmt: skip
