"""One question to people as a value, made from its row and the votes on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.action import Plan
from app.domain.approval import ApprovalState, Vote
from app.domain.value import Value
from app.domain.verdict import Decision
from app.models import operations as tables


class Ballot(Value):
    """What one person said."""

    person: str
    subject: str | None  # who that is at the identity provider, where it is known
    vote: Vote
    reason: str
    voted_at: datetime


class Approval(Value):
    """One question, and where it stands now."""

    id: int
    execution_id: int
    host: str
    plan: Plan
    proposal: str
    plan_hash: str  # a vote must name it
    decision: Decision
    requested_by: str
    needed: int  # different people who must say yes
    state: ApprovalState
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    granted_until: datetime | None
    used_at: datetime | None
    resumed_at: datetime | None
    votes: tuple[Ballot, ...]
    simulated: bool


def state_at(row: tables.Approval, now: datetime) -> ApprovalState:
    """Where it stands now: time runs out whether or not somebody has written that down."""
    ends = {
        ApprovalState.PENDING: row.expires_at,
        ApprovalState.APPROVED: row.granted_until,
    }.get(row.state)
    return ApprovalState.EXPIRED if ends is not None and ends <= now else row.state


def asked(execution_id: int, proposal: str) -> Select[tables.Approval]:
    """The last question about a proposal."""
    return (
        select(tables.Approval)
        .where(tables.Approval.execution_id == execution_id, tables.Approval.proposal == proposal)
        .order_by(tables.Approval.id.desc())
        .limit(1)
    )


async def votes_on(
    session: AsyncSession, approval_ids: Sequence[int]
) -> Sequence[tables.ApprovalVote]:
    """All votes on these questions, in the order in which they were cast."""
    cast = (
        select(tables.ApprovalVote)
        .where(tables.ApprovalVote.approval_id.in_(approval_ids))
        .order_by(tables.ApprovalVote.id)
    )
    return (await session.execute(cast)).scalars().all()


def value_of(row: tables.Approval, votes: Sequence[tables.ApprovalVote], now: datetime) -> Approval:
    """The value of a row; of `votes` only those on it are taken."""
    return Approval(
        id=row.id,
        execution_id=row.execution_id,
        host=row.host,
        plan=Plan.model_validate(row.plan),
        proposal=row.proposal,
        plan_hash=row.plan_hash,
        decision=Decision.model_validate(row.decision),
        requested_by=row.requested_by,
        needed=row.needed,
        state=state_at(row, now),
        requested_at=row.requested_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        granted_until=row.granted_until,
        used_at=row.used_at,
        resumed_at=row.resumed_at,
        votes=tuple(
            Ballot(
                person=cast.person,
                subject=cast.subject,
                vote=cast.vote,
                reason=cast.reason,
                voted_at=cast.voted_at,
            )
            for cast in votes
            if cast.approval_id == row.id
        ),
        simulated=row.simulated,
    )
