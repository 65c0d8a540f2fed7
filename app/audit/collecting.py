"""Which executions may be archived, and everything that there is of one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Table, Text, cast, inspect, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.archive_file import ArchiveContents
from app.audit.chain import entry_of, head
from app.audit.entry import Entry
from app.audit.figures import OPEN_INTENTS
from app.audit.scanning import entries_of, raw_rows_of
from app.audit.sealing import chain_id
from app.domain.approval import ApprovalState
from app.domain.execution import ACTIVE
from app.domain.ticket import OutboxState
from app.domain.value import JsonObject
from app.models.alert import AlertRow
from app.models.audited import audited_mappers, table_of
from app.models.chain import AuditEntry
from app.models.database import Database
from app.models.operations import Approval, ApprovalVote, CommandIntent, HostLease
from app.models.sre_execution import Execution
from app.models.tickets import OutboxRow, TicketRow

SETTLED = (OutboxState.SENT, OutboxState.DROPPED)
BESIDE = tuple(table_of(inspect(kind)) for kind in (AlertRow, TicketRow))
"""Tables that are no facts, and have rows of an execution."""


@dataclass(frozen=True)
class Collected:
    """Everything of some executions, and the chain's end when it was read."""

    contents: ArchiveContents
    chain: str
    head: Entry

    @property
    def ids(self) -> tuple[int, ...]:
        """The executions."""
        return tuple(one.id for one in self.contents.executions)


def at_rest() -> Sequence[ColumnElement[bool]]:
    """What holds of an execution that has ended, and of which nothing waits for anybody."""
    mine = CommandIntent.execution_id == Execution.id
    asked = Approval.execution_id == Execution.id
    untold = OutboxRow.execution_id == Execution.id
    alert = AlertRow.execution_id == Execution.id
    open_alert = AlertRow.ended_at.is_(None) | AlertRow.notice.is_not(None)
    return (
        Execution.status.not_in(ACTIVE),
        Execution.ended_at.is_not(None),
        ~select(CommandIntent.id).where(mine, CommandIntent.state.in_(OPEN_INTENTS)).exists(),
        ~select(Approval.id).where(asked, Approval.state == ApprovalState.PENDING).exists(),
        ~select(OutboxRow.id).where(untold, OutboxRow.state.not_in(SETTLED)).exists(),
        ~select(AlertRow.id).where(alert, open_alert).exists(),
        ~select(HostLease.host)
        .where(HostLease.owner.like(literal("exe-") + cast(Execution.id, Text) + "-%"))
        .exists(),
    )


async def collect(
    database: Database, ids: Collection[int], workflows: Sequence[JsonObject]
) -> Collected:
    """Everything of these executions. `workflows`: what the engine has of them."""
    contents = ArchiveContents(workflows=list(workflows))
    async with database.reading() as session:
        last, chain = await head(session), await chain_id(session)
        assert last is not None, "an execution that ended has entries"
        async for rows in entries_of(session, AuditEntry.execution_id.in_(ids)):
            contents.entries.extend(entry_of(row) for row in rows)
        for mapper in audited_mappers():
            where = of_executions(table_of(mapper), ids)
            if where is None:
                continue
            about = str(mapper.class_.__tablename__)
            async for found in raw_rows_of(session, mapper, where):
                contents.rows |= {(about, id_): values for id_, values in found.items()}
        for table in BESIDE:
            contents.beside.extend(await _beside(session, table, ids))
    return Collected(contents=contents, chain=chain, head=last)


def of_executions(table: Table, ids: Collection[int]) -> ColumnElement[bool] | None:
    """The condition for the rows of these executions; None: the table has none of any."""
    if table.name == Execution.__tablename__:
        return table.c.id.in_(ids)
    if table.name == ApprovalVote.__tablename__:
        asked = select(Approval.id).where(Approval.execution_id.in_(ids))
        return table.c.approval_id.in_(asked)
    return table.c.execution_id.in_(ids) if "execution_id" in table.c else None


async def _beside(session: AsyncSession, table: Table, ids: Collection[int]) -> list[JsonObject]:
    """Rows that are no facts, as JSON."""
    found = await session.execute(select(table).where(table.c.execution_id.in_(ids)))
    return [
        {"table": table.name, "values": {name: _plain(value) for name, value in row.items()}}
        for row in found.mappings()
    ]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
