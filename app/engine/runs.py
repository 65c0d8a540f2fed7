"""One workflow of an execution from its beginning to its ending, and what to do when it breaks.

    begin    a step: the incident, what people said before; the execution is running
    graph    the six states over durable effects
    end      a step: concluded, or waiting for a person; the host is given back

What the graph raises ends the execution as failed, with the reason, and gives the host back. Only
being stopped (a shutdown) and being replaced (a peer took over) leave it as it is: those come as
BaseExceptions, and the workflow goes on elsewhere or later.
"""

from __future__ import annotations

from datetime import UTC, datetime

from app import log
from app.audit.approvals import Approval
from app.domain.approval import ApprovalState, Vote
from app.domain.execution import ACTIVE, ExecutionStatus
from app.domain.value import JsonObject, Value
from app.engine.durable import patiently, step
from app.engine.durable_effects import durable
from app.engine.effects import HostEffects
from app.engine.endings import Endings
from app.engine.holding import Holding
from app.engine.keys import Keys
from app.engine.limits import Spending
from app.engine.parts import Graph, Hands, Records, Terminal
from app.engine.traced_effects import traced
from app.errors import Conflict, EngineError, Fenced
from app.services.ports import Effects, Ending, EndingKind, ExecutionInput, Grant
from app.settings import Settings
from app.telemetry.tracing import Attributes, Trace, Tracer

logger = log.get(__name__)

_REFUSED = (ApprovalState.REJECTED, ApprovalState.REVISE)


class Beginning(Value):
    """What a workflow starts from; no case where the execution has ended already."""

    case: ExecutionInput | None
    began_at: datetime


class Runs:
    """Runs workflows with one process's hands."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        hands: Hands,
        graph: Graph,
        endings: Endings,
        terminal: Terminal,
        tracer: Tracer,
        *,
        worker_id: str,
    ) -> None:
        self._settings = settings
        self._records = records
        self._hands = hands
        self._graph = graph
        self._endings = endings
        self._terminal = terminal
        self._tracer = tracer
        self._worker_id = worker_id

    async def run(self, execution_id: int, number: int) -> JsonObject:
        """The body of the durable workflow `exe-<execution_id>-<number>`."""
        keys = Keys(execution_id=execution_id, number=number)
        with log.about(execution_id=execution_id, workflow=keys.workflow):
            try:
                return await self._run(keys)
            except Fenced:  # this worker was given up: the execution is another's, as it is
                raise
            except Exception as error:
                logger.exception("an execution broke")
                # plain, not a step: on resume a step here would stand where another was recorded
                failure = error
                await patiently(lambda: self._endings.fail(execution_id, keys.workflow, failure))
                return {"kind": "failed", "error": type(error).__name__}

    async def _run(self, keys: Keys) -> JsonObject:
        # each run anew, so no step: what an earlier run still sends has an older fence
        fences = await patiently(
            lambda: self._records.leases.renew(keys.workflow, worker=self._worker_id)
        )
        began = Beginning.model_validate(await step("begin", lambda: self._begin(keys)))
        if began.case is None:
            logger.info("nothing to do: the execution has ended")
            return {"kind": "skipped"}
        with log.about(incident_number=began.case.incident.number):
            logger.info("execution taken up", host=began.case.incident.host)
            with self._tracer.workflow("execution", self._traced_by(keys, began.case)) as trace:
                ending = await self._graph(self._effects(keys, began, trace, fences), began.case)
                trace.say({"kind": ending.kind.value, "outcome": ending.outcome or "none"})
            await step("end", lambda: self._end(keys, ending))
            logger.info("workflow ended", kind=ending.kind.value, outcome=ending.outcome)
        return ending.model_dump(mode="json")

    def _traced_by(self, keys: Keys, case: ExecutionInput) -> Attributes:
        return {
            "execution_id": keys.execution_id,
            "workflow": keys.workflow,
            "host": case.incident.host,
            "priority": case.incident.priority.value,
            "simulated": self._hands.simulated,
        }

    def _effects(
        self, keys: Keys, began: Beginning, trace: Trace, fences: dict[str, int]
    ) -> Effects:
        assert began.case is not None
        spending = Spending.under(self._settings, began.began_at)
        plain = HostEffects(
            keys,
            self._hands.inventory.get(began.case.incident.host),
            self._settings,
            self._records,
            self._hands,
            spending,
            self._terminal,
            Holding(self._worker_id, fences),
        )
        return durable(traced(plain, trace), spending.note)

    async def _begin(self, keys: Keys) -> JsonObject:
        case = await self._case(keys) if await self._is_running_now(keys) else None
        return Beginning(case=case, began_at=datetime.now(UTC)).model_dump(mode="json")

    async def _is_running_now(self, keys: Keys) -> bool:
        """Move the execution to running; False where it has ended, by a cancellation mostly."""
        try:
            await self._records.journal.set_status(keys.execution_id, ExecutionStatus.RUNNING)
        except Conflict:
            return False
        return True

    async def _case(self, keys: Keys) -> ExecutionInput:
        answered = [
            approval
            for approval in await self._records.approvals.listed(execution_id=keys.execution_id)
            if approval.state is not ApprovalState.PENDING
        ]
        return ExecutionInput(
            execution_id=keys.execution_id,
            workflow_number=keys.number,
            incident=await self._records.reading.incident(keys.execution_id),
            grant=_grant(answered[-1]) if answered else None,
            refused=tuple(a.proposal for a in answered if a.state in _REFUSED),
        )

    async def _end(self, keys: Keys, ending: Ending) -> JsonObject:
        if ending.kind is EndingKind.WAITING_APPROVAL:
            await self._records.journal.set_status(
                keys.execution_id, ExecutionStatus.WAITING_APPROVAL
            )
            await self._endings.cancel_standing(keys.execution_id)
        else:
            await self._require_conclusion(keys)
        await self._records.leases.release_all(keys.workflow)
        return {}

    async def _require_conclusion(self, keys: Keys) -> None:
        execution = await self._records.reading.execution(keys.execution_id)
        if execution.status in ACTIVE:
            raise EngineError(
                f"The graph ended execution {keys.execution_id} without concluding it.",
                hint="Its last state must call Effects.conclude.",
            )


def _grant(approval: Approval) -> Grant | None:
    if approval.state not in (ApprovalState.APPROVED, ApprovalState.USED):
        return None
    return Grant(
        approval_id=approval.id,
        proposal=approval.proposal,
        plan_hash=approval.plan_hash,
        approvers=tuple(b.person for b in approval.votes if b.vote is Vote.APPROVE),
        host=approval.host,
    )
