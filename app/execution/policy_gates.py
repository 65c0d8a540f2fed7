"""The policy's gates: each looks at a plan and says what is against it, or who must be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from app.domain.action import ActionCall, Plan, Risk
from app.domain.value import Value, fingerprint
from app.domain.verdict import FLEET_RULE
from app.errors import ActionRejected
from app.execution.autonomy import People, lowest, people_needed
from app.execution.policy_context import PastChange, PolicyContext, target_of
from app.settings import AutonomyLevel

SOFT_EVIDENCE = frozenset(
    {"journal.unit", "journal.errors", "log.tail", "config.read", "file.diff"}
)
"""Texts that others can write into. They may support a plan, never carry it alone."""

_STARTS = frozenset({"service.start", "service.restart"})
_HOUR = 3600.0
FLAPS = 2
SOURCES_NEEDED = 2
FAILURES_THAT_OPEN = 2
CANARY_SECONDS = 600.0
_DISTURBS = frozenset({Risk.DISRUPTIVE, Risk.EXPENDABLE, Risk.IRREVERSIBLE})


class Finding(Value):
    """What one gate found: a denial, or a need for people, with its reason."""

    rule: str
    people: People
    reason: str


def _kill_switch(_: Plan, context: PolicyContext) -> Iterator[Finding]:
    if context.kill_switch:
        yield _denial("kill-switch", "the kill switch is on: nothing is changed anywhere")


def _catalog(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """Known host, whole calls, bound units."""
    if not plan.steps:
        yield _denial("catalog", "the plan has no steps")
        return
    host = context.hosts.get(plan.host)
    incident_host = context.hosts.get(context.incident_host)
    if host is None or incident_host is None:
        yield _denial("host", f"{plan.host} is not in the inventory")
        return
    if host.name != incident_host.name and host.name not in incident_host.depends_on:
        reason = f"{host.name} is neither the incident's host nor one that it depends on"
        yield _denial("host", reason)
        return
    for step in plan.steps:
        try:
            context.catalog.check(step, host)
        except ActionRejected as rejected:
            yield _denial("catalog", str(rejected))


def _autonomy(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """What the effective level allows of each step's risk."""
    if not context.live:
        return
    level, capped_by = effective_level(plan, context)
    for step in plan.steps:
        risk = context.catalog.risk(step)
        people = people_needed(risk, level)
        reason = f"{step.label()} is {risk}; {level} ({capped_by}) "
        if people is People.FORBIDDEN:
            yield _denial("autonomy", reason + "does not allow it")
        elif people is not People.NONE:
            asks = "asks a person" if people is People.ONE else "asks two people"
            yield Finding(rule="autonomy", people=people, reason=reason + asks)


def _calendar(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """Windows in which the agent changes alone, and times in which people or nobody may."""
    host = context.hosts.get(plan.host)
    if not context.live or host is None:
        return
    calendar = context.policy.calendar
    for freeze in calendar.frozen(host, context.now):
        until = f"{freeze.why}, until {freeze.ends:%Y-%m-%d %H:%M %Z}"
        if freeze.forbids:
            yield _denial("freeze", f"changes on {host.name} are frozen ({until})")
        reason = f"changes on {host.name} need a person during the freeze ({until})"
        yield Finding(rule="freeze", people=People.ONE, reason=reason)
    closed = calendar.closed(host, context.now)
    if closed:
        yield Finding(rule="change-window", people=People.ONE, reason=closed)


def _evidence(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """A failing probe now, and two independent sources of which one is hard and fresh."""
    red = [probe.name for probe in plan.red_probes]
    failing = {
        result.probe.name
        for result in context.probes
        if result.probe.name in red and not result.ok and _is_fresh(result.taken_at, context)
        if result.simulated != context.live
    }
    if not failing:
        yield _denial("evidence", "no probe fails now: without a red probe nothing is changed")
        return
    cited = [
        item
        for item in context.evidence
        if item.id in plan.evidence_ids and item.ok and item.simulated != context.live
    ]
    sources = {(item.host, item.action, fingerprint(item.params)) for item in cited}
    hard = [e for e in cited if e.action not in SOFT_EVIDENCE and _is_fresh(e.taken_at, context)]
    if len(sources) + len(failing) < SOURCES_NEEDED or not sources:
        yield _denial("evidence", "the plan rests on fewer than two independent sources")
    elif not hard:
        yield _denial("evidence", "the plan rests on nothing but text or on what is no longer new")


def _budgets(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """Limits of entries and of the policy, counted with the plan's own earlier steps."""
    made: list[PastChange] = []
    for step in plan.steps:
        entry = context.catalog.entry(step.action)
        if entry.changes:
            yield from _over_limits(step, made, context)
            made.append(PastChange(call=step, at=context.now))
    yield from _over_policy(plan, made, context)


def _flapping(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """A unit that was started twice in an hour is not started a third time alone."""
    recent = context.changes_since(_HOUR)
    for step in plan.steps:
        if step.action not in _STARTS:
            continue
        times = [
            change
            for change in recent
            if change.call.action in _STARTS
            and (change.call.host, change.target) == (step.host, target_of(step))
        ]
        if len(times) >= FLAPS:
            reason = f"{target_of(step)} was started {len(times)} times in the last hour"
            yield Finding(rule="flap-guard", people=People.ONE, reason=reason)


def _breaker(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """An action whose last changes here did not heal asks a person."""
    for step in plan.steps:
        same = [
            change
            for change in sorted(context.past_changes, key=lambda change: change.at)
            if (change.call.host, change.call.action) == (step.host, step.action)
            and change.verified is not None
        ]
        last = same[-FAILURES_THAT_OPEN:]
        if len(last) == FAILURES_THAT_OPEN and not any(change.verified for change in last):
            reason = f"the last {len(last)} {step.action} on {step.host} did not heal"
            yield Finding(rule="breaker", people=People.ONE, reason=reason)


def _fleet(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """The same change on many hosts at once is an incident of its own, no repair of one host."""
    guard = context.policy.fleet
    recent = context.changes_since(guard.within_seconds)
    for step in plan.steps:
        others = {c.call.host for c in recent if _is_alike(c, step)}
        if len(others) >= guard.same_change_hosts:
            reason = (
                f"{step.action} of {target_of(step) or 'a host'} was made on {len(others)} other "
                f"hosts ({', '.join(sorted(others)[:3])}) within {guard.within_seconds} s: what is "
                "behind all of them is to be found first"
            )
            yield Finding(rule=FLEET_RULE, people=People.ONE, reason=reason)


def _canary(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    """Of a group one host is disturbed first: the others wait until it is proven there."""
    host = context.hosts.get(plan.host)
    if not context.live or host is None:
        return
    for step in plan.steps:
        if context.catalog.risk(step) not in _DISTURBS:
            continue
        for change in context.changes_since(CANARY_SECONDS):
            first = context.hosts.get(change.call.host)
            if first is None or change.verified is not None or not _is_alike(change, step):
                continue
            shared = sorted(set(host.groups) & set(first.groups))
            if shared:
                reason = (
                    f"{step.action} of {target_of(step) or 'the host'} is not proven on "
                    f"{first.name} yet, which is of the same group ({shared[0]})"
                )
                yield Finding(rule="canary", people=People.ONE, reason=reason)
                return


def _is_alike(change: PastChange, step: ActionCall) -> bool:
    """Whether the same was done to the same thing on another host."""
    same = (change.call.action, change.target) == (step.action, target_of(step))
    return same and change.call.host != step.host


def _person(plan: Plan, context: PolicyContext) -> Iterator[Finding]:
    reasons = (context.catalog.entry(step.action).person for step in plan.steps)
    for reason in dict.fromkeys((plan.requires_person or "", *reasons)):
        if reason:
            yield Finding(rule="person", people=People.ONE, reason=reason)


def _over_limits(
    step: ActionCall, made: list[PastChange], context: PolicyContext
) -> Iterator[Finding]:
    limits = context.catalog.entry(step.action).limits
    if limits is None:
        return
    for scope, limit in (
        ("target", limits.per_target), ("host", limits.per_host), ("fleet", limits.fleet)
    ):  # fmt: skip
        before = [
            change
            for change in [*context.changes_since(limit.seconds), *made]
            if change.call.action == step.action and _in_scope(scope, change, step)
        ]
        if len(before) >= limit.count:
            reason = f"{step.action} was run {len(before)} times here in {limit.seconds} s already"
            yield Finding(rule="budget", people=People.ONE, reason=f"{reason} (per {scope})")


def _in_scope(scope: str, change: PastChange, step: ActionCall) -> bool:
    if scope == "fleet":
        return True
    same_host = change.call.host == step.host
    return same_host and (scope == "host" or change.target == target_of(step))


def _over_policy(plan: Plan, made: list[PastChange], context: PolicyContext) -> Iterator[Finding]:
    recent = context.changes_since(_HOUR)
    here = [change for change in recent if change.call.host == plan.host]
    budgets = context.policy.budgets
    if len(here) + len(made) > budgets.changes_per_host_per_hour:
        reason = f"{len(here)} changes were made on {plan.host} in the last hour"
        yield Finding(rule="budget", people=People.ONE, reason=reason)
    if len(recent) + len(made) > budgets.changes_per_hour:
        reason = f"{len(recent)} changes were made in the last hour"
        yield Finding(rule="budget", people=People.ONE, reason=reason)


def effective_level(plan: Plan, context: PolicyContext) -> tuple[AutonomyLevel, str]:
    """The effective level, and what set it: the lowest of every cap on every step."""
    caps = {"the global level": context.level}
    if context.source_cap is not None:
        caps[f"how {context.source} proved itself"] = context.source_cap
    host = context.hosts.get(plan.host)
    if host is not None:
        for step in plan.steps:
            caps |= context.policy.caps(host, step.action, context.source)
    level = lowest(caps.values())
    return level, next(name for name, cap in caps.items() if cap == level)


def _is_fresh(taken_at: datetime, context: PolicyContext) -> bool:
    age = (context.now - taken_at).total_seconds()
    return -5 <= age <= context.policy.evidence_fresh_seconds


def _denial(rule: str, reason: str) -> Finding:
    return Finding(rule=rule, people=People.FORBIDDEN, reason=reason)


Gate = Callable[[Plan, PolicyContext], Iterator[Finding]]
GATES: tuple[Gate, ...] = (
    _kill_switch, _catalog, _autonomy, _calendar, _evidence, _budgets, _flapping, _breaker, _fleet,
    _canary, _person,
)  # fmt: skip
