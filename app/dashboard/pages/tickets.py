"""What tickets were told and are to be told: the outbox, what is stuck first."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.access.guard import needs
from app.audit.outbox import Outbox
from app.dashboard.answering import PagePart, PageRoute
from app.dashboard.parts import ServicePart
from app.domain.permission import Permission
from app.domain.ticket import OutboxState

router = APIRouter(route_class=PageRoute)


@router.get("/ui/tickets", dependencies=[needs(Permission.READ)])
async def tickets(page: PagePart, service: ServicePart) -> HTMLResponse:
    """The outbox in one look."""
    outbox = Outbox(service.database)
    return page.answer(
        "tickets.html",
        instance=service.settings.servicenow_instance_url,
        counts=await outbox.counts(),
        stuck=await outbox.listed(stuck=True),
        waiting=await outbox.listed(state=OutboxState.PENDING),
    )
