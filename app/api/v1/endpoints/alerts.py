"""What needs a person, and what lately did."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.access.guard import Guarded, needs
from app.api import examples
from app.api.errors import documented
from app.api.parts import PartsOfApp
from app.api.schemas import AlertsPage, AlertView
from app.audit.alerts import Alert
from app.domain.permission import Permission

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], route_class=Guarded)

Limit = Annotated[int, Query(ge=1, le=500, description="How many that are over to list")]


@router.get(
    "",
    summary="What needs a person",
    dependencies=[needs(Permission.READ)],
    responses=documented(422) | examples.answer(examples.ALERTS),
)
async def list_alerts(parts: PartsOfApp, limit: Limit = 50) -> AlertsPage:
    """Conditions that need a person now, oldest first, and those that are over, newest first.

    docs/reference/alerts.md says of each kind what it means and what to do.
    """
    return AlertsPage(
        open=tuple(_view(alert) for alert in await parts.alerts.opened()),
        recent=tuple(_view(alert) for alert in await parts.alerts.ended(limit)),
    )


def _view(alert: Alert) -> AlertView:
    return AlertView(
        id=alert.id,
        kind=alert.kind,
        subject=alert.subject,
        statement=alert.statement,
        execution_id=alert.execution_id,
        host=alert.host,
        simulated=alert.simulated,
        opened_at=alert.opened_at,
        ended_at=alert.ended_at,
        told_at=alert.told_at,
        not_told=alert.undelivered,
        problem=alert.last_error,
    )
