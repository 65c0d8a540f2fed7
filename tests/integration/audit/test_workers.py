"""Who is alive, and who is given up."""

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
    (first,) = (await workers.beats()).values()
    assert await workers.beat("w-1", hostname="here", pid=7)
    assert not await workers.give_up("w-1", beaten_at=first)  # it has beaten since
    assert await workers.live() == {"w-1"}


async def test_who_is_given_up_is_dead_for_good(workers: Workers) -> None:
    await workers.beat("w-1", hostname="here", pid=7)
    beats = await workers.beats()
    assert await workers.give_up("w-1", beaten_at=beats["w-1"])
    assert not await workers.give_up("w-1", beaten_at=beats["w-1"])
    assert not await workers.beat("w-1", hostname="here", pid=7)
    assert await workers.live() == frozenset()
    assert await workers.beats() == {}
    assert await workers.beat("w-2", hostname="here", pid=8)


async def test_who_leaves_need_not_be_missed(workers: Workers) -> None:
    await workers.beat("w-1", hostname="here", pid=7)
    await workers.leave("w-1")
    assert await workers.beats() == {}
    assert not await workers.give_up("w-1")


async def test_of_two_reapers_one_finds_the_dead(
    database: Database, other_database: Database
) -> None:
    reapers = [Workers(database), Workers(other_database)]
    await reapers[0].beat("w-1", hostname="here", pid=7)
    (beat,) = (await reapers[1].beats()).values()
    found = await asyncio.gather(*(reaper.give_up("w-1", beaten_at=beat) for reaper in reapers * 3))
    assert sum(found) == 1
