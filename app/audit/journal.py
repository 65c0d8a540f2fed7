"""The journal: the only way in which the seven tables are written.

Every method is one transaction, and idempotent: a durable step that is run again with its key
writes nothing and gets the ids of the first time. Every method raises AuditWriteFailed where it
could not write, and NotFound for an execution that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import intake, lines, story, telling
from app.audit.intake import Accepted
from app.audit.lines import Line
from app.audit.watching import acting
from app.audit.writing import Writer, held
from app.domain.action import Plan, Risk
from app.domain.event import ProvenanceLink, TimelineEntry
from app.domain.evidence import Observation
from app.domain.execution import (
    ACTIVE,
    STATUS_MOVES,
    STATUS_OF_OUTCOME,
    ExecutionStatus,
    Outcome,
    Step,
)
from app.domain.hypothesis import Hypothesis
from app.domain.incident import Incident
from app.domain.probe import ProbeResult
from app.domain.value import JsonObject
from app.domain.verdict import ChangeResult, Decision, Verification
from app.errors import AuditWriteFailed, Conflict
from app.models.database import database_now
from app.models.sre_execution import Execution, ExecutionLog
from app.redaction.redactor import REDACTOR


class Journal(Writer):
    """What the service did, written down as it happens."""

    # --- the execution ---------------------------------------------------------------------

    async def accept(
        self,
        incident: Incident,
        raw: JsonObject,
        *,
        simulated: bool,
        max_active: int,
        once: bool = False,
    ) -> Accepted:
        """Make the incident durable, or find the execution that has it (app/audit/intake.py).

        `raw` is the webhook's body; `once`: the number never opens again. Raises Busy where
        `max_active` executions are at work.
        """

        async def work(session: AsyncSession) -> Accepted:
            acting(session, incident.source)
            return await intake.accept(
                session,
                incident,
                raw,
                simulated=simulated,
                max_active=max_active,
                once=once,
            )

        return await self._write(f"Incident {incident.number}", work)

    async def set_status(
        self, execution_id: int, status: ExecutionStatus, current_step: Step | None = None
    ) -> None:
        """Move an execution. The status that it has already is no error; a wrong move is Conflict.

        For the end there is `conclude`.
        """

        async def work(session: AsyncSession) -> None:
            execution = await held(session, execution_id)
            _check_move(execution, status)
            execution.status = status
            execution.current_step = current_step or execution.current_step
            if status is ExecutionStatus.RUNNING and execution.running_at is None:
                execution.running_at = await database_now(session)
                await telling.taken_on(session, self._database.settings, execution)
            if status not in ACTIVE and execution.ended_at is None:
                execution.ended_at = await database_now(session)

        await self._write(f"The status of execution {execution_id}", work)

    async def request_cancel(self, execution_id: int, *, by: str, reason: str) -> None:
        """Ask that an execution stop at its next safe point. The first request stands.

        Raises Conflict where it has ended.
        """

        async def work(session: AsyncSession) -> None:
            execution = await held(session, execution_id)
            if execution.status not in ACTIVE:
                raise Conflict(f"Execution {execution_id} has ended: {execution.status}.")
            if execution.cancel_requested_at is None:
                acting(session, by)
                execution.cancel_requested_at = await database_now(session)
                execution.cancel_requested_by = by
                execution.cancel_reason = REDACTOR.text(reason)

        await self._write(f"The cancelling of execution {execution_id}", work)

    async def conclude(
        self,
        execution_id: int,
        *,
        outcome: Outcome,
        root_cause: str,
        summary: str,
        confidence: float,
        evidence_ids: Sequence[int],
        recommended: Sequence[str],
    ) -> None:
        """End an execution. Again with the same outcome changes nothing; another is Conflict."""

        async def work(session: AsyncSession) -> None:
            execution = await held(session, execution_id)
            if execution.outcome is outcome:
                return
            if execution.outcome is not None:
                raise Conflict(f"Execution {execution_id} has ended: {execution.outcome}.")
            _check_move(execution, STATUS_OF_OUTCOME[outcome])
            await story.check_cited(session, execution_id, evidence_ids)
            execution.status, execution.outcome = STATUS_OF_OUTCOME[outcome], outcome
            execution.root_cause = REDACTOR.text(root_cause)
            execution.summary = REDACTOR.text(summary)
            execution.confidence = confidence
            execution.evidence_ids = list(evidence_ids)
            execution.recommended = REDACTOR.value(list(recommended))
            execution.ended_at = await database_now(session)
            await telling.ended(session, self._database.settings, execution)

        await self._write(f"The end of execution {execution_id}", work)

    # --- what was seen and done --------------------------------------------------------------

    async def record_observations(
        self,
        execution_id: int,
        key: str,
        step: Step,
        why: str,
        observations: Sequence[Observation],
    ) -> tuple[int, ...]:
        """Write diagnostics down. Returns their evidence ids, in order."""
        told = [lines.of_observation(seen) for seen in observations]
        return await self._record_lines(execution_id, key, step, why, told)

    async def record_probes(
        self,
        execution_id: int,
        key: str,
        step: Step,
        why: str,
        results: Sequence[ProbeResult],
        *,
        host: str | None = None,
    ) -> tuple[int, ...]:
        """Write probes of a host (default: the incident's) down. Returns their evidence ids."""

        async def work(session: AsyncSession) -> tuple[int, ...]:
            execution = await held(session, execution_id)
            told = [lines.of_probe(host or execution.host, result) for result in results]
            return await _add_lines(session, execution_id, key, step, why, told)

        return await self._write(f"Step {key} of execution {execution_id}", work)

    async def record_decision(
        self, execution_id: int, key: str, step: Step, why: str, plan: Plan, decision: Decision
    ) -> None:
        """Write down what the policy said of a plan, be it yes, no or a question."""

        async def work(session: AsyncSession) -> None:
            execution = await held(session, execution_id)
            told = lines.of_decision(plan, decision, simulated=execution.simulated)
            await _add_lines(session, execution_id, key, step, why, [told])

        await self._write(f"Step {key} of execution {execution_id}", work)

    async def record_change(
        self,
        execution_id: int,
        key: str,
        step: Step,
        why: str,
        result: ChangeResult,
        *,
        argv: Sequence[str],
        risk: Risk,
        taken_at: datetime,
        simulated: bool,
        error_output: str = "",
        truncated: bool = False,
        undo: bool = False,
    ) -> int:
        """Write down a change that ran, was refused, or may have run. Returns its evidence id."""
        told = lines.of_change(
            result,
            argv=argv,
            risk=risk,
            taken_at=taken_at,
            simulated=simulated,
            error_output=error_output,
            truncated=truncated,
            undo=undo,
        )
        (evidence_id,) = await self._record_lines(execution_id, key, step, why, [told])
        return evidence_id

    async def record(
        self,
        execution_id: int,
        key: str,
        *,
        timeline: Sequence[TimelineEntry] = (),
        hypotheses: Sequence[Hypothesis] = (),
        verification: Verification | None = None,
        provenance: Sequence[ProvenanceLink] = (),
    ) -> None:
        """Write a part of the story, all of it or none.

        Timeline entries and hypotheses are brought up to date by their own keys; verification and
        provenance are written once for `key`.
        """

        async def work(session: AsyncSession) -> None:
            execution = await held(session, execution_id)
            await story.write_timeline(session, execution, timeline)
            await story.write_hypotheses(session, execution, key, hypotheses)
            if verification is not None:
                await story.write_verification(session, execution, key, verification)
            await story.write_provenance(session, execution, key, provenance)

        await self._write(f"Step {key} of execution {execution_id}", work)

    async def _record_lines(
        self, execution_id: int, key: str, step: Step, why: str, told: Sequence[Line]
    ) -> tuple[int, ...]:
        async def work(session: AsyncSession) -> tuple[int, ...]:
            await held(session, execution_id)
            return await _add_lines(session, execution_id, key, step, why, told)

        return await self._write(f"Step {key} of execution {execution_id}", work)


async def _add_lines(
    session: AsyncSession, execution_id: int, key: str, step: Step, why: str, told: Sequence[Line]
) -> tuple[int, ...]:
    """Add lines and their evidence, or find those of the first time; the evidence ids in order."""
    if not told:
        return ()
    written = await _written_lines(session, execution_id, key, told)
    if written:
        return tuple(row.evidence_id for row in written if row.evidence_id is not None)
    evidence = [
        line.evidence_row(execution_id, key, position, step)
        for position, line in enumerate(told)
        if line.evidence is not None
    ]
    session.add_all(evidence)
    await session.flush()
    number = await story.next_number(session, ExecutionLog, execution_id)
    of_position = {row.position: row.id for row in evidence}
    for position, line in enumerate(told):
        row = line.log_row(execution_id, key, position, step, why)
        row.step_number, row.evidence_id = number + position, of_position.get(position)
        session.add(row)
    return tuple(row.id for row in evidence)


async def _written_lines(
    session: AsyncSession, execution_id: int, key: str, told: Sequence[Line]
) -> Sequence[ExecutionLog]:
    """The lines that this step wrote before; none where it did not."""
    found = (
        select(ExecutionLog)
        .where(
            ExecutionLog.execution_id == execution_id,
            ExecutionLog.action_type == told[0].action_type,
            ExecutionLog.step_key == key,
        )
        .order_by(ExecutionLog.position)
    )
    rows = (await session.execute(found)).scalars().all()
    if rows and [(row.host, row.action) for row in rows] != [(t.host, t.action) for t in told]:
        raise AuditWriteFailed(
            f"Step {key} of execution {execution_id} is written down with other actions already.",
            hint="Each step of an execution needs a key of its own.",
        )
    return rows


def _check_move(execution: Execution, status: ExecutionStatus) -> None:
    if status is execution.status or status in STATUS_MOVES[execution.status]:
        return
    raise Conflict(f"Execution {execution.id} is {execution.status} and cannot become {status}.")
