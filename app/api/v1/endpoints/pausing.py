"""Stopping everything: while it is paused no change is started on any host."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app import log
from app.access.authentication import CallerPart
from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.api.parts import EnginePart, PartsOfApp
from app.domain.access import Caller, How
from app.domain.pause import Pause
from app.domain.permission import Permission

router = APIRouter(prefix="/api/v1", tags=["stopping"], route_class=Guarded)

_log = log.get(__name__)


class Turned(BaseModel):
    """Why the switch is turned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(
        min_length=1, max_length=2000, examples=["The storage array is being moved tonight."]
    )
    by: str = Field(
        default="", max_length=200, description="Who asks, where no key says so", examples=["ann"]
    )


@router.get(
    "/pause",
    summary="Is everything stopped?",
    dependencies=[needs(Permission.READ)],
    responses=documented(),
)
async def get_pause(parts: PartsOfApp) -> Pause:
    """Whether changes may be made, and who stopped them."""
    return await parts.records.pauses.current()


@router.post(
    "/pause",
    summary="Stop everything",
    dependencies=[needs(Permission.STOP)],
    responses=documented(400, 413, 415, 422),
)
async def pause(turned: Turned, engine: EnginePart, caller: CallerPart) -> Pause:
    """Start no change any more, on any host, by any process, until `resume`.

    A change under way is finished, proven or undone; incidents are still taken on and looked into,
    and handed over with what was found.
    """
    return await _turn(engine, turned, caller, paused=True)


@router.post(
    "/resume",
    summary="Go on",
    dependencies=[needs(Permission.RESUME)],
    responses=documented(400, 413, 415, 422),
)
async def resume(turned: Turned, engine: EnginePart, caller: CallerPart) -> Pause:
    """Changes may be made again, as the policy has it."""
    return await _turn(engine, turned, caller, paused=False)


async def _turn(engine: EnginePart, turned: Turned, caller: Caller, *, paused: bool) -> Pause:
    by = (turned.by or "api") if caller.how is How.LOCAL else caller.person
    now = await engine.turn_pause(paused=paused, by=by, reason=turned.reason)
    _log.warning("changes are stopped" if now.paused else "changes may be made", by=now.by)
    return now
