"""`ss -H -ltnup`, with or without `--cgroup`: what listens, who listens, how long its queue is."""

from __future__ import annotations

import re

from app.host.facts import Listener, ListenersFacts
from app.host.parsers.cgroup_path import unit_of_cgroup
from app.host.parsers.raw import ParseError, RawOutput

_LINE = re.compile(
    r"(?P<protocol>tcp|udp)\s+(?P<state>LISTEN|UNCONN)\s+(?P<queue>\d{1,10})\s+(?P<backlog>\d{1,10})"
    r"\s+(?P<address>\S+):(?P<port>\d{1,5})\s+\S+(?P<rest>.*)"
)
_HOLDER = re.compile(r'\("((?:[^"\\]|\\.)*)",pid=(\d{1,10}),fd=\d+\)')
_CGROUP = re.compile(r"\bcgroup:(\S+)")


def parse_listeners(raw: RawOutput) -> ListenersFacts:
    """One entry for each socket. Without root `ss` does not say who holds them: None then."""
    lines = [line for line in raw.whole_lines() if line.strip()]
    matches = [match for line in lines if (match := _LINE.fullmatch(line.strip()))]
    if not matches and (lines or raw.exit_code != 0):
        raise ParseError(f"ss: expected lines of `ss -H -ltnup`: {raw.complaint()}")
    return ListenersFacts(listeners=tuple(_listener(match) for match in matches))


def _listener(match: re.Match[str]) -> Listener:
    name, pid = _holder(match["rest"])
    cgroup = _CGROUP.search(match["rest"])
    waits = match["protocol"] == "tcp"  # for udp the two columns are bytes, not connections
    return Listener(
        protocol=match["protocol"],
        address=_address(match["address"]),
        port=int(match["port"]),
        process=name,
        pid=pid,
        unit=unit_of_cgroup(cgroup[1]) if cgroup else None,
        queue=int(match["queue"]) if waits else None,
        backlog=int(match["backlog"]) if waits else None,
    )


def _address(text: str) -> str:
    """`[::]` -> `::`, `127.0.0.53%lo` -> `127.0.0.53`: brackets and scopes are notation."""
    return text.partition("%")[0].strip("[]")


def _holder(rest: str) -> tuple[str | None, int | None]:
    """Of several holders the one with the lowest pid: the master, its workers come after it.

    systemd itself (pid 1) holds a socket-activated service's socket too; the service matters.
    """
    holders = [(int(pid), name) for name, pid in _HOLDER.findall(rest)]
    if not holders:
        return None, None
    pid, name = min([holder for holder in holders if holder[0] != 1] or holders)
    return name, pid
