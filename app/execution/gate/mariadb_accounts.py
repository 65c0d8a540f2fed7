"""Accounts of MariaDB and MySQL: whether they may log in, how often, and what with a database."""

from __future__ import annotations

import json
import re
from typing import Any

from .answers import Params, answer
from .mariadb_client import Server, ask, at_port, rows
from .places import Places
from .refusal import Failed

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
_HOST = re.compile(r"[A-Za-z0-9._%:-]{1,60}")
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,63}")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE")
"""What a program does with rows; whoever may change tables or accounts is left to a person."""

_ORDINARY = (
    "Super_priv = 'N' AND Grant_priv = 'N' AND Create_user_priv = 'N' AND Repl_slave_priv = 'N' "
    "AND User NOT IN ('', 'root', 'mysql', 'mariadb.sys', 'mysql.sys')"
)
"""Accounts that have no power over others."""

_LIMITS = {
    "questions": ("max_questions", "MAX_QUERIES_PER_HOUR"),
    "updates": ("max_updates", "MAX_UPDATES_PER_HOUR"),
    "connections": ("max_connections", "MAX_CONNECTIONS_PER_HOUR"),
    "at_once": ("max_user_connections", "MAX_USER_CONNECTIONS"),
}
_SHAPE = ", ".join(f"'{name}', {column}" for name, (column, _) in _LIMITS.items())
_ACCOUNTS = (
    f"SELECT JSON_OBJECT('user', User, 'host', Host, {_SHAPE}) FROM mysql.user "
    f"WHERE {_ORDINARY} ORDER BY User, Host LIMIT 200"
)
_LOCKED = (
    "SELECT User, Host FROM mysql.global_priv WHERE JSON_VALUE(Priv, '$.account_locked') = 1",
    "SELECT User, Host FROM mysql.user WHERE account_locked = 'Y'",
)
"""MariaDB keeps it in one place, MySQL in the other."""

_RIGHTS = "CONCAT_WS(',', {})".format(
    ", ".join(f"IF({right.capitalize()}_priv = 'Y', '{right}', NULL)" for right in RIGHTS)
)
_GRANTS = (
    f"SELECT JSON_OBJECT('user', User, 'host', Host, 'database', Db, 'rights', {_RIGHTS}) "
    "FROM mysql.db WHERE Grant_priv = 'N' AND User <> '' ORDER BY User, Host, Db LIMIT 2000"
)


def accounts(server: Server) -> list[dict[str, Any]]:
    """Each account without power over others, with what it may do with which database."""
    found = [json.loads(row[0]) for row in rows(server, _ACCOUNTS)]
    locked = _locked(server)
    rights: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows(server, _GRANTS):
        grant = json.loads(row[0])
        own = rights.setdefault((grant["user"], grant["host"]), {})
        own[grant["database"]] = grant["rights"]
    return [
        {
            **one,
            "locked": (one["user"], one["host"]) in locked,
            "rights": rights.get((one["user"], one["host"]), {}),
        }
        for one in found
    ]


def mariadb_account(params: Params, _: Places) -> int:
    """MariadbAccountFacts of one account without power over others."""
    found = _find(at_port(int(str(params["port"]))), params)
    if found is None:
        return answer({"exists": "no"})
    limits = {name: found[name] for name in _LIMITS}
    return answer({"exists": "yes", "locked": "yes" if found["locked"] else "no", **limits})


def mariadb_set_account(params: Params, _: Places) -> int:
    """Whether an account may log in and how often; its password and its rights stay."""
    server, name = _known(params)
    limits = " ".join(f"{word} {int(str(params[key]))}" for key, (_, word) in _LIMITS.items())
    lock = "LOCK" if params["locked"] == "yes" else "UNLOCK"
    ask(server, f"ALTER USER {name} WITH {limits} ACCOUNT {lock}")
    return answer({"user": params["user"], "host": params["host"], "locked": params["locked"]})


def mariadb_move_account(params: Params, _: Places) -> int:
    """Let an account come from elsewhere; its password and its rights go with it."""
    server, name = _known(params)
    to = {**params, "host": params["to"]}
    if _find(server, to) is not None:
        raise Failed(f"there is an account {params['user']}@{params['to']} already")
    ask(server, f"RENAME USER {name} TO {_named(to)}")
    return answer({"user": params["user"], "host": params["to"]})


def mariadb_rights(params: Params, _: Places) -> int:
    """MariadbRightsFacts: what an account may do with the rows of a database."""
    rights = _had(at_port(int(str(params["port"]))), params)
    return answer({"rights": ",".join(rights) or "none"})


def mariadb_grant(params: Params, _: Places) -> int:
    """Give an account rights on the rows of a database that it has not: what is given goes back."""
    server, name = _known(params)
    had = sorted({*_had(server, params)} & {*str(params["rights"]).split(",")})
    if had:
        raise Failed(f"{name} has {', '.join(had)} on {params['database']} already")
    ask(server, f"GRANT {_rights(params)} ON `{_database(params)}`.* TO {name}")
    return answer({"granted": params["rights"], "database": params["database"]})


def mariadb_revoke(params: Params, _: Places) -> int:
    """Take rights on the rows of a database back from an account that has them."""
    server, name = _known(params)
    lacks = sorted({*str(params["rights"]).split(",")} - {*_had(server, params)})
    if lacks:
        raise Failed(f"{name} has no {', '.join(lacks)} on {params['database']}")
    ask(server, f"REVOKE {_rights(params)} ON `{_database(params)}`.* FROM {name}")
    return answer({"revoked": params["rights"], "database": params["database"]})


def _had(server: Server, params: Params) -> list[str]:
    found = _find(server, params)
    rights = "" if found is None else str(found["rights"].get(params["database"], ""))
    return rights.split(",") if rights else []


def _locked(server: Server) -> set[tuple[str, ...]]:
    for statement in _LOCKED:
        try:
            return {tuple(row[:2]) for row in rows(server, statement) if len(row) > 1}
        except Failed:
            continue  # the other of the two keeps it elsewhere
    return set()


def _find(server: Server, params: Params) -> dict[str, Any] | None:
    same = (one for one in accounts(server) if one["user"] == params["user"])
    return next((one for one in same if one["host"] == params["host"]), None)


def _known(params: Params) -> tuple[Server, str]:
    """The server, and the account's name as a statement has it."""
    server, name = at_port(int(str(params["port"]))), _named(params)
    if _find(server, params) is None:
        raise Failed(f"there is no account {name}, or it has power over others: left alone")
    return server, name


def _named(params: Params) -> str:
    user, host = str(params["user"]), str(params["host"])
    if not _USER.fullmatch(user) or not _HOST.fullmatch(host):
        raise Failed(f"{user}@{host} is no plain name; it is left to a person")
    return f"'{user}'@'{host}'"


def _database(params: Params) -> str:
    name = str(params["database"])
    if _DATABASE.fullmatch(name) is None:
        raise Failed(f"{name} is no plain name; it is left to a person")
    return name


def _rights(params: Params) -> str:
    rights = str(params["rights"]).split(",")
    if not set(rights) <= set(RIGHTS):
        raise Failed(f"only {', '.join(RIGHTS)} are given here")
    return ", ".join(rights)
