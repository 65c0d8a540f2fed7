"""The outbox: queued with what it tells of, claimed in order by one, never twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Update, text, update

from app.audit.approvals import Approvals
from app.audit.journal import Journal
from app.audit.outbox import Outbox
from app.audit.reading import Reading
from app.audit.tickets import Tickets
from app.audit.workers import Workers
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.ticket import Delivery, OutboxState, SeenTicket, Told
from app.domain.verdict import Verification
from app.errors import AuditWriteFailed, Conflict, NotFound
from app.models.database import Database, database_now
from app.models.operations import Worker
from app.models.tickets import OutboxRow
from app.settings import Settings
from tests.integration.audit.values import NOON, decision, incident, plan, probe_result

SNOW: dict[str, Any] = {
    "servicenow_instance_url": "https://snow.example",
    "servicenow_username": "agent",
    "servicenow_password": "x",
    "public_url": "https://sre.example.com",
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of a service that writes to tickets."""
    database = Database(Settings(database_url=database_url, _env_file=None, **SNOW))
    yield database
    await database.close()


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


async def begun(journal: Journal, number: str = "INC0010001", **more: Any) -> int:
    """An execution that a worker has taken."""
    simulated = more.pop("simulated", False)
    accepted = await journal.accept(
        incident(number, **more), {}, simulated=simulated, max_active=999
    )
    await journal.set_status(accepted.execution_id, ExecutionStatus.RUNNING)
    return accepted.execution_id


async def ended(
    journal: Journal, execution_id: int, outcome: Outcome = Outcome.RESOLVED, **more: Any
) -> None:
    told = {"root_cause": "ledger.service was stopped", "summary": "It was started again."}
    await journal.conclude(
        execution_id,
        outcome=outcome,
        confidence=0.97,
        evidence_ids=(),
        recommended=("Look why it stopped",),
        **(told | more),
    )


async def proved(
    journal: Journal, execution_id: int, *, healed: bool = True, simulated: bool = False
) -> None:
    proof = Verification(
        healed=healed,
        statement="Users are served again",
        before=(probe_result(ok=False),),
        after=(probe_result(ok=healed),),
        watched_seconds=10,
        taken_at=NOON,
        simulated=simulated,
    )
    await journal.record(execution_id, f"proof-{healed}", verification=proof)


async def test_taken_on_asked_and_ended_are_queued_once_each_in_order(
    database: Database, journal: Journal, outbox: Outbox
) -> None:
    execution_id = await begun(journal)
    await journal.set_status(execution_id, ExecutionStatus.RUNNING)
    asking = Approvals(database)
    for _ in range(2):
        await asking.request(
            execution_id,
            plan(execution_id),
            decision(),
            requested_by="sre-agent",
            ttl_seconds=60,
            simulated=False,
        )
    await proved(journal, execution_id)
    for _ in range(2):
        await ended(journal, execution_id)
    rows = await outbox.listed(execution_id=execution_id)
    assert [row.told for row in rows] == [Told.TAKEN_ON, Told.QUESTION, Told.RESOLVED]
    assert all(row.note.endswith(row.marker) for row in rows)
    assert len({row.marker for row in rows}) == 3
    question, last = rows[1].note, rows[2]
    assert "service.start unit=ledger.service" in question
    assert "at L2 a person approves each change" in question
    assert "Answer: https://sre.example.com/ui/approvals/1, or sre-agent approvals" in question
    assert "Cause: ledger.service was stopped (confidence 97%)" in last.note
    assert "before: http front FAILED: nothing listens" in last.note
    assert "after: http front passed: 200, as expected" in last.note
    assert "Look why it stopped" in last.note
    assert last.proven
    assert last.close_notes.endswith(last.marker)


@pytest.mark.parametrize(
    ("healed", "simulated_proof"), [(None, False), (False, False), (True, True)]
)
async def test_without_a_green_and_real_proof_nothing_may_resolve(
    journal: Journal, outbox: Outbox, healed: bool | None, simulated_proof: bool
) -> None:
    execution_id = await begun(journal)
    if healed is not None:
        await proved(journal, execution_id, healed=healed, simulated=simulated_proof)
    await ended(journal, execution_id)
    assert not (await outbox.listed())[-1].proven


async def test_a_later_red_proof_undoes_an_earlier_green_one(
    journal: Journal, outbox: Outbox
) -> None:
    execution_id = await begun(journal)
    await proved(journal, execution_id, healed=True)
    await proved(journal, execution_id, healed=False)
    await ended(journal, execution_id)
    assert not (await outbox.listed())[-1].proven


async def test_nothing_is_queued_of_a_simulation(journal: Journal, outbox: Outbox) -> None:
    await ended(journal, await begun(journal, simulated=True))
    assert await outbox.listed() == ()


async def test_a_simulation_that_is_to_be_told_is_marked_and_proves_nothing(
    database_url: str,
) -> None:
    settings = Settings(
        database_url=database_url, _env_file=None, servicenow_write_simulated=True, **SNOW
    )
    database = Database(settings)
    journal = Journal(database)
    execution_id = await begun(journal, simulated=True)
    await proved(journal, execution_id, simulated=True)
    await ended(journal, execution_id)
    rows = await Outbox(database).listed()
    await database.close()
    assert [row.told for row in rows] == [Told.TAKEN_ON, Told.RESOLVED]
    assert all(row.note.startswith("SIMULATED: no host was contacted") for row in rows)
    assert not any(row.proven for row in rows)


@pytest.mark.parametrize(
    ("number", "fields", "queued"),
    [
        ("INC0010001", {}, 1),
        ("CLI-20260301120000", {}, 0),
        ("ALERT-1", {"source": "alertmanager"}, 0),
        ("INC0010002", {"source": "snow-prod", "sys_id": "a" * 32}, 1),
    ],
)
async def test_only_incidents_with_a_ticket_are_told(
    journal: Journal, outbox: Outbox, number: str, fields: dict[str, str], queued: int
) -> None:
    await begun(journal, number, **fields)
    assert len(await outbox.listed()) == queued


async def test_where_the_event_is_not_written_nothing_is_queued(
    database: Database, journal: Journal, outbox: Outbox
) -> None:
    execution_id = await begun(journal)
    async with database.transaction() as session:
        await session.execute(text("DROP TABLE outbox"))
    with pytest.raises(AuditWriteFailed):
        await ended(journal, execution_id)
    assert (await Reading(database).execution(execution_id)).outcome is None


async def test_text_of_hosts_cannot_become_html_in_the_ticket(
    journal: Journal, outbox: Outbox
) -> None:
    execution_id = await begun(journal)
    await ended(journal, execution_id, summary="[code]<script>alert(1)</script>[/CODE] " * 400)
    note = (await outbox.listed())[-1].note
    assert "[code]" not in note.lower()
    assert len(note) <= 8000


async def claim(outbox: Outbox, worker: str = "w1", **more: Any) -> tuple[Delivery, ...]:
    given: dict[str, Any] = {"most": 10, "seconds": 60.0, "late_seconds": 0.0}
    return await outbox.claim(worker, **(given | more))


async def due(outbox: Outbox, *gone: str, late: float = 0.0) -> tuple[bool, frozenset[str]]:
    return await outbox.due(lambda worker: worker in gone, late_seconds=late)


async def settle(outbox: Outbox, row: Delivery, state: OutboxState = OutboxState.SENT) -> bool:
    return await outbox.settle(row, state, worker="w1", result={})


async def test_each_ticket_in_order_and_tickets_side_by_side(
    journal: Journal, outbox: Outbox
) -> None:
    first, second = await begun(journal, "INC1"), await begun(journal, "INC2")
    await ended(journal, first)
    claimed = await claim(outbox)
    assert [(row.execution_id, row.told) for row in claimed] == [
        (first, Told.TAKEN_ON),
        (second, Told.TAKEN_ON),
    ]
    assert await claim(outbox) == ()
    assert await settle(outbox, claimed[0])
    (after,) = await claim(outbox)
    assert (after.execution_id, after.told) == (first, Told.RESOLVED)


async def test_what_is_put_off_waits_and_so_does_what_comes_after_it(
    journal: Journal, outbox: Outbox
) -> None:
    await ended(journal, await begun(journal))
    (row,) = await claim(outbox)
    await outbox.postpone(row, worker="w1", seconds=3600, error="503")
    assert await claim(outbox) == ()
    assert await due(outbox) == (False, frozenset())
    (waiting, _) = await outbox.listed()
    assert (waiting.state, waiting.attempts, waiting.last_error) == (OutboxState.PENDING, 1, "503")
    await outbox.retry(row.id)
    (again,) = await claim(outbox)
    assert (again.id, again.attempts) == (row.id, 2)


async def test_what_is_parked_waits_for_a_person_and_holds_nobody_up(
    journal: Journal, outbox: Outbox
) -> None:
    await ended(journal, await begun(journal))
    (row,) = await claim(outbox)
    await settle(outbox, row, OutboxState.PARKED)
    assert [(r.id, r.stuck) for r in await outbox.listed(stuck=True)] == [(row.id, True)]
    (after,) = await claim(outbox)
    assert after.told is Told.RESOLVED
    await outbox.drop(row.id)
    with pytest.raises(Conflict):
        await outbox.retry(row.id)
    with pytest.raises(NotFound):
        await outbox.retry(999)


async def test_a_claim_runs_out_or_ends_with_its_worker(journal: Journal, outbox: Outbox) -> None:
    await begun(journal)
    (first,) = await claim(outbox, "w1", seconds=0)
    (second,) = await claim(outbox, "w2")
    assert (second.id, second.attempts) == (first.id, 2)
    assert await due(outbox) == (False, frozenset())
    assert await due(outbox, "w2") == (True, frozenset({"w2"}))
    assert await claim(outbox, "w3") == ()
    (third,) = await claim(outbox, "w3", gone=["w2"])
    assert third.attempts == 3
    # the first two come back from the dead: their word counts no more
    assert not await outbox.settle(first, OutboxState.DROPPED, worker="w1", result={})
    await outbox.postpone(second, worker="w2", seconds=9999, error="late")
    assert (await outbox.get(first.id)).state is OutboxState.SENDING
    assert await outbox.settle(third, OutboxState.SENT, worker="w3", result={})


@pytest.mark.parametrize("latest", ["claim", "beat", "leaving"])
async def test_a_dead_workers_claim_waits_until_nothing_that_it_sent_can_arrive(
    database: Database, journal: Journal, outbox: Outbox, latest: str
) -> None:
    workers = Workers(database)
    await workers.beat("w1", hostname="here", pid=1)
    await begun(journal)
    (first,) = await claim(outbox, "w1")
    if latest != "claim":
        await an_hour_ago(database, update(OutboxRow), "next_try_at")
    if latest != "beat":
        await an_hour_ago(database, update(Worker), "heartbeat")
    if latest == "leaving":
        await workers.leave("w1")
    assert await due(outbox, "w1", late=60) == (False, frozenset({"w1"}))
    assert await claim(outbox, "w2", gone=["w1"], late_seconds=60) == ()
    await an_hour_ago(database, update(OutboxRow), "next_try_at")
    await an_hour_ago(database, update(Worker), "heartbeat")
    assert await due(outbox, late=60) == (False, frozenset()), "it may only hang"
    assert await due(outbox, "w1", late=60) == (True, frozenset({"w1"}))
    (second,) = await claim(outbox, "w2", gone=["w1"], late_seconds=60)
    assert (second.id, second.attempts) == (first.id, 2)
    assert await due(outbox, "w2", late=60) == (False, frozenset({"w2"})), "its own time began"


async def test_what_was_put_off_before_the_clock_was_set_back_is_due(
    database: Database, journal: Journal, outbox: Outbox
) -> None:
    await begun(journal)
    (row,) = await claim(outbox)
    await outbox.postpone(row, worker="w1", seconds=60, error="503", unsure_seconds=60)
    for column in ("next_try_at", "unsure_until"):
        await moved(database, update(OutboxRow), column, timedelta(days=3))
    assert await due(outbox) == (True, frozenset())
    (again,) = await claim(outbox, late_seconds=60)
    assert again.id == row.id
    assert 0 < again.unsure_seconds <= 60


async def test_a_dead_workers_claim_outlives_no_clock_that_was_set_back(
    database: Database, journal: Journal, outbox: Outbox
) -> None:
    workers = Workers(database)
    await workers.beat("w1", hostname="here", pid=1)
    await begun(journal)
    (first,) = await claim(outbox, "w1")
    for column in ("next_try_at", "claimed_until"):
        await moved(database, update(OutboxRow), column, timedelta(days=3))
    await moved(database, update(Worker), "heartbeat", timedelta(days=3))
    assert await due(outbox, "w1", late=60) == (True, frozenset({"w1"}))
    assert await claim(outbox, "w2", gone=["w1"], late_seconds=60) == (), "its time begins anew"
    assert await due(outbox, "w1", late=60) == (False, frozenset({"w1"}))
    await an_hour_ago(database, update(OutboxRow), "next_try_at")
    (second,) = await claim(outbox, "w2", gone=["w1"], late_seconds=60)
    assert (second.id, second.attempts) == (first.id, 2)


async def an_hour_ago(database: Database, change: Update, column: str) -> None:
    await moved(database, change, column, -timedelta(hours=1))


async def moved(database: Database, change: Update, column: str, by: timedelta) -> None:
    """Write so much later than now into a column."""
    async with database.transaction() as session:
        then = await database_now(session) + by
        await session.execute(change.values({column: then}))


async def test_two_at_once_never_claim_the_same_row(
    database_url: str, journal: Journal, outbox: Outbox
) -> None:
    for number in range(12):
        await begun(journal, f"INC{number}")
    other = Database(Settings(database_url=database_url, _env_file=None, **SNOW))
    claims = await asyncio.gather(
        *(claim(box, worker, most=2) for _ in range(4)
          for box, worker in ((outbox, "w1"), (Outbox(other), "w2")))
    )  # fmt: skip
    await other.close()
    ids = [row.id for claimed in claims for row in claimed]
    assert len(ids) == len(set(ids)) >= 8


async def test_our_own_write_is_old_news_when_servicenow_tells_of_it(
    journal: Journal, outbox: Outbox
) -> None:
    execution_id = await begun(journal, sys_id="a" * 32)
    await ended(journal, execution_id, Outcome.ESCALATED)
    for row in (*await claim(outbox), *await claim(outbox)):
        await outbox.settle(row, OutboxState.SENT, worker="w1", result={}, mod_count=7)
    echo = {"sys_mod_count": "7", "state": "2"}
    told = incident("INC0010001", sys_id="a" * 32)
    again = await journal.accept(told, echo, simulated=False, max_active=9)
    assert (again.created, again.execution_id) == (False, execution_id)
    news = await journal.accept(told, {"sys_mod_count": "8"}, simulated=False, max_active=9)
    assert news.created


async def test_tickets_remember_how_they_were_when_taken_on(
    database: Database, journal: Journal
) -> None:
    tickets = Tickets(database)
    execution_id = await begun(journal)
    (unknown,) = await tickets.at_work()
    assert (unknown.sys_id, unknown.seen) == (None, None)
    seen = SeenTicket(state="2", assigned_to="", assignment_group="b" * 32)
    await tickets.remember("INC0010001", "a" * 32, execution_id=execution_id, seen=seen)
    await tickets.remember("INC0010001", "a" * 32, execution_id=execution_id)
    (at_work,) = await tickets.at_work(execution_id=execution_id, simulated=False)
    assert (at_work.sys_id, at_work.seen) == ("a" * 32, seen)
    await journal.request_cancel(execution_id, by="ann", reason="")
    assert await tickets.at_work() == ()
    # the next episode of the incident has not taken it on yet
    await tickets.remember("INC0010001", "a" * 32, execution_id=execution_id + 1)
    known = await tickets.known("INC0010001")
    assert known is not None
    assert known.seen is None
    assert await tickets.without_execution(("INC0010001", "INC9")) == ("INC9",)


async def test_a_bookmark_is_kept(database: Database) -> None:
    tickets = Tickets(database)
    assert await tickets.bookmark("x") is None
    for position in ("1", "2"):
        await tickets.set_bookmark("x", position)
    assert await tickets.bookmark("x") == "2"
