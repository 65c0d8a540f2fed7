"""Databases as subjects: each server that was looked into, and sessions that hold others up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.domain.host import Host
from app.host import (
    database_access,
    database_defaults,
    database_sequences,
    database_settings,
    database_tables,
    mariadb_access,
)
from app.host.database_facts import MariadbServer, PostgresCluster, PostgresSession, RedisServer
from app.host.database_losses import INDEX, UPKEEP, lost_indexes, unvacuumed
from app.host.databases import (
    ACTIONS,
    NAMES,
    Found,
    forgotten,
    full,
    pinning,
    server,
    servers,
    troubles,
    waiting_for,
)
from app.host.view import HostView
from app.reasoning.host_case import HostCase
from app.reasoning.port import Case
from app.reasoning.subjects import Subject

_OTHERWISE = {
    "search_path": r"(?:relation|function|type|table|schema) \S+.{0,80} does not exist",
    "read_only": r"read-only transaction",
    "timeout": r"due to .{0,40}timeout",
    "work_mem": r"temporary file|out of memory",
    "encoding": r"invalid byte sequence|has no equivalent in encoding",
}
"""What logs say where a default is not what a program takes for granted, by words of its name."""

_TOLD_OTHERWISE = {
    "max_allowed_packet": r"packet for query is too large|packet bigger than|gone away",
    "lock_wait_timeout": r"lock wait timeout exceeded",
    "max_connect_errors": r"is blocked because of many connection errors",
    "max_prepared_stmt_count": r"can't create more than max_prepared_stmt_count",
    "maxclients": r"max number of clients reached",
    "min-replicas-to-write": r"not enough good replicas",
    "statement_timeout": r"due to statement timeout",
    "idle_in_transaction_session_timeout": r"due to idle-in-transaction timeout",
    "default_transaction_read_only": r"read-only transaction",
}
"""What logs say of a setting without its name."""

_ANSWERED = 200
_DUPLICATE = "duplicate key value"

_DENIES = re.compile(
    r"permission denied|authentication failed|not permitted to log in|too many connections for role"
    r"|access denied|command denied|has exceeded the|account is locked|max_user_connections"
    r"|is not allowed to connect|does not exist",
    re.IGNORECASE,
)


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
        if not troubles(case.view, found):
            continue
        yield _database(case, found)
        if isinstance(found.server, PostgresCluster):
            for session in forgotten(found.server):
                yield _session(case, found, found.server, session)


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


def access_subjects(case: HostCase) -> Iterable[Subject]:
    """What roles may no longer do, where somebody suffers."""
    if not case.case.red:
        return
    for one in database_access.lost(case.view, case.then):
        facts, sources = case.common()
        facts["access"] = one.model_dump(mode="json") | {
            "complaint": _denial(case, one.role, one.table),
            "is_checked": any(p.probe.subject == one.subject for p in case.red),
        }
        yield _subject(case, "access", one.subject, facts, sources, one.evidence_id)


def default_subjects(case: HostCase) -> Iterable[Subject]:
    """What sessions begin with that they did not, where somebody suffers."""
    if not case.case.red:
        return
    for one in database_defaults.changed(case.view, case.then):
        facts, sources = case.common()
        words = [text for part, text in _OTHERWISE.items() if part in one.name]
        facts["default"] = one.model_dump(mode="json") | {
            "complaint": _complaint(case, "|".join(words)) if words else "",
            "is_checked": any(p.probe.subject == one.subject for p in case.red),
        }
        yield _subject(case, "default", one.subject, facts, sources, one.evidence_id)


def login_subjects(case: HostCase) -> Iterable[Subject]:
    """What accounts of MariaDB may no longer do, where somebody suffers."""
    if not case.case.red:
        return
    for one in mariadb_access.lost(case.view, case.then):
        facts, sources = case.common()
        facts["login"] = one.model_dump(mode="json") | {
            "complaint": _denial(case, one.user),
            "is_checked": any(p.probe.subject == one.subject for p in case.red),
        }
        yield _subject(case, "login", one.subject, facts, sources, one.evidence_id)


def parameter_subjects(case: HostCase) -> Iterable[Subject]:
    """Settings of servers that are not as they were, where somebody suffers."""
    if not case.case.red:
        return
    changed = [c.path for c in (case.drift or ((), 0))[0]]
    for one in database_settings.changed(case.view, case.then):
        facts, sources = case.common()
        words = [re.escape(one.name), _TOLD_OTHERWISE.get(one.name, "")]
        facts["parameter"] = one.model_dump(mode="json") | {
            "number": int(one.was) if one.was.isdigit() else None,
            "complaint": _complaint(case, "|".join(word for word in words if word)),
            "is_checked": any(p.probe.subject == one.subject for p in case.case.red),
            "in_a_file": any(name in path for path in changed for name in NAMES[one.engine]),
        }
        yield _subject(case, "parameter", one.subject, facts, sources, one.evidence_id)


def loss_subjects(case: HostCase) -> Iterable[Subject]:
    """Tables that are gone or were emptied, where somebody suffers."""
    if not case.case.red:
        return
    for one in database_tables.lost(case.view, case.then):
        facts, sources = case.common()
        missing = rf"{re.escape(one.own_name)}\W.{{0,20}}(?:does not exist|doesn't exist)"
        facts["loss"] = one.model_dump(mode="json") | {
            "complaint": _complaint(case, missing) if one.is_gone else "",
            "is_missed": any(p.status == _ANSWERED and not p.late for p in case.case.red),
            "is_named": one.is_named_in(case.case.incident),
        }
        yield _subject(case, "loss", one.subject, facts, sources, one.evidence_id)


def sequence_subjects(case: HostCase) -> Iterable[Subject]:
    """Sequences that are behind their table, where somebody suffers."""
    if not case.case.red:
        return
    for one in database_sequences.late(case.view, case.then):
        facts, sources = case.common()
        facts["sequence"] = one.behind.model_dump(mode="json") | {
            "port": one.port,
            "name": one.behind.sequence,
            "said": one.said,
            "complaint": _complaint(case, _DUPLICATE),
            "is_checked": any(p.probe.subject == one.subject for p in case.red),
        }
        yield _subject(case, "sequence", one.subject, facts, sources, one.evidence_id)


def _denial(case: HostCase, *names: str) -> str:
    """The last line of a service's log that tells of a refusal to one who is so called."""
    named = "|".join(re.escape(name.rpartition(".")[2]) for name in names if name)
    return _complaint(case, f"(?=.*(?:{_DENIES.pattern}))(?=.*(?:{named}))")


def _complaint(case: HostCase, telling: str) -> str:
    """The last line of a service's log in which this is found, on any host that was looked at."""
    found = ""
    for host in case.case.hosts:
        view = case.view if host.name == case.host.name else HostView(host, case.case.evidence)
        for unit in view.units:
            log = view.log(unit)
            for line in () if log is None else log[0].lines:
                if re.search(telling, line.example, re.IGNORECASE):
                    found = line.example[:200]
    return found


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
        facts["database"]["full"] = full(one)
    return _subject(case, "database", found.subject, facts, sources, found.evidence_id)


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


def _session(
    case: HostCase, found: Found, cluster: PostgresCluster, session: PostgresSession
) -> Subject:
    facts, sources = case.common()
    facts["session"] = session.model_dump(mode="json") | {
        "port": cluster.port,
        "waiting": waiting_for(cluster, session.pid),
        "application": session.application or "a program without a name",
        "address": session.address or "this host",
    }
    name = f"{found.subject}/{session.pid}"
    return _subject(case, "session", name, facts, sources, found.evidence_id)


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
