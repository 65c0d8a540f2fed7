"""What is not as it was inside the databases of a host, as subjects: one for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.host import (
    database_access,
    database_crowds,
    database_defaults,
    database_rights,
    database_sequences,
    database_shapes,
    database_tables,
    mariadb_access,
)
from app.host.database_access import LostAccess
from app.host.database_crowds import Crowd
from app.host.database_defaults import ChangedDefault
from app.host.database_facts import MariadbServer, RedisServer
from app.host.database_rights import MissingRight
from app.host.database_sequences import LateSequence
from app.host.database_settings import ChangedSetting
from app.host.database_shapes import ReshapedTable
from app.host.database_tables import LostTable, is_named_in
from app.host.databases import cluster, server
from app.host.drift import Change
from app.host.mariadb_access import LostLogin
from app.host.redis_writes import refusals
from app.host.view import HostView
from app.reasoning.database_files import edits, files_of, names_of, unread
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.written import comments_of, settings_of

Amiss = (
    LostAccess
    | ChangedDefault
    | LostLogin
    | MissingRight
    | ChangedSetting
    | LostTable
    | LateSequence
    | ReshapedTable
    | Crowd
)

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
_REFUSES = "error|exception|violates|refused|cannot|context"
_PART = re.compile(r"(?:column|constraint|trigger|rule) (\S+)(?:.* FUNCTION (?:\w+\.)?(\w+))?")
"""A part of a table by its name, and by that of the function that it runs."""

_DENIES = re.compile(
    r"permission denied|authentication failed|not permitted to log in|too many connections for"
    r"|not (?:currently )?accepting connections"
    r"|access denied|command denied|has exceeded the|account is locked|max_user_connections"
    r"|is not allowed to connect|does not exist",
    re.IGNORECASE,
)


def inside_subjects(case: HostCase) -> Iterable[Subject]:
    """Everything that is not as it was in there, where somebody suffers."""
    if not case.case.red:
        return
    for kind, one, own in (
        *_access(case), *_rights(case), *_defaults(case), *_logins(case), *_parameters(case),
        *_losses(case), *_sequences(case), *_shapes(case), *_crowds(case),
    ):  # fmt: skip
        facts, sources = case.common()
        checked = any(p.probe.subject == one.subject for p in case.red)
        change = own.pop("change", None)
        facts[kind] = one.model_dump(mode="json") | own | {"is_checked": checked}
        if change is not None and case.drift is not None:
            facts["change"], sources["change"] = change, case.drift[1]
        yield Subject(
            kind=kind,
            host=case.host.name,
            name=one.subject,
            facts=facts,
            sources=sources | {kind: one.evidence_id},
            nearness=0,
        )


Told = Iterable[tuple[str, Amiss, dict[str, Any]]]
"""The kind of a subject, what it is about, and what more conditions may read of it."""


def _access(case: HostCase) -> Told:
    for one in database_access.lost(case.view, case.then):
        names = (one.database,) if one.kind == "door" else (one.role, one.table)
        yield "access", one, {"complaint": _denial(case, *names)}


def _rights(case: HostCase) -> Told:
    for one in database_rights.missing(case.view, case.then):
        own = {
            "complaint": _complaint(case, _refused_by(case, one)),
            "given": [{"role": role} for role in one.roles],
        }
        yield "right", one, own


def _refused_by(case: HostCase, one: MissingRight) -> str:
    """What PostgreSQL says to a role that lacks a right: of a schema, that its tables are not."""
    name = re.escape(one.own_name)
    if one.of == "database":
        telling = {"CONNECT": "permission denied for", "TEMPORARY": "temporary tables in"}
        return rf"{telling[one.right]} database \W?{name}\b"
    denied = rf"permission denied for (?:\w+ )?(?:schema|sequence|function|procedure) \W?{name}\b"
    found = cluster(case.view, one.port)
    inside = () if found is None or one.of != "schema" else found.tables
    tables = "|".join(
        re.escape(table.table.partition(".")[2])
        for table in inside
        if table.database == one.database and table.table.partition(".")[0] == one.name
    )
    return rf"{denied}|relation \W?(?:{tables})\W? does not exist" if tables else denied


def _crowds(case: HostCase) -> Told:
    changed = [o for o in database_access.lost(case.view, case.then) if o.kind in ("role", "door")]
    for one in database_crowds.crowds(case.view):
        telling = rf"too many connections for {one.of} \W?{re.escape(one.name)}\b"
        idle = f"{one.holder} holds {one.idle} that do nothing, the longest for"
        own = {
            "complaint": _complaint(case, telling),
            "holders": f"{idle} {one.idle_seconds:.0f} s" if one.idle else "",
            "lowered": any(one.name in (lost.role, lost.database) for lost in changed),
        }
        yield "crowd", one, own


def _defaults(case: HostCase) -> Told:
    for one in database_defaults.changed(case.view, case.then):
        words = [text for part, text in _OTHERWISE.items() if part in one.name]
        said = _complaint(case, "|".join(words)) if words else ""
        yield "default", one, {"complaint": said}


def _logins(case: HostCase) -> Told:
    for one in mariadb_access.lost(case.view, case.then):
        yield "login", one, {"complaint": _denial(case, one.user)}


def _parameters(case: HostCase) -> Told:
    for file, settings in edits(case):
        told = {one.name: _told_of(case, one) for one in settings}
        one = max(settings, key=lambda s: (told[s.name][0] != "", told[s.name][1] != ""))
        explains, complaint = told[one.name]
        own = {
            "said": "; ".join(setting.said for setting in settings),
            "number": _number(one),
            "complaint": complaint,
            "explains": explains,
            "in_a_file": bool(files_of(case, one.engine)),
            "file": "" if file is None else file.path,
            "comments": "" if file is None else _comments(case, file),
            "change": None if file is None else file.model_dump(mode="json"),
            "numbers": [
                {"name": s.name, "was": n} for s in settings if (n := _number(s)) is not None
            ],
            "words": [{"name": s.name, "was": s.was} for s in settings if s.is_word],
            **unread(case, one.engine),
            **_read_at_the_start(case, one, file),
        }
        yield "parameter", one, own


def _read_at_the_start(case: HostCase, one: ChangedSetting, file: Change | None) -> dict[str, Any]:
    """What a file sets beside what is told of the running server, and the unit that reads it."""
    found = server(case.view, f"{one.engine}:{one.port}")
    if file is None or found is None or not isinstance(found.server, MariadbServer | RedisServer):
        return {"says_more": "", "unit": ""}
    told = {
        n for own in (found.server.settings, found.server.words) for s in own for n in names_of(s)
    }
    said = settings_of(case, file, switches=isinstance(found.server, MariadbServer))
    more = ", ".join(name for name in said if name not in told)
    return {"says_more": more, "unit": found.server.unit or ""}


def _told_of(case: HostCase, one: ChangedSetting) -> tuple[str, str]:
    """What a server refuses because of a setting, and the last line of a log that tells of it."""
    found = server(case.view, f"{one.engine}:{one.port}")
    refused = refusals(found.server) if found and isinstance(found.server, RedisServer) else ()
    explains = "; ".join(refusal.said for refusal in refused if one.name in refusal.settings)
    words = [re.escape(one.name), _TOLD_OTHERWISE.get(one.name, "")]
    return explains, _complaint(case, "|".join(word for word in words if word))


def _number(one: ChangedSetting) -> int | None:
    """What a setting was, where that is a number."""
    return int(one.was) if one.was.isdigit() and not one.is_word else None


def _comments(case: HostCase, change: Change) -> str:
    said = comments_of(case, change)
    return "" if said is None else said[0]


def _losses(case: HostCase) -> Told:
    for one in database_tables.lost(case.view, case.then):
        missing = rf"{re.escape(one.own_name)}\W.{{0,20}}(?:does not exist|doesn't exist)"
        own = {
            "complaint": _complaint(case, missing) if one.is_gone else "",
            "is_missed": any(p.status == _ANSWERED and not p.late for p in case.case.red),
            "is_named": is_named_in(case.case.incident, one.own_name),
        }
        yield "loss", one, own


def _shapes(case: HostCase) -> Told:
    for one in database_shapes.reshaped(case.view, case.then):
        found = (_PART.match(part) for part in (*one.gained, *one.lost))
        names = {name for match in found if match for name in match.groups() if name}
        named = "|".join(map(re.escape, sorted(names)))
        own = {
            "said": one.said,
            "refuses": one.refuses,
            "complaint": _complaint(case, rf"(?=.*(?:{_REFUSES}))(?=.*\b(?:{named})\b)")
            if named
            else "",
            "is_named": is_named_in(case.case.incident, one.own_name),
        }
        yield "shape", one, own


def _sequences(case: HostCase) -> Told:
    for one in database_sequences.late(case.view, case.then):
        own = one.behind.model_dump(mode="json") | {"name": one.behind.sequence}
        yield "sequence", one, own | {"complaint": _complaint(case, _DUPLICATE)}


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
