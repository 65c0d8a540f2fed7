"""Ports at which units take datagrams: nobody can be asked whether one would be answered."""

from __future__ import annotations

from app.host.view import HostView

CHECK, ASKED = "listens", "sockets.listening"
"""The check that a unit takes datagrams where it did, and what tells."""

_CHOSEN_FROM = 32768
_OF_CLIENTS = frozenset({68, 546})
"""Ports that programs choose for a question of their own, and those of a DHCP client."""

Said = tuple[bool, str]


def taken(view: HostView) -> tuple[str, ...]:
    """Each unit with each UDP port at which others may reach it: "chrony.service 123"."""
    found = () if view.listeners is None else view.listeners[0]
    return tuple(
        dict.fromkeys(
            f"{entry.unit} {entry.port}"
            for entry in found
            if entry.protocol == "udp"
            and entry.unit is not None
            and entry.port < _CHOSEN_FROM
            and entry.port not in _OF_CLIENTS
            and not entry.address.startswith(("127.", "::1", "[::1]"))
        )
    )


def are_taken(view: HostView, subject: str) -> Said | None:
    """Whether a unit takes datagrams at a port; None where that is not known."""
    if view.listeners is None:
        return None
    unit, _, port = subject.partition(" ")
    holds = subject in taken(view)
    if unit.endswith(".socket"):  # process 1 does it for it, or the service that it has started
        holds = any(e.protocol == "udp" and str(e.port) == port for e in view.listeners[0])
    return holds, f"{unit} does not listen on UDP port {port} any more"


def unit_of(subject: str) -> str:
    """The unit that a check is about."""
    return subject.partition(" ")[0]
