"""The storm: incidents come in, people answer; meanwhile processes and the database are killed, or
their clocks are set."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import httpx
from sqlalchemy import func, select

from app.domain.execution import ExecutionStatus
from app.errors import SreAgentError
from app.models.database import Database
from app.models.operations import CommandIntent
from app.models.sre_execution import Execution
from tests.chaos import node
from tests.chaos.clocks import Clocks
from tests.chaos.estate import PERSON, TOKEN, build, host_names
from tests.chaos.holding import broken
from tests.chaos.node import Role

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([node.__name__])
LOOK_SECONDS = 0.2
HOUR, DAY = 3600, 86400
STEPS = (-3 * DAY, -HOUR, -90, -7, 7, 90, HOUR, 3 * DAY)  # seconds off the machine's clock
Seen = TypeVar("Seen")
ENDED = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED)


@dataclass(frozen=True)
class Plan:
    """How much of it."""

    incidents: int
    hosts: int
    kills: int
    restarts: int  # of the database server
    seed: int
    roles: tuple[Role, ...]
    seconds: float  # after which it is given up
    duplicates: float = 0.3  # of the deliveries, on top
    jumps: int = 0  # of one clock, a process's or the database server's


@dataclass
class Told:
    """What came of it."""

    broken: list[str]
    seconds: float
    killed: Counter[str] = field(default_factory=Counter)
    restarted: int = 0
    set_clocks: Counter[str] = field(default_factory=Counter)
    ended_by_itself: int = 0  # given up by its peers, on a machine too busy to beat
    deliveries: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)  # how the ends of changes are known

    def __str__(self) -> str:
        ended = sum(self.outcomes.values())
        lines = [
            f"{ended} executions in {self.seconds:.0f} s, {60 * ended / self.seconds:.0f} a minute",
            f"deliveries    {self.deliveries}",
            f"killed        {dict(self.killed)}; the database server restarted {self.restarted} x",
            f"clocks set    {dict(self.set_clocks)}",
            f"given up      {self.ended_by_itself} x by its peers",
            f"outcomes      {dict(self.outcomes)}",
            f"changes known {dict(self.settled)}",
            f"broken        {len(self.broken)}",
            *(f"  {sentence}" for sentence in self.broken[:20]),
        ]
        return "\n".join(lines)


class Running(Protocol):
    """A process of the service."""

    def kill(self) -> None: ...

    def join(self) -> object: ...

    def is_alive(self) -> bool: ...


class Program:
    """One that is begun anew, since what is in its environment must be there from the first."""

    def __init__(self, given: Sequence[str], environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", node.__name__, *given]
        self._process = subprocess.Popen(command, env={**os.environ, **environment})

    def kill(self) -> None:
        self._process.kill()

    def join(self) -> int:
        return self._process.wait()

    def is_alive(self) -> bool:
        return self._process.poll() is None


class Storm:
    """One run over one database."""

    def __init__(
        self,
        plan: Plan,
        url: str,
        root: Path,
        restart: Callable[[], None] | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        """`clocks`: by which the processes run; that of a database server is named SERVER."""
        self._plan = plan
        self._url = url
        self._root = root
        self._restart = restart
        self._clocks = clocks
        self._draw = random.Random(plan.seed)
        self._port = _free_port()
        self._settings = node.settings_of(url, root, self._port)
        self._processes: list[tuple[Role, Running]] = []
        self.told = Told(broken=[], seconds=0)

    async def run(self) -> Told:
        """From the first incident to the last verdict. Raises TimeoutError where it hangs."""
        build(self._root, self._plan.hosts)
        began = time.monotonic()
        database = Database(self._settings)
        try:
            self._processes = [(role, self._start(i)) for i, role in enumerate(self._plan.roles)]
            async with asyncio.timeout(self._plan.seconds):
                numbers = await self._weather(database)
            self.told.seconds = time.monotonic() - began
            self.told.broken = await broken(database, self._root, numbers)
            await self._count(database)
        finally:
            for _, process in self._processes:
                process.kill()
                process.join()
            await database.close()
        return self.told

    async def _weather(self, database: Database) -> list[str]:
        async with asyncio.TaskGroup() as tasks:
            handing_in = tasks.create_task(self._hand_in())
            answering = tasks.create_task(self._answer())
            supervising = tasks.create_task(self._supervise())
            await self._strike(database)
            numbers = await handing_in
            await _until(lambda: self._number(database, ended=False), lambda left: left == 0)
            answering.cancel()
            supervising.cancel()
        return numbers

    # --- incidents -------------------------------------------------------------------------------

    async def _hand_in(self) -> list[str]:
        """Every incident, and some twice; those about one host one after the other."""
        names = host_names(self._plan.hosts)
        of_host: dict[str, list[str]] = {name: [] for name in names}
        numbers = [f"INC{index:07}" for index in range(1, self._plan.incidents + 1)]
        for number in numbers:
            of_host[self._draw.choice(names)].append(number)
        at_a_time = asyncio.Semaphore(8)

        async def about(host: str, draw: random.Random) -> None:
            async with at_a_time, _client(self._port) as client:
                for number in of_host[host]:
                    times = 2 if draw.random() < self._plan.duplicates else 1
                    await asyncio.gather(*(self._post(client, number, host) for _ in range(times)))

        draws = [random.Random(self._draw.random()) for _ in names]
        await asyncio.gather(*(about(host, draw) for host, draw in zip(names, draws, strict=True)))
        return numbers

    async def _post(self, client: httpx.AsyncClient, number: str, host: str) -> None:
        """Until it is answered: what got no answer is sent again, as ServiceNow does."""
        body = {
            "incident_number": number,
            "short_description": "The edge does not answer",
            "priority": "3",
            "target": {"hostname": host},
        }

        async def once() -> bool:
            self.told.deliveries += 1
            answer = await client.post("/api/v1/incident/trigger-agent", json=body)
            return answer.status_code == httpx.codes.OK

        await _until(lambda: _got(once), bool)

    async def _answer(self) -> None:
        """A person who says yes to everything, and asks again where nobody is there."""
        async with _client(self._port) as client:
            while True:
                await _got(lambda: self._say_yes(client))
                await asyncio.sleep(LOOK_SECONDS)

    async def _say_yes(self, client: httpx.AsyncClient) -> bool:
        page = await client.get("/api/v1/approvals", params={"state": "pending"})
        if page.status_code != httpx.codes.OK:
            return False
        for asked in page.json()["approvals"]:
            body = {"decision": "approve", "reason": PERSON, "plan_hash": asked["plan_hash"]}
            path = f"/api/v1/approvals/{asked['id']}/decision"
            await client.post(path, json=body, headers={"Authorization": f"Bearer {TOKEN}"})
        return True

    # --- kills -----------------------------------------------------------------------------------

    async def _strike(self, database: Database) -> None:
        """Each blow once so much of the work is done, so that they fall on all of it."""
        blows = [self._kill] * self._plan.kills + [self._restart_server] * self._plan.restarts
        blows += [self._set_a_clock] * self._plan.jumps
        self._draw.shuffle(blows)
        for index, blow in enumerate(blows):
            await self._until_ended(database, index * self._plan.incidents * 0.9 / len(blows))
            await asyncio.sleep(self._draw.random() / 2)  # a moment that nothing of the work sets
            await blow()

    async def _until_ended(self, database: Database, due: float) -> None:
        await _until(lambda: self._number(database, ended=True), lambda number: number >= due)

    async def _supervise(self) -> None:
        """Start again what has ended by itself: a worker that its peers had given up."""
        while True:
            for at, (role, process) in enumerate(self._processes):
                if not process.is_alive():
                    self.told.ended_by_itself += 1
                    self._processes[at] = (role, self._start(at))
            await asyncio.sleep(LOOK_SECONDS)

    async def _kill(self) -> None:
        at = self._draw.randrange(len(self._processes))
        role, process = self._processes[at]
        process.kill()
        process.join()  # at once: it cannot refuse, and nobody else may see it gone meanwhile
        self.told.killed[role.value] += 1
        self._processes[at] = (role, self._start(at))

    async def _restart_server(self) -> None:
        assert self._restart is not None
        await asyncio.to_thread(self._restart)
        self.told.restarted += 1

    async def _set_a_clock(self) -> None:
        assert self._clocks is not None
        names = self._clocks.names  # each in its turn
        name = names[sum(self.told.set_clocks.values()) % len(names)]
        self._clocks.set(name, self._draw.choice(STEPS))
        self.told.set_clocks[name] += 1

    def _start(self, at: int) -> Running:
        role = self._plan.roles[at]
        if self._clocks is not None:
            given = (role, self._url, str(self._root), str(self._port))
            return Program(given, self._clocks.environment(f"{role}-{at}"))
        process = FORKS.Process(target=node.run, args=(role, self._url, self._root, self._port))
        process.start()
        return process

    # --- looking ---------------------------------------------------------------------------------

    async def _number(self, database: Database, *, ended: bool) -> int:
        """How many executions have ended, or not; -1 while the database cannot say."""
        where = Execution.status.in_(ENDED) if ended else Execution.status.not_in(ENDED)
        try:
            async with database.reading() as session:
                counted = await session.execute(select(func.count()).where(where))
                return counted.scalar_one()
        except SreAgentError:
            return -1

    async def _count(self, database: Database) -> None:
        async with database.reading() as session:
            outcomes = await session.execute(select(Execution.outcome))
            self.told.outcomes.update(str(outcome) for outcome in outcomes.scalars())
            settled = await session.execute(select(CommandIntent.how))
            self.told.settled.update(settled.scalars())


async def _until(look: Callable[[], Awaitable[Seen]], good: Callable[[Seen], bool]) -> Seen:
    """What is seen once it is good. Other processes bring it about: there is no event."""
    while True:
        seen = await look()
        if good(seen):
            return seen
        await asyncio.sleep(LOOK_SECONDS)


async def _got(ask: Callable[[], Awaitable[bool]]) -> bool:
    """The answer; False where nobody answered."""
    try:
        return await ask()
    except httpx.TransportError:
        return False


@asynccontextmanager
async def _client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as client:
        yield client


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
