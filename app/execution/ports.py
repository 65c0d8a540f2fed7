"""The hands: what the engine may ask of hosts. Real hosts by SSH and simulated ones alike.

Neither side raises for what a host does; a failure is a value with `ok=False` or a receipt that
says `unreachable`. Both are held to one contract test (tests/integration/execution).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from app.domain.action import ActionCall
from app.domain.evidence import Observation
from app.domain.host import Host
from app.domain.probe import Probe, ProbeResult
from app.domain.value import Value
from app.errors import HostUnreachable


class ReceiptState(StrEnum):
    """What the host knows of an intent."""

    NONE = "none"  # never arrived: nothing ran
    RUNNING = "running"
    ENDED = "ended"  # see exit_code and output
    LOST = "lost"  # started, but the host went down before it ended: undecidable from here
    REFUSED = "refused"  # the gate said no (type, unit, fence, precondition): nothing ran
    UNREACHABLE = "unreachable"  # the host could not be asked


class Watch(StrEnum):
    """What became of a change that the host takes back where the agent is not heard."""

    NONE = ""  # it is no such change, or has not ended yet
    WAITING = "waiting"  # for `confirm`
    KEPT = "kept"
    TAKEN_BACK = "taken-back"
    LOST = "lost"  # the host went down, or its process was ended, while it waited: it stands


class Receipt(Value):
    """The host's own record of one intent. It outlives the connection and the agent."""

    intent_id: str
    state: ReceiptState
    exit_code: int | None = None
    output: str = ""  # redacted, capped
    reason: str = ""  # for refused, lost, unreachable: a sentence
    watch: Watch = Watch.NONE
    repeated: bool = False  # True: the intent had been started before; this is its first result
    argv: tuple[str, ...] = ()
    seconds: float = 0.0


CONNECTION_LOST = "connection lost"  # an observation's error: the host may have done it or not


def is_cut_off(seen: Observation) -> bool:
    """Whether it was the way to the host that failed: asked again, it may be answered."""
    error = seen.error or ""
    return error == CONNECTION_LOST or error.startswith(f"{HostUnreachable.code}:")


class Hosts(Protocol):
    """Hosts of the inventory, reached for diagnostics and for changes."""

    simulated: bool

    async def observe(
        self, host: Host, calls: Sequence[ActionCall], *, deadline_seconds: float = 60.0
    ) -> tuple[Observation, ...]:
        """Run diagnostics in parallel over one connection; answers in the order of `calls`."""
        ...

    async def change(
        self,
        host: Host,
        call: ActionCall,
        *,
        intent_id: str,
        fence: int,
        undo: Sequence[ActionCall] = (),
    ) -> Receipt:
        """Run one changing entry under a receipt. The same intent never starts twice.

        `undo`: for a change that may cut the agent off; the host runs it by itself unless
        `confirm` comes in time.
        """
        ...

    async def confirm(self, host: Host, intent_id: str) -> Receipt:
        """Say over a connection made now that the agent still gets through; the receipt then."""
        ...

    async def receipt(self, host: Host, intent_id: str, *, fence: int | None = None) -> Receipt:
        """What the host knows of an intent, without starting anything.

        `fence`: of who asks. Where the intent has not come yet, it comes in vain from then on
        under an older one.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Prober(Protocol):
    """Asks what users ask, from the service's own side."""

    simulated: bool

    async def probe(self, host: Host, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        """All probes in parallel, each within its own timeout; in the order given."""
        ...
