"""`ip -j addr` and `ip -j route`: each tells one part of the network's facts."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.value import JsonObject
from app.host.facts import NetworkFacts, RouteFacts
from app.host.parsers.json_text import json_array
from app.host.parsers.raw import ParseError, RawOutput

_DOWN = ("DOWN", "LOWERLAYERDOWN", "NOTPRESENT")
_OF_KERNEL = ("local", "broadcast", "multicast", "anycast")
_REFUSING = ("blackhole", "unreachable", "prohibit", "throw")


def parse_addresses(raw: RawOutput) -> NetworkFacts:
    """Every address without its prefix length, and the links that are down or have no carrier."""
    links = _rows(raw, "ip addr", "ifname")
    return NetworkFacts(
        addresses=tuple(address for link in links for address in _addresses(link)),
        links_down=tuple(str(link["ifname"]) for link in links if _is_down(link)),
    )


def parse_routes(raw: RawOutput) -> NetworkFacts:
    """Routes that somebody or a link made; the kernel's local table is left out.

    A route that refuses is told as `ip route` prints it: "blackhole 198.51.100.0/24".
    """
    rows = _rows(raw, "ip route", "dst")
    return NetworkFacts(routes=tuple(route for row in rows for route in _routes(row)))


def _rows(raw: RawOutput, tool: str, key: str) -> list[JsonObject]:
    """The rows that carry `key`; ip prints `[{},...]` for what was filtered, nothing for none."""
    if not raw.stdout.strip() and raw.exit_code == 0:
        return []
    rows = json_array(raw.stdout, tool)
    found = [row for row in rows if isinstance(row.get(key), str)]
    if not found and any(rows):
        raise ParseError(f"{tool}: expected objects with {key!r}: {raw.complaint()}")
    return found


def _addresses(link: JsonObject) -> Iterator[str]:
    infos = link.get("addr_info")
    for info in infos if isinstance(infos, list) else []:
        if isinstance(info, dict) and isinstance(info.get("local"), str):
            yield info["local"]


def _is_down(link: JsonObject) -> bool:
    flags = link.get("flags")
    switched_off = isinstance(flags, list) and "UP" not in flags
    return switched_off or link.get("operstate") in _DOWN


def _routes(row: JsonObject) -> Iterator[RouteFacts]:
    kind = row.get("type")
    if kind in _OF_KERNEL or row.get("table") == "local":
        return
    destination = f"{kind} {row['dst']}" if kind in _REFUSING else str(row["dst"])
    hops = row.get("nexthops")
    for hop in hops if isinstance(hops, list) and hops else [row]:
        if isinstance(hop, dict):
            yield RouteFacts(
                destination=destination, gateway=_gateway(hop), device=_text(hop.get("dev"))
            )


def _gateway(hop: JsonObject) -> str | None:
    """`via` carries an address of the other family."""
    via = hop.get("via")
    other = via.get("host") if isinstance(via, dict) else None
    return _text(hop.get("gateway")) or _text(other)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
