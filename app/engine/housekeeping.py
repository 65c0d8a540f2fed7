"""Archives what ended long ago, a few executions at a time, and says what it did.

    archived = await housekeeping.archive(older_than=timedelta(days=400))

Of each few: everything is read, written into a file, synced, read back and verified; then it is
taken out of the tables in one transaction, and out of the engine's own afterwards. Killed anywhere
it leaves each execution in the tables or in an archive, or in both; done again it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from app import log
from app.audit.archive_file import discard, forget_unfinished
from app.audit.archiving import Archiving, Due
from app.audit.collecting import collect
from app.audit.events import Events
from app.domain.value import JsonObject, Value
from app.engine.durable_tables import WorkflowTables
from app.models.database import Database

AT_A_TIME = 20
"""Executions in one file: while they are removed nobody else writes, for tenths of a second."""

ARCHIVING = "archiving"

logger = log.get(__name__)


class Archived(Value):
    """What was archived, or would be."""

    executions: int = 0
    files: tuple[str, ...] = ()
    kept: int = 0  # that changed meanwhile, or whose workflow has not ended: the next time


class Housekeeping:
    """Archives on one database, from any process."""

    def __init__(self, database: Database, tables: WorkflowTables) -> None:
        self._database = database
        self._archiving = Archiving(database)
        self._tables = tables

    async def due(self, older_than: timedelta) -> tuple[Due, ...]:
        """Every execution that ended so long ago and waits for nothing."""
        return tuple([one async for few in self._few(older_than) for one in few])

    async def archive(self, older_than: timedelta) -> Archived:
        """Archive what ended so long ago.

        Raises DatabaseNotReady, EngineError, and AuditWriteFailed where one does not verify.
        """
        await self._clear()
        await asyncio.to_thread(forget_unfinished, self._database.settings.archives_at)
        executions, kept, files = 0, 0, list[str]()
        async for few in self._few(older_than):
            if not executions + kept:
                # that it began; and of a database older than the chain the chain begins by it
                await Events(self._database).tell(ARCHIVING, {"older_than_days": older_than.days})
            name, count = await self._archive([one.id for one in few])
            executions, kept = executions + count, kept + len(few) - count
            files.extend([name] if name else [])
        return Archived(executions=executions, files=tuple(files), kept=kept)

    async def _few(self, older_than: timedelta) -> AsyncIterator[tuple[Due, ...]]:
        before, after = datetime.now(UTC) - older_than, 0
        while few := await self._archiving.due(before, after=after, most=AT_A_TIME):
            yield few
            after = few[-1].id

    async def _archive(self, ids: list[int]) -> tuple[str, int]:
        """Archive these: the file's name, "" where there is none, and how many."""
        ended, workflows = list[int](), list[JsonObject]()
        for execution_id in ids:
            recorded = await self._tables.recorded(execution_id)
            if all(one.workflow.ended for one in recorded):
                ended.append(execution_id)
                workflows.extend(one.content for one in recorded)
        if not ended:
            return "", 0
        collected = await collect(self._database, ended, workflows)
        path, manifest = await self._archiving.write(collected)
        archive_id = await self._archiving.remove(collected, manifest)
        if archive_id is None:
            logger.info("not archived: something was written of them meanwhile", executions=ended)
            discard(path)
            return "", 0
        logger.info("archived", executions=len(ended), file=str(path))
        await self._tables.remove(ended)
        await self._archiving.cleared(archive_id)
        return path.name, len(ended)

    async def _clear(self) -> None:
        """Remove from the engine's tables what a run that was cut short left of archived ones."""
        for archive_id, executions in (await self._archiving.uncleared()).items():
            await self._tables.remove(executions)
            await self._archiving.cleared(archive_id)
