"""The ticket that we write back to: ServiceNow's words for it, and the states of what is sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from app.domain.value import JsonObject, Value


class TicketState(StrEnum):
    """The codes of `incident.state`. The agent never sets 7: closing is for people and time."""

    NEW = "1"
    IN_PROGRESS = "2"
    ON_HOLD = "3"
    RESOLVED = "6"
    CLOSED = "7"
    CANCELLED = "8"


READ_ONLY = frozenset({TicketState.CLOSED, TicketState.CANCELLED})
"""What nothing more can be written to."""

OVER = READ_ONLY | {TicketState.RESOLVED}
"""States in which nobody works on the ticket any more."""


class Told(StrEnum):
    """What a row of the outbox tells the ticket."""

    TAKEN_ON = "taken_on"  # and New becomes In Progress
    QUESTION = "question"  # a person is asked whether a plan may be carried out
    RESOLVED = "resolved"  # with the proof; the ticket is resolved
    HANDED_OVER = "handed_over"  # a person must go on; reassigned where a group is set
    NO_FAULT = "no_fault"  # nothing was found wrong; the ticket stays as it is
    CANCELLED = "cancelled"


class OutboxState(StrEnum):
    """Where a row of the outbox stands."""

    PENDING = "pending"  # to be sent at `next_try_at`
    SENDING = "sending"  # claimed; may or may not have reached ServiceNow
    SENT = "sent"
    PARKED = "parked"  # ServiceNow said no for good; a person retries or drops it
    DROPPED = "dropped"  # a person said so, or the ticket is closed


OUTBOX_MOVES: dict[OutboxState, frozenset[OutboxState]] = {
    OutboxState.PENDING: frozenset({OutboxState.SENDING, OutboxState.DROPPED}),
    # sending -> sending: a claim was taken over, since its process died
    OutboxState.SENDING: frozenset(
        {
            OutboxState.SENDING,
            OutboxState.SENT,
            OutboxState.PENDING,
            OutboxState.PARKED,
            OutboxState.DROPPED,
        }
    ),
    OutboxState.PARKED: frozenset({OutboxState.PENDING, OutboxState.DROPPED}),
    OutboxState.SENT: frozenset(),
    OutboxState.DROPPED: frozenset(),
}

UNSETTLED = frozenset({OutboxState.PENDING, OutboxState.SENDING})
"""What later rows of the same ticket wait for. A parked row waits for a person; they do not."""


class SeenTicket(Value):
    """A ticket as it was right after we had taken it on: what a person's takeover is told by."""

    state: str = ""
    assigned_to: str = ""  # sys_id; "" for nobody
    assignment_group: str = ""


class Delivery(Value):
    """One row of the outbox: what is to be told to one ticket, and how far that has come."""

    id: int
    execution_id: int
    incident_number: str
    sys_id: str | None  # None: to be looked up by number
    told: Told
    note: str  # the work note, ending with `marker`
    marker: str  # "[sre-agent execution 12 · resolved · 9f2c1a]"
    proven: bool  # behind a green verification on real hosts: it may resolve the ticket
    close_notes: str
    simulated: bool
    state: OutboxState
    attempts: int  # claims so far; above 1 it may have been written before
    next_try_at: datetime  # while it is being sent: when that began
    unsure_seconds: float = 0  # when claimed: so long what was sent earlier may still arrive
    last_error: str  # of the last attempt, in ServiceNow's words where it had any
    result: JsonObject = Field(default_factory=dict)  # what was written, what was left and why
    created_at: datetime
    settled_at: datetime | None

    @property
    def stuck(self) -> bool:
        """Whether a person should look: it was refused, or has failed again and again."""
        return self.state is OutboxState.PARKED or (
            self.state in UNSETTLED and self.attempts >= STUCK_AFTER_ATTEMPTS
        )


STUCK_AFTER_ATTEMPTS = 5
