"""Who may begin, and who comes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.audit.standing import Place
from app.domain.execution import ExecutionStatus
from app.domain.incident import Priority
from app.engine.admission import MAY_WAIT, Room, admitted, due, has_room

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GROUPS = {"web01": ("web",), "web02": ("web",), "db01": ("db", "stateful")}
ONE_EACH = Room(per_host=1)


def groups(host: str) -> tuple[str, ...]:
    return GROUPS.get(host, ())


def place(
    number: int, host: str, priority: Priority = Priority.MODERATE, *, waited: int = 0
) -> Place:
    return Place(
        execution_id=number,
        host=host,
        priority=priority,
        received_at=NOW - timedelta(seconds=waited),
        status=ExecutionStatus.QUEUED,
    )


def begun(*waiting: Place, at_work: tuple[str, ...] = (), room: Room = ONE_EACH) -> list[int]:
    return [p.execution_id for p in admitted(waiting, at_work, room, groups)]


def test_the_more_urgent_goes_first() -> None:
    assert begun(place(1, "a", Priority.LOW), place(2, "b", Priority.CRITICAL)) == [2, 1]


def test_who_has_waited_long_goes_before_the_urgent_that_has_just_come() -> None:
    longest = round(MAY_WAIT[Priority.PLANNING].total_seconds())
    patient = place(1, "a", Priority.PLANNING, waited=longest + 1)
    assert begun(place(2, "b", Priority.CRITICAL), patient) == [1, 2]


@pytest.mark.parametrize("priority", list(Priority))
def test_of_one_priority_who_came_first_goes_first(priority: Priority) -> None:
    assert due(place(1, "a", priority, waited=5)) < due(place(2, "a", priority))


def test_a_host_takes_one_after_the_other() -> None:
    both = place(1, "web01", waited=9), place(2, "web01")
    assert begun(*both) == [1]
    assert begun(*both, at_work=("web01",)) == []
    assert begun(*both, room=Room(per_host=2)) == [1, 2]


def test_a_group_is_a_limit_over_its_hosts() -> None:
    three = place(1, "web01", waited=9), place(2, "web02", waited=5), place(3, "db01")
    room = Room(per_host=1, per_group=1)
    assert begun(*three, room=room) == [1, 3]
    assert begun(*three, at_work=("web02",), room=room) == [3]
    assert has_room("web02", ["db01"], room, groups)
    assert not has_room("web02", ["web01"], room, groups)


def test_a_host_without_a_group_knows_no_such_limit() -> None:
    assert begun(place(1, "x"), place(2, "y"), room=Room(per_host=1, per_group=1)) == [1, 2]
