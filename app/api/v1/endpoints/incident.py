"""The webhook: an incident from ServiceNow becomes an execution.

The answer is sent once the incident is durable, before the work. A ticket only ever selects a host
of the inventory; what it says of addresses is compared and never connected to.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from app.access.authentication import CallerPart
from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.api.parts import PartsOfApp
from app.api.schemas import Triggered
from app.api.v1.taking_on import take_on_ticket
from app.api.v1.ticket import Ticket
from app.api.v1.ticket_examples import EXAMPLES
from app.domain.permission import Permission

router = APIRouter(prefix="/api/v1/incident", tags=["incidents"], route_class=Guarded)


@router.post(
    "/trigger-agent",
    summary="Hand an incident to the agent",
    dependencies=[needs(Permission.SUBMIT)],
    responses=documented(400, 413, 415, 422, 429),
)
async def trigger_agent(
    ticket: Annotated[
        Ticket,
        Body(openapi_examples={name: {"value": body} for name, body in EXAMPLES.items()}),
    ],
    request: Request,
    parts: PartsOfApp,
    caller: CallerPart,
) -> Triggered:
    """Take on an incident; at once the answer says which execution works on it.

    Posting the same incident again answers the same: it is worked on once. A host or an address
    that the inventory does not know, or that contradict each other, are refused with 422 and leave
    nothing behind.
    """
    accepted = await take_on_ticket(
        parts,
        ticket,
        await request.json(),
        source=caller.source,
        proved_by=caller.how.value,
        autonomy_cap=caller.autonomy_cap,
    )
    return Triggered(
        message="SRE Agent triggered successfully",
        execution_id=accepted.execution_id,
        incident_number=ticket.incident_number,
        status="running",
    )
