"""Stopping one execution, or everything; and going on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, RedirectResponse

from app import log
from app.access.authentication import CallerPart
from app.access.guard import needs
from app.dashboard.answering import PagePart, PageRoute
from app.dashboard.parts import ServicePart
from app.domain.permission import Permission

router = APIRouter(route_class=PageRoute)

Reason = Annotated[str, Form(min_length=1, max_length=2000)]

_log = log.get(__name__)


@router.get("/ui/stop", dependencies=[needs(Permission.READ)])
async def stop_form(page: PagePart) -> HTMLResponse:
    """Where the switch stands, and the form to turn it."""
    return page.answer("stop.html")


@router.post("/ui/stop", dependencies=[needs(Permission.STOP)])
async def stop(service: ServicePart, caller: CallerPart, reason: Reason) -> RedirectResponse:
    """Start no change any more, anywhere."""
    await service.engine.turn_pause(paused=True, by=caller.person, reason=reason)
    _log.warning("changes are stopped", by=caller.person)
    return RedirectResponse("/ui/stop", 303)


@router.post("/ui/resume", dependencies=[needs(Permission.RESUME)])
async def resume(service: ServicePart, caller: CallerPart, reason: Reason) -> RedirectResponse:
    """Let changes be made again."""
    await service.engine.turn_pause(paused=False, by=caller.person, reason=reason)
    _log.warning("changes may be made", by=caller.person)
    return RedirectResponse("/ui/stop", 303)


@router.post("/ui/executions/{execution_id}/cancel", dependencies=[needs(Permission.CANCEL)])
async def cancel(
    execution_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
    service: ServicePart,
    caller: CallerPart,
    reason: Reason,
) -> RedirectResponse:
    """Stop one execution at its next safe point."""
    await service.engine.cancel(execution_id, by=caller.person, reason=reason)
    _log.info("cancelled on the page", execution_id=execution_id, by=caller.person)
    return RedirectResponse(f"/ui/executions/{execution_id}", 303)
