"""The desk where one process writes to tickets and looks at them: put together, started, stopped.

desk = Desk(settings, database, worker_id=..., cancel=engine.cancel, take_on=..., gone=...)
desk.start()
...
await desk.stop()

Of several processes one sits at the desk: it has a lease, which is taken only from a dead worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app import log
from app.audit.leases import Leases
from app.audit.outbox import Outbox
from app.audit.tickets import Tickets
from app.audit.workers import Workers
from app.domain.ticket import Delivery
from app.errors import SreAgentError
from app.models.database import Database
from app.servicenow.client import Client
from app.servicenow.delivery import Delivered, Postman
from app.servicenow.records import Records
from app.servicenow.sender import Pace, Sender
from app.servicenow.watching import Cancel, TakeOn, Watching
from app.settings import Settings

logger = log.get(__name__)

DESK = "#servicenow"  # a name in the table of leases that no host can have


class Desk:
    """Sends and watches, in the background of one event loop."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        worker_id: str,
        cancel: Cancel,
        take_on: TakeOn,
        gone: Callable[[str], bool],
        pace: Pace | None = None,
    ) -> None:
        self._worker_id = worker_id
        self._leases = Leases(database)
        self._workers = Workers(database)
        self._tickets = Tickets(database)
        self._client = Client(settings)
        records = Records(self._client)
        self._watching = Watching(
            settings, records, self._tickets, cancel=cancel, take_on=take_on, mine=self.is_mine
        )
        self._sender = Sender(
            worker_id,
            Outbox(database),
            Postman(settings, records, self._tickets),
            mine=self.is_mine,
            gone=gone,
            told=self._look_while_there,
            pace=pace,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; needs a registered worker. Waits for nothing: ServiceNow may be down."""
        self._tasks = [
            asyncio.create_task(self._sender.run(), name="servicenow-sender"),
            asyncio.create_task(self._watching.run(), name="servicenow-watching"),
        ]
        logger.info("tickets are written", instance=self._client.instance)

    async def stop(self) -> None:
        """End at once. What was being sent is looked for on the ticket by whoever comes next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        try:
            await self._leases.release(DESK, self._worker_id)
        except SreAgentError as error:
            logger.warning("left the desk without saying so", reason=str(error))
        await self._client.close()

    async def is_mine(self) -> bool:
        """Whether this process sits at the desk; it does from now on where nobody alive did."""
        holder = await self._leases.holder(DESK)
        if holder is not None and holder.owner == self._worker_id:
            return True
        if holder is not None and not await self._is_dead(holder.owner):
            return False
        fence = await self._leases.acquire(DESK, self._worker_id, may_steal=self._is_dead)
        return fence is not None

    async def _is_dead(self, worker_id: str) -> bool:
        return worker_id not in await self._workers.live()

    async def _look_while_there(self, delivery: Delivery, delivered: Delivered) -> None:
        """What a delivery saw of the ticket may stop the execution, sooner than the next look."""
        if delivered.ticket is None:
            return
        for at_work in await self._tickets.at_work(execution_id=delivery.execution_id):
            await self._watching.consider(at_work, delivered.ticket)
