"""One process of the service, over the folders: it serves, works, or does both."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path

import uvicorn

from app import log
from app.assembly import Files, service
from app.main import create_app
from app.settings import Settings
from tests.chaos.estate import restart_both, stand_in


class Role(StrEnum):
    """What a process does."""

    API = "api"  # as `sre-agent serve --no-worker`
    WORKER = "worker"  # as `sre-agent worker`
    BOTH = "both"  # as `sre-agent serve`


def settings_of(url: str, root: Path, port: int) -> Settings:
    return Settings(
        _env_file=None,
        database_url=url,
        audit_key_file=root / "audit-keys.json",
        audit_checkpoint_file=root / "audit-checkpoints.jsonl",
        inventory_file=root / "inventory.yaml",
        policy_file=root / "policy.yaml",
        port=port,
        log_level="INFO",
        log_format="json",
        queue_limit=100_000,
        rate_limit_per_minute=1_000_000,
        host_concurrency=1,
        worker_concurrency=12,
        stop_seconds=1,
    )


def run(role: Role, url: str, root: Path, port: int) -> None:
    """The whole life of a process of its own; what it says goes to a file of its own."""
    output = root / f"{role}-{os.getpid()}.log"
    said = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(root)
    settings = settings_of(url, root, port)
    if role is Role.WORKER:
        asyncio.run(_work(settings, root))
        return
    app = create_app(
        settings,
        works=role is Role.BOTH,
        wrap=partial(stand_in, root=root),
        graph=restart_both,
    )
    uvicorn.run(app, port=port, log_config=None, access_log=False)


async def _work(settings: Settings, root: Path) -> None:
    log.configure(settings.log_level, settings.log_format)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    wrap = partial(stand_in, root=root)
    async with service(settings, Files.load(settings), wrap=wrap, graph=restart_both):
        await told.wait()


if __name__ == "__main__":
    run(Role(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
