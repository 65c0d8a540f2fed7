"""Workers: which processes are alive, and when each was heard of last, by the database's clock.

A worker that was given up stays dead under its id, since its executions went to others. It learns
so from its next beat and must end itself.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.writing import Writer
from app.errors import Fenced
from app.models.base import DatabaseNow
from app.models.database import database_now
from app.models.operations import Worker


async def require_alive(session: AsyncSession, executor_id: str) -> None:
    """Hold the worker alive until this transaction ends. Raises Fenced where it was given up.

    Its executions are taken by others only after it was given up, so what this transaction commits
    comes before anything that they do.
    """
    worker = await session.get(Worker, executor_id, with_for_update={"read": True})
    if worker is None or worker.dead:
        raise Fenced(
            f"The worker {executor_id} was given up by its peers.",
            hint="Its executions go on elsewhere; the process ends by itself.",
        )


class Workers(Writer):
    """The processes that work on executions."""

    async def beat(
        self, executor_id: str, *, hostname: str, pid: int, epoch: str | None = None
    ) -> bool:
        """Say that a worker is alive. False: it was given up and must end itself.

        The first beat makes it known; it comes before the worker takes any work.
        """

        async def work(session: AsyncSession) -> bool:
            now = await database_now(session)
            worker = await session.get(Worker, executor_id, with_for_update=True)
            if worker is None:
                worker = Worker(
                    executor_id=executor_id, hostname=hostname, pid=pid, epoch=epoch, dead=False
                )
                session.add(worker)
            if worker.dead:
                return False
            worker.heartbeat = now
            return True

        return await self._write(f"The heartbeat of {executor_id}", work)

    async def live(self) -> frozenset[str]:
        """The ids of the workers that nobody has given up."""
        async with self._database.reading() as session:
            alive = select(Worker.executor_id).where(Worker.dead.is_(False))
            return frozenset((await session.execute(alive)).scalars())

    async def beats(self) -> dict[str, datetime]:
        """The last beat of each worker that nobody has given up, by the database's clock."""
        async with self._database.reading() as session:
            rows = select(Worker.executor_id, Worker.heartbeat).where(Worker.dead.is_(False))
            return {row[0]: row[1] for row in await session.execute(rows)}

    async def live_epochs(self) -> frozenset[str]:
        """The versions of the graph that live workers go on with."""
        async with self._database.reading() as session:
            epochs = select(Worker.epoch).where(Worker.dead.is_(False)).distinct()
            return frozenset(epoch for epoch in (await session.execute(epochs)).scalars() if epoch)

    async def give_up(self, executor_id: str, *, beaten_at: datetime | None = None) -> bool:
        """Declare a worker lost; False: it was not alive, or has beaten since `beaten_at`.

        `beaten_at`: its last beat that was seen, where its silence is all that is known.
        """

        async def work(session: AsyncSession) -> bool:
            gone = update(Worker).where(Worker.executor_id == executor_id, Worker.dead.is_(False))
            if beaten_at is not None:
                gone = gone.where(Worker.heartbeat == beaten_at)
            lost = gone.values(dead=True, lost_at=DatabaseNow()).returning(Worker.executor_id)
            return (await session.execute(lost)).first() is not None

        return await self._write(f"The loss of {executor_id}", work)

    async def all_gone(self) -> None:
        """Declare every worker lost: of a copy of the database, whose workers are none of it."""

        async def work(session: AsyncSession) -> None:
            alive = update(Worker).where(Worker.dead.is_(False))
            await session.execute(alive.values(dead=True, lost_at=DatabaseNow()))

        await self._write("The loss of all workers", work)

    async def leave(self, executor_id: str) -> None:
        """Stop in good order: others need not wait for the heartbeat to be late."""

        async def work(session: AsyncSession) -> None:
            its_own = update(Worker).where(Worker.executor_id == executor_id)
            await session.execute(its_own.values(dead=True, heartbeat=DatabaseNow()))

        await self._write(f"The leaving of {executor_id}", work)
