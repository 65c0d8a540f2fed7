"""What the database itself refuses, whoever asks."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.audit.verifying import verify
from app.errors import DatabaseNotReady
from app.models.database import Database
from tests.integration.audit.tampering import lift_guards
from tests.integration.audit.test_chain import live_through

FACTS = [
    "sre_incident_execution", "incident_execution_log", "sre_timeline_entry", "sre_hypothesis",
    "sre_verification", "sre_evidence", "sre_provenance", "approval", "approval_vote",
    "command_intent", "baseline",
]  # fmt: skip
FIXED = [
    "UPDATE sre_evidence SET ok = ok",
    "UPDATE incident_execution_log SET command_output = ''",
    "UPDATE sre_verification SET healed = healed",
    "UPDATE sre_provenance SET statement = ''",
    "UPDATE approval_vote SET person = 'mallory'",
    "UPDATE baseline SET reason = ''",
    "UPDATE sre_incident_execution SET incident_number = 'INC1'",
    "UPDATE sre_timeline_entry SET key = 'other'",
    "UPDATE sre_hypothesis SET key = 'other'",
    "UPDATE approval SET plan_hash = 'other'",
    "UPDATE command_intent SET id = 'other'",
    "UPDATE audit_entry SET actor = 'mallory'",
]


async def refused(database: Database, statement: str) -> bool:
    try:
        async with database.transaction() as session:
            await session.execute(text(statement))
    except DBAPIError as error:
        said = str(error.orig)
        reasons = ("refuses", "written down", "right after the last", "stands there already")
        assert any(reason in said for reason in reasons), said
        return True
    return False


async def test_facts_are_neither_changed_nor_deleted(database: Database, execution_id: int) -> None:
    await live_through(database, execution_id)
    deletions = [f"DELETE FROM {table}" for table in [*FACTS, "audit_entry"]]
    for statement in (*FIXED, *deletions):
        assert await refused(database, statement), statement
    if not database.settings.uses_sqlite:
        for table in (*FACTS, "audit_entry"):
            assert await refused(database, f"TRUNCATE {table} CASCADE"), table
    assert (await verify(database)).sound


END = "(SELECT hash FROM audit_entry ORDER BY seq DESC LIMIT 1)"


@pytest.mark.parametrize(("further", "previous"), [(2, END), (1, "'00'"), (0, END)])
async def test_an_entry_comes_right_after_the_last(
    database: Database, execution_id: int, further: int, previous: str
) -> None:
    assert await refused(
        database,
        f"INSERT INTO audit_entry SELECT (SELECT max(seq) + {further} FROM audit_entry), "
        f"{previous}, kind, about, row_id, content, NULL, NULL, at, actor, key_id, hash "
        "FROM audit_entry WHERE seq = 1",
    )
    assert (await verify(database)).sound


async def test_missing_guards_keep_the_service_from_starting(database: Database) -> None:
    async with database.transaction() as session:
        await lift_guards(session)
    with pytest.raises(DatabaseNotReady, match=r"lacks guards.*sre-agent audit guard"):
        await database.check_schema()
    assert len(await database.put_guards_back()) > 20
    await database.check_schema()
    assert await database.put_guards_back() == []


REPLACED = [
    ("sre_evidence", "id"),
    ("sre_evidence", "execution_id, kind, step_key, position"),
    ("approval_vote", "approval_id, person"),
    ("command_intent", "id"),
    ("audit_entry", "seq"),
]


@pytest.mark.parametrize(("table", "shared"), REPLACED)
async def test_sqlites_replace_pushes_nothing_out(
    database: Database, execution_id: int, table: str, shared: str
) -> None:
    """Also on a connection that leaves recursive triggers off, as sqlite3's own shell does."""
    if not database.settings.uses_sqlite:
        pytest.skip("REPLACE is SQLite's")
    await live_through(database, execution_id)
    path = database.settings.sqlite_path
    assert path is not None
    with sqlite3.connect(path) as connection:
        row = _first_row(connection, table)
        if "id" not in shared.split(", ") and table != "audit_entry":
            row["id"] = 4711
        names, marks = ", ".join(f'"{n}"' for n in row), ", ".join("?" * len(row))
        with pytest.raises(sqlite3.IntegrityError, match=r"stands there already|right after"):
            connection.execute(
                f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", list(row.values())
            )
    connection.close()
    assert (await verify(database)).sound


def _first_row(connection: sqlite3.Connection, table: str) -> dict[str, Any]:
    cursor = connection.execute(f"SELECT * FROM {table} LIMIT 1")
    return dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
