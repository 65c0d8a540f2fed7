"""What the pages work with. They stand beside the API and take the running service as it does."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Depends, Request

from app.audit.looking import Looking
from app.audit.overview import Overview
from app.dashboard.broadcaster import Broadcaster
from app.dashboard.pieces import Pieces
from app.engine.engine import Engine
from app.engine.parts import Hands, Records
from app.errors import EngineError, SreAgentError
from app.execution.policy_file import PolicyFile
from app.execution.targets import Inventory
from app.models.database import Database
from app.settings import Settings


class Service(Protocol):
    """The running service, as much of it as pages show."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def records(self) -> Records: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def policy(self) -> PolicyFile: ...
    @property
    def hands(self) -> Hands: ...
    @property
    def engine(self) -> Engine: ...


def service_of(request: Request) -> Service:
    """The running service. Raises what keeps it from running, while that lasts."""
    up = getattr(request.app.state, "service", None)
    now: Service | SreAgentError | None = None if up is None else up.now
    if now is None or isinstance(now, SreAgentError):
        raise now or EngineError("The service is starting.", hint="Try again in a moment.")
    return now


ServicePart = Annotated[Service, Depends(service_of)]


def broadcaster_of(request: Request, service: ServicePart) -> Broadcaster:
    """The one broadcaster of this process; made for the first who needs it."""
    state = request.app.state
    if not isinstance(getattr(state, "broadcaster", None), Broadcaster):
        pieces = Pieces(service.records, service.hands.catalog, Overview(service.database))
        state.broadcaster = Broadcaster(Looking(service.database).look, pieces.of)
    broadcaster: Broadcaster = state.broadcaster
    return broadcaster


def overview_of(service: ServicePart) -> Overview:
    """Figures and hashes."""
    return Overview(service.database)


BroadcasterPart = Annotated[Broadcaster, Depends(broadcaster_of)]
OverviewPart = Annotated[Overview, Depends(overview_of)]
