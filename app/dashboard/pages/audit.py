"""Where the audit's chain stands, and what the running service has verified of it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.access.guard import needs
from app.audit.checks import Checks
from app.dashboard.answering import PagePart, PageRoute
from app.dashboard.parts import ServicePart
from app.domain.permission import Permission

router = APIRouter(route_class=PageRoute)


@router.get("/ui/audit", dependencies=[needs(Permission.READ_AUDIT)])
async def audit(page: PagePart, service: ServicePart) -> HTMLResponse:
    """The audit in one look."""
    return page.answer("audit.html", audit=await Checks(service.database).standing())
