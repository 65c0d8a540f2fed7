"""A small storm of each shape in the suite; `make chaos` is the whole one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import postgres
from tests.chaos import clocks
from tests.chaos.runs import on_postgres, on_sqlite

SECONDS = 300.0  # after which it hangs: no measure of anything
has_compiler = pytest.mark.skipif(clocks.compiler() is None, reason=clocks.LEFT_OUT)


async def test_one_process_on_sqlite_killed_again_and_again(tmp_path: Path) -> None:
    told = await on_sqlite(tmp_path, incidents=24, hosts=8, kills=3, seed=5, seconds=SECONDS)
    assert told.broken == []
    assert told.outcomes == {"resolved": 24}
    assert sum(told.killed.values()) == 3


@pytest.mark.postgres
@pytest.mark.skipif(postgres.server_binaries() is None, reason=postgres.LEFT_OUT)
async def test_a_cluster_killed_and_its_database_restarted(tmp_path: Path) -> None:
    told = await on_postgres(
        tmp_path, incidents=24, hosts=8, kills=3, restarts=1, seed=5, seconds=SECONDS
    )
    assert told.broken == []
    assert told.outcomes == {"resolved": 24}
    assert (sum(told.killed.values()), told.restarted) == (3, 1)


@has_compiler
async def test_one_process_whose_clock_is_set(tmp_path: Path) -> None:
    told = await on_sqlite(
        tmp_path, incidents=16, hosts=5, kills=1, jumps=6, seed=7, seconds=SECONDS
    )
    assert told.broken == []
    assert told.outcomes == {"resolved": 16}
    assert told.set_clocks == {"both-0": 6}


@has_compiler
@pytest.mark.postgres
@pytest.mark.skipif(postgres.server_binaries() is None, reason=postgres.LEFT_OUT)
async def test_a_cluster_whose_clocks_and_whose_databases_are_set(tmp_path: Path) -> None:
    told = await on_postgres(
        tmp_path, incidents=16, hosts=5, kills=1, restarts=0, jumps=10, seed=7, seconds=SECONDS
    )
    assert told.broken == []
    assert told.outcomes == {"resolved": 16}
    assert len(told.set_clocks) == 5  # the server's, the API's, and those of three workers
