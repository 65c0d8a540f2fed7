"""The second door: alerts of Prometheus Alertmanager become incidents.

Each alert that fires is an incident of its own, by its fingerprint and the moment it began; told
again it belongs to the execution that it has. An alert that is over starts nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from app import log
from app.access.authentication import CallerPart
from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.api.parts import Parts, PartsOfApp
from app.api.schemas import AlertFate, AlertsTaken, AlertTaken
from app.api.v1.alert_examples import FIRING
from app.api.v1.alerts import Alert, AlertGroup, AlertStatus
from app.api.v1.taking_on import take_on
from app.domain.access import Caller
from app.domain.permission import Permission
from app.errors import IncidentRejected

router = APIRouter(prefix="/api/v1/alertmanager", tags=["incidents"], route_class=Guarded)

_log = log.get(__name__)


@router.post(
    "/webhook",
    summary="Hand alerts to the agent",
    dependencies=[needs(Permission.SUBMIT)],
    responses=documented(400, 413, 415, 422, 429),
)
async def webhook(
    group: Annotated[
        AlertGroup, Body(openapi_examples={"One alert that fires": {"value": FIRING}})
    ],
    request: Request,
    parts: PartsOfApp,
    caller: CallerPart,
) -> AlertsTaken:
    """Take on a notification; the answer says of each alert what became of it.

    An alert whose labels name no host of the inventory is refused by itself; where that leaves
    nothing, the whole notification is refused with 422, so that Alertmanager counts it as failed.
    """
    raw: dict[str, Any] = await request.json()
    if group.truncated:
        _log.warning("alertmanager left alerts out of its notification", count=group.truncated)
    told: list[AlertTaken] = []
    refusals: list[IncidentRejected] = []
    for alert, sent in zip(group.alerts, raw["alerts"], strict=True):
        try:
            told.append(await _take(parts, caller, alert, sent))
        except IncidentRejected as error:
            refusals.append(error)
            told.append(_fate(alert, AlertFate.REFUSED, reason=str(error)))
            _log.warning("alert refused", alert=alert.name, code=error.code, reason=str(error))
    if len(refusals) == len(told):
        raise refusals[0]
    return AlertsTaken(alerts=tuple(told))


async def _take(parts: Parts, caller: Caller, alert: Alert, sent: dict[str, Any]) -> AlertTaken:
    if alert.status is AlertStatus.RESOLVED:
        return await _note_end(parts, alert)
    host = alert.host(parts.inventory)
    incident = alert.incident(host, caller.autonomy_cap)
    accepted = await take_on(parts, incident, sent, proved_by=caller.how.value, once=True)
    fate = AlertFate.TAKEN_ON if accepted.created else AlertFate.KNOWN
    return _fate(alert, fate, execution_id=accepted.execution_id)


async def _note_end(parts: Parts, alert: Alert) -> AlertTaken:
    """An alert that is over: the log says so, with its execution where it has one."""
    page = await parts.records.reading.executions(incident_number=alert.number, limit=1)
    execution_id = page.executions[0].execution_id if page.executions else None
    _log.info("alert is over", incident_number=alert.number, execution_id=execution_id)
    return _fate(alert, AlertFate.OVER, execution_id=execution_id)


def _fate(
    alert: Alert, fate: AlertFate, *, execution_id: int | None = None, reason: str = ""
) -> AlertTaken:
    return AlertTaken(
        fingerprint=alert.fingerprint,
        incident_number=alert.number,
        fate=fate,
        execution_id=execution_id,
        reason=reason,
    )
