"""The states that change and prove: remediate, verify, finalize. Red before green, or undone."""

from __future__ import annotations

from app.domain.action import ActionCall, Plan
from app.domain.event import EntryStatus, ProvenanceLink
from app.domain.evidence import Evidence
from app.domain.execution import Outcome, Step
from app.domain.hypothesis import Hypothesis, HypothesisStatus
from app.domain.probe import ProbeKind, ProbeResult
from app.domain.verdict import ChangeResult, ChangeStatus, Decision, Verdict, Verification
from app.host.view import HostView
from app.reasoning.port import Repair
from app.services.looking import (
    concluded,
    entry,
    look,
    say,
    user_probes,
)
from app.services.ports import Conclusion, Effects
from app.services.progress import Applied, Progress

GRACE_SECONDS = 30.0
"""How long a repaired service may take until it answers."""


class WatchTimes:
    """How long health must last, by what was done to the host. Set from the settings."""

    def __init__(self, reversible: float, disruptive: float) -> None:
        self.reversible = reversible
        self.disruptive = disruptive

    def for_repair(self, repair: Repair) -> float:
        return self.disruptive if repair.disruptive else self.reversible


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
    return await _look_again(at.refuting(applied.plan.cause), effects, f"{key}.again")


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
    """Let units take up what was put back: read it again, or start where reading it ended them."""
    settled = True
    for index, done in enumerate(applied.results, start=1):
        name = f"{key}.settle-{index}"
        for result in await effects.settle(name, applied.plan, done) if done.settle else ():
            settled = settled and result.succeeded
            status = EntryStatus.COMPLETED if result.succeeded else EntryStatus.FAILED
            said = f"After the undo: {_told(result)}"
            await say(effects, f"{name}.{result.call.action}", Step.VERIFY, said, status=status)
    return settled


async def verify(at: Progress, effects: Effects, times: WatchTimes) -> Progress:
    """Prove it from outside: what was red is green and stays so, and nothing else got worse."""
    at, key = at.entering(Step.VERIFY)
    assert at.assessment is not None
    assert at.assessment.repair is not None
    applied = at.applied[-1]
    seconds = times.for_repair(at.assessment.repair)
    probes = (*applied.plan.red_probes, *applied.plan.green_probes)
    title = f"Watching for {seconds:.0f} s whether users are served"
    await say(effects, key, Step.VERIFY, title, running=True)
    after = await effects.watch(
        f"{key}.watch", probes, grace_seconds=GRACE_SECONDS, seconds=seconds
    )
    worse = await _worse(at, effects, key, applied)
    proof = await _proof(at, effects, key, after, worse, seconds)
    at = at.step(verification=proof).with_probes(after)
    return await (_healed(at, effects, key) if proof.healed else _not_healed(at, effects, key))


async def _proof(
    at: Progress,
    effects: Effects,
    key: str,
    after: tuple[ProbeResult, ...],
    worse: tuple[str, ...],
    seconds: float,
) -> Verification:
    bad = [p for p in after if not p.ok]
    healed = bool(after) and not bad and not worse
    if healed:
        said = f"{_what_is_well(at)}: {len(after)} probes passed for {seconds:.0f} s"
    elif bad:
        said = f"Not healed: {bad[0].probe.name}: {bad[0].detail or bad[0].error}"
    else:
        said = f"Something else got worse: {', '.join(worse)}"
    proof = Verification(
        healed=healed,
        statement=said,
        before=at.known.red,
        after=after,
        watched_seconds=seconds if healed else 0.0,
        worse=worse,
        taken_at=await effects.now(f"{key}.now"),
        simulated=any(p.simulated for p in after),
    )
    status = EntryStatus.COMPLETED if healed else EntryStatus.FAILED
    line = entry(key, Step.VERIFY, said, status=status)
    await effects.record(f"{key}.proof", timeline=[line], verification=proof)
    return proof


def _what_is_well(at: Progress) -> str:
    """Who was not served before: users, or only the host's own checks failed."""
    checks_only = all(p.probe.kind is ProbeKind.HOST for p in at.known.red)
    return "What failed holds again" if checks_only else "Users are served again"


async def _worse(at: Progress, effects: Effects, key: str, applied: Applied) -> tuple[str, ...]:
    """Units that were up before the change and are not now, beyond those the plan takes down."""
    host = at.known.host_named(applied.plan.host)
    before = HostView(host, at.known.evidence).units
    call = [c for c in at.known.evidence if c.action == "units.show" and c.host == host.name]
    if not call:
        return ()
    again = await effects.observe(
        f"{key}.worse",
        Step.VERIFY,
        [_repeat(call[0])],
        "Is anything else down that was up before?",
    )
    after = HostView(host, again).units
    meant = {str(s.params.get("unit")) for s in applied.plan.steps if s.action == "service.stop"}
    was_up = [n for n, (u, _) in before.items() if u.active_state == "active"]
    down = [n for n in was_up if n in after and after[n][0].active_state == "failed"]
    return tuple(n for n in down if n not in meant)


def _repeat(evidence: Evidence) -> ActionCall:
    return ActionCall(action=evidence.action, host=evidence.host, params=evidence.params)


async def _healed(at: Progress, effects: Effects, key: str) -> Progress:
    assert at.assessment is not None
    leader = at.assessment.leader
    assert leader is not None
    assert at.verification is not None
    confirmed = leader.model_copy(update={"status": HypothesisStatus.CONFIRMED})
    await effects.record(f"{key}.confirmed", hypotheses=[confirmed])
    steps = "; ".join(s.label() for a in at.applied for s in a.plan.steps)
    said = f"{leader.text}. Repaired by {steps}. {at.verification.statement}."
    conclusion = Conclusion(
        outcome=Outcome.RESOLVED,
        root_cause=leader.text,
        summary=said,
        confidence=leader.confidence,
        evidence_ids=_proving(leader, at.verification),
    )
    return at.step(conclusion=conclusion, next=Step.FINALIZE)


def _proving(leader: Hypothesis, proof: Verification) -> tuple[int, ...]:
    after = (p.evidence_id for p in proof.after if p.evidence_id is not None)
    return tuple(dict.fromkeys((*leader.evidence_ids, *after)))


async def _not_healed(at: Progress, effects: Effects, key: str) -> Progress:
    """Undo, refute the cause and think again; a change that got users further is kept for now."""
    applied = at.applied[-1]
    assert at.verification is not None
    if got_further(at.verification) and not at.verification.worse:
        said = "Users get further than before; keeping this repair and looking for what remains"
        await say(effects, f"{key}.further", Step.VERIFY, said)
        return await _look_again(at.refuting(applied.plan.cause), effects, f"{key}.again")
    await undo(effects, key, applied)
    at = at.step(applied=at.applied[:-1]).refuting(applied.plan.cause)
    return await _look_again(at, effects, f"{key}.again")


_DEPTH = {"dns": 0, "unreachable": 1, "timeout": 2, "refused": 3, "reset": 4}
_ANSWERED = 5


def got_further(proof: Verification) -> bool:
    """Whether a failing question fails later on its path than it did: refused -> a 502 page."""
    before = {p.probe.name: _depth(p) for p in proof.before}
    pairs = [(before[p.probe.name], _depth(p)) for p in proof.after if p.probe.name in before]
    return any(now > then for then, now in pairs) and all(now >= then for then, now in pairs)


def _depth(result: ProbeResult) -> int:
    if result.ok:
        return _ANSWERED + 2
    if result.status is not None:
        return _ANSWERED
    return _DEPTH.get(result.error or "", 4)


async def _look_again(at: Progress, effects: Effects, key: str) -> Progress:
    """Fresh evidence after a change that was not the cure."""
    await effects.release(f"{key}.release", at.holding or at.known.host.name)
    seen = {e.host for e in at.known.evidence}
    hosts = [h for h in at.known.hosts if h.name in seen]
    emptied = at.known.model_copy(update={"evidence": (), "round": at.known.round + 1})
    at = at.step(holding=None, case=emptied)
    at = await look(at, effects, key, hosts, during=Step.VERIFY)
    pages = (p.probe for p in at.known.red if p.probe.kind is ProbeKind.HTTP)
    probes = tuple({p.name: p for p in (*user_probes(at.known), *pages)}.values())
    asked = await effects.probe(f"{key}.probe", Step.VERIFY, probes, "What do users see now?")
    return at.with_probes(asked).step(next=Step.HYPOTHESIZE)


def _rejected(at: Progress, plan: Plan) -> Progress:
    steps = "; ".join(step.label() for step in plan.steps)
    said = f"{_cause(at)}. A person decided against the proposed repair ({steps})"
    return at.step(conclusion=concluded(at, Outcome.ESCALATED, said), next=Step.FINALIZE)


def _cause(at: Progress) -> str:
    leader = at.assessment.leader if at.assessment is not None else None
    return leader.text if leader is not None else "The cause is not known"


async def finalize(at: Progress, effects: Effects) -> Progress:
    """End it: whatever was changed and did not heal is undone, the host given back, all said."""
    at, key = at.entering(Step.FINALIZE)
    conclusion = at.conclusion
    assert conclusion is not None
    if conclusion.outcome is not Outcome.RESOLVED:
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
