"""An incident that we read from ServiceNow ourselves, since its call was lost."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from app.api.parts import Parts
from app.api.v1.ticket import Ticket
from app.audit.telling import SOURCE
from app.domain.incident import Incident
from app.domain.value import JsonObject
from app.errors import IncidentRejected


async def take_on_record(parts: Parts, record: JsonObject) -> None:
    """Take a record of the Table API on, as the webhook would. Raises IncidentRejected, Busy."""
    try:
        ticket = Ticket.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise IncidentRejected(f"The record is no incident for us: {first['msg']}.") from None
    named = ticket.affected
    host = parts.inventory.match(named.ip_address, named.hostname)
    incident = Incident(
        number=ticket.incident_number,
        short_description=ticket.title,
        description=ticket.description,
        priority=ticket.urgency,
        category=ticket.category,
        assignment_group=ticket.assignment_group,
        state=ticket.state,
        sys_id=ticket.sys_id or None,
        host=host.name,
        claimed_service=named.service,
        source=SOURCE,
        received_at=datetime.now(UTC),
    )
    accepted = await parts.records.journal.accept(
        incident,
        record,
        simulated=parts.hands.simulated,
        max_active=parts.settings.queue_limit,
    )
    await parts.engine.submit(accepted.execution_id)
