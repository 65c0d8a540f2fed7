"""Which of the executions that wait may be worked on now, and which of those comes first.

The order is by when each is due: the moment it came in, and what its priority may wait. So the more
urgent goes first, and nobody waits for ever: an incident of priority 5 that has waited for an hour
goes before one of priority 1 that has just come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from app.audit.standing import Place
from app.domain.incident import Priority
from app.domain.value import Value

MAY_WAIT: dict[Priority, timedelta] = {
    Priority.CRITICAL: timedelta(0),
    Priority.HIGH: timedelta(minutes=2),
    Priority.MODERATE: timedelta(minutes=10),
    Priority.LOW: timedelta(minutes=30),
    Priority.PLANNING: timedelta(hours=1),
}

_FIRST = datetime(2025, 1, 1, tzinfo=UTC)  # a due moment is a number of seconds from here on


class Room(Value):
    """How many executions may be at work at a time."""

    per_host: int
    per_group: int | None = None  # None: no such limit


Groups = Callable[[str], Sequence[str]]
"""The groups of a host, by its name."""


def due(place: Place) -> int:
    """When it should be taken up at the latest, as a number that the queue orders by: seconds."""
    moment = place.received_at + MAY_WAIT[place.priority]
    return max(1, round((moment - _FIRST).total_seconds()))


def has_room(host: str, at_work: Iterable[str], room: Room, groups: Groups) -> bool:
    """Whether one more may be at work on a host, beside those on the hosts `at_work`."""
    return _Taken(at_work, room, groups).leaves_room(host)


def admitted(
    waiting: Iterable[Place], at_work: Iterable[str], room: Room, groups: Groups
) -> Iterator[Place]:
    """Those that may begin now, the first due first; each takes its place from the next."""
    taken = _Taken(at_work, room, groups)
    for place in sorted(waiting, key=lambda p: (due(p), p.execution_id)):
        if taken.leaves_room(place.host):
            taken.add(place.host)
            yield place


class _Taken:
    """The places that are taken, by host and by group."""

    def __init__(self, hosts: Iterable[str], room: Room, groups: Groups) -> None:
        self._room = room
        self._groups = groups
        self._by_host: Counter[str] = Counter()
        self._by_group: Counter[str] = Counter()
        for host in hosts:
            self.add(host)

    def add(self, host: str) -> None:
        self._by_host[host] += 1
        self._by_group.update(self._groups(host))

    def leaves_room(self, host: str) -> bool:
        if self._by_host[host] >= self._room.per_host:
            return False
        limit = self._room.per_group
        return limit is None or all(self._by_group[g] < limit for g in self._groups(host))
