"""Agents as real processes on a database of their own, and a host in a folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.audit.journal import Journal
from app.audit.reading import Reading
from app.audit.views import ExecutionView
from app.domain.execution import ACTIVE, ExecutionStatus
from app.engine.parts import Records
from app.models.database import Database
from tests.integration.engine.world import Folder, incident


class Agent:
    """One process of the service."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path, seconds: float) -> None:
        self._process = process
        self._output = output
        self.seconds_to_ready = seconds

    def said(self) -> str:
        return self._output.read_text()

    async def kill(self) -> None:
        """As the kernel or the power would."""
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> float:
        """In good order; how long it took, in seconds."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(15):
            assert await self._process.wait() == 0, self.said()
        return time.monotonic() - started

    async def gone(self) -> None:
        """Wait for the process to end by itself."""
        async with asyncio.timeout(15):
            await self._process.wait()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


class Site:
    """A database, a host, and the agents that work there."""

    def __init__(self, url: str, database: Database, folder: Folder, outputs: Path) -> None:
        self.url = url
        self.folder = folder
        self.database = database
        self.records = Records.of(database)
        self._journal = Journal(database)
        self._reading = Reading(database)
        self._outputs = outputs
        self._agents: list[Agent] = []

    async def accept(self, number: str = "INC0000001") -> int:
        """An incident as the webhook leaves it: durable, and queued."""
        accepted = await self._journal.accept(incident(number), {}, simulated=False, max_active=100)
        return accepted.execution_id

    async def agent(self, *options: str) -> Agent:
        """A process of the service, started and ready."""
        output = self._outputs / f"agent-{len(self._agents)}.log"
        started = time.monotonic()
        with output.open("w") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.integration.engine.service", self.url),
                *(str(self.folder.path), *options),
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={"PATH": os.environ["PATH"]},
            )
        assert process.stdout is not None
        async with asyncio.timeout(20):
            await process.stdout.readline()
        agent = Agent(process, output, time.monotonic() - started)
        self._agents.append(agent)
        return agent

    async def ended(self, execution_id: int, *, seconds: float = 20) -> ExecutionView:
        """The execution once it has ended."""
        async with asyncio.timeout(seconds):
            while (view := await self._reading.execution(execution_id)).status in ACTIVE:
                await asyncio.sleep(0.05)
        return view

    async def until(
        self, execution_id: int, status: ExecutionStatus, *, seconds: float = 20
    ) -> None:
        async with asyncio.timeout(seconds):
            while (await self._reading.execution(execution_id)).status is not status:
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        for agent in self._agents:
            with contextlib.suppress(ProcessLookupError):
                await agent.kill()


@pytest.fixture
async def site(database_url: str, database: Database, tmp_path: Path) -> AsyncIterator[Site]:
    """A migrated database of its own and a broken host; every agent is ended afterwards."""
    site = Site(database_url, database, Folder.broken(tmp_path / "alpha"), tmp_path)
    yield site
    await site.close()
