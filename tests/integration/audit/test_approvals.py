"""Asking people: who may say what, how often, and how long it carries."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from app.audit.approvals import Approval, Approvals
from app.audit.journal import Journal
from app.domain.approval import ApprovalState, Vote
from app.domain.execution import Outcome
from app.errors import Conflict, Forbidden, NotFound
from app.models import operations as tables
from app.models.base import DatabaseNow
from app.models.database import Database
from tests.integration.audit.tampering import lift_guards
from tests.integration.audit.values import decision, plan


@pytest.fixture
def approvals(database: Database) -> Approvals:
    return Approvals(database)


async def ask(
    approvals: Approvals, execution_id: int, *, needed: int = 1, action: str = "service.start"
) -> Approval:
    return await approvals.request(
        execution_id,
        plan(execution_id, action=action),
        decision(needed=needed),
        requested_by="sre-agent",
        ttl_seconds=3600,
        simulated=False,
    )


async def vote(
    approvals: Approvals,
    approval: Approval,
    person: str = "ann",
    word: Vote = Vote.APPROVE,
    plan_hash: str = "hash-of-the-plan",
    subject: str | None = None,
) -> Approval:
    return await approvals.vote(
        approval.id,
        person=person,
        subject=subject,
        vote=word,
        reason="looked at it",
        plan_hash=plan_hash,
        grant_seconds=900,
    )


async def let_time_run_out(database: Database, approval: Approval) -> None:
    async with database.transaction() as session:
        await lift_guards(session)
        mine = update(tables.Approval).where(tables.Approval.id == approval.id)
        await session.execute(mine.values(expires_at=DatabaseNow()))
        await session.execute(
            mine.where(tables.Approval.granted_until.is_not(None)).values(
                granted_until=DatabaseNow()
            )
        )


async def test_the_same_is_asked_once(approvals: Approvals, execution_id: int) -> None:
    first = await ask(approvals, execution_id)
    assert first.state is ApprovalState.PENDING
    assert first.plan == plan(execution_id)
    assert await ask(approvals, execution_id) == first
    other = await ask(approvals, execution_id, action="service.restart")
    assert other.id != first.id
    assert await approvals.listed(state=ApprovalState.PENDING) == (first, other)
    assert await approvals.listed(after=first.id, execution_id=execution_id) == (other,)
    assert await approvals.latest(execution_id, first.proposal) == first


async def test_many_asking_at_once_ask_once(
    database: Database, other_database: Database, execution_id: int
) -> None:
    ways = [Approvals(database), Approvals(other_database)] * 4
    answers = await asyncio.gather(*(ask(way, execution_id) for way in ways))
    assert len({answer.id for answer in answers}) == 1


async def test_a_yes_carries_once_and_to_the_step_that_took_it(
    approvals: Approvals, execution_id: int
) -> None:
    asked = await ask(approvals, execution_id)
    assert await approvals.take_grant(execution_id, asked.proposal, key="decide-2") is None
    approved = await vote(approvals, asked)
    assert approved.state is ApprovalState.APPROVED
    assert approved.granted_until is not None
    assert [(ballot.person, ballot.vote) for ballot in approved.votes] == [("ann", Vote.APPROVE)]
    assert await approvals.take_grant(execution_id, "another proposal", key="decide-2") is None

    taken = await approvals.take_grant(execution_id, asked.proposal, key="decide-2")
    assert taken is not None
    assert taken.state is ApprovalState.USED
    assert await approvals.take_grant(execution_id, asked.proposal, key="decide-2") == taken
    assert await approvals.take_grant(execution_id, asked.proposal, key="decide-3") is None
    assert (await ask(approvals, execution_id)).id != asked.id  # used up: asked anew


async def test_of_many_one_takes_the_grant(
    database: Database, other_database: Database, execution_id: int
) -> None:
    ways = [Approvals(database), Approvals(other_database)] * 4
    asked = await vote(ways[0], await ask(ways[0], execution_id))
    taken = await asyncio.gather(
        *(
            way.take_grant(execution_id, asked.proposal, key=f"decide-{number}")
            for number, way in enumerate(ways)
        )
    )
    assert len([grant for grant in taken if grant is not None]) == 1


async def test_what_cannot_be_undone_needs_two_people(
    approvals: Approvals, execution_id: int
) -> None:
    asked = await ask(approvals, execution_id, needed=2)
    once = await vote(approvals, asked, "Ann")
    assert once.state is ApprovalState.PENDING
    with pytest.raises(Conflict, match="ann has voted"):
        await vote(approvals, asked, " ann ")
    assert (await approvals.get(asked.id)).state is ApprovalState.PENDING
    assert (await vote(approvals, asked, "bob")).state is ApprovalState.APPROVED


async def test_who_is_one_at_the_provider_votes_once_by_whatever_name(
    approvals: Approvals, execution_id: int
) -> None:
    ann, bob = "https://id.example#0042", "https://id.example#0043"
    asked = await ask(approvals, execution_id, needed=2)
    first = await vote(approvals, asked, "ann", subject=ann)
    assert [ballot.subject for ballot in first.votes] == [ann]
    for name, subject in (
        ("anna", ann),  # renamed there
        ("Ann", bob),  # a name that was taken over is no second person
        ("ann", None),  # her key, which does not say who she is there
    ):
        with pytest.raises(Conflict, match="has voted on approval"):
            await vote(approvals, asked, name, subject=subject)
    assert (await vote(approvals, asked, "bob", subject=bob)).state is ApprovalState.APPROVED


async def test_one_person_voting_twice_at_once_counts_once(
    database: Database, other_database: Database, execution_id: int
) -> None:
    ways = [Approvals(database), Approvals(other_database)] * 3
    asked = await ask(ways[0], execution_id, needed=2)
    answers = await asyncio.gather(*(vote(way, asked) for way in ways), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Conflict)]
    assert len(refused) == len(ways) - 1
    kept = await ways[0].get(asked.id)
    assert (kept.state, len(kept.votes)) == (ApprovalState.PENDING, 1)


async def test_two_people_voting_at_once_are_both_counted(
    database: Database, other_database: Database, execution_id: int
) -> None:
    asked = await ask(Approvals(database), execution_id, needed=2)
    answers = await asyncio.gather(
        vote(Approvals(database), asked, "ann"), vote(Approvals(other_database), asked, "bob")
    )
    states = sorted(answer.state for answer in answers)
    assert states == [ApprovalState.APPROVED, ApprovalState.PENDING]


@pytest.mark.parametrize(
    ("word", "state"),
    [(Vote.REJECT, ApprovalState.REJECTED), (Vote.REVISE, ApprovalState.REVISE)],
)
async def test_one_no_is_enough_and_is_not_asked_again(
    approvals: Approvals, execution_id: int, word: Vote, state: ApprovalState
) -> None:
    asked = await ask(approvals, execution_id, needed=2)
    await vote(approvals, asked, "ann")
    refused = await vote(approvals, asked, "bob", word)
    assert refused.state is state
    with pytest.raises(Conflict, match=f"is {state}, not pending"):
        await vote(approvals, asked, "eve")
    assert await ask(approvals, execution_id, needed=2) == refused
    assert await approvals.take_grant(execution_id, asked.proposal, key="k") is None


async def test_another_plan_than_the_one_looked_at_is_not_approved(
    approvals: Approvals, execution_id: int
) -> None:
    asked = await ask(approvals, execution_id)
    with pytest.raises(Conflict, match="not another-hash"):
        await vote(approvals, asked, plan_hash="another-hash")
    assert (await approvals.get(asked.id)).votes == ()


async def test_who_asks_does_not_decide(approvals: Approvals, execution_id: int) -> None:
    asked = await ask(approvals, execution_id)
    with pytest.raises(Forbidden, match="cannot decide"):
        await vote(approvals, asked, "SRE-agent")


async def test_a_question_runs_out(
    database: Database, approvals: Approvals, execution_id: int
) -> None:
    asked = await ask(approvals, execution_id)
    assert await approvals.expire_due() == ()
    await let_time_run_out(database, asked)
    assert (await approvals.get(asked.id)).state is ApprovalState.EXPIRED
    assert await approvals.listed(state=ApprovalState.PENDING) == ()
    with pytest.raises(Conflict, match="is expired"):
        await vote(approvals, asked)
    assert await approvals.expire_due() == (asked.id,)
    assert [each.id for each in await approvals.to_resume()] == [asked.id]
    assert (await ask(approvals, execution_id)).id != asked.id


async def test_a_yes_runs_out(database: Database, approvals: Approvals, execution_id: int) -> None:
    asked = await vote(approvals, await ask(approvals, execution_id))
    await let_time_run_out(database, asked)
    assert await approvals.take_grant(execution_id, asked.proposal, key="k") is None
    anew = await ask(approvals, execution_id)  # before anything swept: the index lets it in
    assert anew.id != asked.id
    assert anew.state is ApprovalState.PENDING


async def test_a_decision_waits_for_a_worker_once(approvals: Approvals, execution_id: int) -> None:
    asked = await ask(approvals, execution_id)
    assert await approvals.to_resume() == ()
    await vote(approvals, asked, word=Vote.REJECT)
    assert [each.id for each in await approvals.to_resume()] == [asked.id]
    await approvals.mark_resumed(asked.id)
    await approvals.mark_resumed(asked.id)
    assert await approvals.to_resume() == ()


async def test_an_ended_execution_asks_nobody(
    approvals: Approvals, journal: Journal, execution_id: int
) -> None:
    asked = await ask(approvals, execution_id)
    await journal.conclude(
        execution_id,
        outcome=Outcome.CANCELLED,
        root_cause="",
        summary="cancelled",
        confidence=0.0,
        evidence_ids=(),
        recommended=(),
    )
    with pytest.raises(Conflict, match="has ended"):
        await vote(approvals, asked)
    assert await approvals.withdraw(execution_id) == (asked.id,)
    assert await approvals.listed(state=ApprovalState.PENDING) == ()
    assert await approvals.to_resume() == ()


async def test_what_was_never_asked_is_not_found(approvals: Approvals) -> None:
    with pytest.raises(NotFound, match="no approval 404"):
        await approvals.get(404)
    with pytest.raises(NotFound):
        await approvals.mark_resumed(404)
    assert await approvals.latest(404, "nothing") is None
