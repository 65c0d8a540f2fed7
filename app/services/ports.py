"""What the workflow needs of the outside world. The engine gives durable ones, a test plain ones.

Every method is one durable step: it happens once, and on resume its recorded value is returned.
`key` names the step within the execution; the graph makes it from the state's name and a counter,
so the same run of the graph always asks for the same keys. Methods never raise for what a host
does (unreachable, refused, timed out): they return values that say so. They raise only where the
execution itself cannot go on (`AuditWriteFailed`, `EngineError`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.action import ActionCall, Plan
from app.domain.event import ProvenanceLink, TimelineEntry
from app.domain.evidence import Evidence
from app.domain.execution import Outcome, Step
from app.domain.host import Host
from app.domain.hypothesis import Hypothesis
from app.domain.incident import Incident
from app.domain.probe import Probe, ProbeResult
from app.domain.value import Value
from app.domain.verdict import ChangeResult, Decision, Verification
from app.host.baseline import Baseline
from app.reasoning.port import Assessment, Case


class Conclusion(Value):
    """How the execution ends, as the ticket and the page will say it."""

    outcome: Outcome
    root_cause: str  # a sentence; "" only where outcome is cancelled
    summary: str  # what was found, tried, proven, recommended: a short paragraph
    confidence: float = 0.0
    evidence_ids: tuple[int, ...] = ()
    recommended: tuple[str, ...] = ()  # what a person should do next, most useful first


class Control(Value):
    """What people and limits say about the execution at a boundary."""

    cancelled: bool = False
    exhausted: str | None = None  # which limit is reached: a sentence; None while within all
    reason: str = ""


class Grant(Value):
    """A person's yes to a proposal, for the workflow that its decision started."""

    approval_id: int
    proposal: str  # Plan.proposal(): it carries only for a plan that comes out the same
    plan_hash: str  # what the person saw
    approvers: tuple[str, ...]
    host: str | None = None  # whom the proposal changes; None: asked before this was kept


class ExecutionInput(Value):
    """What one workflow of an execution starts from."""

    execution_id: int
    workflow_number: int  # 1 for the first; each decision of a person starts the next
    incident: Incident
    grant: Grant | None = None
    refused: tuple[str, ...] = ()  # proposals that a person rejected or wants otherwise


class EndingKind(StrEnum):
    CONCLUDED = "concluded"
    WAITING_APPROVAL = "waiting_approval"


class Ending(Value):
    """How one workflow ended: at a conclusion, or at a question to a person."""

    kind: EndingKind
    outcome: Outcome | None = None
    proposal: str | None = None


class Effects(Protocol):
    """The hands and the memory of one execution."""

    async def now(self, key: str) -> datetime:
        """The clock (UTC), recorded."""
        ...

    async def control(self, key: str) -> Control:
        """Whether the execution was cancelled; asked at each safe boundary."""
        ...

    async def baseline(self, key: str, host: str) -> Baseline | None:
        """The latest baseline of a host, or None."""
        ...

    async def observe(
        self, key: str, step: Step, calls: Sequence[ActionCall], why: str
    ) -> tuple[Evidence, ...]:
        """Run diagnostics, in parallel, one connection a host; same order as `calls`."""
        ...

    async def probe(
        self, key: str, step: Step, probes: Sequence[Probe], why: str
    ) -> tuple[ProbeResult, ...]:
        """Ask what users ask, from the service's side, in parallel; same order as `probes`."""
        ...

    async def decide(self, key: str, plan: Plan) -> Decision:
        """The policy's decision on a plan; writes the approval request where one is needed."""
        ...

    async def lease(self, key: str, host: str) -> bool:
        """Hold the host for changes until `release`; False: another execution holds it."""
        ...

    async def release(self, key: str, host: str) -> None:
        """Give the host back. Giving back what is not held is no error."""
        ...

    async def change(self, key: str, plan: Plan, index: int, decision: Decision) -> ChangeResult:
        """Run step `index` of an allowed plan, once, whatever crashes: intent, receipt, result."""
        ...

    async def undo(self, key: str, plan: Plan, done: ChangeResult) -> tuple[ChangeResult, ...]:
        """Undo one finished step by the calls it carries; in their order."""
        ...

    async def settle(self, key: str, plan: Plan, done: ChangeResult) -> tuple[ChangeResult, ...]:
        """Bring what was undone into effect, by the calls that the step carries for that.

        Returns the results of those that were needed: whose precondition held.
        """
        ...

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
        """Prove health: within `grace_seconds` all probes pass, then `seconds` without a failure.

        Returns the last result of each probe: all ok, or those of the moment it was disproved.
        Written as evidence of `step`, with `why` as what was asked. A disproof is confirmed by a
        second look before it counts, so that one lost packet is no relapse. `strict`: every
        failure counts, and it is looked more often; for tickets that are about just that.
        """
        ...

    async def assess(self, key: str, case: Case) -> Assessment:
        """The reasoner's judgement of a case; recorded, so that a resume hears the same."""
        ...

    async def hosts(self, key: str, host: str) -> tuple[Host, ...]:
        """The inventory's host and those it depends on, as they are now; the host itself first."""
        ...

    async def record(
        self,
        key: str,
        *,
        timeline: Sequence[TimelineEntry] = (),
        hypotheses: Sequence[Hypothesis] = (),
        verification: Verification | None = None,
        provenance: Sequence[ProvenanceLink] = (),
    ) -> None:
        """Write to the audit. Writing the same key again changes nothing."""
        ...

    async def conclude(self, key: str, conclusion: Conclusion) -> None:
        """End the execution: outcome, cause, summary. The last thing an execution does."""
        ...
