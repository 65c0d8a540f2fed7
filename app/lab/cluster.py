"""The service under test as several processes on a PostgreSQL: one serves, the others work.

All of them stand on the monitor, as the one process does otherwise. The database listens at a
socket in the file system, which processes of the monitor's network reach as well as the lab does.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.audit.backlog import backlog
from app.audit.intents import Intent, Intents
from app.engine.durable_tables import WorkflowTables
from app.lab import postgres
from app.lab.errors import ServiceFailed
from app.lab.machine import stop_process
from app.lab.places import database_folder
from app.lab.running import Estate
from app.lab.service import Service, launched, settings_of, start_service, tail
from app.lab.trace import DUMP
from app.models.database import Database
from app.settings import Settings

WORKERS = 3
READY_SECONDS = 120.0
LOOK_SECONDS = 0.2
_WORKER = ("-m", "app.cli", "worker")


@dataclass(frozen=True)
class Cluster:
    """One process that serves, and the workers that are left."""

    service: Service
    settings: Settings
    workers: list[subprocess.Popen[bytes]]

    def lose_who_works_on(self, execution_id: int) -> bool:
        """End the worker that runs an execution as the kernel would; False: nobody runs it now."""
        pid = asyncio.run(who_works_on(self.settings, execution_id))
        for worker in self.workers:
            if worker.pid == pid:
                worker.kill()
                worker.wait()
                self.workers.remove(worker)
                return True
        return False

    def intents(self, execution_ids: Sequence[int]) -> list[Intent]:
        """The ledger of these executions."""
        return asyncio.run(intents_of(self.settings, execution_ids))


@contextmanager
def cluster(estate: Estate, policy: Path | None) -> Iterator[Cluster]:
    """All of it, ready, with a fresh database; nothing of it is left afterwards but its dump."""
    with ExitStack() as parts:
        server = parts.enter_context(_database(estate))
        given = {
            "DATABASE_URL": server.url,
            "AUDIT_KEY_FILE": str(estate.folder / "audit-keys.json"),
            "AUDIT_CHECKPOINT_FILE": str(estate.folder / "audit-checkpoints.jsonl"),
        }
        service = start_service(estate, policy, given, works=False)
        parts.callback(service.stop)
        workers: list[subprocess.Popen[bytes]] = []
        for number in range(1, WORKERS + 1):
            worker = launched(estate, service.policy, _WORKER, given, name=f"worker-{number}")
            parts.callback(_stop, worker)
            workers.append(worker)
        started = Cluster(service, settings_of(given), workers)
        _wait_at_work(started)
        yield started


@contextmanager
def _database(estate: Estate) -> Iterator[postgres.Server]:
    """A server of its own, its process noted in the run's folder as those of the service are."""
    folder = database_folder(estate.run_id)
    folder.mkdir(mode=0o700)
    with ExitStack() as steps:  # the last one named is taken first
        steps.callback(shutil.rmtree, folder, ignore_errors=True)
        server = postgres.start(folder)
        steps.callback(server.stop)
        (estate.folder / "postgres.pid").write_text(str(server.pid))
        steps.callback(server.dump, estate.folder / DUMP)
        yield server


def _stop(worker: subprocess.Popen[bytes]) -> None:
    if worker.poll() is None:
        stop_process(worker.pid)
        worker.poll()  # it was waited for above; the handle must know


def _wait_at_work(started: Cluster) -> None:
    """Wait until each worker beats."""
    deadline = time.monotonic() + READY_SECONDS
    while asyncio.run(_alive(started.settings)) < len(started.workers):
        ended = [worker.returncode for worker in started.workers if worker.poll() is not None]
        if ended or time.monotonic() > deadline:
            why = f"a worker ended with {ended[0]}" if ended else "the workers do not beat"
            raise ServiceFailed(f"{why}: {tail(started.service.log)}")
        time.sleep(LOOK_SECONDS)


async def _alive(settings: Settings) -> int:
    database = Database(settings)
    try:
        return (await backlog(database)).alive
    finally:
        await database.close()


async def who_works_on(settings: Settings, execution_id: int) -> int | None:
    """The process id of the worker; None where the execution waits, or has ended."""
    tables, database = WorkflowTables(settings), Database(settings)
    try:
        await tables.open()
        running = {one.execution_id: one.worker for one in await tables.running()}
        pids = {worker.id: worker.pid for worker in (await backlog(database)).workers}
        return pids.get(running.get(execution_id) or "")
    finally:
        await tables.close()
        await database.close()


async def intents_of(settings: Settings, execution_ids: Sequence[int]) -> list[Intent]:
    """The changes of some executions, undoing included."""
    database = Database(settings)
    try:
        ledger = Intents(database)
        return [intent for one in execution_ids for intent in await ledger.of_execution(one)]
    finally:
        await database.close()
