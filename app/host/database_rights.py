"""What keeps roles of PostgreSQL from what they own or were given.

A role that may not use a schema is told that the tables in it do not exist; whoever looks as an
administrator finds them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from app.domain.value import Value
from app.host.database_facts import BarredRole, PostgresCluster
from app.host.databases import Found, cluster, server, servers
from app.host.view import HostView

CHECK = "right"
"""The check that roles may use what they could while the host was healthy."""

_MOST = 300
"""So many are told of one database (app/execution/gate/postgres_rights.py)."""

_FOR = {
    "CONNECT": "connect to",
    "TEMPORARY": "make temporary tables in",
    "USAGE": "use",
    "EXECUTE": "run",
}

Said = tuple[bool, str]


class MissingRight(Value):
    """A right on one thing that roles lack who need it."""

    port: int
    database: str
    of: str  # database | schema | sequence | function
    name: str
    right: str
    roles: tuple[str, ...]  # those with sessions on the database, where any has: they are at work
    is_new: bool  # they had it while the host was healthy; else that is not known
    said: str  # as a sentence without its end
    evidence_id: int

    @property
    def subject(self) -> str:
        """What its check asks about."""
        roles = ",".join(self.roles)
        return f"{self.port} {self.database} {self.of} {self.name} {self.right} {roles}"

    @property
    def own_name(self) -> str:
        """Without its schema."""
        return self.name.rpartition(".")[2]


def missing(now: HostView, then: HostView | None) -> tuple[MissingRight, ...]:
    """Every right that roles lack, but those that they lacked while the host was healthy."""
    return tuple(
        right
        for one in servers(now)
        if isinstance(one.server, PostgresCluster)
        for right in _missing(one, one.server, then)
    )


def lost(now: HostView, then: HostView | None) -> tuple[MissingRight, ...]:
    """Those of them that were not missing while the host was healthy."""
    return tuple(right for right in missing(now, then) if right.is_new)


def _missing(found: Found, one: PostgresCluster, then: HostView | None) -> Iterable[MissingRight]:
    before = None if then is None else server(then, found.subject)
    was = None if before is None else before.server
    known = was if isinstance(was, PostgresCluster) and was.barred is not None else None
    usual = frozenset() if known is None else frozenset(known.barred or ())
    things: dict[tuple[str, str, str, str], list[str]] = {}
    for barred in one.barred or ():
        if barred not in usual:
            thing = (barred.database, barred.of, barred.name, barred.right)
            things.setdefault(thing, []).append(barred.role)
    for (database, of, name, right), roles in things.items():
        at_work = {g.user for g in one.groups if g.database == database}
        meant = tuple(role for role in roles if role in at_work) or tuple(roles)
        yield MissingRight(
            port=one.port,
            database=database,
            of=of,
            name=name,
            right=right,
            roles=meant,
            is_new=known is not None and _was_seen(known, database),
            said=_said(meant, of, name, right, database),
            evidence_id=found.evidence_id,
        )


def _was_seen(known: PostgresCluster, database: str) -> bool:
    """Whether all that was missing in a database was told."""
    told = sum(barred.database == database for barred in known.barred or ())
    return known.looked_into(database) and told < _MOST


def _said(roles: tuple[str, ...], of: str, name: str, right: str, database: str) -> str:
    who = "the role" if len(roles) == 1 else "the roles"
    where = "" if of == "database" else f" of {database}"
    hidden = ": to it the tables in there do not exist" if of == "schema" else ""
    return (
        f"{who} {', '.join(roles)} may not {_FOR[right]} the {of} {name}{where} ({right}){hidden}"
    )


def _may(view: HostView, subject: str) -> Said | None:
    """Whether roles have the right that is asked about."""
    port, database, of, name, right, roles = subject.split(" ")
    one = cluster(view, int(port))
    if one is None or one.barred is None or not one.looked_into(database):
        return None
    lacking = tuple(
        role
        for role in roles.split(",")
        if BarredRole(database=database, of=of, name=name, right=right, role=role) in one.barred
    )
    return not lacking, _said(lacking or tuple(roles.split(",")), of, name, right, database)


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {CHECK: _may}
