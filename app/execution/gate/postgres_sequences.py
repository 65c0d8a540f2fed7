"""Sequences of PostgreSQL that number rows: behind their table, the next row is refused."""

from __future__ import annotations

from typing import Any

from .answers import Params, answer
from .clusters import Cluster, ask, at_port, change
from .places import Places
from .postgres_access import parts, plain
from .refusal import Failed

_SECONDS = 10

_NUMBERING = """
    SELECT q.max_value AS most, q.schemaname || '.' || q.sequencename AS sequence,
        n.nspname || '.' || t.relname AS "table", a.attname AS "column",
        coalesce(q.last_value + q.increment_by, q.start_value) AS next,
        substring(query_to_xml(format('SELECT max(%I) AS m FROM %I.%I', a.attname, n.nspname,
            t.relname), false, false, '')::text FROM '<m>(-?[0-9]+)</m>')::bigint AS highest
    FROM pg_sequences q
    JOIN pg_namespace s ON s.nspname = q.schemaname
    JOIN pg_class c ON c.relname = q.sequencename AND c.relnamespace = s.oid AND c.relkind = 'S'
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p')
    JOIN pg_namespace n ON n.oid = t.relnamespace
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
        AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
    WHERE q.increment_by > 0 AND NOT q.cycle AND EXISTS (SELECT FROM pg_index x
        WHERE x.indrelid = t.oid AND x.indisunique AND x.indisvalid AND x.indnkeyatts = 1
        AND x.indkey[0] = a.attnum AND x.indpred IS NULL)
"""
_OWNED = (
    f'SELECT sequence, "table", "column", next, highest FROM ({_NUMBERING}) n '
    "WHERE highest IS NULL OR highest < most"
)
"""Each sequence of a column whose numbers are unique by themselves: its index tells the highest at
once. There is a number above it, too; what needs its definition read is left to a person."""

_BEHIND = f"SELECT * FROM ({_OWNED}) o WHERE o.next <= o.highest ORDER BY 1 LIMIT 50"


def behind(cluster: Cluster, database: str) -> list[dict[str, Any]]:
    """The sequences of a database whose next number is not above its table's highest."""
    found: list[dict[str, Any]] = ask(
        cluster, f"SELECT coalesce(json_agg(b), '[]') FROM ({_BEHIND}) b", database
    )
    return found


def postgres_sequence(params: Params, _: Places) -> int:
    """PostgresSequenceFacts of one sequence that numbers rows."""
    found = _one(at_port(int(str(params["port"]))), params)
    if found is None:
        return answer({"state": "missing"})
    empty = found["highest"] is None
    state = "ahead" if empty or found["next"] > found["highest"] else "behind"
    return answer({**found, "state": state})


def postgres_advance_sequence(params: Params, _: Places) -> int:
    """Let a sequence go on above the highest number of its table; never back."""
    cluster = at_port(int(str(params["port"])))
    found = _one(cluster, params)
    if found is None:
        raise Failed(f"{params['sequence']} numbers no column that it could be held against")
    if found["highest"] is None or found["next"] > found["highest"]:
        raise Failed(f"{params['sequence']} is not behind its table any more")
    schema, name = parts(params["sequence"])
    # chosen by the statement itself: rows that came meanwhile count
    (source, table), column = parts(found["table"]), plain(found["column"])
    highest = f'SELECT max("{column}") FROM "{source}"."{table}"'
    statement = f'SELECT setval(\'"{schema}"."{name}"\', ({highest}))'
    change(cluster, statement, _SECONDS, str(params["database"]))
    return answer({"sequence": params["sequence"], "was": found["next"]})


def _one(cluster: Cluster, params: Params) -> dict[str, Any] | None:
    schema, name = parts(params["sequence"])
    asked = f"SELECT row_to_json(o) FROM ({_OWNED}) o WHERE o.sequence = '{schema}.{name}'"
    found: dict[str, Any] | None = ask(cluster, asked, str(params["database"]))
    return found
