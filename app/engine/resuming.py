"""Going on after a question to people: a decision starts the next workflow of its execution.

Level-triggered and idempotent: whoever finds a decision that nobody has acted on acts on it. The
number of the next workflow follows from the questions already acted on, so a decision found twice
starts one workflow.
"""

from __future__ import annotations

from app import log
from app.audit.approvals import Approval
from app.domain.approval import ApprovalState
from app.engine.endings import Endings
from app.engine.parts import Records
from app.engine.queue import Queue

logger = log.get(__name__)


class Resuming:
    """Acts on decisions, and on questions that ran out."""

    def __init__(self, records: Records, queue: Queue, endings: Endings) -> None:
        self._records = records
        self._queue = queue
        self._endings = endings

    async def go_on(self) -> None:
        """Act on every decision that can be acted on now; the others stay for the next time."""
        await self._records.approvals.expire_due()
        for approval in await self._records.approvals.to_resume():
            if await self._act_on(approval):
                await self._records.approvals.mark_resumed(approval.id)

    async def _act_on(self, approval: Approval) -> bool:
        if approval.state is ApprovalState.EXPIRED and len(approval.votes) < approval.needed:
            await self._endings.unanswered(approval)
            return True
        number = 1 + await self._queue.number(approval.execution_id)
        if not await self._queue.go_on(approval.execution_id, number):
            return False
        logger.info(
            "a person's decision resumes an execution",
            execution_id=approval.execution_id,
            approval=approval.id,
            decision=approval.state.value,
        )
        return True
