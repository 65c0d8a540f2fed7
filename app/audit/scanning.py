"""Walking over whole tables, a few hundred rows at a time: memory does not grow with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper

from app.audit.content import raw_columns, values_of_raw
from app.domain.value import JsonObject
from app.models.chain import AuditEntry

AT_A_TIME = 500


async def rows_of(
    session: AsyncSession, mapper: Mapper[Any], *where: ColumnElement[bool]
) -> AsyncIterator[Sequence[Any]]:
    """The rows of a table in the order of its primary key, which is one column."""
    (key,) = mapper.primary_key
    wanted = select(mapper.class_).where(*where).order_by(key).limit(AT_A_TIME)
    rows = (await session.execute(wanted)).scalars().all()
    while rows:
        yield rows
        (last,) = mapper.primary_key_from_instance(rows[-1])
        rows = (await session.execute(wanted.where(key > last))).scalars().all()


async def entries_of(
    session: AsyncSession, *where: ColumnElement[bool]
) -> AsyncIterator[Sequence[AuditEntry]]:
    """The chain's rows, in order."""
    wanted = select(AuditEntry).where(*where).order_by(AuditEntry.seq).limit(AT_A_TIME)
    rows = (await session.execute(wanted)).scalars().all()
    while rows:
        yield rows
        session.expunge_all()
        following = wanted.where(AuditEntry.seq > rows[-1].seq)
        rows = (await session.execute(following)).scalars().all()


async def raw_rows_of(
    session: AsyncSession, mapper: Mapper[Any], *where: ColumnElement[bool]
) -> AsyncIterator[dict[str, JsonObject]]:
    """The values of a table's rows by their ids, whatever somebody wrote into them."""
    (key,) = mapper.primary_key
    name, columns = str(key.key), raw_columns(mapper)
    wanted = select(*columns).where(*where).order_by(key).limit(AT_A_TIME)
    rows = (await session.execute(wanted)).mappings().all()
    while rows:
        yield {str(row[name]): values_of_raw(mapper, dict(row)) for row in rows}
        rows = (await session.execute(wanted.where(key > rows[-1][name]))).mappings().all()


async def last_entry_of(session: AsyncSession, execution_id: int) -> AuditEntry | None:
    """The newest entry about an execution."""
    newest = (
        select(AuditEntry)
        .where(AuditEntry.execution_id == execution_id)
        .order_by(AuditEntry.execution_seq.desc())
        .limit(1)
    )
    return (await session.execute(newest)).scalar_one_or_none()
