"""What is shown of executions: values made from rows, in the API's words.

Confidence is shown as a score of 0..100 with one decimal; it is kept as 0..1.
"""

from __future__ import annotations

from datetime import datetime

from app.domain.action import Risk
from app.domain.event import ActionType, EntryStatus, LogStatus
from app.domain.execution import ExecutionStatus, Outcome, Step
from app.domain.hypothesis import HypothesisStatus, Support
from app.domain.incident import Priority
from app.domain.probe import ProbeResult
from app.domain.value import JsonObject, Value


class Cancellation(Value):
    """Whether somebody asked that the execution stop."""

    cancelled: bool = False
    by: str = ""
    reason: str = ""


class ExecutionSummary(Value):
    """One execution in a list."""

    execution_id: int
    incident_number: str
    status: ExecutionStatus
    current_step: Step | None
    outcome: Outcome | None  # None until it ends
    host: str
    priority: Priority
    short_description: str
    simulated: bool
    started_at: datetime  # accepted and durable
    ended_at: datetime | None


class TimelineView(Value):
    """One line of the story."""

    step_number: int
    action_type: Step
    title: str
    status: EntryStatus
    duration_seconds: float
    key: str
    detail: JsonObject
    created_at: datetime


class HypothesisView(Value):
    """One candidate cause."""

    hypothesis_text: str
    confidence_score: float  # 0..100
    status: HypothesisStatus
    key: str
    mode: str
    host: str
    subject: str
    evidence_ids: tuple[int, ...]
    supports: tuple[Support, ...]
    history: tuple[JsonObject, ...]  # {"step_key", "confidence" 0..1, "status"}, oldest first


class VerificationView(Value):
    """One proof after a change."""

    healed: bool
    statement: str
    before: tuple[ProbeResult, ...]
    after: tuple[ProbeResult, ...]
    watched_seconds: float
    worse: tuple[str, ...]
    taken_at: datetime
    simulated: bool


class ActionView(Value):
    """One change, or the undo of one."""

    step_number: int  # its line in the log
    action_type: ActionType
    action: str
    host: str
    params: JsonObject
    command_executed: str
    status: LogStatus
    exit_code: int | None
    duration_seconds: float
    risk: Risk
    evidence_id: int | None
    simulated: bool
    created_at: datetime


class ProvenanceView(Value):
    """Which conclusion rests on which evidence, and who drew it."""

    conclusion: str
    evidence_id: int
    drawn_by: str
    statement: str


class ExecutionView(ExecutionSummary):
    """One execution with everything but its log."""

    episode: int
    description: str
    claimed_service: str | None
    source: str
    running_at: datetime | None
    root_cause: str
    summary: str
    confidence_score: float | None  # 0..100
    evidence_ids: tuple[int, ...]
    recommended: tuple[str, ...]
    cancellation: Cancellation
    timeline: tuple[TimelineView, ...]
    hypotheses: tuple[HypothesisView, ...]  # the likeliest first
    verifications: tuple[VerificationView, ...]
    verification: VerificationView | None  # the last one
    actions_taken: tuple[ActionView, ...]
    commands_run: int  # catalog entries run on hosts
    provenance: tuple[ProvenanceView, ...]


class ExecutionPage(Value):
    """A page of executions, newest first. `next_before` asks for the next; None: the last page."""

    executions: tuple[ExecutionSummary, ...]
    next_before: int | None


class LogView(Value):
    """One line of the log."""

    step: int
    state: Step
    action_type: ActionType
    action: str
    host: str
    params: JsonObject
    argv: tuple[str, ...]
    command_executed: str
    command_output: str
    error_output: str
    error: str | None
    status: LogStatus
    exit_code: int | None
    duration_seconds: float
    truncated: bool
    risk: Risk
    why: str
    detail: JsonObject
    evidence_id: int | None
    created_at: datetime
    simulated: bool


class LogPage(Value):
    """A page of the log in its order. `next_after` asks for the next; None: the last page."""

    execution_id: int
    logs: tuple[LogView, ...]
    next_after: int | None
