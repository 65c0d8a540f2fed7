"""Who is late is told by the watcher's own seconds, whatever time the beats say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.engine.lateness import Lateness

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Steady:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Steady:
    return Steady()


@pytest.fixture
def lateness(clock: Steady) -> Lateness:
    return Lateness(10, clock=clock)


def test_a_beat_that_stays_the_same_is_late(lateness: Lateness, clock: Steady) -> None:
    assert lateness.late({"w-1": NOON, "w-2": NOON}) == {}
    clock.now += 9
    assert lateness.late({"w-1": NOON, "w-2": NOON + timedelta(seconds=9)}) == {}
    clock.now += 1
    assert lateness.late({"w-1": NOON, "w-2": NOON + timedelta(seconds=9)}) == {"w-1": NOON}


@pytest.mark.parametrize("step", [timedelta(days=400), timedelta(days=-400)])
def test_nobody_is_late_since_the_clock_was_set(
    lateness: Lateness, clock: Steady, step: timedelta
) -> None:
    lateness.late({"w-1": NOON, "w-2": NOON})
    clock.now += 1
    # one of the two has beaten since the database's clock was set
    assert lateness.late({"w-1": NOON + step, "w-2": NOON}) == {}
    clock.now += 9
    assert lateness.late({"w-1": NOON + step, "w-2": NOON}) == {"w-2": NOON}


def test_who_was_away_itself_begins_anew(lateness: Lateness, clock: Steady) -> None:
    lateness.late({"w-1": NOON})
    clock.now += 60
    lateness.begin_anew()
    assert lateness.late({"w-1": NOON}) == {}
    clock.now += 10
    assert lateness.late({"w-1": NOON}) == {"w-1": NOON}


def test_who_is_gone_is_forgotten(lateness: Lateness, clock: Steady) -> None:
    lateness.late({"w-1": NOON})
    lateness.late({})
    clock.now += 60
    assert lateness.late({"w-1": NOON}) == {}
