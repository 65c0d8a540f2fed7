"""What is wrong inside a host's databases, as they themselves tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from app.domain.value import Value
from app.host.database_facts import (
    MariadbFacts,
    MariadbForgotten,
    MariadbLocker,
    MariadbServer,
    MariadbSession,
    PostgresCluster,
    PostgresFacts,
    PostgresSession,
    PreparedTransaction,
    RedisFacts,
    RedisServer,
    ReplicationSlot,
)
from app.host.sessions_at_work import held_up
from app.host.view import HostView

ACTIONS = {"postgres": "postgres.state", "mariadb": "mariadb.state", "redis": "redis.state"}
"""The diagnostic of each kind of server."""

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

_LOCK_OF_ALL = "the lock that keeps all tables from being written (FLUSH TABLES WITH READ LOCK)"
_LOCK_OF_TABLES = "a lock on tables (LOCK TABLES)"

_OF_NOBODY = 0
"""The process by which PostgreSQL says that what holds a lock is a prepared transaction."""

_PINNED_SHARE, _PINNED_BYTES = 0.1, 1024**3
_FULL_SHARE = 0.98


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


def both(now: HostView, then: HostView | None) -> tuple[tuple[Found, Found], ...]:
    """Every server as it is and as it was while the host was healthy."""
    before = {} if then is None else {one.subject: one for one in servers(then)}
    return tuple((one, before[one.subject]) for one in servers(now) if one.subject in before)


def clusters(
    now: HostView, then: HostView | None
) -> tuple[tuple[Found, PostgresCluster, PostgresCluster], ...]:
    """The same of PostgreSQL's that let somebody in: each as it is and as it was."""
    return tuple(
        (one, one.server, was.server)
        for one, was in both(now, then)
        if isinstance(one.server, PostgresCluster) and isinstance(was.server, PostgresCluster)
        if one.server.reachable
    )


def server(view: HostView, subject: str) -> Found | None:
    """The server of a check's subject."""
    return next((one for one in servers(view) if one.subject == subject), None)


def cluster(view: HostView, port: int) -> PostgresCluster | None:
    """The server of PostgreSQL on a port; None where it was not seen or lets nobody in."""
    facts = view.facts(PostgresFacts, ACTIONS["postgres"])
    known = () if facts is None else facts[0].clusters
    return next((one for one in known if one.port == port and one.reachable), None)


def troubles(view: HostView, found: Found) -> tuple[str, ...]:
    """What keeps a server from serving, as sentences; nothing where all is well."""
    one = found.server
    if isinstance(one, PostgresCluster):
        return tuple(_of_postgres(view, one))
    if isinstance(one, MariadbServer):
        return tuple(_of_mariadb(one))
    return tuple(_of_redis(one))


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


def slept_on(server: MariadbServer) -> tuple[MariadbForgotten, ...]:
    """Connections asleep in a transaction for which others wait."""
    return tuple(
        one
        for one in server.forgotten
        if one.seconds >= FORGOTTEN_SECONDS and waiting_for_sleeper(server, one)
    )


def waiting_for_sleeper(server: MariadbServer, one: MariadbForgotten) -> int:
    """How many connections wait for one that sleeps: for rows that it has locked, or for a table.

    Whose lock on a table it is the server does not tell: it counts where this is the only one that
    sleeps in a transaction there, and has since before they began to wait.
    """
    waiting = {wait.get("waiting") for wait in server.waits if wait.get("blocking") == one.id}
    alone = sum(other.database == one.database for other in server.forgotten) == 1
    since = one.transaction_seconds or 0
    for other in server.at_tables:
        if alone and other.waits and other.database == one.database and other.seconds < since:
            waiting.add(other.id)
    return len(waiting)


class KeptLock(Value):
    """A lock that a connection keeps while it sleeps outside of a transaction."""

    holder: MariadbLocker
    what: str
    waiting: int


def kept_locks(server: MariadbServer) -> tuple[KeptLock, ...]:
    """Locks for which others wait and that only one connection can be keeping.

    Whose lock it is the server does not tell: nobody is at work on tables, and of those who may
    take such a lock one alone sleeps since before the others began to wait.
    """
    if any(one.work for one in server.at_tables):
        return ()
    of_all = [one for one in server.at_tables if one.waits_for_all]
    found = [_kept(_LOCK_OF_ALL, of_all, [one for one in server.lockers if one.locks_all])]
    of_tables = [one for one in server.at_tables if one.waits and not one.waits_for_all]
    for database in sorted({one.database for one in of_tables if one.database}):
        if any(one.database == database for one in server.forgotten):
            continue  # a transaction keeps tables as well
        waiting = [one for one in of_tables if one.database == database]
        could = [one for one in server.lockers if one.database == database]
        found.append(_kept(_LOCK_OF_TABLES, waiting, could))
    return tuple(one for one in found if one is not None)


def _kept(
    what: str, waiting: Sequence[MariadbSession], could: Sequence[MariadbLocker]
) -> KeptLock | None:
    least = max([FORGOTTEN_SECONDS, *(one.seconds for one in waiting)])
    holders = [one for one in could if one.seconds >= least]
    if not waiting or len(holders) != 1:
        return None
    return KeptLock(holder=holders[0], what=what, waiting=len(waiting))


def in_doubt(cluster: PostgresCluster) -> tuple[tuple[PreparedTransaction, int], ...]:
    """Prepared transactions of databases in which somebody waits for one, and how many do.

    Which one of several it is PostgreSQL does not tell: it names the process 0.
    """
    waiting = Counter(
        one.database for one in cluster.sessions if _OF_NOBODY in (one.blocked_by or ())
    )
    return tuple((one, waiting[one.database]) for one in cluster.prepared if waiting[one.database])


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
    yield from (one.said for one in held_up(cluster))
    for one in forgotten(cluster):
        held = f"{waiting_for(cluster, one.pid)} wait for it, lock {one.lock}"
        idle = f"is idle in a transaction for {one.state_seconds:.0f} s"
        yield f"session {one.pid} of {one.user} {idle}; {held}"
    for transaction, waiting in in_doubt(cluster):
        since = f"is prepared since {transaction.seconds:.0f} s and not ended"
        yield f"the transaction {transaction.name} {since}; {waiting} wait for it"
    for slot in pinning(view, cluster):
        kept = f"keeps {(slot.retained_bytes or 0) // 2**20} MiB of WAL"
        yield f"the replication slot {slot.name} is inactive and {kept}"


def _no_room(free: int | None, most: int | None) -> Iterable[str]:
    if free is not None and free <= 0:
        yield f"no connection is left: all of max_connections {most} are used"


def _of_mariadb(one: MariadbServer) -> Iterable[str]:
    yield from _no_room(one.free, one.settings.get("max_connections"))
    yield from (session.said for session in held_up(one))
    for sleeper in slept_on(one):
        asleep = f"sleeps in a transaction for {sleeper.seconds:.0f} s"
        waiting = waiting_for_sleeper(one, sleeper)
        yield f"connection {sleeper.id} of {sleeper.user} {asleep}; {waiting} wait for it"
    for lock in kept_locks(one):
        one_of = f"connection {lock.holder.id} of {lock.holder.user}"
        kept = f"sleeps for {lock.holder.seconds:.0f} s and keeps {lock.what}"
        yield f"{one_of} {kept}; {lock.waiting} wait for it"
    if not one.reachable and "too many connections" in (one.error or "").lower():
        yield f"MariaDB lets not even its own administrator in: {one.error}"
    told = one.replication or {}
    for name in (n for n in told if n.endswith("_running")):
        number = told.get(f"last_{name.split('_')[1]}_errno", "0")
        if told[name] == "No" or (told[name] != "Yes" and number != "0"):
            how = f"{name} is {told[name]} (error {number})"
            yield f"MariaDB on port {one.port} takes nothing over from its source: {how}"


def _of_redis(one: RedisServer) -> Iterable[str]:
    if one.rdb_last_bgsave_status == "err":
        yield f"redis on port {one.port} cannot save its snapshot to {one.dir}"
    if full(one):
        yield f"redis on port {one.port} is full: maxmemory {one.maxmemory}, noeviction"
    if one.role == "slave" and one.master_link_status == "down":
        what = f"the replica redis on port {one.port} takes nothing over"
        yield f"{what}: its link to the master is down"
