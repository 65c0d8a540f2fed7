"""An execution with all that a page shows, written as the service writes it; hostile throughout."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import intake
from app.audit.approvals import Approval
from app.audit.writing import Writer, held
from app.domain.action import Risk
from app.domain.event import EntryStatus, TimelineEntry
from app.domain.execution import ExecutionStatus, Step
from app.domain.hypothesis import Support
from app.domain.incident import Incident
from app.domain.verdict import ChangeResult, ChangeStatus, Verification
from app.engine.parts import Records
from app.models.database import Database, database_now
from tests.integration.audit.values import (
    NOON,
    decision,
    hypothesis,
    incident,
    observation,
    plan,
    probe_result,
)

EVIL = "<script>document.title='owned'</script>\x1b[31mred\x1b[0m\u202eturned \"'&"
PLAN_HASH = "ab" * 32


class Seeding(Writer):
    """Writes an execution that waits from its first moment: no worker takes it up."""

    async def waiting(self, incident: Incident) -> int:
        async def work(session: AsyncSession) -> int:
            accepted = await intake.accept(session, incident, {}, simulated=True, max_active=100)
            row = await held(session, accepted.execution_id)
            row.status, row.current_step = ExecutionStatus.WAITING_APPROVAL, Step.REMEDIATE
            row.running_at = await database_now(session)
            return accepted.execution_id

        return await self._write("The scene", work)


async def waiting_execution(
    database: Database,
    number: str = "INC0010001",
    *,
    host: str = "alpha",
    evil: str = EVIL,
    needed: int = 1,
) -> Approval:
    """An execution on `host` that waits for a person, each of its texts ending in `evil`."""
    told = incident(number, host=host, short_description=f"Down {evil}", description=evil)
    execution_id = await Seeding(database).waiting(told)
    records = Records.of(database)
    seen = observation(
        output=f"Id=ledger.service\nActiveState=failed {evil}\n", error_output=evil, facts={}
    )
    (evidence,) = await records.journal.record_observations(
        execution_id, "1.diagnose", Step.DIAGNOSE, f"why {evil}", [seen]
    )
    await records.journal.record(
        execution_id,
        "1.story",
        timeline=[
            TimelineEntry(
                key="diagnose-1",
                step=Step.DIAGNOSE,
                title=f"Looked {evil}",
                status=EntryStatus.COMPLETED,
            )
        ],
        hypotheses=[
            hypothesis(text=f"ledger.service was stopped {evil}", supports=(_support(evidence),))
        ],
    )
    asked = plan(execution_id, action="service.restart").model_copy(update={"host": host})
    verdict = decision(plan_hash=PLAN_HASH, needed=needed)
    await records.journal.record_decision(
        execution_id, "1.decide", Step.REMEDIATE, "the cause", asked, verdict
    )
    return await records.approvals.request(
        execution_id,
        asked,
        verdict,
        requested_by="sre-agent",
        ttl_seconds=3600,
        simulated=True,
    )


def _support(evidence_id: int) -> Support:
    return Support(
        evidence_id=evidence_id,
        weight=2.0,
        statement="its ActiveState is failed",
        rule="unit.active_state == 'failed'",
    )


async def add_a_change(records: Records, execution_id: int) -> None:
    """What the service writes when it has changed something and proven it."""
    call = plan(execution_id, action="service.restart").steps[0]
    await records.journal.record_change(
        execution_id,
        "1.change",
        Step.REMEDIATE,
        "the cause",
        ChangeResult(call=call, intent_id="i-1", status=ChangeStatus.DONE, exit_code=0),
        argv=("/usr/bin/systemctl", "restart", "--", "ledger.service"),
        risk=Risk.DISRUPTIVE,
        taken_at=NOON,
        simulated=True,
    )
    await records.journal.record(
        execution_id,
        "1.proof",
        verification=Verification(
            healed=True,
            statement="Users are served again",
            before=(probe_result(ok=False),),
            after=(probe_result(ok=True),),
            watched_seconds=10,
            taken_at=NOON,
            simulated=True,
        ),
    )
