"""The two shapes of the service in a storm: one process on SQLite, several on PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

from app.models.migrate import upgrade
from tests import postgres
from tests.chaos import node
from tests.chaos.node import Role
from tests.chaos.storm import Plan, Storm, Told

CLUSTER = (Role.API, Role.WORKER, Role.WORKER, Role.WORKER)


async def on_sqlite(
    folder: Path, *, incidents: int, hosts: int, kills: int, seed: int, seconds: float
) -> Told:
    """One process that serves and works."""
    plan = Plan(incidents, hosts, kills, 0, seed, (Role.BOTH,), seconds)
    return await _stormed(plan, f"sqlite+aiosqlite:///{folder}/sre-agent.sqlite", folder)


async def on_postgres(
    folder: Path,
    *,
    incidents: int,
    hosts: int,
    kills: int,
    restarts: int,
    seed: int,
    seconds: float,
) -> Told:
    """One API and three workers, on a server that is restarted now and then."""
    plan = Plan(incidents, hosts, kills, restarts, seed, CLUSTER, seconds)
    with postgres.server() as server:
        modes = cycle(("fast", "immediate"))
        storm = _stormed(plan, server.url, folder, restart=lambda: server.restart(next(modes)))
        return await storm


async def _stormed(
    plan: Plan, url: str, folder: Path, restart: Callable[[], None] | None = None
) -> Told:
    settings = node.settings_of(url, folder, 0)
    await asyncio.to_thread(upgrade, settings)
    told = await Storm(plan, url, folder, restart).run()
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
