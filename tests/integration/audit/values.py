"""Values to write: the smallest that say something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.domain.action import ActionCall, Plan, Risk
from app.domain.evidence import Observation
from app.domain.hypothesis import Hypothesis, Support
from app.domain.incident import Incident
from app.domain.model_call import CallStatus, ModelCall, Purpose
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.verdict import Decision, Verdict

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PROBE = Probe(name="http front", kind=ProbeKind.HTTP, address="192.0.2.7", port=80)


def incident(number: str = "INC0010001", **fields: Any) -> Incident:
    told = {"short_description": "The site is down", "state": "2", "host": "alpha"}
    return Incident(number=number, received_at=NOON, **(told | fields))


def observation(action: str = "unit.show", **fields: Any) -> Observation:
    told: dict[str, Any] = {
        "call": ActionCall(action=action, host="alpha", params={"unit": "ledger.service"}),
        "argv": ("/usr/bin/systemctl", "show", "--", "ledger.service"),
        "risk": Risk.READ,
        "ok": True,
        "exit_code": 0,
        "output": "ActiveState=failed\n",
        "facts": {"active_state": "failed"},
        "seconds": 0.25,
        "taken_at": NOON,
        "simulated": False,
    }
    return Observation(**(told | fields))


def probe_result(*, ok: bool) -> ProbeResult:
    return ProbeResult(
        probe=PROBE,
        ok=ok,
        status=200 if ok else None,
        error=None if ok else "refused",
        detail="200, as expected" if ok else "nothing listens on 192.0.2.7:80",
        taken_at=NOON,
        simulated=False,
    )


def hypothesis(*evidence_ids: int, key: str = "unit-stopped@alpha", **fields: Any) -> Hypothesis:
    told: dict[str, Any] = {
        "text": "ledger.service was stopped",
        "mode": "unit-stopped",
        "host": "alpha",
        "subject": "ledger.service",
        "confidence": 0.5,
        "supports": tuple(
            Support(evidence_id=id_, weight=2.0, statement="it is inactive", rule="inactive")
            for id_ in evidence_ids
        ),
    }
    return Hypothesis(key=key, **(told | fields))


def plan(execution_id: int, *, action: str = "service.start") -> Plan:
    call = ActionCall(action=action, host="alpha", params={"unit": "ledger.service"})
    return Plan(
        execution_id=execution_id,
        host="alpha",
        cause="unit-stopped@alpha",
        cause_text="ledger.service was stopped",
        confidence=0.9,
        steps=(call,),
        evidence_ids=(),
        red_probes=(PROBE,),
    )


def decision(*, needed: int = 1, plan_hash: str = "hash-of-the-plan") -> Decision:
    return Decision(
        verdict=Verdict.NEEDS_APPROVAL,
        rule="autonomy",
        reasons=("at L2 a person approves each change",),
        level="L2",
        risk=Risk.REVERSIBLE,
        plan_hash=plan_hash,
        approvals_needed=needed,
    )


def model_call(purpose: Purpose = Purpose.RANK, attempt: int = 1) -> ModelCall:
    """A call of a language model that was answered."""
    return ModelCall(
        step_key="analyze-1",
        purpose=purpose,
        attempt=attempt,
        model="tiny",
        prompt_version="rank-1f3a5c7d",
        status=CallStatus.ANSWERED,
        sent="which of these?",
        answer="the first",
        tokens_in=12,
        tokens_out=3,
        cost=0.25,
        seconds=0.5,
    )
