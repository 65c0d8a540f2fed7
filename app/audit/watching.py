"""Sees every row of facts that a session writes, and refuses what would get around that.

There is no list of writers to keep: whatever a `Writer` adds or changes in a table that declares
`__audited__` is seen here when the session sends it to the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Delete, Insert, TextClause, Update, event, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from app.audit.content import content_of, row_id_of, values_of
from app.audit.entry import Fact
from app.domain.fact import SERVICE, FactKind
from app.errors import AuditWriteFailed
from app.models.audited import audited_mappers, audited_of, table_of
from app.models.operations import Approval, ApprovalVote
from app.models.sre_execution import Execution

ACTOR = "actor"  # the key in a session's `info`


def acting(session: AsyncSession, actor: str) -> None:
    """Say who does what this session writes: a person, or a source of incidents."""
    session.info[ACTOR] = actor


class Watch:
    """The facts of one transaction, in the order in which they were first written."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._seen: dict[Any, FactKind] = {}
        event.listen(session.sync_session, "after_flush", self._see)
        event.listen(session.sync_session, "do_orm_execute", _refuse_ways_around)

    async def facts(self) -> tuple[Fact, ...]:
        """What was written until now. Sends what the session still holds back."""
        await self._session.flush()
        actor = self._session.info.get(ACTOR, SERVICE)
        return tuple([await self._fact(row, kind, actor) for row, kind in self._seen.items()])

    def ended(self) -> Iterator[int]:
        """The executions that this transaction ended or that changed after their end."""
        for row in self._seen:
            if isinstance(row, Execution) and row.ended_at is not None:
                yield row.id

    async def _fact(self, row: Any, kind: FactKind, actor: str) -> Fact:
        return fact_of(row, kind, await execution_of(self._session, row), actor)

    def _see(self, session: Session, _context: UOWTransaction) -> None:
        for row in session.new:
            if audited_of(type(row)) is not None:
                self._seen[row] = FactKind.WRITTEN
        for row in session.dirty:
            if _changes_a_fact(session, row):
                self._seen.setdefault(row, FactKind.CHANGED)
        for row in session.deleted:
            if audited_of(type(row)) is not None:
                raise AuditWriteFailed(f"A row of {_table_name(row)} was to be deleted.")


def fact_of(row: Any, kind: FactKind, execution_id: int | None, actor: str) -> Fact:
    """What the chain says of a row as it is now."""
    return Fact(
        kind=kind,
        about=_table_name(row),
        row_id=row_id_of(row),
        content=content_of(values_of(row)),
        execution_id=execution_id,
        actor=actor,
    )


async def execution_of(session: AsyncSession, row: Any) -> int | None:
    """The execution that a row belongs to; None: to none."""
    if isinstance(row, Execution):
        return row.id
    if isinstance(row, ApprovalVote):
        asked = await session.get(Approval, row.approval_id)
        return asked.execution_id if asked else None
    found = getattr(row, "execution_id", None)
    return found if isinstance(found, int) else None


def _changes_a_fact(session: Session, row: Any) -> bool:
    audited = audited_of(type(row))
    if audited is None or not session.is_modified(row):
        return False
    changed = {a.key for a in inspect(row).attrs if a.history.has_changes()}
    return bool(changed - audited.outside)


def _table_name(row: Any) -> str:
    return str(row.__tablename__)


def _refuse_ways_around(state: ORMExecuteState) -> None:
    """A statement changes rows that no flush sees: facts are written as objects."""
    statement = state.statement
    if isinstance(statement, TextClause):
        raise AuditWriteFailed("A statement in plain text cannot be seen by the audit.")
    if not isinstance(statement, Insert | Update | Delete):
        return
    facts = {table_of(mapper) for mapper in audited_mappers()}
    if statement.table in facts:
        raise AuditWriteFailed(
            f"A statement would change {statement.table} without an entry in the audit's chain.",
            hint="Load the rows and change them, or add them to the session.",
        )
