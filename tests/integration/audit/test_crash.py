"""A writer that is killed leaves a chain that verifies: the fact and its entry, or neither."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from app.audit.verifying import verify
from app.models.database import Database

WRITER = """
import asyncio, sys
from app.audit.journal import Journal
from app.domain.execution import Step
from app.models.database import Database
from app.settings import Settings
from tests.integration.audit.values import observation

async def write() -> None:
    journal = Journal(Database(Settings(database_url=sys.argv[1], _env_file=None)))
    for number in range(10_000):
        seen = [observation(), observation()]
        await journal.record_observations(
            int(sys.argv[2]), f"{sys.argv[3]}-{number}", Step.ANALYZE, "to look", seen
        )
        print(number, flush=True)

asyncio.run(write())
"""


async def killed_after(lines: int, *arguments: str) -> None:
    """Run a writer and kill it, without a word, while it writes on."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, *arguments, stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(lines):
        assert await process.stdout.readline(), "the writer ended by itself"
    process.kill()
    await process.communicate()


async def test_killed_writers_leave_a_chain_that_verifies(
    database: Database, database_url: str, execution_id: int
) -> None:
    await asyncio.gather(
        killed_after(3, database_url, str(execution_id), "one"),
        killed_after(5, database_url, str(execution_id), "two"),
    )
    report = await verify(database)
    assert report.sound, report.findings
    assert report.entries >= 3 + 8 * 4
