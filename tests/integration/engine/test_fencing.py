"""A worker that was only slow: whatever it still meant to do, another goes on with, is not done."""

from __future__ import annotations

import pytest

from app.audit.intents import Claim, Intent
from app.audit.journal import Journal
from app.domain.intent import IntentState
from app.domain.verdict import Verdict
from app.engine.parts import Records
from app.errors import Fenced
from app.models.database import Database
from tests.integration.engine.world import CALL, HOST, Says, incident, plan

INTENT = "exe-1-1.remediate-1.0"


class Pair:
    """A workflow that holds the host, its first worker and the one that goes on."""

    def __init__(self, records: Records, execution_id: int) -> None:
        self.records = records
        self.workflow = f"exe-{execution_id}-1"
        self.execution_id = execution_id

    async def intend(self, fence: int) -> None:
        decision = await Says(Verdict.ALLOW).decide(plan(self.execution_id))
        await self.records.intents.open(
            Intent(
                id=INTENT,
                execution_id=self.execution_id,
                workflow_id=self.workflow,
                host=HOST.name,
                call=CALL,
                before={},
                decision=decision,
                plan_hash=decision.plan_hash,
                fence=fence,
                simulated=False,
            )
        )

    async def take_over(self) -> dict[str, int]:
        """As the peers do: the slow one is given up, and its workflow runs with the other."""
        await self.records.workers.give_up("slow")
        return await self.records.leases.renew(self.workflow, worker="next")


@pytest.fixture
async def pair(database: Database) -> Pair:
    accepted = await Journal(database).accept(
        incident("INC0000001"), {}, simulated=False, max_active=9
    )
    pair = Pair(Records.of(database), accepted.execution_id)
    for name in ("slow", "next"):
        await pair.records.workers.beat(name, hostname="here", pid=7)
    await pair.records.leases.acquire(HOST.name, pair.workflow, worker="slow")
    await pair.intend(fence=1)
    return pair


async def test_it_sends_nothing_any_more(pair: Pair) -> None:
    fences = await pair.take_over()
    with pytest.raises(Fenced):
        await pair.records.intents.dispatch(INTENT, Claim(worker="slow", fence=1))
    assert await pair.records.intents.dispatch(
        INTENT, Claim(worker="next", fence=fences[HOST.name])
    )


async def test_an_older_fence_is_refused_whoever_lives(pair: Pair) -> None:
    await pair.records.leases.renew(pair.workflow, worker="next")
    with pytest.raises(Fenced):
        await pair.records.intents.dispatch(INTENT, Claim(worker="slow", fence=1))
    stored = await pair.records.intents.get(INTENT)
    assert stored is not None
    assert stored.state is IntentState.INTENDED


async def test_it_takes_no_host_and_says_nothing_of_a_change(pair: Pair) -> None:
    fences = await pair.take_over()
    claim = Claim(worker="next", fence=fences[HOST.name])
    await pair.records.intents.dispatch(INTENT, claim)
    with pytest.raises(Fenced):
        await pair.records.leases.acquire(HOST.name, pair.workflow, worker="slow")
    with pytest.raises(Fenced):
        await pair.records.intents.settle(INTENT, IntentState.REFUSED, how="refused", worker="slow")
    with pytest.raises(Fenced):
        await pair.records.leases.renew(pair.workflow, worker="slow")
    stored = await pair.records.intents.get(INTENT)
    assert stored is not None
    assert stored.state is IntentState.DISPATCHED


async def test_each_run_has_a_newer_fence_than_the_one_before(pair: Pair) -> None:
    first = await pair.records.leases.renew(pair.workflow, worker="slow")
    second = await pair.take_over()
    assert second[HOST.name] > first[HOST.name] > 1
    assert await pair.records.leases.renew("exe-9-1", worker="next") == {}
