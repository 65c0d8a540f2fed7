"""The beat of one worker process: it says that it lives, and looks after what others left.

Each second: beat; give up neighbours that are gone; act on people's decisions; as the reaper, take
over the executions of the dead, admit those that wait and for which there is room, and sweep for
those that nobody works on. Once a day the reaper also archives, beside its beat. Everything is
level-triggered: a pass that failed is simply made again.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import time
from datetime import timedelta

from app import log
from app.engine.durable import Durable
from app.engine.handover import Handover
from app.engine.housekeeping import Housekeeping
from app.engine.identity import surely_gone
from app.engine.lateness import Lateness
from app.engine.parts import Records
from app.engine.queue import Queue
from app.engine.resuming import Resuming
from app.engine.takeover import Takeover
from app.engine.workflows import GRAPH_EPOCH
from app.errors import SreAgentError

logger = log.get(__name__)

BEAT_SECONDS = 1.0
DEAD_AFTER_SECONDS = 10.0  # without a beat; a neighbour on this machine is looked for at once
SWEEP_SECONDS = 5.0
ARCHIVE_SECONDS = 24 * 3600.0
ARCHIVE_AGAIN_SECONDS = 3600.0  # after a failure


class Worker:
    """Keeps one process's place among the workers."""

    def __init__(
        self,
        worker_id: str,
        durable: Durable,
        records: Records,
        queue: Queue,
        resuming: Resuming,
        takeover: Takeover,
        handover: Handover,
        housekeeping: Housekeeping,
        *,
        retention: timedelta | None,
    ) -> None:
        """`retention`: how long executions that have ended stay; None: for ever."""
        self.id = worker_id
        self._durable = durable
        self._records = records
        self._queue = queue
        self._resuming = resuming
        self._takeover = takeover
        self._handover = handover
        self._housekeeping = housekeeping
        self._retention = retention
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lateness = Lateness(DEAD_AFTER_SECONDS)
        # by the steady clock: the machine's may be set while this works
        self._last_beat = time.monotonic()
        self._sweep_at = self._archive_at = -math.inf
        self._archiving: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it has beaten lately; what /readyz asks."""
        running = self._task is not None and not self._task.done()
        return running and time.monotonic() - self._last_beat < DEAD_AFTER_SECONDS

    async def register(self) -> None:
        """The first beat. It comes before DBOS takes any work, or peers would take it away."""
        await self._beat()

    async def start(self) -> None:
        """Look after everything once, then keep beating in the background."""
        await self._pass()
        self._task = asyncio.create_task(self._run(), name="engine-worker")

    async def stop(self) -> None:
        """Stop beating. The worker is still known as alive until `leave`."""
        tasks = [task for task in (self._task, self._archiving) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = self._archiving = None

    async def leave(self) -> None:
        """Tell the others that what is left here is theirs; without a database they find out."""
        try:
            await self._records.workers.leave(self.id)
        except SreAgentError as error:
            logger.warning("left without saying so", reason=str(error))

    def wake(self) -> None:
        """Make the next pass now: a person has decided."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._rest()
            try:
                await self._pass()
            except SreAgentError as error:
                logger.warning("a worker's pass failed; it is made again", reason=str(error))
            except Exception:  # a worker that ends silently would strand its executions
                logger.exception("a worker's pass failed; it is made again")

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _pass(self) -> None:
        if not await self._beat():
            await self._replaced()
            return
        await self._give_up_the_dead()
        await self._resuming.go_on()
        if await self._takeover.is_mine():
            await self._takeover.take_over()
            await self._queue.admit()
            await self._sweep()
            self._archive()

    async def _beat(self) -> bool:
        """Beat; False: given up by the others.

        After having slept, or after the database was away, the others get time to beat too before
        anyone is judged late.
        """
        known = await self._records.workers.beat(
            self.id, hostname=socket.gethostname(), pid=os.getpid(), epoch=GRAPH_EPOCH
        )
        now = time.monotonic()
        if now - self._last_beat > DEAD_AFTER_SECONDS / 2:
            self._lateness.begin_anew()
        self._last_beat = now
        return known

    async def _give_up_the_dead(self) -> None:
        workers = self._records.workers
        others = {worker: at for worker, at in (await workers.beats()).items() if worker != self.id}
        for gone in filter(surely_gone, others):
            logger.info("a worker is gone", worker=gone)
            await workers.give_up(gone)
        for late, beat in self._lateness.late(others).items():
            if await workers.give_up(late, beaten_at=beat):
                logger.warning("a worker was not heard of and is given up", worker=late)

    async def _sweep(self) -> None:
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            await self._handover.look()
            await self._queue.sweep()

    def _archive(self) -> None:
        """Begin to archive where it is time; the beat goes on meanwhile."""
        if self._retention is None or time.monotonic() < self._archive_at:
            return
        if self._archiving is None or self._archiving.done():
            self._archive_at = time.monotonic() + ARCHIVE_SECONDS
            archiving = self._archive_older_than(self._retention)
            self._archiving = asyncio.create_task(archiving, name="engine-archiving")

    async def _archive_older_than(self, retention: timedelta) -> None:
        try:
            done = await self._housekeeping.archive(retention)
        except SreAgentError as error:
            self._archive_at = time.monotonic() + ARCHIVE_AGAIN_SECONDS
            logger.warning("archiving failed; it is tried again", reason=str(error))
        else:
            logger.info("archived what is old", executions=done.executions, kept=done.kept)

    async def _replaced(self) -> None:
        """Peers have given this process up and taken its work: it must not go on beside them."""
        logger.error("this worker was given up by its peers; the process ends", worker=self.id)
        await self._durable.abandon()
        signal.raise_signal(signal.SIGTERM)
