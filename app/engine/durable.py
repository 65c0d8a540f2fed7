"""The only door to DBOS: launch, enqueue, one durable step, what is unfinished, take-over.

Everything else of the engine speaks in workflow ids `exe-<execution>-<number>` and JSON values.
There is one DBOS to a process, so there is one launched `Durable`.

`launch` must be called on the running event loop: DBOS then runs workflows and steps as tasks of
that loop, so database and SSH connections are shared with the API. From a thread it would start a
loop of its own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetWorkflowID,
    WorkflowStatus,
)

from app.domain.value import JsonObject, Value
from app.engine.store import SCHEMA, sqlite_engine, store_url
from app.errors import EngineError
from app.settings import Settings

GRAPH_EPOCH = "graph-4"
"""What recorded steps belong to. Raise it when the graph asks for other steps in another order,
after draining: executions of another epoch are not taken up."""

QUEUE = "executions"
POLL_SECONDS = 0.2  # a start waits half of this on average; costs about 2 % of a core when idle
_NAME = "sre-agent"
_ABANDON_SECONDS = 5.0
_THREADS = 32  # for DBOS's own short database calls
_WORKFLOW = "execution"
_TAKEOVERS = "takeovers"

Body = Callable[[int, int], Awaitable[JsonObject]]
"""(execution id, workflow number) -> how it ended, as JSON."""

log = logging.getLogger(__name__)


class WorkflowState(StrEnum):
    """What DBOS knows of a workflow, in our words."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"  # it raised, or was given up


_STATES = {
    "ENQUEUED": WorkflowState.QUEUED,
    "DELAYED": WorkflowState.QUEUED,
    "PENDING": WorkflowState.RUNNING,
    "SUCCESS": WorkflowState.ENDED,
}


class Workflow(Value):
    """One workflow's row: `exe-<execution_id>-<number>`."""

    id: str
    state: WorkflowState
    worker: str | None  # who ran it last
    takeovers: int = 0  # how often a dead worker's run of it was taken over

    @property
    def ended(self) -> bool:
        """Whether it has ended for good, well or not."""
        return self.state in (WorkflowState.ENDED, WorkflowState.FAILED)


def workflow_id(execution_id: int, number: int) -> str:
    """The permanent name of one workflow; enqueuing the same one twice is once."""
    return f"exe-{execution_id}-{number}"


def workflow_of(name: str) -> tuple[int, int]:
    """(execution id, number) of a workflow id; ValueError for a foreign one."""
    prefix, execution_id, number = name.split("-")
    if prefix != "exe":
        raise ValueError(f"{name!r} is not exe-<execution>-<number>")
    return int(execution_id), int(number)


async def step(name: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """Run `work` once and record its JSON answer; on resume give the recorded one.

    `name` must say which step this is, not only its kind: a resumed graph that asks for another
    step at this place then fails loudly instead of being handed somebody else's answer.
    """

    async def run() -> Any:  # DBOS tells by the function's kind whether to await it
        return await work()

    return await DBOS.run_step_async({"name": name}, run)


class Durable:
    """DBOS, launched for one process under one worker id."""

    def __init__(self, settings: Settings, *, worker_id: str) -> None:
        self._settings = settings
        self._worker_id = worker_id
        self._url = store_url(settings)
        self._workflow: Callable[[int, int], Any] | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._stopping = False

    async def launch(self, body: Body) -> None:
        """Create or migrate the tables, then start taking executions from the queue.

        Raises EngineError; it may be called again then.
        """
        quiet_logs()
        self._stopping = False
        try:
            await asyncio.to_thread(self._prepare)
            DBOS(config=self._config())
            self._workflow = DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)(
                self._tracked(body)
            )
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

        DBOS joins its threads while these wait for the loop, so it is taken down from a thread
        of its own, and the loop's default executor, which DBOS had replaced, is made anew.
        """
        if self._workflow is None:  # never launched
            return
        await self.abandon()
        self._workflow = None
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()

        def destroy() -> None:
            try:
                DBOS.destroy(destroy_registry=True)
                self._hand_back()
            except Exception:  # peers, or the next start, find what is left by its worker's death
                log.exception("executions could not be handed back")
            finally:
                loop.call_soon_threadsafe(gone.set)

        threading.Thread(target=destroy, name="dbos-destroy").start()
        await gone.wait()
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="loop"))

    async def abandon(self) -> None:
        """Stop every execution in this process without an outcome, as a crash would."""
        self._stopping = True
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_ABANDON_SECONDS)

    async def enqueue(self, execution_id: int, number: int) -> None:
        """Have a workflow run, here or on a peer. Twice is once. Raises EngineError."""
        if self._workflow is None:
            raise EngineError("The engine is not started.", hint="Call Engine.start first.")
        with SetWorkflowID(workflow_id(execution_id, number)):
            await DBOS.enqueue_workflow_async(QUEUE, self._workflow, execution_id, number)

    async def running(self) -> tuple[Workflow, ...]:
        """Every workflow that some worker has taken and not ended, oldest first."""
        return await self._list(status="PENDING")

    async def find(self, ids: Sequence[str]) -> dict[str, Workflow]:
        """What is known of these workflows; unknown ones are missing."""
        if not ids:
            return {}
        return {found.id: found for found in await self._list(workflow_ids=list(ids))}

    async def take_over(self, workflow: Workflow) -> None:
        """Put a dead worker's workflow back in the queue; only under the reaper's lease.

        It resets DBOS's count of attempts, so takeovers are counted in the row's attributes.
        """
        await DBOS.update_workflow_attributes_async(
            workflow.id, {_TAKEOVERS: workflow.takeovers + 1}
        )
        await DBOS.resume_workflow_async(workflow.id, queue_name=QUEUE)

    async def end(self, workflow: Workflow) -> None:
        """Close a workflow that must not run again."""
        await DBOS.cancel_workflow_async(workflow.id)

    async def _list(self, **filters: Any) -> tuple[Workflow, ...]:
        rows = await DBOS.list_workflows_async(
            name=_WORKFLOW, load_input=False, load_output=False, **filters
        )
        return tuple(_workflow_of_row(row) for row in rows)

    def _tracked(self, body: Body) -> Body:
        async def execution(execution_id: int, number: int) -> JsonObject:
            if self._stopping:  # taken from the queue a moment too late
                raise asyncio.CancelledError
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                return await body(execution_id, number)
            finally:
                self._running.discard(task)

        return execution

    def _prepare(self) -> None:
        """Tables and queue, before launch: a queue known then is listened to from the start."""
        DBOS.migrate(self._url, schema=SCHEMA)
        with self._client() as client:
            client.register_queue(
                QUEUE,
                worker_concurrency=self._settings.worker_concurrency,
                polling_interval_sec=POLL_SECONDS,
                on_conflict="always_update",
            )

    def _hand_back(self) -> None:
        """What this process had taken and not ended is for whoever comes next, at once."""
        with self._client() as client:
            left = client.list_workflows(
                status="PENDING", executor_id=self._worker_id, load_input=False, load_output=False
            )
            if left:
                client.resume_workflows([row.workflow_id for row in left], queue_name=QUEUE)

    @contextmanager
    def _client(self) -> Iterator[DBOSClient]:
        """A way to the tables while DBOS is not launched. Blocking: for threads only."""
        client = DBOSClient(
            system_database_url=self._url, dbos_system_schema=SCHEMA, application_name=_NAME
        )
        try:
            yield client
        finally:
            client.destroy()

    def _config(self) -> DBOSConfig:
        config = DBOSConfig(
            name=_NAME,
            system_database_url=self._url,
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
            config["system_database_engine"] = sqlite_engine(self._url)
        return config


def _workflow_of_row(row: WorkflowStatus) -> Workflow:
    return Workflow(
        id=row.workflow_id,
        state=_STATES.get(row.status, WorkflowState.FAILED),
        worker=row.executor_id,
        takeovers=(row.attributes or {}).get(_TAKEOVERS, 0),
    )


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
