"""Which tables a database of PostgreSQL has, and which of them are empty. No row is told."""

from __future__ import annotations

from typing import Any

from .clusters import Cluster, ask

_MOST_BYTES = 64 * 1024 * 1024
"""A larger table of which the statistics know no row is not looked through for one."""

_EMPTY = (
    "substring(query_to_xml(format('SELECT count(*) AS n FROM (SELECT FROM %I.%I LIMIT 1) t', "
    "n.nspname, c.relname), false, false, '')::text FROM '<n>([0-9]+)</n>') = '0'"
)
_TABLES = f"""
    SELECT n.nspname || '.' || c.relname AS "table", CASE
        WHEN coalesce(s.n_live_tup, 0) > 0 THEN false
        WHEN pg_relation_size(c.oid) = 0 THEN true
        WHEN pg_relation_size(c.oid) > {_MOST_BYTES} THEN NULL
        ELSE {_EMPTY} END AS empty
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
    WHERE c.relkind = 'r' AND c.relpersistence = 'p'
        AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 1 LIMIT 400
"""


def tables(cluster: Cluster, database: str) -> list[dict[str, Any]]:
    """The tables of a database; Failed where somebody holds one of them for long."""
    found: list[dict[str, Any]] = ask(
        cluster, f"SELECT coalesce(json_agg(t), '[]') FROM ({_TABLES}) t", database
    )
    return found
