"""How the agent reaches this host: what a change of the network must leave as it is.

The agent comes over SSH, but a change is made by a process that no longer belongs to its session.
So every client of sshd counts as the agent: that guards too much rather than too little.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .answers import read_program
from .refusal import Failed

IP = "/usr/sbin/ip"
_SSHD = ('(("sshd"', '(("sshd-session"', '(("dropbear"')


class Path(NamedTuple):
    """Which route, gateway and device answers to a client leave by."""

    destination: str
    gateway: str
    device: str


def clients() -> tuple[str, ...]:
    """Addresses of all that are connected to sshd now."""
    argv = ["/usr/bin/ss", "-H", "-t", "-n", "-p", "state", "established"]
    code, listed, error = read_program(argv)
    if code != 0:
        raise Failed(f"ss: {error.strip() or code}: it cannot be told who is connected")
    return clients_of(listed)


def clients_of(listed: str) -> tuple[str, ...]:
    """The peers of sshd from the lines of `ss -H -t -n -p state established`."""
    found = set()
    for line in listed.splitlines():
        words = line.split(None, 4)
        if len(words) == 5 and any(name in words[4] for name in _SSHD):
            address = words[3].rpartition(":")[0].strip("[]").split("%")[0]
            found.add(address[7:] if address.startswith("::ffff:") else address)
    return tuple(sorted(found))


def paths() -> dict[str, Path]:
    """The path to each client of sshd; a client that no route leads to has none."""
    found = {}
    for client in clients():
        matched, used = _first("fibmatch", client), _first(client)
        if matched and used:
            device = str(used.get("dev", ""))
            found[client] = Path(str(matched.get("dst", "")), str(used.get("gateway", "")), device)
    return found


def known_paths() -> dict[str, Path]:
    """The paths, for what may only be touched where the agent is known to come another way."""
    found = paths()
    if not found:
        raise Failed("it cannot be told how the agent is connected; nothing is touched")
    return found


def _first(*words: str) -> dict[str, Any]:
    code, listed, _ = read_program([IP, "-json", "route", "get", *words])
    rows: list[dict[str, Any]] = json.loads(listed or "[]") if code == 0 else []
    return rows[0] if rows else {}
