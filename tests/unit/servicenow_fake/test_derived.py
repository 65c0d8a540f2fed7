"""What a write sets by itself, as tables of cases."""

from __future__ import annotations

import pytest

from app.servicenow.fake.derived import settled, with_defaults
from app.servicenow.fake.records import Row, empty_row
from app.servicenow.fake.users import User

USER = User(sys_id="u1", user_name="alice", roles=frozenset({"itil"}), zone="UTC")
NOW = "2026-01-02 03:04:05"


def incident(**values: str) -> Row:
    return with_defaults("incident", empty_row("incident")) | {"incident_state": "1"} | values


@pytest.mark.parametrize(
    ("levels", "priority"),
    [("11", "1"), ("12", "2"), ("21", "2"), ("13", "3"), ("22", "3"), ("31", "3"), ("23", "4"),
     ("32", "4"), ("33", "5")],
)  # fmt: skip
def test_the_priority_is_looked_up(levels: str, priority: str) -> None:
    row = incident(impact=levels[0], urgency=levels[1])
    assert settled("incident", incident(), row, USER, NOW)["priority"] == priority


@pytest.mark.parametrize("column", ["state", "incident_state"])
def test_state_and_its_legacy_twin_move_together(column: str) -> None:
    row = settled("incident", incident(), incident() | {column: "2"}, USER, NOW)
    assert (row["state"], row["incident_state"]) == ("2", "2")


def test_resolving_and_what_follows() -> None:
    resolved = settled("incident", incident(), incident(state="6"), USER, NOW)
    assert (resolved["resolved_at"], resolved["resolved_by"]) == (NOW, "u1")
    assert resolved["active"] == "true"
    later = settled("incident", resolved, resolved | {"urgency": "1"}, USER, "later")
    assert later["resolved_at"] == NOW
    closed = settled("incident", resolved, resolved | {"state": "7"}, USER, "later")
    assert (closed["active"], closed["closed_at"], closed["resolved_at"]) == ("false", "later", NOW)
    reopened = settled("incident", resolved, resolved | {"state": "2"}, USER, "later")
    assert (reopened["resolved_at"], reopened["reopen_count"]) == ("", "1")
    assert reopened["reopened_time"] == "later"


def test_cancelling_ends_without_resolving() -> None:
    row = settled("incident", incident(), incident(state="8"), USER, NOW)
    assert (row["active"], row["resolved_at"]) == ("false", "")
