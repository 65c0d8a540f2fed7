"""What may be asked of a host: a catalogued action with typed parameters, and plans of those."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from app.domain.probe import Probe
from app.domain.value import Value, fingerprint

Params = dict[str, str | int]
"""An action's parameters by name. Types and ranges are the catalog's; see execution/catalog.py."""


class Risk(StrEnum):
    """Risk classes, mildest first (docs/reference/policy.md)."""

    READ = "R0"
    SENSITIVE_READ = "R0s"  # may carry secrets; redacted before anything else sees it
    REVERSIBLE = "R1"
    DISRUPTIVE = "R2"  # a short outage is possible
    EXPENDABLE = "R2x"  # no inverse, but touches only what is made to be thrown away
    IRREVERSIBLE = "R3"
    FORBIDDEN = "R4"

    @property
    def reads_only(self) -> bool:
        return self in (Risk.READ, Risk.SENSITIVE_READ)


class ActionCall(Value):
    """A catalogued action with its parameters, for one host. Not yet checked, not yet allowed."""

    action: str
    host: str
    params: Params = Field(default_factory=dict)

    def label(self) -> str:
        """`service.start unit=nginx.service on web01`: how people see it."""
        shown = " ".join(f"{name}={value}" for name, value in sorted(self.params.items()))
        return f"{self.action} {shown}".strip() + f" on {self.host}"


class Plan(Value):
    """An ordered repair of one cause on one host, with the reason and the proof it must bring."""

    execution_id: int
    host: str  # lease, budgets and hash go by it
    cause: str  # Hypothesis.key
    cause_text: str
    confidence: float
    steps: tuple[ActionCall, ...]  # run in order; undone in reverse
    evidence_ids: tuple[int, ...]  # what justifies it: the evidence gate reads these
    red_probes: tuple[Probe, ...]  # failing now; must be green after
    green_probes: tuple[Probe, ...] = ()  # passing now; must still pass after
    requires_person: str | None = None  # a failure mode's reason for asking whatever the level

    def proposal(self) -> str:
        """The sha256 of what a person approves: actions, parameters and targets, nothing volatile.

        An approval given for it still carries when the plan is made anew with fresh evidence and
        comes out the same (docs/discussions/approvals.md).
        """
        return fingerprint(
            {
                "execution": self.execution_id,
                "host": self.host,
                "cause": self.cause,
                "steps": [step.model_dump(mode="json") for step in self.steps],
            }
        )
