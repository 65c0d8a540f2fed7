"""One run of the agent on one incident: its states, and the moves between them."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """The six states of the workflow, in their usual order."""

    ANALYZE = "analyze"
    HYPOTHESIZE = "hypothesize"
    DIAGNOSE = "diagnose"
    REMEDIATE = "remediate"
    VERIFY = "verify"
    FINALIZE = "finalize"


STEP_MOVES: dict[Step, frozenset[Step]] = {
    Step.ANALYZE: frozenset({Step.HYPOTHESIZE, Step.FINALIZE}),
    Step.HYPOTHESIZE: frozenset({Step.DIAGNOSE, Step.REMEDIATE, Step.FINALIZE}),
    Step.DIAGNOSE: frozenset({Step.HYPOTHESIZE, Step.FINALIZE}),
    # remediate -> hypothesize: the host refused the change, or its precondition no longer held
    Step.REMEDIATE: frozenset({Step.VERIFY, Step.HYPOTHESIZE, Step.FINALIZE}),
    # verify -> hypothesize: not healed; the change was undone and that cause is refuted
    Step.VERIFY: frozenset({Step.FINALIZE, Step.HYPOTHESIZE}),
    Step.FINALIZE: frozenset(),
}
"""Every allowed move. The graph is built from this table and the docs' diagram is tested on it."""


class ExecutionStatus(StrEnum):
    """Where an execution stands, as the API says it."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING_APPROVAL = "waiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUS_MOVES: dict[ExecutionStatus, frozenset[ExecutionStatus]] = {
    ExecutionStatus.QUEUED: frozenset(
        {ExecutionStatus.RUNNING, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED}
    ),
    ExecutionStatus.RUNNING: frozenset(
        {
            ExecutionStatus.WAITING_APPROVAL,
            ExecutionStatus.COMPLETED,
            ExecutionStatus.FAILED,
            ExecutionStatus.CANCELLED,
        }
    ),
    ExecutionStatus.WAITING_APPROVAL: frozenset(
        {
            ExecutionStatus.RUNNING,
            ExecutionStatus.COMPLETED,
            ExecutionStatus.FAILED,
            ExecutionStatus.CANCELLED,
        }
    ),
    ExecutionStatus.COMPLETED: frozenset(),
    ExecutionStatus.FAILED: frozenset(),
    ExecutionStatus.CANCELLED: frozenset(),
}

ACTIVE = frozenset(
    {ExecutionStatus.QUEUED, ExecutionStatus.RUNNING, ExecutionStatus.WAITING_APPROVAL}
)


class Outcome(StrEnum):
    """How an execution ended. `resolved` is only ever said behind a green verification."""

    RESOLVED = "resolved"
    ESCALATED = "escalated"
    NO_FAULT = "no_fault"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUS_OF_OUTCOME: dict[Outcome, ExecutionStatus] = {
    Outcome.RESOLVED: ExecutionStatus.COMPLETED,
    Outcome.ESCALATED: ExecutionStatus.COMPLETED,
    Outcome.NO_FAULT: ExecutionStatus.COMPLETED,
    Outcome.FAILED: ExecutionStatus.FAILED,
    Outcome.CANCELLED: ExecutionStatus.CANCELLED,
}
