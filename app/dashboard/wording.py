"""Where an execution stands, in one sentence; and the words for its states."""

from __future__ import annotations

from app.audit.approvals import Approval
from app.audit.views import ExecutionSummary, ExecutionView
from app.dashboard.times import between, in_words, now
from app.domain.execution import ExecutionStatus, Outcome, Step

DOING = {
    Step.ANALYZE: "Looking at",
    Step.HYPOTHESIZE: "Weighing causes on",
    Step.DIAGNOSE: "Diagnosing",
    Step.REMEDIATE: "Repairing",
    Step.VERIFY: "Proving the repair of",
    Step.FINALIZE: "Finishing with",
}

ENDED = {
    Outcome.RESOLVED: "Resolved",
    Outcome.ESCALATED: "Handed over to people",
    Outcome.NO_FAULT: "Nothing is wrong",
    Outcome.FAILED: "Failed",
    Outcome.CANCELLED: "Stopped",
}

STANDING = {
    ExecutionStatus.QUEUED: "queued",
    ExecutionStatus.RUNNING: "running",
    ExecutionStatus.WAITING_APPROVAL: "waits for a person",
    ExecutionStatus.COMPLETED: "completed",
    ExecutionStatus.FAILED: "failed",
    ExecutionStatus.CANCELLED: "stopped",
}

SIGNS = {
    "queued": "…",
    "running": "▶",
    "waiting_approval": "✋",
    "resolved": "✔",
    "no_fault": "○",
    "escalated": "⚑",
    "failed": "✘",
    "cancelled": "■",
}
"""A shape beside each colour: whoever sees no colours still sees the difference."""


def state(execution: ExecutionSummary) -> str:
    """The key of `SIGNS` and of the style sheet: the outcome once there is one."""
    return str(execution.outcome or execution.status)


def state_words(execution: ExecutionSummary) -> str:
    """`waits for a person`, `resolved`, ..."""
    if execution.outcome is not None:
        return ENDED[execution.outcome].lower()
    return STANDING[execution.status]


def sentence(execution: ExecutionView, question: Approval | None) -> str:
    """What is the case now, as one would say it over the phone."""
    if execution.outcome is not None:
        return _ended(execution, execution.outcome)
    if question is not None:
        return _waiting(question)
    stopping = " It was asked to stop." if execution.cancellation.cancelled else ""
    if execution.running_at is None or execution.current_step is None:
        waited = in_words(between(execution.started_at, None).total_seconds())
        return f"Waits for a worker since {waited}.{stopping}"
    since = in_words(between(execution.running_at, None).total_seconds())
    return f"{DOING[execution.current_step]} {execution.host}, for {since} so far.{stopping}"


def _ended(execution: ExecutionView, outcome: Outcome) -> str:
    took = in_words(between(execution.started_at, execution.ended_at).total_seconds())
    words = f"{ENDED[outcome]} after {took}"
    if outcome is Outcome.CANCELLED and execution.cancellation.by:
        reason = execution.cancellation.reason
        words += f" by {execution.cancellation.by}" + (f": {reason}" if reason else "")
    elif outcome is Outcome.RESOLVED and execution.verification is not None:
        words += f": {execution.verification.statement}"
    elif outcome is Outcome.NO_FAULT:
        words += f": users of {execution.host} are served"
    elif execution.root_cause:
        words += f": {execution.root_cause}"
    return words.rstrip(".") + "."


def _waiting(question: Approval) -> str:
    steps = "; ".join(step.label() for step in question.plan.steps)
    left = in_words((question.expires_at - now()).total_seconds())
    people = "two people" if question.needed > 1 else "a person"
    said = f" {len(question.votes)} of {question.needed} said yes." if question.votes else ""
    return f"Waits for {people} to approve: {steps}. {left} left.{said}"
