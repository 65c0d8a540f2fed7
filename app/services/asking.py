"""What is asked of hosts as their users ask it, and of a host about itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.domain.action import ActionCall
from app.domain.execution import Step
from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.host import (
    checks,
    daemons,
    database_checks,
    database_losses,
    failed_jobs,
    job_scripts,
    kept,
    may_write,
    web_limits,
)
from app.host.databases import ACTIONS
from app.host.network_state import ABOUT_ARRIVING, ABOUT_FLAPPING, filters_of, text_of
from app.host.probes import ABOUT_CERTIFICATES, certificates, derive
from app.host.ticket_pages import (
    bears_out,
    failing_pages,
    failing_requests,
    misplaced,
    named_pages,
    with_its_past,
)
from app.host.view import HostView
from app.reasoning.differences import only_thing, set_otherwise_asks, themed
from app.reasoning.host_case import HostCase
from app.reasoning.port import Case
from app.reasoning.questions import not_asked
from app.reasoning.since_healthy import telling
from app.reasoning.without_suffering import is_not_for_us, what_is_asked
from app.services.ports import Effects, Grant
from app.services.progress import Progress

CALM_SECONDS = 3.0
"""How long users must be served without a break before an alarm is called false."""

FLAPPING_SECONDS = 20.0
"""The same, at least, where the ticket is about what fails only now and then."""

AGREED_SECONDS = 40.0
"""So much longer it is waited for the next failure, where a person agreed to the repair of one."""

JOB_SECONDS = 12.0
"""How long the end of a job is waited for that is at work when its host is looked at."""

_FIGURES = re.compile(r"[0-9.]+")

LOG_LINES, MOST_LOGS = 200, 3
"""How much of a service's log is read, and of how many services, where requests failed."""


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
    flaps = _is_about_flapping(case)
    seconds = FLAPPING_SECONDS if flaps else CALM_SECONDS
    why = f"Are users served, and still after {seconds:g} seconds?"
    calm = await effects.watch(
        f"{key}.calm", Step.ANALYZE, probes, why, grace_seconds=0.0, seconds=seconds, strict=flaps
    )
    at = at.with_probes(calm)
    return at if at.known.red else await _ask_what_was_refused(at, effects, key, probes)


async def wait_for_the_next_failure(at: Progress, effects: Effects, key: str) -> Progress:
    """Where a person agreed to the repair of what fails only now and then, and nothing fails yet.

    Asked after all that fails at once when it is asked: what was agreed to may be one of those.
    """
    probes = user_probes(at.known)
    if not (at.known.agreed and probes and _is_about_flapping(at.known)):
        return at
    why = f"Does what a person agreed to mend fail within {AGREED_SECONDS:g} seconds more?"
    return at.with_probes(
        await effects.watch(
            f"{key}.next",
            Step.ANALYZE,
            probes,
            why,
            grace_seconds=0.0,
            seconds=AGREED_SECONDS,
            strict=True,
        )
    )


def _is_about_flapping(case: Case) -> bool:
    return ABOUT_FLAPPING.search(text_of(case.incident)) is not None


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
    telling = (r for r in results if bears_out(r, at.known.incident, view))
    return at.with_probes(tuple(with_its_past(result, view) for result in telling))


async def ask_who_needs_it(at: Progress, effects: Effects, key: str) -> Progress:
    """Where its own users are served: are those of the hosts that depend on it?

    Also where a check on the host fails: what is not as it was may have nothing to do with what
    they suffer, and only they can tell that it was mended.
    """
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
    at = at.with_probes(tuple(r for r in results if r.probe.address in unserved))
    return at if at.known.red else await _ask_what_they_were_refused(at, effects, key, found)


async def _ask_what_they_were_refused(
    at: Progress, effects: Effects, key: str, probes: Sequence[Probe]
) -> Progress:
    """Where all pages are well there too: what did their users ask for lately and were refused?"""
    sites = {p.address for p in probes if p.kind is ProbeKind.HTTP}
    needing = [h for h in at.known.hosts if at.known.host.name in h.depends_on]
    calls = [ActionCall(action="web.errors", host=h.name) for h in needing if h.address in sites]
    if not calls:
        return at
    why = f"Were users of what depends on {at.known.host.name} refused lately?"
    return at.with_evidence(
        await effects.observe(f"{key}.needing.refused", Step.ANALYZE, calls, why)
    )


async def ask_who_waits(at: Progress, effects: Effects, key: str) -> Progress:
    """Where users wait in vain: who holds whom up in the databases that were looked at before?

    A session that holds a lock is no trouble until somebody waits for it.
    """
    if not any(result.late for result in at.known.red):
        return at
    calls = [
        ActionCall(action=action, host=host.name)
        for host in at.known.hosts
        for action in ACTIONS.values()
        if HostView(host, at.known.evidence).asked(action)
    ]
    if not calls:
        return at
    why = "Who waits for whom in the databases, now that users wait?"
    return at.with_evidence(await effects.observe(f"{key}.waiting", Step.ANALYZE, calls, why))


async def ask_the_hosts_behind(at: Progress, effects: Effects, key: str) -> Progress:
    """Where nothing fails on the incident's own host: the same of those that it depends on.

    People name the host that they see; what they suffer from may stand on the one behind it.
    """
    for host in at.known.needed:
        if at.known.red or at.known.baseline_of(host.name) is None:
            continue
        at = await ask_the_host(at, effects, f"{key}.{host.name}", host)
    return at


async def ask_the_host(at: Progress, effects: Effects, key: str, host: Host) -> Progress:
    """Where users are served, ask what the ticket may be about and no user would notice."""
    at = await _let_jobs_end(at, effects, key, host)
    case = at.known
    baseline = case.baseline_of(host.name)
    view = HostView(host, case.evidence)
    known = checks.declared(view) if baseline is None else checks.learned(baseline.view(host))
    if any(r.method != "GET" and r.fails_still for r in failing_requests(view)):
        at = await _ask_what_stopped_them(at, effects, key, host)
        case, view = at.known, HostView(host, at.known.evidence)
    own = HostCase(case, host.name)
    if any(kept.tells_a_job(path) for path in own.touched) and not view.asked(job_scripts.ASKED):
        at = await _ask_of_jobs(at, effects, key, host)
        case, view = at.known, HostView(host, at.known.evidence)
        own = HostCase(case, host.name)
    known = (*known, *failed_jobs.doubted(view, own.then))
    of_its_kind = (
        daemons.spoken_of(own.then, view, case.incident) if own.then is not None else frozenset()
    )
    doubted = checks.doubted(known, view, case.incident, own.touched | of_its_kind)
    doubted += _not_as_it_was(own)
    doubted += database_checks.doubted(
        view, own.then, case.incident, agreed=case.agreed, refused=_sending_fails(case)
    )
    doubted += web_limits.doubted(view, case.incident)
    doubted += may_write.doubted(view, own.units)
    doubted += failed_jobs.stuck(view, own.then)
    if doubted:
        at = await _check(at, effects, f"{key}.checks", doubted)
    return at if at.known.red else await _ask_what_was_set(at, effects, key, doubted, host)


async def _let_jobs_end(at: Progress, effects: Effects, key: str, host: Host) -> Progress:
    """Where a job is at work just now: how does it end? A long one is not waited for."""
    own = HostCase(at.known, host.name)
    working = failed_jobs.at_work(own.view, own.then)
    if not working:
        return at
    why = f"Do the jobs end that are at work, within {JOB_SECONDS:g} seconds?"
    await effects.watch(
        f"{key}.rest", Step.ANALYZE, working, why, grace_seconds=JOB_SECONDS, seconds=0.0
    )
    call = ActionCall(action="units.show", host=host.name, params={"pattern": "*.service"})
    why = "How did the jobs end that were at work?"
    return at.with_evidence(await effects.observe(f"{key}.ended", Step.ANALYZE, [call], why))


def _sending_fails(case: Case) -> bool:
    """Whether users of what depends on the host are refused what they send, as its log has it."""
    others = (h for h in case.hosts if h.name != case.host.name)
    found = (one for h in others for one in failing_requests(HostView(h, case.evidence)))
    return any(request.method != "GET" for request in found)


async def _ask_of_jobs(at: Progress, effects: Effects, key: str, host: Host) -> Progress:
    """Where it changed when a job runs: is there more that keeps it from running?"""
    call = ActionCall(action=job_scripts.ASKED, host=host.name)
    why = "When a job runs is not as it was; does anything else keep it from running?"
    return at.with_evidence(await effects.observe(f"{key}.jobs", Step.ANALYZE, [call], why))


def _not_as_it_was(own: HostCase) -> tuple[Probe, ...]:
    changed = (change for changes in themed(own).values() for change in changes)
    return kept.probes_of(own.host, changed)


async def _ask_what_was_set(
    at: Progress, effects: Effects, key: str, known: Sequence[Probe], host: Host
) -> Progress:
    """Where nothing fails at all: was a setting changed that decides what the ticket is about?"""
    calls = tuple(not_asked(at.known, set_otherwise_asks(HostCase(at.known, host.name))))
    if not calls:
        return at
    why = "Which settings are not as they were while the host was healthy?"
    at = at.with_evidence(await effects.observe(f"{key}.set", Step.ANALYZE, calls, why))
    own = HostCase(at.known, host.name)
    doubted = tuple(probe for probe in _not_as_it_was(own) if probe not in known)
    return await _check(at, effects, f"{key}.set.checks", doubted) if doubted else at


async def ask_the_only_change(at: Progress, effects: Effects, key: str) -> Progress:
    """Where nothing fails at all, and one thing alone is not as it was: should it be put back?

    A person is asked that, and not merely told: at night a question with its answer beside it is
    worth more than a finding.
    """
    own = HostCase(at.known, at.known.host.name)
    behind = (HostCase(at.known, host.name) for host in at.known.needed)
    if own.then is None or len(telling(own)) > 1 or any(telling(case) for case in behind):
        return at
    calls = tuple(not_asked(at.known, what_is_asked(own)))
    why = "Is anything else not as it was while the host was healthy?"
    at = at.with_evidence(await effects.observe(f"{key}.only", Step.ANALYZE, calls, why))
    own = HostCase(at.known, own.host.name)
    doubted = () if is_not_for_us(own) else only_thing(own)
    return await _check(at, effects, f"{key}.only.checks", doubted) if doubted else at


async def _check(at: Progress, effects: Effects, key: str, doubted: Sequence[Probe]) -> Progress:
    why = "Does what held on the host while it was healthy still hold?"
    results = await effects.probe(key, Step.ANALYZE, doubted, why)
    refused = " ".join(r.detail for r in results if r.probe.check == "config" and not r.ok)
    # a file that its own reader refuses is to be mended, and may well be meant
    meant = [
        r for r in results if r.probe.check not in kept.CHECKS or r.probe.subject not in refused
    ]
    return await _look_again(at.with_probes(tuple(meant)), effects, key, meant)


async def _look_again(
    at: Progress, effects: Effects, key: str, results: Sequence[ProbeResult]
) -> Progress:
    """Where a check fails otherwise than by what is known: that is from before, and asked again."""
    views = {host.address: HostView(host, at.known.evidence) for host in at.known.hosts}
    over = [
        call
        for result in results
        if not result.ok and (view := views.get(result.probe.address)) is not None
        if not _is_as_known(result, view)
        for call in checks.calls(result.probe, view.host.name)
    ]
    if not over:
        return at
    why = "Not as it was when the host was looked at a moment ago; how is it now?"
    again = tuple({call.label(): call for call in over}.values())
    return at.with_evidence(await effects.observe(f"{key}.again", Step.ANALYZE, again, why))


def _is_as_known(result: ProbeResult, view: HostView) -> bool:
    """Whether a check fails just as what is known of the host says, but for the figures in it, or
    nothing is known."""
    said = checks.judge(result.probe, view)
    if said is None:
        return True
    return not said[0] and _FIGURES.sub("", said[1]) == _FIGURES.sub("", result.detail)


async def _ask_what_stopped_them(at: Progress, effects: Effects, key: str, host: Host) -> Progress:
    """Where users fail at sending something, which nobody can repeat: what do the services say?"""
    own = HostCase(at.known, host.name)
    calls = [
        ActionCall(action=action, host=own.host.name, params={"unit": unit, "lines": LOG_LINES})
        for unit in own.units[:MOST_LOGS]
        if unit in own.view.units
        for action in ("unit.logs", "journal.unit")
    ]
    calls.append(ActionCall(action="processes.list", host=own.host.name))  # as whom they work
    why = "What do services say of requests that failed?"
    return at.with_evidence(await effects.observe(f"{key}.logs", Step.ANALYZE, calls, why))


async def ask_what_was_lost(
    at: Progress, effects: Effects, key: str, hosts: Sequence[Host]
) -> Progress:
    """Where a person agreed to mend what a database behind has lost: is it still missing?"""
    doubted: list[Probe] = []
    for host in hosts:
        own = HostCase(at.known, host.name)
        # where users of the host itself are refused, only what may make them wait is asked: what
        # else its databases allow less than before may have nothing to do with it
        ask = database_losses.doubted if own.is_own else database_checks.doubted
        doubted += ask(own.view, own.then, at.known.incident, agreed=True)
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
            pages = (*derived, *named_pages(case.incident, host))
            found.extend((*derived, *(certificates(pages) if told else ())))
    return tuple({probe.name: probe for probe in found}.values())
