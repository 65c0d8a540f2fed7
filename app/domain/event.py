"""What happened, as the timeline shows it and the audit keeps it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from app.domain.execution import Step
from app.domain.value import JsonObject, Value


class EntryStatus(StrEnum):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class ActionType(StrEnum):
    """What kind of thing a line of the execution's log tells of."""

    DIAGNOSTIC = "diagnostic"
    PROBE = "probe"
    DECISION = "decision"
    REMEDIATION = "remediation"
    UNDO = "undo"


class LogStatus(StrEnum):
    """How the logged thing ended. Whether it was simulated stands beside it, on every row."""

    COMPLETED = "completed"
    FAILED = "failed"  # ran and said no, or could not be run
    REFUSED = "refused"  # the policy or the host's gate said no; nothing ran
    UNKNOWN = "unknown"  # it cannot be told whether it ran
    WAITING = "waiting"  # a person is asked


class TimelineEntry(Value):
    """One line of the story. `key` makes writing it twice (after a crash) the same as once."""

    key: str  # unique in the execution: "diagnose-2"
    step: Step
    title: str  # a sentence in the present: "Looking at nginx.service on web01"
    status: EntryStatus
    duration_seconds: float = 0.0
    detail: JsonObject = Field(default_factory=dict)


class ProvenanceLink(Value):
    """Which conclusion rests on which evidence, and who drew it."""

    conclusion: str  # "hypothesis:<key>" | "decision:<plan hash>" | "outcome"
    evidence_id: int
    drawn_by: str  # "rule:<mode>" | "path-walk" | "baseline" | "model:<name>" | "person:<name>"
    statement: str
