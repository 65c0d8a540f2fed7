"""The gate and a real PostgreSQL: who is at work on tables, and from which he keeps others."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.unit.execution.test_gate_postgres import SECRET, cluster, url

pytestmark = pytest.mark.postgres
__all__ = ["url"]  # a fixture, used by its name


@pytest.fixture
def parcels(url: str) -> Iterator[psycopg.Connection]:
    """A table, and a session that lets nobody's index on it go on: it holds what `held` wants."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE parcels (n int)")
        session.execute("INSERT INTO parcels VALUES (1)")
        session.execute(
            "CREATE FUNCTION held(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN n; END $$"
        )
        session.execute("SELECT pg_advisory_lock(4711)")
        yield session
        session.execute("DROP TABLE parcels")
        session.execute("DROP FUNCTION held")


@pytest.mark.parametrize(
    ("statement", "work", "holds"),
    [
        ("CREATE INDEX ON parcels (held(n))", "CREATE INDEX", ["ShareLock"]),
        (
            (
                f"/* by {SECRET} */ -- '{SECRET}'\n create /* a */ UNIQUE  index /* b */ parcels_n"
                f" ON parcels (held(n)) WHERE n::text <> '{SECRET}'"
            ),
            "CREATE UNIQUE INDEX",
            ["ShareLock"],
        ),
        (
            "ALTER TABLE parcels ALTER n TYPE int USING held(n)",
            "ALTER TABLE",
            ["AccessExclusiveLock"],
        ),
        (f"SELECT held(n), '{SECRET}' FROM parcels", "", []),
    ],
)
def test_what_is_at_work_on_a_table_is_told_by_its_first_words(
    url: str,
    parcels: psycopg.Connection,
    capsys: pytest.CaptureFixture[str],
    statement: str,
    work: str,
    holds: list[str],
) -> None:
    stuck = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(url, autocommit=True) as worker, ThreadPoolExecutor(1) as pool:
        pid = worker.info.backend_pid
        at_it = pool.submit(worker.execute, statement.encode())
        while not at_it.done() and parcels.execute(stuck).fetchone() == (0,):
            pass
        seen = cluster(url, capsys)  # it looks for SECRET itself
        parcels.execute("SELECT pg_advisory_unlock(4711)")
        at_it.result()
    (session,) = [one for one in seen.sessions if one.pid == pid]
    assert session.work == work
    assert [(one.table, one.mode) for one in seen.held if one.pid == pid] == [
        ("public.parcels", mode) for mode in holds
    ]
