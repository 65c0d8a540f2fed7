"""The gate and a real PostgreSQL: what is told of it, and whom it ends."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.execution.gate import postgres
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.database_facts import PostgresCluster, PostgresFacts, PostgresSessionFacts

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
    assert (seen.reachable, seen.status, seen.free) == (True, "ready", 96)
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
