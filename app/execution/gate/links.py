"""One network device: looked at, switched on and off again, how large its packets may be."""

from __future__ import annotations

import json
from typing import Any

from .agent_paths import IP, known_paths
from .answers import Params, answer, read_program
from .places import Places
from .refusal import Failed

_WITHOUT_CARRIER = ("DOWN", "LOWERLAYERDOWN", "NOTPRESENT", "DORMANT")
_FOREVER = 4294967295
_IPV6 = 1280  # bytes that a packet of IPv6 may always have


def link_show(params: Params, _: Places) -> int:
    """LinkStateFacts."""
    found = [link for link in links() if link["name"] == params["device"]]
    return answer({"kind": "link", **found[0]} if found else {"kind": "missing"})


def link_up(params: Params, _: Places) -> int:
    """Switch a device on."""
    _set(str(params["device"]), "up")
    return answer({"up": params["device"]})


def link_down(params: Params, _: Places) -> int:
    """Switch a device off, where the agent is known to be connected over another one."""
    device = str(params["device"])
    if device == "lo" or any(path.device == device for path in known_paths().values()):
        raise Failed(f"the agent itself is connected over {device}; it is left alone")
    _set(device, "down")
    return answer({"down": device})


def link_set_mtu(params: Params, _: Places) -> int:
    """Set how large a device's packets may be; what the kernel made of it must be what was asked.

    A device that takes less than it did keeps the agent's connection: only its packets are smaller.
    """
    device, wanted = str(params["device"]), int(params["mtu"])
    if wanted < _IPV6 and any(":" in one for one in _addresses(device)):
        raise Failed(f"below {_IPV6} bytes {device} would lose its addresses of IPv6 for good")
    _run("link", "set", "dev", device, "mtu", str(wanted))
    now = next((link["mtu"] for link in links() if link["name"] == device), None)
    if now != wanted:
        raise Failed(f"{device} did not take an MTU of {wanted}; it has {now}")
    return answer({"device": device, "mtu": wanted})


def _addresses(device: str) -> list[str]:
    found = next((link for link in links() if link["name"] == device), None)
    return [] if found is None else list(found["addresses"])


def links() -> list[dict[str, Any]]:
    """Every device: whether it is on and has a carrier, its MTU and its lasting addresses."""
    code, listed, error = read_program([IP, "-json", "address", "show"])
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")
    return [described(link) for link in json.loads(listed or "[]")]


def described(link: dict[str, Any]) -> dict[str, Any]:
    """A row of `ip -json address show` as facts."""
    on = "UP" in link.get("flags", ())
    return {
        "name": str(link["ifname"]),
        "up": on,
        "mtu": int(link["mtu"]),
        "carrier": on and link.get("operstate") not in _WITHOUT_CARRIER,
        "addresses": [
            f"{one['local']}/{one['prefixlen']}"
            for one in link.get("addr_info", ())
            if one.get("scope") == "global" and _lasts(one)
        ],
    }


def _lasts(address: dict[str, Any]) -> bool:
    """Whether an address is no temporary one that comes and goes by itself."""
    own = not address.get("temporary") and not address.get("mngtmpaddr")
    ipv4 = address.get("family") == "inet"
    return own and "local" in address and (ipv4 or address.get("valid_life_time") == _FOREVER)


def _set(device: str, state: str) -> None:
    _run("link", "set", "dev", device, state)


def _run(*arguments: str) -> None:
    code, _, error = read_program([IP, *arguments])
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")
