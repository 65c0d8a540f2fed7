"""Taking on an incident, whichever door it came through; or none, where its call was lost."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from app import log
from app.api.parts import Parts
from app.api.v1.ticket import Ticket
from app.audit.intake import Accepted
from app.audit.telling import SOURCE
from app.domain.incident import Incident
from app.domain.value import JsonObject
from app.errors import IncidentRejected

POLLED = "polled"

_log = log.get(__name__)


async def take_on(
    parts: Parts, incident: Incident, raw: JsonObject, *, proved_by: str, once: bool = False
) -> Accepted:
    """Make the incident durable and queue its execution; or find the execution that has it.

    `raw`: what was sent. `proved_by`: how its sender was known. `once`: the number stands for one
    occurrence, and never opens again. Raises Busy, DiskNearlyFull.
    """
    await parts.disk.require_room()
    await _set_the_stage(parts, incident.host)
    with log.about(incident_number=incident.number):
        accepted = await parts.records.journal.accept(
            incident,
            raw,
            simulated=parts.hands.simulated,
            max_active=parts.settings.queue_limit,
            once=once,
        )
        await parts.engine.submit(accepted.execution_id)
        _log.info(
            "incident accepted" if accepted.created else "incident already known",
            execution_id=accepted.execution_id,
            host=incident.host,
            priority=incident.priority,
            source=incident.source,
            proved_by=proved_by,
        )
    return accepted


async def take_on_ticket(
    parts: Parts,
    ticket: Ticket,
    raw: JsonObject,
    *,
    source: str,
    proved_by: str,
    autonomy_cap: str | None = None,
) -> Accepted:
    """Take on a ticket about a host of the inventory. Raises IncidentRejected, Busy."""
    named = ticket.affected
    incident = Incident(
        number=ticket.incident_number,
        short_description=ticket.title,
        description=ticket.description,
        priority=ticket.urgency,
        category=ticket.category,
        assignment_group=ticket.assignment_group,
        state=ticket.state,
        sys_id=ticket.sys_id or None,
        host=parts.inventory.match(named.ip_address, named.hostname).name,
        claimed_service=named.service,
        source=source,
        autonomy_cap=autonomy_cap,
        received_at=datetime.now(UTC),
    )
    return await take_on(parts, incident, raw, proved_by=proved_by)


async def take_on_record(parts: Parts, record: JsonObject) -> None:
    """Take on a record of the Table API that we read ourselves, since its call was lost.

    Raises IncidentRejected, Busy.
    """
    try:
        ticket = Ticket.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise IncidentRejected(f"The record is no incident for us: {first['msg']}.") from None
    await take_on_ticket(parts, ticket, record, source=SOURCE, proved_by=POLLED)


async def _set_the_stage(parts: Parts, host: str) -> None:
    """A simulated host is broken anew for each incident, unless one is being worked on."""
    if parts.stage is None:
        return
    if not await parts.records.standings.is_busy(host):
        parts.stage.reset(host)
