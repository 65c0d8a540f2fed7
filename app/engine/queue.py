"""Which workflow an execution is at, and that it is in the queue once there is room for it.

The execution's row is made by the webhook and the queue's by DBOS, in two databases. A crash
between the two leaves an execution that nobody works on; `admit` finds it, as it finds those for
which there was no room yet. `sweep` finds one whose workflow ended without ending it.
"""

from __future__ import annotations

from collections.abc import Sequence

from app import log
from app.audit.standing import Place
from app.domain.execution import ExecutionStatus
from app.engine.admission import Room, admitted, due, has_room
from app.engine.durable_tables import WorkflowTables
from app.engine.endings import Endings
from app.engine.parts import Inventory, Records
from app.engine.workflows import Workflow, workflow_id
from app.errors import EngineError, UnknownTarget
from app.settings import Settings

logger = log.get(__name__)


class Queue:
    """Executions waiting for a worker, and those at work."""

    def __init__(
        self,
        settings: Settings,
        tables: WorkflowTables,
        records: Records,
        endings: Endings,
        inventory: Inventory,
    ) -> None:
        self._tables = tables
        self._records = records
        self._endings = endings
        self._inventory = inventory
        self._room = Room(per_host=settings.host_concurrency, per_group=settings.group_concurrency)

    async def submit(self, execution_id: int) -> None:
        """Have an accepted execution worked on, at once where there is room.

        It is durable already: where the queue cannot be written now, `admit` does so later.
        Submitting it again changes nothing.
        """
        try:
            await self._submit(execution_id)
        except EngineError as error:
            logger.warning("queued later", execution_id=execution_id, reason=str(error))

    async def go_on(self, execution_id: int, number: int) -> bool:
        """Start workflow `number` once the one before it has ended; False: not yet."""
        before = workflow_id(execution_id, number - 1)
        found = (await self._tables.find([before])).get(before)
        if found is not None and not found.ended:
            return False
        (place,) = (await self._records.standings.of([execution_id])).places
        if not has_room(place.host, await self._at_work(), self._room, self._groups):
            return False
        await self._enqueue(place, number)
        return True

    async def again(self, execution_id: int, number: int) -> None:
        """Queue a workflow anew whose row was removed before it began."""
        for place in (await self._records.standings.of([execution_id])).places:
            await self._enqueue(place, number)

    async def number(self, execution_id: int) -> int:
        """Which workflow the execution is at: each answered question started another."""
        approvals = await self._records.approvals.listed(execution_id=execution_id, limit=1000)
        return 1 + sum(1 for approval in approvals if approval.resumed_at is not None)

    async def ended(self, name: str) -> bool:
        """Whether a workflow has ended for good; what a lease may be taken from."""
        found = (await self._tables.find([name])).get(name)
        return found is not None and found.ended

    async def admit(self) -> None:
        """Enqueue those that wait and for which there is room now, the first due first."""
        queued = (await self._records.standings.before_workers()).queued
        if not queued:
            return
        known = {workflow.execution_id for workflow in await self._tables.unended()}
        waiting = [place for place in queued if place.execution_id not in known]
        if not waiting:
            return
        at_work = await self._hosts_of(known)
        for place in admitted(waiting, at_work, self._room, self._groups):
            await self._enqueue(place, 1)

    async def sweep(self) -> None:
        """Enqueue what is said to run and is nowhere; fail what can never end by itself."""
        places = await self._records.standings.before_workers()
        numbers = {place.execution_id: 1 for place in places.queued}
        for place in places.running:
            numbers[place.execution_id] = await self.number(place.execution_id)
        found = await self._tables.find([workflow_id(*at) for at in numbers.items()])
        for place in places.places:
            number = numbers[place.execution_id]
            await self._mend(place, number, found.get(workflow_id(place.execution_id, number)))

    async def _submit(self, execution_id: int) -> None:
        if self._room.per_group is not None:
            return  # a limit over hosts is the admission's to keep, which sees all of them
        here = await self._records.standings.beside(execution_id)
        mine = [place for place in here.queued if place.execution_id == execution_id]
        if len(here.places) <= self._room.per_host:
            for place in mine:
                await self._enqueue(place, 1)

    async def _enqueue(self, place: Place, number: int) -> None:
        await self._tables.enqueue(place.execution_id, number, due=due(place))

    async def _at_work(self) -> list[str]:
        """The host of each execution that is in the queue or with a worker."""
        return await self._hosts_of({w.execution_id for w in await self._tables.unended()})

    async def _hosts_of(self, execution_ids: set[int]) -> list[str]:
        return [p.host for p in (await self._records.standings.of(execution_ids)).places]

    def _groups(self, host: str) -> Sequence[str]:
        try:
            return self._inventory.get(host).groups
        except UnknownTarget:  # it has left the inventory since
            return ()

    async def _mend(self, place: Place, number: int, workflow: Workflow | None) -> None:
        if workflow is not None and workflow.ended:
            await self._fail_if_still_at_work(place.execution_id, workflow)
        elif workflow is None and place.status is ExecutionStatus.RUNNING:
            logger.info("enqueued what nobody worked on", execution_id=place.execution_id)
            await self._enqueue(place, number)

    async def _fail_if_still_at_work(self, execution_id: int, workflow: Workflow) -> None:
        """Look again: it may have ended, or asked a person, since the statuses were read."""
        execution = await self._records.reading.execution(execution_id)
        if execution.status not in (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING):
            return
        number = await self.number(execution_id)
        if workflow.id != workflow_id(execution_id, number):
            return
        # a decision starts the next workflow before it is marked as acted on: that one is at work
        following = workflow_id(execution_id, number + 1)
        if following in await self._tables.find([following]):
            return
        reason = f"The workflow {workflow.id} ended ({workflow.state.value}) without an outcome."
        await self._endings.fail_because(execution_id, workflow.id, reason)
