"""The inventory, and taking a host's baseline while it is healthy."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.errors import documented
from app.api.parts import EnginePart, PartsOfApp
from app.api.schemas import BaselineTaken, HostsPage, HostView
from app.domain.host import Host

router = APIRouter(prefix="/api/v1/hosts", tags=["hosts"])

HostName = Annotated[
    str, Path(min_length=1, max_length=253, description="The inventory's name of the host")
]


@router.get("", summary="The inventory", responses=documented())
async def list_hosts(parts: PartsOfApp) -> HostsPage:
    """Every host that the agent may reach, without keys or where they are."""
    return HostsPage(
        hosts=tuple(_view(host) for host in parts.inventory.hosts),
        simulated=parts.hands.simulated,
    )


@router.post(
    "/{name}/baseline",
    summary="Take a host's baseline",
    responses=documented(404, 422, 409, 502),
)
async def take_baseline(name: HostName, engine: EnginePart) -> BaselineTaken:
    """Look at a healthy host and keep what it looks like; answers when that is done.

    In an incident, what differs from the baseline is the strongest evidence there is.
    """
    stored = await engine.take_baseline(name)
    return BaselineTaken(
        host=stored.host,
        version=stored.version,
        taken_at=stored.taken_at,
        files=len(stored.manifest.get("files", ())),
        simulated=stored.simulated,
    )


def _view(host: Host) -> HostView:
    return HostView(
        name=host.name,
        address=host.address,
        names=host.names,
        services=host.services,
        groups=host.groups,
        depends_on=host.depends_on,
        description=host.description,
        gate=host.gate,
        autonomy_level=host.autonomy_level,
    )
