"""MariaDB and MySQL from the inside: who holds the connections, which settings were changed.

No text of a query is told, only which kind of change to tables it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from .answers import Params, answer
from .mariadb_accounts import accounts
from .mariadb_client import Server, ask, at_port, rows, servers, value_of
from .mariadb_sessions import forgotten, lockers
from .mariadb_shapes import shapes
from .places import Places
from .refusal import Failed

_NAME = re.compile(r"[A-Za-z0-9_$-]{1,64}")
_MOST_TABLES, _MOST_LOOKED_INTO = 400, 60
_FEW = 20  # rows by an estimate that is off by some: it is looked whether there is one
SETTINGS = (
    "max_connections", "max_user_connections", "wait_timeout", "interactive_timeout",
    "innodb_lock_wait_timeout", "lock_wait_timeout", "max_connect_errors", "connect_timeout",
    "net_read_timeout", "net_write_timeout", "max_allowed_packet", "max_prepared_stmt_count",
    "tmp_table_size", "max_heap_table_size", "sort_buffer_size", "join_buffer_size",
    "table_open_cache", "thread_cache_size", "group_concat_max_len", "innodb_thread_concurrency",
    "innodb_io_capacity", "expire_logs_days", "binlog_expire_logs_seconds", "sql_select_limit",
    "max_join_size", "sync_binlog", "innodb_flush_log_at_trx_commit", "query_cache_size",
    "innodb_buffer_pool_size", "key_buffer_size",
)  # fmt: skip
"""Numbers that a running server takes up, and that let nobody in."""

WORDS = (
    "event_scheduler", "sql_mode", "autocommit", "sql_safe_updates", "innodb_strict_mode",
    "tx_isolation", "transaction_isolation", "time_zone", "character_set_server",
    "collation_server", "default_storage_engine", "low_priority_updates", "query_cache_type",
    "lc_time_names", "foreign_key_checks", "unique_checks", "max_statement_time",
    "delay_key_write", "concurrent_insert", "slow_query_log", "general_log",
)  # fmt: skip
"""The same, with words or switches for values."""

_VARIABLES = (*SETTINGS, *WORDS, "read_only")
_SWITCH = re.compile(r"ON|OFF|[0-9]+(?:\.[0-9]+)?")
_STATUS = ("Threads_connected", "Threads_running", "Max_used_connections",
           "Connection_errors_max_connections", "Aborted_connects", "Uptime")  # fmt: skip
_WORDS_OF_WORK = {
    "ALTER TABLE": "ALTER{}((ONLINE|IGNORE){})*TABLE",
    "CREATE INDEX": "CREATE{}((UNIQUE|FULLTEXT|SPATIAL){})*INDEX",
    "DROP INDEX": "DROP{}INDEX",
    "DROP TABLE": "DROP{}TABLE",
    "RENAME TABLE": "RENAME{}TABLE",
    "TRUNCATE": "TRUNCATE",
    "OPTIMIZE TABLE": "OPTIMIZE{}((LOCAL|NO_WRITE_TO_BINLOG){})*TABLE",
    "REPAIR TABLE": "REPAIR{}((LOCAL|NO_WRITE_TO_BINLOG){})*TABLE",
    "LOCK TABLES": "LOCK{}TABLE",
    "FLUSH TABLES": "FLUSH{}TABLE",
    "LOAD DATA": "LOAD{}DATA",
}
_BEFORE = "^([[:space:]]|/[*]([^*]|[*]+[^*/])*[*]+/)*"  # blanks and comments
_WORK = "CASE WHEN command <> 'Query' THEN '' {} ELSE '' END".format(
    " ".join(
        f"WHEN UPPER(info) REGEXP '{_BEFORE}{words.replace('{}', '[[:space:]]+')}' THEN '{work}'"
        for work, words in _WORDS_OF_WORK.items()
    )
)
"""What a connection does to tables, by the first words of what it runs: no word of it is told."""

_FOR_ALL = (
    "COALESCE(state LIKE 'Waiting for%backup lock%' OR state LIKE 'Waiting for global read lock%' "
    "OR state LIKE 'Waiting for commit lock%', 0)"
)
"""Whether it waits for a lock that keeps everything from being written."""

_WAITS = f"(COALESCE(state LIKE 'Waiting for table%lock%', 0) OR {_FOR_ALL})"
_REPLICATION = ("Slave_IO_Running", "Slave_SQL_Running", "Replica_IO_Running",
                "Replica_SQL_Running", "Seconds_Behind_Master", "Seconds_Behind_Source",
                "Last_IO_Errno", "Last_SQL_Errno")  # fmt: skip


def mariadb_state(_: Params, __: Places) -> int:
    """MariadbFacts: every server that runs here."""
    return answer({"servers": [_told(server) for server in servers()]})


def mariadb_variable(params: Params, _: Places) -> int:
    """MariadbVariableFacts: a global setting as it is now."""
    name = str(params["name"])
    value = value_of(at_port(int(params["port"])), f"SELECT @@GLOBAL.{name}")
    return answer({"name": name, "value": int(value)})


def mariadb_set_global(params: Params, _: Places) -> int:
    """Set one listed setting of the running server; its files stay as they are."""
    server, name, value = at_port(int(params["port"])), str(params["name"]), int(params["value"])
    if name not in SETTINGS:
        raise Failed(f"{name} is none of the settings that are set here")
    ask(server, f"SET GLOBAL {name} = {value}")
    return answer({"name": name, "value": int(value_of(server, f"SELECT @@GLOBAL.{name}"))})


def mariadb_word(params: Params, _: Places) -> int:
    """MariadbWordFacts: a global setting that is a word, as it is now."""
    name = _word(params)
    return answer({"name": name, "value": _value(at_port(int(params["port"])), name)})


def mariadb_set_word(params: Params, _: Places) -> int:
    """Set one listed setting of the running server to a word; its files stay as they are."""
    server, name, value = at_port(int(params["port"])), _word(params), str(params["value"])
    before = _value(server, name)
    given = value if _SWITCH.fullmatch(value) else f"'{value}'"
    ask(server, f"SET GLOBAL {name} = {given}")
    return answer({"name": name, "value": _value(server, name), "before": before})


def _word(params: Params) -> str:
    name = str(params["name"])
    if name not in WORDS:
        raise Failed(f"{name} is none of the settings that are set here")
    return name


def _value(server: Server, name: str) -> str:
    listed = rows(server, f"SHOW GLOBAL VARIABLES WHERE Variable_name = '{name}'")
    if len(listed) != 1 or len(listed[0]) != 2:
        raise Failed(f"the server on port {server.port} does not tell {name}")
    return listed[0][1]


def mariadb_terminate_idle(params: Params, _: Places) -> int:
    """End connections of one group that have slept for the longest."""
    server = at_port(int(params["port"]))
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
        ask(server, f"KILL CONNECTION {int(one['id'])}", forced=True)
    return answer({"ended": len(chosen)})


def _told(server: Server) -> dict[str, Any]:
    facts: dict[str, Any] = {"port": server.port, "unit": server.unit, "socket": server.socket}
    try:
        facts |= _settings(server)
        sessions = _sessions(server)
        groups = _grouped(sessions)
    except Failed as error:
        return {**facts, "reachable": False, "error": str(error)[:300]}
    return {
        **facts,
        "reachable": True,
        "groups": groups,
        "at_tables": _at_tables(sessions),
        "changed_while_running": _changed_while_running(server),
        "waits": _waits(server),
        "forgotten": forgotten(server),
        "lockers": lockers(server) if any(one["waits"] for one in sessions) else [],
        "replication": _replication(server),
        "accounts": _accounts(server),
        "tables": _tables(server),
        "shapes": shapes(server),
    }


def _settings(server: Server) -> dict[str, Any]:
    variables = ", ".join(f"'{name}'" for name in (*_VARIABLES, "version"))
    listed = rows(server, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({variables})")
    told = dict(row for row in listed if len(row) == 2)
    statuses = ", ".join(f"'{name}'" for name in _STATUS)
    counted = rows(server, f"SHOW GLOBAL STATUS WHERE Variable_name IN ({statuses})")
    return {
        "version": told.pop("version", ""),
        "read_only": told.pop("read_only", "OFF") in ("ON", "1"),
        "settings": {
            n: int(value) for n, value in told.items() if n in SETTINGS and value.isdigit()
        },
        "words": {name: value for name, value in told.items() if name in WORDS},
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
            return sorted(row[0].lower() for row in rows(server, statement))
        except Failed:
            continue  # the other of the two keeps it elsewhere
    return None


def _sessions(server: Server) -> list[dict[str, Any]]:
    listed = rows(
        server,
        "SELECT JSON_OBJECT('id', id, 'user', user, 'host', host, 'database', db, "
        f"'command', command, 'seconds', time, 'work', {_WORK}, 'waits', {_WAITS}, "
        f"'waits_for_all', {_FOR_ALL}) "
        "FROM information_schema.processlist "
        "WHERE id <> CONNECTION_ID() ORDER BY time DESC LIMIT 1000",
    )
    return [_session(json.loads(row[0])) for row in listed]


def _session(one: dict[str, Any]) -> dict[str, Any]:
    address = re.sub(r":\d+$", "", str(one.pop("host")))
    key = json.dumps([one["user"], one["database"], address])
    group = hashlib.sha256(key.encode()).hexdigest()
    seconds = max(int(one["seconds"] or 0), 0)
    waits = {name: bool(one[name]) for name in ("waits", "waits_for_all")}
    return {**one, **waits, "seconds": seconds, "address": address, "group": group}


def _at_tables(sessions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Connections that change or copy tables, and those that wait for such a one."""
    names = ("id", "user", "database", "address", "seconds", "work", "waits", "waits_for_all")
    found = [{name: one[name] for name in names} for one in sessions if one["work"] or one["waits"]]
    return found[:50]


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
    """Who waits for whose row lock; empty where the server does not tell it."""
    of_mariadb = (
        "SELECT JSON_OBJECT('waiting', r.trx_mysql_thread_id, 'blocking', b.trx_mysql_thread_id, "
        "'seconds', TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW())) "
        "FROM information_schema.innodb_lock_waits w "
        "JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id "
        "JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id LIMIT 50"
    )
    of_mysql = (
        "SELECT JSON_OBJECT('waiting', waiting_pid, 'blocking', blocking_pid, "
        "'seconds', wait_age_secs) FROM sys.innodb_lock_waits LIMIT 50"
    )
    for statement in (of_mariadb, of_mysql):
        try:
            return [json.loads(row[0]) for row in rows(server, statement)]
        except Failed:
            continue  # the other of the two keeps it elsewhere
    return []


def _accounts(server: Server) -> list[dict[str, Any]]:
    """Empty where the server does not tell it this way."""
    try:
        return accounts(server)
    except Failed:
        return []


def _tables(server: Server) -> list[dict[str, Any]] | None:
    """Every table, and whether it is empty; None where they cannot be listed. No row is told."""
    statement = (
        "SELECT JSON_OBJECT('database', TABLE_SCHEMA, 'table', TABLE_NAME, 'rows', TABLE_ROWS) "
        "FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN "
        f"('mysql', 'sys', 'information_schema', 'performance_schema') LIMIT {_MOST_TABLES}"
    )
    try:
        listed = [json.loads(row[0]) for row in rows(server, statement)]
        few = [t for t in listed if (t["rows"] or 0) <= _FEW and _is_plain(t)][:_MOST_LOOKED_INTO]
        asked = " UNION ALL ".join(
            f"SELECT EXISTS (SELECT 1 FROM `{t['database']}`.`{t['table']}`)" for t in few
        )
        told = rows(server, asked) if few else []
    except Failed:
        return None
    empty = {(t["database"], t["table"]): row[0] == "0" for t, row in zip(few, told)}
    return [
        {
            "database": t["database"],
            "table": t["table"],
            "empty": empty.get((t["database"], t["table"]), False if t["rows"] else None),
        }
        for t in listed
    ]


def _is_plain(table: dict[str, Any]) -> bool:
    return all(_NAME.fullmatch(str(table[part])) for part in ("database", "table"))


def _replication(server: Server) -> dict[str, str] | None:
    """How replication from another server runs; None where there is none."""
    for statement in ("SHOW SLAVE STATUS", "SHOW REPLICA STATUS"):
        try:
            lines = ask(server, statement, vertical=True).splitlines()
        except Failed:
            continue  # the two servers have dropped one of the words each
        pairs = (line.strip().partition(": ") for line in lines)
        return {name.lower(): value for name, _, value in pairs if name in _REPLICATION} or None
    return None
