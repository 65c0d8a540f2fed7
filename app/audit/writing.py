"""How everything is written: in one transaction; once more where another was first; or not.

What could not be written must not happen (ARCHITECTURE.md, rule 5), so a failure is an error of its
own that ends the step.

This is the one door: whatever facts a transaction writes get their entries in the audit's chain
before it is committed, and both are kept or neither is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.entry import Fact
from app.audit.sealing import Sealing
from app.audit.watching import Watch
from app.errors import AuditWriteFailed, NotFound
from app.models.database import Database, is_away, reason_of
from app.models.sre_execution import Execution

Written = TypeVar("Written")


class Writer:
    """The base of what writes. A `work` may run twice: it looks before it inserts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sealing = Sealing(database.settings)

    async def _write(
        self,
        what: str,
        work: Callable[[AsyncSession], Awaitable[Written]],
        *,
        told: Sequence[Fact] = (),
    ) -> Written:
        """Run `work` in one transaction; `what` is named if it fails.

        `told` are facts that have no row of their own: they are entered after those of `work`.
        """
        try:
            try:
                return await self._attempt(work, told)
            except IntegrityError:
                # another wrote the same row between our look and our insert: now we shall see it
                return await self._attempt(work, told)
        except SQLAlchemyError as error:
            raise AuditWriteFailed(
                f"{what} could not be written: {reason_of(error)}.",
                hint="Nothing of it was kept. Check the database's log and free space.",
                may_pass=is_away(error),
            ) from error

    async def _attempt(
        self, work: Callable[[AsyncSession], Awaitable[Written]], told: Sequence[Fact]
    ) -> Written:
        async with self._database.transaction() as session:
            watch = Watch(session)
            written = await work(session)
            seal = await self._sealing.seal(session, watch, told)
        await self._sealing.publish(seal)
        return written


async def held(session: AsyncSession, execution_id: int) -> Execution:
    """The execution, locked until the transaction ends: its rows are numbered one at a time."""
    # key_share: rows that merely point to it, such as intents, need not wait
    execution = await session.get(Execution, execution_id, with_for_update={"key_share": True})
    if execution is None:
        raise NotFound(f"There is no execution {execution_id}.")
    return execution
