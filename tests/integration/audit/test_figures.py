"""The figures are facts of the database: the same for every process, and after each restart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from app.audit.approvals import Approvals
from app.audit.baselines import Baselines
from app.audit.figures import Figures, Measuring, Waiting
from app.audit.intents import Intent, Intents
from app.audit.journal import Journal
from app.audit.lasting_figures import BOUNDS, Counted
from app.audit.leases import Leases
from app.audit.workers import Workers
from app.domain.action import ActionCall, Risk
from app.domain.execution import Outcome, Step
from app.domain.verdict import ChangeResult, ChangeStatus, Verdict, Verification
from app.models.database import Database
from app.models.sre_execution import Execution
from tests.integration.audit.conftest import Begin
from tests.integration.audit.tampering import lift_guards
from tests.integration.audit.values import NOON, decision, incident, observation, plan, probe_result

CALL = ActionCall(action="service.start", host="alpha", params={"unit": "ledger.service"})


async def figures_of(database: Database) -> Figures:
    return await Measuring(database).figures()


def counts(found: tuple[Counted, ...]) -> dict[tuple[str, ...], int]:
    return {one.labels: one.count for one in found}


async def test_an_empty_database_has_figures_too(database: Database) -> None:
    found = await figures_of(database)
    assert found.executions == found.ended == found.actions == ()
    assert found.baselines == ()
    assert found.queue == found.approvals_pending == Waiting(count=0, oldest_seconds=0.0)
    assert (found.workers_alive, found.leases_held, found.intents_oldest_seconds) == (0, 0, 0.0)


async def test_executions_are_counted_by_where_they_stand(
    database: Database, other_database: Database, journal: Journal, begin: Begin
) -> None:
    await begin("INC1")
    done = await begin("INC2")
    await journal.accept(incident("INC3"), {}, simulated=True, max_active=9)
    await _conclude(journal, done, Outcome.ESCALATED)
    found = await figures_of(database)
    assert counts(found.executions) == {
        ("running", "false"): 1,
        ("completed", "false"): 1,
        ("queued", "true"): 1,
    }
    assert counts(found.ended) == {("escalated", "false"): 1}
    assert found.queue.count == 1
    assert found.queue.oldest_seconds >= 0
    # another process, and one that starts later, tells the same
    assert counts((await figures_of(other_database)).executions) == counts(found.executions)


async def _conclude(journal: Journal, execution_id: int, outcome: Outcome) -> None:
    await journal.conclude(
        execution_id,
        outcome=outcome,
        root_cause="It was stopped.",
        summary="It was started.",
        confidence=0.9,
        evidence_ids=(),
        recommended=(),
    )


async def test_durations_fall_into_their_buckets(
    database: Database, journal: Journal, begin: Begin
) -> None:
    for number, seconds in enumerate((7.0, 45.0, 4000.0)):
        execution_id = await begin(f"INC{number}")
        healed = Verification(
            healed=True,
            statement="green",
            before=(probe_result(ok=False),),
            after=(probe_result(ok=True),),
            watched_seconds=1.0,
            taken_at=NOON + timedelta(seconds=seconds / 2),
            simulated=False,
        )
        await journal.record(execution_id, "verify-1", verification=healed)
        await _conclude(journal, execution_id, Outcome.RESOLVED)
        async with database.transaction() as session:
            await lift_guards(session)
            took = {"started_at": NOON, "ended_at": NOON + timedelta(seconds=seconds)}
            await session.execute(
                update(Execution).where(Execution.id == execution_id).values(took)
            )
    found = await figures_of(database)
    (to_end,) = found.seconds_to_end
    assert (to_end.labels, to_end.count) == (("resolved", "false"), 3)
    assert to_end.seconds == pytest.approx(4052.0, abs=0.1)
    at_most = dict(zip(BOUNDS, to_end.at_most, strict=True))
    assert [at_most[b] for b in (5.0, 10.0, 30.0, 60.0, 3600.0, 86400.0)] == [0, 1, 1, 2, 2, 3]
    (healthy,) = found.seconds_to_healthy
    assert (healthy.labels, healthy.count) == (("false",), 3)
    assert healthy.seconds == pytest.approx(2026.0, abs=0.1)
    assert counts(found.verifications) == {("healed", "false"): 3}


async def test_what_was_done_is_counted_by_action(
    database: Database, journal: Journal, execution_id: int
) -> None:
    seen = [observation(), observation(ok=False, error="timeout"), observation()]
    await journal.record_observations(execution_id, "observe-1", Step.DIAGNOSE, "why", seen)
    for undo in (False, True):
        result = ChangeResult(
            call=CALL, intent_id=f"i-{undo}", status=ChangeStatus.DONE, exit_code=0
        )
        await journal.record_change(
            execution_id,
            f"change-{undo}",
            Step.REMEDIATE,
            "why",
            result,
            argv=("systemctl", "start"),
            risk=Risk.REVERSIBLE,
            taken_at=NOON,
            simulated=False,
            undo=undo,
        )
    denied = decision().model_copy(update={"verdict": Verdict.DENY, "rule": "kill-switch"})
    await journal.record_decision(
        execution_id, "decide-1", Step.REMEDIATE, "why", plan(execution_id), denied
    )
    found = await figures_of(database)
    assert counts(found.actions) == {
        ("diagnostic", "unit.show", "completed", "false"): 2,
        ("diagnostic", "unit.show", "failed", "false"): 1,
        ("remediation", "service.start", "completed", "false"): 1,
        ("undo", "service.start", "completed", "false"): 1,
        ("decision", "policy.deny", "refused", "false"): 1,
    }
    assert counts(found.denials) == {("kill-switch", "false"): 1}


async def test_what_waits_and_what_is_held(database: Database, execution_id: int) -> None:
    await Approvals(database).request(
        execution_id,
        plan(execution_id),
        decision(),
        requested_by="agent",
        ttl_seconds=60,
        simulated=False,
    )
    intents, leases, workers = Intents(database), Leases(database), Workers(database)
    for name in ("i-1", "i-2"):
        await intents.open(_intent(name, execution_id))
    await intents.dispatch("i-1")
    await leases.acquire("alpha", "exe-1-1")
    await leases.acquire("#reaper", "w-1")
    await leases.acquire("beta", "exe-1-1")
    await leases.release("beta", "exe-1-1")
    await workers.beat("w-1", hostname="here", pid=7)
    await workers.beat("w-2", hostname="here", pid=8)
    await workers.leave("w-2")
    found = await figures_of(database)
    assert counts(found.approvals) == {("pending",): 1}
    assert found.approvals_pending.count == 1
    assert counts(found.intents) == {("dispatched",): 1, ("intended",): 1}
    assert (found.leases_held, found.workers_alive) == (1, 1)


def _intent(name: str, execution_id: int) -> Intent:
    return Intent(
        id=name,
        execution_id=execution_id,
        workflow_id="exe-1-1",
        host="alpha",
        call=CALL,
        before={},
        decision=decision(),
        plan_hash="hash-of-the-plan",
        fence=1,
        simulated=False,
    )


async def test_the_newest_baseline_of_each_host_is_aged(database: Database) -> None:
    baselines = Baselines(database)
    for _ in range(2):
        await baselines.store(
            "alpha",
            taken_at=NOON,
            manifest={},
            probes=(),
            host_model={},
            reason="test",
            simulated=False,
        )
    (aged,) = (await figures_of(database)).baselines
    assert aged.labels == ("alpha", "false")
    assert aged.seconds > 3600


async def test_no_output_is_read_for_counting(database: Database, database_url: str) -> None:
    """What is asked of the two tables that grow is answered from their indexes alone."""
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL chooses by its statistics; an empty table needs no index")
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        asked.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await figures_of(database)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    for table in ("incident_execution_log", "sre_incident_execution"):
        grouped = [q for q in asked if f"FROM {table}" in q[0] and "params" not in q[0]]
        assert grouped
        for statement, values in grouped:
            async with database.reading() as session:
                connection = await session.connection()
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                lines = [line for line in (str(tuple(row)[-1]) for row in plan) if table in line]
            assert all("COVERING INDEX" in line for line in lines), (statement, lines)
