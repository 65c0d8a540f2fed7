"""Asking people: requests, votes, and the grant that a plan may use once.

What a person approves is a proposal: the actions, their parameters and their host. The grant
carries for a while to the plan that is made anew with fresh evidence, if that is still the same
proposal. All times are the database's, so that no process's clock can stretch a yes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import telling
from app.audit.question import Approval, Ballot, asked, state_at, value_of, votes_on
from app.audit.voting import count, same_person, vote_of_the_same
from app.audit.watching import acting
from app.audit.writing import Writer, held
from app.domain.action import Plan
from app.domain.approval import ApprovalState, Vote
from app.domain.execution import ACTIVE
from app.domain.verdict import Decision
from app.errors import Conflict, Forbidden, NotFound
from app.models import operations as tables
from app.models.base import DatabaseNow
from app.models.database import database_now
from app.models.sre_execution import Execution

__all__ = ["Approval", "Approvals", "Ballot"]

CLOSED_BY_PERSON = frozenset({ApprovalState.REJECTED, ApprovalState.REVISE})
OPEN = frozenset({ApprovalState.PENDING, ApprovalState.APPROVED})


class Approvals(Writer):
    """All questions to people."""

    async def request(
        self,
        execution_id: int,
        plan: Plan,
        decision: Decision,
        *,
        requested_by: str,
        ttl_seconds: float,
        simulated: bool,
    ) -> Approval:
        """Ask, unless it was asked: what is open or was refused by a person is returned as it is.

        Asked anew only where the last question expired, or its grant was used.
        """
        proposal = plan.proposal()

        async def work(session: AsyncSession) -> Approval:
            execution = await held(session, execution_id)
            now = await database_now(session)
            last = await _last_asked(session, execution_id, proposal)
            if last is not None:
                last.state = state_at(last, now)
                if last.state in OPEN | CLOSED_BY_PERSON:
                    return await _with_votes(session, last, now)
                await session.flush()  # closed before the next one opens: an index watches
            row = tables.Approval(
                execution_id=execution_id,
                host=plan.host,
                plan=plan.model_dump(mode="json"),
                proposal=proposal,
                plan_hash=decision.plan_hash,
                decision=decision.model_dump(mode="json"),
                requested_by=requested_by,
                needed=max(1, decision.approvals_needed),
                state=ApprovalState.PENDING,
                expires_at=now + timedelta(seconds=ttl_seconds),
                simulated=simulated,
            )
            session.add(row)
            await session.flush()
            await telling.question(session, self._database.settings, row, execution)
            return value_of(row, (), now)

        return await self._write(f"The request for approval of execution {execution_id}", work)

    async def vote(
        self,
        approval_id: int,
        *,
        person: str,
        subject: str | None,
        vote: Vote,
        reason: str,
        plan_hash: str,
        grant_seconds: float,
    ) -> Approval:
        """Count one person's word. Enough different yeses approve; one no, or one revise, closes.

        `person` is a name, `subject` who that is at the identity provider, where it is known.
        Raises NotFound; Forbidden for who asked; Conflict where it is not open any more, the plan
        is another than the one that was looked at, or the person has voted.
        """
        person = same_person(person)

        async def work(session: AsyncSession) -> Approval:
            acting(session, person)
            row = await _held(session, approval_id)
            now = await database_now(session)
            await _check_open(session, row, now)
            if row.plan_hash != plan_hash:
                raise Conflict(
                    f"Approval {approval_id} is for the plan {row.plan_hash}, not {plan_hash}.",
                    hint="Read the plan as it is now, then decide.",
                )
            if person == same_person(row.requested_by):
                raise Forbidden(f"{person} asked for this and cannot decide it.")
            earlier = await votes_on(session, [approval_id])
            same = vote_of_the_same(earlier, person, subject)
            if same is not None:
                known = "" if same.person == person else f", as {same.person}"
                raise Conflict(f"{person} has voted on approval {approval_id} already{known}.")
            session.add(
                tables.ApprovalVote(
                    approval_id=approval_id,
                    person=person,
                    subject=subject,
                    vote=vote,
                    reason=reason,
                    plan_hash=plan_hash,
                )
            )
            count(row, vote, 1 + len(earlier), now, grant_seconds)
            await session.flush()
            return await _with_votes(session, row, now)

        return await self._write(f"The vote on approval {approval_id}", work)

    async def take_grant(self, execution_id: int, proposal: str, *, key: str) -> Approval | None:
        """Use a grant, which carries once. The step that took it gets it again under its key.

        None: there is no grant for this proposal, or not any more.
        """

        async def work(session: AsyncSession) -> Approval | None:
            await held(session, execution_id)
            now = await database_now(session)
            row = await _last_asked(session, execution_id, proposal)
            if row is None:
                return None
            if row.state is ApprovalState.USED and row.used_by == key:
                return await _with_votes(session, row, now)
            if state_at(row, now) is not ApprovalState.APPROVED:
                return None
            row.state, row.used_at, row.used_by = ApprovalState.USED, now, key
            return await _with_votes(session, row, now)

        return await self._write(f"The use of a grant of execution {execution_id}", work)

    async def expire_due(self) -> tuple[int, ...]:
        """Close what nobody answered or used in time. The ids of what was closed."""

        async def work(session: AsyncSession) -> tuple[int, ...]:
            now = await database_now(session)
            due = _due(now).with_for_update(skip_locked=True)
            rows = (await session.execute(due)).scalars().all()
            for row in rows:
                row.state = ApprovalState.EXPIRED
                row.decided_at = row.decided_at or now
            return tuple(row.id for row in rows)

        return await self._write("The expiry of approvals", work)

    async def withdraw(self, execution_id: int) -> tuple[int, ...]:
        """Close what is still open of an execution that ends: nobody need decide it any more."""

        async def work(session: AsyncSession) -> tuple[int, ...]:
            now = await database_now(session)
            still_open = select(tables.Approval).where(
                tables.Approval.execution_id == execution_id, tables.Approval.state.in_(OPEN)
            )
            rows = (await session.execute(still_open.with_for_update())).scalars().all()
            for row in rows:
                row.state, row.decided_at = ApprovalState.EXPIRED, row.decided_at or now
                row.resumed_at = row.resumed_at or now
            return tuple(row.id for row in rows)

        return await self._write(f"The withdrawal of approvals of execution {execution_id}", work)

    async def mark_resumed(self, approval_id: int) -> None:
        """The execution went on because of this decision. Once is enough."""

        async def work(session: AsyncSession) -> None:
            row = await _held(session, approval_id)
            row.resumed_at = row.resumed_at or await database_now(session)

        await self._write(f"The resuming after approval {approval_id}", work)

    async def get(self, approval_id: int) -> Approval:
        """One question. Raises NotFound."""
        found = await self._select(select(tables.Approval).where(tables.Approval.id == approval_id))
        if not found:
            raise _unknown(approval_id)
        return found[0]

    async def latest(self, execution_id: int, proposal: str) -> Approval | None:
        """The last question about a proposal; None where it was never asked."""
        found = await self._select(asked(execution_id, proposal))
        return found[0] if found else None

    async def listed(
        self,
        *,
        state: ApprovalState | None = None,
        execution_id: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> tuple[Approval, ...]:
        """Questions after the id `after`, oldest first."""
        wanted = select(tables.Approval).where(tables.Approval.id > after)
        if execution_id is not None:
            wanted = wanted.where(tables.Approval.execution_id == execution_id)
        if state is not None:
            wanted = wanted.where(tables.Approval.state == state)
        # what ran out a moment ago does not wait any more
        if state is ApprovalState.PENDING:
            wanted = wanted.where(tables.Approval.expires_at > DatabaseNow())
        if state is ApprovalState.APPROVED:
            wanted = wanted.where(tables.Approval.granted_until > DatabaseNow())
        return await self._select(wanted.order_by(tables.Approval.id).limit(limit))

    async def newest_closed(self, *, limit: int) -> tuple[Approval, ...]:
        """Questions that wait no more, the newest first."""
        wanted = select(tables.Approval).where(
            or_(
                tables.Approval.state != ApprovalState.PENDING,
                tables.Approval.expires_at <= DatabaseNow(),
            )
        )
        return await self._select(wanted.order_by(tables.Approval.id.desc()).limit(limit))

    async def to_resume(self) -> tuple[Approval, ...]:
        """Decided or expired questions whose executions have not gone on yet, oldest first."""
        decided = (ApprovalState.APPROVED, ApprovalState.EXPIRED, *CLOSED_BY_PERSON)
        wanted = select(tables.Approval).where(
            tables.Approval.state.in_(decided), tables.Approval.resumed_at.is_(None)
        )
        return await self._select(wanted.order_by(tables.Approval.id))

    async def _select(self, wanted: Select[tables.Approval]) -> tuple[Approval, ...]:
        async with self._database.reading() as session:
            now = await database_now(session)
            rows = (await session.execute(wanted)).scalars().all()
            votes = await votes_on(session, [row.id for row in rows])
            return tuple(value_of(row, votes, now) for row in rows)


async def _held(session: AsyncSession, approval_id: int) -> tables.Approval:
    row = await session.get(tables.Approval, approval_id, with_for_update=True)
    if row is None:
        raise _unknown(approval_id)
    return row


def _unknown(approval_id: int) -> NotFound:
    return NotFound(f"There is no approval {approval_id}.")


async def _last_asked(
    session: AsyncSession, execution_id: int, proposal: str
) -> tables.Approval | None:
    last = asked(execution_id, proposal).with_for_update()
    return (await session.execute(last)).scalar_one_or_none()


async def _with_votes(session: AsyncSession, row: tables.Approval, now: datetime) -> Approval:
    return value_of(row, await votes_on(session, [row.id]), now)


async def _check_open(session: AsyncSession, row: tables.Approval, now: datetime) -> None:
    """Raise Conflict unless somebody still waits for the answer."""
    state = state_at(row, now)
    if state is not ApprovalState.PENDING:
        raise Conflict(f"Approval {row.id} is {state}, not pending.")
    execution = await session.get(Execution, row.execution_id)
    if execution is None or execution.status not in ACTIVE:
        raise Conflict(f"Execution {row.execution_id} has ended; nothing waits for this approval.")


def _due(now: datetime) -> Select[tables.Approval]:
    return select(tables.Approval).where(
        or_(
            and_(tables.Approval.state == ApprovalState.PENDING, tables.Approval.expires_at <= now),
            and_(
                tables.Approval.state == ApprovalState.APPROVED,
                tables.Approval.granted_until <= now,
            ),
        )
    )
