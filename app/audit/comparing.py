"""Compares the rows that there are with what the chain says of them, both ways."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper

from app.audit.adopting import chained_tables
from app.audit.chain import content_of_entry, entry_of
from app.audit.content import content_of, differing, raw_columns, values_of_raw
from app.audit.entry import Entry
from app.audit.findings import Fault, Findings
from app.audit.scanning import raw_rows_of
from app.domain.fact import ADDS_ROW, OF_ROW
from app.domain.value import JsonObject
from app.models.audited import audited_mappers
from app.models.chain import AuditEntry
from app.models.operations import Approval, ApprovalVote
from app.models.sre_execution import Execution


def mapper_of(about: str) -> Mapper[Any] | None:
    """The mapped class of a table of facts; None: there is no such table."""
    return next((m for m in audited_mappers() if m.class_.__tablename__ == about), None)


async def compare_rows(session: AsyncSession, findings: Findings, execution_id: int | None) -> int:
    """Hold every row against the last entry about it. How many rows there are."""
    compared = 0
    for mapper in await chained_tables(session):
        where = belonging(mapper, execution_id)
        if where is None:
            continue
        about = str(mapper.class_.__tablename__)
        async for rows in raw_rows_of(session, mapper, *where):
            last = await last_entries(session, about, list(rows))
            for row_id, values in rows.items():
                compare(findings, about, row_id, values, last.get(row_id))
            compared += len(rows)
    return compared


def compare(
    findings: Findings, about: str, row_id: str, values: JsonObject, entry: Entry | None
) -> None:
    """Hold one row against the last entry about it."""
    if entry is None:
        return findings.add(
            Fault.ROW_INSERTED,
            f"Row {row_id} of {about} was inserted: no entry of the chain is about it.",
        )
    columns = differing(content_of_entry(entry), content_of(values))
    if columns:
        findings.add(
            Fault.ROW_CHANGED,
            f"Row {row_id} of {about} was changed: {', '.join(columns)} "
            f"{'is' if len(columns) == 1 else 'are'} not what {entry.named()} says.",
            entry.seq,
        )
    return None


async def compare_portion(
    session: AsyncSession, findings: Findings, mapper: Mapper[Any], after: object, limit: int
) -> tuple[int, object]:
    """Compare the next rows of a table. How many, and the last one's key; None: these were all."""
    (key,) = mapper.primary_key
    wanted = select(*raw_columns(mapper)).order_by(key).limit(limit)
    rows = await _compare_selected(
        session, findings, mapper, wanted if after is None else wanted.where(key > after)
    )
    return len(rows), rows[-1][str(key.key)] if len(rows) == limit else None


async def compare_rows_about(
    session: AsyncSession, findings: Findings, entries: Iterable[Entry]
) -> None:
    """Compare the rows that these entries are about, where they are there."""
    ids: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.kind in OF_ROW:
            ids[entry.about].add(entry.row_id)
    for about, of_table in ids.items():
        mapper = mapper_of(about)
        if mapper is not None:
            (key,) = mapper.primary_key
            wanted = select(*raw_columns(mapper)).where(key.in_(_typed(key, of_table)))
            await _compare_selected(session, findings, mapper, wanted)


async def _compare_selected(
    session: AsyncSession, findings: Findings, mapper: Mapper[Any], wanted: Select[Any]
) -> Sequence[Mapping[str, Any]]:
    """Compare what a query over a table's raw columns finds. Hashing is done in a thread."""
    (key,) = mapper.primary_key
    rows = [dict(row) for row in (await session.execute(wanted)).mappings()]
    about, name = str(mapper.class_.__tablename__), str(key.key)
    last = await last_entries(session, about, [str(row[name]) for row in rows])

    def compare_all() -> None:
        for row in rows:
            row_id = str(row[name])
            compare(findings, about, row_id, values_of_raw(mapper, row), last.get(row_id))

    await asyncio.to_thread(compare_all)
    return rows


async def find_deleted(session: AsyncSession, findings: Findings, entries: Iterable[Entry]) -> None:
    """Look for the rows that these entries say were added."""
    added: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        if entry.kind in ADDS_ROW:
            added[entry.about][entry.row_id] = entry
    for about, by_id in added.items():
        mapper = mapper_of(about)
        there = await _ids_there(session, mapper, list(by_id)) if mapper else set()
        for row_id, entry in by_id.items():
            if row_id not in there:
                findings.add(
                    Fault.ROW_DELETED,
                    f"Row {row_id} of {about} was deleted: {entry.named()} says that it was added.",
                    entry.seq,
                )


def belonging(mapper: Mapper[Any], execution_id: int | None) -> list[ColumnElement[bool]] | None:
    """The condition for an execution's rows of a table; None: the table has none of any."""
    kind = mapper.class_
    if execution_id is None:
        return []
    if kind is Execution:
        return [Execution.id == execution_id]
    if kind is ApprovalVote:
        asked = select(Approval.id).where(Approval.execution_id == execution_id)
        return [ApprovalVote.approval_id.in_(asked)]
    if "execution_id" in mapper.columns:
        return [mapper.columns["execution_id"] == execution_id]
    return None


async def last_entries(session: AsyncSession, about: str, ids: Sequence[str]) -> dict[str, Entry]:
    """The last entry about each row, by the row's id."""
    newest = (
        select(func.max(AuditEntry.seq))
        .where(
            AuditEntry.about == about,
            AuditEntry.row_id.in_(ids),
            AuditEntry.kind.in_(OF_ROW),
        )
        .group_by(AuditEntry.row_id)
    )
    found = await session.execute(select(AuditEntry).where(AuditEntry.seq.in_(newest)))
    return {row.row_id: entry_of(row) for row in found.scalars()}


async def _ids_there(session: AsyncSession, mapper: Mapper[Any], ids: Sequence[str]) -> set[str]:
    (key,) = mapper.primary_key
    found = await session.execute(select(key).where(key.in_(_typed(key, ids))))
    return {str(id_) for id_ in found.scalars()}


def _typed(key: ColumnElement[Any], ids: Iterable[str]) -> list[int | str]:
    """Ids as the column has them; without those that it cannot hold."""
    numbered = isinstance(key.type, Integer)
    return [int(id_) if numbered else id_ for id_ in ids if not numbered or _is_number(id_)]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19  # what the column can hold
