"""Alerts: one row for each condition of a subject, and how far people have been told of it.

    found       -> open, notice `opened`
    goes on     -> notice `repeated`, once the last one is old enough
    not found   -> ended; notice `ended` to those who had been told that it began
    happened    -> (a failure, say) told once, and ended by that

A notice goes to each destination once: `undelivered` names those that still lack it. Who sends and
then dies before that is written down sends it again: better told twice than never.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.writing import Writer
from app.domain.alert import AlertKind, Condition, Notice
from app.domain.value import Value
from app.errors import NotFound
from app.models.alert import AlertRow
from app.models.database import database_now

FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 3600.0
STALE_SECONDS = 24 * 3600.0
"""After so long a notice that tells of the past is not tried any more."""


class Alert(Value):
    """One condition of one subject, from its beginning to its end."""

    id: int
    kind: AlertKind
    subject: str
    statement: str
    execution_id: int | None
    host: str | None
    simulated: bool
    opened_at: datetime
    ended_at: datetime | None
    notice: Notice | None  # to be told now; None: everybody has been told
    undelivered: tuple[str, ...]
    told_at: datetime | None
    attempts: int  # failures to tell in a row
    last_error: str


class Alerts(Writer):
    """All alerts."""

    async def note(
        self,
        found: Sequence[Condition],
        *,
        looked_for: Collection[AlertKind],
        destinations: Sequence[str],
        repeat_seconds: float,
    ) -> None:
        """Bring the alerts of the kinds that were looked for up to what was found."""

        async def work(session: AsyncSession) -> None:
            now = await database_now(session)
            standing = await _open(session, looked_for)
            for condition in found:
                row = standing.pop((condition.kind, condition.subject), None)
                if row is None:
                    await _begin(session, condition, destinations, now)
                else:
                    _go_on(row, condition, destinations, now - timedelta(seconds=repeat_seconds))
            for row in standing.values():
                if row.kind.lasts:
                    _end(row, destinations, now)
            await _give_up_stale(session, now)

        await self._write("What needs a person", work)

    async def due(self, limit: int) -> tuple[Alert, ...]:
        """Alerts with a notice to be sent now, oldest first."""
        async with self._database.reading() as session:
            now = await database_now(session)
            wanted = (
                select(AlertRow)
                .where(
                    AlertRow.notice.is_not(None),
                    or_(
                        AlertRow.next_try_at.is_(None),
                        AlertRow.next_try_at <= now,
                        # the clock was set back since it was put off
                        AlertRow.next_try_at > now + timedelta(seconds=LONGEST_PAUSE_SECONDS),
                    ),
                )
                .order_by(AlertRow.id)
                .limit(limit)
            )
            return await _values(session, wanted)

    async def told(
        self, alert_id: int, notice: Notice, *, lacking: Sequence[str], error: str
    ) -> None:
        """Write down what came of sending: who still lacks it (nobody: `()`), and why."""

        async def work(session: AsyncSession) -> None:
            row = await session.get(AlertRow, alert_id, with_for_update=True)
            if row is None:
                raise NotFound(f"There is no alert {alert_id}.")
            if row.notice is not notice:
                return  # it went on or ended meanwhile; the newer notice has its own way
            now = await database_now(session)
            row.undelivered, row.last_error = list(lacking), error
            if lacking:
                row.attempts += 1
                row.next_try_at = now + timedelta(seconds=pause_after(row.attempts))
            else:
                _settle(row, now)

        await self._write(f"The notice of alert {alert_id}", work)

    async def opened(self, limit: int = 200) -> tuple[Alert, ...]:
        """What is the matter now, oldest first."""
        wanted = select(AlertRow).where(AlertRow.ended_at.is_(None)).order_by(AlertRow.id)
        async with self._database.reading() as session:
            return await _values(session, wanted.limit(limit))

    async def ended(self, limit: int = 50) -> tuple[Alert, ...]:
        """What was the matter, the last to end first."""
        wanted = select(AlertRow).where(AlertRow.ended_at.is_not(None))
        newest = wanted.order_by(AlertRow.ended_at.desc(), AlertRow.id.desc()).limit(limit)
        async with self._database.reading() as session:
            return await _values(session, newest)


def pause_after(attempts: int) -> float:
    """Seconds until the next try: 10, 20, 40, ... up to an hour."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE_SECONDS)


async def _open(
    session: AsyncSession, kinds: Collection[AlertKind]
) -> dict[tuple[AlertKind, str], AlertRow]:
    wanted = select(AlertRow).where(AlertRow.ended_at.is_(None), AlertRow.kind.in_(kinds))
    rows = (await session.execute(wanted.with_for_update())).scalars()
    return {(row.kind, row.subject): row for row in rows}


async def _begin(
    session: AsyncSession, condition: Condition, destinations: Sequence[str], now: datetime
) -> None:
    if not condition.kind.lasts and await _was_told(session, condition):
        return
    row = AlertRow(
        **condition.model_dump(),
        notice=Notice.OPENED,
        undelivered=list(destinations),
        attempts=0,
        last_error="",
    )
    if not destinations:
        _settle(row, now)
    session.add(row)
    await session.flush()


async def _was_told(session: AsyncSession, condition: Condition) -> bool:
    same = select(AlertRow.id).where(
        AlertRow.kind == condition.kind, AlertRow.subject == condition.subject
    )
    return (await session.execute(same.limit(1))).first() is not None


def _go_on(
    row: AlertRow, condition: Condition, destinations: Sequence[str], repeat_before: datetime
) -> None:
    if row.statement != condition.statement:
        row.statement = condition.statement
    told_long_ago = row.told_at is not None and row.told_at <= repeat_before
    if row.notice is None and told_long_ago and destinations:
        _have_told(row, Notice.REPEATED, destinations)


def _end(row: AlertRow, destinations: Sequence[str], now: datetime) -> None:
    """It is over: those who know of it are told so, and nobody else."""
    row.ended_at = now
    lacking = row.undelivered if row.notice is Notice.OPENED else ()
    knowing = [name for name in destinations if name not in lacking]
    if knowing and (row.told_at is not None or row.notice is not None):
        _have_told(row, Notice.ENDED, knowing)
    else:
        row.notice, row.undelivered = None, []


def _have_told(row: AlertRow, notice: Notice, destinations: Sequence[str]) -> None:
    row.notice, row.undelivered = notice, list(destinations)
    row.attempts, row.next_try_at, row.last_error = 0, None, ""


def _settle(row: AlertRow, now: datetime) -> None:
    """Everybody has it."""
    row.told_at = now
    row.notice, row.undelivered = None, []
    row.attempts, row.next_try_at, row.last_error = 0, None, ""
    if not row.kind.lasts:
        row.ended_at = now


async def _give_up_stale(session: AsyncSession, now: datetime) -> None:
    """What is over, or happened once, is not told for ever to who does not answer."""
    oldest = now - timedelta(seconds=STALE_SECONDS)
    wanted = select(AlertRow).where(
        AlertRow.notice.is_not(None),
        or_(
            AlertRow.ended_at < oldest,
            and_(AlertRow.opened_at < oldest, AlertRow.kind.not_in(_LASTING)),
        ),
    )
    for row in (await session.execute(wanted)).scalars():
        row.notice, row.undelivered, row.ended_at = None, [], row.ended_at or now


_LASTING = [kind for kind in AlertKind if kind.lasts]


async def _values(session: AsyncSession, wanted: Select[AlertRow]) -> tuple[Alert, ...]:
    rows: Iterable[AlertRow] = (await session.execute(wanted)).scalars()
    return tuple(
        Alert(
            id=row.id,
            kind=row.kind,
            subject=row.subject,
            statement=row.statement,
            execution_id=row.execution_id,
            host=row.host,
            simulated=row.simulated,
            opened_at=row.opened_at,
            ended_at=row.ended_at,
            notice=row.notice,
            undelivered=tuple(row.undelivered),
            told_at=row.told_at,
            attempts=row.attempts,
            last_error=row.last_error,
        )
        for row in rows
    )
