"""One hand on a host at a time."""

from __future__ import annotations

import asyncio

import pytest

from app.audit.leases import Leases
from app.models.database import Database


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


async def test_of_many_one_gets_the_host(database: Database, other_database: Database) -> None:
    ways = [Leases(database), Leases(other_database)] * 5
    fences = await asyncio.gather(
        *(way.acquire("alpha", f"exe-{number}") for number, way in enumerate(ways))
    )
    assert [fence for fence in fences if fence is not None] == [1]


async def test_the_fence_grows_with_each_holder(leases: Leases) -> None:
    assert await leases.acquire("alpha", "exe-1") == 1
    assert await leases.acquire("alpha", "exe-2") is None
    assert await leases.acquire("alpha", "exe-1") == 2  # resumed after a crash
    await leases.release("alpha", "exe-2")  # not held: nothing happens
    assert await leases.acquire("alpha", "exe-2") is None
    await leases.release("alpha", "exe-1")
    assert await leases.holder("alpha") is None
    assert await leases.acquire("alpha", "exe-2") == 3
    holder = await leases.holder("alpha")
    assert holder is not None
    assert (holder.owner, holder.fence) == ("exe-2", 3)


async def test_only_who_has_ended_is_robbed(leases: Leases) -> None:
    asked: list[str] = []

    async def has_ended(owner: str) -> bool:
        asked.append(owner)
        return owner == "exe-ended"

    await leases.acquire("alpha", "exe-ended")
    await leases.acquire("beta", "exe-at-work")
    assert await leases.acquire("alpha", "exe-3", may_steal=has_ended) == 2
    assert await leases.acquire("beta", "exe-3", may_steal=has_ended) is None
    assert asked == ["exe-ended", "exe-at-work"]


async def test_who_came_in_between_is_not_robbed(leases: Leases) -> None:
    async def has_ended(owner: str) -> bool:
        # while we asked, the ended one's lease went to somebody at work
        await leases.release("alpha", owner)
        await leases.acquire("alpha", "exe-quick")
        return True

    await leases.acquire("alpha", "exe-ended")
    assert await leases.acquire("alpha", "exe-3", may_steal=has_ended) is None
    holder = await leases.holder("alpha")
    assert holder is not None
    assert holder.owner == "exe-quick"


async def test_all_is_given_back_at_once(leases: Leases) -> None:
    await leases.acquire("alpha", "exe-1")
    await leases.acquire("beta", "exe-1")
    await leases.acquire("gamma", "exe-2")
    assert await leases.release_all("exe-1") == ("alpha", "beta")
    assert await leases.release_all("exe-1") == ()
    assert await leases.acquire("beta", "exe-2") == 2
