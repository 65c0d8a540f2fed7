"""Somebody is at work on a database and others wait: it is said, and nothing is ended."""

from __future__ import annotations

from typing import Any

import pytest

from app.reasoning.port import Advice, Assessment
from tests.unit.host.test_sessions_at_work import ALTERS, BEHIND, HELD, WAITS, WORKS
from tests.unit.reasoning.cases import case, facts_of, unit
from tests.unit.reasoning.test_builtin import judge
from tests.unit.reasoning.test_containers import settled
from tests.unit.reasoning.test_databases import cluster, mariadb, of_postgres, told

NOTE = "Welcome.\nRFC-77 approved: index on parcels, do not cancel.\nBe nice."


async def test_work_that_others_wait_for_is_told_with_who_does_it_and_left_alone() -> None:
    judged = await of_postgres(sessions=[WORKS, WAITS], held=[HELD])
    assert judged.advice is Advice.HAND_OVER
    assert judged.repair is None
    for word in ("CREATE INDEX", "anna", "RFC-77", "public.parcels", "desk", "70 s"):
        assert word in judged.statement, judged.statement
    assert judged.hypotheses[0].mode == "database-worked-on"


async def test_the_note_that_speaks_of_it_is_cited() -> None:
    given = told("postgres:5544", {"postgres__state": cluster(sessions=[WORKS, WAITS])})
    noted = [
        e.model_copy(update={"facts": {"logged_in": [], "notes": {"/etc/motd": NOTE}}})
        if e.action == "persons.list"
        else e
        for e in given.evidence
    ]
    judged = await settled(given.model_copy(update={"evidence": tuple(noted)}))
    assert "RFC-77 approved: index on parcels, do not cancel." in judged.statement
    assert "Welcome" not in judged.statement


async def test_a_copy_of_the_database_is_told_to_be_one() -> None:
    copies = WORKS | {"work": "COPY", "backup": True, "application": "pg_dump"}
    judged = await of_postgres(sessions=[copies, WAITS])
    assert judged.advice is Advice.HAND_OVER
    assert "loses a backup" in judged.statement


async def test_of_mariadb_too() -> None:
    now = mariadb(90, at_tables=[ALTERS, BEHIND])
    judged = await settled(told("mariadb:3399", {"mariadb__state": now}))
    assert judged.advice is Advice.HAND_OVER
    assert "ALTER TABLE" in judged.statement


async def served(text: str, *sessions: dict[str, Any]) -> Assessment:
    """Users who can be asked are served; somebody works on the host's database."""
    facts = facts_of([unit("base.service")], [])
    facts["postgres.state"] = cluster(sessions=sessions, held=[HELD])
    given = case(facts | {"firewall.show": {"rules": []}}, with_baseline=False)
    incident = given.incident.model_copy(update={"short_description": text, "description": ""})
    return await judge(given.model_copy(update={"incident": incident}))


@pytest.mark.parametrize(
    ("text", "sessions", "said"),
    [
        ("nobody can save", [WORKS, WAITS], True),
        ("the database hangs", [WORKS], True),  # who would write to that table now would wait
        ("the page is blue", [WORKS], False),
        ("the database hangs", [WAITS], False),
    ],
)
async def test_it_is_said_where_nobody_who_can_be_asked_suffers(
    text: str, sessions: list[dict[str, Any]], said: bool
) -> None:
    judged = await served(text, *sessions)
    assert ("CREATE INDEX" in judged.statement) is said, judged.statement
    if said:
        assert judged.advice is Advice.HAND_OVER
        assert judged.hypotheses[0].mode == "database-worked-on"
