"""What a write sets by itself: stamps, the priority, the mirror of the state, who resolved."""

from __future__ import annotations

from app.servicenow.fake.records import Row
from app.servicenow.fake.schema import CLASSED, is_a
from app.servicenow.fake.users import User

PRIORITY = {
    ("1", "1"): "1",
    ("1", "2"): "2",
    ("2", "1"): "2",
    ("1", "3"): "3",
    ("2", "2"): "3",
    ("3", "1"): "3",
    ("2", "3"): "4",
    ("3", "2"): "4",
    ("3", "3"): "5",
}
"""The lookup of a priority by (impact, urgency)."""

READ_ONLY = frozenset(
    {
        "sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by",
        "sys_mod_count", "sys_class_name", "priority", "resolved_at", "resolved_by", "closed_at",
        "closed_by", "opened_by", "opened_at", "reopen_count", "reopened_time",
    }
)  # fmt: skip
"""Columns that a client's values never reach; they are ignored, as unknown columns are."""

RESOLVED, CLOSED, CANCELED = "6", "7", "8"
NEW, IN_PROGRESS, ON_HOLD = "1", "2", "3"
CHANGE_ENDED = frozenset({"3", "4"})

_DEFAULTS = {
    "task": {"active": "true", "impact": "3", "urgency": "3", "approval": "not requested"},
    "incident": {"state": NEW, "category": "inquiry", "reopen_count": "0", "severity": "3"},
    "problem": {"state": "101"},
    "change_request": {"state": "-5", "type": "normal", "risk": "4", "on_hold": "false"},
    "cmdb_ci": {"operational_status": "1", "install_status": "1"},
    "sys_user": {"active": "true", "time_zone": "UTC"},
    "sys_choice": {"inactive": "false", "language": "en"},
}


def with_defaults(table: str, row: Row) -> Row:
    """A new row with what its table fills in where nothing was given."""
    filled = dict(row)
    for base, values in _DEFAULTS.items():
        if is_a(table, base):
            filled |= {name: value for name, value in values.items() if not row[name]}
    return filled


def stamped_new(table: str, row: Row, user: User, now: str) -> Row:
    """A new row with its creation's stamps."""
    stamps = {
        "sys_created_on": now,
        "sys_created_by": user.user_name,
        "sys_updated_on": now,
        "sys_updated_by": user.user_name,
        "sys_mod_count": "0",
    }
    if any(is_a(table, base) for base in CLASSED):
        stamps["sys_class_name"] = table
    if is_a(table, "task"):
        stamps |= {"opened_at": now, "opened_by": user.sys_id}
    return row | stamps


def stamped_changed(row: Row, user: User, now: str) -> Row:
    """A changed row with the stamps of its change."""
    return row | {
        "sys_updated_on": now,
        "sys_updated_by": user.user_name,
        "sys_mod_count": str(int(row["sys_mod_count"]) + 1),
    }


def settled(table: str, before: Row, row: Row, user: User, now: str) -> Row:
    """The row with everything that follows from its values. `before`: as it was, or empty."""
    if not is_a(table, "task"):
        return row
    row = row | {"priority": PRIORITY.get((row["impact"], row["urgency"]), row["priority"])}
    if is_a(table, "incident"):
        return _incident(before, row, user, now)
    if is_a(table, "change_request"):
        return _ended(row, user, now, ended=row["state"] in CHANGE_ENDED)
    return row


def _incident(before: Row, row: Row, user: User, now: str) -> Row:
    if row["state"] == before["state"] and row["incident_state"] != before["incident_state"]:
        row = row | {"state": row["incident_state"]}  # the legacy column moves the state too
    row = row | {"incident_state": row["state"]}
    if row["state"] not in (RESOLVED, CLOSED):
        row = row | {"resolved_at": "", "resolved_by": ""}
    elif not row["resolved_at"]:
        row = row | {"resolved_at": now, "resolved_by": user.sys_id}
    if before["state"] == RESOLVED and row["state"] in (NEW, IN_PROGRESS):
        row = row | {"reopen_count": str(int(row["reopen_count"]) + 1), "reopened_time": now}
    return _ended(row, user, now, ended=row["state"] in (CLOSED, CANCELED))


def _ended(row: Row, user: User, now: str, *, ended: bool) -> Row:
    if not ended:
        return row | {"active": "true", "closed_at": "", "closed_by": ""}
    if row["closed_at"]:
        return row
    return row | {"active": "false", "closed_at": now, "closed_by": user.sys_id}
