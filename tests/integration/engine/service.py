"""An agent's process for tests.

It works on what is in the database until it is told to stop, and is an Engine of the product with
a folder for a host. Once it has started it prints "ready" and its worker's id.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app import log
from app.domain.verdict import Verdict
from app.engine.engine import Engine
from app.engine.parts import Graph, Hands
from app.execution.catalog import Catalog
from app.knowledge.library import Library
from app.models.database import Database
from app.reasoning.builtin import BuiltinReasoner
from app.settings import Settings
from tests.integration.engine import graph
from tests.integration.engine.world import Folder, FolderHosts, FolderProber, OneHost, Says

READY = "ready"
GRAPHS: dict[str, Graph] = {
    "repair": graph.repair,
    "insists": graph.insists,
    "asks_control": graph.asks_control,
    "breaks": graph.breaks,
    "kills": graph.kills,
    "one_kills": graph.one_kills,
    "one_is_well": graph.one_is_well,
}


def hands(folder: Folder, verdict: Verdict) -> Hands:
    return Hands(
        inventory=OneHost(),
        catalog=Catalog.load(),
        judge=Says(verdict),
        hosts=FolderHosts(folder),
        prober=FolderProber(folder),
        reasoner=BuiltinReasoner(Library.load()),
    )


async def serve(
    url: str, folder: Path, verdict: Verdict, name: str, given: Mapping[str, Any]
) -> None:
    settings = Settings(database_url=url, stop_seconds=1, _env_file=None, **given)
    database = Database(settings)
    engine = Engine(settings, database, hands(Folder(folder), verdict), GRAPHS[name])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await engine.start()
    sys.stdout.write(f"{READY} {engine.worker_id}\n")
    sys.stdout.flush()
    await stop.wait()
    await engine.stop()
    await database.close()


def run(
    url: str,
    folder: Path,
    output: Path,
    verdict: Verdict,
    name: str,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """The whole life of a process of its own; what it says goes to `output`.

    `given` are further settings.
    """
    said = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    log.configure("INFO", "console")
    asyncio.run(serve(url, folder, verdict, name, given))
