"""How the agent has done: success rate, time to resolve, by cause and by action; what is stuck."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from app.access.guard import needs
from app.audit.backlog import backlog
from app.dashboard.answering import PagePart, PageRoute
from app.dashboard.parts import OverviewPart, ServicePart
from app.domain.permission import Permission

router = APIRouter(route_class=PageRoute)


@router.get("/ui/figures", dependencies=[needs(Permission.READ)])
async def figures(
    page: PagePart,
    service: ServicePart,
    overview: OverviewPart,
    days: Annotated[int, Query(ge=1, le=365)] = 30,
    made: Literal["", "real", "simulated"] = "",
) -> HTMLResponse:
    """Figures of the last `days`, of real or of simulated executions; default: as this process."""
    simulated = service.hands.simulated if not made else made == "simulated"
    return page.answer(
        "figures.html",
        figures=await overview.figures(days=days, simulated=simulated),
        days=days,
        waiting=await overview.waiting(),
        backlog=await backlog(service.database),
    )
