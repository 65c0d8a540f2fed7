"""Hosts that are folders, people who must be asked about three executions of ten, a short graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.domain.action import ActionCall, Plan
from app.domain.evidence import Observation
from app.domain.execution import Outcome, Step
from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.verdict import Decision, Verdict
from app.engine.parts import Hands
from app.execution.ports import Receipt
from app.services.ports import Conclusion, Effects, Ending, EndingKind, ExecutionInput
from tests.integration.engine.world import Folder, FolderHosts, FolderProber, Says

TOKEN = "a-token-of-sixteen-and-more"
PERSON = "ann"
UNITS = ("edge.service", "shop.service")
ASKED_OF_TEN = 3


def host_names(count: int) -> list[str]:
    return [f"node{number:03}" for number in range(count)]


def build(root: Path, hosts: int) -> None:
    """The folders of the hosts, the inventory and the policy."""
    names = host_names(hosts)
    for name in names:
        Folder.broken(root / "hosts" / name)
    lines = [
        f"  {name}: {{address: 192.0.2.{number % 250 + 1}, services: [edge, shop]}}"
        for number, name in enumerate(names)
    ]
    (root / "inventory.yaml").write_text("hosts:\n" + "\n".join(lines) + "\n")
    (root / "policy.yaml").write_text(f"approvers: {{{PERSON}: {TOKEN}}}\n")


def needs_person(execution_id: int) -> bool:
    return execution_id % 10 < ASKED_OF_TEN


class Hosts:
    """Implements Hosts: each by its folder."""

    simulated = False

    def __init__(self, root: Path) -> None:
        self._root = root

    async def observe(
        self, host: Host, calls: Sequence[ActionCall], *, deadline_seconds: float = 60.0
    ) -> tuple[Observation, ...]:
        return await self._of(host).observe(host, calls)

    async def change(
        self,
        host: Host,
        call: ActionCall,
        *,
        intent_id: str,
        fence: int,
        undo: Sequence[ActionCall] = (),
    ) -> Receipt:
        return await self._of(host).change(host, call, intent_id=intent_id, fence=fence)

    async def confirm(self, host: Host, intent_id: str) -> Receipt:
        return await self._of(host).confirm(host, intent_id)

    async def receipt(self, host: Host, intent_id: str, *, fence: int | None = None) -> Receipt:
        return await self._of(host).receipt(host, intent_id)

    async def close(self) -> None:
        pass

    def _of(self, host: Host) -> FolderHosts:
        return FolderHosts(Folder(self._root / host.name), seconds=0.05)


class Prober:
    """Implements Prober: each by its folder."""

    simulated = False

    def __init__(self, root: Path) -> None:
        self._root = root

    async def probe(self, host: Host, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        return await FolderProber(Folder(self._root / host.name)).probe(host, probes)


class Judge:
    """Asks a person about some executions and allows the others."""

    async def decide(self, plan: Plan) -> Decision:
        asks = needs_person(plan.execution_id)
        return await Says(Verdict.NEEDS_APPROVAL if asks else Verdict.ALLOW).decide(plan)


def stand_in(hands: Hands, root: Path) -> Hands:
    """The same hands over the folders."""
    hosts, prober = Hosts(root / "hosts"), Prober(root / "hosts")
    return replace(hands, hosts=hosts, prober=prober, judge=Judge())


async def restart_both(effects: Effects, case: ExecutionInput) -> Ending:
    """Restart two units of the host, and prove it: two changes under one lease."""
    host = case.incident.host
    probe = Probe(name="tcp edge", kind=ProbeKind.TCP, address="192.0.2.1", port=8080)
    await effects.probe("analyze-1", Step.ANALYZE, [probe], "Do users suffer?")
    plan = Plan(
        execution_id=case.execution_id,
        host=host,
        cause=f"stopped@{host}",
        cause_text="Both units are stopped.",
        confidence=0.9,
        steps=tuple(
            ActionCall(action="service.restart", host=host, params={"unit": unit}) for unit in UNITS
        ),
        evidence_ids=(),
        red_probes=(probe,),
    )
    decision = await effects.decide("remediate-1", plan)
    if decision.verdict is Verdict.NEEDS_APPROVAL:
        return Ending(kind=EndingKind.WAITING_APPROVAL, proposal=plan.proposal())
    if not await effects.lease("remediate-1", host):
        return await _conclude(effects, Outcome.ESCALATED, "The host was not free.")
    for index in range(len(UNITS)):
        result = await effects.change(f"remediate-{index + 1}", plan, index, decision)
        if not result.succeeded:
            said = f"{result.status}: {result.how}: {result.output}"
            return await _conclude(effects, Outcome.ESCALATED, said)
    served = await effects.watch(
        "verify-1", Step.VERIFY, [probe], "Is it well?", grace_seconds=1.0, seconds=0.05
    )
    await effects.release("verify-1", host)
    outcome = Outcome.RESOLVED if all(result.ok for result in served) else Outcome.ESCALATED
    return await _conclude(effects, outcome, "Both units were restarted.")


async def _conclude(effects: Effects, outcome: Outcome, summary: str) -> Ending:
    conclusion = Conclusion(outcome=outcome, root_cause="Both units were stopped.", summary=summary)
    await effects.conclude("finalize-1", conclusion)
    return Ending(kind=EndingKind.CONCLUDED, outcome=outcome)
