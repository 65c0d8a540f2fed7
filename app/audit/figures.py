"""Figures of the whole: how many, how long, how old. What /metrics shows of the database.

One look at one moment, made of counts over indexes that hold all that is counted: no row's output
is read, so its cost grows with the number of rows alone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.audit.checks import Verified, verified
from app.audit.lasting_figures import (
    Counted,
    Labels,
    Lasting,
    by,
    label,
    lasting,
    lasting_of_archived,
)
from app.audit.outbox import is_stuck
from app.domain.approval import ApprovalState
from app.domain.execution import ExecutionStatus
from app.domain.intent import IntentState
from app.domain.ticket import UNSETTLED
from app.domain.value import Value
from app.models.alert import AlertRow
from app.models.base import DatabaseNow
from app.models.database import Database
from app.models.durations import SecondsBetween
from app.models.operations import Approval, BaselineRow, CommandIntent, HostLease, Worker
from app.models.sre_execution import Execution
from app.models.tickets import OutboxRow

OPEN_INTENTS = (IntentState.INTENDED, IntentState.DISPATCHED, IntentState.UNKNOWN)
OWN_LEASES = "#%"  # leases of the service on itself; no host is called so


class Waiting(Value):
    """How many wait, and for how long the oldest has; 0 seconds where none does."""

    count: int
    oldest_seconds: float


class Aged(Value):
    """How old something is."""

    labels: Labels
    seconds: float


class Figures(Lasting):
    """All of it, as of one moment."""

    executions: tuple[Counted, ...]  # status, simulated
    queue: Waiting
    approvals: tuple[Counted, ...]  # state
    approvals_pending: Waiting
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
            counted = (await lasting(session)).plus(await lasting_of_archived(session))
            return Figures(
                **dict(counted),
                executions=await by(session, Execution.status, Execution.simulated),
                queue=await _waiting(
                    session, Execution.started_at, Execution.status == ExecutionStatus.QUEUED
                ),
                approvals=await by(session, Approval.state),
                approvals_pending=await _waiting(
                    session, Approval.requested_at, Approval.state == ApprovalState.PENDING
                ),
                intents=await by(
                    session, CommandIntent.state, where=[CommandIntent.state.in_(OPEN_INTENTS)]
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
                outbox=await by(session, OutboxRow.state),
                outbox_waiting=await _waiting(
                    session, OutboxRow.created_at, OutboxRow.state.in_(UNSETTLED)
                ),
                outbox_stuck=await _number(session, is_stuck()),
                alerts_open=await by(session, AlertRow.kind, where=[AlertRow.ended_at.is_(None)]),
                notices_failing=await _number(
                    session, and_(AlertRow.notice.is_not(None), AlertRow.attempts > 0)
                ),
                audit=await verified(session),
            )


async def _number(session: AsyncSession, where: ColumnElement[bool]) -> int:
    return (await session.execute(select(func.count()).where(where))).scalar_one()


async def _waiting(
    session: AsyncSession, since: InstrumentedAttribute[Any], where: ColumnElement[bool]
) -> Waiting:
    oldest = SecondsBetween(func.min(since), DatabaseNow())
    count, seconds = (await session.execute(select(func.count(), oldest).where(where))).one()
    # written by another transaction a moment later than our clock was read: not negative
    return Waiting(count=count, oldest_seconds=max(0.0, seconds or 0.0))


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
        Aged(labels=(host, label(simulated)), seconds=max(0.0, seconds))
        for host, simulated, seconds in found
    )
