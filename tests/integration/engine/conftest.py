"""Agents as real processes on a database of their own, and a host in a folder."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text

from app.audit.approvals import Approval
from app.audit.journal import Journal
from app.audit.reading import Reading
from app.audit.views import ExecutionView
from app.domain.approval import ApprovalState, Vote
from app.domain.execution import ACTIVE, ExecutionStatus
from app.domain.verdict import Verdict
from app.engine.endings import Endings
from app.engine.parts import Records
from app.models.database import Database
from tests.integration.engine import earlier, service
from tests.integration.engine.world import Folder, incident

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([service.__name__])
"""Real processes, but the second in which each would import the service is spent once."""

SPAWNS = multiprocessing.get_context("spawn")
"""Processes that have loaded nothing yet."""


class Agent:
    """One process of the service."""

    def __init__(self, process: BaseProcess, output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def worker_id(self) -> str:
        """Its id among the workers; "" until it is ready."""
        said = [line.split() for line in self.said().splitlines()]
        return next((words[1] for words in said if words[:1] == [service.READY]), "")

    def said(self) -> str:
        return self._output.read_text() if self._output.exists() else ""

    async def ready(self, *, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            await polled(self._looked_at, lambda agent: agent.worker_id != "")

    async def kill(self) -> None:
        """As the kernel or the power would."""
        self._process.kill()
        await self.gone()

    async def stop(self) -> float:
        """In good order; how long it took, in seconds."""
        started = time.monotonic()
        self._signal(signal.SIGINT)
        await self.gone()
        assert self._process.exitcode == 0, self.said()
        return time.monotonic() - started

    async def gone(self) -> None:
        """Wait for the process to have ended."""
        await asyncio.to_thread(self._process.join, 15)
        assert self._process.exitcode is not None, self.said()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def _looked_at(self) -> Agent:
        assert self._process.is_alive(), self.said()
        return self


class Site:
    """A database, a host, and the agents that work there."""

    def __init__(self, url: str, database: Database, folder: Folder, outputs: Path) -> None:
        self.url = url
        self.folder = folder
        self.database = database
        self.records = Records.of(database)
        self.endings = Endings(self.records)
        self.journal = Journal(database)
        self._reading = Reading(database)
        self._outputs = outputs
        self._agents: list[Agent] = []

    async def accept(self, number: str = "INC0000001") -> int:
        """An incident as the webhook leaves it: durable, and queued."""
        accepted = await self.journal.accept(incident(number), {}, simulated=False, max_active=100)
        return accepted.execution_id

    async def agent(
        self, graph: str = "repair", verdict: Verdict = Verdict.ALLOW, **given: object
    ) -> Agent:
        """A process of the service, started and ready; `given` are further settings."""
        agent = self.start_agent(graph, verdict, **given)
        await agent.ready()
        return agent

    async def earlier_agent(self, verdict: Verdict = Verdict.ALLOW, **given: object) -> Agent:
        """The same of an earlier epoch of the graph."""
        output = self._next_output()
        named = (self.url, self.folder.path, output, verdict, "repair", given)
        agent = self._started(SPAWNS.Process(target=earlier.run, args=named), output)
        await agent.ready(seconds=90)  # it imports everything anew
        return agent

    async def put_to_sleep(self, agent: Agent) -> None:
        """Stop an agent, and not in the middle of a write: SQLite has one writer, which would keep
        all others from writing for as long as it sleeps. We are that writer for this moment."""
        async with self.database.transaction() as session:
            await session.execute(text("SELECT 1"))
            agent.pause()

    def start_agent(self, graph: str, verdict: Verdict = Verdict.ALLOW, **given: object) -> Agent:
        """The same, not waited for."""
        output = self._next_output()
        named = (self.url, self.folder.path, output, verdict, graph, given)
        return self._started(FORKS.Process(target=service.run, args=named), output)

    def _next_output(self) -> Path:
        return self._outputs / f"agent-{len(self._agents)}.log"

    def _started(self, process: BaseProcess, output: Path) -> Agent:
        process.start()
        agent = Agent(process, output)
        self._agents.append(agent)
        return agent

    async def ended(self, execution_id: int, *, seconds: float = 60) -> ExecutionView:
        """The execution once it has ended."""
        async with asyncio.timeout(seconds):
            return await polled(
                lambda: self._reading.execution(execution_id), lambda e: e.status not in ACTIVE
            )

    async def until(
        self, execution_id: int, status: ExecutionStatus, *, seconds: float = 20
    ) -> None:
        async with asyncio.timeout(seconds):
            await polled(
                lambda: self._reading.execution(execution_id), lambda e: e.status is status
            )

    async def given_back(self, *, seconds: float = 5) -> None:
        """Wait until nobody holds the host; a moment after the end of an execution at most."""
        async with asyncio.timeout(seconds):
            await polled(lambda: self.records.leases.holder("alpha"), lambda held: held is None)

    async def asked(self, execution_id: int, *, seconds: float = 20) -> Approval:
        """The question that waits for a person."""
        await self.until(execution_id, ExecutionStatus.WAITING_APPROVAL, seconds=seconds)
        (pending,) = await self.records.approvals.listed(
            execution_id=execution_id, state=ApprovalState.PENDING
        )
        return pending

    async def vote(self, approval: Approval, vote: Vote, person: str = "ann") -> Approval:
        """A decision as another process writes it: only a row."""
        return await self.records.approvals.vote(
            approval.id,
            person=person,
            subject=None,
            vote=vote,
            reason="as agreed",
            plan_hash=approval.plan_hash,
            grant_seconds=900,
        )

    async def workflows(self, execution_id: int) -> list[str]:
        """The workflows that changed something for an execution."""
        return [i.workflow_id for i in await self.records.intents.of_execution(execution_id)]

    async def close(self) -> None:
        for agent in self._agents:
            await agent.kill()


Seen = TypeVar("Seen")


async def polled(look: Callable[[], Awaitable[Seen]], good: Callable[[Seen], bool]) -> Seen:
    """What is seen once it is good. Another process brings it about: there is no event."""
    while True:
        seen = await look()
        if good(seen):
            return seen
        await asyncio.sleep(0.03)


@pytest.fixture
async def site(database_url: str, database: Database, tmp_path: Path) -> AsyncIterator[Site]:
    """A migrated database of its own and a broken host; every agent is ended afterwards."""
    site = Site(database_url, database, Folder.broken(tmp_path / "alpha"), tmp_path)
    yield site
    await site.close()
