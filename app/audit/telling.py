"""What the ticket is to be told, queued in the transaction that makes it true.

Each function is called inside the journal's own transactions. Where no ticket is to be written
(ServiceNow is not set, or the execution is simulated) nothing is queued, and so nothing is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import notes
from app.audit.sealing import last_anchor
from app.domain.action import Plan
from app.domain.event import ActionType
from app.domain.execution import Outcome
from app.domain.incident import OWN_NUMBERS
from app.domain.ticket import OutboxState, Told
from app.domain.verdict import Decision
from app.models import operations
from app.models.sre_execution import Execution, ExecutionLog, VerificationRow
from app.models.tickets import OutboxRow
from app.settings import Settings

SOURCE = "servicenow"  # an incident of another source has a ticket where it brought a sys_id

TOLD_OF_OUTCOME = {
    Outcome.RESOLVED: Told.RESOLVED,
    Outcome.ESCALATED: Told.HANDED_OVER,
    Outcome.FAILED: Told.HANDED_OVER,
    Outcome.NO_FAULT: Told.NO_FAULT,
    Outcome.CANCELLED: Told.CANCELLED,
}


def is_written(settings: Settings, execution: Execution) -> bool:
    """Whether the execution has a ticket that may be written to."""
    has_ticket = execution.source == SOURCE or execution.sys_id is not None
    if execution.incident_number.startswith(OWN_NUMBERS):
        has_ticket = False
    if settings.servicenow_instance_url is None or not has_ticket:
        return False
    return not execution.simulated or settings.servicenow_write_simulated


async def taken_on(session: AsyncSession, settings: Settings, execution: Execution) -> None:
    """A worker has taken it."""
    if is_written(settings, execution):
        await _queue(session, execution, Told.TAKEN_ON, "taken-on", notes.taken_on(execution))


async def question(
    session: AsyncSession, settings: Settings, asked: operations.Approval, execution: Execution
) -> None:
    """A person is asked. `asked` has its number."""
    if not is_written(settings, execution):
        return
    plan, decision = Plan.model_validate(asked.plan), Decision.model_validate(asked.decision)
    lines = notes.question(
        execution, asked.id, plan, decision, asked.expires_at, settings.public_url
    )
    await _queue(session, execution, Told.QUESTION, f"question-{asked.id}", lines)


async def ended(session: AsyncSession, settings: Settings, execution: Execution) -> None:
    """It has its outcome. Only a proof on real hosts may resolve the ticket."""
    if not is_written(settings, execution) or execution.outcome is None:
        return
    proof = await _last_proof(session, execution.id)
    lines = notes.ended(execution, await _changes(session, execution.id), proof)
    anchor = await last_anchor(session)
    if anchor is not None:  # the ticket is the one place that this database cannot rewrite
        lines.append(f"{anchor.line()}.")
    proven = (
        execution.outcome is Outcome.RESOLVED
        and proof is not None
        and proof.healed
        and not proof.simulated
        and not execution.simulated
    )
    told = TOLD_OF_OUTCOME[execution.outcome]
    await _queue(session, execution, told, "ended", lines, proven=proven)


async def _queue(
    session: AsyncSession,
    execution: Execution,
    told: Told,
    key: str,
    lines: Sequence[str],
    *,
    proven: bool = False,
) -> None:
    """Add a row, once for its key."""
    queued = select(OutboxRow.id).where(
        OutboxRow.execution_id == execution.id, OutboxRow.key == key
    )
    if (await session.execute(queued)).first() is not None:
        return
    mark = notes.marker(execution.id, told.value.replace("_", " "))
    session.add(
        OutboxRow(
            execution_id=execution.id,
            key=key,
            incident_number=execution.incident_number,
            told=told,
            note=notes.note(lines, mark, simulated=execution.simulated),
            marker=mark,
            proven=proven,
            close_notes=notes.close_notes(execution, mark) if proven else "",
            simulated=execution.simulated,
            state=OutboxState.PENDING,
            attempts=0,
            last_error="",
            result={},
        )
    )


async def _changes(session: AsyncSession, execution_id: int) -> Sequence[ExecutionLog]:
    wanted = (
        select(ExecutionLog)
        .where(
            ExecutionLog.execution_id == execution_id,
            ExecutionLog.action_type.in_((ActionType.REMEDIATION, ActionType.UNDO)),
        )
        .order_by(ExecutionLog.step_number)
    )
    return (await session.execute(wanted)).scalars().all()


async def _last_proof(session: AsyncSession, execution_id: int) -> VerificationRow | None:
    newest_first = (
        select(VerificationRow)
        .where(VerificationRow.execution_id == execution_id)
        .order_by(VerificationRow.id.desc())
        .limit(1)
    )
    return (await session.execute(newest_first)).scalar_one_or_none()
