"""Which execution an incident belongs to, also when it is told many times at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.audit.intake import Accepted
from app.audit.journal import Journal
from app.audit.reading import Reading
from app.domain.execution import ExecutionStatus, Outcome
from app.errors import Busy
from app.models.database import Database
from tests.integration.audit.values import incident

TICKET = {"sys_id": "46d44a5d0a0a0b5700c77f9bf387afe3"}


async def accept(
    journal: Journal, number: str = "INC0010001", mods: int | None = None, **fields: Any
) -> Accepted:
    raw = {} if mods is None else {"sys_mod_count": str(mods)}
    return await journal.accept(incident(number, **fields), raw, simulated=False, max_active=3)


async def end(journal: Journal, execution_id: int) -> None:
    await journal.set_status(execution_id, ExecutionStatus.RUNNING)
    await journal.conclude(
        execution_id,
        outcome=Outcome.RESOLVED,
        root_cause="it was stopped",
        summary="started it",
        confidence=0.9,
        evidence_ids=(),
        recommended=(),
    )


async def test_a_new_incident_is_queued_and_kept_as_it_was_told(
    journal: Journal, reading: Reading
) -> None:
    told = incident(description="since noon\x00", claimed_service="nginx", **TICKET)
    accepted = await journal.accept(told, {"u_extra": "kept"}, simulated=True, max_active=3)
    assert accepted == Accepted(
        execution_id=accepted.execution_id, created=True, status=ExecutionStatus.QUEUED
    )
    kept = await reading.incident(accepted.execution_id)
    assert kept == told.model_copy(update={"description": "since noon\u2400"})
    view = await reading.execution(accepted.execution_id)
    assert (view.simulated, view.status, view.outcome, view.episode) == (True, "queued", None, 1)
    assert view.started_at.utcoffset() is not None


async def test_a_repeated_incident_gets_the_first_execution(journal: Journal) -> None:
    first = await accept(journal)
    again = await accept(journal)
    assert (again.created, again.execution_id) == (False, first.execution_id)


async def test_many_at_once_get_one_execution(
    database: Database, other_database: Database, reading: Reading
) -> None:
    journals = [Journal(database), Journal(other_database)] * 6
    answers = await asyncio.gather(*(accept(journal) for journal in journals))
    assert len({answer.execution_id for answer in answers}) == 1
    assert [answer.created for answer in answers].count(True) == 1
    assert len(await reading.active()) == 1


async def test_an_incident_told_again_after_the_end_is_a_new_episode(
    journal: Journal, reading: Reading
) -> None:
    first = await accept(journal)
    await end(journal, first.execution_id)
    second = await accept(journal)
    assert second.created
    assert second.execution_id != first.execution_id
    assert (await reading.execution(second.execution_id)).episode == 2


async def test_many_at_once_after_the_end_open_one_episode(
    database: Database, other_database: Database
) -> None:
    journals = [Journal(database), Journal(other_database)] * 4
    await end(journals[0], (await accept(journals[0])).execution_id)
    answers = await asyncio.gather(*(accept(journal) for journal in journals))
    assert [answer.created for answer in answers].count(True) == 1
    assert len({answer.execution_id for answer in answers}) == 1


async def test_a_late_copy_of_a_delivery_gets_the_execution_that_answered_it(
    journal: Journal,
) -> None:
    first = await accept(journal, mods=4, **TICKET)
    await accept(journal, mods=5, **TICKET)  # while it is at work: the same execution has it
    await end(journal, first.execution_id)
    late = await accept(journal, mods=5, **TICKET)
    assert (late.created, late.execution_id) == (False, first.execution_id)

    opened_again = await accept(journal, mods=8, **TICKET)
    assert opened_again.created
    await end(journal, opened_again.execution_id)
    assert (await accept(journal, mods=4, **TICKET)).execution_id == first.execution_id
    assert (await accept(journal, mods=8, **TICKET)).execution_id == opened_again.execution_id


@pytest.mark.parametrize("state", ["3", "6", "7", "8"])
async def test_news_of_a_closed_incident_opens_nothing(journal: Journal, state: str) -> None:
    first = await accept(journal, mods=1, **TICKET)
    await end(journal, first.execution_id)
    told = await accept(journal, mods=2, state=state, **TICKET)
    assert (told.created, told.execution_id) == (False, first.execution_id)


async def test_above_the_limit_new_incidents_are_put_off_and_known_ones_are_not(
    journal: Journal,
) -> None:
    first = await accept(journal, "INC1")
    await accept(journal, "INC2")
    await accept(journal, "INC3")
    with pytest.raises(Busy) as caught:
        await accept(journal, "INC4")
    assert caught.value.retry_after_seconds > 0
    assert (await accept(journal, "INC1")).execution_id == first.execution_id
    await end(journal, first.execution_id)
    assert (await accept(journal, "INC4")).created
