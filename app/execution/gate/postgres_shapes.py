"""How tables of PostgreSQL are made: columns, constraints, triggers. No row, no default is told."""

from __future__ import annotations

from typing import Any

from .clusters import Cluster, ask

_MOST = 2000
"""So many parts are told of one database."""

_OWN = "n.nspname !~ '^(pg_|information_schema$)' AND c.relkind IN ('r', 'p')"
_OF = "JOIN pg_class c ON c.oid = {} JOIN pg_namespace n ON n.oid = c.relnamespace"
_TABLE = """n.nspname || '.' || c.relname AS "table" """
_PARTS = f"""
    SELECT {_TABLE}, 'column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END AS part
    FROM pg_attribute a {_OF.format("a.attrelid")}
    WHERE {_OWN} AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT {_TABLE}, 'constraint ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
        || CASE WHEN k.convalidated THEN '' ELSE ' not valid' END
    FROM pg_constraint k {_OF.format("k.conrelid")} WHERE {_OWN}
    UNION ALL SELECT {_TABLE}, 'trigger ' || t.tgname
        || substring(pg_get_triggerdef(t.oid) FROM ' (?:BEFORE|AFTER|INSTEAD OF) .*')
        || CASE t.tgenabled WHEN 'D' THEN ' (disabled)' ELSE '' END
    FROM pg_trigger t {_OF.format("t.tgrelid")} WHERE {_OWN} AND NOT t.tgisinternal
    UNION ALL SELECT {_TABLE}, 'rule ' || r.rulename || ' ON ' || CASE r.ev_type
        WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' WHEN '4' THEN 'DELETE' ELSE 'SELECT' END
    FROM pg_rewrite r {_OF.format("r.ev_class")} WHERE {_OWN} AND r.rulename <> '_RETURN'
    UNION ALL SELECT {_TABLE}, 'row level security'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OWN} AND c.relrowsecurity
"""
_SHAPES = f"""
    SELECT "table", json_agg(left(part, 200) ORDER BY part) AS parts
    FROM (SELECT * FROM ({_PARTS}) p ORDER BY 1, 2 LIMIT {_MOST}) q GROUP BY 1 ORDER BY 1
"""


def shapes(cluster: Cluster, database: str) -> list[dict[str, Any]]:
    """Every table of a database with its parts, each a line."""
    found: list[dict[str, Any]] = ask(
        cluster, f"SELECT coalesce(json_agg(s), '[]') FROM ({_SHAPES}) s", database
    )
    return found
