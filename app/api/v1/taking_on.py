"""Taking on an incident, whichever door it came through."""

from __future__ import annotations

from app import log
from app.api.parts import Parts
from app.audit.intake import Accepted
from app.domain.access import Caller
from app.domain.incident import Incident
from app.domain.value import JsonObject

_log = log.get(__name__)


async def take_on(
    parts: Parts, caller: Caller, incident: Incident, raw: JsonObject, *, once: bool = False
) -> Accepted:
    """Make the incident durable and queue its execution; or find the execution that has it.

    `raw`: what was sent. `once`: the number stands for one occurrence, and never opens again.
    Raises Busy.
    """
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
            proved_by=caller.how.value,
        )
    return accepted


async def _set_the_stage(parts: Parts, host: str) -> None:
    """A simulated host is broken anew for each incident, unless one is being worked on."""
    if parts.stage is None:
        return
    if all(line.host != host for line in await parts.records.reading.active()):
        parts.stage.reset(host)
