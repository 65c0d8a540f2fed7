"""What needs a person is found in the rows, and is gone from the look once it is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.audit.approvals import Approvals
from app.audit.conditions import Conditions, Patience, plain
from app.audit.journal import Journal
from app.audit.workers import Workers
from app.domain.alert import AlertKind
from app.domain.event import EntryStatus, TimelineEntry
from app.domain.execution import ExecutionStatus, Outcome, Step
from app.domain.ticket import OutboxState, Told
from app.domain.verdict import FLEET_RULE
from app.models.database import Database, database_now
from app.models.operations import Approval, Worker
from app.models.sre_execution import Execution
from app.models.tickets import OutboxRow
from tests.integration.audit.conftest import Begin
from tests.integration.audit.tampering import lift_guards
from tests.integration.audit.values import decision, incident, plan

PATIENT = Patience(stuck_seconds=300, approval_seconds=900, tell_escalated=True)


async def found(database: Database, patience: Patience = PATIENT) -> list[tuple[AlertKind, str]]:
    return [(c.kind, c.subject) for c in await Conditions(database, patience).look()]


async def an_hour_ago(database: Database, execution_id: int) -> None:
    """As if it had begun then, and nothing had come since."""
    async with database.transaction() as session:
        await lift_guards(session)
        then = await database_now(session) - timedelta(hours=1)
        moved = update(Execution).where(Execution.id == execution_id)
        await session.execute(moved.values(started_at=then, running_at=then))


async def test_nothing_is_the_matter_at_first(database: Database, execution_id: int) -> None:
    assert await found(database) == []


async def test_without_progress_an_execution_is_stuck(
    database: Database, journal: Journal, execution_id: int
) -> None:
    await an_hour_ago(database, execution_id)
    assert await found(database) == [(AlertKind.EXECUTION_STUCK, f"execution {execution_id}")]
    entry = TimelineEntry(
        key="analyze-1", step=Step.ANALYZE, title="Looking", status=EntryStatus.RUNNING
    )
    await journal.record(execution_id, "analyze-1", timeline=[entry])
    assert await found(database) == []


async def test_what_nobody_takes_from_the_queue_is_told_once(
    database: Database, journal: Journal
) -> None:
    for number in ("INC1", "INC2"):
        accepted = await journal.accept(incident(number), {}, simulated=False, max_active=9)
        await an_hour_ago(database, accepted.execution_id)
    assert await found(database) == [(AlertKind.QUEUE_WAITING, "queue")]


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.FAILED, AlertKind.EXECUTION_FAILED),
        (Outcome.ESCALATED, AlertKind.EXECUTION_ESCALATED),
        (Outcome.RESOLVED, None),
        (Outcome.NO_FAULT, None),
        (Outcome.CANCELLED, None),
    ],
)
async def test_ends_that_need_a_person(
    database: Database, journal: Journal, begin: Begin, outcome: Outcome, kind: AlertKind | None
) -> None:
    execution_id = await begin()
    await journal.conclude(
        execution_id,
        outcome=outcome,
        root_cause="x",
        summary="password=hunter2",
        confidence=0.5,
        evidence_ids=(),
        recommended=(),
    )
    expected = [] if kind is None else [(kind, f"execution {execution_id}")]
    assert await found(database) == expected
    quiet = PATIENT.model_copy(update={"tell_escalated": False})
    assert ((AlertKind.EXECUTION_ESCALATED, f"execution {execution_id}")) not in await found(
        database, quiet
    )
    async with database.transaction() as session:
        await lift_guards(session)
        then = await database_now(session) - timedelta(hours=2)
        await session.execute(update(Execution).values(ended_at=then))
    assert await found(database) == []  # no news any more


async def test_a_question_that_waits_too_long(database: Database, execution_id: int) -> None:
    approvals = Approvals(database)
    asked = await approvals.request(
        execution_id,
        plan(execution_id),
        decision(),
        requested_by="agent",
        ttl_seconds=7200,
        simulated=False,
    )
    await Journal(database).set_status(execution_id, ExecutionStatus.WAITING_APPROVAL)
    assert await found(database) == []
    async with database.transaction() as session:
        await lift_guards(session)
        then = await database_now(session) - timedelta(hours=1)
        await session.execute(update(Approval).values(requested_at=then))
    (condition,) = await Conditions(database, PATIENT).look()
    assert (condition.kind, condition.subject) == (
        AlertKind.APPROVAL_WAITING,
        f"approval {asked.id}",
    )
    assert "service.start on alpha" in condition.statement
    assert "ledger" not in condition.statement  # parameters stay in the question
    await approvals.withdraw(execution_id)
    assert await found(database) == []


async def test_repairs_that_the_fleet_guard_holds_are_one_incident(
    database: Database, begin: Begin
) -> None:
    approvals = Approvals(database)
    held = decision().model_copy(update={"rule": FLEET_RULE})
    for number in ("INC0010001", "INC0010002"):
        execution_id = await begin(number)
        await approvals.request(
            execution_id, plan(execution_id), held, requested_by="agent", ttl_seconds=7200,
            simulated=False,
        )  # fmt: skip
    (condition,) = await Conditions(database, PATIENT).look()  # at once, not after a while
    assert (condition.kind, condition.subject) == (AlertKind.FLEET_HELD, "fleet")
    assert condition.statement.startswith("2 repairs wait")
    assert "alpha" in condition.statement
    await approvals.withdraw(execution_id)
    (condition,) = await Conditions(database, PATIENT).look()
    assert condition.statement.startswith("A repair waits")


async def test_a_worker_that_was_lost_and_one_that_left(database: Database) -> None:
    workers = Workers(database)
    for name in ("w-1", "w-2", "w-3"):
        await workers.beat(name, hostname="here", pid=7)
    await workers.leave("w-1")
    await workers.give_up("w-2")
    assert await found(database) == [(AlertKind.WORKER_LOST, "worker w-2")]
    assert await workers.give_up("w-3", beaten_at=(await workers.beats())["w-3"])
    await workers.give_up("w-1")  # it left in good order; it is not lost after that
    lost = {subject for _, subject in await found(database)}
    assert lost == {"worker w-2", "worker w-3"}
    async with database.transaction() as session:
        then = await database_now(session) - timedelta(hours=2)
        await session.execute(update(Worker).values(lost_at=then))
    assert await found(database) == []


async def test_a_ticket_that_cannot_be_written_to(database: Database, execution_id: int) -> None:
    async with database.transaction() as session:
        for number, (state, attempts) in enumerate(
            ((OutboxState.PENDING, 1), (OutboxState.PENDING, 5), (OutboxState.PARKED, 1))
        ):
            session.add(_outbox_row(execution_id, f"note-{number}", state, attempts))
    (condition,) = await Conditions(database, PATIENT).look()
    assert (condition.kind, condition.subject) == (AlertKind.OUTBOX_BLOCKED, "outbox")
    assert "row 2 of the outbox is pending" in condition.statement
    assert "hunter2" not in condition.statement
    async with database.transaction() as session:
        await session.execute(update(OutboxRow).values(state=OutboxState.SENT))
    assert await found(database) == []


def _outbox_row(execution_id: int, key: str, state: OutboxState, attempts: int) -> OutboxRow:
    return OutboxRow(
        execution_id=execution_id,
        key=key,
        incident_number="INC0010001",
        told=Told.TAKEN_ON,
        note="the password is hunter2",
        marker="m",
        proven=False,
        close_notes="",
        simulated=False,
        state=state,
        attempts=attempts,
        claimed_by=None,
        claimed_until=None,
        last_error="hunter2",
        result={},
        settled_at=None,
    )


async def test_names_from_outside_carry_no_markup_and_no_lines(
    database: Database, begin: Begin, journal: Journal
) -> None:
    execution_id = await begin("INC1\n<!channel> [x](http://evil)")
    await an_hour_ago(database, execution_id)
    (condition,) = await Conditions(database, PATIENT).look()
    assert "INC1??" in condition.statement
    assert not set("\n<>[]") & set(condition.statement)


def test_long_names_are_cut() -> None:
    assert plain("a" * 500) == "a" * 80
    assert plain("web-01.corp_x") == "web-01.corp_x"
