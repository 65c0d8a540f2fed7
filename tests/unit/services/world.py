"""A small world to run the graph in: one host with two units, told in facts, changed by calls.

It implements the port of effects plainly. What a repair does to the world is the test's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.action import ActionCall, Plan, Risk
from app.domain.event import ProvenanceLink, TimelineEntry
from app.domain.evidence import Evidence
from app.domain.execution import Step
from app.domain.host import Host
from app.domain.hypothesis import Hypothesis
from app.domain.incident import Incident
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.verdict import (
    ALREADY_SO,
    ChangeResult,
    ChangeStatus,
    Decision,
    Verdict,
    Verification,
)
from app.host.baseline import Baseline
from app.knowledge.library import Library
from app.reasoning.builtin import BuiltinReasoner
from app.reasoning.port import Assessment, Case
from app.services.ports import Conclusion, Control, ExecutionInput, Grant

_LIBRARY = Library.load()

START = datetime(2026, 1, 1, tzinfo=UTC)
FRONT = "edge.service"  # what users reach, on port 8080
PROBE = Probe(name="tcp front", kind=ProbeKind.TCP, address="192.0.2.7", port=8080)
HOST = Host(name="alpha", address="192.0.2.7", services=("edge",), probes=(PROBE,))


def unit(name: str, active: str, sub: str, result: str = "success", **more: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": name,
        "load_state": "loaded",
        "active_state": active,
        "sub_state": sub,
        "result": result,
        "unit_file_state": "enabled",
    }
    return shown | more


class World:
    """The host, what was done to it, and what was written down."""

    def __init__(self) -> None:
        self.units = {
            FRONT: unit(FRONT, "active", "running"),
            "side.service": unit("side.service", "active", "running"),
        }
        self.reacts: dict[str, Callable[[ActionCall], None]] = {}
        self.verdict = Verdict.ALLOW
        self.cancel_after: str | None = None
        self.exhausted: str | None = None
        self.lease_free = True
        self.unknown_on: str | None = None
        self.needless: set[str] = set()  # actions for which the host is already as it should be
        self.changed: list[str] = []
        self.watched: list[float] = []  # seconds
        self.watched_in: list[tuple[Step, str]] = []  # where of the workflow, and what for
        self.undone: list[str] = []
        self.settled: list[str] = []
        self.held: set[str] = set()
        self.conclusion: Conclusion | None = None
        self.timeline: dict[str, TimelineEntry] = {}
        self.hypotheses: dict[str, Hypothesis] = {}
        self.verifications: list[Verification] = []
        self.keys: list[str] = []
        self.asked: list[str] = []
        self.steps_entered: list[Step] = []
        self._ids = 0
        self._reasoner = BuiltinReasoner(_LIBRARY)

    # --- the host --------------------------------------------------------------------------------

    def stop(self, name: str = FRONT) -> None:
        self.units[name] = unit(name, "inactive", "dead")

    def start(self, name: str = FRONT) -> None:
        self.units[name] = unit(name, "active", "running")

    def is_up(self, name: str = FRONT) -> bool:
        return bool(self.units[name]["active_state"] == "active")

    def given(self, **more: Any) -> ExecutionInput:
        incident = Incident(
            number="INC1",
            short_description="edge does not answer",
            host="alpha",
            claimed_service="edge",
            received_at=START,
        )
        return ExecutionInput(execution_id=1, workflow_number=1, incident=incident, **more)

    def _facts(self, call: ActionCall) -> dict[str, Any] | None:
        listening = [
            {"protocol": "tcp", "address": "0.0.0.0", "port": 8080, "unit": FRONT}
        ] if self.is_up() else []  # fmt: skip
        known: dict[str, Any] = {
            "units.show": {"units": list(self.units.values())},
            "unit_files.list": {"files": [{"name": n, "state": "enabled"} for n in self.units]},
            "sockets.listening": {"listeners": listening},
            "filesystems.list": {"filesystems": []},
            "persons.list": {},
            "security.signs": {"signs": []},
            "journal.unit": {"source": "journal", "lines": []},
        }
        if call.action == "unit.show":
            return self.units.get(str(call.params["unit"]))
        return known.get(call.action)

    # --- the port --------------------------------------------------------------------------------

    def _key(self, key: str) -> None:
        assert key not in self.keys, f"the key {key} was used twice"
        self.keys.append(key)

    def _ident(self) -> int:
        self._ids += 1
        return self._ids

    async def now(self, key: str) -> datetime:
        self._key(key)
        return START + timedelta(seconds=len(self.keys))

    async def control(self, key: str) -> Control:
        self._key(key)
        cancelled = self.cancel_after is not None and key.startswith(self.cancel_after)
        return Control(cancelled=cancelled, reason="closed", exhausted=self.exhausted)

    async def hosts(self, key: str, host: str) -> tuple[Host, ...]:
        self._key(key)
        return (HOST,)

    async def baseline(self, key: str, host: str) -> Baseline | None:
        self._key(key)
        return None

    async def observe(
        self, key: str, step: Step, calls: Sequence[ActionCall], why: str
    ) -> tuple[Evidence, ...]:
        self._key(key)
        self.asked += [call.action for call in calls]
        return tuple(self._evidence(call) for call in calls)

    def _evidence(self, call: ActionCall) -> Evidence:
        facts = self._facts(call)
        return Evidence(
            id=self._ident(),
            host=call.host,
            action=call.action,
            params=call.params,
            ok=facts is not None,
            exit_code=0 if facts is not None else None,
            error=None if facts is not None else "absent",
            facts=facts or {},
            taken_at=START,
            simulated=False,
        )

    async def probe(
        self, key: str, step: Step, probes: Sequence[Probe], why: str
    ) -> tuple[ProbeResult, ...]:
        self._key(key)
        return tuple(self._asked(p) for p in probes)

    def _asked(self, probe: Probe) -> ProbeResult:
        up = self.is_up()
        return ProbeResult(
            probe=probe,
            ok=up,
            error=None if up else "refused",
            taken_at=START,
            simulated=False,
            evidence_id=self._ident(),
        )

    async def watch(
        self,
        key: str,
        step: Step,
        probes: Sequence[Probe],
        why: str,
        *,
        grace_seconds: float,
        seconds: float,
        strict: bool = False,
    ) -> tuple[ProbeResult, ...]:
        self._key(key)
        self.watched.append(seconds)
        self.watched_in.append((step, why))
        return tuple(self._asked(p) for p in probes)

    async def assess(self, key: str, case: Case) -> Assessment:
        self._key(key)
        return await self._reasoner.assess(case)

    async def decide(self, key: str, plan: Plan) -> Decision:
        self._key(key)
        return Decision(
            verdict=self.verdict,
            rule="autonomy",
            reasons=("because the test says so",),
            level="L4",
            risk=Risk.REVERSIBLE,
            plan_hash="0" * 64,
        )

    async def lease(self, key: str, host: str) -> bool:
        self._key(key)
        if self.lease_free:
            self.held.add(host)
        return self.lease_free

    async def release(self, key: str, host: str) -> None:
        self._key(key)
        self.held.discard(host)

    async def change(self, key: str, plan: Plan, index: int, decision: Decision) -> ChangeResult:
        self._key(key)
        call = plan.steps[index]
        assert plan.host in self.held, "changed without holding the host"
        self.changed.append(call.action)
        if call.action == self.unknown_on:
            return ChangeResult(call=call, intent_id=key, status=ChangeStatus.UNKNOWN, how="cut")
        if call.action in self.needless:
            status, how = ChangeStatus.REFUSED, ALREADY_SO
            return ChangeResult(call=call, intent_id=key, status=status, how=how)
        react = self.reacts.get(call.action)
        if react is not None:
            react(call)
        back = {"service.start": "service.stop"}.get(call.action)
        undo = (call.model_copy(update={"action": back}),) if back else ()
        return ChangeResult(
            call=call, intent_id=key, status=ChangeStatus.DONE, exit_code=0, undo=undo
        )

    async def undo(self, key: str, plan: Plan, done: ChangeResult) -> tuple[ChangeResult, ...]:
        self._key(key)
        assert plan.host in self.held, "undone without holding the host"
        self.undone.append(done.call.action)
        return tuple(
            ChangeResult(call=c, intent_id=key, status=ChangeStatus.DONE, exit_code=0)
            for c in done.undo
        )

    async def settle(self, key: str, plan: Plan, done: ChangeResult) -> tuple[ChangeResult, ...]:
        self._key(key)
        self.settled.append(f"{done.call.action} after {len(self.undone)} undone")
        return tuple(
            ChangeResult(call=c, intent_id=key, status=ChangeStatus.DONE, exit_code=0)
            for c in done.settle
        )

    async def record(
        self,
        key: str,
        *,
        timeline: Sequence[TimelineEntry] = (),
        hypotheses: Sequence[Hypothesis] = (),
        verification: Verification | None = None,
        provenance: Sequence[ProvenanceLink] = (),
    ) -> None:
        self._key(key)
        self.timeline |= {entry.key: entry for entry in timeline}
        self.steps_entered.extend(entry.step for entry in timeline)
        self.hypotheses |= {h.key: h for h in hypotheses}
        if verification is not None:
            self.verifications.append(verification)

    async def conclude(self, key: str, conclusion: Conclusion) -> None:
        self._key(key)
        assert self.conclusion is None, "concluded twice"
        self.conclusion = conclusion


GRANT = Grant(approval_id=1, proposal="p", plan_hash="h", approvers=("alice",))
