"""Baselines: how each host looked while it was healthy, version by version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.writing import Writer
from app.domain.value import JsonObject, Value
from app.models.operations import BaselineRow


class StoredBaseline(Value):
    """One version of a host's baseline. Its parts are typed in app/host/baseline.py."""

    host: str
    version: int
    taken_at: datetime
    manifest: JsonObject
    probes: tuple[JsonObject, ...]
    host_model: JsonObject
    reason: str
    simulated: bool


class Taken(Value):
    """That a version was taken, and why."""

    version: int
    taken_at: datetime
    reason: str


class Baselines(Writer):
    """The baselines of all hosts. Simulated and real ones never meet."""

    async def store(
        self,
        host: str,
        *,
        taken_at: datetime,
        manifest: JsonObject,
        probes: Sequence[JsonObject],
        host_model: JsonObject,
        reason: str,
        simulated: bool,
    ) -> int:
        """Add a version. Returns its number: 1, 2, ..."""

        async def work(session: AsyncSession) -> int:
            last = await _newest(session, host, simulated=simulated)
            row = BaselineRow(
                host=host,
                version=last.version + 1 if last else 1,
                taken_at=taken_at,
                manifest=manifest,
                probes=list(probes),
                host_model=host_model,
                reason=reason,
                simulated=simulated,
            )
            session.add(row)
            await session.flush()
            return row.version

        return await self._write(f"The baseline of {host}", work)

    async def latest(self, host: str, *, simulated: bool) -> StoredBaseline | None:
        """The newest version; None where the host has none."""
        async with self._database.reading() as session:
            row = await _newest(session, host, simulated=simulated)
            return None if row is None else _value(row)

    async def listed(self, host: str, *, simulated: bool, limit: int = 20) -> tuple[Taken, ...]:
        """The newest versions without their contents, newest first."""
        table = BaselineRow
        newest_first = (
            select(table.version, table.taken_at, table.reason)
            .where(table.host == host, table.simulated == simulated)
            .order_by(table.version.desc())
            .limit(limit)
        )
        async with self._database.reading() as session:
            return tuple(
                Taken(version=row[0], taken_at=row[1], reason=row[2])
                for row in await session.execute(newest_first)
            )


async def _newest(session: AsyncSession, host: str, *, simulated: bool) -> BaselineRow | None:
    newest_first = (
        select(BaselineRow)
        .where(BaselineRow.host == host, BaselineRow.simulated == simulated)
        .order_by(BaselineRow.version.desc())
        .limit(1)
    )
    return (await session.execute(newest_first)).scalar_one_or_none()


def _value(row: BaselineRow) -> StoredBaseline:
    return StoredBaseline(
        host=row.host,
        version=row.version,
        taken_at=row.taken_at,
        manifest=row.manifest,
        probes=tuple(row.probes),
        host_model=row.host_model,
        reason=row.reason,
        simulated=row.simulated,
    )
