"""Baselines by host and version."""

from __future__ import annotations

import asyncio

from app.audit.baselines import Baselines
from app.models.database import Database
from tests.integration.audit.values import NOON


async def store(
    baselines: Baselines, host: str = "alpha", *, simulated: bool = False, reason: str = "first"
) -> int:
    return await baselines.store(
        host,
        taken_at=NOON,
        manifest={"host": host, "files": []},
        probes=[{"name": "http front"}],
        host_model={"units": {}},
        reason=reason,
        simulated=simulated,
    )


async def test_the_latest_version_counts(database: Database) -> None:
    baselines = Baselines(database)
    assert await baselines.latest("alpha", simulated=False) is None
    assert [await store(baselines), await store(baselines, reason="second")] == [1, 2]
    assert await store(baselines, "beta") == 1
    latest = await baselines.latest("alpha", simulated=False)
    assert latest is not None
    assert (latest.version, latest.reason, latest.taken_at) == (2, "second", NOON)
    assert latest.probes == ({"name": "http front"},)


async def test_a_simulated_baseline_is_never_taken_for_a_real_one(database: Database) -> None:
    baselines = Baselines(database)
    await store(baselines, simulated=True)
    assert await baselines.latest("alpha", simulated=False) is None
    assert await store(baselines) == 1


async def test_two_at_once_are_two_versions(database: Database, other_database: Database) -> None:
    both = (Baselines(database), Baselines(other_database))
    assert sorted(await asyncio.gather(*(store(each) for each in both))) == [1, 2]
