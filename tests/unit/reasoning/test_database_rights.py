"""What keeps roles from tables that they were given: told, and given if a person agrees."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.database_checks import JUDGED_BY, doubted
from app.host.database_rights import CHECK, missing
from app.host.view import HostView
from app.reasoning.port import Advice
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HOST, case
from tests.unit.reasoning.test_builtin import UP, asked, steps
from tests.unit.reasoning.test_database_access import judged_between, server

SCHEMA = {
    "database": "books", "of": "schema", "name": "public", "right": "USAGE", "role": "clerk",
}  # fmt: skip
TEMPORARY = SCHEMA | {"of": "database", "name": "books", "right": "TEMPORARY"}
GIVEN = "postgres.give_right database=books name=public of=schema port=5432 right=USAGE role=clerk"
TABLES = [{"database": "books", "table": "public.ledger", "empty": False}]
GROUP = {"id": "a", "user": "clerk", "database": "books", "sessions": 1}


def view(**state: Any) -> HostView:
    return HostView(HOST, cases.evidence({"postgres.state": server(**state)}))


def said(*lines: str) -> dict[str, Any]:
    return asked(*UP, log={"tickets.service": [*lines]})


async def test_the_role_that_may_not_use_its_schema_is_let_in_if_a_person_agrees() -> None:
    now = server(barred=[SCHEMA, TEMPORARY], tables=TABLES)
    judged = await judged_between(now, server(barred=[]))
    assert steps(judged) == [GIVEN], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert "schema public" in judged.statement


@pytest.mark.parametrize(
    "line",
    [
        'psycopg.errors.UndefinedTable: relation "ledger" does not exist',
        "ERROR: permission denied for schema public",
    ],
)
async def test_a_complaint_is_enough_where_nothing_is_known_of_before(line: str) -> None:
    now = server(barred=[SCHEMA], tables=TABLES)
    judged = await judged_between(now, server(), **said(line))
    assert steps(judged) == [GIVEN], judged.statement


@pytest.mark.parametrize(
    "line", ['relation "atlas" does not exist', "permission denied for schema drafts", "all well"]
)
async def test_without_one_nothing_is_said_of_what_may_have_been_so_always(line: str) -> None:
    now = server(barred=[SCHEMA], tables=TABLES)
    judged = await judged_between(now, server(), **said(line))
    assert judged.repair is None
    assert all(h.mode != "postgres-right-missing" for h in judged.hypotheses)


async def test_temporary_tables_are_missed_only_by_who_complains_of_it() -> None:
    quiet = await judged_between(server(barred=[TEMPORARY]), server(barred=[]))
    assert quiet.repair is None
    line = 'permission denied to create temporary tables in database "books"'
    judged = await judged_between(server(barred=[TEMPORARY]), server(barred=[]), **said(line))
    given = GIVEN.replace("public of=schema", "books of=database").replace("USAGE", "TEMPORARY")
    assert steps(judged) == [given], judged.statement


async def test_a_note_on_the_host_hands_it_to_people() -> None:
    persons: dict[str, Any] = {
        "persons.list": {"logged_in": [], "notes": {"/etc/motd": "access was revoked"}}
    }
    now = server(barred=[SCHEMA], tables=TABLES)
    judged = await judged_between(now, server(barred=[]), **persons)
    assert judged.advice is Advice.HAND_OVER


def test_who_is_at_work_is_meant_before_who_is_not() -> None:
    both = [SCHEMA, SCHEMA | {"role": "auditor"}]
    (one,) = missing(view(barred=both, groups=[GROUP]), None)
    assert one.roles == ("clerk",)
    (idle,) = missing(view(barred=both), None)
    assert idle.roles == ("clerk", "auditor")


def test_what_was_so_while_all_was_well_is_left_alone() -> None:
    assert missing(view(barred=[SCHEMA]), view(barred=[SCHEMA])) == ()
    (one,) = missing(view(barred=[SCHEMA]), view(barred=[], not_looked_at=["books"]))
    assert not one.is_new


def test_it_is_asked_about_and_judged_by_what_the_server_tells() -> None:
    incident = case({}).incident.model_copy(
        update={"short_description": 'relation "ledger" does not exist', "description": ""}
    )
    (probe,) = doubted(view(barred=[SCHEMA]), view(barred=[]), incident, agreed=False)
    assert probe.check == CHECK
    judge = JUDGED_BY[CHECK]
    lacking = judge(view(barred=[SCHEMA]), probe.subject)
    assert lacking is not None
    assert not lacking[0]
    assert (judge(view(barred=[]), probe.subject) or (False,))[0] is True
    assert judge(view(), probe.subject) is None, "an old answer tells nothing of it"
    assert judge(view(barred=[], not_looked_at=["books"]), probe.subject) is None
