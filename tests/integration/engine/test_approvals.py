"""Questions to people outlive the process that asked; an answer starts one workflow, once."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from app.domain.approval import ApprovalState, Vote
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.verdict import Verdict
from app.errors import Conflict
from app.models import operations as tables
from app.models.base import DatabaseNow
from tests.integration.audit.tampering import lift_guards
from tests.integration.engine.conftest import Site

ASKS = Verdict.NEEDS_APPROVAL


async def test_a_yes_given_while_nobody_runs_resumes_the_execution(site: Site) -> None:
    execution_id = await site.accept()
    agent = await site.agent(verdict=ASKS)
    approval = await site.asked(execution_id)
    assert site.folder.started() == []
    await agent.kill()
    await site.vote(approval, Vote.APPROVE)
    await site.agent(verdict=ASKS)
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.RESOLVED, ended.summary
    assert await site.workflows(execution_id) == [f"exe-{execution_id}-2"]
    (used,) = await site.records.approvals.listed(execution_id=execution_id)
    assert used.state is ApprovalState.USED


async def test_a_decision_is_acted_on_within_a_second_or_so_and_once(site: Site) -> None:
    execution_id = await site.accept()
    await site.agent(verdict=ASKS)
    await site.agent(verdict=ASKS)
    approval = await site.asked(execution_id)
    decided = time.monotonic()
    await site.vote(approval, Vote.APPROVE)
    with pytest.raises(Conflict):
        await site.vote(approval, Vote.APPROVE, person="bob")
    ended = await site.ended(execution_id)
    assert time.monotonic() - decided < 5
    assert ended.outcome is Outcome.RESOLVED
    assert len(site.folder.started()) == 1
    assert await site.workflows(execution_id) == [f"exe-{execution_id}-2"]


@pytest.mark.parametrize("vote", [Vote.REJECT, Vote.REVISE])
async def test_a_no_hands_the_incident_over_and_touches_nothing(site: Site, vote: Vote) -> None:
    execution_id = await site.accept()
    await site.agent(verdict=ASKS)
    await site.vote(await site.asked(execution_id), vote)
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.ESCALATED
    assert site.folder.started() == []


async def test_what_nobody_answers_is_handed_over_with_the_plan(site: Site) -> None:
    execution_id = await site.accept()
    await site.agent(verdict=ASKS)
    approval = await site.asked(execution_id)
    async with site.database.transaction() as session:
        await lift_guards(session)
        row = update(tables.Approval).where(tables.Approval.id == approval.id)
        await session.execute(row.values(expires_at=DatabaseNow()))
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.ESCALATED
    assert "nobody decided" in ended.summary
    assert ended.recommended == ("service.start unit=edge.service on alpha",)


async def test_cancelled_while_it_waits_for_a_person(site: Site) -> None:
    execution_id = await site.accept()
    await site.agent(verdict=ASKS)
    approval = await site.asked(execution_id)
    await site.endings.cancel(execution_id, by="ann", reason="a false alarm")
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.CANCELLED
    with pytest.raises(Conflict):
        await site.vote(approval, Vote.APPROVE)
    await site.until(execution_id, ExecutionStatus.CANCELLED)
    assert site.folder.started() == []
