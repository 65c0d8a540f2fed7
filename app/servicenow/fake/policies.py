"""What an instance insists on, as it comes out of the box: mandatory fields and moves of states."""

from __future__ import annotations

from app.servicenow.fake.derived import CLOSED, ON_HOLD, RESOLVED
from app.servicenow.fake.records import Row
from app.servicenow.fake.refusal import Operation, aborted, against_acl, mandatory
from app.servicenow.fake.schema import is_a
from app.servicenow.fake.users import ITIL_ADMIN, User

AWAITING_CALLER = "1"

CANCELED_CHANGE = "4"
CLOSED_CHANGE = "3"

CHANGE_MOVES: dict[str, dict[str, tuple[str, ...]]] = {
    "normal": {
        "-5": ("-4", "4"),
        "-4": ("-3", "4"),
        "-3": ("-2", "4"),
        "-2": ("-1", "4"),
        "-1": ("0", "4"),
        "0": ("3",),
    },
    "emergency": {
        "-5": ("-3", "4"),
        "-3": ("-2", "4"),
        "-2": ("-1", "4"),
        "-1": ("0", "4"),
        "0": ("3",),
    },
    "standard": {"-5": ("-2", "4"), "-2": ("-1", "4"), "-1": ("0", "4"), "0": ("3",)},
}
"""The change models: where each state may move to, by the change's type."""


def check(table: str, before: Row, row: Row, journal: Row, user: User) -> None:
    """Raise Refused where the row may not become so. `journal`: what the write appends."""
    if is_a(table, "incident"):
        _check_closed(before, row, user)
        _require(_missing_in_incident(row, journal))
    if is_a(table, "change_request"):
        _check_move(before, row)
        _require(_missing_in_change(row))


def next_states(row: Row) -> tuple[str, ...]:
    """Where a change may move from where it is, approvals considered."""
    moves = CHANGE_MOVES[row["type"]].get(row["state"], ())
    if row["state"] == "-3" and row["approval"] != "approved":
        return tuple(state for state in moves if state == CANCELED_CHANGE)
    return moves


def _check_closed(before: Row, row: Row, user: User) -> None:
    """Closed incidents are read-only, and closing one takes a role of its own."""
    if user.is_admin:
        return
    if before["state"] == CLOSED:
        raise against_acl(Operation.UPDATE)
    if row["state"] == CLOSED and ITIL_ADMIN not in user.roles:
        raise against_acl(Operation.UPDATE)


def _missing_in_incident(row: Row, journal: Row) -> list[str]:
    missing = []
    if row["state"] in (RESOLVED, CLOSED):
        missing += [] if row["close_code"] else ["Resolution code"]
        missing += [] if row["close_notes"] else ["Resolution notes"]
    if row["state"] == ON_HOLD:
        missing += [] if row["hold_reason"] else ["On hold reason"]
        waits = row["hold_reason"] == AWAITING_CALLER
        missing += ["Additional comments"] if waits and not journal.get("comments") else []
    return missing


def _missing_in_change(row: Row) -> list[str]:
    missing = []
    if row["state"] not in ("-5", CANCELED_CHANGE) and not row["assignment_group"]:
        missing.append("Assignment group")
    if row["state"] == CLOSED_CHANGE:
        missing += [] if row["close_code"] else ["Close code"]
        missing += [] if row["close_notes"] else ["Close notes"]
    return missing


def _check_move(before: Row, row: Row) -> None:
    if not before["state"] or before["state"] == row["state"]:
        return
    if row["state"] not in next_states(before | {"approval": row["approval"]}):
        raise aborted("change_request", "Change Model: Check State Transition")


def _require(missing: list[str]) -> None:
    if missing:
        raise mandatory(missing)
