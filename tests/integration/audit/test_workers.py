"""Who is alive, by the database's clock."""

from __future__ import annotations

import asyncio

import pytest

from app.audit.workers import Workers
from app.models.database import Database


@pytest.fixture
def workers(database: Database) -> Workers:
    return Workers(database)


async def test_who_beats_lives(workers: Workers) -> None:
    assert await workers.beat("w-1", hostname="here", pid=7)
    assert await workers.beat("w-1", hostname="here", pid=7)
    assert await workers.mark_late_dead(60, judge="w-0") == frozenset()
    assert await workers.live() == {"w-1"}


async def test_who_is_late_is_dead_for_good(workers: Workers) -> None:
    await workers.beat("w-1", hostname="here", pid=7)
    assert await workers.mark_late_dead(-1, judge="w-0") == {"w-1"}
    assert await workers.mark_late_dead(-1, judge="w-0") == frozenset()
    assert not await workers.beat("w-1", hostname="here", pid=7)
    assert await workers.live() == frozenset()
    assert await workers.beat("w-2", hostname="here", pid=8)


async def test_nobody_gives_itself_up(workers: Workers) -> None:
    await workers.beat("w-1", hostname="here", pid=7)
    await workers.beat("w-2", hostname="here", pid=8)
    assert await workers.mark_late_dead(-1, judge="w-1") == {"w-2"}
    assert await workers.live() == {"w-1"}


async def test_who_leaves_need_not_be_missed(workers: Workers) -> None:
    await workers.beat("w-1", hostname="here", pid=7)
    await workers.leave("w-1")
    assert await workers.live() == frozenset()
    assert await workers.mark_late_dead(-1, judge="w-0") == frozenset()


async def test_of_two_reapers_one_finds_the_dead(
    database: Database, other_database: Database
) -> None:
    reapers = [Workers(database), Workers(other_database)]
    await reapers[0].beat("w-1", hostname="here", pid=7)
    found = await asyncio.gather(
        *(reaper.mark_late_dead(-1, judge="w-0") for reaper in reapers * 3)
    )
    assert sum(len(dead) for dead in found) == 1
