"""One route of the main table: looked at, added, pointed at another gateway, removed.

A route is named by its destination and metric: the kernel keeps one of each. What the agent itself
is connected by is never taken away or turned elsewhere.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from .agent_paths import IP, Path, known_paths, paths
from .answers import Params, answer, read_program
from .places import Places
from .refusal import Failed

_KNOWN = frozenset(
    {"type", "dst", "gateway", "dev", "protocol", "scope", "metric", "prefsrc", "flags", "pref"}
)
"""What a route may consist of and still be put back as it was by gateway, device and metric."""

_HARMLESS_FLAGS = frozenset({"linkdown", "dead", "offload", "trap"})
ANY_SOURCE = "auto"
REFUSING = ("blackhole", "unreachable", "prohibit", "throw")
"""Kinds of routes that turn their traffic away."""


def route_show(params: Params, _: Places) -> int:
    """RouteStateFacts."""
    found = _find(params)
    return answer({"kind": "missing"} if found is None else {"kind": "route", **described(found)})


def route_add(params: Params, _: Places) -> int:
    """Add a route where there is none; taken back where it would turn the agent's own path."""
    before = paths()
    _change("add", params)
    if _turned(before):
        _change("del", params)
        raise Failed("the route would turn the path by which the agent is connected; taken back")
    return answer({"added": params["destination"]})


def route_replace(params: Params, _: Places) -> int:
    """Point a route at this gateway, whatever it points to now."""
    found = _find(params)
    if found is None:
        raise Failed("there is no such route; it would have to be added")
    _require_not_the_agents(str(params["destination"]))
    _change("replace", params)
    return answer({"replaced": params["destination"], "before": described(found)})


def route_remove(params: Params, _: Places) -> int:
    """Remove exactly the route that is described."""
    found = _find(params)
    if found is None:
        raise Failed("there is no such route any more")
    now = described(found)
    if any(now[name] != params[name] for name in ("gateway", "device")):
        raise Failed(f"the route is via {now['gateway']} dev {now['device']}; it is left alone")
    _require_not_the_agents(str(params["destination"]))
    _change("del", params)
    return answer({"removed": params["destination"]})


def route_unblock(params: Params, _: Places) -> int:
    """Remove exactly the route that turns its traffic away."""
    found = _find(params)
    if found is None or found.get("type") != params["refuses"]:
        raise Failed(f"there is no route any more that is {params['refuses']}")
    _refuse("del", params)
    return answer({"removed": params["destination"], "refuses": params["refuses"]})


def route_block(params: Params, _: Places) -> int:
    """Put a route back that turned its traffic away; not where the agent itself comes from."""
    before = paths()
    _refuse("add", params)
    if _turned(before):
        _refuse("del", params)
        raise Failed("the agent itself is connected over it; taken back")
    return answer({"added": params["destination"], "refuses": params["refuses"]})


def rows(family: int) -> list[dict[str, Any]]:
    """The main table's routes of IPv4 (4) or IPv6 (6); IPv6's default is told as ::/0."""
    argv = [IP, f"-{family}", "-details", "-json", "route", "show"]
    code, listed, error = read_program(argv)
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")
    found: list[dict[str, Any]] = json.loads(listed or "[]")
    for row in found:
        if family == 6 and row.get("dst") == "default":
            row["dst"] = "::/0"
    return found


def described(row: dict[str, Any]) -> dict[str, Any]:
    """A route as facts; `plain`: it can be put back from them."""
    flags = set(row.get("flags") or ()) - _HARMLESS_FLAGS
    onlink = "onlink" in flags
    kind = row.get("type", "unicast")
    unicast = kind == "unicast"
    return {
        "destination": str(row.get("dst", "")),
        "gateway": row.get("gateway"),
        "device": row.get("dev"),
        "metric": int(row.get("metric") or 0),
        "source": row.get("prefsrc") or ANY_SOURCE,
        "protocol": row.get("protocol") or "boot",
        "onlink": "yes" if onlink else "no",
        "refuses": kind if kind in REFUSING else None,
        "plain": unicast
        and bool(row.get("gateway"))
        and flags <= {"onlink"}
        and set(row) <= _KNOWN,
    }


def _find(params: Params) -> dict[str, Any] | None:
    family, destination = _destination(str(params["destination"]))
    same = [
        row
        for row in rows(family)
        if row.get("dst") == destination and int(row.get("metric") or 0) == params["metric"]
    ]
    if len(same) > 1:
        raise Failed(f"there are {len(same)} routes to {destination} of that metric")
    return same[0] if same else None


def _destination(text: str) -> tuple[int, str]:
    """Family and name of a destination as `ip` shows it."""
    if text == "default":
        return 4, text
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise Failed(f"{text} is no network: {error}") from None
    whole = network.prefixlen == network.max_prefixlen
    return network.version, str(network.network_address) if whole else str(network)


def _change(verb: str, params: Params) -> None:
    family, destination = _destination(str(params["destination"]))
    try:
        gateway = ipaddress.ip_address(str(params["gateway"]))
    except ValueError as error:
        raise Failed(f"{params['gateway']} is no gateway: {error}") from None
    if gateway.version != family:
        raise Failed(f"{gateway} is no IPv{family} gateway")
    words = [IP, f"-{family}", "route", verb, destination, "via", str(gateway)]
    words += ["dev", str(params["device"]), "proto", str(params["protocol"])]
    if params["metric"]:
        words += ["metric", str(params["metric"])]
    if params["source"] != ANY_SOURCE:
        words += ["src", str(params["source"])]
    if params["onlink"] == "yes":
        words.append("onlink")
    code, _, error_text = read_program(words)
    if code != 0:
        raise Failed(f"ip: {error_text.strip() or code}")


def _refuse(verb: str, params: Params) -> None:
    family, destination = _destination(str(params["destination"]))
    words = [IP, f"-{family}", "route", verb, str(params["refuses"]), destination]
    if params["metric"]:
        words += ["metric", str(params["metric"])]
    code, _, error_text = read_program([*words, "proto", str(params["protocol"])])
    if code != 0:
        raise Failed(f"ip: {error_text.strip() or code}")


def _turned(before: dict[str, Path]) -> bool:
    """Whether a client that had a path before has another one now."""
    after = paths()
    return any(
        client not in after or path[1:] != after[client][1:] for client, path in before.items()
    )


def _require_not_the_agents(destination: str) -> None:
    shown = "default" if destination == "::/0" else _destination(destination)[1]
    if any(path.destination == shown for path in known_paths().values()):
        raise Failed(f"the agent itself is connected over the route to {destination}; left alone")
