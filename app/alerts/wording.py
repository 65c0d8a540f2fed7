"""What a notice says. Made of the alert's own fields; nothing that a host printed is in it."""

from __future__ import annotations

from dataclasses import dataclass

from app.audit.alerts import Alert
from app.domain.alert import AlertKind, Notice

TITLES = {
    AlertKind.EXECUTION_FAILED: "an execution failed",
    AlertKind.EXECUTION_ESCALATED: "an incident was handed over",
    AlertKind.EXECUTION_STUCK: "an execution makes no progress",
    AlertKind.QUEUE_WAITING: "nobody takes what is in the queue",
    AlertKind.APPROVAL_WAITING: "a question waits for a person",
    AlertKind.FLEET_HELD: "the same repair is wanted on many hosts",
    AlertKind.WORKER_LOST: "a worker was lost",
    AlertKind.OUTBOX_BLOCKED: "the tickets cannot be written to",
    AlertKind.AUDIT_BROKEN: "the audit's chain is broken",
}
FIRST_WORD = {Notice.OPENED: "", Notice.REPEATED: "Still: ", Notice.ENDED: "Over: "}


@dataclass(frozen=True)
class Message:
    """What is sent."""

    title: str
    body: str
    over: bool  # good news


def message(alert: Alert, notice: Notice, public_url: str | None = None) -> Message:
    """The notice of an alert in words. With `public_url` it leads to the page, too."""
    mark = "SIMULATED " if alert.simulated else ""
    lines = [alert.statement, f"Since {alert.opened_at:%Y-%m-%d %H:%M} UTC."]
    if notice is Notice.ENDED and alert.ended_at is not None:
        lines.append(f"Over since {alert.ended_at:%Y-%m-%d %H:%M} UTC.")
    if alert.execution_id is not None:
        page = f"{public_url}/ui/executions/{alert.execution_id}, or " if public_url else ""
        lines.append(f"Look at it: {page}sre-agent show {alert.execution_id}")
    if notice is not Notice.ENDED:
        lines.append(f"What to do: docs/reference/alerts.md, {alert.kind}")
    return Message(
        title=f"{mark}SRE agent: {FIRST_WORD[notice]}{TITLES[alert.kind]}",
        body="\n".join(lines),
        over=notice is Notice.ENDED,
    )
