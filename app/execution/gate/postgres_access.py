"""Who may log in to PostgreSQL and what a role may do with a table: looked at, given back."""

from __future__ import annotations

import re

from .answers import Params, answer
from .clusters import ask, at_port, change
from .places import Places
from .refusal import Failed

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$.-]{0,62}")
_SECONDS = 10
NEVER, NONE = "never", "none"

ORDINARY = "NOT r.rolsuper AND NOT r.rolreplication AND r.rolname !~ '^pg_'"
"""Roles that have no power over others."""

ROLE = """
    r.rolname AS name, r.rolcanlogin AS login, r.rolconnlimit AS "limit",
    CASE WHEN r.rolvaliduntil IS NULL OR r.rolvaliduntil = 'infinity' THEN 'never'
        ELSE to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END AS until,
    coalesce(r.rolvaliduntil < now(), false) AS expired
"""
ROLES = f"SELECT {ROLE} FROM pg_roles r WHERE {ORDINARY} ORDER BY r.oid LIMIT 200"

DOORS = """
    SELECT datname AS name, datallowconn AS open, datconnlimit AS "limit" FROM pg_database
    WHERE NOT datistemplate ORDER BY oid DESC LIMIT 100
"""

GRANTS = """
    SELECT n.nspname || '.' || c.relname AS "table", r.rolname AS role,
        string_agg(x.privilege_type, ',' ORDER BY x.privilege_type) AS privileges
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(c.relacl) x JOIN pg_roles r ON r.oid = x.grantee
    WHERE c.relkind IN ('r', 'v', 'm', 'p') AND n.nspname !~ '^(pg_|information_schema$)'
        AND r.oid <> c.relowner GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 400
"""


def postgres_role(params: Params, _: Places) -> int:
    """PostgresRoleFacts of a role without power over others."""
    role = plain(params["role"])
    found = ask(at_port(int(str(params["port"]))), _of_role("row_to_json(o)", role))
    if found is None:
        return answer({"exists": "no"})
    login = "yes" if found["login"] else "no"
    return answer(
        {"exists": "yes", "login": login, "limit": found["limit"], "until": found["until"]}
    )


def postgres_set_role(params: Params, _: Places) -> int:
    """Whether a role may log in, how often at once, and until when; its password stays."""
    cluster, role = at_port(int(str(params["port"]))), plain(params["role"])
    if ask(cluster, _of_role("to_json(o.name)", role)) is None:
        raise Failed(f"there is no role {role}, or it has power over others: left alone")
    login = "LOGIN" if params["login"] == "yes" else "NOLOGIN"
    until = "infinity" if params["until"] == NEVER else str(params["until"])
    limit = int(str(params["limit"]))
    statement = f"ALTER ROLE \"{role}\" {login} CONNECTION LIMIT {limit} VALID UNTIL '{until}'"
    change(cluster, statement, _SECONDS)
    return answer(
        {"role": role, "login": params["login"], "limit": limit, "until": params["until"]}
    )


def postgres_database(params: Params, _: Places) -> int:
    """PostgresDoorFacts: whether a database takes connections, and how many at once."""
    name = plain(params["database"])
    found = ask(at_port(int(str(params["port"]))), _of_database(name))
    if found is None:
        return answer({"exists": "no"})
    return answer(
        {"exists": "yes", "open": "yes" if found["open"] else "no", "limit": found["limit"]}
    )


def postgres_set_database(params: Params, _: Places) -> int:
    """Whether a database takes connections, and how many at once; no template is touched."""
    cluster, name = at_port(int(str(params["port"]))), plain(params["database"])
    if ask(cluster, _of_database(name)) is None:
        raise Failed(f"there is no database {name}, or it is a template: left alone")
    opened, limit = str(params["open"]) == "yes", int(str(params["limit"]))
    statement = (
        f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {str(opened).lower()} '
        f"CONNECTION LIMIT {limit}"
    )
    change(cluster, statement, _SECONDS)
    return answer({"database": name, "open": params["open"], "limit": limit})


def _of_database(name: str) -> str:
    return f"SELECT row_to_json(d) FROM ({DOORS}) d WHERE d.name = '{name}'"


def postgres_grants(params: Params, _: Places) -> int:
    """PostgresGrantsFacts: what a role may do with a table."""
    return answer({"privileges": _granted(params) or NONE})


def postgres_grant(params: Params, _: Places) -> int:
    """Give a role rights on one table that it has not: what is given is what is taken back."""
    had = sorted({*_granted(params).split(",")} & {*str(params["privileges"]).split(",")})
    if had:
        raise Failed(f"{params['role']} has {', '.join(had)} on {params['table']} already")
    _give("GRANT {what} ON {table} TO {role}", params)
    return answer({"granted": params["privileges"], "table": params["table"]})


def postgres_revoke(params: Params, _: Places) -> int:
    """Take rights on one table back from a role that has them."""
    lacks = sorted({*str(params["privileges"]).split(",")} - {*_granted(params).split(",")})
    if lacks:
        raise Failed(f"{params['role']} has no {', '.join(lacks)} on {params['table']}")
    _give("REVOKE {what} ON {table} FROM {role}", params)
    return answer({"revoked": params["privileges"], "table": params["table"]})


def _granted(params: Params) -> str:
    schema, table = parts(params["table"])
    asked = (
        f"SELECT to_json(g.privileges) FROM ({GRANTS}) g "
        f"WHERE g.\"table\" = '{schema}.{table}' AND g.role = '{plain(params['role'])}'"
    )
    return str(ask(at_port(int(str(params["port"]))), asked, str(params["database"])) or "")


def _of_role(what: str, role: str) -> str:
    own = f"SELECT {ROLE} FROM pg_roles r WHERE r.rolname = '{role}' AND {ORDINARY}"
    return f"SELECT {what} FROM ({own}) o"


def _give(statement: str, params: Params) -> None:
    cluster, role = at_port(int(str(params["port"]))), plain(params["role"])
    schema, table = parts(params["table"])
    text = statement.format(
        what=str(params["privileges"]), table=f'"{schema}"."{table}"', role=f'"{role}"'
    )
    change(cluster, text, _SECONDS, str(params["database"]))


def parts(table: object) -> tuple[str, str]:
    """The schema and the name of what is called `schema.name`; Failed where it is more."""
    schema, _, name = str(table).partition(".")
    return plain(schema), plain(name)


def plain(name: object) -> str:
    """A name that needs no escape between quotes; Failed where it is more than a name."""
    text = str(name)
    if _NAME.fullmatch(text) is None:
        raise Failed(f"{text} is no plain name; it is left to a person")
    return text
