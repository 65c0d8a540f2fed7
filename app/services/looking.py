"""The states that only look: analyze, hypothesize, diagnose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.action import ActionCall
from app.domain.event import EntryStatus, ProvenanceLink, TimelineEntry
from app.domain.evidence import Evidence
from app.domain.execution import Outcome, Step
from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.host import checks, database_checks, kept, may_write, web_limits
from app.host.network_state import ABOUT_ARRIVING, ABOUT_FLAPPING, filters_of, text_of
from app.host.probes import ABOUT_CERTIFICATES, certificates, derive
from app.host.ticket_pages import (
    bears_out,
    failing_pages,
    failing_requests,
    misplaced,
    named_pages,
)
from app.host.view import HostView
from app.reasoning.first_look import first_look
from app.reasoning.host_case import HostCase
from app.reasoning.port import Advice, Assessment, Case
from app.reasoning.questions import not_asked
from app.services.ports import Conclusion, Effects, Grant
from app.services.progress import Progress

CALM_SECONDS = 3.0
"""How long users must be served without a break before an alarm is called false."""

LOG_LINES, MOST_LOGS = 200, 3
"""How much of a service's log is read, and of how many services, where requests failed."""

FLAPPING_SECONDS = 20.0
"""The same, at least, where the ticket is about what fails only now and then."""


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
        at = await ask_the_host(at, effects, key)
    if at.known.host not in at.known.suffering:
        at = await ask_who_needs_it(at, effects, key)
        at = await ask_the_firewall(at, effects, key)
    behind = hosts_behind(at.known, at.given.grant)
    if behind:
        at = await look(at, effects, f"{key}.behind", behind)
    if at.known.agreed and behind:
        at = await _ask_what_was_lost(at, effects, key, behind)
    await say(effects, f"{key}.start", Step.ANALYZE, _seen(at.known), detail=_red(at.known))
    if not HostView(hosts[0], at.known.evidence).reachable:
        return at.step(conclusion=_unreachable(at.known), next=Step.FINALIZE)
    return at.step(next=Step.HYPOTHESIZE)


async def hypothesize(at: Progress, effects: Effects) -> Progress:
    """Rank the causes that fit what is known, and choose: ask more, repair, or hand over."""
    at, key = at.entering(Step.HYPOTHESIZE)
    judged = await effects.assess(f"{key}.assess", at.known)
    at = at.step(assessment=judged)
    line = entry(key, Step.HYPOTHESIZE, judged.statement, detail=_ranked(judged))
    await effects.record(
        f"{key}.hypotheses",
        timeline=[line, *_noted(key, judged)],
        hypotheses=judged.hypotheses,
        provenance=tuple(_provenance(judged)),
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
    title = f"Asking {len(wanted)} questions: {_named(wanted)}"
    await say(effects, key, Step.DIAGNOSE, title, running=True)
    found = await effects.observe(f"{key}.observe", Step.DIAGNOSE, wanted, at.assessment.statement)
    at = at.with_evidence(found, round=at.known.round + 1)
    failed = [e for e in found if not e.ok]
    ending = f"{len(found) - len(failed)} of {len(found)} answered: {_named(wanted)}"
    await say(effects, key, Step.DIAGNOSE, ending)
    return at.step(next=Step.HYPOTHESIZE)


# --- looking -------------------------------------------------------------------------------------


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


async def ask_as_users(at: Progress, effects: Effects, key: str) -> Progress:
    """Ask what users ask; where all is well, keep asking for a moment before believing it."""
    case = at.known
    probes = user_probes(case)
    known = {_page_of(probe) for probe in probes}
    named = (p for host in case.hosts for p in named_pages(case.incident, host))
    pages = [p for p in named if p.whole or _page_of(p) not in known]
    if not probes and not pages:
        return at
    asked = (*probes, *pages)
    results = await effects.probe(f"{key}.probe", Step.ANALYZE, asked, "Are users served?")
    view = HostView(case.host, case.evidence)
    meant = tuple(r for r in results if r.probe not in pages or bears_out(r, case.incident, view))
    at = at.with_probes(meant)
    wrong = misplaced(results, pages, case.incident)
    if wrong:
        why = "The start page is answered in the place of another; is it still?"
        at = at.with_probes(await effects.probe(f"{key}.misplaced", Step.ANALYZE, wrong, why))
    if at.known.red or not probes:
        return at
    flaps = ABOUT_FLAPPING.search(text_of(at.known.incident)) is not None
    calm = await effects.watch(
        f"{key}.calm",
        probes,
        grace_seconds=0.0,
        seconds=FLAPPING_SECONDS if flaps else CALM_SECONDS,
        strict=flaps,
    )
    at = at.with_probes(calm)
    return at if at.known.red else await _ask_what_was_refused(at, effects, key, probes)


async def _ask_what_was_refused(
    at: Progress, effects: Effects, key: str, probes: Sequence[Probe]
) -> Progress:
    """Where all that is known to be asked is well: what users asked lately and were refused."""
    host = at.known.host
    sites = any(p.kind is ProbeKind.HTTP and p.address == host.address for p in probes)
    if not sites:
        return at
    call = ActionCall(action="web.errors", host=host.name)
    at = at.with_evidence(
        await effects.observe(f"{key}.refused", Step.ANALYZE, [call], "Who was refused lately?")
    )
    view = HostView(host, at.known.evidence)
    pages = failing_pages(view, [p for p in probes if p.address == host.address])
    if not pages:
        return at
    why = f"{len(failing_requests(view))} requests of users failed lately; do they still?"
    results = await effects.probe(f"{key}.refused.pages", Step.ANALYZE, pages, why)
    return at.with_probes(tuple(r for r in results if bears_out(r, at.known.incident, view)))


async def ask_who_needs_it(at: Progress, effects: Effects, key: str) -> Progress:
    """Where its own users are served: are those of the hosts that depend on it?"""
    case = at.known
    needing = [h for h in case.hosts if case.host.name in h.depends_on]
    found: list[Probe] = []
    for host in needing:
        baseline = case.baseline_of(host.name)
        found.extend(host.probes or (() if baseline is None else baseline.probes))
    if not found:
        return at
    why = f"Are users of what depends on {case.host.name} served?"
    results = await effects.probe(f"{key}.needing", Step.ANALYZE, found, why)
    unserved = {r.probe.address for r in results if not r.ok}
    return at.with_probes(tuple(r for r in results if r.probe.address in unserved))


async def ask_the_host(at: Progress, effects: Effects, key: str) -> Progress:
    """Where users are served, ask what the ticket may be about and no user would notice."""
    case = at.known
    baseline = case.baseline_of(case.host.name)
    view = HostView(case.host, case.evidence)
    known = checks.declared(view) if baseline is None else checks.learned(baseline.view(case.host))
    if any(r.method != "GET" and r.fails_still for r in failing_requests(view)):
        at = await _ask_what_stopped_them(at, effects, key)
        case, view = at.known, HostView(at.known.host, at.known.evidence)
    own = HostCase(case, case.host.name)
    doubted = checks.doubted(known, view, case.incident, own.touched)
    changed = (c for those in own.themed.values() for c in those)
    doubted += kept.probes_of(case.host, changed)
    doubted += database_checks.doubted(view, own.then, case.incident, agreed=case.agreed)
    doubted += web_limits.doubted(view, case.incident)
    doubted += may_write.doubted(view, own.units)
    if not doubted:
        return at
    why = "Does what held on the host while it was healthy still hold?"
    results = await effects.probe(f"{key}.checks", Step.ANALYZE, doubted, why)
    refused = " ".join(r.detail for r in results if r.probe.check == "config" and not r.ok)
    # a file that its own reader refuses is to be mended, and may well be meant
    meant = (r for r in results if r.probe.check != kept.CHECK or r.probe.subject not in refused)
    return at.with_probes(tuple(meant))


async def _ask_what_stopped_them(at: Progress, effects: Effects, key: str) -> Progress:
    """Where users fail at sending something, which nobody can repeat: what do the services say?"""
    own = HostCase(at.known, at.known.host.name)
    calls = [
        ActionCall(action=action, host=own.host.name, params={"unit": unit, "lines": LOG_LINES})
        for unit in own.units[:MOST_LOGS]
        if unit in own.view.units
        for action in ("unit.logs", "journal.unit")
    ]
    why = "What do services say of requests that failed?"
    return at.with_evidence(await effects.observe(f"{key}.logs", Step.ANALYZE, calls, why))


async def _ask_what_was_lost(
    at: Progress, effects: Effects, key: str, hosts: Sequence[Host]
) -> Progress:
    """Where a person agreed to mend what a database behind has lost: is it still missing?"""
    doubted: list[Probe] = []
    for host in hosts:
        own = HostCase(at.known, host.name)
        doubted += database_checks.doubted(own.view, own.then, at.known.incident, agreed=True)
    if not doubted:
        return at
    why = "Is what a person agreed to mend still amiss?"
    return at.with_probes(await effects.probe(f"{key}.lost", Step.ANALYZE, doubted, why))


async def ask_the_firewall(at: Progress, effects: Effects, key: str) -> Progress:
    """Where the host answers, yet the ticket is about what does not arrive: does a rule drop it?"""
    host, baseline = at.known.host, at.known.baseline_of(at.known.host.name)
    if baseline is None or not ABOUT_ARRIVING.search(text_of(at.known.incident)):
        return at
    call = ActionCall(action="firewall.show", host=host.name)
    why = "Does a new rule drop what should arrive?"
    at = at.with_evidence(await effects.observe(f"{key}.filters", Step.ANALYZE, [call], why))
    probes = filters_of(host, HostView(host, at.known.evidence), baseline.view(host))
    if not probes:
        return at
    return at.with_probes(await effects.probe(f"{key}.filters.gone", Step.ANALYZE, probes, why))


def _page_of(probe: Probe) -> tuple[object, ...]:
    return (probe.kind, probe.port, probe.tls, probe.host_header, probe.path)


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
        at = await ask_the_host(at, effects, f"{key}.host")
    return at.step(next=Step.HYPOTHESIZE)


LASTING = frozenset({"security.signs", "jobs.scripts", "network.show", "qdisc.list"})
"""What the repair of a service does not change."""

LASTING_ELSEWHERE = LASTING | {
    *("unit_files.list", "filesystems.list", "persons.list", "baseline.manifest"),
    *("nginx.dump", "apache.sites", "containers.list"),
}
"""What stays as it is on a host where nothing was done; that a unit starts again may be."""

_OF_THE_NETWORK = ("route.", "link.", "qdisc.", "kernel.", "firewall.")


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
    return item.ok and item.action in LASTING


def hosts_behind(case: Case, grant: Grant | None) -> tuple[Host, ...]:
    """Hosts that the incident's depends on and that are looked at at once: those that suffer.

    After a person's yes it is the host of what was proposed: whether that still holds is the
    question, and what else suffers is looked at where it does not. Where only pages fail, they may
    well fail through the incident's own host: those are left for when nothing stands out there.
    """
    others = case.needed
    if grant is not None and grant.host is not None:
        return tuple(h for h in others if h.name == grant.host)
    telling = {p.probe.address for p in case.red if p.probe.kind is not ProbeKind.HTTP}
    return tuple(h for h in others if h.address in telling)


def user_probes(case: Case) -> tuple[Probe, ...]:
    """What users ask of the case's hosts: declared, learned while healthy, or derived now."""
    found: list[Probe] = []
    for host in (case.host, *case.needed):
        baseline = case.baseline_of(host.name)
        if host.probes:
            found.extend(host.probes)
        elif baseline is not None:
            found.extend(baseline.probes)  # what was refused while healthy is nobody's loss now
        elif host.name == case.host.name:
            view = HostView(host, case.evidence)
            derived = derive(view, service=case.incident.claimed_service)
            told = ABOUT_CERTIFICATES.search(text_of(case.incident)) is not None
            found.extend((*derived, *(certificates(derived) if told else ())))
    return tuple({probe.name: probe for probe in found}.values())


# --- saying --------------------------------------------------------------------------------------


def entry(
    key: str,
    step: Step,
    title: str,
    *,
    status: EntryStatus = EntryStatus.COMPLETED,
    detail: dict[str, object] | None = None,
) -> TimelineEntry:
    return TimelineEntry(key=key, step=step, title=title[:500], status=status, detail=detail or {})


async def say(
    effects: Effects,
    key: str,
    step: Step,
    title: str,
    *,
    running: bool = False,
    status: EntryStatus = EntryStatus.COMPLETED,
    detail: dict[str, object] | None = None,
) -> None:
    """One line of the timeline. A running one is completed by saying it again under its key."""
    shown = EntryStatus.RUNNING if running else status
    suffix = "running" if running else "ended"
    line = entry(key, step, title, status=shown, detail=detail)
    await effects.record(f"{key}.{suffix}", timeline=[line])


def concluded(at: Progress, outcome: Outcome, statement: str | None = None) -> Conclusion:
    """The end that the latest assessment leads to."""
    judged = at.assessment
    leader = judged.leader if judged is not None else None
    known = leader is not None and leader.confidence >= 0.5
    said = statement or (judged.statement if judged is not None else "")
    if at.kept:
        said = f"{said}. Users are served since {at.repaired}"
    cause = leader.text if leader is not None and known and outcome is not Outcome.NO_FAULT else ""
    handed_over = judged is not None and judged.advice is Advice.HAND_OVER
    if judged is not None and handed_over and cause and judged.statement.startswith(cause):
        cause = judged.statement  # with the reason why it is left alone
    explained = judged.explanation if judged is not None else ""
    return Conclusion(
        outcome=outcome,
        root_cause=cause or (judged.statement if judged is not None else said),
        summary=f"{said}\n\n{explained}" if explained else said,
        confidence=leader.confidence if leader is not None and known else 0.0,
        evidence_ids=_cited(at, judged),
        recommended=judged.recommended if judged is not None else (),
    )


def _cited(at: Progress, judged: Assessment | None) -> tuple[int, ...]:
    leader = judged.leader if judged is not None else None
    own = leader.evidence_ids if leader is not None else ()
    asked = tuple(p.evidence_id for p in at.known.probes if p.evidence_id is not None)
    return tuple(dict.fromkeys((*own, *asked)))[:20]


def _unreachable(case: Case) -> Conclusion:
    reasons = sorted({e.error for e in case.evidence if e.error})
    seen = f"users see: {case.red[0].detail}" if case.red else "users are served or cannot be asked"
    said = f"{case.host.name} cannot be looked at over SSH ({'; '.join(reasons[:2])}); {seen}"
    return Conclusion(
        outcome=Outcome.ESCALATED,
        root_cause=said,
        summary=said,
        evidence_ids=tuple(e.id for e in case.evidence[:5]),
        recommended=(
            f"Check that {case.host.name} is up and lets the agent in: sre-agent doctor.",
        ),
    )


def _seen(case: Case) -> str:
    if not case.probes:
        return f"{case.host.name} was looked at; no question that users would ask is known"
    if not case.red:
        return f"Users are served: {len(case.probes)} probes pass"
    if all(p.probe.kind is ProbeKind.HOST for p in case.red):
        return f"What held while it was healthy does not any more: {_first_words(case.red)}"
    return f"Users suffer: {_first_words(case.red)}"


def _first_words(red: Sequence[ProbeResult]) -> str:
    return "; ".join(f"{p.probe.name}: {p.detail or p.error or p.status}" for p in red[:3])


def _red(case: Case) -> dict[str, object]:
    return {
        "probes": [
            {"name": p.probe.name, "ok": p.ok, "status": p.status, "error": p.error}
            for p in case.probes
        ]
    }


def _ranked(judged: Assessment) -> dict[str, object]:
    return {
        "advice": judged.advice.value,
        "missing": list(judged.missing),
        "causes": [
            {"key": h.key, "confidence": round(100 * h.confidence, 1)}
            for h in judged.hypotheses[:6]
        ],
    }


def _noted(key: str, judged: Assessment) -> Iterable[TimelineEntry]:
    """What a language model said, or why it did not: a line each."""
    for number, note in enumerate(judged.notes, start=1):
        status = EntryStatus.COMPLETED if note.ok else EntryStatus.FAILED
        yield entry(f"{key}.note-{number}", Step.HYPOTHESIZE, note.text, status=status)


def _provenance(judged: Assessment) -> Iterable[ProvenanceLink]:
    proposed = [h for h in judged.hypotheses[6:] if h.mode == "model"]
    for hypothesis in (*judged.hypotheses[:6], *proposed):
        for support in hypothesis.supports:
            rule = f"{judged.drawn_by}:{hypothesis.mode}"
            yield ProvenanceLink(
                conclusion=f"hypothesis:{hypothesis.key}"[:200],
                evidence_id=support.evidence_id,
                drawn_by=support.rule if hypothesis.mode == "model" else rule,
                statement=support.statement[:500],
            )


def _named(calls: Sequence[ActionCall]) -> str:
    shown = ", ".join(dict.fromkeys(c.action for c in calls))
    return shown if len(shown) <= 120 else shown[:117] + "..."
