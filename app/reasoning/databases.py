"""Databases as subjects: each server that was looked into, and sessions that hold others up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.domain.host import Host
from app.host.database_facts import (
    MariadbForgotten,
    MariadbLocker,
    MariadbServer,
    PostgresCluster,
    PostgresSession,
    PreparedTransaction,
    RedisServer,
)
from app.host.database_losses import INDEX, UPKEEP, lost_indexes, unvacuumed
from app.host.databases import (
    ACTIONS,
    NAMES,
    Found,
    KeptLock,
    forgotten,
    full,
    in_doubt,
    kept_locks,
    pinning,
    server,
    servers,
    slept_on,
    troubles,
    waiting_for,
    waiting_for_sleeper,
)
from app.host.redis_writes import lacks_replicas, refusals, replicas_of
from app.reasoning.database_files import files_of, unread
from app.reasoning.host_case import HostCase
from app.reasoning.port import Case
from app.reasoning.subjects import Subject
from app.reasoning.written import comments_of, settings_of

_FOLLOWING = frozenset({"replicaof", "slaveof"})
"""By either name a redis is told in a file whom it follows."""


def database_actions(case: Case, host: Host) -> Iterable[str]:
    """The looks into databases that are worth it on a host: what it runs, ran or is blamed for."""
    baseline = case.baseline_of(host.name)
    known = [*host.services]
    if baseline is not None:
        known += baseline.view(host).units
    if host.name == case.host.name:
        known.append(case.incident.claimed_service or "")
    for engine, names in NAMES.items():
        if any(name in one.lower() for one in known for name in names):
            yield ACTIONS[engine]


def database_subjects(case: HostCase) -> Iterable[Subject]:
    """Servers with a trouble, and the sessions that are at its root."""
    for found in servers(case.view):
        if not (troubles(case.view, found) or _takes_no_writes(case, found)):
            continue
        yield _database(case, found)
        if isinstance(found.server, PostgresCluster):
            for session in forgotten(found.server):
                yield _session(case, found, _of_postgres(found.server, session))
            for transaction, waiting in in_doubt(found.server):
                yield _session(case, found, _prepared(transaction, waiting))
        if isinstance(found.server, MariadbServer):
            for sleeper in slept_on(found.server):
                yield _session(case, found, _of_mariadb(found.server, sleeper))
            for lock in kept_locks(found.server):
                yield _session(case, found, _keeping(lock))


def table_subjects(case: HostCase) -> Iterable[Subject]:
    """Tables for which autovacuum was switched off, where that is asked about."""
    if not any(p.probe.check == UPKEEP for p in case.red):
        return
    for found, table in unvacuumed(case.view, case.then):
        facts, sources = case.common()
        facts["table"] = table.model_dump(mode="json") | {
            "name": table.table,
            "port": found.server.port,
        }
        name = f"{found.subject}/{table.database}.{table.table}"
        yield _subject(case, "table", name, facts, sources, found.evidence_id)


def index_subjects(case: HostCase) -> Iterable[Subject]:
    """Indexes that are gone since the host was healthy, where that is asked about or users wait."""
    waiting = any(p.late or p.error == "timeout" for p in case.case.red)
    if case.then is None or not (waiting or any(p.probe.check == INDEX for p in case.red)):
        return
    for found in servers(case.view):
        before = server(case.then, found.subject)
        if not isinstance(found.server, PostgresCluster) or before is None:
            continue
        if not isinstance(before.server, PostgresCluster) or not found.server.reachable:
            continue
        for index, is_there in lost_indexes(found.server, before.server):
            facts, sources = case.common()
            schema = index.table.partition(".")[0]
            facts["index"] = index.model_dump(mode="json", exclude={"columns"}) | {
                "port": found.server.port,
                "place": f"{schema}.{index.name}",
                "is_there": is_there,
                "columns": None if index.columns is None else ",".join(index.columns),
                "is_unique": "yes" if index.unique else "no",
            }
            name = f"{found.subject}/{index.database}.{index.table}.{index.name}"
            yield _subject(case, "index", name, facts, sources, found.evidence_id)


def _database(case: HostCase, found: Found) -> Subject:
    facts, sources = case.common()
    one = found.server
    facts["database"] = one.model_dump(mode="json") | {
        "engine": found.engine,
        "troubles": list(troubles(case.view, found)),
        **_room(one),
        **_then(case, found),
    }
    if isinstance(one, PostgresCluster):
        slots = [s.model_dump(mode="json") for s in pinning(case.view, one)]
        facts["database"]["pinning"] = slots
    if isinstance(one, RedisServer):
        facts["database"] |= _of_redis(case, found, one)
    change = facts["database"].pop("change", None)
    if change is not None and case.drift is not None:
        facts["change"], sources["change"] = change, case.drift[1]
    return _subject(case, "database", found.subject, facts, sources, found.evidence_id)


def _takes_no_writes(case: HostCase, found: Found) -> bool:
    """Whether a redis refuses what it took while healthy; a replica only may be read, for good."""
    one = found.server
    if not isinstance(one, RedisServer) or not refusals(one):
        return False
    return one.role == "master" or _role_then(case, found) == "master"


def _role_then(case: HostCase, found: Found) -> str | None:
    before = None if case.then is None else server(case.then, found.subject)
    one = None if before is None else before.server
    return one.role if isinstance(one, RedisServer) else None


def _of_redis(case: HostCase, found: Found, one: RedisServer) -> dict[str, Any]:
    before = None if case.then is None else server(case.then, found.subject)
    was = before.server if before is not None and isinstance(before.server, RedisServer) else None
    setting = "min-replicas-to-write"
    then = None if was is None else was.settings.get(setting)
    wanted = one.settings.get(setting)
    return {
        "full": full(one),
        "refuses": "; ".join(refusal.said for refusal in refusals(one)),
        "lacks_replicas": lacks_replicas(one) and then in (None, wanted),
        "replicas_there": replicas_of(one),
        "replicas_wanted": wanted,
        "replicas_wanted_then": then,
        "role_then": _role_then(case, found),
        "master_is_known": any(
            one.master_host in (h.name, h.address, *h.names) for h in case.case.hosts
        ),
        **_told_to_follow(case, one),
    }


def _told_to_follow(case: HostCase, one: RedisServer) -> dict[str, Any]:
    """The changed file by which a replica follows another, and what its writer says in it."""
    told: dict[str, Any] = {"file": "", "comments": "", **unread(case, "redis")}
    for change in files_of(case, "redis") if one.role == "slave" else ():
        if not _FOLLOWING.isdisjoint(settings_of(case, change)):
            said = comments_of(case, change)
            told |= {"file": change.path, "comments": "" if said is None else said[0]}
            told["change"] = change.model_dump(mode="json")
    return told


def _room(one: object) -> dict[str, Any]:
    if isinstance(one, PostgresCluster):
        return {"free": one.free, "limit": one.max_connections}
    if isinstance(one, MariadbServer):
        return {"free": one.free, "limit": one.settings.get("max_connections")}
    return {}


def _then(case: HostCase, found: Found) -> dict[str, Any]:
    """What it was like while the host was healthy."""
    known = None if case.then is None else server(case.then, found.subject)
    if known is None:
        return {}
    told: dict[str, Any] = {"limit_then": _room(known.server).get("limit")}
    if isinstance(known.server, RedisServer) and known.server.folder is not None:
        told["folder_then"] = known.server.folder.model_dump(mode="json")
    return told


def _session(case: HostCase, found: Found, session: dict[str, Any]) -> Subject:
    facts, sources = case.common()
    facts["session"] = session | {"engine": found.engine, "port": found.server.port}
    name = f"{found.subject}/{session['pid'] or session['prepared']}"
    return _subject(case, "session", name, facts, sources, found.evidence_id)


def _of_postgres(cluster: PostgresCluster, session: PostgresSession) -> dict[str, Any]:
    return session.model_dump(mode="json") | {
        "waiting": waiting_for(cluster, session.pid),
        "application": session.application or "a program without a name",
        "address": session.address or "this host",
    }


def _prepared(transaction: PreparedTransaction, waiting: int) -> dict[str, Any]:
    """No process runs it any more: it is told by its name."""
    return transaction.model_dump(mode="json", exclude={"name"}) | {
        "pid": 0,
        "prepared": transaction.name,
        "waiting": waiting,
    }


def _of_mariadb(one: MariadbServer, sleeper: MariadbForgotten) -> dict[str, Any]:
    return _asleep(sleeper) | {
        "state": "idle in transaction",
        "transaction_seconds": sleeper.transaction_seconds,
        "lock": f"locks on {sleeper.rows_locked or 0} rows",
        "waiting": waiting_for_sleeper(one, sleeper),
    }


def _keeping(lock: KeptLock) -> dict[str, Any]:
    return _asleep(lock.holder) | {
        "state": "idle and may hold a lock",
        "lock": lock.what,
        "waiting": lock.waiting,
    }


def _asleep(one: MariadbForgotten | MariadbLocker) -> dict[str, Any]:
    """A connection of MariaDB as a session of PostgreSQL is told."""
    return {
        "pid": one.id,
        "started": one.started,
        "user": one.user or "",
        "database": one.database or "",
        "application": "a connection, which MariaDB gives no name",
        "address": one.address or "this host",
        "kind": "client backend",
        "state_seconds": one.seconds,
        "superuser": one.user == "root",
        "backup": False,
        "work": "",
    }


def _subject(
    case: HostCase,
    kind: str,
    name: str,
    facts: dict[str, Any],
    sources: dict[str, int],
    ident: int,
) -> Subject:
    return Subject(
        kind=kind,
        host=case.host.name,
        name=name,
        facts=facts,
        sources=sources | {kind: ident},
        nearness=0,
    )
