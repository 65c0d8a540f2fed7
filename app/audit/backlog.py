"""Who works, and what waits for them: what `sre-agent workers` and the page say of the engine."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.execution import ExecutionStatus
from app.domain.value import Value
from app.models.base import DatabaseNow
from app.models.database import Database
from app.models.durations import SecondsBetween
from app.models.operations import HostLease, Worker
from app.models.sre_execution import Execution

_OWN_LEASES = "#%"  # leases of the service on itself; no host is called so


class WorkerSeen(Value):
    """One process that works, or did."""

    id: str
    hostname: str
    pid: int
    started_at: datetime
    heard_seconds: float  # since its last heartbeat
    state: str  # "alive" | "left": in good order | "lost": given up by its peers


class Held(Value):
    """A host that a workflow may change now."""

    host: str
    workflow: str
    since: datetime | None


class Backlog(Value):
    """All of it, as of one moment."""

    workers: tuple[WorkerSeen, ...]  # the newest first
    queued: int
    oldest_seconds: float  # how long the oldest of those waits; 0 where none does
    running: int
    held: tuple[Held, ...]

    @property
    def alive(self) -> int:
        return sum(1 for worker in self.workers if worker.state == "alive")


async def backlog(database: Database, *, gone_too: bool = False) -> Backlog:
    """The backlog of this moment; with `gone_too` the last workers that are no more.

    Raises DatabaseNotReady.
    """
    async with database.reading() as session:
        oldest = SecondsBetween(func.min(Execution.started_at), DatabaseNow())
        waiting = Execution.status == ExecutionStatus.QUEUED
        queued, seconds = (await session.execute(select(func.count(), oldest).where(waiting))).one()
        return Backlog(
            workers=await _workers(session, gone_too=gone_too),
            queued=queued,
            oldest_seconds=max(0.0, seconds or 0.0),
            running=await _number(session, Execution.status == ExecutionStatus.RUNNING),
            held=await _held(session),
        )


async def _workers(session: AsyncSession, *, gone_too: bool) -> tuple[WorkerSeen, ...]:
    heard = SecondsBetween(Worker.heartbeat, DatabaseNow())
    wanted = select(Worker, heard).order_by(Worker.dead, Worker.started_at.desc()).limit(100)
    if not gone_too:
        wanted = wanted.where(Worker.dead.is_(False))
    return tuple(
        WorkerSeen(
            id=worker.executor_id,
            hostname=worker.hostname,
            pid=worker.pid,
            started_at=worker.started_at,
            heard_seconds=max(0.0, seconds),
            state=_state(worker),
        )
        for worker, seconds in (await session.execute(wanted)).all()
    )


def _state(worker: Worker) -> str:
    if not worker.dead:
        return "alive"
    return "left" if worker.lost_at is None else "lost"


async def _held(session: AsyncSession) -> tuple[Held, ...]:
    wanted = (
        select(HostLease)
        .where(HostLease.owner != "", HostLease.host.not_like(_OWN_LEASES))
        .order_by(HostLease.host)
    )
    leases = (await session.execute(wanted)).scalars()
    return tuple(Held(host=x.host, workflow=x.owner, since=x.acquired_at) for x in leases)


async def _number(session: AsyncSession, where: ColumnElement[bool]) -> int:
    return (await session.execute(select(func.count()).where(where))).scalar_one()
