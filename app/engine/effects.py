"""The effects of one workflow, done plainly: hosts asked, records written, leases held.

`durable` makes each method a step that happens once. Every method may nevertheless run twice, when
the process dies after doing its work and before the step is recorded; what it writes is keyed, so
that the second time finds the first's rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

from app.domain.action import ActionCall, Plan
from app.domain.event import ProvenanceLink, TimelineEntry
from app.domain.evidence import Evidence
from app.domain.execution import ExecutionStatus, Step
from app.domain.host import Host
from app.domain.hypothesis import Hypothesis
from app.domain.probe import Probe, ProbeResult
from app.domain.verdict import (
    ALREADY_SO,
    ChangeResult,
    ChangeStatus,
    Decision,
    Verdict,
    Verification,
)
from app.engine.asking import Asking
from app.engine.baselines import loaded
from app.engine.changes import PRECONDITION, Changes, Refusal, Wanted
from app.engine.holding import Holding
from app.engine.judging import Judging
from app.engine.keys import Keys
from app.engine.limits import Spending
from app.engine.observing import Observing
from app.engine.parts import Hands, Records, Terminal
from app.engine.past import Past
from app.engine.remembering import Remembering
from app.errors import Conflict
from app.host.baseline import Baseline
from app.reasoning.port import Assessment, Case
from app.services.ports import Conclusion, Control
from app.settings import Settings

LEASE_WAIT_SECONDS = 90.0  # another execution's change and its proof fit into this
LEASE_POLL_SECONDS = 0.5


class HostEffects:
    """An `Effects` for one workflow of an execution whose incident is about `host`."""

    def __init__(
        self,
        keys: Keys,
        host: Host,
        settings: Settings,
        records: Records,
        hands: Hands,
        spending: Spending,
        terminal: Terminal,
        holding: Holding,
    ) -> None:
        self._keys = keys
        self._id = keys.execution_id
        self._records = records
        self._hands = hands
        self._spending = spending
        self._terminal = terminal
        self._holding = holding
        self._eyes = Observing(
            keys, host, records, hands, spending, reach_seconds=settings.reach_seconds
        )
        self._judging = Judging(records, hands)
        self._asking = Asking(keys, records, settings, simulated=hands.simulated)
        self._past = Past(self._id, records, hands.inventory)
        self._shown: Step | None = None
        self._changes = Changes(records, hands, holding, capture=self._eyes.capture)

    async def now(self, key: str) -> datetime:
        return datetime.now(UTC)

    async def control(self, key: str) -> Control:
        cancellation = await self._records.reading.cancellation(self._id)
        return Control(
            cancelled=cancellation.cancelled,
            reason=cancellation.reason,
            exhausted=self._spending.exhausted(datetime.now(UTC)),
        )

    async def hosts(self, key: str, host: str) -> tuple[Host, ...]:
        here = self._hands.inventory.get(host)
        return (here, *self._hands.inventory.related(here))

    async def baseline(self, key: str, host: str) -> Baseline | None:
        stored = await self._records.baselines.latest(host, simulated=self._hands.simulated)
        return None if stored is None else loaded(stored)

    async def assess(self, key: str, case: Case) -> Assessment:
        known = case.model_copy(update={"lessons": await self._past.lessons()})
        if case.round == 1:
            await self._past.tell_similar(self._keys.story("similar"))
        if self._hands.advised is None:
            return await self._hands.reasoner.assess(known)
        memory = Remembering(self._records.model_calls, self._id)
        return await self._hands.advised.reasoner(memory, self._keys.row("assess", key)).assess(
            known
        )

    async def observe(
        self, key: str, step: Step, calls: Sequence[ActionCall], why: str
    ) -> tuple[Evidence, ...]:
        return await self._eyes.observe(self._keys.row("observe", key), step, calls, why)

    async def probe(
        self, key: str, step: Step, probes: Sequence[Probe], why: str
    ) -> tuple[ProbeResult, ...]:
        return await self._eyes.probe(self._keys.row("probe", key), step, probes, why)

    async def watch(
        self,
        key: str,
        step: Step,
        probes: Sequence[Probe],
        why: str,
        *,
        grace_seconds: float,
        seconds: float,
        strict: bool = False,
    ) -> tuple[ProbeResult, ...]:
        return await self._eyes.watch(
            self._keys.row("watch", key),
            step,
            probes,
            why,
            grace_seconds=grace_seconds,
            seconds=seconds,
            strict=strict,
        )

    async def decide(self, key: str, plan: Plan) -> Decision:
        row = self._keys.row("decide", key)
        decision = await self._judging.decide(plan)
        if decision.verdict is Verdict.NEEDS_APPROVAL:
            decision = await self._asking.ask(row, plan, decision)
        await self._records.journal.record_decision(
            self._id, row, Step.REMEDIATE, plan.cause_text, plan, decision
        )
        return decision

    async def lease(self, key: str, host: str) -> bool:
        """Waits its turn: whoever repairs this host now may be healing our incident too."""
        deadline = monotonic() + LEASE_WAIT_SECONDS
        while True:
            fence = await self._records.leases.acquire(
                host,
                self._keys.workflow,
                may_steal=self._terminal,
                worker=self._holding.worker,
            )
            if fence is not None:
                self._holding.fences[host] = fence
                return True
            control = await self.control(key)
            if monotonic() >= deadline or control.cancelled or control.exhausted:
                return False
            await asyncio.sleep(LEASE_POLL_SECONDS)

    async def release(self, key: str, host: str) -> None:
        self._holding.fences.pop(host, None)
        await self._records.leases.release(host, self._keys.workflow)

    async def change(self, key: str, plan: Plan, index: int, decision: Decision) -> ChangeResult:
        async def refusal() -> str:
            if (await self.control(key)).cancelled:
                return "The execution was cancelled."
            return await self._judging.refusal(plan, decision)

        wanted = self._wanted(key, index, plan.steps[index], decision, refusal)
        result = await self._changes.once(wanted)
        return await self._told(Step.REMEDIATE, plan.cause_text, wanted, result)

    async def undo(self, key: str, plan: Plan, done: ChangeResult) -> tuple[ChangeResult, ...]:
        """Stops at the first call that does not succeed: what follows builds on it."""
        results: list[ChangeResult] = []
        for index, call in enumerate(done.undo):
            decision = await self._judging.of_undo(done, call)
            wanted = self._wanted(key, index, call, decision, _always, undo_of=done.intent_id)
            result = await self._changes.once(wanted)
            why = f"Taking back {done.call.label()}."
            results.append(await self._told(Step.VERIFY, why, wanted, result))
            if not result.succeeded:
                break
        return tuple(results)

    async def settle(self, key: str, plan: Plan, done: ChangeResult) -> tuple[ChangeResult, ...]:
        """Each call by itself: one that is not needed is passed over and not told."""
        results: list[ChangeResult] = []
        for index, call in enumerate(done.settle):
            decision = await self._judging.of_undo(done, call)
            wanted = self._wanted(key, index, call, decision, _always, undo_of=done.intent_id)
            result = await self._changes.once(wanted)
            if result.status is ChangeStatus.REFUSED and result.how in (PRECONDITION, ALREADY_SO):
                continue
            why = f"Lets {done.call.label()} be as it was before."
            results.append(await self._told(Step.VERIFY, why, wanted, result))
        return tuple(results)

    async def record(
        self,
        key: str,
        *,
        timeline: Sequence[TimelineEntry] = (),
        hypotheses: Sequence[Hypothesis] = (),
        verification: Verification | None = None,
        provenance: Sequence[ProvenanceLink] = (),
    ) -> None:
        await self._records.journal.record(
            self._id,
            self._keys.row("record", key),
            timeline=[
                entry.model_copy(update={"key": self._keys.story(entry.key)}) for entry in timeline
            ],
            hypotheses=hypotheses,
            verification=verification,
            provenance=provenance,
        )
        if timeline and timeline[-1].step is not self._shown:
            await self._show(timeline[-1].step)

    async def conclude(self, key: str, conclusion: Conclusion) -> None:
        await self._records.journal.conclude(
            self._id,
            outcome=conclusion.outcome,
            root_cause=conclusion.root_cause,
            summary=conclusion.summary,
            confidence=conclusion.confidence,
            evidence_ids=conclusion.evidence_ids,
            recommended=conclusion.recommended,
        )
        await self._records.approvals.withdraw(self._id)  # nobody need decide any more

    async def _show(self, step: Step) -> None:
        """Say in which state the execution is, for who watches it."""
        self._shown = step
        with suppress(Conflict):  # it has ended: its last state stays
            await self._records.journal.set_status(self._id, ExecutionStatus.RUNNING, step)

    def _wanted(
        self,
        key: str,
        index: int,
        call: ActionCall,
        decision: Decision,
        refusal: Refusal,
        *,
        undo_of: str | None = None,
    ) -> Wanted:
        return Wanted(
            intent_id=self._keys.intent(key, index),
            execution_id=self._id,
            workflow_id=self._keys.workflow,
            call=call,
            host=self._hands.inventory.get(call.host),
            decision=decision,
            refusal=refusal,
            undo_of=undo_of,
        )

    async def _told(
        self, step: Step, why: str, wanted: Wanted, result: ChangeResult
    ) -> ChangeResult:
        """The result with its evidence's number, once it is written down."""
        evidence_id = await self._records.journal.record_change(
            self._id,
            wanted.intent_id,
            step,
            why,
            result,
            argv=self._hands.catalog.render(wanted.call),
            risk=self._hands.catalog.risk(wanted.call),
            taken_at=datetime.now(UTC),
            simulated=self._hands.simulated,
            undo=wanted.undo_of is not None,
        )
        return result.model_copy(update={"evidence_id": evidence_id})


async def _always() -> str:
    return ""
