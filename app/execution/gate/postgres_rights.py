"""What keeps roles of PostgreSQL from what they own or were given: told, given, taken back.

A table is of no use to a role that may not use its schema: the server then says that there is no
such table. Nor may who is kept out of the database, or from the sequence that numbers the rows.
"""

from __future__ import annotations

from typing import Any

from .answers import Params, answer
from .clusters import ask, at_port, change
from .places import Places
from .postgres_access import ORDINARY, parts, plain
from .refusal import Failed

_SECONDS = 10
MOST = 300
"""So many are told of one database."""

_OWN = "n.nspname !~ '^(pg_|information_schema$)'"

_ONLY_ONE = (
    "NOT EXISTS (SELECT FROM pg_proc o WHERE o.pronamespace = p.pronamespace"
    " AND o.proname = p.proname AND o.oid <> p.oid)"
)
"""A function that its name alone tells."""

BARRED = f"""
    WITH roles AS (
        SELECT r.oid, r.rolname FROM pg_roles r WHERE {ORDINARY} AND r.rolcanlogin
        ORDER BY r.oid LIMIT 200
    ), held AS (
        SELECT c.oid AS relation, c.relnamespace AS schema, c.relowner AS holder, true AS inserts
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND {_OWN}
        UNION
        SELECT c.oid, c.relnamespace, x.grantee, x.privilege_type = 'INSERT'
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL aclexplode(c.relacl) x
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND {_OWN} AND x.grantee <> 0
    ), needs AS (
        SELECT DISTINCT r.oid AS role, r.rolname, h.schema FROM roles r
        JOIN (SELECT DISTINCT schema, holder FROM held) h ON pg_has_role(r.oid, h.holder, 'USAGE')
    )
    SELECT 'schema' AS "of", n.nspname::text AS name, 'USAGE' AS "right", k.rolname AS role
    FROM needs k JOIN pg_namespace n ON n.oid = k.schema
    WHERE NOT has_schema_privilege(k.role, n.oid, 'USAGE')
    UNION ALL
    SELECT 'database', d.datname, p.name, k.rolname
    FROM (SELECT DISTINCT role, rolname FROM needs) k
    CROSS JOIN (VALUES ('CONNECT'), ('TEMPORARY')) p (name)
    JOIN pg_database d ON d.datname = current_database()
    WHERE NOT has_database_privilege(k.role, d.oid, p.name)
    UNION ALL
    SELECT DISTINCT 'sequence', n.nspname || '.' || s.relname, 'USAGE', r.rolname
    FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid
        AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
    JOIN held h ON h.relation = d.refobjid AND h.inserts
    JOIN roles r ON pg_has_role(r.oid, h.holder, 'USAGE')
    WHERE s.relkind = 'S' AND {_OWN} AND NOT has_sequence_privilege(r.oid, s.oid, 'USAGE, UPDATE')
    UNION ALL
    SELECT 'function', n.nspname || '.' || p.proname, 'EXECUTE', k.rolname
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    CROSS JOIN (SELECT DISTINCT role, rolname FROM needs) k
    WHERE p.proacl IS NOT NULL AND {_OWN} AND p.prorettype <> 'trigger'::regtype
        AND NOT has_function_privilege(k.role, p.oid, 'EXECUTE')
        AND {_ONLY_ONE}
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
            AND d.objid = p.oid AND d.deptype = 'e')
    ORDER BY 1, 2, 3, 4 LIMIT {MOST}
"""
"""Rights that a role lacks and that what it owns, or was given by name, is of no use without. What
is open to everybody counts for nothing here: nobody was meant by it."""

_OBJECTS = {
    "database": "SELECT d.oid, d.datacl AS acl FROM pg_database d WHERE d.datname = '{name}'"
    " AND d.datname = current_database() AND NOT d.datistemplate",
    "schema": "SELECT n.oid, n.nspacl AS acl FROM pg_namespace n"
    f" WHERE n.nspname = '{{name}}' AND {_OWN}",
    "sequence": "SELECT c.oid, c.relacl AS acl FROM pg_class c JOIN pg_namespace n"
    f" ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND {_OWN}"
    " AND n.nspname = '{schema}' AND c.relname = '{name}'",
    "function": "SELECT p.oid, p.proacl AS acl FROM pg_proc p JOIN pg_namespace n"
    f" ON n.oid = p.pronamespace WHERE {_OWN} AND {_ONLY_ONE}"
    " AND n.nspname = '{schema}' AND p.proname = '{name}'",
}
"""One of each kind by its name, with who was given what."""

_GIVEN = {
    ("database", "CONNECT"): "DATABASE",
    ("database", "TEMPORARY"): "DATABASE",
    ("schema", "USAGE"): "SCHEMA",
    ("sequence", "USAGE"): "SEQUENCE",
    ("function", "EXECUTE"): "ROUTINE",
}
"""What is given here, and how statements call it: nothing by which anything could be made."""


def postgres_right(params: Params, _: Places) -> int:
    """PostgresRightFacts: whether a role has a right on a schema, a database and their like."""
    found = _of(params)
    if found is None:
        return answer({"exists": "no"})
    yes = {True: "yes", False: "no"}
    return answer({"exists": "yes", "held": yes[found["held"]], "given": yes[found["given"]]})


def postgres_give_right(params: Params, _: Places) -> int:
    """Give a role one right that it was not given: what is given is what is taken back."""
    if _existing(params)["given"]:
        raise Failed(f"{params['role']} was given {params['right']} on {params['name']} already")
    _say("GRANT {right} ON {kind} {object} TO {role}", params)
    return answer({"given": params["right"], "name": params["name"]})


def postgres_take_right(params: Params, _: Places) -> int:
    """Take one right back from a role that was given it by its own name."""
    if not _existing(params)["given"]:
        raise Failed(f"{params['role']} was not given {params['right']} on {params['name']}")
    _say("REVOKE {right} ON {kind} {object} FROM {role}", params)
    return answer({"taken": params["right"], "name": params["name"]})


def _existing(params: Params) -> dict[str, Any]:
    found = _of(params)
    if found is None:
        raise Failed(
            f"there is no {params['of']} {params['name']} or no role {params['role']}, or it has "
            "power over others: left alone"
        )
    return found


def _of(params: Params) -> dict[str, Any] | None:
    """Whether a role has a right, however it came to it, and was given it by its own name."""
    _kind(params)
    of, right, role = str(params["of"]), str(params["right"]), plain(params["role"])
    schema, name = _named(params)
    there = _OBJECTS[of].format(schema=schema, name=name)
    asked = f"""
        SELECT json_build_object('held', has_{of}_privilege(r.oid, o.oid, '{right}'),
            'given', EXISTS (SELECT FROM aclexplode(o.acl) x
                WHERE x.grantee = r.oid AND x.privilege_type = '{right}'))
        FROM pg_roles r CROSS JOIN ({there}) o WHERE r.rolname = '{role}' AND {ORDINARY}
    """
    found: dict[str, Any] | None = ask(
        at_port(int(str(params["port"]))), asked, str(params["database"])
    )
    return found


def _say(statement: str, params: Params) -> None:
    schema, name = _named(params)
    text = statement.format(
        right=str(params["right"]),
        kind=_kind(params),
        object=f'"{schema}"."{name}"' if schema else f'"{name}"',
        role=f'"{plain(params["role"])}"',
    )
    change(at_port(int(str(params["port"]))), text, _SECONDS, str(params["database"]))


def _kind(params: Params) -> str:
    """How a statement calls what a right is on; Failed for a right that is not given here."""
    kind = _GIVEN.get((str(params["of"]), str(params["right"])))
    if kind is None:
        raise Failed(f"{params['right']} on a {params['of']} is not given here")
    return kind


def _named(params: Params) -> tuple[str, str]:
    """The schema, "" where there is none, and the name."""
    if params["of"] in ("database", "schema"):
        return "", plain(params["name"])
    return parts(params["name"])
