"""The switch that stops everything: every turn of it a row, the last row says how it stands.

While it is on no new change is started, by whatever process: the policy reads it when it judges a
plan and again right before each change. A change under way is finished, proven or undone; looking
goes on.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.watching import acting
from app.audit.writing import Writer
from app.domain.pause import Pause
from app.models.operations import PauseRow


class Pauses(Writer):
    """Turns the switch, and says how it stands."""

    async def current(self) -> Pause:
        """How it stands now."""
        async with self._database.reading() as session:
            row = await _last(session)
            return Pause() if row is None else _value(row)

    async def turn(self, *, paused: bool, by: str, reason: str) -> Pause:
        """Turn it. As it stands already, nothing is written: the first word keeps its reason."""

        async def work(session: AsyncSession) -> Pause:
            acting(session, by)
            last = await _last(session)
            if last is not None and last.paused == paused:
                return _value(last)
            if last is None and not paused:
                return Pause()
            row = PauseRow(paused=paused, person=by, reason=reason)
            session.add(row)
            await session.flush()
            await session.refresh(row)
            return _value(row)

        return await self._write("The pause of all changes", work)


async def _last(session: AsyncSession) -> PauseRow | None:
    newest = select(PauseRow).order_by(PauseRow.id.desc()).limit(1)
    return (await session.execute(newest)).scalar_one_or_none()


def _value(row: PauseRow) -> Pause:
    return Pause(paused=row.paused, by=row.person, reason=row.reason, since=row.turned_at)
