"""What happens on an estate beside the fault, and is none of it.

It has three moments, so that it can be told from the fault and from the agent's deeds:
`standing` has long been there (before the agent's baseline), `earlier` comes after the baseline
and before S0, `meanwhile` comes with the fault, before S1. All of it is in the snapshots that
the judge compares with, so none of it is ever collateral damage; what the agent does to it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from app.lab.scenario import Scripts, Ticket


@dataclass(frozen=True)
class Aside:
    """A further ticket, about another host. What its execution says is not judged."""

    host: str
    ticket: Ticket
    number: str


@dataclass(frozen=True)
class Note:
    """One thing that was put somewhere, for whoever reads the traces."""

    host: str  # '' for the ticket itself
    place: str
    text: str


@dataclass(frozen=True)
class Disturbance:
    """Scripts by moment and host, a further ticket, and what they amount to."""

    standing: Scripts = field(default_factory=dict)
    earlier: Scripts = field(default_factory=dict)
    meanwhile: Scripts = field(default_factory=dict)
    aside: Aside | None = None
    ends_by_itself: frozenset[str] = frozenset()  # keys of snapshots that do not last
    seconds: float = 0.0  # how long those last at the least
    notes: tuple[Note, ...] = ()

    def __add__(self, other: Disturbance) -> Disturbance:
        return Disturbance(
            _joined(self.standing, other.standing),
            _joined(self.earlier, other.earlier),
            _joined(self.meanwhile, other.meanwhile),
            self.aside or other.aside,
            self.ends_by_itself | other.ends_by_itself,
            max(self.seconds, other.seconds),
            self.notes + other.notes,
        )

    def fingerprint(self) -> str:
        """Changes with anything in it."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


CALM = Disturbance()


def _joined(first: Scripts, second: Scripts) -> Scripts:
    hosts = dict.fromkeys((*first, *second))
    return {host: first.get(host, "") + second.get(host, "") for host in hosts}
