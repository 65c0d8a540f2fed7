"""Reading: what the API, the engine and auditors ask of executions. Nothing here writes.

Each method is one look at one moment. Raises NotFound for an execution that does not exist, and
DatabaseNotReady where the database cannot be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import showing
from app.audit.archives import not_there
from app.audit.views import (
    Cancellation,
    ExecutionPage,
    ExecutionSummary,
    ExecutionView,
    LogPage,
)
from app.domain.event import ActionType, LogStatus
from app.domain.evidence import Evidence, EvidenceKind
from app.domain.execution import ACTIVE, ExecutionStatus, Outcome
from app.domain.incident import Incident
from app.models import sre_execution as tables
from app.models.database import Database

CHANGES = (ActionType.REMEDIATION, ActionType.UNDO)
COMMANDS = (ActionType.DIAGNOSTIC, *CHANGES)


class Reading:
    """The read side of the seven tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def execution(self, execution_id: int) -> ExecutionView:
        """One execution with its story."""
        log = tables.ExecutionLog
        async with self._database.reading() as session:
            row = await _execution(session, execution_id)
            return showing.execution_of(
                row,
                timeline=await _parts(session, tables.TimelineRow, execution_id),
                hypotheses=await _all(
                    session,
                    select(tables.HypothesisRow)
                    .where(tables.HypothesisRow.execution_id == execution_id)
                    .order_by(tables.HypothesisRow.confidence.desc(), tables.HypothesisRow.id),
                ),
                verifications=await _parts(session, tables.VerificationRow, execution_id),
                actions=await _all(
                    session,
                    select(log)
                    .where(log.execution_id == execution_id, log.action_type.in_(CHANGES))
                    .order_by(log.step_number),
                ),
                commands_run=await _commands_run(session, execution_id),
                provenance=await _parts(session, tables.Provenance, execution_id),
            )

    async def logs(self, execution_id: int, *, after: int = 0, limit: int = 100) -> LogPage:
        """The log's lines after the number `after`, in their order."""
        log = tables.ExecutionLog
        wanted = (
            select(log)
            .where(log.execution_id == execution_id, log.step_number > after)
            .order_by(log.step_number)
            .limit(limit + 1)  # one more tells whether there is a next page
        )
        async with self._database.reading() as session:
            await _execution(session, execution_id)
            rows = await _all(session, wanted)
        page = tuple(showing.log_of(row) for row in rows[:limit])
        more = len(rows) > limit and page
        return LogPage(
            execution_id=execution_id, logs=page, next_after=page[-1].step if more else None
        )

    async def executions(
        self,
        *,
        status: ExecutionStatus | None = None,
        outcome: Outcome | None = None,
        incident_number: str | None = None,
        host: str | None = None,
        simulated: bool | None = None,
        containing: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> ExecutionPage:
        """Executions that match all that is given and are older than the id `before`.

        `containing`: a text in the incident's number or words, the host, or the cause found.
        """
        table = tables.Execution
        asked = (
            (table.status, status),
            (table.outcome, outcome),
            (table.incident_number, incident_number),
            (table.host, host),
            (table.simulated, simulated),
        )
        wanted = select(table).where(
            *(field == value for field, value in asked if value is not None)
        )
        if containing:
            searched = (
                table.incident_number, table.short_description, table.host, table.root_cause
            )  # fmt: skip
            wanted = wanted.where(
                or_(*(field.icontains(containing, autoescape=True) for field in searched))
            )
        if before is not None:
            wanted = wanted.where(table.id < before)
        async with self._database.reading() as session:
            rows = await _all(session, wanted.order_by(table.id.desc()).limit(limit + 1))
        page = tuple(showing.summary_of(row) for row in rows[:limit])
        more = len(rows) > limit and page
        return ExecutionPage(executions=page, next_before=page[-1].execution_id if more else None)

    async def active(self) -> tuple[ExecutionSummary, ...]:
        """What is queued, at work, or waiting for a person; oldest first."""
        table = tables.Execution
        wanted = select(table).where(table.status.in_(ACTIVE)).order_by(table.id)
        async with self._database.reading() as session:
            return tuple(showing.summary_of(row) for row in await _all(session, wanted))

    async def with_status(self, status: ExecutionStatus) -> tuple[int, ...]:
        """The ids of executions in a state, oldest first."""
        table = tables.Execution
        wanted = select(table.id).where(table.status == status).order_by(table.id)
        async with self._database.reading() as session:
            return tuple((await session.execute(wanted)).scalars())

    async def incident(self, execution_id: int) -> Incident:
        """The incident as it was accepted."""
        async with self._database.reading() as session:
            return showing.incident_of(await _execution(session, execution_id))

    async def cancellation(self, execution_id: int) -> Cancellation:
        """Whether somebody asked that it stop."""
        async with self._database.reading() as session:
            return showing.cancellation_of(await _execution(session, execution_id))

    async def recorded(
        self, execution_id: int, key: str, kind: EvidenceKind | None = None
    ) -> tuple[Evidence, ...]:
        """What a step wrote before it was cut off, in its order; () where it wrote nothing.

        A step that is to run again asks here first: its evidence has ids already, and the facts
        that go with them are the first time's.
        """
        table = tables.Evidence
        wanted = select(table).where(table.execution_id == execution_id, table.step_key == key)
        if kind is not None:
            wanted = wanted.where(table.kind == kind)
        async with self._database.reading() as session:
            rows = await _all(session, wanted.order_by(table.id))
        return tuple(showing.evidence_of(row) for row in rows)

    async def evidence(self, execution_id: int, ids: Sequence[int] = ()) -> tuple[Evidence, ...]:
        """An execution's evidence by ids, or all of it, in the order of the ids."""
        table = tables.Evidence
        wanted = select(table).where(table.execution_id == execution_id)
        if ids:
            wanted = wanted.where(table.id.in_(ids))
        async with self._database.reading() as session:
            await _execution(session, execution_id)
            rows = await _all(session, wanted.order_by(table.id))
        return tuple(showing.evidence_of(row) for row in rows)


async def _execution(session: AsyncSession, execution_id: int) -> tables.Execution:
    row = await session.get(tables.Execution, execution_id)
    if row is None:
        raise await not_there(session, execution_id)
    return row


async def _commands_run(session: AsyncSession, execution_id: int) -> int:
    """How many entries of the catalog were run; what was refused did not run."""
    log = tables.ExecutionLog
    wanted = select(func.count()).where(
        log.execution_id == execution_id,
        log.action_type.in_(COMMANDS),
        log.status != LogStatus.REFUSED,
    )
    return (await session.execute(wanted)).scalar_one()


Row = TypeVar("Row")
Part = TypeVar("Part", tables.TimelineRow, tables.VerificationRow, tables.Provenance)


async def _all(session: AsyncSession, wanted: Select[Row]) -> Sequence[Row]:
    return (await session.execute(wanted)).scalars().all()


async def _parts(session: AsyncSession, table: type[Part], execution_id: int) -> Sequence[Part]:
    """An execution's rows of a table, in the order in which they were written."""
    wanted = select(table).where(table.execution_id == execution_id).order_by(table.id)
    return await _all(session, wanted)
