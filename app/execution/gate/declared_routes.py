"""The default gateways that a host's own files of the network declare."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from .answers import text_at


class Declared(NamedTuple):
    """One default gateway; the device is "" where the file does not name it."""

    gateway: str
    device: str
    file: str


_ADDRESS = r"(\d{1,3}(?:\.\d{1,3}){3})"
_IFACE = re.compile(r"\s*iface\s+(\S+)\s+inet\s")
_GATEWAY = re.compile(rf"\s*gateway\s+{_ADDRESS}\s*$")
_MATCH_NAME = re.compile(r"^Name=([\w.-]+)\s*$", re.M)
_NETWORKD = re.compile(rf"^Gateway={_ADDRESS}\s*$", re.M)
_ROUTE_TO = re.compile(r"^Destination=(\S+)", re.M)
_NETPLAN_OLD = re.compile(rf"^\s*gateway4:\s*{_ADDRESS}\s*$", re.M)
_NETPLAN = re.compile(
    rf"^\s*-\s*to:\s*[\"']?(?:default|0\.0\.0\.0/0)[\"']?\s*\n\s*via:\s*[\"']?{_ADDRESS}", re.M
)
_KEYFILE = re.compile(rf"^(?:gateway=|address1=[\d./]+,){_ADDRESS}\s*$", re.M)
_KEYFILE_DEVICE = re.compile(r"^interface-name=([\w.-]+)\s*$", re.M)
_SYSCONFIG = re.compile(rf"^GATEWAY=[\"']?{_ADDRESS}[\"']?\s*$", re.M)


def declared(root: str = "") -> list[Declared]:
    """Every declared IPv4 default gateway, each once; `root` is put before every path."""
    places = {
        f"{root}/etc/network/interfaces": _of_ifupdown,
        f"{root}/etc/network/interfaces.d/*": _of_ifupdown,
        f"{root}/etc/systemd/network/*.network": _of_networkd,
        f"{root}/etc/netplan/*.yaml": _of_netplan,
        f"{root}/etc/NetworkManager/system-connections/*.nmconnection": _of_keyfile,
        f"{root}/etc/sysconfig/network-scripts/ifcfg-*": _of_sysconfig,
    }
    found: dict[tuple[str, str], Declared] = {}
    for pattern, reader in places.items():
        for path in sorted(glob.glob(pattern)):
            for gateway, device in reader(_without_comments(text_at(path)), path):
                shown = path[len(root) :]
                found.setdefault((gateway, device), Declared(gateway, device, shown))
    return list(found.values())


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", ";")))


def _of_ifupdown(text: str, _: str) -> Iterator[tuple[str, str]]:
    device = ""
    for line in text.splitlines():
        named = _IFACE.match(line)
        device = named[1] if named else device
        gateway = _GATEWAY.match(line)
        if gateway and device:
            yield gateway[1], device


def _of_networkd(text: str, _: str) -> Iterator[tuple[str, str]]:
    name = _MATCH_NAME.search(text)
    for section in re.split(r"^(?=\[)", text, flags=re.M):
        to = _ROUTE_TO.search(section)
        gateway = _NETWORKD.search(section)
        if gateway and (to is None or to[1] in ("0.0.0.0/0", "default")):
            yield gateway[1], name[1] if name else ""


def _of_netplan(text: str, _: str) -> Iterator[tuple[str, str]]:
    for pattern in (_NETPLAN_OLD, _NETPLAN):
        for gateway in pattern.findall(text):
            yield gateway, ""


def _of_keyfile(text: str, _: str) -> Iterator[tuple[str, str]]:
    device, gateway = _KEYFILE_DEVICE.search(text), _KEYFILE.search(text)
    if gateway:
        yield gateway[1], device[1] if device else ""


def _of_sysconfig(text: str, path: str) -> Iterator[tuple[str, str]]:
    gateway = _SYSCONFIG.search(text)
    if gateway:
        yield gateway[1], os.path.basename(path).partition("-")[2]
