"""What ALTER SYSTEM has set on a server of PostgreSQL: told, set as it was, set no more.

It stands in a file of the data folder that nobody edits, before all that the files in /etc say.
"""

from __future__ import annotations

import re

from .answers import Params, answer
from .clusters import Cluster, ask, at_port, change
from .places import Places
from .refusal import Failed

_SECONDS = 10
NONE = "none"

_NAMES = (
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
    "idle_session_timeout", "transaction_timeout", "authentication_timeout", "deadlock_timeout",
    "tcp_keepalives_idle", "default_transaction_read_only", "default_transaction_isolation",
    "work_mem", "maintenance_work_mem", "effective_cache_size", "temp_file_limit",
    "random_page_cost", "seq_page_cost", "cpu_tuple_cost", "effective_io_concurrency",
    "enable_seqscan", "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan",
    "enable_hashjoin", "enable_mergejoin", "enable_nestloop", "enable_sort", "enable_hashagg",
    "max_parallel_workers", "max_parallel_workers_per_gather", "jit", "autovacuum",
    "autovacuum_naptime", "checkpoint_timeout", "max_wal_size", "log_statement",
    "log_min_duration_statement", "log_min_messages", "vacuum_cost_delay", "bgwriter_delay",
)  # fmt: skip
"""What a server takes up without a new start, brings no program in, and lets nobody in."""

_VALUE = re.compile(r"[A-Za-z0-9_., -]{1,60}")

SYSTEM = (
    "SELECT DISTINCT ON (name) name, setting FROM pg_file_settings "
    "WHERE sourcefile LIKE '%/postgresql.auto.conf' AND error IS NULL "
    f"AND name IN ({', '.join(repr(name) for name in _NAMES)}) ORDER BY name, seqno DESC"
)


def postgres_system(params: Params, _: Places) -> int:
    """PostgresSystemFacts: what ALTER SYSTEM has set one setting to."""
    return answer({"value": _now(at_port(int(str(params["port"]))), _name(params))})


def postgres_set_system(params: Params, _: Places) -> int:
    """Set it, or set it no more (`none`), and let the server read its files again."""
    cluster, name, value = at_port(int(str(params["port"]))), _name(params), str(params["value"])
    if value != NONE and _VALUE.fullmatch(value) is None:
        raise Failed(f"{value} is no plain value; it is left to a person")
    what = f"RESET {name}" if value == NONE else f"SET {name} = '{value}'"
    change(cluster, f"ALTER SYSTEM {what}", _SECONDS)
    ask(cluster, "SELECT to_json(pg_reload_conf())")
    return answer({"name": name, "value": _now(cluster, name)})


def _now(cluster: Cluster, name: str) -> str:
    found = ask(cluster, f"SELECT to_json(s.setting) FROM ({SYSTEM}) s WHERE s.name = '{name}'")
    return NONE if found is None else str(found)


def _name(params: Params) -> str:
    name = str(params["name"])
    if name not in _NAMES:
        raise Failed(f"{name} is none of the settings that are set here")
    return name
