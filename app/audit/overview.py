"""Figures over many executions: what was asked for, how it ended, how long it took.

Simulated and real executions never meet in one figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.event import ActionType, LogStatus
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.hypothesis import HypothesisStatus
from app.domain.value import Value
from app.models import operations
from app.models import sre_execution as tables
from app.models.database import Database, database_now

LOOKED_AT = 5000
"""The newest executions that figures are made of, at most."""

QUIET_SECONDS = 300
"""A running execution of which nothing was written for so long is called stuck."""


class Tried(Value):
    """Something that occurred in executions, and how many of those were resolved."""

    name: str
    times: int
    resolved: int

    @property
    def share(self) -> float:
        """0..1"""
        return self.resolved / self.times


class Stuck(Value):
    """An execution that runs and says nothing."""

    execution_id: int
    incident_number: str
    host: str
    silent_since: datetime


class Figures(Value):
    """How the agent has done since a moment; simulated or real executions, never both."""

    since: datetime
    simulated: bool
    outcomes: dict[Outcome, int]  # of what has ended
    seconds_to_resolve: tuple[float, ...]  # accepted to proven, sorted
    at_work: dict[ExecutionStatus, int]
    stuck: tuple[Stuck, ...]
    causes: tuple[Tried, ...]  # confirmed causes' failure modes, the most frequent first
    actions: tuple[Tried, ...]  # changes that ran, the most frequent first

    @property
    def ended(self) -> int:
        return sum(self.outcomes.values())

    @property
    def needed_healing(self) -> int:
        """Ended with something wrong that was not called off: what the success rate goes by."""
        aside = (Outcome.NO_FAULT, Outcome.CANCELLED)
        return sum(count for outcome, count in self.outcomes.items() if outcome not in aside)

    @property
    def success(self) -> float | None:
        """The resolved share of what needed healing, 0..1; None where nothing did."""
        if not self.needed_healing:
            return None
        return self.outcomes.get(Outcome.RESOLVED, 0) / self.needed_healing

    def quantile(self, share: float) -> float | None:
        """Seconds within which so much (0..1) of what was resolved was; None where nothing was."""
        times = self.seconds_to_resolve
        return times[min(len(times) - 1, int(share * len(times)))] if times else None


class Overview:
    """Reads figures, and hashes to compare outputs with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def figures(self, *, days: int, simulated: bool) -> Figures:
        """The figures of the last `days`."""
        async with self._database.reading() as session:
            now = await database_now(session)
            since = now - timedelta(days=days)
            rows = (await session.execute(_recent(since, simulated=simulated))).scalars().all()
            resolved = {row.id for row in rows if row.outcome is Outcome.RESOLVED}
            ids = [row.id for row in rows]
            return Figures(
                since=since,
                simulated=simulated,
                outcomes=Counter(row.outcome for row in rows if row.outcome is not None),
                seconds_to_resolve=_times(row for row in rows if row.id in resolved),
                at_work=Counter(row.status for row in rows if row.outcome is None),
                stuck=await _stuck(session, rows, now),
                causes=await _tried(session, _causes(ids), resolved),
                actions=await _tried(session, _changes(ids), resolved),
            )

    async def output_hashes(self, execution_id: int) -> dict[int, str]:
        """The sha256 of each output as it was recorded, by evidence."""
        table = tables.Evidence
        wanted = select(table.id, table.output_sha256).where(table.execution_id == execution_id)
        async with self._database.reading() as session:
            return {row[0]: row[1] for row in await session.execute(wanted)}

    async def waiting(self) -> int:
        """How many questions wait for a person now."""
        table = operations.Approval
        async with self._database.reading() as session:
            now = await database_now(session)
            wanted = select(func.count(table.id)).where(
                table.state == "pending", table.expires_at > now
            )
            return (await session.execute(wanted)).scalar_one()


def _recent(since: datetime, *, simulated: bool) -> Select[tables.Execution]:
    table = tables.Execution
    return (
        select(table)
        .where(table.started_at >= since, table.simulated == simulated)
        .order_by(table.id.desc())
        .limit(LOOKED_AT)
    )


def _times(rows: Iterable[tables.Execution]) -> tuple[float, ...]:
    ended = ((row.started_at, row.ended_at) for row in rows)
    return tuple(sorted((end - start).total_seconds() for start, end in ended if end is not None))


async def _stuck(
    session: AsyncSession, rows: Sequence[tables.Execution], now: datetime
) -> tuple[Stuck, ...]:
    """What runs and was silent for too long."""
    running = [row for row in rows if row.status is ExecutionStatus.RUNNING]
    log = tables.ExecutionLog
    last = (
        select(log.execution_id, func.max(log.created_at))
        .where(log.execution_id.in_([row.id for row in running]))
        .group_by(log.execution_id)
    )
    heard = {row[0]: row[1] for row in await session.execute(last)}
    silent = [(row, heard.get(row.id) or row.running_at or row.started_at) for row in running]
    return tuple(
        Stuck(
            execution_id=row.id,
            incident_number=row.incident_number,
            host=row.host,
            silent_since=since,
        )
        for row, since in silent
        if (now - since).total_seconds() > QUIET_SECONDS
    )


def _causes(ids: Sequence[int]) -> Select[int, str]:
    table = tables.HypothesisRow
    return select(table.execution_id, table.mode).where(
        table.execution_id.in_(ids), table.status == HypothesisStatus.CONFIRMED
    )


def _changes(ids: Sequence[int]) -> Select[int, str]:
    table = tables.ExecutionLog
    return select(table.execution_id, table.action).where(
        table.execution_id.in_(ids),
        table.action_type == ActionType.REMEDIATION,
        table.status == LogStatus.COMPLETED,
    )


async def _tried(
    session: AsyncSession, wanted: Select[int, str], resolved: set[int]
) -> tuple[Tried, ...]:
    """Each name once an execution, and how many of those executions were resolved."""
    found = {(row[0], row[1]) for row in await session.execute(wanted)}
    times = Counter(name for _, name in found)
    healed = Counter(name for execution_id, name in found if execution_id in resolved)
    return tuple(
        Tried(name=name, times=count, resolved=healed[name])
        for name, count in sorted(times.items(), key=lambda item: (-item[1], item[0]))
    )
