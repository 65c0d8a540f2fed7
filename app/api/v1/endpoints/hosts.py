"""The inventory, and taking a host's baseline while it is healthy."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.api.parts import PartsOfApp
from app.api.schemas import BaselineTaken, HostsPage, HostView
from app.audit.reading import Reading
from app.domain.host import Host
from app.domain.permission import Permission
from app.engine.baselines import take_baseline
from app.errors import Conflict, NotFound

router = APIRouter(prefix="/api/v1/hosts", tags=["hosts"], route_class=Guarded)

HostName = Annotated[
    str, Path(min_length=1, max_length=253, description="The inventory's name of the host")
]


@router.get(
    "",
    summary="The inventory",
    dependencies=[needs(Permission.READ)],
    responses=documented(),
)
async def list_hosts(parts: PartsOfApp) -> HostsPage:
    """Every host that the agent may reach, without keys or where they are."""
    return HostsPage(
        hosts=tuple(_view(host) for host in parts.inventory.hosts),
        simulated=parts.hands.simulated,
    )


@router.post(
    "/{name}/baseline",
    summary="Take a host's baseline",
    dependencies=[needs(Permission.BASELINE)],
    responses=documented(404, 422, 409, 502),
)
async def baseline(name: HostName, parts: PartsOfApp) -> BaselineTaken:
    """Look at a healthy host and keep what it looks like; answers when that is done.

    In an incident, what differs from the baseline is the strongest evidence there is. Refused
    while an incident of the host is worked on: it would keep the fault as healthy.
    """
    host = parts.inventory.by_name.get(name)
    if host is None:
        raise NotFound(
            f"There is no host {name!r} in the inventory.", hint="GET /api/v1/hosts has them."
        )
    await _refuse_while_at_work(host, parts.records.reading)
    stored = await take_baseline(
        host, parts.baseline_hands, parts.records.baselines, reason="asked for by the API"
    )
    return BaselineTaken(
        host=stored.host,
        version=stored.version,
        taken_at=stored.taken_at,
        files=len(stored.manifest.get("files", ())),
        simulated=stored.simulated,
    )


async def _refuse_while_at_work(host: Host, reading: Reading) -> None:
    at_work = [line.execution_id for line in await reading.active() if line.host == host.name]
    if at_work:
        raise Conflict(
            f"Execution {at_work[0]} works on an incident of {host.name}.",
            hint="Take the baseline once it has ended and the host is healthy.",
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
