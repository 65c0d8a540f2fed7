"""Where executions stand that wait for a worker or are with one: the few columns that order them.

Read once a second, with a thousand of them waiting: nothing of their stories is looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, select

from app.domain.execution import ACTIVE, ExecutionStatus
from app.domain.incident import Priority
from app.domain.value import Value
from app.models.database import Database
from app.models.sre_execution import Execution

BEFORE_WORKERS = (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING)


class Place(Value):
    """One execution's place."""

    execution_id: int
    host: str
    priority: Priority
    received_at: datetime
    status: ExecutionStatus


class Places(Value):
    """All places as of one moment, oldest first."""

    places: tuple[Place, ...]

    @property
    def queued(self) -> tuple[Place, ...]:
        return tuple(p for p in self.places if p.status is ExecutionStatus.QUEUED)

    @property
    def running(self) -> tuple[Place, ...]:
        return tuple(p for p in self.places if p.status is ExecutionStatus.RUNNING)


class Standings:
    """Reads places. Raises DatabaseNotReady."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def before_workers(self) -> Places:
        """All that wait for a worker or are with one."""
        return await self._places(Execution.status.in_(BEFORE_WORKERS))

    async def of(self, execution_ids: Collection[int]) -> Places:
        """The places of these; unknown ones are missing."""
        if not execution_ids:
            return Places(places=())
        return await self._places(Execution.id.in_(execution_ids))

    async def is_busy(self, host: str) -> bool:
        """Whether any execution about a host has not ended, one that waits for a person too."""
        active = await self._places(Execution.status.in_(ACTIVE), Execution.host == host)
        return bool(active.places)

    async def beside(self, execution_id: int) -> Places:
        """Those about the host of one that wait for a worker or are with one, itself among them."""
        host = select(Execution.host).where(Execution.id == execution_id).scalar_subquery()
        return await self._places(Execution.status.in_(BEFORE_WORKERS), Execution.host == host)

    async def _places(self, *where: ColumnElement[bool]) -> Places:
        wanted = (
            select(
                Execution.id,
                Execution.host,
                Execution.priority,
                Execution.received_at,
                Execution.status,
            )
            .where(*where)
            .order_by(Execution.id)
        )
        async with self._database.reading() as session:
            rows = (await session.execute(wanted)).all()
        return Places(
            places=tuple(
                Place(
                    execution_id=row.id,
                    host=row.host,
                    priority=row.priority,
                    received_at=row.received_at,
                    status=row.status,
                )
                for row in rows
            )
        )
