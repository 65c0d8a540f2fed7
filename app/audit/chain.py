"""The chain's one end: facts become entries here, in the transaction that writes them.

Entries are numbered without a gap over all processes: on PostgreSQL whoever appends holds a lock
until his transaction ends, on SQLite every writer has the database to himself. The lock is taken
last, after all work is done, so it is held for the append and the commit alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import key_file
from app.audit.entry import Entry, Fact
from app.audit.key_file import Key, KeyRing
from app.audit.scanning import rows_of
from app.audit.watching import execution_of, fact_of
from app.domain.fact import SERVICE, FactKind
from app.domain.value import JsonObject, canonical_json
from app.errors import AuditKeyUnusable
from app.models.audited import audited_mappers
from app.models.base import Base
from app.models.chain import AuditEntry
from app.models.database import database_now

ONE_AT_A_TIME = 7_365_219  # any number; the key of PostgreSQL's advisory lock
NEXT_KEY = "next_key_id"  # in the content of a KEY entry


class Chain:
    """Appends entries, with the keys of a file."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._ring = KeyRing(keys=())

    async def append(self, session: AsyncSession, facts: Sequence[Fact]) -> Entry | None:
        """Enter facts, in order. The last entry; None where there was nothing to enter.

        The first append of all begins the chain: the rows that stood before are adopted. Raises
        AuditKeyUnusable where the chain's key is not in the file.
        """
        if not facts:
            return None
        await _wait_for_turn(session)
        last = await head(session)
        if last is None:
            last = await self._begin(session, facts)
            facts = [fact for fact in facts if fact.kind is not FactKind.CHANGED]  # adopted
        return await self._enter(session, last, facts)

    async def _begin(self, session: AsyncSession, facts: Sequence[Fact]) -> Entry:
        """Write the genesis, and adopt every row that this transaction does not add itself."""
        self._ring = await asyncio.to_thread(key_file.load_or_create, self._key_file)
        added = {(f.about, f.row_id) for f in facts if f.kind is FactKind.WRITTEN}
        standing = await _count_rows(session)
        for about, _ in added:
            standing[about] -= 1
        key = self._ring.newest
        content = {"rows": standing, "key_id": key.id, "public_key": key.public}
        genesis = Fact(kind=FactKind.GENESIS, about="", content=content)
        last = await self._enter(session, None, [genesis])
        async for adopted in _standing(session, added):
            last = await self._enter(session, last, adopted) or last
        assert last is not None, "a genesis was entered"
        return last

    async def _enter(
        self, session: AsyncSession, last: Entry | None, facts: Sequence[Fact]
    ) -> Entry | None:
        """Number, bind and sign facts after the last entry; the new last one."""
        now, numbers, entries = await database_now(session), dict[int, int](), list[Entry]()
        for fact in facts:
            key = await self.key(next_key_id(last) if last else self._ring.newest.id)
            last = _signed(
                key,
                Entry(
                    seq=last.seq + 1 if last else 1,
                    previous=last.hash if last else "",
                    execution_seq=await _next_number(session, numbers, fact.execution_id),
                    at=now.isoformat(timespec="microseconds"),
                    key_id=key.id,
                    kind=fact.kind.value,
                    content=canonical_json(fact.content),
                    **fact.model_dump(exclude={"kind", "content"}),
                ),
            )
            entries.append(last)
        if entries:
            rows = [entry.model_dump() for entry in entries]
            await session.execute(insert(AuditEntry.__table__), rows)  # type: ignore[arg-type]
        return last

    async def key(self, key_id: str) -> Key:
        """A key by its id; the file is read again where it is not known: it may be new."""
        key = self._ring.get(key_id)
        if key is None:
            self._ring = await asyncio.to_thread(key_file.load, self._key_file)
            key = self._ring.get(key_id)
        if key is None:
            raise AuditKeyUnusable(
                f"The audit's chain is made with the key {key_id}, which {self._key_file} does "
                "not hold.",
                hint="Every process needs the same key file: copy it, or restore its backup.",
            )
        return key


async def head(session: AsyncSession) -> Entry | None:
    """The last entry; None before there is one."""
    newest_first = select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(1)
    row = (await session.execute(newest_first)).scalar_one_or_none()
    return None if row is None else entry_of(row)


def entry_of(row: AuditEntry | Row[Any]) -> Entry:
    """A row of the chain as a value. What is no number there (SQLite takes any text) is none."""
    fields = {name: getattr(row, name) for name in Entry.model_fields}
    for name in ("execution_id", "execution_seq"):
        fields[name] = fields[name] if isinstance(fields[name], int) else None
    return Entry(**fields)


def next_key_id(entry: Entry) -> str:
    """The key that the entry after this one is made with."""
    if entry.kind != FactKind.KEY:
        return entry.key_id
    return key_change_of(entry)


def key_change_of(entry: Entry) -> str:
    """The id that a KEY entry names; "" where somebody wrote something else there."""
    return str(content_of_entry(entry).get(NEXT_KEY, ""))


def content_of_entry(entry: Entry) -> JsonObject:
    """An entry's content, parsed; empty where it is no JSON object, which no entry of ours has."""
    try:
        found = json.loads(entry.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _signed(key: Key, entry: Entry) -> Entry:
    return entry.model_copy(update={"hash": key.mac(entry.signed_part())})


async def _wait_for_turn(session: AsyncSession) -> None:
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))


async def _next_number(
    session: AsyncSession, numbers: dict[int, int], execution_id: int | None
) -> int | None:
    """The next number within an execution; `numbers` remembers those of this append."""
    if execution_id is None:
        return None
    if execution_id not in numbers:
        highest = select(func.max(AuditEntry.execution_seq)).where(
            AuditEntry.execution_id == execution_id
        )
        numbers[execution_id] = (await session.execute(highest)).scalar_one() or 0
    numbers[execution_id] += 1
    return numbers[execution_id]


async def _count_rows(session: AsyncSession) -> dict[str, int]:
    """How many rows each table of facts has."""
    counts = {}
    for mapper in audited_mappers():
        counted = select(func.count()).select_from(mapper.class_)
        counts[str(mapper.class_.__tablename__)] = (await session.execute(counted)).scalar_one()
    return counts


async def _standing(
    session: AsyncSession, added: set[tuple[str, str]]
) -> AsyncIterator[Sequence[Fact]]:
    """Every row of facts but those just added, a few hundred at a time."""
    for mapper in audited_mappers():
        async for part in rows_of(session, mapper):
            facts = [await _adopted(session, row) for row in part]
            yield [fact for fact in facts if (fact.about, fact.row_id) not in added]


async def _adopted(session: AsyncSession, row: Base) -> Fact:
    return fact_of(row, FactKind.ADOPTED, await execution_of(session, row), SERVICE)
