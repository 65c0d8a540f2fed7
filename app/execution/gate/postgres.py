"""PostgreSQL from the inside: who waits for whom, which slots are left, what pins the WAL.

Of no query more is told than the first words of what changes tables: it may hold anybody's data.
Sessions that end here are named so exactly that another one that took the number since is left
alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from typing import Any

from .answers import Params, answer
from .clusters import Cluster, ask, at_port, clusters, recovering
from .places import Places
from .postgres_access import DOORS, GRANTS, ROLES
from .postgres_defaults import DEFAULTS
from .postgres_rights import BARRED
from .postgres_sequences import behind
from .postgres_shapes import shapes
from .postgres_system import SYSTEM
from .postgres_tables import tables
from .refusal import Failed

_SECONDS = 12.0
_MOST_DATABASES = 6
_STARTED = "round(extract(epoch FROM a.backend_start) * 1000000)::bigint"
_BACKUPS = (
    "^(pg_(dump|dumpall|restore|basebackup|receivewal|recvlogical|rewind|upgrade)"
    "|barman|pgbackrest|wal-g|walg)"
)
"""Names by which programs say that they copy a database: whoever ends one loses a backup."""

_LOCKS = (
    "AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock",
    "ShareUpdateExclusiveLock", "RowExclusiveLock", "RowShareLock", "AccessShareLock",
)  # fmt: skip
_RANK = f"array_position(ARRAY{list(_LOCKS)!r}, l.mode)"

_SESSION = f"""
    a.pid, {_STARTED} AS started, a.usename AS "user", a.datname AS database,
    left(a.application_name, 64) AS application, host(a.client_addr) AS address, a.state,
    a.backend_type AS kind, coalesce(r.rolsuper, false) AS superuser,
    a.application_name ~* '{_BACKUPS}' AS backup,
    round(extract(epoch FROM clock_timestamp() - a.xact_start)) AS transaction_seconds,
    round(extract(epoch FROM clock_timestamp() - a.state_change)) AS state_seconds,
    round(extract(epoch FROM clock_timestamp() - a.backend_start)) AS seconds
"""
_ACTIVITY = "pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid"

_SAID = r"""
    regexp_replace(regexp_replace(a.query, '/\*.*?\*/', ' ', 'g'), '--[^\n]*', ' ', 'g')
"""
_WORK = rf"""
    CASE WHEN a.state = 'active' AND a.application_name <> 'sre-agent' THEN coalesce(
        regexp_replace(upper(substring({_SAID} FROM
            '(?i)^\s*(create\s+(?:unique\s+)?index|reindex|vacuum(?:[\s(]+full)?|analyze|cluster'
            '|alter\s+(?:table|index|materialized\s+view)|refresh\s+materialized\s+view'
            '|truncate|copy|lock|drop\s+(?:table|index|schema|materialized\s+view))\M'
        )), '[\s(]+', ' ', 'g'), '') ELSE '' END
"""
"""Of what a session runs its first words, and those only where they say that it changes how tables
are made, or copies or locks them: no other word of it is told."""

_SESSIONS = f"""
    SELECT {_SESSION}, {_WORK} AS work,
        CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) END AS blocked_by,
        CASE WHEN a.state LIKE 'idle in transaction%' THEN (
            SELECT l.mode FROM pg_locks l WHERE l.pid = a.pid AND l.granted
            AND l.locktype = 'relation' AND l.relation >= 16384 ORDER BY {_RANK} LIMIT 1
        ) END AS lock
    FROM {_ACTIVITY}
    WHERE a.pid <> pg_backend_pid() AND a.backend_type IN ('client backend', 'walsender')
    ORDER BY a.state LIKE 'idle in transaction%' DESC NULLS LAST,
        a.wait_event_type = 'Lock' DESC NULLS LAST, a.state_change
    LIMIT 400
"""

_SLOTS = """
    SELECT s.slot_name AS name, s.slot_type AS kind, s.active, s.temporary,
        to_jsonb(s)->>'wal_status' AS wal_status,
        pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn() END, s.restart_lsn)::bigint AS retained_bytes
    FROM pg_replication_slots s ORDER BY s.restart_lsn NULLS LAST LIMIT 50
"""

_PREPARED = """
    SELECT x.gid AS name, x.owner AS user, x.database,
        round(extract(epoch FROM now() - x.prepared)::numeric, 1)::float AS seconds
    FROM pg_prepared_xacts x ORDER BY x.prepared LIMIT 20
"""

_STATE = f"""
    SELECT json_build_object(
        'version', current_setting('server_version_num')::int,
        'in_recovery', pg_is_in_recovery(),
        'max_connections', current_setting('max_connections')::int,
        'reserved', current_setting('superuser_reserved_connections')::int
            + coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0),
        'used', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
            AND pid <> pg_backend_pid()),
        'autovacuum', current_setting('autovacuum') = 'on',
        'wal_bytes', (SELECT sum(size)::bigint FROM pg_ls_waldir()),
        'sessions', (SELECT coalesce(json_agg(s), '[]') FROM ({_SESSIONS}) s),
        'slots', (SELECT coalesce(json_agg(s), '[]') FROM ({_SLOTS}) s),
        'prepared', (SELECT coalesce(json_agg(p), '[]') FROM ({_PREPARED}) p),
        'pending_restart', (SELECT coalesce(json_agg(name), '[]') FROM pg_settings
            WHERE pending_restart),
        'file_problems', (SELECT coalesce(json_agg(p), '[]') FROM (
            SELECT sourcefile AS file, sourceline AS line, name, error FROM pg_file_settings
            WHERE error IS NOT NULL LIMIT 20) p),
        'roles', (SELECT coalesce(json_agg(r), '[]') FROM ({ROLES}) r),
        'superusers', (SELECT coalesce(json_agg(u.rolname ORDER BY u.rolname), '[]') FROM (
            SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin LIMIT 50) u),
        'doors', (SELECT coalesce(json_agg(e), '[]') FROM ({DOORS}) e),
        'defaults', (SELECT coalesce(json_agg(f), '[]') FROM ({DEFAULTS}) f),
        'system', (SELECT coalesce(json_object_agg(y.name, y.setting), '{{}}') FROM ({SYSTEM}) y),
        'writes', coalesce((SELECT setting NOT IN ('on', 'true', 'yes', '1') FROM pg_file_settings
            WHERE name = 'default_transaction_read_only' AND applied
            ORDER BY seqno DESC LIMIT 1), true),
        'databases', (SELECT coalesce(json_agg(datname), '[]') FROM (
            SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate
            ORDER BY oid DESC LIMIT {_MOST_DATABASES}) d)
    )
"""

_HELD = """
    SELECT l.pid, l.mode, n.nspname || '.' || c.relname AS "table"
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE l.granted AND l.locktype = 'relation' AND c.relkind IN ('r', 'm', 'p')
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')
        AND n.nspname !~ '^(pg_|information_schema$)'
    ORDER BY l.pid, 3 LIMIT 50
"""
"""Tables that sessions keep writers, or everybody, away from."""

_TABLES = f"""
    SELECT json_build_object(
        'grants', (SELECT coalesce(json_agg(g), '[]') FROM ({GRANTS}) g),
        'held', (SELECT coalesce(json_agg(h), '[]') FROM ({_HELD}) h),
        'barred', (SELECT coalesce(json_agg(b), '[]') FROM ({BARRED}) b),
        'autovacuum_off', (SELECT coalesce(json_agg(t), '[]') FROM (
            SELECT n.nspname || '.' || c.relname AS "table", s.n_dead_tup AS dead,
                s.n_live_tup AS live
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
            WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_'
                AND array_to_string(c.reloptions, ' ') ~* 'autovacuum_enabled=(f|n|off|0)'
            ORDER BY s.n_dead_tup DESC NULLS LAST LIMIT 30) t),
        'indexes', (SELECT coalesce(json_agg(i), '[]') FROM (
            SELECT n.nspname || '.' || t.relname AS "table", c.relname AS name,
                x.indisvalid AS valid, x.indisunique AS "unique", m.amname AS method,
                CASE WHEN x.indexprs IS NULL AND x.indpred IS NULL AND x.indnatts = x.indnkeyatts
                    AND NOT EXISTS (SELECT FROM unnest(x.indoption) o WHERE o <> 0)
                    AND NOT EXISTS (SELECT FROM unnest(x.indclass::oid[]) AS u(class)
                        JOIN pg_opclass o ON o.oid = u.class WHERE NOT o.opcdefault)
                    AND NOT EXISTS (SELECT FROM
                        unnest(x.indkey::int2[], x.indcollation::oid[]) AS u(number, rule)
                        JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.number
                        WHERE u.rule <> a.attcollation)
                    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid)
                THEN (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(x.indkey)
                    WITH ORDINALITY AS k(number, place) JOIN pg_attribute a
                    ON a.attrelid = x.indrelid AND a.attnum = k.number) END AS columns
            FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
            JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_am m ON m.oid = c.relam
            WHERE n.nspname !~ '^(pg_|information_schema$)' ORDER BY 1, 2 LIMIT 400) i)
    )
"""


def postgres_state(_: Params, __: Places) -> int:
    """PostgresFacts: every server that runs, also one that lets nobody in."""
    until = time.monotonic() + _SECONDS
    return answer({"clusters": [_told(cluster, until) for cluster in clusters()]})


def postgres_session(params: Params, _: Places) -> int:
    """PostgresSessionFacts of one session; its state is `gone` where it is another one or none."""
    found = ask(at_port(int(params["port"])), _of_session(params, f"SELECT row_to_json(s) FROM "
                f"(SELECT {_SESSION} FROM {_ACTIVITY} WHERE {{}}) s"))  # fmt: skip
    gone = {"pid": params["pid"], "started": params["started"], "state": "gone"}
    return answer(gone if found is None else {**found, "state": found["state"] or "unknown"})


def postgres_terminate_session(params: Params, _: Places) -> int:
    """End exactly that session: the same start, and in a transaction that does nothing."""
    where = _of_session(params, f"{{}} AND {_may_end('idle in transaction%')}")
    ended = _end(at_port(int(params["port"])), where, 1)
    if not ended:
        raise Failed(
            f"session {params['pid']} is not the one that was meant any more: it ended, works, or "
            "copies the database"
        )
    return answer({"ended": ended})


def postgres_terminate_idle(params: Params, _: Places) -> int:
    """End sessions of one group that have been idle, outside any transaction, for the longest."""
    cluster = at_port(int(params["port"]))
    group = [s for s in _sessions(cluster) if s["group"] == params["group"]]
    idle = [s for s in group if _idles(s, int(params["idle_seconds"]))]
    idle.sort(key=lambda s: -s["state_seconds"])
    named = " OR ".join(
        f"(a.pid = {int(s['pid'])} AND {_STARTED} = {int(s['started'])})"
        for s in idle[: int(params["count"])]
    )
    ended = _end(cluster, f"({named}) AND {_may_end('idle')}", len(idle)) if named else 0
    if not ended:
        raise Failed("no session of that group is idle for so long any more")
    return answer({"ended": ended})


def group_of(session: dict[str, Any]) -> str:
    """By what sessions are told apart: user, database, application and address, as one hash."""
    parts = [session.get(name) for name in ("user", "database", "application", "address")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _told(cluster: Cluster, until: float) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "port": cluster.port,
        "account": cluster.account,
        "unit": cluster.unit,
        "data": cluster.data,
        "status": cluster.status,
        "replaying": recovering(cluster) if cluster.status == "starting" else None,
    }
    try:
        state = ask(cluster, _STATE)
        facts |= {"reachable": True, **state, "sessions": []}
        facts |= _grouped([{**s, "group": group_of(s)} for s in state["sessions"]])
        facts |= _of_tables(cluster, state["databases"], until)
    except Failed as error:
        return {**facts, "reachable": False, "error": str(error)}
    return facts


def _grouped(sessions: list[dict[str, Any]]) -> dict[str, Any]:
    """Sessions that matter one by one, and all of them as groups."""
    blockers = {pid for s in sessions for pid in s["blocked_by"] or ()}
    telling = [
        s
        for s in sessions
        if s["pid"] in blockers or s["blocked_by"] or s["work"] or "transaction" in str(s["state"])
    ]
    groups: dict[str, dict[str, Any]] = {}
    for one in sessions:
        shape = {name: one[name] for name in ("user", "database", "application", "address")}
        known = groups.setdefault(
            one["group"], {"id": one["group"], **shape, "sessions": 0, "idle": 0, "idle_seconds": 0}
        )
        known["sessions"] += one["kind"] == "client backend"
        known["superuser"] = one["superuser"]
        known["backup"] = known.get("backup", False) or one["backup"]
        if _idles(one, 0):
            known["idle"] += 1
            known["idle_seconds"] = max(known["idle_seconds"], one["state_seconds"])
    ranked = sorted(groups.values(), key=lambda g: -g["sessions"])
    return {"sessions": telling[:100], "groups": ranked[:30]}


def _idles(session: dict[str, Any], seconds: int) -> bool:
    known = session["state_seconds"] is not None
    return session["state"] == "idle" and known and session["state_seconds"] >= seconds


def _of_tables(cluster: Cluster, databases: list[str], until: float) -> dict[str, Any]:
    """Tables, indexes and sequences of the newest databases, as far as the time goes."""
    found: dict[str, Any] = {"autovacuum_off": [], "indexes": [], "grants": [], "not_looked_at": []}
    found |= {
        "behind": [],
        "tables": [],
        "tables_unseen": [],
        "shapes": [],
        "barred": [],
        "held": [],
    }
    for name in databases:
        try:
            seen = ask(cluster, _TABLES, name) if time.monotonic() < until else None
        except Failed:
            seen = None
        if seen is None:
            found["not_looked_at"].append(name)
            continue
        for part in ("autovacuum_off", "indexes", "grants", "barred", "held"):
            found[part] += [{"database": name, **one} for one in seen[part]]
        with contextlib.suppress(Failed):  # what was seen of it besides stands
            found["shapes"] += [{"database": name, **one} for one in shapes(cluster, name)]
        try:  # these look into the tables, which somebody may hold: what else was seen stands
            inside = {"behind": behind(cluster, name), "tables": tables(cluster, name)}
        except Failed:
            found["tables_unseen"].append(name)
            continue
        for part, seen in inside.items():
            found[part] += [{"database": name, **one} for one in seen]
    return found


def _sessions(cluster: Cluster) -> list[dict[str, Any]]:
    listed = ask(cluster, f"SELECT coalesce(json_agg(s), '[]') FROM ({_SESSIONS}) s")
    return [{**s, "group": group_of(s)} for s in listed]


def _of_session(params: Params, statement: str) -> str:
    same = f"a.pid = {int(params['pid'])} AND {_STARTED} = {int(params['started'])}"
    return statement.format(same)


def _may_end(state: str) -> str:
    """What every session that is ended must still be at the very moment."""
    return (
        f"a.state LIKE '{state}' AND a.backend_type = 'client backend' "
        f"AND a.application_name !~* '{_BACKUPS}'"
    )


def _end(cluster: Cluster, where: str, most: int) -> int:
    """How many sessions were told to end; chosen and ended by one statement."""
    return int(
        ask(
            cluster,
            f"SELECT count(*) FROM (SELECT pg_terminate_backend(a.pid) AS told "
            f"FROM pg_stat_activity a WHERE {where} LIMIT {int(most)}) e WHERE e.told",
        )
    )
