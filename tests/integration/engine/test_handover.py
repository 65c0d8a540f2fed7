"""Executions of an earlier epoch of the graph: its own workers' while there are any, and then ours.

The earlier agent is this version under another epoch's name, in a process of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.audit.approvals import Approval
from app.audit.outbox import Outbox
from app.domain.approval import Vote
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.ticket import Told
from app.domain.verdict import Verdict
from app.engine.durable_tables import WorkflowTables
from app.engine.takeover import REAPER
from app.engine.workflows import GRAPH_EPOCH, Workflow, WorkflowState, workflow_id
from app.settings import Settings
from tests.integration.engine import earlier
from tests.integration.engine.conftest import Agent, Site, polled
from tests.integration.engine.graph import WELL

GIVEN: dict[str, Any] = {
    "worker_concurrency": 1,  # what is begun keeps what comes after it in the queue
    "host_concurrency": 5,  # they are all about one host
    "servicenow_instance_url": "http://127.0.0.1:9",  # what tickets are told is queued; none sends
    "servicenow_username": "sre-agent",
    "servicenow_password": "of-nobody",
}
CHANGE = "service.start unit=edge.service on alpha"


@dataclass
class Before:
    """What an earlier agent was at when the new version came."""

    asking: int  # waits for a person
    begun: int  # in the middle of a change
    unbegun: int  # in the queue
    question: Approval
    agent: Agent


@pytest.fixture
async def tables(site: Site) -> AsyncIterator[WorkflowTables]:
    """The engine's tables, as any process sees them."""
    settings = Settings(database_url=site.url, _env_file=None, **GIVEN)
    tables = WorkflowTables(settings)
    await tables.open()
    yield tables
    await tables.close()


@pytest.fixture
async def before(site: Site, tables: WorkflowTables) -> Before:
    asking = await site.accept("INC0000001")
    first = await site.earlier_agent(Verdict.NEEDS_APPROVAL, **GIVEN)
    question = await site.asked(asking)
    await first.stop()
    site.folder.hold()
    begun = await site.accept("INC0000002")
    agent = await site.earlier_agent(**GIVEN)
    await site.folder.until("start", seconds=60)
    unbegun = await site.accept("INC0000003")
    await _until(tables, unbegun, lambda found: found.state is WorkflowState.QUEUED)
    return Before(asking, begun, unbegun, question, agent)


async def test_while_an_earlier_worker_lives_they_are_its_own(
    site: Site, tables: WorkflowTables, before: Before
) -> None:
    new = await site.agent("one_is_well", **GIVEN)
    await _make_reaper(site, new)
    # what only the reaper's sweep finds, after it has looked for what is to be handed over; and it
    # is due last: a worker that took others' executions would have taken those first
    canary = await site.accept(WELL)
    await site.journal.set_status(canary, ExecutionStatus.RUNNING)
    assert (await site.ended(canary, seconds=60)).outcome is Outcome.NO_FAULT
    assert (await _workflow(tables, canary)).epoch == GRAPH_EPOCH

    for execution_id in (before.begun, before.unbegun):
        assert (await _workflow(tables, execution_id)).epoch == earlier.EPOCH
    assert (await _workflow(tables, before.begun)).worker == before.agent.worker_id
    assert (await _workflow(tables, before.unbegun)).state is WorkflowState.QUEUED
    await site.until(before.asking, ExecutionStatus.WAITING_APPROVAL)

    site.folder.let_go()
    assert (await site.ended(before.begun)).outcome is Outcome.RESOLVED
    assert (await site.ended(before.unbegun)).outcome is Outcome.NO_FAULT
    assert (await _workflow(tables, before.unbegun)).worker == before.agent.worker_id
    assert _changed(site) == [f"exe-{before.begun}-1.remediate-1.0"]


@pytest.mark.parametrize("ends", ["killed", "stopped"])
async def test_after_the_last_of_them_each_comes_to_its_end(
    site: Site, tables: WorkflowTables, before: Before, ends: str
) -> None:
    await (before.agent.kill() if ends == "killed" else before.agent.stop())
    site.folder.let_go()  # the host ends by itself what was begun there
    await site.folder.until("end")
    site.folder.break_again()

    new = await site.agent(**GIVEN)
    handed_over = await site.ended(before.begun, seconds=60)
    assert handed_over.outcome is Outcome.ESCALATED
    assert f"another version of the agent ({earlier.EPOCH})" in handed_over.summary
    assert f"It is not known whether {CHANGE} ran" in handed_over.summary
    assert any(f"Check on the host: It is not known whether {CHANGE}" in told
               for told in handed_over.recommended)  # fmt: skip
    assert (await _workflow(tables, before.begun)).ended

    anew = await site.ended(before.unbegun, seconds=60)
    assert anew.outcome is Outcome.RESOLVED, anew.summary
    found = await _workflow(tables, before.unbegun)
    assert (found.epoch, found.worker) == (GRAPH_EPOCH, new.worker_id)

    site.folder.break_again()
    await site.vote(before.question, Vote.APPROVE)
    assert (await site.ended(before.asking, seconds=60)).outcome is Outcome.RESOLVED
    assert _changed(site) == [
        f"exe-{before.begun}-1.remediate-1.0",
        f"exe-{before.unbegun}-1.remediate-1.0",
        f"exe-{before.asking}-2.remediate-1.0",
    ]
    assert await _told(site) == {
        before.begun: Told.HANDED_OVER,
        before.unbegun: Told.RESOLVED,
        before.asking: Told.RESOLVED,
    }


async def test_a_new_worker_that_is_there_already_sees_the_last_of_them_die(
    site: Site, tables: WorkflowTables, before: Before
) -> None:
    """It takes over from the dead first, and still does not go on in the middle."""
    new = await site.agent(**GIVEN)
    await before.agent.kill()
    site.folder.let_go()
    handed_over = await site.ended(before.begun, seconds=60)
    assert handed_over.outcome is Outcome.ESCALATED
    assert f"another version of the agent ({earlier.EPOCH})" in handed_over.summary
    assert (await site.ended(before.unbegun, seconds=60)).outcome is Outcome.NO_FAULT
    assert (await _workflow(tables, before.unbegun)).worker == new.worker_id
    assert _changed(site) == [f"exe-{before.begun}-1.remediate-1.0"]


async def test_a_decision_that_an_earlier_worker_acted_on_is_not_lost(
    site: Site, tables: WorkflowTables, before: Before
) -> None:
    """It has put the next workflow in its queue, and dies before that began."""
    await site.vote(before.question, Vote.APPROVE)
    await _until(tables, before.asking, lambda found: found.epoch == earlier.EPOCH, number=2)
    await before.agent.kill()
    site.folder.let_go()
    await site.folder.until("end")
    site.folder.break_again()

    await site.agent(verdict=Verdict.NEEDS_APPROVAL, **GIVEN)
    # the yes carries, though the policy asks; who never began may come first, and asks for its own
    assert (await site.ended(before.asking, seconds=60)).outcome is Outcome.RESOLVED
    assert (await _workflow(tables, before.asking, number=2)).epoch == GRAPH_EPOCH
    assert (await site.ended(before.begun, seconds=60)).outcome is Outcome.ESCALATED
    assert _changed(site) == [
        f"exe-{before.begun}-1.remediate-1.0",
        f"exe-{before.asking}-2.remediate-1.0",
    ]


def _changed(site: Site) -> list[str]:
    """The intents of the commands that were begun on the host, in order."""
    return [line.split()[1] for line in site.folder.started()]


async def _told(site: Site) -> dict[int, Told]:
    """What the ticket of each execution is told last."""
    return {row.execution_id: row.told for row in await Outbox(site.database).listed()}


async def _make_reaper(site: Site, agent: Agent) -> None:
    """As it is where the new worker came first."""

    async def from_anybody(_holder: str) -> bool:
        return True

    leases = site.records.leases
    assert await leases.acquire(REAPER, agent.worker_id, may_steal=from_anybody) is not None


async def _workflow(tables: WorkflowTables, execution_id: int, number: int = 1) -> Workflow:
    name = workflow_id(execution_id, number)
    return (await tables.find([name]))[name]


async def _until(
    tables: WorkflowTables, execution_id: int, good: Callable[[Workflow], bool], *, number: int = 1
) -> None:
    """Wait for a workflow to be there and as wanted."""
    name = workflow_id(execution_id, number)

    async def look() -> Workflow | None:
        return (await tables.find([name])).get(name)

    async with asyncio.timeout(60):
        await polled(look, lambda found: found is not None and good(found))
