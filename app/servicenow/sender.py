"""The sender: tells tickets what stands in the outbox, and never makes an execution wait for it.

One process sends at a time, under a lease that only a dead worker's is taken from; rows are claimed
one by one beside that, so that even two senders tell nothing twice. What fails is tried again
later, with growing pauses and as ServiceNow asks. When ServiceNow as a whole does not answer, all
rest until one row, sent as a trial, gets through.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app import log
from app.audit.outbox import Outbox
from app.domain.ticket import Delivery, OutboxState
from app.errors import ServiceNowUnavailable, ServiceNowUncertain, SreAgentError
from app.servicenow.client import WHOLE_SECONDS
from app.servicenow.delivery import Delivered, Postman

logger = log.get(__name__)

AT_ONCE = 2  # deliveries; the client lets two requests out
DELIVERY_SECONDS = 270.0
# a claim that ran out is taken over: nothing is sent under it by then, and what was has arrived
CLAIM_SECONDS = DELIVERY_SECONDS + WHOLE_SECONDS + 15.0


@dataclass(frozen=True)
class Pace:
    """How long is waited, in seconds."""

    idle: float = 0.5  # between looks for rows while there are none
    first: float = 1.0  # after a first failure; doubles with each further one
    longest: float = 30.0  # an outage of ServiceNow as a whole is waited out by the circuit
    uncertain: float = 5.0  # at least, before a write without an answer is looked for
    closed_after: int = 5  # failures of ServiceNow as a whole in a row that open the circuit
    rest: float = 2.0  # of an open circuit, at first
    # after a cut connection, or a dead worker's last sign of life: the request has ended by then
    late: float = WHOLE_SECONDS


class Circuit:
    """Rests when ServiceNow as a whole fails: nobody asks it, but for one trial at a time."""

    def __init__(self, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = pace
        self._clock = clock
        self._failures = 0
        self._rests = 0
        self._until = 0.0
        self.reason = ""

    @property
    def open(self) -> bool:
        """Whether it is more than a passing failure."""
        return self._failures >= self._pace.closed_after

    def room(self, at_work: int) -> int:
        """How many deliveries may begin now."""
        if self._clock() < self._until:
            return 0
        return max(0, (1 if self.open else AT_ONCE) - at_work)

    def worked(self) -> None:
        """ServiceNow answered."""
        if self.open:
            logger.info("ServiceNow answers again")
        self._failures = self._rests = 0
        self._until, self.reason = 0.0, ""

    def failed(self, error: ServiceNowUnavailable) -> None:
        """It did not; where it said how long to wait, everybody waits so long."""
        self._failures += 1
        self.reason = str(error)
        wait = error.retry_after_seconds or 0.0
        if self.open:
            if self._failures == self._pace.closed_after:
                logger.error("ServiceNow is left alone for a while", reason=self.reason)
            wait = max(wait, min(self._pace.rest * 2**self._rests, self._pace.longest))
            self._rests += 1
        self._until = max(self._until, self._clock() + wait)


class Sender:
    """One process's sender. `mine` says whether it is this process's turn to send."""

    def __init__(
        self,
        worker: str,
        outbox: Outbox,
        postman: Postman,
        *,
        mine: Callable[[], Awaitable[bool]],
        gone: Callable[[str], bool],
        told: Callable[[Delivery, Delivered], Awaitable[None]],
        pace: Pace | None = None,
    ) -> None:
        self._worker = worker
        self._outbox = outbox
        self._postman = postman
        self._mine = mine
        self._gone = gone
        self._told = told
        self._pace = pace or Pace()
        self.circuit = Circuit(self._pace)
        self._at_work: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send until cancelled. What is being sent then stays claimed, and is looked for later."""
        try:
            while True:
                try:
                    began = await self._begin_some()
                except SreAgentError as error:
                    logger.warning("the outbox cannot be read; tried again", reason=str(error))
                    began = 0
                except Exception:  # a sender that ends silently would keep every ticket waiting
                    logger.exception("the sender broke; it goes on")
                    began = 0
                await self._rest(began)
        finally:
            for task in self._at_work:
                task.cancel()
            await asyncio.gather(*self._at_work, return_exceptions=True)

    async def _begin_some(self) -> int:
        """Claim what there is room for and begin to send it; how many that are."""
        room = self.circuit.room(len(self._at_work))
        if not room or not await self._mine():
            return 0
        late = self._pace.late
        due, dead = await self._outbox.due(self._gone, late_seconds=late)
        if not due:
            return 0
        claimed = await self._outbox.claim(
            self._worker, most=room, seconds=CLAIM_SECONDS, late_seconds=late, gone=dead
        )
        for delivery in claimed:
            task = asyncio.create_task(self._send(delivery), name=f"outbox-{delivery.id}")
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)
        return len(claimed)

    async def _rest(self, began: int) -> None:
        """Until something ended, where something is at work; a moment at most."""
        if self._at_work:
            await asyncio.wait(
                self._at_work, timeout=self._pace.idle, return_when=asyncio.FIRST_COMPLETED
            )
        elif not began:
            await asyncio.sleep(self._pace.idle)

    async def _send(self, delivery: Delivery) -> None:
        """Deliver one row and write down what came of it."""
        with log.about(
            execution_id=delivery.execution_id, incident_number=delivery.incident_number
        ):
            try:
                await self._try(delivery)
            except SreAgentError as error:
                logger.warning("what came of a delivery is not kept yet", reason=str(error))
            except Exception:  # the claim runs out and another attempt is made
                logger.exception("a delivery broke", row=delivery.id)

    async def _try(self, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                delivered = await self._postman.deliver(delivery)
        except ServiceNowUnavailable as error:
            await self._later(delivery, error)
            return
        except TimeoutError:
            slow = ServiceNowUncertain(f"It took more than {DELIVERY_SECONDS:.0f} s.", at_work=True)
            await self._later(delivery, slow)
            return
        if delivered.asked:
            self.circuit.worked()
        try:
            await self._told(delivery, delivered)
        except SreAgentError as error:
            # the next look at tickets makes up for it; the note must not be told again for that
            logger.warning("a ticket could not be acted on; it is looked at", reason=str(error))
        await self._settle(delivery, delivered)

    async def _settle(self, delivery: Delivery, delivered: Delivered) -> None:
        kept = await self._outbox.settle(
            delivery,
            delivered.state,
            worker=self._worker,
            result=delivered.result,
            error=delivered.error,
            mod_count=delivered.mod_count,
        )
        if delivered.state is OutboxState.PARKED:
            logger.error("ServiceNow refuses a note", row=delivery.id, reason=delivered.error)
        elif kept:
            logger.info("the ticket was told", told=delivery.told.value, **delivered.result)

    async def _later(self, delivery: Delivery, error: ServiceNowUnavailable) -> None:
        if error.everyone:
            self.circuit.failed(error)
        seconds = self._pause(delivery.attempts, error)
        logger.warning(
            "ServiceNow did not take a note; tried again",
            row=delivery.id,
            attempts=delivery.attempts,
            seconds=round(seconds, 1),
            reason=str(error),
        )
        at_work = isinstance(error, ServiceNowUncertain) and error.at_work
        await self._outbox.postpone(
            delivery,
            worker=self._worker,
            seconds=seconds,
            error=str(error),
            unsure_seconds=self._pace.late if at_work else None,
        )

    def _pause(self, attempts: int, error: ServiceNowUnavailable) -> float:
        """As long as was asked for, and at least the growing pause; spread, so as not to flock."""
        grown: float = min(self._pace.first * 2 ** min(attempts - 1, 16), self._pace.longest)
        least = error.retry_after_seconds or 0.0
        if isinstance(error, ServiceNowUncertain):
            least = max(least, self._pace.uncertain)
        return max(least, grown) * random.uniform(1.0, 1.25)  # noqa: S311  no secret in it
