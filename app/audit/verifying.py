"""Verification of the whole audit, in one look at one moment, with bounded memory.

1. Every entry: made by a holder of its key, in its place, none missing (walking.py).
2. Every row: as the last entry about it says, none removed, none added (comparing.py).
3. Every anchor outside: the chain still has what it had then (anchoring.py).
4. The database's own guards stand (app/models/guards.py).

What it cannot see: entries removed from the end together with their rows, where no anchor was
given; and anything done by who holds the key. docs/discussions/audit.md says so at length.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import key_file
from app.audit.anchoring import compare_anchors
from app.audit.archives import archived_between, archived_executions, compare_files, not_there
from app.audit.chain import entry_of, head
from app.audit.comparing import compare_rows, find_deleted
from app.audit.entry import Entry
from app.audit.findings import Fault, Findings, Report
from app.audit.key_file import KeyRing
from app.audit.scanning import entries_of
from app.audit.sealing import chain_id
from app.audit.walking import Walk
from app.models import guards
from app.models.audited import audited_mappers
from app.models.chain import AuditEntry
from app.models.database import Database
from app.models.sre_execution import Execution

TABLES = tuple(str(mapper.class_.__tablename__) for mapper in audited_mappers())


async def verify(
    database: Database, *, anchors: Sequence[Path] = (), execution_id: int | None = None
) -> Report:
    """Verify everything, or what belongs to one execution.

    Raises AuditKeyUnusable without the keys, NotFound for an execution that neither the chain nor
    the database knows, DatabaseNotReady, and ConfigurationError for an anchor file.
    """
    ring = key_file.load(database.settings.audit_keys_at)
    findings = Findings()
    async with database.reading() as session:
        walk = await _walk(session, ring, findings, execution_id)
        if walk.entries == 0 and execution_id is not None:
            await _must_exist(session, execution_id)
        rows = await compare_rows(session, findings, execution_id)
        last, chain = await head(session), await chain_id(session)
        seen = 0
        for path in anchors:
            seen += await compare_anchors(
                session, findings, path, chain=chain, head=last.seq if last else 0
            )
        await look_at_guards(session, findings)
        archived = await archived_executions(session)
        if execution_id is None:
            await compare_files(session, findings, database.settings.archives_at)
    return Report(
        entries=walk.entries,
        rows=rows,
        anchors=seen,
        chain=chain,
        head=last.seq if last else 0,
        head_hash=last.hash if last else "",
        head_at=last.at if last else "",
        archived=archived,
        findings=tuple(findings.kept),
        more=findings.more,
    )


async def _walk(
    session: AsyncSession, ring: KeyRing, findings: Findings, execution_id: int | None
) -> Walk:
    """Feed the entries to a walk, each with the one after it."""
    walk = Walk(ring, TABLES, findings, whole=execution_id is None)
    mine: list[ColumnElement[bool]] = []
    if execution_id is not None:
        mine = [AuditEntry.execution_id == execution_id]
    waiting: Entry | None = None
    async for rows in entries_of(session, *mine):
        entries = [entry_of(row) for row in rows]
        await find_deleted(session, findings, entries)
        if walk.whole:
            walk.gaps.forget_before(walk.last.seq if walk.last else 0)
            walk.gaps.add(await archived_between(session, ring, waiting, entries))
        for entry in entries:
            if waiting is not None:
                walk.see(waiting, entry)
            waiting = entry
    if waiting is not None:
        walk.see(waiting, None)
    return walk


async def _must_exist(session: AsyncSession, execution_id: int) -> None:
    found = await session.execute(select(Execution.id).where(Execution.id == execution_id))
    if found.first() is None:
        raise await not_there(session, execution_id)


async def look_at_guards(session: AsyncSession, findings: Findings) -> None:
    """Find the database's guards that are missing or altered."""
    connection = await session.connection()
    for name in await connection.run_sync(guards.missing):
        findings.add(
            Fault.GUARD_MISSING,
            f"The database's guard {name} is missing or was altered: somebody with rights over "
            "the tables removed it. `sre-agent audit guard` puts it back.",
        )
