"""Which workflow an execution is at, and that it is in the queue.

The execution's row is made by the webhook and the queue's by DBOS, in two databases. A crash
between the two leaves an execution that nobody works on; `sweep` finds it, as it finds one whose
workflow ended without ending it.
"""

from __future__ import annotations

from app import log
from app.domain.execution import ExecutionStatus
from app.engine.durable import Durable, Workflow, workflow_id
from app.engine.endings import Endings
from app.engine.parts import Records

logger = log.get(__name__)


class Queue:
    """Executions waiting for a worker, and those at work."""

    def __init__(self, durable: Durable, records: Records, endings: Endings) -> None:
        self._durable = durable
        self._records = records
        self._endings = endings

    async def submit(self, execution_id: int) -> None:
        """Have an accepted execution worked on. Submitting it again changes nothing."""
        await self._durable.enqueue(execution_id, 1)

    async def go_on(self, execution_id: int, number: int) -> bool:
        """Start workflow `number` once the one before it has ended; False: not yet."""
        before = workflow_id(execution_id, number - 1)
        found = (await self._durable.find([before])).get(before)
        if found is not None and not found.ended:
            return False
        await self._durable.enqueue(execution_id, number)
        return True

    async def number(self, execution_id: int) -> int:
        """Which workflow the execution is at: each answered question started another."""
        approvals = await self._records.approvals.listed(execution_id=execution_id, limit=1000)
        return 1 + sum(1 for approval in approvals if approval.resumed_at is not None)

    async def ended(self, name: str) -> bool:
        """Whether a workflow has ended for good; what a lease may be taken from."""
        found = (await self._durable.find([name])).get(name)
        return found is not None and found.ended

    async def sweep(self) -> None:
        """Enqueue what should be at work and is not; fail what can never end by itself."""
        reading = self._records.reading
        numbers = dict.fromkeys(await reading.with_status(ExecutionStatus.QUEUED), 1)
        for execution_id in await reading.with_status(ExecutionStatus.RUNNING):
            numbers[execution_id] = await self.number(execution_id)
        names = {workflow_id(*at): at for at in numbers.items()}
        found = await self._durable.find(list(names))
        for name, (execution_id, number) in names.items():
            await self._mend(execution_id, number, found.get(name))

    async def _mend(self, execution_id: int, number: int, workflow: Workflow | None) -> None:
        if workflow is None:
            logger.info("enqueued what nobody worked on", execution_id=execution_id)
            await self._durable.enqueue(execution_id, number)
        elif workflow.ended:
            await self._fail_if_still_at_work(execution_id, workflow)

    async def _fail_if_still_at_work(self, execution_id: int, workflow: Workflow) -> None:
        """Look again: it may have ended, or asked a person, since the statuses were read."""
        execution = await self._records.reading.execution(execution_id)
        if execution.status not in (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING):
            return
        if workflow.id != workflow_id(execution_id, await self.number(execution_id)):
            return
        reason = f"The workflow {workflow.id} ended ({workflow.state.value}) without an outcome."
        await self._endings.fail_because(execution_id, workflow.id, reason)
