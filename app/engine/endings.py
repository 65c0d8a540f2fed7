"""Ends that the graph does not make itself: failed, given up, cancelled, never answered."""

from __future__ import annotations

from app import log
from app.audit.approvals import Approval
from app.audit.intents import Intent
from app.domain.execution import ACTIVE, ExecutionStatus, Outcome
from app.domain.intent import IntentState
from app.engine.parts import Records
from app.errors import Conflict, SreAgentError

logger = log.get(__name__)

_STANDING = (ExecutionStatus.QUEUED, ExecutionStatus.WAITING_APPROVAL)
_OPEN = (IntentState.DISPATCHED, IntentState.UNKNOWN)


class Endings:
    """Brings an execution to its end, whatever state it is in. Doing so twice is once."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def fail(self, execution_id: int, workflow: str, error: Exception) -> None:
        """An error of ours broke the execution; the host is given back."""
        reason = str(error) if isinstance(error, SreAgentError) else repr(error)
        await self.fail_because(execution_id, workflow, f"The agent itself failed: {reason}")

    async def fail_because(self, execution_id: int, workflow: str, reason: str) -> None:
        """The same, with the sentence given."""
        await self._give_up(execution_id, workflow, Outcome.FAILED, reason)

    async def hand_over(self, execution_id: int, workflow: str, reason: str) -> None:
        """A person has it from here on: we cannot go on with it, and broke nothing."""
        await self._give_up(execution_id, workflow, Outcome.ESCALATED, reason)

    async def _give_up(
        self, execution_id: int, workflow: str, outcome: Outcome, reason: str
    ) -> None:
        open_changes = await self._open_changes(execution_id)
        await self._conclude(
            execution_id,
            outcome,
            root_cause="Not established.",
            summary=" ".join((reason, *open_changes)),
            recommended=(
                "Look at the incident by hand; this execution will not go on.",
                *(f"Check on the host: {sentence}" for sentence in open_changes),
            ),
        )
        await self._records.leases.release_all(workflow)

    async def cancel(self, execution_id: int, *, by: str, reason: str) -> None:
        """A person ends it. At once where nothing runs, else at its next safe boundary.

        Raises NotFound, and Conflict where it has ended.
        """
        await self._records.journal.request_cancel(execution_id, by=by, reason=reason)
        await self.cancel_standing(execution_id)

    async def cancel_standing(self, execution_id: int) -> None:
        """Carry out a cancellation that was asked for, where no workflow is there to do it."""
        asked = await self._records.reading.cancellation(execution_id)
        execution = await self._records.reading.execution(execution_id)
        if not asked.cancelled or execution.status not in _STANDING:
            return
        summary = f"Cancelled by {asked.by}: {asked.reason}".removesuffix(": ")
        await self._conclude(execution_id, Outcome.CANCELLED, root_cause="", summary=summary)

    async def unanswered(self, approval: Approval) -> None:
        """Nobody decided in time: a person has the incident, with the plan as the proposal."""
        plan = approval.plan
        await self._conclude(
            approval.execution_id,
            Outcome.ESCALATED,
            root_cause=plan.cause_text,
            summary=f"{plan.cause_text} The repair needed a person's approval, and nobody decided "
            f"until {approval.expires_at:%Y-%m-%d %H:%M} UTC.",
            confidence=plan.confidence,
            evidence_ids=plan.evidence_ids,
            recommended=tuple(step.label() for step in plan.steps),
        )

    async def _conclude(
        self,
        execution_id: int,
        outcome: Outcome,
        *,
        root_cause: str,
        summary: str,
        confidence: float = 0.0,
        evidence_ids: tuple[int, ...] = (),
        recommended: tuple[str, ...] = (),
    ) -> None:
        """Conclude unless it has ended meanwhile, and take back what is still asked of people."""
        try:
            await self._records.journal.conclude(
                execution_id,
                outcome=outcome,
                root_cause=root_cause,
                summary=summary,
                confidence=confidence,
                evidence_ids=evidence_ids,
                recommended=recommended,
            )
        except Conflict:
            execution = await self._records.reading.execution(execution_id)
            if execution.status in ACTIVE:
                raise
            logger.info("ended otherwise meanwhile", outcome=execution.outcome)
        await self._records.approvals.withdraw(execution_id)

    async def _open_changes(self, execution_id: int) -> tuple[str, ...]:
        """Sentences on the changes of which it is not known whether they ran."""
        intents = await self._records.intents.of_execution(execution_id)
        return tuple(_open_sentence(intent) for intent in intents if intent.state in _OPEN)


def _open_sentence(intent: Intent) -> str:
    return f"It is not known whether {intent.call.label()} ran (intent {intent.id})."
