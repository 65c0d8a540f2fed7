"""Who is at work on a database's tables, and who waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.database_facts import MariadbServer, PostgresCluster
from app.host.sessions_at_work import at_work, held_up

WORKS: dict[str, Any] = {
    "pid": 41, "started": 1, "user": "anna", "application": "RFC-77", "database": "freight",
    "state": "active", "state_seconds": 70, "work": "CREATE INDEX", "superuser": True,
}  # fmt: skip
WAITS: dict[str, Any] = {
    "pid": 42, "started": 2, "user": "desk", "state": "active", "blocked_by": [41],
}  # fmt: skip
HELD = {"database": "freight", "pid": 41, "mode": "ShareLock", "table": "public.parcels"}


def cluster(*sessions: dict[str, Any], **more: Any) -> PostgresCluster:
    return PostgresCluster.model_validate({"port": 5433, "sessions": sessions} | more)


def test_who_what_where_since_when_and_who_waits() -> None:
    (one,) = held_up(cluster(WORKS, WAITS, WAITS | {"pid": 43, "user": "web"}, held=[HELD]))
    assert one.said == (
        "session 41 of anna (RFC-77) from this host runs CREATE INDEX on public.parcels of freight "
        "for 70 s; 2 wait for it: desk, web"
    )


@pytest.mark.parametrize(
    "sessions",
    [
        [WORKS],
        [WORKS | {"work": ""}, WAITS],  # a query of somebody's
        [WORKS | {"state_seconds": 1}, WAITS],  # it is over at once
        [WORKS | {"blocked_by": [7]}, WAITS],  # it waits itself: for whom, is the question
        [WAITS],
    ],
)
def test_nobody_is_held_up_where_nobody_works_or_waits(sessions: list[dict[str, Any]]) -> None:
    assert held_up(cluster(*sessions)) == ()


def test_who_has_locked_a_table_and_goes_on_is_at_work_whatever_runs_now() -> None:
    (one,) = held_up(cluster(WORKS | {"work": ""}, WAITS, held=[HELD]))
    assert "in a transaction that has locked tables" in one.said


def test_whom_nobody_waits_for_is_at_work_all_the_same() -> None:
    (one,) = at_work(cluster(WORKS, held=[HELD]))
    assert (one.tables, one.waiting) == ("public.parcels", 0)


ALTERS: dict[str, Any] = {
    "id": 9, "user": "root", "database": "erp", "seconds": 200, "work": "ALTER TABLE",
}  # fmt: skip
BEHIND: dict[str, Any] = {"id": 10, "user": "desk", "database": "erp", "waits": True}


def server(*sessions: dict[str, Any]) -> MariadbServer:
    return MariadbServer.model_validate({"port": 3399, "at_tables": sessions})


def test_of_mariadb_those_wait_that_wait_for_a_table_of_the_same_database() -> None:
    elsewhere = BEHIND | {"id": 11, "database": "other"}
    (one,) = held_up(server(ALTERS, BEHIND, elsewhere))
    assert (one.waiting, one.waiters, one.work) == (1, "desk", "ALTER TABLE")
    assert held_up(server(ALTERS, elsewhere)) == ()
    assert held_up(server(ALTERS | {"waits": True}, BEHIND)) == (), "it waits for somebody itself"
