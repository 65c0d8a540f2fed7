"""The write-ahead ledger: sent once, settled once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.audit.intents import Intent, Intents
from app.domain.action import ActionCall
from app.domain.intent import IntentState
from app.errors import AuditWriteFailed, Conflict, NotFound
from app.models.database import Database
from tests.integration.audit.values import decision

CALL = ActionCall(action="service.start", host="alpha", params={"unit": "ledger.service"})


@pytest.fixture
def intents(database: Database) -> Intents:
    return Intents(database)


def intent(execution_id: int, id_: str = "exe-1-1.change-1", **fields: Any) -> Intent:
    told: dict[str, Any] = {
        "workflow_id": "exe-1-1",
        "host": "alpha",
        "call": CALL,
        "before": {"active_state": "inactive"},
        "decision": decision(),
        "plan_hash": "hash-of-the-plan",
        "fence": 1,
        "simulated": False,
    }
    return Intent(id=id_, execution_id=execution_id, **(told | fields))


async def test_an_intent_is_written_before_it_is_sent(intents: Intents, execution_id: int) -> None:
    opened = await intents.open(intent(execution_id))
    assert opened.state is IntentState.INTENDED
    assert opened.intended_at is not None
    assert await intents.get(opened.id) == opened
    assert await intents.open(intent(execution_id, fence=2)) == opened  # the first stands


async def test_an_id_stands_for_one_call(intents: Intents, execution_id: int) -> None:
    await intents.open(intent(execution_id))
    other = CALL.model_copy(update={"action": "service.stop"})
    with pytest.raises(Conflict, match=r"written down for service\.start"):
        await intents.open(intent(execution_id, call=other))


async def test_of_many_only_one_may_send(
    database: Database, other_database: Database, execution_id: int
) -> None:
    ledgers = [Intents(database), Intents(other_database)] * 6
    await asyncio.gather(*(ledger.open(intent(execution_id)) for ledger in ledgers))
    claims = await asyncio.gather(*(ledger.dispatch("exe-1-1.change-1") for ledger in ledgers))
    assert claims.count(True) == 1


async def test_an_outcome_stands(intents: Intents, execution_id: int) -> None:
    id_ = (await intents.open(intent(execution_id))).id
    with pytest.raises(Conflict, match="intended and cannot become done"):
        await intents.settle(id_, IntentState.DONE, exit_code=0, how="ran")
    assert await intents.dispatch(id_)
    assert [each.id for each in await intents.unsettled(host="alpha")] == [id_]
    await intents.settle(id_, IntentState.UNKNOWN, how="connection lost")
    assert [each.id for each in await intents.unsettled()] == [id_]
    done = await intents.settle(id_, IntentState.DONE, exit_code=0, output="ok\x00", how="receipt")
    assert (done.state, done.exit_code, done.how) == (IntentState.DONE, 0, "receipt")
    assert done.settled_at is not None
    late = await intents.settle(id_, IntentState.UNKNOWN, how="connection lost")
    assert late.model_copy(update={"output": "ok\x00"}) == done.model_copy(
        update={"output": "ok\x00"}
    )
    assert not await intents.dispatch(id_)
    assert await intents.unsettled() == ()


async def test_what_was_sent_lately_is_counted_by_host(intents: Intents, execution_id: int) -> None:
    for number in range(3):
        await intents.open(intent(execution_id, f"i-{number}", simulated=number == 2))
    await intents.dispatch("i-0")
    await intents.dispatch("i-2")

    async def recent(host: str, *, simulated: bool) -> list[str]:
        found = await intents.recent(host, within_seconds=60, simulated=simulated)
        return [each.id for each in found]

    assert await recent("alpha", simulated=False) == ["i-0"]
    assert await recent("alpha", simulated=True) == ["i-2"]
    assert await recent("beta", simulated=False) == []
    assert await intents.recent("alpha", within_seconds=-1, simulated=False) == ()
    assert [each.id for each in await intents.of_execution(execution_id)] == ["i-0", "i-1", "i-2"]


async def test_an_intent_belongs_to_an_execution(intents: Intents) -> None:
    with pytest.raises(AuditWriteFailed, match=r"Intent exe-1-1\.change-1 could not be written"):
        await intents.open(intent(404))
    with pytest.raises(NotFound, match="no intent exe-9"):
        await intents.dispatch("exe-9")
    with pytest.raises(NotFound):
        await intents.settle("exe-9", IntentState.DONE, how="ran")
    assert await intents.get("exe-9") is None
