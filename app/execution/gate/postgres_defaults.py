"""What sessions of PostgreSQL begin with: defaults of roles and databases, looked at and set."""

from __future__ import annotations

import re

from .answers import Params, answer
from .clusters import Cluster, ask, at_port, change
from .places import Places
from .postgres_access import ORDINARY, plain
from .refusal import Failed

_SECONDS = 10
ALL, NONE = "*", "none"

_LISTS = ("search_path",)
_NAMES = (
    *_LISTS, "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
    "idle_session_timeout", "transaction_timeout", "default_transaction_read_only",
    "default_transaction_isolation", "default_transaction_deferrable", "work_mem", "temp_buffers",
    "TimeZone", "DateStyle", "IntervalStyle", "client_encoding", "bytea_output", "row_security",
    "enable_seqscan", "enable_indexscan", "enable_bitmapscan", "enable_hashjoin",
    "enable_mergejoin", "enable_nestloop", "random_page_cost", "plan_cache_mode", "jit",
)  # fmt: skip
"""What no program of another can be brought in by, and what holds nobody's secret."""

_VALUE = re.compile(r"[A-Za-z0-9_.,:/+ -]{1,100}")
_SCHEMAS = re.compile(
    r'(?:[a-z_][a-z0-9_]{0,62}|"[A-Za-z0-9_$-]{0,63}")'
    r'(?:, ?(?:[a-z_][a-z0-9_]{0,62}|"[A-Za-z0-9_$-]{0,63}"))*'
)

# A list is told without blanks: no parameter of a change may have one.
DEFAULTS = f"""
    SELECT coalesce(r.rolname, '{ALL}') AS role, coalesce(d.datname, '{ALL}') AS database,
        split_part(c.pair, '=', 1) AS name,
        replace(substr(c.pair, strpos(c.pair, '=') + 1), ', ', ',') AS value
    FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
    LEFT JOIN pg_database d ON d.oid = s.setdatabase
    CROSS JOIN LATERAL unnest(s.setconfig) AS c(pair)
    WHERE (s.setrole = 0 OR ({ORDINARY}))
        AND lower(split_part(c.pair, '=', 1)) IN ({", ".join(f"'{n.lower()}'" for n in _NAMES)})
    ORDER BY 1, 2, 3 LIMIT 200
"""


def postgres_default(params: Params, _: Places) -> int:
    """PostgresDefaultFacts: what sessions of a role in a database begin with, if it is set."""
    return answer({"value": _now(at_port(int(str(params["port"]))), params)})


def postgres_set_default(params: Params, _: Places) -> int:
    """Set what sessions begin with from now on, or set it no more (`none`)."""
    cluster = at_port(int(str(params["port"])))
    what, value = f"SET {_name(params)} TO {_value(params)}", str(params["value"])
    statement = f"{_target(cluster, params)} {f'RESET {_name(params)}' if value == NONE else what}"
    change(cluster, statement, _SECONDS)
    return answer({"name": _name(params), "value": _now(cluster, params)})


def postgres_renew_sessions(params: Params, _: Places) -> int:
    """End what sessions of a role are idle outside any transaction: they begin anew."""
    cluster = at_port(int(str(params["port"])))
    role = str(params["role"])
    whose = "r.rolcanlogin" if role == ALL else f"r.rolname = '{plain(role)}'"
    ended = ask(
        cluster,
        f"SELECT count(*) FROM (SELECT pg_terminate_backend(a.pid) AS told FROM pg_stat_activity a "
        f"JOIN pg_roles r ON r.oid = a.usesysid WHERE {whose} AND {ORDINARY} "
        "AND a.state = 'idle' AND a.backend_type = 'client backend') e WHERE e.told",
    )
    return answer({"ended": int(ended)})


def _now(cluster: Cluster, params: Params) -> str:
    role, database = (_or_all(params[name]) for name in ("role", "database"))
    found = ask(
        cluster,
        f"SELECT to_json(f.value) FROM ({DEFAULTS}) f WHERE f.role = '{role}' "
        f"AND f.database = '{database}' AND f.name = '{_name(params)}'",
    )
    return NONE if found is None else str(found)


def _target(cluster: Cluster, params: Params) -> str:
    role, database = (_or_all(params[name]) for name in ("role", "database"))
    if role == ALL:
        return "ALTER ROLE ALL" if database == ALL else f'ALTER DATABASE "{database}"'
    known = f"SELECT to_json(r.rolname) FROM pg_roles r WHERE r.rolname = '{role}' AND {ORDINARY}"
    if ask(cluster, known) is None:
        raise Failed(f"there is no role {role}, or it has power over others: left alone")
    inside = "" if database == ALL else f' IN DATABASE "{database}"'
    return f'ALTER ROLE "{role}"{inside}'


def _name(params: Params) -> str:
    name = str(params["name"])
    if name not in _NAMES:
        raise Failed(f"{name} is none of the defaults that may be set here: {', '.join(_NAMES)}")
    return name


def _value(params: Params) -> str:
    """A value as the statement wants it: a list of schemas is no text."""
    value = str(params["value"])
    if params["name"] in _LISTS:
        if _SCHEMAS.fullmatch(value) is None:
            raise Failed(f"{value} is no plain list of schemas; it is left to a person")
        return value
    if _VALUE.fullmatch(value) is None:
        raise Failed(f"{value} is no plain value; it is left to a person")
    return f"'{value}'"


def _or_all(name: object) -> str:
    return ALL if name == ALL else plain(name)
