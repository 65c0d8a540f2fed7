"""A plan before it runs: each step's argument vector, risk, undo and check, from the catalog."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.action import ActionCall, Params, Plan
from app.domain.verdict import Decision
from app.errors import ActionRejected
from app.execution.catalog import Catalog
from app.execution.entry import CallTemplate, CatalogEntry, Check, Condition, Scalar

RISK_WORDS = {
    "R0": "reads",
    "R0s": "reads what may be secret",
    "R1": "reversible",
    "R2": "disruptive",
    "R2x": "expendable: no undo, only what may be thrown away",
    "R3": "cannot be undone",
    "R4": "forbidden",
}


class PlannedStep(NamedTuple):
    """One step of a plan, for who must decide on it."""

    label: str
    title: str  # what the catalog calls it
    host: str
    argv: tuple[str, ...]  # () where the catalog knows the action no more
    risk: str
    undo: tuple[str, ...]
    checks: tuple[str, ...]


class ShownPlan(NamedTuple):
    """A plan and what the policy said of it."""

    cause: str
    confidence: float  # 0..100
    steps: tuple[PlannedStep, ...]
    verdict: str
    rule: str
    reasons: tuple[str, ...]
    level: str
    risk: str
    plan_hash: str
    red_probes: tuple[str, ...]
    evidence_ids: tuple[int, ...]


def shown(plan: Plan, decision: Decision, catalog: Catalog) -> ShownPlan:
    """The plan as today's catalog has it."""
    return ShownPlan(
        cause=plan.cause_text,
        confidence=round(plan.confidence * 100, 1),
        steps=tuple(_step(step, catalog) for step in plan.steps),
        verdict=str(decision.verdict),
        rule=decision.rule,
        reasons=decision.reasons,
        level=decision.level,
        risk=str(decision.risk),
        plan_hash=decision.plan_hash,
        red_probes=tuple(probe.name for probe in plan.red_probes),
        evidence_ids=plan.evidence_ids,
    )


def _step(call: ActionCall, catalog: Catalog) -> PlannedStep:
    try:
        entry = catalog.entry(call.action)
        argv = catalog.render(call)
    except (ActionRejected, KeyError):  # an older catalog's action, or parameter
        return PlannedStep(call.label(), "not in today's catalog", call.host, (), "R4", (), ())
    return PlannedStep(
        label=call.label(),
        title=entry.title,
        host=call.host,
        argv=argv,
        risk=str(entry.risk),
        undo=_undo(entry, call),
        checks=tuple(_check(check, call) for check in entry.verify),
    )


def _undo(entry: CatalogEntry, call: ActionCall) -> tuple[str, ...]:
    """What takes it back; the state captured right before the change fills what is in braces."""
    ways = [
        _filled(_call(template) + _where(template.when), call.params) for template in entry.undo
    ]
    return tuple(ways) or (entry.rollback_note or "There is nothing to take back.",)


def _where(conditions: tuple[Condition, ...]) -> str:
    told = " and ".join(f"{c.of}.{c.field} was {_said(c.one_of, c.none_of)}" for c in conditions)
    return f" (where {told})" if told else ""


def _check(check: Check, call: ActionCall) -> str:
    said = f"{check.field} is {_said(check.one_of, check.none_of)}"
    return _filled(f"{_call(check)}: {said} within {check.within:g} s", call.params)


def _said(one_of: tuple[Scalar, ...], none_of: tuple[Scalar, ...]) -> str:
    return " or ".join(map(str, one_of)) or f"not {' or '.join(map(str, none_of))}"


def _call(template: CallTemplate) -> str:
    params = " ".join(f"{name}={value}" for name, value in sorted(template.params.items()))
    return f"{template.action} {params}".strip()


def _filled(text: str, params: Params) -> str:
    """The text with the call's own parameters in it."""
    for name, value in params.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
