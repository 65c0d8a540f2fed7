"""Connections of MariaDB and MySQL that sleep and may keep a lock, and how one of them is ended.

They sleep in a transaction, or outside of any with a right by which a lock outlives its statement
(FLUSH TABLES WITH READ LOCK, LOCK TABLES); whether such a one holds a lock the server does not say.

A server never gives the number of a connection twice while it runs. What is ended must still be
asleep as it was: in the very transaction that was meant, the one that began at that second; outside
of one, on the same run of the server.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .answers import Params, answer
from .mariadb_client import Server, ask, at_port, rows
from .places import Places
from .refusal import Failed

_MOST = 50
_ASLEEP = (
    "SELECT JSON_OBJECT('id', p.id, 'user', p.user, 'host', p.host, 'database', p.db, "
    "'seconds', p.time, 'transaction_seconds', TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), "
    "'started', UNIX_TIMESTAMP(t.trx_started), 'rows_changed', t.trx_rows_modified, "
    "'rows_locked', t.trx_rows_locked) "
    "FROM information_schema.innodb_trx t "
    "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
    "WHERE p.command = 'Sleep'"
)
_OUTSIDE = (
    "SELECT JSON_OBJECT('id', p.id, 'user', p.user, 'host', p.host, 'database', p.db, "
    "'seconds', p.time, "
    "'started', UNIX_TIMESTAMP() - (SELECT VARIABLE_VALUE FROM {status} WHERE VARIABLE_NAME = "
    "'UPTIME'), 'locks_all', EXISTS (SELECT 1 FROM mysql.user a WHERE a.User = p.user "
    "AND a.Reload_priv = 'Y')) "
    "FROM information_schema.processlist p "
    "WHERE (p.command = 'Sleep' OR p.state = 'User sleep') AND p.id <> CONNECTION_ID() "
    "AND p.id NOT IN (SELECT trx_mysql_thread_id FROM information_schema.innodb_trx) "
    "AND (EXISTS (SELECT 1 FROM mysql.user a WHERE a.User = p.user "
    "AND 'Y' IN (a.Reload_priv, a.Lock_tables_priv)) "
    "OR EXISTS (SELECT 1 FROM mysql.db d WHERE d.User = p.user AND d.Lock_tables_priv = 'Y'))"
)
_STATUSES = ("information_schema.GLOBAL_STATUS", "performance_schema.global_status")
"""Where the one and the other server tell for how long they run."""

_APART = 2  # seconds by which the start of a server, told twice, may differ
_STATE = "idle in transaction"
_STATE_OUTSIDE = "idle and may hold a lock"


def forgotten(server: Server) -> list[dict[str, Any]]:
    """Connections asleep in a transaction, the oldest first; empty where the server tells none."""
    try:
        listed = rows(server, f"{_ASLEEP} ORDER BY t.trx_started LIMIT {_MOST}")
    except Failed:
        return []
    return [_session(json.loads(row[0])) for row in listed]


def lockers(server: Server) -> list[dict[str, Any]]:
    """Connections asleep outside of a transaction that may have locked tables before they slept;
    the longest asleep first; empty where the server tells none."""
    return [_session(one) for one in _outside(server, f"ORDER BY p.time DESC LIMIT {_MOST}")]


def mariadb_session(params: Params, _: Places) -> int:
    """MariadbSessionFacts: one connection, while it is asleep as it was meant; else gone."""
    found = _meant(at_port(int(params["port"])), params)
    return answer({"state": "gone"} if found is None else found)


def mariadb_terminate_session(params: Params, _: Places) -> int:
    """End exactly that connection, asleep in that very transaction, or as it was outside of any."""
    server = at_port(int(params["port"]))
    if _meant(server, params) is None:
        raise Failed(
            f"connection {params['connection']} is not the one that was meant any more: it ended, "
            "works, or is in another transaction"
        )
    ask(server, f"KILL CONNECTION {int(params['connection'])}", forced=True)
    return answer({"ended": 1})


def _meant(server: Server, params: Params) -> dict[str, Any] | None:
    only, started = f"AND p.id = {int(params['connection'])}", int(params["started"])
    for row in rows(server, f"{_ASLEEP} {only}"):
        one = _session(json.loads(row[0]))
        if one["started"] == started:
            return {**one, "state": _STATE}
    for told in _outside(server, only):
        one = _session(told)
        if abs(one["started"] - started) <= _APART * 1_000_000:
            del one["locks_all"]
            return {**one, "state": _STATE_OUTSIDE}
    return None


def _outside(server: Server, rest: str) -> list[dict[str, Any]]:
    for status in _STATUSES:
        try:
            listed = rows(server, f"{_OUTSIDE.format(status=status)} {rest}")
        except Failed:
            continue  # the other of the two keeps it elsewhere
        return [json.loads(row[0]) for row in listed]
    return []


def _session(one: dict[str, Any]) -> dict[str, Any]:
    host, began = str(one.pop("host")), int(float(one["started"] or 0))
    if "locks_all" in one:
        one["locks_all"] = bool(one["locks_all"])
    return {
        **one,
        "address": re.sub(r":\d+$", "", host),
        "seconds": max(int(one["seconds"] or 0), 0),
        "started": began * 1_000_000,
    }
