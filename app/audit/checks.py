"""Keeps what was last found of the audit's chain, and says where the audit stands."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.chain import head, next_key_id
from app.audit.findings import Finding
from app.audit.sealing import chain_id
from app.audit.writing import Writer
from app.domain.value import Value
from app.models import guards
from app.models.audit_check import THE_ONE, AuditCheck
from app.models.base import DatabaseNow
from app.models.chain import AuditEntry
from app.models.database import database_now
from app.models.durations import SecondsBetween


class Passed(Value):
    """What a pass over everything went over."""

    entries: int
    rows: int
    anchors: int


class Found(Value):
    """What looking has found until now."""

    verified_to: int  # the last entry that was verified; 0: none yet
    passed: Passed | None  # the last pass over everything; None: none has ended yet
    wrong: int
    first: Finding | None  # of what is wrong


class Check(Value):
    """The last look that the running service took, as it was written down."""

    looked_at: datetime
    verified_to: int
    passed_at: datetime | None  # when the last pass over everything ended; None: none has yet
    passed: Passed
    wrong: int
    fault: str  # of the first thing that is wrong, as are the next two; "": none
    at_entry: int | None
    sentence: str


class Standing(Value):
    """Where the audit stands now."""

    chain: str  # "": it has not begun
    entries: int
    head_hash: str
    head_at: str  # ISO 8601; "" where there is no entry
    key_id: str  # of the key that the next entry is made with
    guards_missing: tuple[str, ...]
    check: Check | None  # None: the service has not looked yet


class Verified(Value):
    """The same in figures. None: the service has not looked, or gone over everything, yet."""

    entries: int
    to: int | None  # the last entry that was verified
    wrong: int | None  # things
    passed_seconds_ago: float | None  # since the last pass over everything ended


class Checks(Writer):
    """The one row of the last look."""

    async def keep(self, found: Found, *, worker: str, passed_now: bool) -> None:
        """Write down what was found; `passed_now`: a pass over everything has just ended."""

        async def work(session: AsyncSession) -> None:
            now = await database_now(session)
            row = await session.get(AuditCheck, THE_ONE, with_for_update=True)
            if row is None:
                row = AuditCheck(id=THE_ONE, entries=0, rows=0, anchors=0)
                session.add(row)
            row.worker, row.looked_at, row.verified_to = worker, now, found.verified_to
            _set_first(row, found)
            if found.passed is not None:
                passed = found.passed
                row.entries, row.rows, row.anchors = passed.entries, passed.rows, passed.anchors
            if passed_now:
                row.passed_at = now

        await self._write("What was verified of the audit", work)

    async def standing(self) -> Standing:
        """Where the audit stands. Raises DatabaseNotReady."""
        async with self._database.reading() as session:
            last = await head(session)
            row = await session.get(AuditCheck, THE_ONE)
            connection = await session.connection()
            return Standing(
                chain=await chain_id(session),
                entries=last.seq if last else 0,
                head_hash=last.hash if last else "",
                head_at=last.at if last else "",
                key_id=next_key_id(last) if last else "",
                guards_missing=tuple(await connection.run_sync(guards.missing)),
                check=_check(row) if row else None,
            )


def _set_first(row: AuditCheck, found: Found) -> None:
    first = found.first
    row.wrong = found.wrong
    row.fault = first.fault.value if first else ""
    row.at_entry = first.seq if first else None
    row.sentence = first.sentence if first else ""


def _check(row: AuditCheck) -> Check:
    return Check(
        looked_at=row.looked_at,
        verified_to=row.verified_to,
        passed_at=row.passed_at,
        passed=Passed(entries=row.entries, rows=row.rows, anchors=row.anchors),
        wrong=row.wrong,
        fault=row.fault,
        at_entry=row.at_entry,
        sentence=row.sentence,
    )


async def verified(session: AsyncSession) -> Verified:
    """The figures of it."""
    entries = (await session.execute(select(func.max(AuditEntry.seq)))).scalar_one()
    ago = SecondsBetween(AuditCheck.passed_at, DatabaseNow())
    wanted = select(AuditCheck.verified_to, AuditCheck.wrong, ago)
    row = (await session.execute(wanted)).first()
    to, wrong, seconds = (None, None, None) if row is None else row
    return Verified(entries=entries or 0, to=to, wrong=wrong, passed_seconds_ago=seconds)
