"""Rows that stood before the chain knew of their table: which tables it knows, and taking over.

The genesis names the tables of its time, with how many rows each had. A later version may declare
further tables to be of facts: the first thing that is then written takes their rows over, once, and
an event names those tables. A table that was taken over never is again: a row that has no entry was
inserted by somebody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper

from app.audit.entry import Fact, parsed
from app.audit.scanning import rows_of
from app.audit.watching import execution_of, fact_of
from app.domain.fact import SERVICE, FactKind
from app.models.audited import audited_mappers
from app.models.base import Base
from app.models.chain import AuditEntry

TAKEN_OVER = "tables-taken-over"
"""The event that names tables which the genesis did not know."""

Mappers = Sequence[Mapper[Any]]


async def unknown_tables(session: AsyncSession) -> Mappers:
    """Tables of facts that the chain was not told of; all of them before it has begun."""
    told = select(AuditEntry.content).where(
        or_(
            AuditEntry.seq == 1,
            and_(AuditEntry.about == TAKEN_OVER, AuditEntry.kind == FactKind.EVENT.value),
        )
    )
    known: set[str] = set()
    for content in (await session.execute(told)).scalars():
        rows = parsed(content).get("rows")
        known |= set(rows) if isinstance(rows, dict) else set()
    return [mapper for mapper in audited_mappers() if _name(mapper) not in known]


async def chained_tables(session: AsyncSession) -> Mappers:
    """Tables whose rows have entries. All, where there is no chain: then no row has any."""
    unknown = {_name(mapper) for mapper in await unknown_tables(session)}
    chained = [mapper for mapper in audited_mappers() if _name(mapper) not in unknown]
    return chained or audited_mappers()


async def standing_counts(
    session: AsyncSession, tables: Mappers, facts: Iterable[Fact]
) -> dict[str, int]:
    """How many rows stand in each of these tables, without those that `facts` add."""
    counts = {}
    for mapper in tables:
        counted = select(func.count()).select_from(mapper.class_)
        counts[_name(mapper)] = (await session.execute(counted)).scalar_one()
    for about, _ in _added(facts):
        if about in counts:
            counts[about] -= 1
    return counts


async def standing_rows(
    session: AsyncSession, tables: Mappers, facts: Iterable[Fact]
) -> AsyncIterator[Sequence[Fact]]:
    """These rows as adopted, a few hundred at a time."""
    added = _added(facts)
    for mapper in tables:
        async for part in rows_of(session, mapper):
            adopted = [await _adopted(session, row) for row in part]
            yield [fact for fact in adopted if (fact.about, fact.row_id) not in added]


def left_to_enter(facts: Iterable[Fact], tables: Mappers) -> list[Fact]:
    """What is still to be entered: a row that was taken over was so as it is after its change."""
    taken_over = {_name(mapper) for mapper in tables}
    return [f for f in facts if f.kind is not FactKind.CHANGED or f.about not in taken_over]


def _added(facts: Iterable[Fact]) -> set[tuple[str, str]]:
    return {(fact.about, fact.row_id) for fact in facts if fact.kind is FactKind.WRITTEN}


async def _adopted(session: AsyncSession, row: Base) -> Fact:
    return fact_of(row, FactKind.ADOPTED, await execution_of(session, row), SERVICE)


def _name(mapper: Mapper[Any]) -> str:
    return str(mapper.class_.__tablename__)
