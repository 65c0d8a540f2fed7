"""The MariaDB and MySQL servers that run here, and how each is asked: its client, as root.

Through the socket, as packages set it up; no file with a password is read.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from .answers import command_of, process_ids, read_program, text_at, unit_of
from .refusal import Failed

PROGRAMS = ("mariadbd", "mysqld")
CLIENTS = ("/usr/bin/mariadb", "/usr/bin/mysql", "/usr/local/bin/mariadb", "/usr/local/bin/mysql")
_MOST = 4
_TRIES, _PAUSE = 8, 0.25
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
    """What the client prints; Failed with the server's own words."""
    client = next((path for path in CLIENTS if os.path.exists(path)), CLIENTS[0])
    argv = [client, "--no-defaults", "--protocol=socket", f"--socket={server.socket}",
            "--user=root", "--connect-timeout=3", "--batch", "--raw", "--skip-column-names",
            *(["--vertical"] if vertical else []), f"--execute={statement}"]  # fmt: skip
    if vertical:
        argv.remove("--skip-column-names")  # it would take the names of the lines away
    code, out, said = read_program(argv, 6.0)
    tries = _TRIES
    while code != 0 and "Too many connections" in said and tries > 0:
        time.sleep(_PAUSE)  # the one place kept for us is free once our last client was let go
        code, out, said = read_program(argv, 6.0)
        tries -= 1
    if code != 0 and not (forced and "Unknown thread id" in said):
        raise Failed(f"MariaDB: {said.strip().splitlines()[0][:300] if said.strip() else code}")
    return out
