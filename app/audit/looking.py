"""What has changed: one look for all who watch, whatever their number.

A look is a stamp for each execution that is at work, is new, or ended a moment ago, and one for
each question to people likewise. Two looks are compared; what differs has changed. Nothing is
subscribed to and nothing can be missed: the next look sees what the last one did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.domain.approval import ApprovalState
from app.domain.execution import ACTIVE
from app.domain.value import Value
from app.models import operations, sre_execution
from app.models.database import Database, database_now

OVERLAP = timedelta(seconds=10)
"""Transactions that began before the last look may have become visible only after it."""

OPEN = (ApprovalState.PENDING, ApprovalState.APPROVED)

Stamp = tuple[str, ...]
"""Equal for two looks where nothing has changed in between. What it is made of matters to none."""


Part = (
    sre_execution.ExecutionLog
    | sre_execution.TimelineRow
    | sre_execution.HypothesisRow
    | sre_execution.VerificationRow
)


class Look(Value):
    """How things stood at one moment."""

    at: datetime  # the database's clock
    newest: int  # the highest number of an execution
    executions: dict[int, Stamp]
    questions: dict[int, tuple[int, Stamp]]  # by number: the execution that asks, and the stamp
    pause: int = 0  # the number of the last turn of the switch that stops everything

    def changed_since(self, before: Look) -> frozenset[int]:
        """The executions of which something differs, their questions included."""
        told = {n for n, stamp in self.executions.items() if before.executions.get(n) != stamp}
        asked = {of for of, _ in self._asked_since(before).values()}
        return frozenset(told | asked)

    def questions_changed_since(self, before: Look) -> frozenset[int]:
        """The questions that are new, were voted on, or were closed."""
        return frozenset(self._asked_since(before))

    def _asked_since(self, before: Look) -> dict[int, tuple[int, Stamp]]:
        return {n: asked for n, asked in self.questions.items() if before.questions.get(n) != asked}


class Looking:
    """Looks at everything at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, before: Look | None = None) -> Look:
        """How things stand now; with `before`, also what came and ended since then."""
        async with self._database.reading() as session:
            now = await database_now(session)
            since = (before.at if before else now) - OVERLAP
            newest = await _highest(session, sre_execution.Execution.id)
            known = before.newest if before else newest
            executions = await session.execute(_executions(known, since))
            questions = await session.execute(_questions(since))
            return Look(
                at=now,
                newest=newest,
                executions={row[0]: _stamp(tuple(row)[1:]) for row in executions},
                pause=await _highest(session, operations.PauseRow.id),
                questions={row[0]: (row[1], _stamp(tuple(row)[2:])) for row in questions},
            )


def _stamp(values: Sequence[object]) -> Stamp:
    return tuple(str(value) for value in values)


async def _highest(session: AsyncSession, number: InstrumentedAttribute[int]) -> int:
    return (await session.execute(select(func.max(number)))).scalar_one() or 0


def _executions(newest_known: int, since: datetime) -> Select[*tuple[Any, ...]]:
    """Numbers, and everything that tells of a change, of what may have changed."""
    table = sre_execution.Execution
    log, story = sre_execution.ExecutionLog, sre_execution.TimelineRow
    belief, proof = sre_execution.HypothesisRow, sre_execution.VerificationRow

    def last(value: ColumnElement[Any], of: type[Part]) -> Any:
        return select(value).where(of.execution_id == table.id).correlate(table).scalar_subquery()

    return select(
        table.id,
        table.status,
        table.current_step,
        table.outcome,
        table.cancel_requested_at,
        last(func.max(log.step_number), log),
        last(func.max(story.updated_at), story),
        last(func.count(story.id), story),
        last(func.max(belief.updated_at), belief),
        last(func.max(proof.id), proof),
    ).where(or_(table.status.in_(ACTIVE), table.id > newest_known, table.ended_at >= since))


def _questions(since: datetime) -> Select[*tuple[Any, ...]]:
    table, vote = operations.Approval, operations.ApprovalVote
    votes = select(func.count(vote.id)).where(vote.approval_id == table.id).scalar_subquery()
    return select(table.id, table.execution_id, table.state, votes).where(
        or_(table.state.in_(OPEN), table.decided_at >= since)
    )
