"""What is put right inside PostgreSQL: a table's vacuum, and a slot that nobody reads."""

from __future__ import annotations

import re

from . import made
from .answers import Params, answer
from .clusters import ask, at_port, change
from .places import Places
from .refusal import Failed

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")
_ALTER_SECONDS, _VACUUM_SECONDS, _SLOT_SECONDS, _INDEX_SECONDS = 10, 240, 60, 540


_TABLE = """
    SELECT json_build_object('exists', 'yes', 'autovacuum', CASE
        WHEN array_to_string(c.reloptions, ' ') ~* 'autovacuum_enabled=(f|n|off|0)'
        THEN 'off' ELSE 'on' END, 'dead', s.n_dead_tup)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
    WHERE n.nspname = '{schema}' AND c.relname = '{table}' AND c.relkind IN ('r', 'm')
"""
_INDEX = """
    SELECT json_build_object('state',
        CASE WHEN x.indisvalid THEN 'valid' ELSE 'invalid' END)
    FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = '{schema}' AND c.relname = '{index}'
"""
_SLOT = """
    SELECT json_build_object('state', CASE WHEN s.active THEN 'active' ELSE 'inactive' END,
        'kind', s.slot_type)
    FROM pg_replication_slots s WHERE s.slot_name = '{slot}'
"""
_DROP = """
    SELECT pg_drop_replication_slot(s.slot_name) FROM pg_replication_slots s
    WHERE s.slot_name = '{slot}' AND NOT s.active
"""


def postgres_table(params: Params, _: Places) -> int:
    """PostgresTableFacts."""
    schema, table = _parts(params)
    asked = _TABLE.format(schema=schema, table=table)
    found = ask(at_port(int(params["port"])), asked, str(params["database"]))
    named = {"database": params["database"], "table": params["table"]}
    return answer(named | (found or {"exists": "no"}))


def postgres_set_autovacuum(params: Params, _: Places) -> int:
    """Leave a table to autovacuum as all others are, or switch it off for it."""
    wanted = params["enabled"] == "yes"
    how = "RESET (autovacuum_enabled)" if wanted else "SET (autovacuum_enabled = off)"
    cluster, database = at_port(int(params["port"])), str(params["database"])
    change(cluster, f"ALTER TABLE {_quoted(params)} {how}", _ALTER_SECONDS, database)
    return answer({"table": params["table"], "enabled": params["enabled"]})


def postgres_vacuum(params: Params, _: Places) -> int:
    """Vacuum and analyze one table; nobody is kept from it."""
    cluster, database = at_port(int(params["port"])), str(params["database"])
    change(cluster, f"VACUUM (ANALYZE) {_quoted(params)}", _VACUUM_SECONDS, database, patient=True)
    return answer({"table": params["table"], "vacuumed": True})


def postgres_index(params: Params, _: Places) -> int:
    """PostgresIndexFacts."""
    return answer({"index": params["index"], "state": _index_state(params)})


def postgres_create_index(params: Params, places: Places) -> int:
    """Build an index of plain columns without keeping anybody from the table."""
    cluster, database = at_port(int(params["port"])), str(params["database"])
    (schema, index), (of_table, _) = _parts(params, "index"), _parts(params)
    if schema != of_table:
        raise Failed(f"an index of {params['table']} lies in {of_table}, not in {schema}")
    if _index_state(params) != "missing":
        raise Failed(f"there is an index {params['index']} already; it is left alone")
    columns = ", ".join(f'"{_plain(name)}"' for name in str(params["columns"]).split(","))
    unique = "UNIQUE " if params["unique"] == "yes" else ""
    built = (
        f'CREATE {unique}INDEX CONCURRENTLY "{index}" ON {_quoted(params)} '
        f"USING {_plain(str(params['method']))} ({columns})"
    )
    made.note(_named(params), places)
    try:
        change(cluster, built, _INDEX_SECONDS, database, patient=True)
    except Failed:
        if _index_state(params) == "invalid":  # begun and not ended: it was not there before
            _drop_index(params)
        made.forget(_named(params), places)
        raise
    return answer({"index": params["index"], "built": True})


def postgres_drop_index(params: Params, places: Places) -> int:
    """Drop an index that this gate has built, without keeping anybody from the table."""
    if made.noted(_named(params), places) is None:
        raise Failed(f"{params['index']} was not built by the gate; it is left alone")
    _drop_index(params)
    made.forget(_named(params), places)
    return answer({"index": params["index"], "dropped": True})


def _index_state(params: Params) -> str:
    schema, index = _parts(params, "index")
    asked = _INDEX.format(schema=schema, index=index)
    found = ask(at_port(int(params["port"])), asked, str(params["database"]))
    return "missing" if found is None else str(found["state"])


def _drop_index(params: Params) -> None:
    schema, index = _parts(params, "index")
    dropped = f'DROP INDEX CONCURRENTLY IF EXISTS "{schema}"."{index}"'
    cluster, database = at_port(int(params["port"])), str(params["database"])
    change(cluster, dropped, _SLOT_SECONDS, database, patient=True)


def _named(params: Params) -> str:
    return f"index {params['port']} {params['database']} {params['index']}"


def postgres_slot(params: Params, _: Places) -> int:
    """PostgresSlotFacts."""
    name = _plain(str(params["slot"]))
    found = ask(at_port(int(params["port"])), _SLOT.format(slot=name))
    return answer({"slot": name} | (found or {"state": "missing"}))


def postgres_drop_slot(params: Params, _: Places) -> int:
    """Drop a replication slot that nobody reads, and let the server give its WAL back."""
    cluster, name = at_port(int(params["port"])), _plain(str(params["slot"]))
    change(cluster, _DROP.format(slot=name), _SLOT_SECONDS)
    change(cluster, "CHECKPOINT", _SLOT_SECONDS)
    return answer({"slot": name, "dropped": True})


def _parts(params: Params, what: str = "table") -> tuple[str, str]:
    schema, _, name = str(params[what]).partition(".")
    return _plain(schema), _plain(name)


def _quoted(params: Params) -> str:
    schema, table = _parts(params)
    return f'"{schema}"."{table}"'


def _plain(name: str) -> str:
    """A name without anything that could end it in a statement."""
    if not _NAME.fullmatch(name):
        raise Failed(f"{ascii(name)[:80]} is no plain name")
    return name
