"""The outbox: what is to be told to tickets, claimed by one process at a time, row by row.

    pending --claim()--> sending --settle()--> sent | parked | dropped
       ^                    |
       +----postpone()------+        a claim whose process died is taken over, later or sooner

A row is claimed only when every earlier row of its ticket is settled, so each ticket is told in
order while tickets are told side by side. The claim is committed before anything is sent: whoever
finds `attempts` above one looks on the ticket for the marker before it sends again. That look is
worth something only once nothing of the earlier attempt can arrive any more: no claim is taken over
before that, not even a dead worker's, and where a connection was cut nothing is sent again before
`unsure_until`, whoever looks.

Nothing is put off for more than FARTHEST. A row that is said to be due later than that was written
before the database's clock was set back, and does not wait until the clock is there again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.audit.writing import Writer
from app.domain.ticket import STUCK_AFTER_ATTEMPTS, UNSETTLED, Delivery, OutboxState
from app.domain.value import JsonObject
from app.errors import Conflict, NotFound
from app.models.database import database_now
from app.models.operations import Worker
from app.models.sre_execution import Execution
from app.models.tickets import OutboxRow, TicketRow

FARTHEST = timedelta(hours=1)


class Which(TypedDict, total=False):
    """Which rows are looked at."""

    state: OutboxState | None
    execution_id: int | None
    stuck: bool  # only those that a person should see
    after: int  # only numbers above this
    limit: int  # 100 where it is left out


class Outbox(Writer):
    """All rows of the outbox."""

    async def claim(
        self,
        worker: str,
        *,
        most: int,
        seconds: float,
        late_seconds: float,
        gone: Collection[str] = (),
    ) -> tuple[Delivery, ...]:
        """Take up to `most` rows that are due, for `seconds`.

        Also those whose claim has run out, and sooner those of the workers in `gone`, which are
        known to be dead: `late_seconds` after the last sign of life, when nothing that they sent
        can arrive any more. A process that only hangs might still be sending.
        """

        async def work(session: AsyncSession) -> tuple[Delivery, ...]:
            now = await database_now(session)
            ahead = _claimed_ahead(now).with_for_update(skip_locked=True)
            for row in (await session.execute(ahead)).scalars():
                row.next_try_at, row.claimed_until = now, now + timedelta(seconds=seconds)
            free = _due(now, most, gone, late_seconds)
            rows = (await session.execute(free.with_for_update(skip_locked=True))).scalars().all()
            for row in rows:
                row.state, row.claimed_by = OutboxState.SENDING, worker
                row.claimed_until = now + timedelta(seconds=seconds)
                row.next_try_at = now  # this try's beginning, while it lasts
                row.attempts += 1
            known = await _sys_ids(session, [row.incident_number for row in rows])
            return tuple(
                _value(row, known.get(row.incident_number)).model_copy(
                    update={"unsure_seconds": min(_unsure(row, now), late_seconds)}
                )
                for row in rows
            )

        return await self._write("A claim on the outbox", work)

    async def settle(
        self,
        delivery: Delivery,
        state: OutboxState,
        *,
        worker: str,
        result: JsonObject,
        error: str = "",
        mod_count: int | None = None,
    ) -> bool:
        """Write down what came of a claimed row; False: the claim was lost to another meanwhile.

        `mod_count`: the ticket's after our write. The execution remembers it, so that ServiceNow's
        own news of our write is told from a person's.
        """

        async def work(session: AsyncSession) -> bool:
            row = await _mine(session, delivery, worker)
            if row is None:
                return False
            row.state, row.result, row.last_error = state, result, error
            row.claimed_by = row.claimed_until = None
            row.settled_at = await database_now(session)
            if mod_count is not None:
                execution = await session.get(Execution, row.execution_id, with_for_update=True)
                assert execution is not None, "the outbox refers to it"
                execution.sys_mod_count = max(mod_count, execution.sys_mod_count or 0)
            return True

        return await self._write(f"The outcome of outbox row {delivery.id}", work)

    async def postpone(
        self,
        delivery: Delivery,
        *,
        worker: str,
        seconds: float,
        error: str,
        unsure_seconds: float | None = None,
    ) -> None:
        """Try a claimed row again later, unless the claim was lost to another meanwhile.

        `seconds` above FARTHEST count as that.
        `unsure_seconds`: for so long what was sent now, and not answered, may still arrive.
        """

        async def work(session: AsyncSession) -> None:
            row = await _mine(session, delivery, worker)
            if row is None:
                return
            now = await database_now(session)
            row.state, row.last_error = OutboxState.PENDING, error
            row.next_try_at = now + min(timedelta(seconds=seconds), FARTHEST)
            row.claimed_by = row.claimed_until = None
            if unsure_seconds is not None:
                row.unsure_until = now + timedelta(seconds=unsure_seconds)

        await self._write(f"The delay of outbox row {delivery.id}", work)

    async def retry(self, row_id: int) -> Delivery:
        """A person has mended what was wrong: try a parked or waiting row now.

        Raises NotFound; Conflict where it is being sent, was sent or was dropped.
        """
        allowed = (OutboxState.PENDING, OutboxState.PARKED)
        return await self._move(row_id, OutboxState.PENDING, allowed)

    async def drop(self, row_id: int) -> Delivery:
        """A person decided that a row is not to be told. Raises NotFound; Conflict."""
        allowed = (OutboxState.PENDING, OutboxState.PARKED)
        return await self._move(row_id, OutboxState.DROPPED, allowed)

    async def get(self, row_id: int) -> Delivery:
        """One row. Raises NotFound."""
        async with self._database.reading() as session:
            found = await _deliveries(session, select(OutboxRow).where(OutboxRow.id == row_id))
        if not found:
            raise NotFound(f"There is no outbox row {row_id}.")
        return found[0]

    async def listed(self, **which: Unpack[Which]) -> tuple[Delivery, ...]:
        """Rows as `page` finds them."""
        return (await self.page(**which))[0]

    async def page(
        self, **which: Unpack[Which]
    ) -> tuple[tuple[Delivery, ...], dict[OutboxState, int]]:
        """Rows, oldest first, and of the same moment how many of all are in each state."""
        wanted = select(OutboxRow).where(OutboxRow.id > which.get("after", 0))
        if (state := which.get("state")) is not None:
            wanted = wanted.where(OutboxRow.state == state)
        if (execution_id := which.get("execution_id")) is not None:
            wanted = wanted.where(OutboxRow.execution_id == execution_id)
        if which.get("stuck", False):
            wanted = wanted.where(is_stuck())
        limit = which.get("limit", 100)
        async with self._database.reading() as session:
            found = await _deliveries(session, wanted.order_by(OutboxRow.id).limit(limit))
            return found, await _counted(session)

    async def counts(self) -> dict[OutboxState, int]:
        """How many rows are in each state; states without rows are missing."""
        async with self._database.reading() as session:
            return await _counted(session)

    async def due(
        self, gone: Callable[[str], bool], *, late_seconds: float
    ) -> tuple[bool, frozenset[str]]:
        """Whether there is something to claim, and which workers with claims are `gone`.

        A look before `claim`, which would take the database's write lock even for nothing.
        """
        sending = select(OutboxRow.claimed_by).where(OutboxRow.state == OutboxState.SENDING)
        async with self._database.reading() as session:
            claimants = (await session.execute(sending.distinct())).scalars().all()
            dead = frozenset(worker for worker in claimants if worker and gone(worker))
            now = await database_now(session)
            wanted = _due(now, 1, dead, late_seconds)
            found = (await session.execute(wanted)).first() is not None
            found = found or (await session.execute(_claimed_ahead(now))).first() is not None
        return found, dead

    async def _move(
        self, row_id: int, state: OutboxState, allowed: Collection[OutboxState]
    ) -> Delivery:
        async def work(session: AsyncSession) -> Delivery:
            row = await session.get(OutboxRow, row_id, with_for_update=True)
            if row is None:
                raise NotFound(f"There is no outbox row {row_id}.")
            if row.state not in allowed:
                raise Conflict(f"Outbox row {row_id} is {row.state}.")
            now = await database_now(session)
            row.state, row.next_try_at = state, now
            row.settled_at = now if state is OutboxState.DROPPED else None
            known = await _sys_ids(session, [row.incident_number])
            return _value(row, known.get(row.incident_number))

        return await self._write(f"Outbox row {row_id}", work)


async def _deliveries(session: AsyncSession, wanted: Select[OutboxRow]) -> tuple[Delivery, ...]:
    rows = (await session.execute(wanted)).scalars().all()
    known = await _sys_ids(session, [row.incident_number for row in rows])
    return tuple(_value(row, known.get(row.incident_number)) for row in rows)


async def _counted(session: AsyncSession) -> dict[OutboxState, int]:
    counted = select(OutboxRow.state, func.count()).group_by(OutboxRow.state)
    return {row[0]: row[1] for row in await session.execute(counted)}


def _due(now: datetime, most: int, gone: Collection[str], late_seconds: float) -> Select[OutboxRow]:
    earlier = aliased(OutboxRow)
    waits_for_earlier = (
        select(earlier.id)
        .where(
            earlier.incident_number == OutboxRow.incident_number,
            earlier.id < OutboxRow.id,
            earlier.state.in_(UNSETTLED),
        )
        .exists()
    )
    free = and_(
        OutboxRow.state == OutboxState.PENDING,
        or_(OutboxRow.next_try_at <= now, _clock_was_set_back(now)),
    )
    # a delivery is several requests: its last may have left long after the claim, so it is the
    # worker's last beat that counts, and the claim where that is later or there is no beat
    quiet_since = now - timedelta(seconds=late_seconds)
    heard_since = (
        select(Worker.executor_id)
        .where(
            Worker.executor_id == OutboxRow.claimed_by,
            Worker.heartbeat.between(quiet_since, now + FARTHEST),
        )
        .exists()
    )
    quiet = and_(OutboxRow.claimed_by.in_(gone), OutboxRow.next_try_at <= quiet_since, ~heard_since)
    left = and_(OutboxRow.state == OutboxState.SENDING, or_(OutboxRow.claimed_until <= now, quiet))
    return (
        select(OutboxRow)
        .where(or_(free, left), ~waits_for_earlier)
        .order_by(OutboxRow.next_try_at, OutboxRow.id)
        .limit(most)
    )


def _claimed_ahead(now: datetime) -> Select[OutboxRow]:
    return select(OutboxRow).where(OutboxRow.state == OutboxState.SENDING, _clock_was_set_back(now))


def _clock_was_set_back(now: datetime) -> ColumnElement[bool]:
    return OutboxRow.next_try_at > now + FARTHEST


def is_stuck() -> ColumnElement[bool]:
    """What a person should see: refused by the ticket, or tried in vain often enough."""
    return or_(
        OutboxRow.state == OutboxState.PARKED,
        and_(OutboxRow.state.in_(UNSETTLED), OutboxRow.attempts >= STUCK_AFTER_ATTEMPTS),
    )


def _unsure(row: OutboxRow, now: datetime) -> float:
    """For how many seconds more what an earlier attempt sent may still arrive."""
    if row.unsure_until is None:
        return 0.0
    return max(0.0, (row.unsure_until - now).total_seconds())


async def _mine(session: AsyncSession, delivery: Delivery, worker: str) -> OutboxRow | None:
    """The row, while this very claim of it stands."""
    row = await session.get(OutboxRow, delivery.id, with_for_update=True)
    assert row is not None, "rows of the outbox are never deleted"
    same = row.state is OutboxState.SENDING and row.attempts == delivery.attempts
    return row if same and row.claimed_by == worker else None


async def _sys_ids(session: AsyncSession, numbers: Collection[str]) -> dict[str, str]:
    if not numbers:
        return {}
    wanted = select(TicketRow).where(TicketRow.incident_number.in_(numbers))
    rows = (await session.execute(wanted)).scalars()
    return {row.incident_number: row.sys_id for row in rows}


def _value(row: OutboxRow, sys_id: str | None) -> Delivery:
    return Delivery(
        id=row.id,
        execution_id=row.execution_id,
        incident_number=row.incident_number,
        sys_id=sys_id,
        told=row.told,
        note=row.note,
        marker=row.marker,
        proven=row.proven,
        close_notes=row.close_notes,
        simulated=row.simulated,
        state=row.state,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        last_error=row.last_error,
        result=row.result,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )
