"""From what happened to rows: one line of the log and, where something was learned, one evidence.

A `Line` is one thing that happened on a host or was decided about it. Lines of one durable step are
written together; a step that runs again finds them by its key.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field, field_validator

from app.domain.action import Plan, Risk
from app.domain.event import ActionType, LogStatus
from app.domain.evidence import EvidenceKind, Observation
from app.domain.execution import Step
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.value import JsonObject, Value
from app.domain.verdict import ChangeResult, ChangeStatus, Decision, Verdict
from app.models.base import storable
from app.models.sre_execution import Evidence, ExecutionLog
from app.redaction.redactor import REDACTOR

STATUS_OF_CHANGE = {
    ChangeStatus.DONE: LogStatus.COMPLETED,
    ChangeStatus.REFUSED: LogStatus.REFUSED,
    ChangeStatus.UNKNOWN: LogStatus.UNKNOWN,
    ChangeStatus.SIMULATED: LogStatus.COMPLETED,
}
STATUS_OF_VERDICT = {
    Verdict.ALLOW: LogStatus.COMPLETED,
    Verdict.DENY: LogStatus.REFUSED,
    Verdict.NEEDS_APPROVAL: LogStatus.WAITING,
}


class Line(Value):
    """One thing that happened. `evidence` is None for a decision: it learns nothing new."""

    action_type: ActionType
    evidence: EvidenceKind | None
    host: str
    action: str
    params: JsonObject
    argv: tuple[str, ...]
    risk: Risk
    status: LogStatus
    ok: bool
    exit_code: int | None = None
    error: str | None = None
    output: str = ""
    error_output: str = ""
    truncated: bool = False
    facts: JsonObject = Field(default_factory=dict)
    detail: JsonObject = Field(default_factory=dict)
    seconds: float = 0.0
    taken_at: datetime | None = None  # None only without evidence
    simulated: bool

    @field_validator(
        "params", "argv", "error", "output", "error_output", "facts", "detail", mode="before"
    )
    @classmethod
    def _without_secrets(cls, value: Any) -> Any:
        """Once more, whoever built the line: what is written down stays for years."""
        return REDACTOR.value(value)

    def evidence_row(self, execution_id: int, key: str, position: int, step: Step) -> Evidence:
        """Its evidence, to be added before the line so that the line can name it."""
        return Evidence(
            execution_id=execution_id,
            step_key=key,
            position=position,
            kind=self.evidence,
            step=step,
            host=self.host,
            action=self.action,
            params=self.params,
            risk=self.risk,
            ok=self.ok,
            exit_code=self.exit_code,
            error=self.error,
            facts=self.facts,
            truncated=self.truncated,
            seconds=self.seconds,
            output_sha256=hashlib.sha256(storable(self.output).encode()).hexdigest(),
            taken_at=self.taken_at,
            simulated=self.simulated,
        )

    def log_row(
        self, execution_id: int, key: str, position: int, step: Step, why: str
    ) -> ExecutionLog:
        """Its line of the log, still without `step_number` and `evidence_id`."""
        return ExecutionLog(
            execution_id=execution_id,
            step_key=key,
            position=position,
            step=step,
            action_type=self.action_type,
            action=self.action,
            host=self.host,
            params=self.params,
            argv=list(self.argv),
            command_executed=shlex.join(self.argv),
            command_output=self.output,
            error_output=self.error_output,
            error=self.error,
            exit_code=self.exit_code,
            status=self.status,
            truncated=self.truncated,
            duration_seconds=self.seconds,
            risk=self.risk,
            why=why,
            detail=self.detail,
            simulated=self.simulated,
        )


def of_observation(seen: Observation) -> Line:
    """A diagnostic."""
    return Line(
        action_type=ActionType.DIAGNOSTIC,
        evidence=EvidenceKind.DIAGNOSTIC,
        host=seen.call.host,
        action=seen.call.action,
        params=dict(seen.call.params),
        argv=seen.argv,
        risk=seen.risk,
        status=LogStatus.COMPLETED if seen.ok else LogStatus.FAILED,
        ok=seen.ok,
        exit_code=seen.exit_code,
        error=seen.error,
        output=seen.output,
        error_output=seen.error_output,
        truncated=seen.truncated,
        facts=seen.facts,
        seconds=seen.seconds,
        taken_at=seen.taken_at,
        simulated=seen.simulated,
    )


def of_probe(host: str, result: ProbeResult) -> Line:
    """A probe. `failed` means that a user would not have been content."""
    probe = result.probe
    return Line(
        action_type=ActionType.PROBE,
        evidence=EvidenceKind.PROBE,
        host=host,
        action=f"probe.{probe.kind}",
        params={"name": probe.name, "address": probe.address, "port": probe.port},
        argv=probe_argv(probe),
        risk=Risk.READ,
        status=LogStatus.COMPLETED if result.ok else LogStatus.FAILED,
        ok=result.ok,
        error=result.error,
        output="\n".join(filter(None, (result.detail, result.body))),
        facts=result.model_dump(mode="json", exclude={"evidence_id"}),
        seconds=result.seconds,
        taken_at=result.taken_at,
        simulated=result.simulated,
    )


def probe_argv(probe: Probe) -> tuple[str, ...]:
    """What a probe does, in the form of a command: `probe http http://10.0.0.1:80/ shop.corp`."""
    if probe.kind is ProbeKind.HOST:
        return ("check", probe.check, probe.subject)
    scheme = "https" if probe.tls else str(probe.kind)
    path = probe.path if probe.kind is ProbeKind.HTTP else ""
    address = f"[{probe.address}]" if ":" in probe.address else probe.address
    name = (probe.host_header,) if probe.host_header else ()
    return ("probe", str(probe.kind), f"{scheme}://{address}:{probe.port}{path}", *name)


def of_decision(plan: Plan, decision: Decision, *, simulated: bool) -> Line:
    """What the policy said of a plan."""
    return Line(
        action_type=ActionType.DECISION,
        evidence=None,
        host=plan.host,
        action=f"policy.{decision.verdict}",
        params={"rule": decision.rule, "level": decision.level},
        argv=("policy", str(decision.verdict), *(step.label() for step in plan.steps)),
        risk=decision.risk,
        status=STATUS_OF_VERDICT[decision.verdict],
        ok=decision.verdict is not Verdict.DENY,
        output="\n".join(decision.reasons),
        detail={
            "plan": plan.model_dump(mode="json"),
            "decision": decision.model_dump(mode="json"),
        },
        simulated=simulated,
    )


def of_change(
    result: ChangeResult,
    *,
    argv: Sequence[str],
    risk: Risk,
    taken_at: datetime,
    simulated: bool,
    error_output: str,
    truncated: bool,
    undo: bool,
) -> Line:
    """A change that was made, or that was refused."""
    ran = STATUS_OF_CHANGE[result.status]
    failed = ran is LogStatus.COMPLETED and not result.succeeded
    return Line(
        action_type=ActionType.UNDO if undo else ActionType.REMEDIATION,
        evidence=EvidenceKind.CHANGE,
        host=result.call.host,
        action=result.call.action,
        params=dict(result.call.params),
        argv=tuple(argv),
        risk=risk,
        status=LogStatus.FAILED if failed else ran,
        ok=result.succeeded,
        exit_code=result.exit_code,
        error=None if result.succeeded else str(result.status),
        output=result.output,
        error_output=error_output,
        truncated=truncated,
        facts=_facts_of_change(result),
        detail=_facts_of_change(result),
        seconds=result.seconds,
        taken_at=taken_at,
        simulated=simulated,
    )


def _facts_of_change(result: ChangeResult) -> JsonObject:
    told = {"intent_id", "status", "how", "before", "undo", "undo_note"}
    return result.model_dump(mode="json", include=told)
