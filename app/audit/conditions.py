"""What needs a person now, as the database shows it. One look at one moment; nothing is written.

The words are made of numbers, states and names alone. An incident's number and a host's name come
from outside, so they are cut down to letters, digits and `._-`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.outbox import is_stuck
from app.domain.alert import AlertKind, Condition
from app.domain.approval import ApprovalState
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.value import Value
from app.domain.verdict import FLEET_RULE
from app.models.database import Database, database_now
from app.models.operations import Approval, CommandIntent, Worker
from app.models.sre_execution import Execution, ExecutionLog, TimelineRow
from app.models.tickets import OutboxRow

NEWS_SECONDS = 3600.0
"""What happened longer ago was told, or nobody was there to tell it: it is no news any more."""

SEEN_HERE = frozenset(
    {
        AlertKind.EXECUTION_FAILED,
        AlertKind.EXECUTION_ESCALATED,
        AlertKind.EXECUTION_STUCK,
        AlertKind.QUEUE_WAITING,
        AlertKind.APPROVAL_WAITING,
        AlertKind.FLEET_HELD,
        AlertKind.WORKER_LOST,
        AlertKind.OUTBOX_BLOCKED,
    }
)
"""What this look can find. What it does not find of these has ended."""

_ODD = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_NAME = 80
_HOSTS_NAMED = 5


class Patience(Value):
    """How long something may last before it is a condition, in seconds."""

    stuck_seconds: float
    approval_seconds: float
    tell_escalated: bool


class Conditions:
    """Looks for what needs a person."""

    def __init__(self, database: Database, patience: Patience) -> None:
        self._database = database
        self._patience = patience

    async def look(self) -> tuple[Condition, ...]:
        """All conditions of this moment. Raises DatabaseNotReady."""
        async with self._database.reading() as session:
            now = await database_now(session)
            stuck_since = now - timedelta(seconds=self._patience.stuck_seconds)
            asked_before = now - timedelta(seconds=self._patience.approval_seconds)
            news_since = now - timedelta(seconds=NEWS_SECONDS)
            return (
                *await _failed(session, news_since),
                *(await _escalated(session, news_since) if self._patience.tell_escalated else ()),
                *await _stuck(session, stuck_since),
                *await _queue(session, stuck_since),
                *await _approvals(session, asked_before, now),
                *await _held(session, now),
                *await _workers(session, news_since),
                *await _outbox(session),
            )


def plain(name: str) -> str:
    """A name from outside as it may stand in a message: no markup, no line breaks, not long."""
    return _ODD.sub("?", name)[:_LONGEST_NAME]


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _about(row: Execution) -> str:
    return f"Execution {row.id} (incident {plain(row.incident_number)}) on {plain(row.host)}"


def _of_execution(kind: AlertKind, row: Execution, said: str) -> Condition:
    return Condition(
        kind=kind,
        subject=f"execution {row.id}",
        statement=f"{_about(row)} {said}",
        execution_id=row.id,
        host=row.host,
        simulated=row.simulated,
    )


async def _failed(session: AsyncSession, since: datetime) -> Iterable[Condition]:
    wanted = select(Execution).where(
        Execution.status == ExecutionStatus.FAILED, Execution.ended_at >= since
    )
    rows = (await session.execute(wanted)).scalars()
    said = "failed: the agent itself could not go on. The incident is not repaired."
    return [_of_execution(AlertKind.EXECUTION_FAILED, row, said) for row in rows]


async def _escalated(session: AsyncSession, since: datetime) -> Iterable[Condition]:
    wanted = select(Execution).where(
        Execution.status == ExecutionStatus.COMPLETED,
        Execution.outcome == Outcome.ESCALATED,
        Execution.ended_at >= since,
    )
    rows = (await session.execute(wanted)).scalars()
    said = "was handed over to a person, with what was found and what is recommended."
    return [_of_execution(AlertKind.EXECUTION_ESCALATED, row, said) for row in rows]


async def _stuck(session: AsyncSession, before: datetime) -> Iterable[Condition]:
    """Running executions of which nothing was written for too long."""
    signs = (
        select(func.max(TimelineRow.updated_at)).where(TimelineRow.execution_id == Execution.id),
        select(func.max(ExecutionLog.created_at)).where(ExecutionLog.execution_id == Execution.id),
        select(func.max(CommandIntent.dispatched_at)).where(
            CommandIntent.execution_id == Execution.id
        ),
        select(func.max(Approval.resumed_at)).where(Approval.execution_id == Execution.id),
    )
    wanted = select(Execution, *(sign.scalar_subquery() for sign in signs)).where(
        Execution.status == ExecutionStatus.RUNNING, Execution.started_at < before
    )
    found = []
    for row, *moments in (await session.execute(wanted)).all():
        last = max(filter(None, (row.running_at, row.started_at, *moments)))
        if last < before:
            state = row.current_step or "its beginning"
            said = f"has made no progress since {_at(last)}; it is in {state}."
            found.append(_of_execution(AlertKind.EXECUTION_STUCK, row, said))
    return found


async def _queue(session: AsyncSession, before: datetime) -> Iterable[Condition]:
    wanted = select(func.min(Execution.started_at)).where(
        Execution.status == ExecutionStatus.QUEUED
    )
    oldest = (await session.execute(wanted)).scalar_one()
    if oldest is None or oldest >= before:
        return []
    return [
        Condition(
            kind=AlertKind.QUEUE_WAITING,
            subject="queue",
            statement=f"An execution waits in the queue since {_at(oldest)}; no worker takes it.",
        )
    ]


async def _approvals(session: AsyncSession, before: datetime, now: datetime) -> Iterable[Condition]:
    wanted = (
        select(Approval, Execution)
        .join(Execution, Execution.id == Approval.execution_id)
        .where(
            Approval.state == ApprovalState.PENDING,
            Approval.requested_at < before,
            Approval.expires_at > now,
        )
    )
    return [_of_approval(asked, row) for asked, row in (await session.execute(wanted)).all()]


def _of_approval(asked: Approval, row: Execution) -> Condition:
    actions = ", ".join(plain(str(step["action"])) for step in asked.plan.get("steps", ()))
    return Condition(
        kind=AlertKind.APPROVAL_WAITING,
        subject=f"approval {asked.id}",
        statement=f"{_about(row)} waits since {_at(asked.requested_at)} for a person's answer to "
        f"question {asked.id}: may it run {actions} on {plain(asked.host)}?",
        execution_id=row.id,
        host=asked.host,
        simulated=asked.simulated,
    )


async def _held(session: AsyncSession, now: datetime) -> Iterable[Condition]:
    """Questions that the fleet guard asks, as one condition for all of them: it is one incident."""
    wanted = select(Approval).where(
        Approval.state == ApprovalState.PENDING,
        Approval.expires_at > now,
        Approval.decision["rule"].as_string() == FLEET_RULE,
    )
    asked = list((await session.execute(wanted.order_by(Approval.id))).scalars())
    if not asked:
        return []
    hosts = ", ".join(dict.fromkeys(plain(one.host) for one in asked[:_HOSTS_NAMED]))
    questions = ", ".join(str(one.id) for one in asked[:_HOSTS_NAMED])
    return [
        Condition(
            kind=AlertKind.FLEET_HELD,
            subject="fleet",
            statement=f"{_counted(len(asked))} because the same was done on many hosts just "
            f"before (next: {hosts}; questions {questions}). One cause is likely behind all of "
            "them; find it before another host is touched.",
            simulated=all(one.simulated for one in asked),
        )
    ]


def _counted(repairs: int) -> str:
    return "A repair waits" if repairs == 1 else f"{repairs} repairs wait"


async def _workers(session: AsyncSession, since: datetime) -> Iterable[Condition]:
    rows = (await session.execute(select(Worker).where(Worker.lost_at >= since))).scalars()
    return [
        Condition(
            kind=AlertKind.WORKER_LOST,
            subject=f"worker {plain(row.executor_id)}",
            statement=f"The process {row.pid} on {plain(row.hostname)} ended or hung without "
            "saying so; its executions go to the other workers.",
        )
        for row in rows
    ]


async def _outbox(session: AsyncSession) -> Iterable[Condition]:
    """One alert, by the oldest: where one ticket cannot be written to, others mostly cannot."""
    oldest = select(OutboxRow).where(is_stuck()).order_by(OutboxRow.id).limit(1)
    row = (await session.execute(oldest)).scalar_one_or_none()
    if row is None:
        return []
    return [
        Condition(
            kind=AlertKind.OUTBOX_BLOCKED,
            subject="outbox",
            statement=f"The ticket {plain(row.incident_number)} has not been written to since "
            f"{_at(row.created_at)}: row {row.id} of the outbox is {row.state}.",
            execution_id=row.execution_id,
            simulated=row.simulated,
        )
    ]
