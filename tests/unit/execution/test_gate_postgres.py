"""The gate and a real PostgreSQL: what is told of it, and whom it ends."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.execution.gate import postgres, postgres_upkeep
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.database_facts import (
    PostgresCluster,
    PostgresFacts,
    PostgresSessionFacts,
    PostgresTableFacts,
)

pytestmark = pytest.mark.postgres
PLACES = Places()
SECRET = "tell nobody"


@pytest.fixture
def url(postgres_server: str) -> str:
    return postgres_server.replace("+psycopg", "")


@pytest.fixture
def forgotten(url: str) -> Iterator[psycopg.Connection]:
    """A transaction that holds a table and does nothing."""
    with psycopg.connect(url, application_name="a person", autocommit=True) as session:
        session.execute("CREATE TABLE IF NOT EXISTS held (n int PRIMARY KEY)")
    session = psycopg.connect(url, application_name="a person")
    session.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
    session.execute(f"SELECT '{SECRET}'")
    yield session
    session.close()


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/")[0])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def cluster(url: str, capsys: pytest.CaptureFixture[str]) -> PostgresCluster:
    postgres.postgres_state({}, PLACES)
    seen = told(capsys)
    assert SECRET not in json.dumps(seen), "no text of a query is told"
    facts = PostgresFacts.model_validate(seen)
    return next(c for c in facts.clusters if c.port == port_of(url))


def named(url: str, pid: int, started: int) -> dict[str, str | int]:
    return {"port": port_of(url), "pid": pid, "started": started}


def test_a_forgotten_transaction_is_seen_and_only_exactly_it_is_ended(
    url: str, forgotten: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = cluster(url, capsys)
    assert (seen.reachable, seen.status) == (True, "ready")
    assert seen.max_connections is not None
    assert seen.free == seen.max_connections - 4  # three are kept for superusers, one is held
    held = next(s for s in seen.sessions if s.pid == forgotten.info.backend_pid)
    assert (held.state, held.lock) == ("idle in transaction", "AccessExclusiveLock")
    with pytest.raises(Failed, match="not the one that was meant"):
        postgres.postgres_terminate_session(named(url, held.pid, held.started + 1), PLACES)
    this = named(url, held.pid, held.started)
    postgres.postgres_terminate_session(this, PLACES)
    assert told(capsys) == {"ended": 1}
    postgres.postgres_session(this, PLACES)
    assert PostgresSessionFacts.model_validate(told(capsys)).state == "gone"
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")


def test_a_copy_of_the_database_and_a_session_outside_a_transaction_are_let_be(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for application, statement in (("pg_dump", "BEGIN"), ("anything", "SELECT 1")):
        with psycopg.connect(url, application_name=application, autocommit=True) as session:
            session.execute(statement)
            pid = session.info.backend_pid
            row = session.execute(
                "SELECT round(extract(epoch FROM backend_start) * 1000000)::bigint "
                "FROM pg_stat_activity WHERE pid = %s",
                (pid,),
            ).fetchone()
            assert row is not None
            with pytest.raises(Failed, match="not the one that was meant"):
                postgres.postgres_terminate_session(named(url, pid, row[0]), PLACES)
            session.execute("SELECT 1")


@pytest.fixture
def leaked(url: str) -> Iterator[list[psycopg.Connection]]:
    """Three sessions of a program that keeps them, and one of another."""
    with contextlib.ExitStack() as open_:
        yield [
            open_.enter_context(
                contextlib.closing(psycopg.connect(url, application_name=name, autocommit=True))
            )
            for name in ("leak", "leak", "leak", "pool")
        ]


def test_idle_sessions_of_one_program_are_ended_and_no_others(
    url: str, leaked: list[psycopg.Connection], capsys: pytest.CaptureFixture[str]
) -> None:
    group = next(g for g in cluster(url, capsys).groups if g.application == "leak")
    assert (group.sessions, group.idle) == (3, 3)
    asked: dict[str, str | int] = {
        "port": port_of(url), "group": group.id, "idle_seconds": 1000, "count": 9
    }  # fmt: skip
    with pytest.raises(Failed, match="idle for so long"):
        postgres.postgres_terminate_idle(asked, PLACES)
    postgres.postgres_terminate_idle({**asked, "idle_seconds": 0, "count": 2}, PLACES)
    assert told(capsys) == {"ended": 2}
    leaked[-1].execute("SELECT 1")


def test_a_port_without_a_server_is_said() -> None:
    with pytest.raises(Failed, match="no PostgreSQL server"):
        postgres.postgres_session({"port": 1, "pid": 400, "started": 1}, PLACES)


@pytest.fixture
def table(url: str) -> Iterator[str]:
    """A table that autovacuum does not look after, with dead rows."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE neglected (n int) WITH (autovacuum_enabled = off)")
        session.execute("INSERT INTO neglected SELECT generate_series(1, 500)")
        session.execute("DELETE FROM neglected")
        yield "public.neglected"
        session.execute("DROP TABLE neglected")


def test_a_table_is_vacuumed_and_left_to_autovacuum_and_back(
    url: str, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    database = url.rsplit("/", 1)[1].partition("?")[0]
    named_: dict[str, str | int] = {"port": port_of(url), "database": database, "table": table}

    def autovacuum() -> str:
        capsys.readouterr()
        postgres_upkeep.postgres_table(named_, PLACES)
        return PostgresTableFacts.model_validate(told(capsys)).autovacuum or ""

    assert autovacuum() == "off"
    postgres_upkeep.postgres_set_autovacuum({**named_, "enabled": "yes"}, PLACES)
    assert autovacuum() == "on"
    postgres_upkeep.postgres_vacuum(named_, PLACES)
    with psycopg.connect(url) as session:
        query = "SELECT n_dead_tup, last_vacuum IS NOT NULL FROM pg_stat_user_tables"
        assert session.execute(f"{query} WHERE relname = 'neglected'").fetchone() == (0, True)
    postgres_upkeep.postgres_set_autovacuum({**named_, "enabled": "no"}, PLACES)
    assert autovacuum() == "off"


def test_a_name_that_could_end_a_statement_goes_nowhere(url: str) -> None:
    asked: dict[str, str | int] = {"port": port_of(url), "database": "x", "table": "public.a'; --"}
    with pytest.raises(Failed, match="no plain name"):
        postgres_upkeep.postgres_vacuum(asked, PLACES)


def test_a_slot_that_nobody_reads_is_dropped(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked: dict[str, str | int] = {"port": port_of(url), "slot": "left_behind"}
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("SELECT pg_create_physical_replication_slot('left_behind', true)")
    for expected in ("inactive", "missing"):
        capsys.readouterr()
        postgres_upkeep.postgres_slot(asked, PLACES)
        assert told(capsys)["state"] == expected
        postgres_upkeep.postgres_drop_slot(asked, PLACES)


def test_an_index_is_told_built_again_and_only_that_one_is_dropped(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = PLACES._replace(state=str(tmp_path))
    database = url.rsplit("/", 1)[1].partition("?")[0]
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE bills (id int PRIMARY KEY, day date, shop text, n int)")
        session.execute("CREATE INDEX bills_by_day ON bills (day, shop)")
        session.execute("CREATE INDEX bills_by_half ON bills ((n / 2))")
        session.execute("CREATE INDEX bills_like ON bills (shop text_pattern_ops)")
        told_ = {i.name: i for i in cluster(url, capsys).indexes if i.table == "public.bills"}
        session.execute("DROP INDEX bills_by_day")
    known = told_["bills_by_day"]
    assert (known.columns, known.method, known.unique) == (("day", "shop"), "btree", False)
    assert told_["bills_by_half"].columns is None, "an expression is no plain column"
    assert told_["bills_like"].columns is None, "a way of comparing of its own"
    assert told_["bills_pkey"].columns is None, "a constraint's index is not built alone"
    named_: dict[str, str | int] = {
        "port": port_of(url), "database": database, "index": "public.bills_by_day",
    }  # fmt: skip
    shape: dict[str, str | int] = {
        **named_, "table": "public.bills", "columns": "day,shop", "unique": "no", "method": "btree",
    }  # fmt: skip
    with pytest.raises(Failed, match="not built by the gate"):
        postgres_upkeep.postgres_drop_index(named_, places)
    for wrong in ({"index": "public.bills_by_half"}, {"index": "other.bills_by_day"}):
        with pytest.raises(Failed, match=r"already|lies in"):
            postgres_upkeep.postgres_create_index({**shape, **wrong}, places)
    with pytest.raises(Failed, match="does not exist"):
        postgres_upkeep.postgres_create_index({**shape, "columns": "nope"}, places)
    with psycopg.connect(url) as session:
        query = "SELECT count(*) FROM pg_indexes WHERE tablename = 'bills'"
        assert session.execute(query).fetchone() == (3,), "what was there is there"
    postgres_upkeep.postgres_create_index(shape, places)
    with psycopg.connect(url) as session:
        query = "SELECT indexdef FROM pg_indexes WHERE indexname = 'bills_by_day'"
        (made,) = session.execute(query).fetchone() or ("",)
    assert made.endswith("USING btree (day, shop)")
    postgres_upkeep.postgres_drop_index(named_, places)
    capsys.readouterr()
    postgres_upkeep.postgres_index(named_, places)
    assert told(capsys)["state"] == "missing"
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("DROP TABLE bills")


def test_an_index_is_built_beside_transactions_that_take_their_time(
    url: str, tmp_path: Path
) -> None:
    places = Places(state=str(tmp_path))
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'"
        " AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > '2.5 s'"
    )
    shape: dict[str, str | int] = {
        "port": port_of(url), "database": "postgres", "table": "public.slow", "columns": "n",
        "index": "public.slow_n", "unique": "no", "method": "btree",
    }  # fmt: skip
    with psycopg.connect(url, autocommit=True) as other, psycopg.connect(url) as writer:
        shape["database"] = writer.info.dbname
        other.execute("CREATE TABLE slow (n int)")
        writer.execute("INSERT INTO slow VALUES (1)")
        with ThreadPoolExecutor(1) as pool:
            built = pool.submit(postgres_upkeep.postgres_create_index, shape, places)
            while not built.done() and other.execute(waiting).fetchone() == (0,):
                other.execute("SELECT pg_sleep(0.05)")
            writer.commit()
            assert built.result() == 0
        other.execute("DROP TABLE slow")


def test_functions_of_a_databases_users_are_not_run_for_them(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A function of theirs that fits better than the server's own would run as its master."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(
            "CREATE FUNCTION public.array_to_string(text[], text) RETURNS text LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$"
        )
        session.execute("CREATE TABLE lured (n int) WITH (autovacuum_enabled = off)")
    try:
        seen = cluster(url, capsys)
        assert "public.lured" in {table.table for table in seen.autovacuum_off}
    finally:
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("DROP FUNCTION public.array_to_string(text[], text)")
            session.execute("DROP TABLE lured")
