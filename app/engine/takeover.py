"""Taking over what a dead worker left: its workflows go back to the queue, with a limit.

One worker at a time does it, under a lease of its own, since DBOS's public call to re-enqueue a
workflow has no condition on who runs it now. An execution that was taken over too often probably
is what kills its workers, and is given up.
"""

from __future__ import annotations

from app import log
from app.engine.durable import Durable, Workflow, workflow_of
from app.engine.endings import Endings
from app.engine.parts import Records

logger = log.get(__name__)

MAX_TAKEOVERS = 3
REAPER = "#reaper"  # a name in the table of leases that no host can have


class Takeover:
    """Looks after the executions of workers that are gone."""

    def __init__(
        self, durable: Durable, records: Records, endings: Endings, *, worker_id: str
    ) -> None:
        self._durable = durable
        self._records = records
        self._endings = endings
        self._worker_id = worker_id

    async def is_mine(self) -> bool:
        """Whether this worker is the reaper now; it becomes it where the last one is gone."""
        holder = await self._records.leases.holder(REAPER)
        if holder is not None and holder.owner == self._worker_id:
            return True
        fence = await self._records.leases.acquire(REAPER, self._worker_id, may_steal=self._is_dead)
        return fence is not None

    async def take_over(self) -> None:
        """Put back in the queue whatever runs on no live worker."""
        live = await self._records.workers.live()
        for workflow in await self._durable.running():
            if workflow.worker not in live:
                await self._take(workflow)

    async def _is_dead(self, worker_id: str) -> bool:
        return worker_id not in await self._records.workers.live()

    async def _take(self, workflow: Workflow) -> None:
        if workflow.takeovers >= MAX_TAKEOVERS:
            await self._give_up(workflow)
            return
        logger.info("taking over", workflow=workflow.id, from_worker=workflow.worker)
        await self._durable.take_over(workflow)

    async def _give_up(self, workflow: Workflow) -> None:
        execution_id, _ = workflow_of(workflow.id)
        reason = (
            f"Its worker died {workflow.takeovers + 1} times while it was at work; "
            "it is not tried again."
        )
        logger.error("giving up an execution", workflow=workflow.id, reason=reason)
        await self._endings.fail_because(execution_id, workflow.id, reason)
        await self._durable.end(workflow)
