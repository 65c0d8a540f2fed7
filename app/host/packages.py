"""Packages that were installed while the host was healthy, and are not now."""

from __future__ import annotations

from pydantic import Field

from app.domain.value import Value
from app.host.view import HostView

ASKED = "packages.list"


class PackagesFacts(Value):
    """Every installed package."""

    installed: dict[str, str] = Field(default_factory=dict)  # versions by name
    cut: bool = False  # there are more than are told


class PackageStateFacts(Value):
    """One package."""

    name: str
    version: str = ""  # that is installed; empty: none
    cached: tuple[str, ...] = ()  # versions that can be installed without asking anybody


def removed(now: HostView, then: HostView | None) -> tuple[dict[str, str], int] | None:
    """Packages that are gone since the host was healthy, and the evidence; None: not known."""
    found = now.facts(PackagesFacts, ASKED)
    before = None if then is None else then.facts(PackagesFacts, ASKED)
    if found is None or before is None or found[0].cut or not found[0].installed:
        return None
    gone = {n: v for n, v in before[0].installed.items() if n not in found[0].installed}
    return gone, found[1]
