"""What the audit's chain costs those who write, and how fast it is verified.

    make bench        or: pytest benchmarks/test_audit_chain.py -s

Each workload is run with the chain and without it in turns, so that what else the machine does
falls on both. PostgreSQL runs without fsync here, as in the tests: a commit is then as cheap as it
can be, and the chain's part of the whole as large. SQLite waits for the disk at each commit.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from app.audit.entry import Fact
from app.audit.journal import Journal
from app.audit.patrol import Patrol
from app.audit.writing import Writer
from app.domain.execution import Step
from app.models.database import Database
from tests.integration.audit.values import incident, observation

TURNS = 6
WRITES = 40

Work = Callable[[], Awaitable[object]]


@contextmanager
def unchained() -> Iterator[None]:
    """The same writers without entries, checkpoints or anybody who watches their session."""

    async def attempt(self: Writer, work: Any, _told: Sequence[Fact]) -> Any:
        async with self._database.transaction() as session:
            return await work(session)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "_attempt", attempt)
        yield


class Observing:
    """Writes evidence of one execution, its own: writers wait for the chain, not for each other."""

    def __init__(self, database: Database, execution_id: int, rows: int) -> None:
        self._journal = Journal(database)
        self._execution_id = execution_id
        self._rows = rows
        self._step = 0

    async def __call__(self) -> None:
        """One transaction; each observation is a row of evidence and one of the log."""
        self._step += 1
        seen = [observation(output="x" * 2000) for _ in range(self._rows)]
        await self._journal.record_observations(
            self._execution_id, f"step-{self._step}", Step.ANALYZE, "to look", seen
        )


@pytest.mark.parametrize(("rows", "writers"), [(1, 1), (20, 1), (1, 8)])
async def test_what_writing_costs(
    database: Database, rows: int, writers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    works = [Observing(database, await _begin(database, number), rows) for number in range(writers)]
    await _seconds(works)  # both ways once, so that neither pays for what is made at first
    took: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * TURNS):
        chained = turn % 2 == 0
        if chained:
            took[chained].append(await _seconds(works))
        else:
            with unchained():
                took[chained].append(await _seconds(works))
    with_, without = statistics.median(took[True]), statistics.median(took[False])
    facts = WRITES * rows * 2
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{_kind(database)}: {writers} writer(s), {2 * rows} facts a transaction: "
            f"{facts / with_:.0f} facts/s with the chain, {facts / without:.0f} without; "
            f"{with_ / without:.2f} times as long, {1000 * (with_ - without) / facts:.2f} ms a fact"
        )


async def test_how_fast_it_is_verified(
    database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Observing(database, await _begin(database, 0), rows=50)
    for _ in range(40):
        await write()
    monkeypatch.setattr("app.audit.patrol.LOOK_SECONDS", 3600.0)
    patrol = Patrol(database, worker="bench", all_seconds=3600)
    began = time.perf_counter()
    assert await patrol.look() == ()
    seconds = time.perf_counter() - began
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{_kind(database)}: a pass over 4000 entries and their rows took {seconds:.2f} s: "
            f"{4000 / seconds:.0f} a second; the longest that the event loop stood still is "
            f"{1000 * await _longest_pause(patrol):.0f} ms"
        )


async def _longest_pause(patrol: Patrol) -> float:
    """How much later than asked for somebody else was let go on, during a whole pass."""
    late = [0.0]

    async def ask() -> None:
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(time.perf_counter() - asked - 0.001)

    asking = asyncio.create_task(ask())
    patrol._passed = None  # begin anew
    await patrol.look()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return max(late)


async def _seconds(works: Sequence[Work]) -> float:
    """How long it takes these writers to write WRITES times together."""

    async def write(work: Work) -> None:
        for _ in range(WRITES // len(works)):
            await work()

    began = time.perf_counter()
    await asyncio.gather(*(write(work) for work in works))
    return time.perf_counter() - began


async def _begin(database: Database, number: int) -> int:
    accepted = await Journal(database).accept(
        incident(f"INC{number:07}"), {}, simulated=False, max_active=100
    )
    return accepted.execution_id


def _kind(database: Database) -> str:
    return "SQLite" if database.settings.uses_sqlite else "PostgreSQL"
