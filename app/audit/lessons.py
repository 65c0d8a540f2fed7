"""What past executions teach, read from the audit itself; and forgetting, which is written down.

Nothing learned is stored: lessons are a view of history, so they cannot drift from it. Only what is
archived leaves its lessons behind, as facts of their own. A lesson
comes only from an execution on real hosts that was proven from outside:

- resolved, behind a real and green verification: its confirmed cause was so, its actions helped;
- resolved or escalated with a real and red verification: its refuted causes were not so.

Simulated, unverified, cancelled and failed executions teach nothing. `reset` makes everything that
ended before it teach nothing either; the rows themselves stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.watching import acting
from app.audit.writing import Writer
from app.domain.execution import Outcome
from app.domain.hypothesis import HypothesisStatus
from app.domain.intent import IntentState
from app.domain.lesson import Lesson
from app.domain.value import JsonObject, Value
from app.models.archive import ArchivedExecution
from app.models.database import database_now
from app.models.operations import CommandIntent, LearningReset
from app.models.sre_execution import Execution, HypothesisRow, VerificationRow
from app.redaction.redactor import REDACTOR

REMEMBERED_DAYS = 365
MOST_LESSONS = 1000

_TEACHES = (
    (HypothesisStatus.CONFIRMED, True, (Outcome.RESOLVED,)),
    (HypothesisStatus.REFUTED, False, (Outcome.RESOLVED, Outcome.ESCALATED)),
)
"""Status of a hypothesis, whether a verification must be green, outcomes of its execution."""


class Reset(Value):
    """One decision to forget."""

    id: int
    at: datetime
    by: str
    reason: str


class Lessons(Writer):
    """The lessons of all executions, newest first."""

    async def all(self) -> tuple[Lesson, ...]:
        """At most MOST_LESSONS of the last REMEMBERED_DAYS, and none from before a reset."""
        async with self._database.reading() as session:
            now = await database_now(session)
            since = await _since(session, now)
            found: list[Lesson] = []
            for taught, green in _taught_since(since):
                for execution, hypothesis in (await session.execute(taught)).all():
                    found.append(await _lesson(session, execution, hypothesis, green, now))
            found.extend(await _of_archived(session, since, now))
        newest_first = sorted(found, key=lambda lesson: (lesson.age_days, -lesson.execution_id))
        return tuple(newest_first[:MOST_LESSONS])

    async def reset(self, *, by: str, reason: str) -> Reset:
        """From now on nothing that has ended teaches anything. Who did it, and why, is kept."""

        async def work(session: AsyncSession) -> Reset:
            acting(session, by)
            row = LearningReset(by=by, reason=REDACTOR.text(reason))
            session.add(row)
            await session.flush()
            await session.refresh(row)
            return _reset(row)

        return await self._write("The reset of what was learned", work)

    async def resets(self) -> tuple[Reset, ...]:
        """Every decision to forget, newest first."""
        async with self._database.reading() as session:
            newest_first = select(LearningReset).order_by(LearningReset.id.desc())
            return tuple(_reset(row) for row in (await session.execute(newest_first)).scalars())


async def _since(session: AsyncSession, now: datetime) -> datetime:
    newest = select(LearningReset).order_by(LearningReset.id.desc()).limit(1)
    last = (await session.execute(newest)).scalar_one_or_none()
    oldest = now - timedelta(days=REMEMBERED_DAYS)
    return oldest if last is None else max(last.at, oldest)


async def left_behind(
    session: AsyncSession, execution_ids: Collection[int]
) -> dict[int, list[JsonObject]]:
    """The lessons of executions that are to be archived, as `Lessons.all` reads them afterwards."""
    now = await database_now(session)
    left: dict[int, list[JsonObject]] = defaultdict(list)
    for taught, green in _taught_since(datetime.min.replace(tzinfo=UTC)):
        only = taught.where(Execution.id.in_(execution_ids))
        for execution, hypothesis in (await session.execute(only)).all():
            lesson = await _lesson(session, execution, hypothesis, green, now)
            left[execution.id].append(lesson.model_dump(mode="json", exclude={"age_days"}))
    return left


async def _of_archived(session: AsyncSession, since: datetime, now: datetime) -> list[Lesson]:
    kept = (
        select(ArchivedExecution.lessons)
        .where(ArchivedExecution.teaches, ArchivedExecution.ended_at > since)
        .order_by(ArchivedExecution.ended_at.desc())
        .limit(MOST_LESSONS)
    )
    return [
        Lesson.model_validate(told | {"age_days": _days(now, told["learned_at"])})
        for lessons in (await session.execute(kept)).scalars()
        for told in lessons
    ]


def _days(now: datetime, learned_at: str) -> float:
    return max(0.0, (now - datetime.fromisoformat(learned_at)).total_seconds() / 86400)


def _taught_since(since: datetime) -> Iterator[tuple[Select[Execution, HypothesisRow], bool]]:
    """What to ask for causes that taught something since then, and whether they healed."""
    for status, green, outcomes in _TEACHES:
        yield _taught(status, green, outcomes, since), green


def _taught(
    status: HypothesisStatus, green: bool, outcomes: Sequence[Outcome], since: datetime
) -> Select[Execution, HypothesisRow]:
    verified = (
        select(VerificationRow.id)
        .where(
            VerificationRow.execution_id == Execution.id,
            VerificationRow.healed == green,
            VerificationRow.simulated.is_(False),
        )
        .exists()
    )
    return (
        select(Execution, HypothesisRow)
        .join(HypothesisRow, HypothesisRow.execution_id == Execution.id)
        .where(
            Execution.simulated.is_(False),
            Execution.outcome.in_(outcomes),
            Execution.ended_at > since,
            HypothesisRow.status == status,
            HypothesisRow.simulated.is_(False),
            verified,
        )
        .order_by(Execution.id.desc(), HypothesisRow.id)
        .limit(MOST_LESSONS)
    )


async def _lesson(
    session: AsyncSession, execution: Execution, cause: HypothesisRow, healed: bool, now: datetime
) -> Lesson:
    assert execution.ended_at is not None
    return Lesson(
        execution_id=execution.id,
        host=cause.host,
        mode=cause.mode,
        subject=cause.subject,
        healed=healed,
        actions=await _actions(session, execution.id, stood=healed),
        learned_at=execution.ended_at,
        age_days=max(0.0, (now - execution.ended_at).total_seconds() / 86400),
    )


async def _actions(session: AsyncSession, execution_id: int, *, stood: bool) -> tuple[str, ...]:
    """What ran and stood, or what ran and was taken back; each once, in order."""
    ran = (
        select(CommandIntent)
        .where(
            CommandIntent.execution_id == execution_id,
            CommandIntent.state == IntentState.DONE,
            CommandIntent.exit_code == 0,
            CommandIntent.simulated.is_(False),
        )
        .order_by(CommandIntent.intended_at, CommandIntent.id)
    )
    rows = (await session.execute(ran)).scalars().all()
    undone = {row.undo_of for row in rows if row.undo_of is not None}
    kept = (row for row in rows if row.undo_of is None and (row.id not in undone) is stood)
    return tuple(dict.fromkeys(str(row.call["action"]) for row in kept))


def _reset(row: LearningReset) -> Reset:
    return Reset(id=row.id, at=row.at, by=row.by, reason=row.reason)
