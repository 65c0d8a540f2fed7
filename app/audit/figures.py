"""Figures of the whole: how many, how long, how old. What /metrics shows of the database.

One look at one moment, made of counts over indexes that hold all that is counted: no row's output
is read, so its cost grows with the number of rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, and_, case, func, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.audit.checks import Verified, verified
from app.audit.outbox import is_stuck
from app.domain.approval import ApprovalState
from app.domain.event import ActionType, LogStatus
from app.domain.execution import STATUS_OF_OUTCOME, ExecutionStatus, Outcome
from app.domain.intent import IntentState
from app.domain.ticket import UNSETTLED
from app.domain.value import Value
from app.models.alert import AlertRow
from app.models.base import DatabaseNow
from app.models.database import Database
from app.models.durations import SecondsBetween
from app.models.operations import Approval, BaselineRow, CommandIntent, HostLease, Worker
from app.models.sre_execution import Execution, ExecutionLog, VerificationRow
from app.models.tickets import OutboxRow

BOUNDS = (5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0, 3600.0, 86400.0)
"""Upper bounds of the histograms' buckets, in seconds: repairs take a minute, people take hours."""

OPEN_INTENTS = (IntentState.INTENDED, IntentState.DISPATCHED, IntentState.UNKNOWN)
OWN_LEASES = "#%"  # leases of the service on itself; no host is called so

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


class Waiting(Value):
    """How many wait, and for how long the oldest has; 0 seconds where none does."""

    count: int
    oldest_seconds: float


class Aged(Value):
    """How old something is."""

    labels: Labels
    seconds: float


class Figures(Value):
    """All of it, as of one moment. `simulated` is "true" or "false", always the last label."""

    executions: tuple[Counted, ...]  # status, simulated
    ended: tuple[Counted, ...]  # outcome, simulated
    seconds_to_end: tuple[Spread, ...]  # outcome, simulated
    seconds_to_healthy: tuple[Spread, ...]  # simulated
    queue: Waiting
    approvals: tuple[Counted, ...]  # state
    approvals_pending: Waiting
    actions: tuple[Counted, ...]  # type, action, status, simulated
    denials: tuple[Counted, ...]  # rule, simulated
    verifications: tuple[Counted, ...]  # result, simulated
    intents: tuple[Counted, ...]  # state
    intents_oldest_seconds: float
    workers_alive: int
    leases_held: int
    baselines: tuple[Aged, ...]  # host, simulated
    outbox: tuple[Counted, ...]  # state
    outbox_waiting: Waiting
    outbox_stuck: int
    alerts_open: tuple[Counted, ...]  # kind
    notices_failing: int  # alerts that somebody could not be told of so far
    audit: Verified


class Measuring:
    """Computes the figures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def figures(self) -> Figures:
        """The figures of this moment. Raises DatabaseNotReady."""
        async with self._database.reading() as session:
            return Figures(
                executions=await _by(session, Execution.status, Execution.simulated),
                ended=await _by(
                    session,
                    Execution.outcome,
                    Execution.simulated,
                    where=Execution.outcome.is_not(None),
                ),
                seconds_to_end=await _spreads(session, _TO_END, labels=2),
                seconds_to_healthy=await _spreads(session, _TO_HEALTHY, labels=1),
                queue=await _waiting(
                    session, Execution.started_at, Execution.status == ExecutionStatus.QUEUED
                ),
                approvals=await _by(session, Approval.state),
                approvals_pending=await _waiting(
                    session, Approval.requested_at, Approval.state == ApprovalState.PENDING
                ),
                actions=await _by(
                    session,
                    ExecutionLog.action_type,
                    ExecutionLog.action,
                    ExecutionLog.status,
                    ExecutionLog.simulated,
                ),
                denials=await _denials(session),
                verifications=await _verifications(session),
                intents=await _by(
                    session, CommandIntent.state, where=CommandIntent.state.in_(OPEN_INTENTS)
                ),
                intents_oldest_seconds=(
                    await _waiting(
                        session,
                        CommandIntent.intended_at,
                        CommandIntent.state.in_(OPEN_INTENTS),
                    )
                ).oldest_seconds,
                workers_alive=await _number(session, Worker.dead.is_(False)),
                leases_held=await _number(
                    session, and_(HostLease.owner != "", HostLease.host.not_like(OWN_LEASES))
                ),
                baselines=await _baselines(session),
                outbox=await _by(session, OutboxRow.state),
                outbox_waiting=await _waiting(
                    session, OutboxRow.created_at, OutboxRow.state.in_(UNSETTLED)
                ),
                outbox_stuck=await _number(session, is_stuck()),
                alerts_open=await _by(session, AlertRow.kind, where=AlertRow.ended_at.is_(None)),
                notices_failing=await _number(
                    session, and_(AlertRow.notice.is_not(None), AlertRow.attempts > 0)
                ),
                audit=await verified(session),
            )


def _label(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counted(rows: Sequence[Any]) -> tuple[Counted, ...]:
    """Rows of labels with their count at the end, in a fixed order."""
    found = [Counted(labels=tuple(_label(v) for v in row[:-1]), count=row[-1]) for row in rows]
    return tuple(sorted(found, key=lambda one: one.labels))


async def _by(
    session: AsyncSession,
    *columns: InstrumentedAttribute[Any],
    where: ColumnElement[bool] | None = None,
) -> tuple[Counted, ...]:
    wanted = select(*columns, func.count()).group_by(*columns)
    if where is not None:
        wanted = wanted.where(where)
    return _counted((await session.execute(wanted)).all())


async def _number(session: AsyncSession, where: ColumnElement[bool]) -> int:
    return (await session.execute(select(func.count()).where(where))).scalar_one()


async def _waiting(
    session: AsyncSession, since: InstrumentedAttribute[Any], where: ColumnElement[bool]
) -> Waiting:
    oldest = SecondsBetween(func.min(since), DatabaseNow())
    count, seconds = (await session.execute(select(func.count(), oldest).where(where))).one()
    # written by another transaction a moment later than our clock was read: not negative
    return Waiting(count=count, oldest_seconds=max(0.0, seconds or 0.0))


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
            labels=tuple(_label(value) for value in row[:labels]),
            at_most=tuple(row[labels:-2]),
            count=row[-2],
            seconds=row[-1],
        )
        for row in (await session.execute(wanted)).all()
    ]
    return tuple(sorted(found, key=lambda one: one.labels))


async def _denials(session: AsyncSession) -> tuple[Counted, ...]:
    rule = type_coerce(ExecutionLog.params, JSON)["rule"].as_string()
    wanted = (
        select(rule, ExecutionLog.simulated, func.count())
        .where(
            ExecutionLog.action_type == ActionType.DECISION,
            ExecutionLog.status == LogStatus.REFUSED,
        )
        .group_by(rule, ExecutionLog.simulated)
    )
    return _counted((await session.execute(wanted)).all())


async def _verifications(session: AsyncSession) -> tuple[Counted, ...]:
    result = case((VerificationRow.healed, "healed"), else_="not_healed")
    wanted = select(result, VerificationRow.simulated, func.count()).group_by(
        VerificationRow.healed, VerificationRow.simulated
    )
    return _counted((await session.execute(wanted)).all())


async def _baselines(session: AsyncSession) -> tuple[Aged, ...]:
    """The age of each host's newest baseline."""
    newest = (
        select(BaselineRow.host, BaselineRow.simulated, func.max(BaselineRow.version).label("last"))
        .group_by(BaselineRow.host, BaselineRow.simulated)
        .subquery()
    )
    row = aliased(BaselineRow)
    wanted = select(row.host, row.simulated, SecondsBetween(row.taken_at, DatabaseNow())).join(
        newest,
        and_(
            row.host == newest.c.host,
            row.simulated == newest.c.simulated,
            row.version == newest.c.last,
        ),
    )
    found = (await session.execute(wanted.order_by(row.host, row.simulated))).all()
    return tuple(
        Aged(labels=(host, _label(simulated)), seconds=max(0.0, seconds))
        for host, simulated, seconds in found
    )
