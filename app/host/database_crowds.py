"""Roles and databases of PostgreSQL that have as many sessions as they may have.

That alone is no trouble: a pool may be as large as its role's limit. It is one where somebody is
turned away, which only a log tells.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.value import Value
from app.host.database_facts import PostgresCluster, SessionGroup
from app.host.databases import Found, servers
from app.host.view import HostView


class Crowd(Value):
    """A role or a database all of whose sessions are taken, and who holds most of them."""

    port: int
    of: str  # role | database
    name: str
    limit: int
    group: str = ""  # of those that do nothing, the largest; "": none has more than half of them
    holder: str = ""  # its user and program
    idle: int = 0  # how many of its sessions do nothing
    idle_seconds: float = 0.0  # of the longest
    said: str  # as a sentence without its end
    evidence_id: int

    @property
    def subject(self) -> str:
        """What it is told by."""
        return f"{self.port} {self.of} {self.name}"


def crowds(now: HostView) -> tuple[Crowd, ...]:
    """Every role and database without a session left."""
    return tuple(crowd for found in servers(now) for crowd in _crowds(found))


def _crowds(found: Found) -> Iterable[Crowd]:
    one = found.server
    if not isinstance(one, PostgresCluster) or not one.reachable:
        return
    limits = [("role", role.name, role.limit) for role in one.roles]
    limits += [("database", door.name, door.limit) for door in one.doors]
    for of, name, limit in limits:
        own = [g for g in one.groups if (g.user if of == "role" else g.database) == name]
        # a superuser counts against no limit
        taken = [group for group in own if not group.superuser]
        if limit > 0 and sum(group.sessions for group in taken) >= limit:
            yield _crowd(found, of, name, limit, taken)


def _crowd(found: Found, of: str, name: str, limit: int, taken: list[SessionGroup]) -> Crowd:
    idlest = max((g for g in taken if not g.backup), key=lambda g: g.idle, default=None)
    said = f"all {limit} sessions that the {of} {name} may have (CONNECTION LIMIT) are taken"
    shape = {"port": found.server.port, "of": of, "name": name, "limit": limit, "said": said}
    if idlest is not None and idlest.idle * 2 > limit:
        shape |= {
            "group": idlest.id,
            "holder": f"{idlest.user} ({idlest.application or 'a program without a name'})",
            "idle": idlest.idle,
            "idle_seconds": idlest.idle_seconds,
        }
    return Crowd(**shape, evidence_id=found.evidence_id)
