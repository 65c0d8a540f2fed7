"""The stream of what changes. The only door to sse-starlette.

sse-starlette ends streams when the server is told to stop; a response of our own would keep
uvicorn waiting for as long as somebody watches.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from app.access.guard import Guarded, needs
from app.dashboard.parts import BroadcasterPart
from app.domain.permission import Permission

router = APIRouter(route_class=Guarded)

SEND_SECONDS = 20
PING_SECONDS = 15


@router.get("/ui/events", dependencies=[needs(Permission.READ)])
async def events(
    live: BroadcasterPart,
    since: Annotated[str, Query(max_length=64)] = "",
    last_event_id: Annotated[str, Header(max_length=64)] = "",
) -> Response:
    """Server-sent events: `pieces` of pages, `resync`, and a `beat`. 503 where there are too many.

    Goes on after Last-Event-ID, which a browser sends when it comes back, else after `since`.
    """
    if live.full:
        return Response("Too many watch.", 503, {"Retry-After": "30"}, media_type="text/plain")
    return EventSourceResponse(
        live.frames(last_event_id or since), ping=PING_SECONDS, send_timeout=SEND_SECONDS
    )
