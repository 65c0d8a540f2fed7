"""The inventory, and one host: what it is, its baselines, what happened on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from app.access.guard import needs
from app.dashboard.answering import PagePart, PageRoute
from app.dashboard.parts import ServicePart
from app.domain.permission import Permission
from app.errors import NotFound

router = APIRouter(route_class=PageRoute)


@router.get("/ui/hosts", dependencies=[needs(Permission.READ)])
async def hosts(page: PagePart, service: ServicePart) -> HTMLResponse:
    """Every host of the inventory, and what works on it now."""
    at_work = {one.host: one for one in await service.records.reading.active()}
    return page.answer("hosts.html", hosts=service.inventory.hosts, at_work=at_work)


@router.get("/ui/hosts/{name}", dependencies=[needs(Permission.READ)])
async def host(
    name: Annotated[str, Path(max_length=253)], page: PagePart, service: ServicePart
) -> HTMLResponse:
    """One host. One that has left the inventory still has its history."""
    found = service.inventory.by_name.get(name)
    history = await service.records.reading.executions(host=name, limit=100)
    if found is None and not history.executions:
        raise NotFound(f"There is no host {name!r} in the inventory.", hint="/ui/hosts has them.")
    baselines = await service.records.baselines.listed(name, simulated=service.hands.simulated)
    return page.answer("host.html", name=name, host=found, page=history, baselines=baselines)
