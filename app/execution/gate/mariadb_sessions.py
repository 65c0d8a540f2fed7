"""Connections of MariaDB and MySQL that sleep in a transaction, and how one of them is ended.

A server never gives the number of a connection twice while it runs, and what is ended must still be
asleep in the very transaction that was meant: the one that began at that second.
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
_STATE = "idle in transaction"


def forgotten(server: Server) -> list[dict[str, Any]]:
    """Connections asleep in a transaction, the oldest first; empty where the server tells none."""
    try:
        listed = rows(server, f"{_ASLEEP} ORDER BY t.trx_started LIMIT {_MOST}")
    except Failed:
        return []
    return [_session(json.loads(row[0])) for row in listed]


def mariadb_session(params: Params, _: Places) -> int:
    """MariadbSessionFacts: one connection, while it is asleep in that transaction; else gone."""
    found = _meant(at_port(int(params["port"])), params)
    return answer({"state": "gone"} if found is None else {**found, "state": _STATE})


def mariadb_terminate_session(params: Params, _: Places) -> int:
    """End exactly that connection, asleep in that very transaction."""
    server = at_port(int(params["port"]))
    if _meant(server, params) is None:
        raise Failed(
            f"connection {params['connection']} is not the one that was meant any more: it ended, "
            "works, or is in another transaction"
        )
    ask(server, f"KILL CONNECTION {int(params['connection'])}", forced=True)
    return answer({"ended": 1})


def _meant(server: Server, params: Params) -> dict[str, Any] | None:
    found = rows(server, f"{_ASLEEP} AND p.id = {int(params['connection'])}")
    sessions = [_session(json.loads(row[0])) for row in found]
    return next((one for one in sessions if one["started"] == int(params["started"])), None)


def _session(one: dict[str, Any]) -> dict[str, Any]:
    host, began = str(one.pop("host")), int(float(one["started"] or 0))
    return {
        **one,
        "address": re.sub(r":\d+$", "", host),
        "seconds": max(int(one["seconds"] or 0), 0),
        "started": began * 1_000_000,
    }
