"""Addresses as listeners and configurations write them."""

from __future__ import annotations

import ipaddress


def is_address(text: str) -> bool:
    """Whether it is a plain address and no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(_bare(address)).is_loopback
    except ValueError:
        return False


def reaches(listener: str, address: str) -> bool:
    """Whether a socket that listens at `listener` is there for connections to `address`."""
    try:
        bare = ipaddress.ip_address(_bare(listener))
    except ValueError:
        return listener == "*"
    return bare.is_unspecified or str(bare) == address


def _bare(address: str) -> str:
    return address.strip("[]").split("%")[0]
