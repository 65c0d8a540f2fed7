"""The two shapes of the service in a storm: one process on SQLite, several on PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import cycle
from pathlib import Path
from unittest.mock import patch

from app.models.migrate import upgrade
from tests import postgres
from tests.chaos import clocks, node
from tests.chaos.clocks import Clocks
from tests.chaos.node import Role
from tests.chaos.storm import Plan, Storm, Told

SERVER = "server"  # the name of the database server's clock

CLUSTER = (Role.API, Role.WORKER, Role.WORKER, Role.WORKER)


async def on_sqlite(
    folder: Path,
    *,
    incidents: int,
    hosts: int,
    kills: int,
    seed: int,
    seconds: float,
    jumps: int = 0,
) -> Told:
    """One process that serves and works."""
    plan = Plan(incidents, hosts, kills, 0, seed, (Role.BOTH,), seconds, jumps=jumps)
    with _clocks_for(plan) as own:
        url = f"sqlite+aiosqlite:///{folder}/sre-agent.sqlite"
        return await _stormed(plan, url, folder, own=own)


async def on_postgres(
    folder: Path,
    *,
    incidents: int,
    hosts: int,
    kills: int,
    restarts: int,
    seed: int,
    seconds: float,
    jumps: int = 0,
) -> Told:
    """One API and three workers, on a server that is restarted now and then."""
    plan = Plan(incidents, hosts, kills, restarts, seed, CLUSTER, seconds, jumps=jumps)
    with _clocks_for(plan) as own, _server(own) as server:
        modes = cycle(("fast", "immediate"))

        def restart() -> None:
            server.restart(next(modes))

        return await _stormed(plan, server.url, folder, restart, own)


def _clocks_for(plan: Plan) -> AbstractContextManager[Clocks | None]:
    return clocks.clocks() if plan.jumps else nullcontext()


@contextmanager
def _server(its_clock: Clocks | None) -> Iterator[postgres.Server]:
    with patch.dict(os.environ, its_clock.environment(SERVER) if its_clock else {}):
        running = ExitStack()
        server = running.enter_context(postgres.server())
    with running:
        yield server


async def _stormed(
    plan: Plan,
    url: str,
    folder: Path,
    restart: Callable[[], None] | None = None,
    own: Clocks | None = None,
) -> Told:
    settings = node.settings_of(url, folder, 0)
    await asyncio.to_thread(upgrade, settings)
    told = await Storm(plan, url, folder, restart, own).run()
    told.broken += await asyncio.to_thread(_audit_of, url, folder)
    return told


def _audit_of(url: str, folder: Path) -> list[str]:
    """What `sre-agent audit verify` has against it."""
    environment = os.environ | {
        "DATABASE_URL": url,
        "AUDIT_KEY_FILE": str(folder / "audit-keys.json"),
        "AUDIT_CHECKPOINT_FILE": str(folder / "audit-checkpoints.jsonl"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "audit", "verify"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return [] if done.returncode == 0 else [f"audit verify: {done.returncode}: {done.stdout}"]
