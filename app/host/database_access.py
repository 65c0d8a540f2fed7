"""What roles of PostgreSQL may no longer do that they could while the host was healthy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from app.domain.host import asked_of
from app.domain.incident import Incident
from app.domain.probe import Probe
from app.domain.value import Value
from app.host.database_facts import DatabaseDoor, DatabaseRole, PostgresCluster, TableGrant
from app.host.databases import NAMES, cluster, clusters, servers
from app.host.network_state import text_of
from app.host.view import HostView

CHECK = "access"
"""The check that a role may do what it could while the host was healthy."""

WRITES = "writes"
"""The check that transactions of a unit's server may write, as they could."""

_MOST_GRANTS = 400
"""So many are told of one database (app/execution/gate/postgres_access.py)."""

_ABOUT = re.compile(
    r"\b(?:databases?|dbs?|sql|postgres\w*|log ?ins?|connect\w*|permission\w*|denied|access|"
    r"passwords?|credentials?|roles?|users?|privileges?|rights?|grants?|tables?|relations?|schemas?|"
    r"duplicates?|constraints?|sequences?|insert\w*|quer(?:y|ies)|transactions?)\b"
)

Said = tuple[bool, str]


class LostAccess(Value):
    """A role that may log in less than it could, or do less with a table."""

    kind: str  # role | grant | gone | door: a whole database, for everybody
    port: int
    role: str
    database: str = ""
    table: str = ""
    missing: str = ""  # privileges
    login: str = ""  # what it was, as the change wants it, also of a door; likewise the next two
    limit: int = -1
    until: str = ""
    said: str  # as a sentence without its end
    evidence_id: int

    @property
    def subject(self) -> str:
        """What its check asks about."""
        if self.kind == "gone":
            return f"{self.port} {self.role}"
        if self.kind == "door":
            return f"{self.port} * {self.database} {self.login} {self.limit}"
        if self.kind == "role":
            return f"{self.port} {self.role} {self.login} {self.limit} {self.until}"
        return f"{self.port} {self.role} {self.database} {self.table} {self.missing}"


def lost(now: HostView, then: HostView | None) -> tuple[LostAccess, ...]:
    """Everything that roles lost since the host was healthy."""
    return tuple(
        loss
        for one, current, was in clusters(now, then)
        for loss in _lost(current, was, one.evidence_id)
    )


class GainedPower(Value):
    """A role that is a superuser now and was none while the host was healthy."""

    subject: str
    said: str  # as a sentence without its end
    evidence_id: int


def gained(now: HostView, then: HostView | None) -> tuple[GainedPower, ...]:
    """Everybody who may do everything since; none where it was not told who could before."""
    return tuple(
        GainedPower(
            subject=f"{current.port} superuser {role}",
            said=f"the role {role} of PostgreSQL on port {current.port} is a superuser (SUPERUSER) "
            "and was not while the host was healthy",
            evidence_id=one.evidence_id,
        )
        for one, current, was in clusters(now, then)
        if was.superusers is not None
        for role in current.superusers or ()
        if role not in was.superusers
    )


def is_about(incident: Incident) -> bool:
    """Whether a ticket may be about what is inside a database."""
    claimed = (incident.claimed_service or "").lower()
    named = any(name in claimed for names in NAMES.values() for name in names)
    return named or _ABOUT.search(text_of(incident)) is not None


def doubted(now: HostView, then: HostView | None) -> tuple[Probe, ...]:
    """The checks of what was lost."""
    checks = [asked_of(now.host, CHECK, one.subject) for one in lost(now, then)]
    return (*checks, *(asked_of(now.host, WRITES, unit) for unit in _closed(now, then)))


def _closed(now: HostView, then: HostView | None) -> Iterable[str]:
    """Units of servers whose transactions only read since, where nobody says otherwise."""
    for _, current, was in clusters(now, then):
        if current.unit and was.writes and current.writes is False:
            yield current.unit


def _doors(now: PostgresCluster, then: PostgresCluster, ident: int) -> Iterable[LostAccess]:
    """Databases that take nobody any more, or fewer at once."""
    there = {door.name: door for door in now.doors}
    for was in then.doors:
        door = there.get(was.name)
        if door is not None and (how := _shut(door, was)):
            yield LostAccess(
                kind="door",
                port=now.port,
                role="*",
                database=was.name,
                login="yes" if was.open else "no",
                limit=was.limit,
                said=f"the database {was.name} {how}",
                evidence_id=ident,
            )


def _shut(now: DatabaseDoor, then: DatabaseDoor) -> str:
    """How a database takes less than it did; "" where it does not."""
    if then.open and not now.open:
        return "takes no connections any more (ALLOW_CONNECTIONS is false)"
    fewer = now.limit != -1 and (then.limit == -1 or now.limit < then.limit)
    most = "any number" if then.limit == -1 else str(then.limit)
    return f"takes {now.limit} connections at once (CONNECTION LIMIT), was {most}" if fewer else ""


def _lost(now: PostgresCluster, then: PostgresCluster, ident: int) -> Iterable[LostAccess]:
    yield from _doors(now, then, ident)
    roles = {role.name: role for role in now.roles}
    for role in then.roles:
        current = roles.get(role.name)
        if current is None and role.login:
            yield LostAccess(
                kind="gone",
                port=now.port,
                role=role.name,
                said=f"the role {role.name} does not exist any more (dropped, renamed or given "
                "power over others), and it could log in",
                evidence_id=ident,
            )
        elif current is not None and not role.expired and (how := _narrower(current, role)):
            yield LostAccess(
                kind="role",
                port=now.port,
                role=role.name,
                login="yes" if role.login else "no",
                limit=role.limit,
                until=role.until,
                said=f"the role {role.name} {how}",
                evidence_id=ident,
            )
    grants = {(g.database, g.table, g.role): g.privileges for g in now.grants}
    whole = len(now.grants) < _MOST_GRANTS
    for grant in then.grants if whole else ():
        missing = _missing(grant, grants.get((grant.database, grant.table, grant.role), ""))
        if missing and now.looked_into(grant.database) and grant.role in roles:
            yield LostAccess(
                kind="grant",
                port=now.port,
                role=grant.role,
                database=grant.database,
                table=grant.table,
                missing=missing,
                said=f"the role {grant.role} lost its right ({missing}) on {grant.database}'s "
                f"table {grant.table}: permission denied, it was revoked",
                evidence_id=ident,
            )


def _narrower(now: DatabaseRole, then: DatabaseRole) -> str:
    """How a role may log in less than it could; "" where it may not less."""
    if then.login and not now.login:
        return "may no longer log in (NOLOGIN)"
    if now.expired:
        return f"is past its VALID UNTIL ({now.until}): its password expired"
    fewer = now.limit != -1 and (then.limit == -1 or now.limit < then.limit)
    most = "any number" if then.limit == -1 else str(then.limit)
    return (
        f"may have {now.limit} connections at once (CONNECTION LIMIT), was {most}" if fewer else ""
    )


def _missing(then: TableGrant, now: str) -> str:
    return ",".join(sorted(set(then.privileges.split(",")) - set(now.split(","))))


def _is_allowed(view: HostView, subject: str) -> Said | None:
    """Whether a role may do what is asked about."""
    port, role, *wanted = subject.split(" ")
    one = cluster(view, int(port))
    if one is None:
        return None
    if role == "*":
        return _is_open(one, *wanted)
    if not wanted:
        return any(r.name == role for r in one.roles), f"the role {role} does not exist any more"
    if wanted[0] in ("yes", "no"):
        current = next((r for r in one.roles if r.name == role), None)
        if current is None:
            return None
        was = DatabaseRole(
            name=role, login=wanted[0] == "yes", limit=int(wanted[1]), until=wanted[2]
        )
        how = _narrower(current, was)
        return not how, f"the role {role} {how}"
    database, table, missing = wanted
    if not one.looked_into(database):
        return None
    has = next(
        (
            g.privileges
            for g in one.grants
            if (g.database, g.table, g.role) == (database, table, role)
        ),
        "",
    )
    lacks = sorted(set(missing.split(",")) - set(has.split(",")))
    return not lacks, f"the role {role} may not {', '.join(lacks)} on {database}'s table {table}"


def _is_open(one: PostgresCluster, database: str, opened: str, limit: str) -> Said | None:
    door = next((door for door in one.doors if door.name == database), None)
    if door is None:
        return None
    how = _shut(door, DatabaseDoor(name=database, open=opened == "yes", limit=int(limit)))
    return not how, f"the database {database} {how}"


def _does_write(view: HostView, unit: str) -> Said | None:
    seen = [one.server for one in servers(view) if one.server.unit == unit]
    one = next((c for c in seen if isinstance(c, PostgresCluster) and c.reachable), None)
    if one is None or one.writes is None:
        return None
    said = "every transaction is read-only by default (default_transaction_read_only)"
    return one.writes, f"{unit}: {said}, and was not while healthy"


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {
    CHECK: _is_allowed,
    WRITES: _does_write,
}
