"""Which execution an incident belongs to: the one at work on it, an earlier one, or a new one.

- One is active: that one, whatever the delivery says.
- The last one has ended, and the delivery is old news (its `sys_mod_count` is not above what was
  seen, or its state says that the incident is on hold, resolved, closed or cancelled): the
  execution that answered it.
- Otherwise the incident has opened again: a new execution, the next episode.

An execution that was archived answers as it did while its rows were here.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.execution import ACTIVE, ExecutionStatus
from app.domain.incident import Incident
from app.domain.value import JsonObject, Value
from app.errors import Busy
from app.models.archive import ArchivedExecution
from app.models.sre_execution import Execution
from app.redaction.redactor import REDACTOR

NOT_OPEN = frozenset({"3", "6", "7", "8"})  # on hold, resolved, closed, cancelled
RETRY_AFTER_SECONDS = 30

Known = Execution | ArchivedExecution
One = TypeVar("One", Execution, ArchivedExecution)


class Accepted(Value):
    """What became of a delivery."""

    execution_id: int
    created: bool  # False: an execution for it was there already
    status: ExecutionStatus


def mod_count_of(raw: JsonObject) -> int | None:
    """ServiceNow's `sys_mod_count`, in whichever of its shapes the body has it; None without."""
    record: Any = raw.get("result", raw)
    found = record.get("sys_mod_count") if isinstance(record, dict) else None
    if isinstance(found, dict):
        found = found.get("value")
    text = str(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""
    # nine digits fit the column; a count beyond them is nobody's
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


async def accept(
    session: AsyncSession,
    incident: Incident,
    raw: JsonObject,
    *,
    simulated: bool,
    max_active: int,
    once: bool = False,
) -> Accepted:
    """Find or make the execution. Raises Busy where `max_active` are at work already.

    `once`: the number stands for one occurrence, so that it never opens again.
    """
    mod_count = mod_count_of(raw)
    last = await _last_execution(session, incident.number)
    if last is not None:
        answering = last if once else await _answered_by(session, incident, mod_count, last)
        if answering is not None:
            _remember(answering, mod_count)
            return Accepted(execution_id=answering.id, created=False, status=answering.status)
    await _leave_room(session, max_active)
    execution = _new_execution(
        incident, raw, mod_count, episode=last.episode + 1 if last else 1, simulated=simulated
    )
    session.add(execution)
    await session.flush()
    return Accepted(execution_id=execution.id, created=True, status=execution.status)


async def _last_execution(session: AsyncSession, number: str) -> Known | None:
    found: tuple[Known | None, ...] = (
        await _newest(session, Execution, number),
        await _newest(session, ArchivedExecution, number),
    )
    there: list[Known] = [known for known in found if known is not None]
    return max(there, key=lambda known: known.episode, default=None)


async def _newest(session: AsyncSession, kind: type[One], number: str) -> One | None:
    newest_first = (
        select(kind).where(kind.incident_number == number).order_by(kind.episode.desc()).limit(1)
    )
    return (await session.execute(newest_first)).scalar_one_or_none()


async def _answered_by(
    session: AsyncSession, incident: Incident, mod_count: int | None, last: Known
) -> Known | None:
    """The execution that this delivery belongs to; None: the incident has opened again."""
    if last.status in ACTIVE:
        return last
    if incident.sys_id is not None and mod_count is not None:
        found: tuple[Known | None, ...] = (
            await _saw(session, Execution, incident, mod_count),
            await _saw(session, ArchivedExecution, incident, mod_count),
        )
        seen: list[Known] = [known for known in found if known is not None]
        if seen:
            return min(seen, key=lambda known: known.episode)
    return last if incident.state in NOT_OPEN else None


async def _saw(
    session: AsyncSession, kind: type[One], incident: Incident, mod_count: int
) -> One | None:
    """The first execution that a delivery of this state, or a later one, was answered with."""
    saw_it = (
        select(kind)
        .where(
            kind.incident_number == incident.number,
            kind.sys_id == incident.sys_id,
            kind.sys_mod_count >= mod_count,
        )
        .order_by(kind.episode)
        .limit(1)
    )
    return (await session.execute(saw_it)).scalar_one_or_none()


def _remember(execution: Known, mod_count: int | None) -> None:
    if mod_count is not None:
        execution.sys_mod_count = max(mod_count, execution.sys_mod_count or 0)


async def _leave_room(session: AsyncSession, max_active: int) -> None:
    # On PostgreSQL two at once may both pass: the limit keeps the queue sane, not exact.
    active = select(func.count()).where(Execution.status.in_(ACTIVE))
    if (await session.execute(active)).scalar_one() >= max_active:
        raise Busy(
            f"{max_active} executions are at work, which is the limit.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
            hint="Send the incident again later, or raise QUEUE_LIMIT.",
        )


def _new_execution(
    incident: Incident, raw: JsonObject, mod_count: int | None, *, episode: int, simulated: bool
) -> Execution:
    return Execution(
        simulated=simulated,
        incident_number=incident.number,
        episode=episode,
        short_description=REDACTOR.text(incident.short_description),
        description=REDACTOR.text(incident.description),
        priority=incident.priority,
        category=incident.category,
        assignment_group=incident.assignment_group,
        incident_state=incident.state,
        sys_id=incident.sys_id,
        sys_mod_count=mod_count,
        host=incident.host,
        claimed_service=incident.claimed_service,
        source=incident.source,
        autonomy_cap=incident.autonomy_cap,
        received_at=incident.received_at,
        raw=REDACTOR.value(raw),
        status=ExecutionStatus.QUEUED,
    )
