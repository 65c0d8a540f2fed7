"""DBOS in a process that works: launched, one durable step, stopped.

There is one DBOS to a process, so there is one launched `Durable`. What is queued, unfinished or to
be taken over is asked of the tables (app/engine/durable_tables.py), which any process may do.

`launch` must be called on the running event loop: DBOS then runs workflows and steps as tasks of
that loop, so database and SSH connections are shared with the API. From a thread it would start a
loop of its own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, TypeVar

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from app.domain.value import JsonObject
from app.engine.durable_tables import NAME, WORKFLOW, WorkflowTables
from app.engine.store import SCHEMA, sqlite_engine
from app.engine.workflows import GRAPH_EPOCH
from app.errors import EngineError, Fenced, SreAgentError
from app.settings import Settings

_ABANDON_SECONDS = 5.0
_AGAIN_SECONDS = 0.5
_THREADS = 32  # for DBOS's own short database calls

Answer = TypeVar("Answer")

Body = Callable[[int, int], Awaitable[JsonObject]]
"""(execution id, workflow number) -> how it ended, as JSON."""

_STOPPING: ContextVar[Callable[[], bool]] = ContextVar("_STOPPING", default=lambda: False)
"""Whether the process in which this workflow runs is about to stop."""

log = logging.getLogger(__name__)


async def step(name: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """Run `work` once and record its JSON answer; on resume give the recorded one.

    `name` must say which step this is, not only its kind: a resumed graph that asks for another
    step at this place then fails loudly instead of being handed somebody else's answer.

    In a process that stops no step begins: the workflow is left here, and goes on elsewhere.
    """
    if _STOPPING.get()():
        raise asyncio.CancelledError

    async def run() -> Any:  # DBOS tells by the function's kind whether to await it
        try:
            return await patiently(work)
        except Fenced as error:  # no answer of this step: it is another worker's to make
            log.warning("left to another worker: %s", error)
            raise asyncio.CancelledError from error

    return await DBOS.run_step_async({"name": name}, run)


async def patiently(work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do `work`, again and again while it is the database that is away.

    What was in the middle then is done anew: its writes are keyed, and find the first's. A worker
    that cannot reach the database for long is given up, and learns so when it is back.
    """
    while True:
        try:
            return await work()
        except SreAgentError as error:
            if not error.may_pass:
                raise
            if _STOPPING.get()():
                raise asyncio.CancelledError from error
            log.warning("tried again in a moment: %s", error)
        await asyncio.sleep(_AGAIN_SECONDS)


class Durable:
    """DBOS, launched for one process under one worker id."""

    def __init__(self, settings: Settings, tables: WorkflowTables, *, worker_id: str) -> None:
        self._settings = settings
        self._tables = tables
        self._worker_id = worker_id
        self._launched = False
        self._running: set[asyncio.Task[Any]] = set()
        self._stopping = False

    async def launch(self, body: Body) -> None:
        """Start taking executions from the queue, whose tables are open.

        Raises EngineError; it may be called again then.
        """
        quiet_logs()
        self._stopping = False
        self._launched = True
        try:
            DBOS(config=self._config())
            DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(self._tracked(body))
            DBOS.launch()
        except Exception as error:
            await self.shutdown()
            raise EngineError(
                f"The durable engine cannot start: {error}.",
                hint="It keeps its tables beside the service's own: check DATABASE_URL, the disk, "
                "and on PostgreSQL that the user may create the schema dbos.",
            ) from error

    async def shutdown(self) -> None:
        """Stop within a second; executions under way go back to the queue as they are.

        DBOS joins its threads while these wait for the loop, so it is taken down from a thread of
        its own, and the loop's default executor, which DBOS had replaced, is made anew.
        """
        if not self._launched:
            return
        self._launched = False
        await self.abandon()
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()

        def destroy() -> None:
            try:
                DBOS.destroy(destroy_registry=True)
                self._tables.hand_back(self._worker_id)
            except Exception:  # peers, or the next start, find what is left by its worker's death
                log.exception("executions could not be handed back")
            finally:
                loop.call_soon_threadsafe(gone.set)

        threading.Thread(target=destroy, name="dbos-destroy").start()
        await gone.wait()
        await self.abandon()  # what was taken between the two
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="loop"))

    async def park(self, seconds: float) -> None:
        """Begin nothing new, and wait for the steps under way, for so long at most."""
        self._stopping = True
        under_way = set(self._running)
        if under_way and seconds > 0:
            await asyncio.wait(under_way, timeout=seconds)

    async def abandon(self) -> None:
        """Stop every execution in this process without an outcome, as a crash would."""
        self._stopping = True
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_ABANDON_SECONDS)

    def _tracked(self, body: Body) -> Body:
        async def execution(execution_id: int, number: int) -> JsonObject:
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            _STOPPING.set(lambda: self._stopping)
            try:
                if not self._stopping:
                    return await body(execution_id, number)
                return await self._keep("this process ends")
            except Fenced as error:
                self._stopping = True
                return await self._keep(str(error))
            finally:
                self._running.discard(task)

        return execution

    async def _keep(self, why: str) -> JsonObject:
        """Hold what was taken from the queue until this process lets go of all, unbegun.

        Given back at once it would make room for the next, and a worker that ends would leaf
        through the whole queue.
        """
        log.info("taken from the queue in vain: %s", why)
        await asyncio.Event().wait()
        raise AssertionError("nothing sets it")

    def _config(self) -> DBOSConfig:
        config = DBOSConfig(
            name=NAME,
            system_database_url=self._tables.url,
            dbos_system_schema=SCHEMA,
            run_migrations=False,
            serializer=DBOSPortableJSONSerializer(),
            application_version=GRAPH_EPOCH,
            executor_id=self._worker_id,
            enable_otlp=False,
            log_level="WARNING",
            max_executor_threads=_THREADS,
        )
        if self._settings.uses_sqlite:
            config["system_database_engine"] = sqlite_engine(self._tables.url)
        return config


def quiet_logs() -> None:
    """Let DBOS's warnings go where ours go: with a handler present it adds none of its own."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True
    logger.addFilter(_not_our_own_cancelling)


def _not_our_own_cancelling(record: logging.LogRecord) -> bool:
    """DBOS warns of each task that `abandon` ends; that is no news at shutdown."""
    return not record.getMessage().startswith("Asyncio task cancelled")
