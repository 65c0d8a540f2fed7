"""What the agent tells people of unasked, and how far telling them has come."""

from __future__ import annotations

from enum import StrEnum

from app.domain.value import Value


class AlertKind(StrEnum):
    """What is the matter. docs/reference/alerts.md says of each what to do."""

    EXECUTION_FAILED = "execution-failed"
    EXECUTION_ESCALATED = "execution-escalated"
    EXECUTION_STUCK = "execution-stuck"
    QUEUE_WAITING = "queue-waiting"
    APPROVAL_WAITING = "approval-waiting"
    FLEET_HELD = "fleet-held"
    WORKER_LOST = "worker-lost"
    OUTBOX_BLOCKED = "outbox-blocked"
    AUDIT_BROKEN = "audit-broken"

    @property
    def lasts(self) -> bool:
        """Whether it goes on until it ends; otherwise it happened, and is told once."""
        return self not in _HAPPENINGS


_HAPPENINGS = frozenset(
    {AlertKind.EXECUTION_FAILED, AlertKind.EXECUTION_ESCALATED, AlertKind.WORKER_LOST}
)


class Notice(StrEnum):
    """What people are to be told of an alert next."""

    OPENED = "opened"
    REPEATED = "repeated"  # it goes on; told again, at most every ALERT_REPEAT_SECONDS
    ENDED = "ended"


class Condition(Value):
    """Something found to be the matter now. Its words are ours: no output, no ticket's text."""

    kind: AlertKind
    subject: str  # what it is about, the same at each look: "execution 12"
    statement: str  # a sentence, the same as long as nothing changes: moments, not durations
    execution_id: int | None = None
    host: str | None = None
    simulated: bool = False
