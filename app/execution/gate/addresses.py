"""One address of a network device: is it here, does another machine have it; added, taken away.

An address that two machines have serves neither. So it is asked for on the wire first, as RFC 5227
says, and added only where nobody answers.
"""

from __future__ import annotations

import socket
import struct
import time
from ipaddress import IPv4Interface

from . import made
from .agent_paths import IP
from .answers import Params, answer, read_program
from .links import links
from .places import Places
from .refusal import Failed

_ARP, _ETHERNET, _IPV4, _REQUEST = 0x0806, 1, 0x0800, 1
_EVERYBODY, _NOBODY = b"\xff" * 6, bytes(6)
_PROBES, _APART = 3, 0.4
_FRAME = struct.Struct("!6s6sHHHBBH6s4s6s4s")


def address_show(params: Params, _: Places) -> int:
    """AddressStateFacts."""
    address, device = IPv4Interface(str(params["address"])), str(params["device"])
    on = _device_of(address)
    there = any(link["name"] == device and link["up"] for link in links())
    claimed = "" if on is not None or not there else _claimed_by(device, address)
    return answer({"here": "no" if on is None else "yes", "on": on or "", "claimed_by": claimed})


def address_add(params: Params, places: Places) -> int:
    """Give a device an address that no machine has, and tell everybody on its wire."""
    address, device = IPv4Interface(str(params["address"])), str(params["device"])
    if _device_of(address) is not None:
        raise Failed(f"{address.ip} is on {_device_of(address)} already")
    other = _claimed_by(device, address)
    if other:
        raise Failed(f"another machine ({other}) has {address.ip}; it is left alone")
    made.note(_noted(device, address), places)
    _run("address", "add", str(address), "dev", device)
    for _ in range(2):
        _say(device, address, address.ip.packed)
    return answer({"device": device, "address": str(address)})


def address_remove(params: Params, places: Places) -> int:
    """Take an address away that this gate has added, and no other."""
    address, device = IPv4Interface(str(params["address"])), str(params["device"])
    if made.noted(_noted(device, address), places) is None:
        raise Failed(f"the gate has not added {address} to {device}; it is left there")
    _run("address", "del", str(address), "dev", device)
    made.forget(_noted(device, address), places)
    return answer({"device": device, "address": str(address)})


def _device_of(address: IPv4Interface) -> str | None:
    """The device that has an address, whatever its prefix."""
    own = f"{address.ip}/"
    found = (link["name"] for link in links() if any(a.startswith(own) for a in link["addresses"]))
    return next(found, None)


def _claimed_by(device: str, address: IPv4Interface) -> str:
    """The hardware address of the machine that answers for an address; "" where none does."""
    with _wire(device) as wire:
        own = wire.getsockname()[4]
        for _ in range(_PROBES):
            wire.send(_frame(own, bytes(4), address))
            until = time.monotonic() + _APART
            while (left := until - time.monotonic()) > 0:
                wire.settimeout(left)
                try:
                    heard = wire.recv(128)
                except socket.timeout:  # no TimeoutError yet in Python 3.9
                    break
                other = _sender(heard, address)
                if other not in (None, own):
                    return ":".join(f"{byte:02x}" for byte in other or b"")
    return ""


def _say(device: str, address: IPv4Interface, sender: bytes) -> None:
    with _wire(device) as wire:
        wire.send(_frame(wire.getsockname()[4], sender, address))


def _wire(device: str) -> socket.socket:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP))
    try:
        wire.bind((device, _ARP))
    except OSError as error:
        wire.close()
        raise Failed(f"{device}: {error.strerror}") from None
    return wire


def _frame(own: bytes, sender: bytes, address: IPv4Interface) -> bytes:
    """A question for an address, from `sender` (0.0.0.0: one that claims none)."""
    head = (_EVERYBODY, own, _ARP, _ETHERNET, _IPV4, 6, 4, _REQUEST)
    return _FRAME.pack(*head, own, sender, _NOBODY, address.ip.packed)


def _sender(heard: bytes, address: IPv4Interface) -> bytes | None:
    """Who says that an address is his; None where it is about another."""
    if len(heard) < _FRAME.size:
        return None
    parts = _FRAME.unpack(heard[: _FRAME.size])
    kind, hardware, sender = parts[2], parts[8], parts[9]
    return bytes(hardware) if kind == _ARP and sender == address.ip.packed else None


def _noted(device: str, address: IPv4Interface) -> str:
    return f"address {address} on {device}"


def _run(*arguments: str) -> None:
    code, _, error = read_program([IP, *arguments])
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")
