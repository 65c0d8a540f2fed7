"""The states that change and end: remediate, finalize. What did not heal is undone."""

from __future__ import annotations

from app.domain.action import Plan
from app.domain.event import EntryStatus, ProvenanceLink
from app.domain.execution import Outcome, Step
from app.domain.verdict import ChangeResult, ChangeStatus, Decision, Verdict
from app.reasoning.port import Repair
from app.services.looking import look_again
from app.services.ports import Effects
from app.services.progress import Applied, Progress
from app.services.telling import concluded, entry, say


async def remediate(at: Progress, effects: Effects, changes_max: int) -> Progress:
    """Make the plan, have it decided, and run its steps one by one under write-ahead intents."""
    at, key = at.entering(Step.REMEDIATE)
    assert at.assessment is not None
    repair = at.assessment.repair
    assert repair is not None
    if at.plans_tried >= changes_max:
        said = f"{at.plans_tried} repairs were tried and none healed; a person must look"
        return at.step(conclusion=concluded(at, Outcome.ESCALATED, said), next=Step.FINALIZE)
    plan = plan_for(at, repair)
    if plan.proposal() in at.given.refused:
        return _rejected(at, plan)
    decision = await effects.decide(f"{key}.decide", plan)
    at = at.step(decision=decision)
    await _tell_decision(effects, key, plan, decision)
    if decision.verdict is Verdict.NEEDS_APPROVAL:
        return at.step(waiting_for=plan.proposal(), next=None)
    if decision.verdict is Verdict.DENY:
        said = f"{_cause(at)}. The policy does not allow the repair: {decision.reasons[0]}"
        return at.step(conclusion=concluded(at, Outcome.ESCALATED, said), next=Step.FINALIZE)
    if not await effects.lease(f"{key}.lease", plan.host):
        said = f"Another execution is changing {plan.host}; this one leaves it alone"
        return at.step(conclusion=concluded(at, Outcome.ESCALATED, said), next=Step.FINALIZE)
    return await _apply(at.step(holding=plan.host), effects, key, plan, decision)


def plan_for(at: Progress, repair: Repair) -> Plan:
    """The plan of a repair: what it does, what justifies it, what must be green afterwards."""
    assert at.assessment is not None
    leader = at.assessment.leader
    assert leader is not None
    case = at.known
    red = case.red
    cited = (*leader.evidence_ids, *(p.evidence_id for p in red if p.evidence_id is not None))
    return Plan(
        execution_id=at.given.execution_id,
        host=repair.steps[0].host,
        cause=leader.key,
        cause_text=leader.text,
        confidence=leader.confidence,
        steps=repair.steps,
        evidence_ids=tuple(dict.fromkeys(cited)),
        red_probes=tuple(p.probe for p in red),
        green_probes=tuple(p.probe for p in case.probes if p.ok),
        requires_person=repair.requires_person,
    )


async def _tell_decision(effects: Effects, key: str, plan: Plan, decision: Decision) -> None:
    steps = "; ".join(step.label() for step in plan.steps)
    title = f"{decision.verdict.value}: {steps} ({decision.rule}: {decision.reasons[0]})"
    links = [
        ProvenanceLink(
            conclusion=f"decision:{decision.plan_hash}",
            evidence_id=ident,
            drawn_by=f"policy:{decision.rule}",
            statement=plan.cause_text[:500],
        )
        for ident in plan.evidence_ids
    ]
    line = entry(f"{key}.decision", Step.REMEDIATE, title, detail=_decided(decision))
    await effects.record(f"{key}.decision", timeline=[line], provenance=links)


def _decided(decision: Decision) -> dict[str, object]:
    return decision.model_dump(mode="json", include={"verdict", "rule", "level", "risk", "reasons"})


async def _apply(
    at: Progress, effects: Effects, key: str, plan: Plan, decision: Decision
) -> Progress:
    results: tuple[ChangeResult, ...] = ()
    for index, step in enumerate(plan.steps):
        name = f"{key}.change-{index + 1}"
        await say(effects, name, Step.REMEDIATE, f"Running {step.label()}", running=True)
        result = await effects.change(name, plan, index, decision)
        if result.is_needless and results:  # an earlier step has brought it about
            await say(effects, name, Step.REMEDIATE, _told(result), status=EntryStatus.SKIPPED)
            continue
        results = (*results, result)
        status = EntryStatus.COMPLETED if result.succeeded else EntryStatus.FAILED
        await say(effects, name, Step.REMEDIATE, _told(result), status=status)
        if not result.succeeded:
            return await _stuck(at, effects, key, Applied(plan, results))
    at = at.step(applied=(*at.applied, Applied(plan, results)), plans_tried=at.plans_tried + 1)
    return at.step(next=Step.VERIFY)


def _told(result: ChangeResult) -> str:
    ending = f"exit code {result.exit_code}" if result.exit_code is not None else result.how
    return f"{result.call.label()}: {result.status.value} ({ending})"


async def _stuck(at: Progress, effects: Effects, key: str, applied: Applied) -> Progress:
    """A step did not go through: what went before is undone, or a person must look."""
    last = applied.results[-1]
    at = at.step(plans_tried=at.plans_tried + 1)
    if last.status is ChangeStatus.UNKNOWN:
        said = f"It cannot be told whether {last.call.label()} ran; nothing more is touched"
        return at.step(conclusion=concluded(at, Outcome.ESCALATED, said), next=Step.FINALIZE)
    # A command that ran and failed may have changed something; one that was refused did not.
    ran = tuple(r for r in applied.results if r.status is not ChangeStatus.REFUSED)
    await undo(effects, key, Applied(applied.plan, ran))
    if last.status is ChangeStatus.SIMULATED:
        said = "The simulation has no recording of this repair; this is the plan it would have run"
        return at.step(conclusion=concluded(at, Outcome.ESCALATED, said), next=Step.FINALIZE)
    return await look_again(at.refuting(applied.plan.cause), effects, f"{key}.again")


async def undo(effects: Effects, key: str, applied: Applied) -> bool:
    """Undo what stands of a plan, the last step first, then bring that into effect.

    False where something has no undo.
    """
    complete = True
    for index in range(len(applied.results), 0, -1):
        done = applied.results[index - 1]
        name = f"{key}.undo-{index}"
        if not done.undo:
            complete = False
            said = f"{done.call.label()} has no undo: {done.undo_note or 'none declared'}"
            await say(effects, name, Step.VERIFY, said, status=EntryStatus.SKIPPED)
            continue
        results = await effects.undo(name, applied.plan, done)
        good = all(r.succeeded for r in results)
        complete = complete and good
        status = EntryStatus.COMPLETED if good else EntryStatus.FAILED
        await say(effects, name, Step.VERIFY, f"Undone: {done.call.label()}", status=status)
    return await _settle(effects, key, applied) and complete


async def _settle(effects: Effects, key: str, applied: Applied) -> bool:
    """Let units take up what was put back: read it again, or run with it as they did before.

    Where nothing was put back, what runs is what the files say: no step is run a second time.
    """
    settled = True
    put_back = any(done.undo for done in applied.results)
    for index, each in enumerate(applied.results, start=1):
        name = f"{key}.settle-{index}"
        calls = tuple(call for call in each.settle if put_back or call != each.call)
        done = each.model_copy(update={"settle": calls})
        for result in await effects.settle(name, applied.plan, done) if calls else ():
            settled = settled and result.succeeded
            status = EntryStatus.COMPLETED if result.succeeded else EntryStatus.FAILED
            said = f"After the undo: {_told(result)}"
            await say(effects, f"{name}.{result.call.action}", Step.VERIFY, said, status=status)
    return settled


def _rejected(at: Progress, plan: Plan) -> Progress:
    steps = "; ".join(step.label() for step in plan.steps)
    said = f"{_cause(at)}. A person decided against the proposed repair ({steps})"
    return at.step(conclusion=concluded(at, Outcome.ESCALATED, said), next=Step.FINALIZE)


def _cause(at: Progress) -> str:
    leader = at.assessment.leader if at.assessment is not None else None
    return leader.text if leader is not None else "The cause is not known"


async def _hold_again(at: Progress, effects: Effects, key: str) -> Progress:
    """The lease of the host that was changed: it was given back while others were looked at."""
    host = at.applied[-1].plan.host
    if at.holding is None and await effects.lease(f"{key}.lease", host):
        return at.step(holding=host)
    return at


async def finalize(at: Progress, effects: Effects) -> Progress:
    """End it: whatever was changed and did not heal is undone, the host given back, all said."""
    at, key = at.entering(Step.FINALIZE)
    conclusion = at.conclusion
    assert conclusion is not None
    relieved = at.verification is not None and at.verification.healed
    if conclusion.outcome is not Outcome.RESOLVED and not relieved and at.applied:
        at = await _hold_again(at, effects, key)
        for number, applied in enumerate(reversed(at.applied), start=1):
            await undo(effects, f"{key}.{number}", applied)
    if at.holding is not None:
        await effects.release(f"{key}.release", at.holding)
    links = [
        ProvenanceLink(
            conclusion="outcome",
            evidence_id=ident,
            drawn_by=at.assessment.drawn_by if at.assessment is not None else "rule",
            statement=conclusion.root_cause[:500],
        )
        for ident in conclusion.evidence_ids
    ]
    title = f"{conclusion.outcome.value}: {conclusion.summary}"
    line = entry(key, Step.FINALIZE, title)
    await effects.record(f"{key}.end", timeline=[line], provenance=links)
    await effects.conclude(f"{key}.conclude", conclusion)
    return at.step(next=None)
