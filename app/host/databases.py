"""What is wrong inside a host's databases, as they themselves tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from app.domain.host import Host, asked_of
from app.domain.probe import Probe
from app.domain.value import Value
from app.host.amiss import Amiss
from app.host.database_facts import (
    DatabaseIndex,
    MariadbFacts,
    MariadbServer,
    PostgresCluster,
    PostgresFacts,
    PostgresSession,
    RedisFacts,
    RedisServer,
    ReplicationSlot,
    TableWithoutVacuum,
)
from app.host.view import HostView

ACTIONS = {"postgres": "postgres.state", "mariadb": "mariadb.state", "redis": "redis.state"}
"""The diagnostic of each kind of server."""

UPKEEP = "upkeep"
"""The check that a table is vacuumed by itself, as it was while the host was healthy."""

ENDS_IDLE = frozenset({"postgres.terminate_idle", "mariadb.terminate_idle"})
"""The changes that end idle sessions of a group."""

NAMES = {
    "postgres": ("postgres",),
    "mariadb": ("mariadb", "mysql"),
    "redis": ("redis", "valkey"),
}
"""By what services, units and people's words name each kind."""

Server = PostgresCluster | MariadbServer | RedisServer

FORGOTTEN_SECONDS = 3.0
"""A transaction that holds others up and has done nothing for so long is not at work."""

_STRONG = frozenset({"AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock"})
"""Locks on a whole table that keep writers, or everybody, away from it."""

_PINNED_SHARE, _PINNED_BYTES = 0.1, 1024**3
_FULL_SHARE = 0.98

_MOST_INDEXES = 400
"""So many are told of one database (app/execution/gate/postgres.py)."""

_COMES_BACK = 4
"""A quarter of what was ended, within the time that health is watched, comes back to stay."""


class Found(Value):
    """One server of a host, and the evidence on it."""

    engine: str  # postgres | mariadb | redis
    server: Server
    evidence_id: int

    @property
    def subject(self) -> str:
        return f"{self.engine}:{self.server.port}"


def servers(view: HostView) -> tuple[Found, ...]:
    """Every server that was looked into."""
    found: list[Found] = []
    if (seen := view.facts(PostgresFacts, "postgres.state")) is not None:
        found += [_found("postgres", one, seen[1]) for one in seen[0].clusters]
    if (seen_ := view.facts(MariadbFacts, "mariadb.state")) is not None:
        found += [_found("mariadb", one, seen_[1]) for one in seen_[0].servers]
    if (told := view.facts(RedisFacts, "redis.state")) is not None:
        found += [_found("redis", one, told[1]) for one in told[0].servers]
    return tuple(found)


def server(view: HostView, subject: str) -> Found | None:
    """The server of a check's subject."""
    return next((one for one in servers(view) if one.subject == subject), None)


def troubles(view: HostView, found: Found) -> tuple[str, ...]:
    """What keeps a server from serving, as sentences; nothing where all is well."""
    one = found.server
    if isinstance(one, PostgresCluster):
        return tuple(_of_postgres(view, one))
    if isinstance(one, MariadbServer):
        return tuple(_of_mariadb(one))
    return tuple(_of_redis(one))


def losses(now: HostView, then: HostView | None) -> tuple[Amiss, ...]:
    """What is missing inside the databases, or was switched off in them, since they were healthy.

    Nothing fails by it, and everything that used it is slow, or will be.
    """
    if then is None:
        return ()
    before = {one.subject: one.server for one in servers(then)}
    tables = (
        Amiss(
            key=f"autovacuum {one.database}.{one.table}",
            text=f"autovacuum of {one.database}'s table {one.table} was switched off",
            evidence_id=found.evidence_id,
        )
        for found, one in unvacuumed(now, then)
    )
    lost = (
        loss
        for one in servers(now)
        if isinstance(one.server, PostgresCluster)
        and one.server.reachable
        and isinstance(was := before.get(one.subject), PostgresCluster)
        for loss in _lost(one.server, was, one.evidence_id)
    )
    return (*lost, *tables)


def unvacuumed(
    now: HostView, then: HostView | None
) -> tuple[tuple[Found, TableWithoutVacuum], ...]:
    """Tables for which autovacuum was switched off since the host was healthy, by server."""
    before = {} if then is None else {one.subject: one.server for one in servers(then)}
    found = []
    for one in servers(now):
        was = before.get(one.subject)
        if isinstance(one.server, PostgresCluster) and isinstance(was, PostgresCluster):
            off = {(table.database, table.table) for table in was.autovacuum_off}
            new = (t for t in one.server.autovacuum_off if (t.database, t.table) not in off)
            found += [(one, table) for table in new]
    return tuple(found)


def upkeep_of(host: Host, now: HostView, then: HostView | None) -> tuple[Probe, ...]:
    """Whether such tables are looked after again."""
    return tuple(
        asked_of(host, UPKEEP, f"{found.server.port} {table.database} {table.table}")
        for found, table in unvacuumed(now, then)
    )


def is_looked_after(view: HostView, subject: str) -> tuple[bool, str] | None:
    """Whether autovacuum looks after a table."""
    facts = view.facts(PostgresFacts, ACTIONS["postgres"])
    port, database, table = subject.split(" ")
    known = () if facts is None else facts[0].clusters
    one = next((c for c in known if c.port == int(port) and c.reachable), None)
    if one is None or database in one.not_looked_at:
        return None
    off = any((t.database, t.table) == (database, table) for t in one.autovacuum_off)
    return not off, f"autovacuum of {database}'s table {table} was switched off"


def filling_again(view: HostView, group: str, ended: int) -> tuple[Amiss, ...]:
    """Whether sessions of a group of which so many were ended come back to stay."""
    return tuple(
        Amiss(
            key=f"sessions {group}",
            text=f"{one.user} has {one.idle} idle sessions again; {ended} were ended just now",
            evidence_id=found.evidence_id,
        )
        for found in servers(view)
        if isinstance(found.server, PostgresCluster | MariadbServer)
        for one in found.server.groups
        if one.id == group and one.idle * _COMES_BACK >= ended
    )


def lost_indexes(
    now: PostgresCluster, then: PostgresCluster
) -> Iterable[tuple[DatabaseIndex, bool]]:
    """Indexes that were valid while the host was healthy, each with whether it is still there."""
    unseen = set(now.not_looked_at)
    told = Counter(index.database for index in now.indexes)
    unseen |= {name for name, many in told.items() if many >= _MOST_INDEXES}
    valid = {(i.database, i.table, i.name) for i in now.indexes if i.valid}
    there = {(i.database, i.table, i.name) for i in now.indexes}
    for index in then.indexes:
        name = (index.database, index.table, index.name)
        if index.valid and index.database not in unseen and name not in valid:
            yield index, name in there


def _lost(now: PostgresCluster, then: PostgresCluster, ident: int) -> Iterable[Amiss]:
    for index, is_there in lost_indexes(now, then):
        how = "is no longer valid" if is_there else "is gone"
        text = f"the index {index.name} of {index.database}'s table {index.table} {how}"
        key = f"index {index.database}.{index.table}.{index.name}"
        yield Amiss(key=key, text=text, evidence_id=ident)
    if then.autovacuum and now.autovacuum is False:
        text = f"autovacuum of PostgreSQL on port {now.port} was switched off"
        yield Amiss(key=f"autovacuum {now.port}", text=text, evidence_id=ident)


def forgotten(cluster: PostgresCluster) -> tuple[PostgresSession, ...]:
    """Sessions idle in a transaction that hold others up, or a whole table."""
    return tuple(
        session
        for session in cluster.sessions
        if "idle in transaction" in (session.state or "")
        and (session.state_seconds or 0) >= FORGOTTEN_SECONDS
        and (waiting_for(cluster, session.pid) or session.lock in _STRONG)
    )


def waiting_for(cluster: PostgresCluster, pid: int) -> int:
    """How many sessions wait for one."""
    return sum(pid in (session.blocked_by or ()) for session in cluster.sessions)


def pinning(view: HostView, cluster: PostgresCluster) -> tuple[ReplicationSlot, ...]:
    """Slots that nobody reads and that keep much of the volume for themselves."""
    volume = view.filesystem_of(cluster.data)
    size = volume.size_bytes if volume is not None else None
    most = min(_PINNED_BYTES, _PINNED_SHARE * size) if size else _PINNED_BYTES
    return tuple(
        slot for slot in cluster.slots if not slot.active and (slot.retained_bytes or 0) >= most
    )


def full(one: RedisServer) -> bool:
    """Whether a server may take nothing more and throws nothing away."""
    known = one.maxmemory and one.used_memory is not None
    return bool(
        known
        and one.maxmemory_policy == "noeviction"
        and (one.used_memory or 0) >= _FULL_SHARE * (one.maxmemory or 0)
    )


def _found(engine: str, one: Server, ident: int) -> Found:
    return Found(engine=engine, server=one, evidence_id=ident)


def _of_postgres(view: HostView, cluster: PostgresCluster) -> Iterable[str]:
    if not cluster.reachable:
        yield f"PostgreSQL on port {cluster.port} is {cluster.status} and lets nobody in"
    yield from _no_room(cluster.free, cluster.max_connections)
    for one in forgotten(cluster):
        held = f"{waiting_for(cluster, one.pid)} wait for it, lock {one.lock}"
        idle = f"is idle in a transaction for {one.state_seconds:.0f} s"
        yield f"session {one.pid} of {one.user} {idle}; {held}"
    for slot in pinning(view, cluster):
        kept = f"keeps {(slot.retained_bytes or 0) // 2**20} MiB of WAL"
        yield f"the replication slot {slot.name} is inactive and {kept}"


def _no_room(free: int | None, most: int | None) -> Iterable[str]:
    if free is not None and free <= 0:
        yield f"no connection is left: all of max_connections {most} are used"


def _of_mariadb(one: MariadbServer) -> Iterable[str]:
    yield from _no_room(one.free, one.settings.get("max_connections"))
    if not one.reachable and "too many connections" in (one.error or "").lower():
        yield f"MariaDB lets not even its own administrator in: {one.error}"


def _of_redis(one: RedisServer) -> Iterable[str]:
    if one.rdb_last_bgsave_status == "err":
        yield f"redis on port {one.port} cannot save its snapshot to {one.dir}"
    if full(one):
        yield f"redis on port {one.port} is full: maxmemory {one.maxmemory}, noeviction"
