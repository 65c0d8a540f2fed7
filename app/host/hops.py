"""What a walk along a user's request finds: hops, and how each stands."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from app.domain.action import ActionCall
from app.domain.host import Host
from app.domain.value import Value


class Layer(StrEnum):
    """The layers of a path, from the user down to the disk."""

    NETWORK = "network"  # route, firewall
    LISTENER = "listener"
    SERVICE = "service"  # the unit that should listen, and its configuration
    UPSTREAM = "upstream"  # from a proxy to what it asks
    APPLICATION = "application"
    DEPENDENCY = "dependency"  # another host's service, a name
    STORAGE = "storage"


class HopState(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Hop(Value):
    """One step of the path and how it stands."""

    layer: Layer
    host: str
    subject: str  # a unit, "tcp:80", a mount, a name
    state: HopState
    statement: str  # what was seen, as a sentence
    evidence_ids: tuple[int, ...] = ()
    asks: tuple[ActionCall, ...] = ()  # what would tell, where unknown


class Walk(Value):
    """A failing probe's path as far as it is known."""

    probe: str
    hops: tuple[Hop, ...]
    units: tuple[str, ...]  # the target's units on the path, nearest to the user first

    @property
    def first_failed(self) -> Hop | None:
        return next((h for h in self.hops if h.state is HopState.FAILED), None)

    @property
    def failed(self) -> tuple[Hop, ...]:
        return tuple(h for h in self.hops if h.state is HopState.FAILED)

    @property
    def asks(self) -> tuple[ActionCall, ...]:
        """Every diagnostic that an unknown hop wants, each once."""
        wanted = [ask for hop in self.hops for ask in hop.asks]
        return tuple({ask.label(): ask for ask in wanted}.values())


class Vantage:
    """Where a walk stands: makes hops on one host, and the questions to ask there."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def ask(self, action: str, **params: str | int) -> ActionCall:
        return ActionCall(action=action, host=self.host.name, params=params)

    def hop(
        self,
        layer: Layer,
        subject: str,
        good: bool | None,
        statement: str,
        evidence: Iterable[int] = (),
        asks: Iterable[ActionCall] = (),
    ) -> Hop:
        """A hop that holds (True), fails (False) or is not known yet (None)."""
        states = {True: HopState.OK, False: HopState.FAILED, None: HopState.UNKNOWN}
        return Hop(
            layer=layer,
            host=self.host.name,
            subject=subject,
            state=states[good],
            statement=statement,
            evidence_ids=tuple(evidence),
            asks=tuple(asks),
        )
