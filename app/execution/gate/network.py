"""Reads about the network, seen from the host: listeners, routes, a connection, a page."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import time
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from .answers import (
    Params,
    answer,
    group_name,
    kind_of,
    mode_text,
    read_program,
    unit_of,
    user_name,
)
from .declared_routes import declared
from .links import links
from .neighbours import permanent
from .places import Places
from .policy_rules import is_every_hosts, policy_rules
from .refusal import Failed
from .routes import described, rows

CONNECT_SECONDS = 3.0
PAGE_SECONDS = 6.0
PAGE_BYTES = 2048
_OWNER = re.compile(r'\("(?P<name>[^"]*)",pid=(?P<pid>\d+)')
_MOST_CONNECTIONS = 50
_ERRORS = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EINVAL: "unreachable",  # what a blackhole route says
    errno.EACCES: "unreachable",  # a route that prohibits
    errno.ECONNRESET: "reset",
}


def listeners(_: Params, __: Places) -> int:
    """ListenersFacts."""
    return answer({"listeners": listening(_sockets("-l", "-t", "-u", "-n"))})


def _sockets(*asked: str) -> str:
    """The lines of `ss` on sockets, each with the process that has it."""
    code, listed, error = read_program(["/usr/bin/ss", "-H", "-p", *asked])
    if code != 0:
        raise Failed(f"ss: {error.strip() or code}")
    return listed


def listening(listed: str) -> list[dict[str, object]]:
    """Listeners from the lines of `ss -H -l -t -u -n -p`, one for each owning process name."""
    found = []
    for line in listed.splitlines():
        words = line.split(None, 6)
        if len(words) < 6:
            continue
        address, _, port = words[4].rpartition(":")
        owner = _OWNER.search(words[6]) if len(words) > 6 else None
        pid = int(owner["pid"]) if owner else None
        tcp = words[0] == "tcp"
        found.append(
            {
                "protocol": words[0],
                "address": address.split("%")[0].strip("[]"),
                "port": int(port),
                "process": owner["name"] if owner else None,
                "pid": pid,
                "unit": unit_of(pid) if pid else None,
                "queue": int(words[2]) if tcp else None,
                "backlog": int(words[3]) if tcp else None,
            }
        )
    return found


def sockets_at_port(params: Params, _: Places) -> int:
    """PortConnectionsFacts."""
    port = int(params["port"])
    listed = _sockets("-t", "-n", "state", "connected", f"( sport = :{port} )")
    return answer({"port": port, "connections": connected(listed)[:_MOST_CONNECTIONS]})


def connections_of(pids: Collection[int]) -> list[str]:
    """Where the connections of some processes lead, as "address:port (state)"."""
    found = connected(_sockets("-t", "-n", "state", "connected"))
    return [f"{one['peer']} ({one['state']})" for one in found if one["pid"] in pids]


def connected(listed: str) -> list[dict[str, object]]:
    """Connections from the lines of `ss -H -t -n -p state connected`."""
    found = []
    for line in listed.splitlines():
        words = line.split(None, 5)
        if len(words) < 5:
            continue
        owner = _OWNER.search(line)
        pid = int(owner["pid"]) if owner else None
        found.append(
            {
                "state": words[0].lower(),
                "peer": words[4],
                "process": owner["name"] if owner else None,
                "pid": pid,
                "unit": unit_of(pid) if pid else None,
            }
        )
    return found


def socket_state(params: Params, _: Places) -> int:
    """UnixSocketFacts: what stands at a path, who listens there, and why nobody is met."""
    path = str(params["path"])
    listed = _sockets("-l", "-x")
    try:
        state = os.lstat(path)
    except OSError:
        state = None
    pid = listening_at(path, listed)
    return answer(
        {
            "path": path,
            "kind": "missing" if state is None else kind_of(state.st_mode),
            "owner": None if state is None else user_name(state.st_uid),
            "group": None if state is None else group_name(state.st_gid),
            "mode": None if state is None else mode_text(state.st_mode),
            "listening": pid is not None,
            "unit": unit_of(pid) if pid else None,
            # one that is listed is not met: a connection may start what waits for it; one that is
            # not may belong to a container
            "error": None if state is None or pid is not None else _not_met(path),
        }
    )


def listening_at(path: str, listed: str) -> int | None:
    """Who listens at a path, from the lines of `ss -H -l -x -p`: also where its file is gone.

    0 where the process is not told; None where nobody does.
    """
    for line in listed.splitlines():
        words = line.split(None, 8)
        if len(words) > 4 and words[4] == path:
            owner = _OWNER.search(line)
            return int(owner["pid"]) if owner else 0
    return None


def _not_met(path: str) -> str | None:
    """Why nobody is met at a socket's path; None where somebody takes the connection."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(CONNECT_SECONDS)
        try:
            asking.connect(path)
        except OSError as problem:
            return why(problem)
    return None


def network(_: Params, __: Places) -> int:
    """NetworkFacts."""
    shown = links()
    routes = [*rows(4), *rows(6)]
    return answer(
        {
            "addresses": [address for link in shown for address in link["addresses"]],
            "links_down": [link["name"] for link in shown if not link["carrier"]],
            "links": shown,
            "routes": [described(route) for route in routes],
            "rules": [_rule(one) for one in _ip("rule", "show") if not is_every_hosts(one)],
            "policies": policy_rules(),
            "neighbours": permanent(),
            "declared": [one._asdict() for one in declared()],
        }
    )


def _rule(rule: dict[str, Any]) -> str:
    return " ".join(f"{name} {value}" for name, value in rule.items() if value is not None)


def tcp_connect(params: Params, _: Places) -> int:
    """ConnectFacts: a connection made and closed at once."""
    host, port = str(params["host"]), int(params["port"])
    begun = time.monotonic()
    error = None
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as problem:
        error = why(problem)
    seconds = round(time.monotonic() - begun, 4)
    return answer(
        {"host": host, "port": port, "ok": error is None, "error": error, "seconds": seconds}
    )


def http_local(params: Params, _: Places) -> int:
    """LocalHttpFacts: one GET to an address of this host itself, redirects not followed."""
    url, header = str(params["url"]), str(params["host_header"])
    begun = time.monotonic()
    facts: dict[str, object] = {"url": url, "host_header": header}
    try:
        facts |= _page(url, header)
    except OSError as problem:
        facts["error"] = why(problem)
    except ValueError as problem:  # what http.client makes of an answer that is no HTTP
        facts["error"] = f"no HTTP: {problem}"[:200]
    return answer({**facts, "seconds": round(time.monotonic() - begun, 4)})


def why(problem: OSError) -> str:
    """An error of a connection in a word."""
    if isinstance(problem, socket.gaierror):
        return "dns"
    if isinstance(problem, (socket.timeout, TimeoutError)):
        return "timeout"
    return _ERRORS.get(problem.errno or 0, problem.strerror or type(problem).__name__)


def _page(url: str, header: str) -> dict[str, object]:
    import http.client  # only here: it costs every start of the gate 25 ms
    import ssl

    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _own_address(parts.hostname or "", port)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False  # the page is asked for, not the certificate
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            address, port, timeout=PAGE_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(address, port, timeout=PAGE_SECONDS)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", header)
        connection.putheader("User-Agent", "sre-agent")
        connection.putheader("Connection", "close")
        connection.endheaders()
        reply = connection.getresponse()
        body = reply.read(PAGE_BYTES).decode("utf-8", "replace")
    except http.client.HTTPException as problem:
        raise ValueError(f"{type(problem).__name__} {problem}") from None
    finally:
        connection.close()
    return {"status": reply.status, "body": body}


def _own_address(name: str, port: int) -> str:
    """The address that a name stands for, proven to be the host's own: a socket can bind to it."""
    family, kind, protocol, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as trial:
        try:
            trial.bind((address[0], 0))
        except OSError:
            raise Failed(f"{name} is no address of this host") from None
    return str(address[0])


def _ip(*arguments: str) -> list[dict[str, Any]]:
    code, listed, error = read_program(["/usr/sbin/ip", "-json", *arguments])
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")
    found: list[dict[str, Any]] = json.loads(listed or "[]")
    return found
