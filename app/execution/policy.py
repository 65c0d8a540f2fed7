"""The policy: may this plan be carried out? A pure, total function; in doubt it says no.

The gates, in order: kill switch -> catalog (types, units, host) -> autonomy -> evidence -> budgets
-> people. The first that says no decides; those that ask for a person add up.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.action import Plan, Risk
from app.domain.value import fingerprint
from app.domain.verdict import FLEET_RULE, Decision, Verdict
from app.execution.autonomy import People, riskiest
from app.execution.catalog import Catalog
from app.execution.policy_context import PolicyContext
from app.execution.policy_gates import GATES, Finding, effective_level
from app.settings import AutonomyLevel


def decide(plan: Plan, context: PolicyContext) -> Decision:
    """The decision on a plan. The same plan and context always give the same decision."""
    risk = _risk(plan, context.catalog)
    level, capped_by = effective_level(plan, context)
    findings: list[Finding] = []
    for gate in GATES:
        findings += gate(plan, context)
        denial = next((f for f in findings if f.people is People.FORBIDDEN), None)
        if denial is not None:
            return _decision(plan, context, Verdict.DENY, [denial], level, risk)
    if not context.live:
        simulated = Finding(
            rule="simulation",
            people=People.NONE,
            reason="L0: the hosts are simulated, nothing is contacted",
        )
        return _decision(plan, context, Verdict.ALLOW, [simulated], AutonomyLevel.L0, risk)
    # of those that ask as many, the fleet guard speaks first: it is not about this host alone
    asks = (finding for finding in findings if finding.people)
    asking = sorted(asks, key=lambda f: (-f.people, f.rule != FLEET_RULE))
    if not asking:
        alone = Finding(
            rule="autonomy", people=People.NONE, reason=f"{level} allows {risk} alone ({capped_by})"
        )
        return _decision(plan, context, Verdict.ALLOW, [alone], level, risk)
    granted = _granted(plan, context, asking[0].people)
    if granted is not None:
        return _decision(plan, context, Verdict.ALLOW, [granted, *asking], level, risk)
    return _decision(plan, context, Verdict.NEEDS_APPROVAL, asking, level, risk)


def plan_hash(
    plan: Plan,
    *,
    argv: tuple[tuple[str, ...], ...],
    host_key_fingerprint: str,
    catalog_digest: str,
    before: Mapping[str, str],
) -> str:
    """The sha256 that binds approvals and intents to exactly this plan, host, catalog and state."""
    return fingerprint(
        {
            "proposal": plan.proposal(),
            "steps": [step.model_dump(mode="json") for step in plan.steps],
            "argv": argv,
            "host_key": host_key_fingerprint,
            "catalog": catalog_digest,
            "before": dict(before),
        }
    )


def _granted(plan: Plan, context: PolicyContext, people: People) -> Finding | None:
    """People's yes to exactly this proposal, still valid, by enough of them."""
    grant = context.grant
    if grant is None or grant.proposal != plan.proposal() or context.now >= grant.expires_at:
        return None
    approvers = sorted(set(grant.approvers) - {context.requested_by})
    if len(approvers) < people:
        return None
    return Finding(
        rule="approval", people=People.NONE, reason=f"approved by {' and '.join(approvers)}"
    )


def _risk(plan: Plan, catalog: Catalog) -> Risk:
    known = [
        catalog.risk(step) if step.action in catalog.actions else Risk.FORBIDDEN
        for step in plan.steps
    ]
    return riskiest(known) if known else Risk.FORBIDDEN


def _decision(
    plan: Plan,
    context: PolicyContext,
    verdict: Verdict,
    findings: list[Finding],
    level: AutonomyLevel,
    risk: Risk,
) -> Decision:
    needed = findings[0].people if verdict is Verdict.NEEDS_APPROVAL else People.NONE
    return Decision(
        verdict=verdict,
        rule=findings[0].rule,
        reasons=tuple(finding.reason for finding in findings),
        level=level.value,
        risk=risk,
        plan_hash=plan_hash(
            plan,
            argv=_argv(plan, context),
            host_key_fingerprint=context.host_key_fingerprint,
            catalog_digest=context.catalog.digest,
            before=context.before,
        ),
        approvals_needed=int(needed),
    )


def _argv(plan: Plan, context: PolicyContext) -> tuple[tuple[str, ...], ...]:
    """What would run, step by step; () for a step that the catalog refuses."""
    host = context.hosts.get(plan.host)
    return tuple(
        context.catalog.render(step) if host and context.catalog.accepts(step, host) else ()
        for step in plan.steps
    )
