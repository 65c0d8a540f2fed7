"""Where a proxy's pass directive leads: URL, name of an upstream block, or socket."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.host.facts import NginxUpstream
from app.host.parsers.nginx_syntax import Directive

Pools = Mapping[str, tuple[str, ...]]
"""The servers of each upstream block, as written: "127.0.0.1:8000", "unix:/run/app.sock"."""

#: Directive -> the port where the address names none; None: nginx then has none either.
PASS_DIRECTIVES: dict[str, int | None] = {
    "proxy_pass": 80,
    "grpc_pass": 80,
    "fastcgi_pass": None,
    "uwsgi_pass": None,
    "scgi_pass": None,
    "memcached_pass": None,
}
_POOL_PORT = 80
_SECURE = ("https", "grpcs", "suwsgi")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\[\]]+)(?::(?P<port>\d{1,5}))?")


def pool_of(upstream: Directive) -> tuple[str, ...]:
    """The servers of an upstream block that are not switched off."""
    servers = [one for one in upstream.block or [] if one.name == "server" and one.args]
    return tuple(one.args[0] for one in servers if "down" not in one.args[1:])


def leads_to(
    passing: Directive, location: str, pools: Pools, variables: Mapping[str, str]
) -> list[NginxUpstream]:
    """One entry for each server behind the directive; one with no host where none can be told."""
    written = passing.args[0] if passing.args else ""
    url = _VARIABLE.sub(lambda found: _value(found, variables), written)
    scheme, _, rest = url.rpartition("://")
    default = 443 if scheme in _SECURE else PASS_DIRECTIVES[passing.name]
    target = rest if rest.startswith("unix:") else rest.partition("/")[0]
    if target in pools:
        return [_entry(written, location, server, _POOL_PORT) for server in pools[target]]
    return [_entry(written, location, target, default)]


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    return variables.get(found[1] or found[2], found[0])


def _entry(url: str, location: str, address: str, default: int | None) -> NginxUpstream:
    if address.startswith("unix:"):
        socket = address.removeprefix("unix:").partition(":")[0]
        return NginxUpstream(url=url, socket=socket or None, location=location)
    match = _ADDRESS.fullmatch(address)
    if match is None or "$" in address:
        return NginxUpstream(url=url, location=location)
    port = int(match["port"]) if match["port"] else default
    return NginxUpstream(url=url, host=match["host"].strip("[]"), port=port, location=location)
