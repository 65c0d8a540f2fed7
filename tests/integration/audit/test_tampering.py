"""An attacker with all rights over the database but without the key: found, and named.

Each of these first lifts the guards, does harm, and puts them back.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from app.audit.findings import Fault, Finding
from app.audit.verifying import verify
from app.models.audited import audited_mappers
from app.models.chain import AuditEntry
from app.models.database import Database
from tests.integration.audit.tampering import lift_guards, tamper
from tests.integration.audit.test_chain import live_through


@pytest.fixture
async def lived(database: Database, execution_id: int) -> Database:
    """A database with an execution that went through every door."""
    await live_through(database, execution_id)
    return database


async def found(database: Database, *anchors: Path) -> list[Finding]:
    return list((await verify(database, anchors=anchors)).findings)


async def seq_of(database: Database, kind: str, about: str) -> int:
    """The number of the first such entry."""
    wanted = select(AuditEntry.seq).where(AuditEntry.kind == kind, AuditEntry.about == about)
    async with database.reading() as session:
        return (await session.execute(wanted.order_by(AuditEntry.seq).limit(1))).scalar_one()


FACTS = [
    ("sre_incident_execution", "summary", "'all was well'"),
    ("sre_incident_execution", "raw", """'{"x": 1}'"""),
    ("incident_execution_log", "command_output", "command_output || '.'"),
    ("incident_execution_log", "exit_code", "1"),
    ("incident_execution_log", "created_at", "'2020-01-01 00:00:00.000000'"),
    ("sre_evidence", "facts", "'{}'"),
    ("sre_verification", "watched_seconds", "10.5"),
    ("sre_timeline_entry", "updated_at", "'2020-01-01 00:00:00.000000'"),
    ("sre_hypothesis", "status", "'refuted'"),
    ("sre_provenance", "statement", "'up'"),
    ("approval", "state", "'rejected'"),
    ("approval_vote", "person", "'mallory'"),
    ("command_intent", "state", "'no state at all'"),
    ("command_intent", "output", "'nothing'"),
    ("baseline", "reason", "'because'"),
    ("sre_model_call", "answer", "'yes'"),
    ("sre_model_call", "cost", "0.5"),
    ("learning_reset", "reason", "'a good week'"),
]


async def test_a_row_that_was_edited_is_named_with_its_column_and_entry(lived: Database) -> None:
    await tamper(
        lived, *(f"UPDATE {table} SET {column} = {value}" for table, column, value in FACTS)
    )
    said = [f.sentence for f in await found(lived) if f.fault is Fault.ROW_CHANGED and f.seq]
    for table, column, _ in FACTS:
        told = [sentence for sentence in said if f" of {table} was changed: " in sentence]
        assert any(column in sentence for sentence in told), (table, column, said)


async def test_every_column_of_every_fact_is_covered(lived: Database) -> None:
    """Columns that a table does not declare to be outside cannot be forgotten."""
    async with lived.reading() as session:
        for mapper in audited_mappers():
            about = str(mapper.class_.__tablename__)
            wanted = select(AuditEntry.content).where(AuditEntry.about == about).limit(1)
            content = (await session.execute(wanted)).scalar_one_or_none()
            if content is None:
                # no ticket is written to here, no key is made, nothing is paused, nor archived
                others = ("outbox", "api_key", "pause", "archive", "archived_execution")
                assert about in others, f"{about} has no rows here"
                continue
            for attribute in mapper.column_attrs:
                assert f'"{attribute.key}":' in content, (about, attribute.key)


CHAIN = {
    "previous": "'00'",
    "kind": "'changed'",
    "about": "'sre_evidence'",
    "row_id": "'999'",
    "content": "'{}'",
    "execution_seq": "999",
    "at": "'2020'",
    "actor": "'mallory'",
    "key_id": "'0000000000000000'",
    "hash": "'00'",
}


@pytest.mark.parametrize("column", sorted(CHAIN))
async def test_an_entry_that_was_edited_is_named(lived: Database, column: str) -> None:
    at = await seq_of(lived, "written", "command_intent")
    await tamper(lived, f"UPDATE audit_entry SET {column} = {CHAIN[column]} WHERE seq = {at}")
    kinds = {finding.fault for finding in await found(lived) if finding.seq == at}
    assert kinds & {Fault.ENTRY_CHANGED, Fault.KEY_UNKNOWN}


async def test_an_entry_that_was_removed_is_a_gap(lived: Database) -> None:
    at = await seq_of(lived, "changed", "command_intent")
    await tamper(lived, f"DELETE FROM audit_entry WHERE seq = {at}")
    assert (Fault.ENTRIES_MISSING, at) in [(f.fault, f.seq) for f in await found(lived)]


async def test_a_row_that_was_deleted_is_named(lived: Database) -> None:
    at = await seq_of(lived, "written", "sre_provenance")
    await tamper(lived, "DELETE FROM sre_provenance")
    (finding,) = await found(lived)
    assert (finding.fault, finding.seq) == (Fault.ROW_DELETED, at)
    assert "of sre_provenance was deleted" in finding.sentence


async def test_a_row_that_was_inserted_is_named(lived: Database) -> None:
    await tamper(
        lived,
        "INSERT INTO approval_vote (id, approval_id, person, vote, reason, plan_hash, voted_at) "
        "SELECT 77, approval_id, 'mallory', vote, reason, plan_hash, voted_at FROM approval_vote",
    )
    (finding,) = await found(lived)
    assert finding.fault is Fault.ROW_INSERTED
    assert finding.sentence.startswith("Row 77 of approval_vote was inserted")


async def test_an_entry_that_was_added_without_the_key_is_named(lived: Database) -> None:
    await tamper(
        lived,
        "INSERT INTO audit_entry SELECT seq + 1, hash, kind, about, row_id, content, NULL, NULL, "
        "at, 'mallory', key_id, '00' FROM audit_entry "
        "WHERE seq = (SELECT max(seq) FROM audit_entry)",
    )
    kinds = [finding.fault for finding in await found(lived)]
    assert Fault.ENTRY_FORGED in kinds


async def test_entries_that_were_swapped_are_named(lived: Database) -> None:
    await tamper(
        lived,
        "UPDATE audit_entry SET seq = 9999 WHERE seq = 4",
        "UPDATE audit_entry SET seq = 4 WHERE seq = 5",
        "UPDATE audit_entry SET seq = 5 WHERE seq = 9999",
    )
    assert [(f.fault, f.seq) for f in await found(lived)] == [
        (Fault.ENTRY_MOVED, 4),
        (Fault.ENTRY_MOVED, 5),
    ]


async def test_an_end_that_was_cut_off_is_told_by_an_anchor(
    lived: Database, tmp_path: Path
) -> None:
    """Entries and rows are gone together: only what stands elsewhere knows of them."""
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(lived.settings.audit_checkpoints_at.read_bytes())
    last = "(SELECT seq FROM audit_entry WHERE about = 'baseline')"
    await tamper(
        lived,
        f"DELETE FROM audit_entry WHERE seq >= {last}",
        "DELETE FROM baseline",
        "DELETE FROM sre_model_call",
        "DELETE FROM learning_reset",
        "UPDATE sre_incident_execution SET status = 'running', outcome = NULL, ended_at = NULL, "
        "root_cause = '', summary = '', confidence = NULL, recommended = '[]', "
        "evidence_ids = '[]', cancel_requested_at = NULL, cancel_requested_by = NULL, "
        "cancel_reason = NULL",
    )
    assert await found(lived) == []
    (finding,) = await found(lived, copy)
    assert finding.fault is Fault.TRUNCATED
    assert "it ends at entry" in finding.sentence


async def test_a_checkpoint_that_was_edited_is_no_witness(lived: Database) -> None:
    path = lived.settings.audit_checkpoints_at
    path.write_text(path.read_text().replace('"seq":', '"seq":1'))
    assert {finding.fault for finding in await found(lived, path)} == {Fault.ANCHOR_FORGED}


async def test_guards_that_are_gone_are_named_and_put_back(lived: Database) -> None:
    async with lived.transaction() as session:
        await lift_guards(session)
    faults = [finding.fault for finding in await found(lived)]
    assert set(faults) == {Fault.GUARD_MISSING}
    assert len(faults) > 20
    await lived.put_guards_back()
    assert await found(lived) == []
