"""What one workflow knows on its way through the states. Rebuilt by replay, never stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.action import Plan
from app.domain.evidence import Evidence
from app.domain.execution import Step
from app.domain.probe import ProbeResult
from app.domain.value import canonical_json
from app.domain.verdict import ChangeResult, Decision, Verification
from app.reasoning.port import Assessment, Case
from app.services.ports import Conclusion, ExecutionInput


@dataclass(frozen=True)
class Applied:
    """Changes of one plan that stand, in the order they were made."""

    plan: Plan
    results: tuple[ChangeResult, ...]


@dataclass(frozen=True)
class Progress:
    """The state of the graph. Every state returns a new one that names the next state."""

    given: ExecutionInput
    next: Step | None = Step.ANALYZE  # None: the workflow ends here
    case: Case | None = None
    assessment: Assessment | None = None
    decision: Decision | None = None
    applied: tuple[Applied, ...] = ()  # not (yet) undone; the last is the one being verified
    kept: tuple[Applied, ...] = ()  # proven to have served users again: never undone
    verification: Verification | None = None
    conclusion: Conclusion | None = None
    waiting_for: str | None = None  # the proposal that a person is asked about
    holding: str | None = None  # the host whose lease is held
    plans_tried: int = 0
    visits: dict[Step, int] = field(default_factory=dict)

    def step(self, **changes: Any) -> Progress:
        return replace(self, **changes)

    def entering(self, state: Step) -> tuple[Progress, str]:
        """Count a visit; the key under which this visit's effects are recorded."""
        count = self.visits.get(state, 0) + 1
        return self.step(visits={**self.visits, state: count}), f"{state.value}-{count}"

    @property
    def repaired(self) -> str:
        """What was done that stands, as people read it."""
        plans = (*self.kept, *self.applied)
        return "; ".join(step.label() for one in plans for step in one.plan.steps)

    @property
    def known(self) -> Case:
        """The case; there is one from the end of analyze on."""
        assert self.case is not None
        return self.case

    def with_evidence(self, found: tuple[Evidence, ...], **more: Any) -> Progress:
        """The case with new answers; an older answer to the same question is dropped."""
        case = self.known
        fresh = {_question(e) for e in found}
        kept = tuple(e for e in case.evidence if _question(e) not in fresh)
        return self.step(case=case.model_copy(update={"evidence": (*kept, *found), **more}))

    def with_probes(self, results: tuple[ProbeResult, ...]) -> Progress:
        """The case with new answers to users' questions."""
        latest = {p.probe.name: p for p in (*self.known.probes, *results)}
        case = self.known.model_copy(update={"probes": tuple(latest.values())})
        return self.step(case=case)

    def further(self, cause: str) -> Progress:
        """After a repair that got users further and did not serve them.

        What was tried in vain before may have been right, with this fault in front of it.
        """
        case = self.known.model_copy(update={"refuted": (cause,)})
        return self.step(case=case, plans_tried=self.plans_tried - 1)  # it was not in vain

    def refuting(self, cause: str) -> Progress:
        case = self.known
        return self.step(case=case.model_copy(update={"refuted": (*case.refuted, cause)}))


def _question(evidence: Evidence) -> tuple[str, str, str]:
    return evidence.host, evidence.action, canonical_json(evidence.params)
