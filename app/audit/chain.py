"""The chain's one end: facts become entries here, in the transaction that writes them.

Entries are numbered without a gap over all processes: on PostgreSQL whoever appends holds a lock
until his transaction ends, on SQLite every writer has the database to himself. The lock is taken
last, after all work is done, so it is held for the append and the commit alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import key_file
from app.audit.adopting import (
    TAKEN_OVER,
    left_to_enter,
    standing_counts,
    standing_rows,
    unknown_tables,
)
from app.audit.entry import Entry, Fact, parsed
from app.audit.key_file import Key, KeyRing
from app.domain.fact import FactKind
from app.domain.value import JsonObject, canonical_json
from app.errors import AuditKeyUnusable
from app.models.chain import AuditEntry
from app.models.database import database_now

ONE_AT_A_TIME = 7_365_219  # any number; the key of PostgreSQL's advisory lock
NEXT_KEY = "next_key_id"  # in the content of a KEY entry


class Chain:
    """Appends entries, with the keys of a file."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._ring = KeyRing(keys=())
        self._knows_all_tables = False

    async def append(self, session: AsyncSession, facts: Sequence[Fact]) -> Entry | None:
        """Enter facts, in order. The last entry; None where there was nothing to enter.

        The first append of all begins the chain: the rows that stood before are adopted. Raises
        AuditKeyUnusable where the chain's key is not in the file.
        """
        if not facts:
            return None
        await _wait_for_turn(session)
        last = await head(session)
        if not self._knows_all_tables:
            last, facts = await self._take_over(session, last, facts)
        return await self._enter(session, last, facts)

    async def _take_over(
        self, session: AsyncSession, last: Entry | None, facts: Sequence[Fact]
    ) -> tuple[Entry | None, Sequence[Fact]]:
        """Adopt the rows of tables that the chain does not know yet; it begins with that.

        What this transaction adds to them itself is left to be entered.
        """
        tables = await unknown_tables(session)
        # not by what we do here: it may be rolled back
        self._knows_all_tables = not tables
        if not tables:
            return last, facts
        if last is None:
            self._ring = await asyncio.to_thread(key_file.load_or_create, self._key_file)
        counts = await standing_counts(session, tables, facts)
        last = await self._enter(session, last, [self._first_of(counts, begins=last is None)])
        async for adopted in standing_rows(session, tables, facts):
            last = await self._enter(session, last, adopted) or last
        return last, left_to_enter(facts, tables)

    def _first_of(self, counts: dict[str, int], *, begins: bool) -> Fact:
        """What says which rows are adopted after it."""
        if not begins:
            return Fact(kind=FactKind.EVENT, about=TAKEN_OVER, content={"rows": counts})
        key = self._ring.newest
        content = {"rows": counts, "key_id": key.id, "public_key": key.public}
        return Fact(kind=FactKind.GENESIS, about="", content=content)

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
    return parsed(entry.content)


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
