"""The server blocks of an nginx configuration, with what they inherit from around them.

Only HTTP: `stream` and `mail` servers speak no HTTP and would be asked wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from app.host.facts import NginxLimit, NginxServer, NginxUpstream
from app.host.parsers.nginx_syntax import Directive
from app.host.parsers.nginx_upstreams import PASS_DIRECTIVES, Pools, leads_to, pool_of

Scope = Mapping[str, Sequence[Directive]]
"""One block's directives by name."""

Scopes = tuple[Scope, ...]
"""The blocks around a place, innermost last: main, http, server, location."""

_NOT_HTTP = ("stream", "mail", "upstream", "map", "geo", "types")
LIMITS = (
    "client_max_body_size", "proxy_read_timeout", "fastcgi_read_timeout", "uwsgi_read_timeout",
)  # fmt: skip
"""Directives by which nginx refuses what it is asked, or gives up waiting for it."""

_MOST_LIMITS = 200
_PORT = re.compile(r"(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?")
_MOST_PORTS = 100
_MOST_UPSTREAMS = 1000
_NO_FILE = ("off", "stderr", "syslog:", "memory:", "/dev/")


def servers_of(main: Sequence[Directive]) -> tuple[NginxServer, ...]:
    """Every HTTP server block, wherever a broken file may have left it."""
    pools: Pools = {one.args[0]: pool_of(one) for one in _upstream_blocks(main) if one.args}
    found = _server_blocks(main, (scope_of(main),))
    return tuple(_server(one, around, pools) for one, around in found)


def scope_of(block: Sequence[Directive]) -> Scope:
    """A block's directives by name, made once: a site may have thousands of servers."""
    scope: dict[str, list[Directive]] = {}
    for one in block:
        scope.setdefault(one.name, []).append(one)
    return scope


def first_argument(scopes: Scopes, name: str) -> str | None:
    """A directive's first argument: the innermost block that has it decides."""
    for scope in reversed(scopes):
        for one in scope.get(name, ()):
            if one.args:
                return one.args[0]
    return None


def _upstream_blocks(scope: Sequence[Directive]) -> Iterator[Directive]:
    for one in scope:
        if one.name == "upstream" and one.block is not None:
            yield one
        elif one.block is not None and one.name not in _NOT_HTTP:
            yield from _upstream_blocks(one.block)


def _server_blocks(
    scope: Sequence[Directive], around: Scopes
) -> Iterator[tuple[Directive, Scopes]]:
    for one in scope:
        if one.block is None or one.name in _NOT_HTTP:
            continue
        if one.name == "server":
            yield one, around
        yield from _server_blocks(one.block, (*around, scope_of(one.block)))


def _server(server: Directive, around: Scopes, pools: Pools) -> NginxServer:
    block = server.block or []
    own = scope_of(block)
    scopes = (*around, own)
    listens = tuple(" ".join(one.args) for one in block if one.name == "listen" and one.args)
    listens = listens or ("80",)  # nginx's own default
    upstreams = _upstreams(block, "/", scopes, pools)
    certificate = first_argument(scopes, "ssl_certificate")
    return NginxServer(
        file=server.file,
        line=server.line,
        names=_names(block),
        listens=listens,
        ports=tuple(dict.fromkeys(port for listen in listens for port in _ports(listen))),
        tls=_speaks_tls(listens) or first_argument((own,), "ssl") == "on",
        root=first_argument(scopes, "root"),
        certificate=certificate,
        certificate_key=first_argument(scopes, "ssl_certificate_key"),
        upstreams=tuple(dict.fromkeys(islice(upstreams, _MOST_UPSTREAMS))),
        logs=_logs(block, around),
        limits=tuple(_limits(block, around)),
    )


def _names(block: Sequence[Directive]) -> tuple[str, ...]:
    names = (name for one in block if one.name == "server_name" for name in one.args if name)
    return tuple(dict.fromkeys(names))


def _ports(listen: str) -> Iterator[int]:
    """`80`, `[::]:443 ssl`, `*:8080-8083`; an address alone means port 80, a socket none."""
    address = listen.split()[0] if listen.split() else ""
    if address.startswith("unix:"):
        return
    match = None if address.endswith("]") else _PORT.fullmatch(address)
    if match is None:
        yield 80
        return
    first, last = int(match[1]), int(match[2] or match[1])
    yield from range(first, min(last, first + _MOST_PORTS) + 1)


def _speaks_tls(listens: Sequence[str]) -> bool:
    return any({"ssl", "quic"} & set(listen.split()[1:]) for listen in listens)


def _upstreams(
    block: Sequence[Directive], location: str, scopes: Scopes, pools: Pools
) -> Iterator[NginxUpstream]:
    for one in block:
        if one.name in PASS_DIRECTIVES and one.block is None:
            yield from leads_to(one, location, pools, _variables(scopes))
        elif one.block is not None and one.name not in ("server", *_NOT_HTTP):
            inner = " ".join(one.args) if one.name == "location" and one.args else location
            yield from _upstreams(one.block, inner, (*scopes, scope_of(one.block)), pools)


def _variables(scopes: Scopes) -> dict[str, str]:
    """Variables set to a constant, and to one only: others are known to nginx alone."""
    values: dict[str, set[str]] = {}
    for scope in scopes:
        for one in scope.get("set", ()):
            if len(one.args) == 2:
                values.setdefault(one.args[0].lstrip("$"), set()).add(one.args[1])
    return {name: found.pop() for name, found in values.items() if len(found) == 1}


def _logs(block: Sequence[Directive], around: Scopes) -> tuple[str, ...]:
    """Files that the server and its locations write to; inherited for each kind it lacks."""
    found = []
    for kind in ("access_log", "error_log"):
        own = [one.args[0] for one in _within(block) if one.name == kind and one.args]
        inherited = first_argument(around, kind)
        found.extend(own or ([inherited] if inherited else []))
    files = (path for path in found if not path.startswith(_NO_FILE) and "$" not in path)
    return tuple(dict.fromkeys(files))


def _limits(block: Sequence[Directive], around: Scopes) -> Iterator[NginxLimit]:
    """Limits of the server and of its locations; the inherited ones that it does not set itself."""
    yield from islice(_limits_within(block, ""), _MOST_LIMITS)
    own = scope_of(block)
    for name in LIMITS:
        inherited = next((s[name][-1] for s in reversed(around) if s.get(name)), None)
        if name not in own and inherited is not None and inherited.args:
            yield _limit(inherited, "")


def _limits_within(block: Sequence[Directive], location: str) -> Iterator[NginxLimit]:
    for one in block:
        if one.name in LIMITS and one.args and one.block is None:
            yield _limit(one, location)
        elif one.block is not None and one.name not in ("server", *_NOT_HTTP):
            inner = " ".join(one.args) if one.name == "location" and one.args else location
            yield from _limits_within(one.block, inner)


def _limit(one: Directive, location: str) -> NginxLimit:
    return NginxLimit(
        directive=one.name, value=one.args[0], file=one.file, line=one.line, location=location
    )


def _within(block: Sequence[Directive]) -> Iterator[Directive]:
    for one in block:
        yield one
        if one.block is not None and one.name != "server":
            yield from _within(one.block)
