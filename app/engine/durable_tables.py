"""The durable engine's tables, asked and written from any process, whether it works or not.

    tables = WorkflowTables(settings)
    await tables.open()                      # makes or migrates them
    await tables.enqueue(7, 1, due=...)      # some worker runs exe-7-1
    await tables.close()

Everything raises EngineError where the database cannot be asked: who asks comes again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dbos import (
    DBOS,
    DBOSClient,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
    StepInfo,
    WorkflowStatus,
)

from app.domain.value import JsonObject
from app.engine.store import SCHEMA, alone, sqlite_engine, store_url
from app.engine.workflows import GRAPH_EPOCH, Workflow, WorkflowState, workflow_id
from app.errors import EngineError
from app.settings import Settings

NAME = "sre-agent"
WORKFLOW = "execution"
QUEUE = "executions"
POLL_SECONDS = 0.2  # a start waits half of this on average; costs about 2 % of a core when idle

_TAKEOVERS = "takeovers"
_STATES = {
    "ENQUEUED": WorkflowState.QUEUED,
    "DELAYED": WorkflowState.QUEUED,
    "PENDING": WorkflowState.RUNNING,
    "SUCCESS": WorkflowState.ENDED,
}

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Recorded:
    """One workflow, and all that its tables hold of it."""

    workflow: Workflow
    content: JsonObject


class WorkflowTables:
    """Every workflow that there is, for one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.url = store_url(settings)
        self._sqlite = sqlite_engine(self.url) if settings.uses_sqlite else None
        self._client: DBOSClient | None = None

    async def open(self) -> None:
        """Make or migrate the tables, then keep a way to them. Twice is once."""
        if self._client is None:
            self._client = await _told(asyncio.to_thread(self._opened))

    async def close(self) -> None:
        """Give the connections back."""
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.destroy)
        if self._sqlite is not None:
            await asyncio.to_thread(self._sqlite.dispose)

    async def enqueue(self, execution_id: int, number: int, *, due: int) -> None:
        """Have a workflow run by some worker; the smallest `due` first. Twice is once."""
        options = EnqueueOptions(
            workflow_name=WORKFLOW,
            queue_name=QUEUE,
            workflow_id=workflow_id(execution_id, number),
            app_version=GRAPH_EPOCH,
            application_name=NAME,
            priority=due,
        )
        await _told(self._open_client.enqueue_async(options, execution_id, number))

    async def running(self) -> tuple[Workflow, ...]:
        """Every workflow that some worker has taken and not ended, oldest first."""
        return await self._list(status="PENDING")

    async def unended(self) -> tuple[Workflow, ...]:
        """Every workflow that waits or runs, oldest first."""
        return await self._list(status=["ENQUEUED", "DELAYED", "PENDING"])

    async def find(self, ids: Sequence[str]) -> dict[str, Workflow]:
        """What is known of these workflows; unknown ones are missing."""
        if not ids:
            return {}
        return {found.id: found for found in await self._list(workflow_ids=list(ids))}

    async def take_over(self, workflow: Workflow) -> None:
        """Put a dead worker's workflow back in the queue; only under the reaper's lease.

        It resets DBOS's count of attempts, so takeovers are counted in the row's attributes.
        """
        client = self._open_client
        counted = {_TAKEOVERS: workflow.takeovers + 1}
        await _told(client.update_workflow_attributes_async(workflow.id, counted))
        await _told(client.resume_workflow_async(workflow.id, queue_name=QUEUE))

    async def end(self, workflow: Workflow) -> None:
        """Close a workflow that must not run again."""
        await _told(self._open_client.cancel_workflow_async(workflow.id))

    async def forget(self, workflow: Workflow) -> None:
        """Remove a workflow's row and its recorded steps: of one that has never begun, or ended."""
        await _told(self._open_client.delete_workflow_async(workflow.id))

    async def recorded(self, execution_id: int) -> tuple[Recorded, ...]:
        """Everything that is known of an execution's workflows, with their recorded steps."""
        client = self._open_client
        prefix = workflow_id(execution_id, 0).removesuffix("0")
        rows = await _told(client.list_workflows_async(name=WORKFLOW, workflow_id_prefix=prefix))
        return tuple(
            [
                Recorded(
                    workflow=_workflow_of_row(row),
                    content=_content(
                        row, await _told(client.list_workflow_steps_async(row.workflow_id))
                    ),
                )
                for row in rows
            ]
        )

    async def remove(self, execution_ids: Iterable[int]) -> None:
        """Remove all rows of these executions' workflows. What is not there is no error."""
        prefixes = [workflow_id(id_, 0).removesuffix("0") for id_ in execution_ids]
        if not prefixes:
            return
        found = await self._list(workflow_id_prefix=prefixes)
        if found:
            ids = [workflow.id for workflow in found]
            await _told(self._open_client.delete_workflows_async(ids))

    def hand_back(self, worker_id: str) -> None:
        """Put back what a worker of this process had taken and not ended. Blocking: for threads."""
        client = self._open_client
        left = client.list_workflows(
            status="PENDING", executor_id=worker_id, load_input=False, load_output=False
        )
        if left:
            client.resume_workflows([row.workflow_id for row in left], queue_name=QUEUE)

    @property
    def _open_client(self) -> DBOSClient:
        if self._client is None:
            raise EngineError("The engine is not started.", hint="Call Engine.start first.")
        return self._client

    async def _list(self, **filters: Any) -> tuple[Workflow, ...]:
        asked = self._open_client.list_workflows_async(
            name=WORKFLOW, load_input=False, load_output=False, **filters
        )
        return tuple(_workflow_of_row(row) for row in await _told(asked))

    def _opened(self) -> DBOSClient:
        with alone(self.url):  # processes that start together would each make the same tables
            DBOS.migrate(self.url, schema=SCHEMA)
        client = DBOSClient(
            system_database_url=None if self._sqlite is not None else self.url,
            system_database_engine=self._sqlite,
            dbos_system_schema=SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            application_name=NAME,
            retry_connection_errors=False,
        )
        client.register_queue(
            QUEUE,
            worker_concurrency=self._settings.worker_concurrency,
            global_concurrency=self._settings.fleet_concurrency,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )
        return client


async def _told(asked: Awaitable[Answer]) -> Answer:
    """The answer; EngineError where the database gives none."""
    try:
        return await asked
    except EngineError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise EngineError(
            f"The durable engine's tables cannot be used: {type(error).__name__}: {reason}",
            hint="It keeps its tables beside the service's own: check DATABASE_URL, the disk, "
            "and on PostgreSQL that the user may create the schema dbos.",
            may_pass=True,
        ) from error


def _content(row: WorkflowStatus, steps: Sequence[StepInfo]) -> JsonObject:
    """A workflow's row and its steps, as JSON; what is none of it (errors) as its text."""
    fields = {name: value for name, value in vars(row).items() if not name.startswith("_")}
    told: JsonObject = json.loads(json.dumps(fields | {"steps": steps}, default=str))
    return told


def _workflow_of_row(row: WorkflowStatus) -> Workflow:
    return Workflow(
        id=row.workflow_id,
        state=_STATES.get(row.status, WorkflowState.FAILED),
        worker=row.executor_id,
        epoch=row.app_version or GRAPH_EPOCH,
        takeovers=(row.attributes or {}).get(_TAKEOVERS, 0),
    )
