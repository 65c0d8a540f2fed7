"""Figures that only ever grow: what was counted of executions stays counted once they are archived.

A counter that fell would be taken for one that began anew. So what an archive takes with it is
added up in its row, with all before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, case, func, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.domain.event import ActionType, LogStatus
from app.domain.execution import STATUS_OF_OUTCOME, Outcome
from app.domain.value import Value
from app.models.archive import Archive
from app.models.durations import SecondsBetween
from app.models.sre_execution import Execution, ExecutionLog, VerificationRow

BOUNDS = (5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0, 3600.0, 86400.0)
"""Upper bounds of the histograms' buckets, in seconds: repairs take a minute, people take hours."""

Labels = tuple[str, ...]


class Counted(Value):
    """How many there are of one kind."""

    labels: Labels
    count: int


class Spread(Value):
    """How durations are spread: how many took at most each of BOUNDS, and all together."""

    labels: Labels
    at_most: tuple[int, ...]
    count: int
    seconds: float


class Lasting(Value):
    """What was counted. `simulated` is "true" or "false", always the last label."""

    ended: tuple[Counted, ...] = ()  # outcome, simulated
    seconds_to_end: tuple[Spread, ...] = ()  # outcome, simulated
    seconds_to_healthy: tuple[Spread, ...] = ()  # simulated
    actions: tuple[Counted, ...] = ()  # type, action, status, simulated
    denials: tuple[Counted, ...] = ()  # rule, simulated
    verifications: tuple[Counted, ...] = ()  # result, simulated

    def plus(self, other: Lasting) -> Lasting:
        """Both together."""
        return Lasting(
            ended=_sum(self.ended, other.ended),
            seconds_to_end=_spread_sum(self.seconds_to_end, other.seconds_to_end),
            seconds_to_healthy=_spread_sum(self.seconds_to_healthy, other.seconds_to_healthy),
            actions=_sum(self.actions, other.actions),
            denials=_sum(self.denials, other.denials),
            verifications=_sum(self.verifications, other.verifications),
        )


async def lasting(session: AsyncSession, only: Collection[int] | None = None) -> Lasting:
    """What is counted of the executions in the tables; `only` of these."""
    of_logs = [] if only is None else [ExecutionLog.execution_id.in_(only)]
    of_executions = [] if only is None else [Execution.id.in_(only)]
    of_proofs = [] if only is None else [VerificationRow.execution_id.in_(only)]
    return Lasting(
        ended=await by(
            session,
            Execution.outcome,
            Execution.simulated,
            where=[Execution.outcome.is_not(None), *of_executions],
        ),
        seconds_to_end=await _spreads(session, _TO_END.where(*of_executions), labels=2),
        seconds_to_healthy=await _spreads(session, _TO_HEALTHY.where(*of_executions), labels=1),
        actions=await by(
            session,
            ExecutionLog.action_type,
            ExecutionLog.action,
            ExecutionLog.status,
            ExecutionLog.simulated,
            where=of_logs,
        ),
        denials=await _denials(session, of_logs),
        verifications=await _verifications(session, of_proofs),
    )


async def lasting_of_archived(session: AsyncSession) -> Lasting:
    """What was counted of all executions that are not in the tables any more."""
    newest = select(Archive.figures).order_by(Archive.id.desc()).limit(1)
    found = (await session.execute(newest)).scalar_one_or_none()
    return Lasting() if found is None else Lasting.model_validate(found)


def _sum(some: Iterable[Counted], others: Iterable[Counted]) -> tuple[Counted, ...]:
    counts: dict[Labels, int] = {}
    for one in (*some, *others):
        counts[one.labels] = counts.get(one.labels, 0) + one.count
    return tuple(Counted(labels=labels, count=count) for labels, count in sorted(counts.items()))


def _spread_sum(some: Iterable[Spread], others: Iterable[Spread]) -> tuple[Spread, ...]:
    spreads: dict[Labels, Spread] = {}
    for one in (*some, *others):
        so_far = spreads.get(one.labels)
        spreads[one.labels] = one if so_far is None else _both(so_far, one)
    return tuple(spreads[labels] for labels in sorted(spreads))


def _both(one: Spread, other: Spread) -> Spread:
    return Spread(
        labels=one.labels,
        at_most=tuple(a + b for a, b in zip(one.at_most, other.at_most, strict=True)),
        count=one.count + other.count,
        seconds=one.seconds + other.seconds,
    )


def label(value: object) -> str:
    """A value as a label."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def counted(rows: Sequence[Any]) -> tuple[Counted, ...]:
    """Rows of labels with their count at the end, in a fixed order."""
    found = [Counted(labels=tuple(label(v) for v in row[:-1]), count=row[-1]) for row in rows]
    return tuple(sorted(found, key=lambda one: one.labels))


async def by(
    session: AsyncSession,
    *columns: InstrumentedAttribute[Any],
    where: Sequence[ColumnElement[bool]] = (),
) -> tuple[Counted, ...]:
    """How many rows there are of each combination of these columns' values."""
    wanted = select(*columns, func.count()).where(*where).group_by(*columns)
    return counted((await session.execute(wanted)).all())


def _spread_over(
    took: ColumnElement[float], *labels: InstrumentedAttribute[Any]
) -> Select[tuple[Any, ...]]:
    """Counts of rows that took at most each bound, all of them, and their sum."""
    within = [func.sum(case((took <= bound, 1), else_=0)) for bound in BOUNDS]
    return select(*labels, *within, func.count(), func.sum(took)).group_by(*labels)


_TO_END = _spread_over(
    SecondsBetween(Execution.started_at, Execution.ended_at),
    Execution.outcome,
    Execution.simulated,
).where(Execution.outcome.is_not(None))
"""From the incident being durable to the end, people's thinking included."""

_TO_HEALTHY = (
    _spread_over(
        SecondsBetween(Execution.started_at, VerificationRow.taken_at), VerificationRow.simulated
    )
    .join(VerificationRow, VerificationRow.execution_id == Execution.id)
    .where(
        VerificationRow.healed,
        # the status too, though the outcome implies it: the index begins with it
        Execution.status == STATUS_OF_OUTCOME[Outcome.RESOLVED],
        Execution.outcome == Outcome.RESOLVED,
    )
)
"""From the incident being durable to the proof of health that its resolution rests on."""


async def _spreads(
    session: AsyncSession, wanted: Select[tuple[Any, ...]], *, labels: int
) -> tuple[Spread, ...]:
    found = [
        Spread(
            labels=tuple(label(value) for value in row[:labels]),
            at_most=tuple(row[labels:-2]),
            count=row[-2],
            seconds=row[-1],
        )
        for row in (await session.execute(wanted)).all()
    ]
    return tuple(sorted(found, key=lambda one: one.labels))


async def _denials(
    session: AsyncSession, only: Sequence[ColumnElement[bool]]
) -> tuple[Counted, ...]:
    rule = type_coerce(ExecutionLog.params, JSON)["rule"].as_string()
    wanted = (
        select(rule, ExecutionLog.simulated, func.count())
        .where(
            ExecutionLog.action_type == ActionType.DECISION,
            ExecutionLog.status == LogStatus.REFUSED,
            *only,
        )
        .group_by(rule, ExecutionLog.simulated)
    )
    return counted((await session.execute(wanted)).all())


async def _verifications(
    session: AsyncSession, only: Sequence[ColumnElement[bool]]
) -> tuple[Counted, ...]:
    result = case((VerificationRow.healed, "healed"), else_="not_healed")
    wanted = (
        select(result, VerificationRow.simulated, func.count())
        .where(*only)
        .group_by(VerificationRow.healed, VerificationRow.simulated)
    )
    return counted((await session.execute(wanted)).all())
