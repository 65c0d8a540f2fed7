"""MariaDB and MySQL from the inside: who holds the connections, which settings were changed.

Asked as root through the socket, as packages set it up; no file with a password is read, no text
of a query either.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from typing import Any, NamedTuple

from .answers import Params, answer, command_of, process_ids, read_program, text_at, unit_of
from .places import Places
from .refusal import Failed

PROGRAMS = ("mariadbd", "mysqld")
CLIENTS = ("/usr/bin/mariadb", "/usr/bin/mysql", "/usr/local/bin/mariadb", "/usr/local/bin/mysql")
_MOST = 4
_TRIES, _PAUSE = 8, 0.25
_LISTENING = "00010000"  # __SO_ACCEPTCON among the flags of /proc/net/unix
_VARIABLES = ("max_connections", "max_user_connections", "wait_timeout", "interactive_timeout",
              "innodb_lock_wait_timeout", "read_only", "max_connect_errors")  # fmt: skip
_STATUS = ("Threads_connected", "Threads_running", "Max_used_connections",
           "Connection_errors_max_connections", "Aborted_connects", "Uptime")  # fmt: skip
_REPLICATION = ("Slave_IO_Running", "Slave_SQL_Running", "Replica_IO_Running",
                "Replica_SQL_Running", "Seconds_Behind_Master", "Seconds_Behind_Source",
                "Last_IO_Errno", "Last_SQL_Errno")  # fmt: skip


class Server(NamedTuple):
    """One running server."""

    unit: str | None
    socket: str
    port: int


def mariadb_state(_: Params, __: Places) -> int:
    """MariadbFacts: every server that runs here."""
    return answer({"servers": [_told(server) for server in _servers()]})


def mariadb_variable(params: Params, _: Places) -> int:
    """MariadbVariableFacts: a global setting as it is now."""
    name = str(params["name"])
    value = _one(_at_port(int(params["port"])), f"SELECT @@GLOBAL.{name}")
    return answer({"name": name, "value": int(value)})


def mariadb_set_global(params: Params, _: Places) -> int:
    """Set one listed setting of the running server; its files stay as they are."""
    server, name, value = _at_port(int(params["port"])), str(params["name"]), int(params["value"])
    if name not in _VARIABLES:
        raise Failed(f"{name} is none of the settings that are set here")
    _ask(server, f"SET GLOBAL {name} = {value}")
    return answer({"name": name, "value": int(_one(server, f"SELECT @@GLOBAL.{name}"))})


def mariadb_terminate_idle(params: Params, _: Places) -> int:
    """End connections of one group that have slept for the longest."""
    server = _at_port(int(params["port"]))
    asleep = [
        one
        for one in _sessions(server)
        if one["group"] == params["group"]
        and one["command"] == "Sleep"
        and one["seconds"] >= int(params["idle_seconds"])
    ]
    asleep.sort(key=lambda one: -one["seconds"])
    chosen = asleep[: int(params["count"])]
    if not chosen:
        raise Failed("no connection of that group sleeps for so long any more")
    for one in chosen:
        _ask(server, f"KILL CONNECTION {int(one['id'])}", forced=True)
    return answer({"ended": len(chosen)})


def _servers() -> list[Server]:
    found = []
    for pid in process_ids():
        if command_of(pid) in PROGRAMS and (path := _socket_of(pid)):
            server = Server(unit_of(pid), path, 0)
            found.append(server._replace(port=_port(server)))
    return sorted(found, key=lambda server: server.port)[:_MOST]


def _socket_of(pid: str) -> str:
    """The path of the socket that a process listens on; "" where it has none."""
    held = set()
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            held.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    except OSError:
        return ""  # it ended while it was looked at
    paths = []
    for line in text_at("/proc/net/unix", 4 * 1024 * 1024).splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[3] == _LISTENING and f"socket:[{words[6]}]" in held:
            paths.append(words[7])
    named = [path for path in paths if path.startswith("/") and path.endswith(".sock")]
    return next(iter(named), "")


def _at_port(port: int) -> Server:
    for server in _servers():
        if server.port == port:
            return server
    raise Failed(f"no MariaDB or MySQL server of this host has the port {port}")


def _port(server: Server) -> int:
    """What it calls its port, also where it does not listen on it; 0 where it does not say."""
    try:
        return int(_one(server, "SELECT @@GLOBAL.port"))
    except Failed:
        return 0


def _told(server: Server) -> dict[str, Any]:
    facts: dict[str, Any] = {"port": server.port, "unit": server.unit, "socket": server.socket}
    try:
        facts |= _settings(server)
        groups = _grouped(_sessions(server))
    except Failed as error:
        return {**facts, "reachable": False, "error": str(error)[:300]}
    return {
        **facts,
        "reachable": True,
        "groups": groups,
        "changed_while_running": _changed_while_running(server),
        "waits": _waits(server),
        "replication": _replication(server),
    }


def _settings(server: Server) -> dict[str, Any]:
    variables = ", ".join(f"'{name}'" for name in (*_VARIABLES, "version"))
    listed = _rows(server, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({variables})")
    told = dict(row for row in listed if len(row) == 2)
    statuses = ", ".join(f"'{name}'" for name in _STATUS)
    counted = _rows(server, f"SHOW GLOBAL STATUS WHERE Variable_name IN ({statuses})")
    return {
        "version": told.pop("version", ""),
        "read_only": told.pop("read_only", "OFF") in ("ON", "1"),
        "settings": {name: int(value) for name, value in told.items() if value.isdigit()},
        **{row[0].lower(): int(row[1]) for row in counted if row[-1].isdigit()},
    }


def _changed_while_running(server: Server) -> list[str] | None:
    """Settings that somebody set after the start; None where the server does not keep that."""
    wanted = ", ".join(f"'{name.upper()}'" for name in _VARIABLES)
    of_mariadb = (
        "SELECT variable_name FROM information_schema.system_variables "
        f"WHERE global_value_origin = 'SQL' AND variable_name IN ({wanted})"
    )
    of_mysql = (
        "SELECT variable_name FROM performance_schema.variables_info "
        f"WHERE variable_source = 'DYNAMIC' AND upper(variable_name) IN ({wanted})"
    )
    for statement in (of_mariadb, of_mysql):
        try:
            return sorted(row[0].lower() for row in _rows(server, statement))
        except Failed:
            continue  # the other of the two keeps it elsewhere
    return None


def _sessions(server: Server) -> list[dict[str, Any]]:
    listed = _rows(
        server,
        "SELECT JSON_OBJECT('id', id, 'user', user, 'host', host, 'database', db, "
        "'command', command, 'seconds', time) FROM information_schema.processlist "
        "WHERE id <> CONNECTION_ID() ORDER BY time DESC LIMIT 1000",
    )
    return [_session(json.loads(row[0])) for row in listed]


def _session(one: dict[str, Any]) -> dict[str, Any]:
    address = re.sub(r":\d+$", "", str(one.pop("host")))
    key = json.dumps([one["user"], one["database"], address])
    group = hashlib.sha256(key.encode()).hexdigest()
    seconds = max(int(one["seconds"] or 0), 0)
    return {**one, "seconds": seconds, "address": address, "group": group}


def _grouped(sessions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for one in sessions:
        shape = {name: one[name] for name in ("user", "database", "address")}
        known = groups.setdefault(
            one["group"], {"id": one["group"], **shape, "sessions": 0, "idle": 0, "idle_seconds": 0}
        )
        known["sessions"] += one["command"] not in ("Daemon", "Binlog Dump", "Slave_IO")
        if one["command"] == "Sleep":
            known["idle"] += 1
            known["idle_seconds"] = max(known["idle_seconds"], one["seconds"])
    return sorted(groups.values(), key=lambda group: -group["sessions"])[:30]


def _waits(server: Server) -> list[dict[str, Any]]:
    """Who waits for whose row lock; empty where the server does not tell it this way."""
    statement = (
        "SELECT JSON_OBJECT('waiting', r.trx_mysql_thread_id, 'blocking', b.trx_mysql_thread_id, "
        "'seconds', TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW())) "
        "FROM information_schema.innodb_lock_waits w "
        "JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id "
        "JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id LIMIT 50"
    )
    try:
        return [json.loads(row[0]) for row in _rows(server, statement)]
    except Failed:
        return []


def _replication(server: Server) -> dict[str, str] | None:
    """How replication from another server runs; None where there is none."""
    for statement in ("SHOW SLAVE STATUS", "SHOW REPLICA STATUS"):
        try:
            lines = _ask(server, statement, vertical=True).splitlines()
        except Failed:
            continue  # the two servers have dropped one of the words each
        pairs = (line.strip().partition(": ") for line in lines)
        return {name.lower(): value for name, _, value in pairs if name in _REPLICATION} or None
    return None


# --- the client ----------------------------------------------------------------------------------


def _one(server: Server, statement: str) -> str:
    rows = _rows(server, statement)
    if not rows or not rows[0]:
        raise Failed("MariaDB answered nothing")
    return rows[0][0]


def _rows(server: Server, statement: str) -> list[list[str]]:
    return [line.split("\t") for line in _ask(server, statement).splitlines()]


def _ask(server: Server, statement: str, *, vertical: bool = False, forced: bool = False) -> str:
    """What the client prints; Failed with the server's own words."""
    client = next((path for path in CLIENTS if os.path.exists(path)), CLIENTS[0])
    argv = [client, "--no-defaults", "--protocol=socket", f"--socket={server.socket}",
            "--user=root", "--connect-timeout=3", "--batch", "--raw", "--skip-column-names",
            *(["--vertical"] if vertical else []), f"--execute={statement}"]  # fmt: skip
    if vertical:
        argv.remove("--skip-column-names")  # it would take the names of the lines away
    code, out, said = read_program(argv, 6.0)
    tries = _TRIES
    while code != 0 and "Too many connections" in said and tries > 0:
        time.sleep(_PAUSE)  # the one place kept for us is free once our last client was let go
        code, out, said = read_program(argv, 6.0)
        tries -= 1
    if code != 0 and not (forced and "Unknown thread id" in said):
        raise Failed(f"MariaDB: {said.strip().splitlines()[0][:300] if said.strip() else code}")
    return out
