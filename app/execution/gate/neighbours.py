"""Neighbours whose hardware address somebody wrote down for good: told, removed, put back.

Nobody asks for such an address again: where the neighbour's hardware was changed, every packet to
it leaves for a card that nobody has.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

from .agent_paths import IP, paths
from .answers import Params, answer, read_program
from .places import Places
from .refusal import Failed

_HARDWARE = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


def neighbour_show(params: Params, _: Places) -> int:
    """NeighbourStateFacts of one that was written down for good."""
    found = _find(params)
    return answer({"kind": "missing"} if found is None else {"kind": "permanent", **found})


def neighbour_remove(params: Params, _: Places) -> int:
    """Remove exactly the entry that is described: its address is asked for again."""
    found = _find(params)
    if found is None or found["hardware"] != params["hardware"]:
        raise Failed(f"there is no entry any more that puts {params['address']} there")
    _change("del", params)
    return answer({"removed": params["address"]})


def neighbour_add(params: Params, _: Places) -> int:
    """Put an entry back; not for who is connected here, nor for what that goes over."""
    address = str(params["address"])
    near = {client for client, path in paths().items() if not path.gateway}
    if address in near | {path.gateway for path in paths().values()}:
        raise Failed(f"the agent itself may be connected over {address}; it is left alone")
    if _find(params) is not None:
        raise Failed(f"there is an entry for {address} already")
    _change("replace", params, "lladdr", str(params["hardware"]), "nud", "permanent")
    return answer({"added": address})


def permanent() -> list[dict[str, Any]]:
    """Every entry that was written down for good and is one neighbour's."""
    code, listed, error = read_program([IP, "-json", "neighbour", "show", "nud", "permanent"])
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")
    return [
        {"address": str(row["dst"]), "device": str(row["dev"]), "hardware": row["lladdr"]}
        for row in json.loads(listed or "[]")
        if _HARDWARE.fullmatch(str(row.get("lladdr"))) and not _is_many(str(row["dst"]))
    ]


def _find(params: Params) -> dict[str, Any] | None:
    same = (one for one in permanent() if one["address"] == params["address"])
    return next((one for one in same if one["device"] == params["device"]), None)


def _change(how: str, params: Params, *more: str) -> None:
    ipaddress.ip_address(str(params["address"]))  # its pattern lets 999.0.2.1 through
    argv = [IP, "neighbour", how, str(params["address"]), *more, "dev", str(params["device"])]
    code, _, error = read_program(argv)
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")


def _is_many(address: str) -> bool:
    return ipaddress.ip_address(address).is_multicast
