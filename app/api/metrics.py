"""What Prometheus scrapes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.domain.permission import Permission
from app.telemetry.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"], route_class=Guarded)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    dependencies=[needs(Permission.READ)],
    response_class=Response,
    responses=documented()
    | {200: {"content": {"text/plain": {}}, "description": "Prometheus' text format, 0.0.4"}},
)
async def metrics(request: Request) -> Response:
    """How many, how long, how old; docs/reference/metrics.md has a line for each.

    Where the figures cannot be read, `sre_agent_database_up` is 0, and what is counted in the
    database is left out.
    """
    return Response(await request.app.state.metrics.text(), media_type=CONTENT_TYPE)
