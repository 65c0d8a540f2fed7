"""The engine of one process: start, submit, decide, cancel, stop.

engine = Engine(settings, database, hands)
await engine.start()                        # on the running loop; resumes what was left
await engine.submit(execution_id)           # after the incident is durable
...
await engine.stop()                         # what runs is left where it is, for the next start
"""

from __future__ import annotations

from app import log
from app.audit.approvals import Approval
from app.domain.approval import Vote
from app.domain.pause import Pause
from app.engine.durable import Durable
from app.engine.durable_tables import WorkflowTables
from app.engine.endings import Endings
from app.engine.handover import Handover
from app.engine.housekeeping import Housekeeping
from app.engine.identity import new_worker_id
from app.engine.parts import Graph, Hands, Records
from app.engine.queue import Queue
from app.engine.resuming import Resuming
from app.engine.runs import Runs
from app.engine.takeover import Takeover
from app.engine.worker import Worker
from app.errors import AuditWriteFailed, DatabaseNotReady, EngineError
from app.models.database import Database
from app.settings import Settings
from app.telemetry.tracing import Tracer, Untraced

logger = log.get(__name__)


class Engine:
    """Queues executions, and works on them where it is a worker's. One to a process and loop."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        hands: Hands,
        graph: Graph,
        tracer: Tracer | None = None,
        *,
        works: bool = True,
    ) -> None:
        """`works`: False where other processes work on what this one queues."""
        self._settings = settings
        self._hands = hands
        self._database = database
        self._records = Records.of(database)
        self.works = works
        self.worker_id = new_worker_id()
        self._tables = WorkflowTables(settings)
        self._endings = Endings(self._records)
        self._queue = Queue(settings, self._tables, self._records, self._endings, hands.inventory)
        self._durable = Durable(settings, self._tables, worker_id=self.worker_id)
        self._worker = self._make_worker()
        self._runs = Runs(
            settings,
            self._records,
            hands,
            graph,
            self._endings,
            self._queue.ended,
            tracer or Untraced(),
            worker_id=self.worker_id,
        )

    @property
    def alive(self) -> bool:
        """Whether it does what it is there for; of a worker's False before start, and in a hang."""
        return self._worker.alive or not self.works

    async def start(self) -> None:
        """Take up what an earlier process left, and work on what comes; or only queue what comes.

        Raises EngineError, after which it may be called again. Call it on the event loop that
        serves the API.
        """
        await self._tables.open()
        if not self.works:
            logger.info("queueing for the workers", simulated=self._hands.simulated)
            return
        try:
            await self._worker.register()
            await self._durable.launch(self._runs.run)
            await self._worker.start()
        except (AuditWriteFailed, DatabaseNotReady, EngineError) as error:
            await self._durable.shutdown()  # so that it can be started again
            raise EngineError("The engine cannot use the database.", hint=str(error)) from error
        logger.info("engine started", worker=self.worker_id, simulated=self._hands.simulated)

    async def stop(self) -> None:
        """Stop in good order: the steps under way are given STOP_SECONDS to end, and what is left
        goes on with a peer, or at the next start.

        A change that was being made runs on at its host, under its receipt.
        """
        if self.works:
            await self._durable.park(self._settings.stop_seconds)  # beating on meanwhile
            await self._worker.stop()
            await self._durable.shutdown()
            await self._worker.leave()
        await self._tables.close()
        await self._hands.hosts.close()
        if self._hands.advised is not None:
            await self._hands.advised.close()
        logger.info("engine stopped", worker=self.worker_id)

    async def submit(self, execution_id: int) -> None:
        """Have an accepted execution worked on. Submitting it again changes nothing."""
        await self._queue.submit(execution_id)

    async def cancel(self, execution_id: int, *, by: str, reason: str) -> None:
        """End an execution: at once where it waits, else at its next safe boundary.

        Raises NotFound; Conflict where it has ended.
        """
        await self._endings.cancel(execution_id, by=by, reason=reason)

    async def decide(
        self,
        approval_id: int,
        *,
        person: str,
        subject: str | None,
        vote: Vote,
        reason: str,
        plan_hash: str,
    ) -> Approval:
        """Count a person's word; where it decides, the execution goes on within a second.

        Raises NotFound; Forbidden; Conflict where it is not open, or is for another plan.
        """
        approval = await self._records.approvals.vote(
            approval_id,
            person=person,
            subject=subject,
            vote=vote,
            reason=reason,
            plan_hash=plan_hash,
            grant_seconds=self._settings.approval_grant_ttl_seconds,
        )
        self._worker.wake()
        return approval

    async def turn_pause(self, *, paused: bool, by: str, reason: str) -> Pause:
        """Stop everything, or go on: while it is paused no change is started on any host."""
        return await self._records.pauses.turn(paused=paused, by=by, reason=reason)

    def _make_worker(self) -> Worker:
        tables, records, endings = self._tables, self._records, self._endings
        return Worker(
            self.worker_id,
            self._durable,
            records,
            self._queue,
            Resuming(records, self._queue, endings),
            Takeover(tables, records, endings, worker_id=self.worker_id),
            Handover(tables, records, endings, self._queue),
            Housekeeping(self._database, tables),
            retention=self._settings.retention,
        )
