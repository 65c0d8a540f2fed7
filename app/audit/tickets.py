"""What is known of tickets, and how far ServiceNow's list of them was read."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.telling import SOURCE
from app.audit.writing import Writer
from app.domain.execution import ACTIVE, ExecutionStatus
from app.domain.ticket import SeenTicket
from app.domain.value import Value
from app.models.archive import ArchivedExecution
from app.models.sre_execution import Execution
from app.models.tickets import Bookmark, TicketRow


class KnownTicket(Value):
    """One ticket as we know it."""

    incident_number: str
    sys_id: str
    execution_id: int
    seen: SeenTicket | None  # None: we have not written that we took it on


class TicketAtWork(Value):
    """A ticket whose execution has not ended."""

    execution_id: int
    incident_number: str
    status: ExecutionStatus
    sys_id: str | None
    seen: SeenTicket | None


class Tickets(Writer):
    """The tickets that executions belong to."""

    async def known(self, incident_number: str) -> KnownTicket | None:
        """What is known of a ticket; None: its number was never resolved."""
        async with self._database.reading() as session:
            row = await session.get(TicketRow, incident_number)
            return None if row is None else _known(row)

    async def remember(
        self,
        incident_number: str,
        sys_id: str,
        *,
        execution_id: int,
        seen: SeenTicket | None = None,
    ) -> None:
        """Keep a ticket's sys_id; with `seen`, also how it was when the execution took it on."""

        async def work(session: AsyncSession) -> None:
            row = await session.get(TicketRow, incident_number, with_for_update=True)
            if row is None:
                row = TicketRow(incident_number=incident_number, sys_id=sys_id, seen={})
                session.add(row)
            if row.execution_id != execution_id:
                row.execution_id, row.seen = execution_id, {}
            if seen is not None:
                row.seen = seen.model_dump(mode="json")

        await self._write(f"The ticket {incident_number}", work)

    async def at_work(
        self, *, simulated: bool | None = None, execution_id: int | None = None
    ) -> tuple[TicketAtWork, ...]:
        """The tickets of executions that have not ended and were not told to stop, oldest first."""
        wanted = (
            select(Execution, TicketRow)
            .outerjoin(TicketRow, TicketRow.incident_number == Execution.incident_number)
            .where(
                Execution.status.in_(ACTIVE),
                or_(Execution.source == SOURCE, Execution.sys_id.is_not(None)),
                Execution.cancel_requested_at.is_(None),
            )
            .order_by(Execution.id)
        )
        if simulated is not None:
            wanted = wanted.where(Execution.simulated == simulated)
        if execution_id is not None:
            wanted = wanted.where(Execution.id == execution_id)
        async with self._database.reading() as session:
            found = (await session.execute(wanted)).all()
        return tuple(_at_work(execution, row) for execution, row in found)

    async def without_execution(self, numbers: tuple[str, ...]) -> tuple[str, ...]:
        """Those of these incidents that no execution was ever made for, in the same order."""
        live = select(Execution.incident_number).where(Execution.incident_number.in_(numbers))
        archived = select(ArchivedExecution.incident_number).where(
            ArchivedExecution.incident_number.in_(numbers)
        )
        async with self._database.reading() as session:
            known = set((await session.execute(live.union(archived))).scalars())
        return tuple(number for number in numbers if number not in known)

    async def bookmark(self, name: str) -> str | None:
        """How far something was read."""
        async with self._database.reading() as session:
            row = await session.get(Bookmark, name)
            return None if row is None else row.position

    async def set_bookmark(self, name: str, position: str) -> None:
        """Remember how far something was read."""

        async def work(session: AsyncSession) -> None:
            row = await session.get(Bookmark, name, with_for_update=True)
            if row is None:
                session.add(Bookmark(name=name, position=position))
            else:
                row.position = position

        await self._write(f"The bookmark {name}", work)


def _known(row: TicketRow) -> KnownTicket:
    return KnownTicket(
        incident_number=row.incident_number,
        sys_id=row.sys_id,
        execution_id=row.execution_id,
        seen=SeenTicket.model_validate(row.seen) if row.seen else None,
    )


def _at_work(execution: Execution, row: TicketRow | None) -> TicketAtWork:
    own = row is not None and row.execution_id == execution.id
    return TicketAtWork(
        execution_id=execution.id,
        incident_number=execution.incident_number,
        status=execution.status,
        sys_id=row.sys_id if row is not None else None,
        seen=SeenTicket.model_validate(row.seen) if row is not None and own and row.seen else None,
    )
