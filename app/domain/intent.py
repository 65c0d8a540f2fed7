"""The words of the write-ahead ledger: how far a change about to be made has come."""

from __future__ import annotations

from enum import StrEnum


class IntentState(StrEnum):
    """Where an intent stands. What is `dispatched` without an outcome is settled from the host."""

    INTENDED = "intended"  # written down; nothing was sent
    DISPATCHED = "dispatched"  # about to be sent, or sent; the outcome is not known yet
    DONE = "done"  # ran to its end; see the exit code
    REFUSED = "refused"  # the policy, the precondition or the gate said no; nothing ran
    UNKNOWN = "unknown"  # could not be settled from the host so far


INTENT_MOVES: dict[IntentState, frozenset[IntentState]] = {
    IntentState.INTENDED: frozenset({IntentState.DISPATCHED, IntentState.REFUSED}),
    IntentState.DISPATCHED: frozenset({IntentState.DONE, IntentState.REFUSED, IntentState.UNKNOWN}),
    # the host may answer later than the connection that asked it
    IntentState.UNKNOWN: frozenset({IntentState.DONE, IntentState.REFUSED}),
    IntentState.DONE: frozenset(),
    IntentState.REFUSED: frozenset(),
}
