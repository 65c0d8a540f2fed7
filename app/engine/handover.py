"""Executions of another version of the graph, once nobody is left who could go on with them.

Steps are recorded in the order in which the graph of their epoch asks for them; another graph would
be handed somebody else's answers. So while a worker of that epoch lives, its executions are its own
to finish. After that, those that never began are begun anew under this epoch, and those that did
are handed to a person, with what was done so far.
"""

from __future__ import annotations

from app import log
from app.domain.execution import ExecutionStatus
from app.engine.durable_tables import WorkflowTables
from app.engine.endings import Endings
from app.engine.parts import Records
from app.engine.queue import Queue
from app.engine.workflows import GRAPH_EPOCH, Workflow, workflow_of

logger = log.get(__name__)


class Handover:
    """Looks after executions of epochs that no live worker has."""

    def __init__(
        self, tables: WorkflowTables, records: Records, endings: Endings, queue: Queue
    ) -> None:
        self._tables = tables
        self._records = records
        self._endings = endings
        self._queue = queue

    async def look(self) -> None:
        """Hand over, or begin anew, what nobody can finish. Only under the reaper's lease."""
        foreign = [w for w in await self._tables.unended() if w.epoch != GRAPH_EPOCH]
        if not foreign:
            return
        served = await self._records.workers.live_epochs()
        for workflow in foreign:
            if workflow.epoch not in served:
                await self._settle(workflow)

    async def _settle(self, workflow: Workflow) -> None:
        execution_id, number = workflow_of(workflow.id)
        execution = await self._records.reading.execution(execution_id)
        if execution.status is ExecutionStatus.RUNNING:
            reason = (
                f"It was begun by another version of the agent ({workflow.epoch}), of which no "
                f"worker is left; this one ({GRAPH_EPOCH}) cannot go on in its middle."
            )
            await self._endings.hand_over(execution_id, workflow.id, reason)
            await self._tables.end(workflow)
            return
        logger.info("begun anew under this version", workflow=workflow.id, was=workflow.epoch)
        await self._tables.forget(workflow)
        await self._queue.again(execution_id, number)
