"""The state that proves: red before, green after, from outside - and nothing left amiss."""

from __future__ import annotations

from app.domain.action import ActionCall
from app.domain.event import EntryStatus
from app.domain.evidence import Evidence
from app.domain.execution import Outcome, Step
from app.domain.hypothesis import Hypothesis, HypothesisStatus
from app.domain.probe import ProbeKind, ProbeResult
from app.domain.verdict import Verification
from app.host import kept
from app.host.network_state import ABOUT_FLAPPING, text_of
from app.host.view import HostView
from app.reasoning.port import Assessment, Repair
from app.services import relief
from app.services.asking import FLAPPING_SECONDS
from app.services.looking import look_again
from app.services.ports import Conclusion, Effects
from app.services.progress import Applied, Progress
from app.services.repairing import undo
from app.services.telling import concluded, entry, first_words, say

GRACE_SECONDS = 30.0
"""How long a repaired service may take until it answers."""


class WatchTimes:
    """How long health must last, by what was done to the host. Set from the settings."""

    def __init__(self, reversible: float, disruptive: float) -> None:
        self.reversible = reversible
        self.disruptive = disruptive

    def for_repair(self, repair: Repair) -> float:
        return self.disruptive if repair.disruptive else self.reversible


async def verify(at: Progress, effects: Effects, times: WatchTimes) -> Progress:
    """Prove it from outside: what was red is green and stays so, and nothing else got worse."""
    at, key = at.entering(Step.VERIFY)
    assert at.assessment is not None
    assert at.assessment.repair is not None
    applied = at.applied[-1]
    flaps = ABOUT_FLAPPING.search(text_of(at.known.incident)) is not None
    seconds = max(times.for_repair(at.assessment.repair), FLAPPING_SECONDS if flaps else 0.0)
    probes = (*applied.plan.red_probes, *applied.plan.green_probes)
    title = f"Watching for {seconds:.0f} s whether users are served"
    await say(effects, key, Step.VERIFY, title, running=True)
    before = await relief.look_before(effects, key, applied)
    after = await effects.watch(
        f"{key}.watch",
        Step.VERIFY,
        probes,
        f"Are users served, and still after {seconds:g} seconds?",
        grace_seconds=GRACE_SECONDS,
        seconds=seconds,
        strict=flaps,
    )
    worse = await _worse(at, effects, key, applied)
    proof = await _proof(at, effects, key, after, worse, seconds)
    at = at.step(verification=proof).with_probes(after)
    if not proof.healed:
        return await _not_healed(at, effects, key)
    amiss = await relief.left(at, effects, key, applied, before)
    if not amiss:
        return await _healed(at, effects, key)
    checks = [one.check for one in amiss if one.check is not None]
    if len(checks) == len(amiss) and not at.kept:
        told = "; ".join(one.text for one in amiss[:3])
        at = await relief.go_on(at, effects, key, checks, told)
        return at if at.known.red else await _healed(at, effects, key)
    assert at.assessment is not None
    assert at.assessment.leader is not None
    proving = _proving(at.assessment.leader, proof)
    return await relief.relieved(at, effects, key, amiss, proving)


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
    red = [p.probe for p in at.known.red]
    if all(probe.check in kept.CHECKS for probe in red):
        what = "What the ticket is about" if red[0].check == kept.CHECK else "What had changed"
        return (
            f"{what} is as it was while the host was healthy, and users who can be asked are "
            "served; nobody could be asked about its effect"
        )
    checks_only = all(probe.kind is ProbeKind.HOST for probe in red)
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
    before = (one.plan.cause_text for one in (*at.kept, *at.applied[:-1]))
    causes = "; ".join(dict.fromkeys([*before, leader.text]))
    conclusion = Conclusion(
        outcome=Outcome.RESOLVED,
        root_cause=causes,
        summary=f"{causes}. Repaired by {at.repaired}. {at.verification.statement}.",
        confidence=leader.confidence,
        evidence_ids=_proving(leader, at.verification),
        recommended=(*relief.left_as_they_are(at, at.applied[-1]), *relief.tried_in_vain(at)),
    )
    return at.step(conclusion=conclusion, next=Step.FINALIZE)


def _proving(leader: Hypothesis, proof: Verification) -> tuple[int, ...]:
    after = (p.evidence_id for p in proof.after if p.evidence_id is not None)
    return tuple(dict.fromkeys((*leader.evidence_ids, *after)))


async def _not_healed(at: Progress, effects: Effects, key: str) -> Progress:
    """Undo, refute the cause and think again; a change that got users further is kept for now."""
    applied = at.applied[-1]
    assert at.verification is not None
    assert at.assessment is not None
    repair, proof = at.assessment.repair, at.verification
    if broken := broken_by(proof):
        return await _at_others_expense(at, effects, key, broken)
    elsewhere = repair is not None and repair.puts_back and got_elsewhere(proof)
    if elsewhere and repair is not None and any(s.action == _RELOAD for s in repair.steps):
        # a reload may not have been enough: it stays only for another cause that is in sight
        elsewhere = _has_a_rival(at.assessment)
    if (got_further(proof) or elsewhere) and not proof.worse:
        how = "something else than before" if elsewhere else "further than before"
        said = f"Users get {how}; keeping this repair and looking for what remains"
        await say(effects, f"{key}.further", Step.VERIFY, said)
        return await look_again(at.further(applied.plan.cause), effects, f"{key}.again")
    await undo(effects, key, applied)
    at = at.step(applied=at.applied[:-1]).refuting(applied.plan.cause)
    return await look_again(at, effects, f"{key}.again")


async def _at_others_expense(
    at: Progress, effects: Effects, key: str, broken: tuple[ProbeResult, ...]
) -> Progress:
    """The cause is proven, and the price of its repair too: it is undone, a person must weigh."""
    applied = at.applied[-1]
    await undo(effects, key, applied)
    steps = "; ".join(step.label() for step in applied.plan.steps)
    said = (
        f"{applied.plan.cause_text}. Its repair ({steps}) served those users again who were not, "
        f"and broke what others were served ({first_words(broken)}): undone. "
        "A person must say how both can be had"
    )
    at = at.step(applied=at.applied[:-1])
    conclusion = concluded(at, Outcome.ESCALATED, said).model_copy(update={"root_cause": said})
    return at.step(conclusion=conclusion, next=Step.FINALIZE)


_RELOAD = "service.reload"
_IN_SIGHT = 0.2
"""Confidence from which another cause may be the second fault."""


def _has_a_rival(judged: Assessment) -> bool:
    leader = judged.leader
    others = (h for h in judged.hypotheses if leader is None or h.key != leader.key)
    return any(h.mode != "unknown" and h.confidence >= _IN_SIGHT for h in others)


_DEPTH = {"dns": 0, "unreachable": 1, "timeout": 2, "refused": 3, "reset": 4}
_ANSWERED_FOR = 5
"""A gateway answers in the place of who does not."""

_GATEWAYS = frozenset({502, 504})
_ANSWERED = 6


def broken_by(proof: Verification) -> tuple[ProbeResult, ...]:
    """Questions that were answered well before a repair and are not after it, where it healed.

    Empty where what failed before fails still: then nobody knows whose fault the rest is.
    """
    before = {p.probe.name for p in proof.before}
    failing = tuple(p for p in proof.after if not p.ok)
    healed = not any(p.probe.name in before for p in failing)
    return failing if healed and not proof.worse else ()


def got_further(proof: Verification) -> bool:
    """Whether a failing question fails later on its path than it did: refused -> 502 -> 500."""
    before = {p.probe.name: _depth(p) for p in proof.before}
    pairs = [(before[p.probe.name], _depth(p)) for p in proof.after if p.probe.name in before]
    return any(now > then for then, now in pairs) and all(now >= then for then, now in pairs)


def got_elsewhere(proof: Verification) -> bool:
    """Whether users are refused with another status than before, and nowhere get less far.

    After something was put back as it was while the host was healthy, that tells of a second fault
    behind the first: without its configuration a web server answers 200 with a program's source,
    and with it the program's own 503.
    """
    before = {p.probe.name: p for p in proof.before}
    pairs = [(before[p.probe.name], p) for p in proof.after if p.probe.name in before]
    other = any(
        then.status is not None and now.status is not None and then.status != now.status
        for then, now in pairs
    )
    return other and all(_depth(now) >= _depth(then) for then, now in pairs)


def _depth(result: ProbeResult) -> int:
    if result.ok:
        return _ANSWERED + 1
    if result.status is not None:
        return _ANSWERED_FOR if result.status in _GATEWAYS else _ANSWERED
    return _DEPTH.get(result.error or "", 4)
