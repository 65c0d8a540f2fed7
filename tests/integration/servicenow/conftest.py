"""A site that writes to the shipped fake ServiceNow over TLS: a journal, an outbox, a sender."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.audit.journal import Journal
from app.audit.outbox import Outbox
from app.audit.reading import Reading
from app.audit.tickets import Tickets
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.ticket import UNSETTLED, Delivery
from app.domain.verdict import Verification
from app.engine.endings import Endings
from app.engine.parts import Records as EngineRecords
from app.models.database import Database
from app.servicenow.client import Client
from app.servicenow.delivery import Delivered, Postman
from app.servicenow.fake.control import Control
from app.servicenow.fake.running import running
from app.servicenow.records import Records
from app.servicenow.sender import Pace, Sender
from app.servicenow.watching import TakeOn, Watching
from app.settings import Settings
from tests.integration.audit.values import NOON, incident, probe_result

QUICK = Pace(
    idle=0.01, first=0.02, longest=0.1, uncertain=0.02, closed_after=5, rest=0.05, late=1.0
)


class Site:
    """One installation: its database, and as many senders as a test wants."""

    def __init__(self, settings: Settings, fake: Control) -> None:
        self.settings = settings
        self.fake = fake
        self.database = Database(settings)
        self.journal = Journal(self.database)
        self.outbox = Outbox(self.database)
        self.tickets = Tickets(self.database)
        self.reading = Reading(self.database)
        self.taken_on: list[str] = []
        self._client = Client(settings)
        self.records = Records(self._client)

    async def close(self) -> None:
        await self._client.close()
        await self.database.close()

    def ticket(self, **fields: str) -> str:
        """A person files an incident with our group; its number."""
        told = {"short_description": "The site is down", "assignment_group": "SRE Team"}
        return self.fake.insert(**(told | fields))["number"]

    async def begin(self, number: str, *, simulated: bool = False) -> int:
        """An execution on it that a worker has taken."""
        accepted = await self.journal.accept(
            incident(number), {}, simulated=simulated, max_active=999
        )
        await self.journal.set_status(accepted.execution_id, ExecutionStatus.RUNNING)
        return accepted.execution_id

    async def end(self, execution_id: int, outcome: Outcome = Outcome.RESOLVED) -> None:
        """Its end, with a green and real proof where it healed."""
        if outcome is Outcome.RESOLVED:
            proof = Verification(
                healed=True,
                statement="Users are served again",
                before=(probe_result(ok=False),),
                after=(probe_result(ok=True),),
                watched_seconds=10,
                taken_at=NOON,
                simulated=False,
            )
            await self.journal.record(execution_id, "proof", verification=proof)
        await self.journal.conclude(
            execution_id,
            outcome=outcome,
            root_cause="ledger.service was stopped",
            summary="It was started again.",
            confidence=0.9,
            evidence_ids=(),
            recommended=(),
        )

    def sender(
        self, worker: str = "w1", *, postman: Postman | None = None, dead: tuple[str, ...] = ()
    ) -> Sender:
        """A sender whose turn it always is."""

        async def mine() -> bool:
            return True

        async def told(delivery: Delivery, delivered: Delivered) -> None:
            watching = self.watching()
            for at_work in await self.tickets.at_work(execution_id=delivery.execution_id):
                if delivered.ticket is not None:
                    await watching.consider(at_work, delivered.ticket)

        return Sender(
            worker,
            self.outbox,
            postman or Postman(self.settings, self.records, self.tickets),
            mine=mine,
            gone=lambda worker: worker in dead,
            told=told,
            pace=QUICK,
        )

    def watching(self, take_on: TakeOn | None = None) -> Watching:
        """The looks at tickets, made when a test says so."""

        async def mine() -> bool:
            return True

        async def nothing(_record: dict[str, Any]) -> None:
            raise AssertionError("nothing is to be taken on")

        return Watching(
            self.settings,
            self.records,
            self.tickets,
            cancel=Endings(EngineRecords.of(self.database)).cancel,
            take_on=take_on or nothing,
            mine=mine,
        )

    @asynccontextmanager
    async def sending(self, *senders: Sender) -> AsyncIterator[None]:
        """These senders at work."""
        tasks = [asyncio.create_task(sender.run()) for sender in senders or (self.sender(),)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settled(self, *senders: Sender) -> tuple[Delivery, ...]:
        """Every row, once none waits any more."""
        async with self.sending(*senders):
            return await self.all_told()

    async def all_told(self) -> tuple[Delivery, ...]:
        """Every row, once the senders that are at work left none waiting."""
        async with asyncio.timeout(60):
            while True:
                rows = await self.outbox.listed(limit=5000)
                if not any(row.state in UNSETTLED for row in rows):
                    return rows
                await asyncio.sleep(0.01)


NewSite = Callable[..., Site]


@pytest.fixture(scope="session")
def one_fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with running(tmp_path_factory.mktemp("servicenow")) as fake:
        yield fake


@pytest.fixture
def fake(one_fake: Control) -> Control:
    """A fresh instance."""
    one_fake.reset()
    return one_fake


def written_to(fake: Control) -> dict[str, Any]:
    """The settings that write to a fake."""
    return {
        "servicenow_instance_url": fake.url,
        "servicenow_ca_file": fake.ca_file,
        "servicenow_username": fake.credentials.user_name,
        "servicenow_password": fake.credentials.password,
    }


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    path = tmp_path / "sre-agent.sqlite"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def new_site(fake: Control) -> AsyncIterator[NewSite]:
    """Makes sites: a database's URL, and settings beside the usual ones."""
    made: list[Site] = []

    def new(url: str, **more: Any) -> Site:
        given = written_to(fake) | more
        site = Site(Settings(_env_file=None, database_url=url, **given), fake)
        made.append(site)
        return site

    yield new
    for site in made:
        await site.close()


@pytest.fixture
def site(new_site: NewSite, sqlite_url: str) -> Site:
    return new_site(sqlite_url)
