"""The states that only look: analyze, hypothesize, diagnose."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.evidence import Evidence
from app.domain.execution import Outcome, Step
from app.domain.host import Host
from app.host.view import HostView
from app.reasoning.first_look import first_look
from app.reasoning.port import Advice, Case
from app.reasoning.questions import not_asked
from app.services.asking import (
    ask_as_users,
    ask_the_firewall,
    ask_the_host,
    ask_the_hosts_behind,
    ask_the_only_change,
    ask_what_was_lost,
    ask_who_needs_it,
    ask_who_waits,
    hosts_behind,
    user_probes,
    wait_for_the_next_failure,
)
from app.services.ports import Effects
from app.services.progress import Progress
from app.services.telling import (
    concluded,
    entry,
    named_calls,
    noted,
    out_of_reach,
    provenance,
    ranked,
    red_of,
    say,
    what_is_seen,
)


async def analyze(at: Progress, effects: Effects) -> Progress:
    """Who is affected, what do users see, how does the host look: one glance at everything."""
    at, key = at.entering(Step.ANALYZE)
    incident = at.given.incident
    hosts = await effects.hosts(f"{key}.hosts", incident.host)
    await say(effects, f"{key}.start", Step.ANALYZE, f"Looking at {hosts[0].name}", running=True)
    taken = [await effects.baseline(f"{key}.baseline.{h.name}", h.name) for h in hosts]
    baselines = tuple(b for b in taken if b is not None)
    case = Case(
        incident=incident,
        host=hosts[0],
        hosts=hosts,
        evidence=(),
        probes=(),
        baselines=baselines,
        agreed=at.given.grant is not None,
    )
    at = at.step(case=case)
    at = await look(at, effects, key, [hosts[0]])
    at = await ask_as_users(at, effects, key)
    if not at.known.red:
        at = await ask_the_host(at, effects, key, at.known.host)
    if not at.known.unserved:
        at = await ask_who_needs_it(at, effects, key)
    at = await ask_who_waits(at, effects, key)
    if at.known.host not in at.known.suffering:
        at = await ask_the_firewall(at, effects, key)
    if not at.known.red and at.known.needed:
        at = await look(at, effects, f"{key}.needed", at.known.needed)
        at = await ask_the_hosts_behind(at, effects, f"{key}.needed")
    if not at.known.red:
        at = await wait_for_the_next_failure(at, effects, key)
    if not at.known.red:
        at = await ask_the_only_change(at, effects, key)
    behind = hosts_behind(at.known, at.given.grant)
    if behind:
        at = await look(at, effects, f"{key}.behind", behind)
    agreed_on = behind or ((at.known.host,) if at.known.unserved else ())
    if at.known.agreed and agreed_on:
        at = await ask_what_was_lost(at, effects, key, agreed_on)
    await say(
        effects, f"{key}.start", Step.ANALYZE, what_is_seen(at.known), detail=red_of(at.known)
    )
    if not HostView(hosts[0], at.known.evidence).reachable:
        return at.step(conclusion=out_of_reach(at.known), next=Step.FINALIZE)
    return at.step(next=Step.HYPOTHESIZE)


async def hypothesize(at: Progress, effects: Effects) -> Progress:
    """Rank the causes that fit what is known, and choose: ask more, repair, or hand over."""
    at, key = at.entering(Step.HYPOTHESIZE)
    judged = await effects.assess(f"{key}.assess", at.known)
    at = at.step(assessment=judged)
    line = entry(key, Step.HYPOTHESIZE, judged.statement, detail=ranked(judged))
    await effects.record(
        f"{key}.hypotheses",
        timeline=[line, *noted(key, judged)],
        hypotheses=judged.hypotheses,
        provenance=tuple(provenance(judged)),
    )
    match judged.advice:
        case Advice.DIAGNOSE:
            return at.step(next=Step.DIAGNOSE)
        case Advice.REMEDIATE:
            return at.step(next=Step.REMEDIATE)
        case Advice.NO_FAULT:
            return at.step(conclusion=concluded(at, Outcome.NO_FAULT), next=Step.FINALIZE)
        case Advice.HAND_OVER:
            return at.step(conclusion=concluded(at, Outcome.ESCALATED), next=Step.FINALIZE)


async def diagnose(at: Progress, effects: Effects) -> Progress:
    """Ask what separates the candidates, all at once."""
    at, key = at.entering(Step.DIAGNOSE)
    assert at.assessment is not None
    wanted = at.assessment.wanted
    title = f"Asking {len(wanted)} questions: {named_calls(wanted)}"
    await say(effects, key, Step.DIAGNOSE, title, running=True)
    found = await effects.observe(f"{key}.observe", Step.DIAGNOSE, wanted, at.assessment.statement)
    at = at.with_evidence(found, round=at.known.round + 1)
    failed = [e for e in found if not e.ok]
    ending = f"{len(found) - len(failed)} of {len(found)} answered: {named_calls(wanted)}"
    await say(effects, key, Step.DIAGNOSE, ending)
    return at.step(next=Step.HYPOTHESIZE)


async def look(
    at: Progress,
    effects: Effects,
    key: str,
    hosts: Sequence[Host],
    *,
    during: Step = Step.ANALYZE,
) -> Progress:
    """The first look at hosts: everything that is cheap and nearly always matters, if not known."""
    first = [call for host in hosts for call in first_look(at.known, host)]
    calls = list(not_asked(at.known, first))
    names = ", ".join(host.name for host in hosts)
    found = await effects.observe(f"{key}.look", during, calls, f"A look at {names}")
    return at.with_evidence(found)


async def look_again(at: Progress, effects: Effects, key: str) -> Progress:
    """Fresh evidence after a change that was not the cure.

    What is known of hosts that were not changed and suffer nothing stays known; of those that
    suffer, and of the changed one, what does not change by itself within minutes.
    """
    changed = at.holding or at.known.host.name
    await effects.release(f"{key}.release", changed)
    seen = {e.host for e in at.known.evidence}
    doubted = {changed, at.known.host.name, *(h.name for h in at.known.suffering)}
    hosts = [h for h in at.known.hosts if h.name in seen and h.name in doubted]
    kept = tuple(
        e for e in at.known.evidence if e.host not in doubted or _still_holds(at, e, changed)
    )
    emptied = at.known.model_copy(
        update={"evidence": kept, "round": at.known.round + 1, "agreed": False}
    )
    at = at.step(holding=None, case=emptied)
    at = await look(at, effects, key, hosts, during=Step.VERIFY)
    failed = (p.probe for p in at.known.red)
    probes = tuple({p.name: p for p in (*user_probes(at.known), *failed)}.values())
    asked = await effects.probe(f"{key}.probe", Step.VERIFY, probes, "What do users see now?")
    at = at.with_probes(asked)
    if not at.known.red:
        at = await ask_the_host(at, effects, f"{key}.host", at.known.host)
    return at.step(next=Step.HYPOTHESIZE)


LASTING = frozenset({"security.signs", "jobs.scripts", "network.show", "qdisc.list"})
"""What the repair of a service does not change."""

LASTING_ELSEWHERE = LASTING | {
    *("unit_files.list", "filesystems.list", "persons.list", "baseline.manifest"),
    *("nginx.dump", "apache.sites", "containers.list"),
    *("file.diff", "config.read", "environment.read", "certificates.for_key"),
}
"""What stays as it is on a host where nothing was done; that a unit starts again may be."""

OF_FILES = frozenset({
    "file.diff", "config.read", "environment.read", "nginx.dump", "apache.sites", "nginx.test",
    "apache.test", "haproxy.test", "unit_files.list",
})  # fmt: skip
"""What files say, which a repair that writes none leaves as it is."""

_WRITES_NO_FILE = (
    "service.start", "service.stop", "service.restart", "service.reload", "service.reset_failed",
    "process.", "container.", "haproxy.",
)  # fmt: skip

_OF_ONE_PATH = frozenset({"file.diff", "config.read", "environment.read"})

_OF_THE_NETWORK = ("route.", "link.", "qdisc.", "kernel.", "firewall.", "neighbour.")


def _still_holds(at: Progress, item: Evidence, changed: str) -> bool:
    """Whether what was seen of a host need not be asked again after the last repair."""
    if item.host != changed:
        return item.ok and item.action in LASTING_ELSEWHERE
    repair = at.assessment.repair if at.assessment is not None else None
    steps = () if repair is None else repair.steps
    rewired = any(step.action.startswith(_OF_THE_NETWORK) for step in steps)
    worked = any(step.action.startswith(("job.", "lock.", "process.")) for step in steps)
    if (rewired and item.action in ("network.show", "qdisc.list")) or (
        worked and item.action == "jobs.scripts"
    ):
        return False
    if item.ok and all(s.action.startswith((*_OF_THE_NETWORK, *_WRITES_NO_FILE)) for s in steps):
        untouched = rewired and all(s.action.startswith(_OF_THE_NETWORK) for s in steps)
        if item.action in OF_FILES or (untouched and item.action == "baseline.manifest"):
            return True
    if item.ok and item.action in _OF_ONE_PATH:
        return item.params.get("path") not in {step.params.get("path") for step in steps}
    return item.ok and item.action in LASTING
