"""A graph in one function: red, plan, decision, lease, change, proof. And some that misbehave."""

from __future__ import annotations

import asyncio
import os

from app.domain.action import Plan
from app.domain.event import EntryStatus, TimelineEntry
from app.domain.execution import Outcome, Step
from app.domain.verdict import Decision, Verdict
from app.services.ports import Conclusion, Effects, Ending, EndingKind, ExecutionInput
from tests.integration.engine.world import HOST, PROBE, RESTART, plan

WATCH_SECONDS = 0.2
KILLER = "INC0000666"
WELL = "INC0000777"


async def repair(effects: Effects, case: ExecutionInput) -> Ending:
    """Start the unit if users suffer, and prove it."""
    await _say(effects, "analyze-1", "Asking what users ask")
    red = await effects.probe("analyze-1", Step.ANALYZE, [PROBE], "Do users suffer?")
    if red[0].ok:
        return await _conclude(effects, Outcome.NO_FAULT, "Users are served.")
    wanted = plan(case.execution_id)
    if wanted.proposal() in case.refused:
        return await _conclude(effects, Outcome.ESCALATED, "A person refused the repair.")
    decision = await effects.decide("remediate-1", wanted)
    if decision.verdict is Verdict.NEEDS_APPROVAL:
        return Ending(kind=EndingKind.WAITING_APPROVAL, proposal=wanted.proposal())
    if decision.verdict is Verdict.DENY:
        return await _conclude(effects, Outcome.ESCALATED, decision.reasons[0])
    if not await effects.lease("remediate-1", HOST.name):
        return await _conclude(effects, await _why_stopped(effects), "The host was not free.")
    return await _change(effects, wanted, decision)


async def _change(effects: Effects, wanted: Plan, decision: Decision) -> Ending:
    again = await effects.probe("remediate-1", Step.REMEDIATE, [PROBE], "Still red?")
    if again[0].ok:
        return await _conclude(effects, Outcome.NO_FAULT, "Healed while we waited.")
    result = await effects.change("remediate-1", wanted, 0, decision)
    if not result.succeeded:
        outcome = await _why_stopped(effects)
        return await _conclude(effects, outcome, f"{result.status}: {result.output}")
    after = await effects.watch(
        "verify-1", Step.VERIFY, [PROBE], "Is it well?", grace_seconds=2.0, seconds=WATCH_SECONDS
    )
    await effects.release("verify-1", HOST.name)
    if not after[0].ok:
        await effects.undo("verify-1", wanted, result)
        return await _conclude(effects, Outcome.ESCALATED, "It did not heal.")
    return await _conclude(effects, Outcome.RESOLVED, "Users are served again.")


async def insists(effects: Effects, case: ExecutionInput) -> Ending:
    """A graph that restarts the unit whatever it sees."""
    wanted = plan(case.execution_id).model_copy(update={"steps": (RESTART,)})
    decision = await effects.decide("remediate-1", wanted)
    assert await effects.lease("remediate-1", HOST.name)
    result = await effects.change("remediate-1", wanted, 0, decision)
    await effects.release("verify-1", HOST.name)
    outcome = Outcome.RESOLVED if result.succeeded else Outcome.ESCALATED
    return await _conclude(effects, outcome, f"{result.status}: {result.output}")


async def asks_control(effects: Effects, case: ExecutionInput) -> Ending:
    """A graph with a safe boundary after its change."""
    wanted = plan(case.execution_id)
    decision = await effects.decide("remediate-1", wanted)
    assert await effects.lease("remediate-1", HOST.name)
    await effects.change("remediate-1", wanted, 0, decision)
    control = await effects.control("verify-1")
    outcome = Outcome.CANCELLED if control.cancelled else Outcome.RESOLVED
    return await _conclude(effects, outcome, control.reason)


async def breaks(effects: Effects, case: ExecutionInput) -> Ending:
    """A graph with an error in it, that comes up while it holds the host."""
    await effects.lease("remediate-1", HOST.name)
    raise ZeroDivisionError("a mistake of ours")


async def kills(effects: Effects, case: ExecutionInput) -> Ending:
    """A graph that takes its whole process with it."""
    await effects.lease("remediate-1", HOST.name)
    os.kill(os.getpid(), 9)
    raise AssertionError("unreachable")


async def one_kills(effects: Effects, case: ExecutionInput) -> Ending:
    """One incident kills its process, while the others wait for the host that it holds."""
    if case.incident.number != KILLER:
        return await repair(effects, case)
    await effects.lease("remediate-1", HOST.name)
    await asyncio.sleep(0.4)
    return await kills(effects, case)


async def one_is_well(effects: Effects, case: ExecutionInput) -> Ending:
    """One incident is nothing and ends at once, whoever holds the host."""
    if case.incident.number != WELL:
        return await repair(effects, case)
    return await _conclude(effects, Outcome.NO_FAULT, "Nothing was asked.")


async def _why_stopped(effects: Effects) -> Outcome:
    control = await effects.control("stopped")
    return Outcome.CANCELLED if control.cancelled else Outcome.ESCALATED


async def _say(effects: Effects, key: str, title: str) -> None:
    entry = TimelineEntry(key=key, step=Step.ANALYZE, title=title, status=EntryStatus.COMPLETED)
    await effects.record(key, timeline=[entry])


async def _conclude(effects: Effects, outcome: Outcome, summary: str) -> Ending:
    conclusion = Conclusion(outcome=outcome, root_cause="edge.service is stopped.", summary=summary)
    await effects.conclude("finalize-1", conclusion)
    return Ending(kind=EndingKind.CONCLUDED, outcome=outcome)
