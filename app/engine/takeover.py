"""Taking over what a dead worker left: its workflows go back to the queue, with a limit.

One worker at a time does it, under a lease of its own, since DBOS's public call to re-enqueue a
workflow has no condition on who runs it now.

An execution may be what kills its worker, and everything beside it in that process dies with it.
So who was taken over once and died again is suspect, and suspects go back one at a time, each with
no other suspect beside it: the culprit convicts itself and is given up, the others end well.
"""

from __future__ import annotations

from collections.abc import Sequence

from app import log
from app.counting import TAKEOVERS
from app.engine.durable_tables import WorkflowTables
from app.engine.endings import Endings
from app.engine.parts import Records
from app.engine.workflows import Workflow, workflow_of

logger = log.get(__name__)

SUSPECT_AFTER = 1  # takeovers; the next death makes it a suspect
MAX_TAKEOVERS = 3
REAPER = "#reaper"  # a name in the table of leases that no host can have


class Takeover:
    """Looks after the executions of workers that are gone."""

    def __init__(
        self, tables: WorkflowTables, records: Records, endings: Endings, *, worker_id: str
    ) -> None:
        self._tables = tables
        self._records = records
        self._endings = endings
        self._worker_id = worker_id
        self._on_trial: str | None = None  # the suspect that was put back last

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
        left = [w for w in await self._tables.running() if w.worker not in live]
        for workflow in left:
            if workflow.takeovers < SUSPECT_AFTER:
                await self._take(workflow)
        suspects = [w for w in left if w.takeovers >= SUSPECT_AFTER]
        if suspects and not await self._is_one_on_trial(suspects):
            await self._try_one(suspects)

    async def _is_dead(self, worker_id: str) -> bool:
        return worker_id not in await self._records.workers.live()

    async def _is_one_on_trial(self, suspects: Sequence[Workflow]) -> bool:
        """Whether the last one put back still waits or works. Its worker's death ends the trial."""
        if self._on_trial is None or any(w.id == self._on_trial for w in suspects):
            return False
        found = (await self._tables.find([self._on_trial])).get(self._on_trial)
        return found is not None and not found.ended

    async def _try_one(self, suspects: Sequence[Workflow]) -> None:
        """Who holds a host goes first: others may have to wait for that host."""
        holding = [w for w in suspects if await self._holds_a_host(w)]
        chosen = (holding or suspects)[0]
        self._on_trial = chosen.id
        await self._take(chosen)

    async def _holds_a_host(self, workflow: Workflow) -> bool:
        execution_id, _ = workflow_of(workflow.id)
        execution = await self._records.reading.execution(execution_id)
        lease = await self._records.leases.holder(execution.host)
        return lease is not None and lease.owner == workflow.id

    async def _take(self, workflow: Workflow) -> None:
        if workflow.takeovers >= MAX_TAKEOVERS:
            await self._give_up(workflow)
            return
        logger.info("taking over", workflow=workflow.id, from_worker=workflow.worker)
        await self._tables.take_over(workflow)
        TAKEOVERS.add("taken")

    async def _give_up(self, workflow: Workflow) -> None:
        execution_id, _ = workflow_of(workflow.id)
        reason = (
            f"Its worker died {workflow.takeovers + 1} times while it was at work; "
            "it is not tried again, and a person has it now."
        )
        logger.error("giving up an execution", workflow=workflow.id, reason=reason)
        await self._endings.hand_over(execution_id, workflow.id, reason)
        await self._tables.end(workflow)
        TAKEOVERS.add("handed_over")
