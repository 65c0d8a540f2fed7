"""What the routes work with. `main` puts the parts together once; a route asks for those it needs.

async def route(reading: ReadingPart) -> ...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.access.door import Access
from app.alerts.watchdog import Watchdog
from app.audit.alerts import Alerts
from app.audit.reading import Reading
from app.engine.disk import Disk
from app.engine.engine import Engine
from app.engine.parts import Hands, Records
from app.errors import EngineError, SreAgentError
from app.execution.policy_file import PolicyFile
from app.execution.simulation import Recordings
from app.execution.targets import Inventory
from app.models.database import Database
from app.secrets.secrets import Secrets
from app.settings import Settings
from app.telemetry.tracing import Tracer


@dataclass(frozen=True)
class Parts:
    """The parts of a running service, each of them ready."""

    settings: Settings
    database: Database
    records: Records
    secrets: Secrets
    inventory: Inventory
    policy: PolicyFile
    hands: Hands
    baseline_hands: Hands  # the same, but that simulated hosts are healthy for them
    stage: Recordings | None  # where simulated hosts stand; None: hosts are real
    engine: Engine
    disk: Disk
    access: Access
    alerts: Alerts
    watchdog: Watchdog
    tracer: Tracer


def parts_of(request: Request) -> Parts:
    """The parts of the running service. Raises what keeps it from running, while that lasts."""
    service = getattr(request.app.state, "service", None)
    now: Parts | SreAgentError | None = None if service is None else service.now
    if isinstance(now, Parts):
        return now
    raise now or EngineError("The service is starting.", hint="Try again in a moment.")


PartsOfApp = Annotated[Parts, Depends(parts_of)]


def _reading(parts: PartsOfApp) -> Reading:
    return parts.records.reading


def _engine(parts: PartsOfApp) -> Engine:
    return parts.engine


ReadingPart = Annotated[Reading, Depends(_reading)]
EnginePart = Annotated[Engine, Depends(_engine)]
