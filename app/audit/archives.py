"""What the database knows of archives, and believes only where the chain says the same.

A row that says what was archived excuses entries that are missing. So it counts only where a holder
of the chain's key made an entry about it, and it is as that entry says.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.chain import content_of_entry
from app.audit.comparing import last_entries, mapper_of
from app.audit.content import content_of, differing
from app.audit.entry import Entry
from app.audit.findings import Fault, Findings
from app.audit.gaps import Range
from app.audit.key_file import KeyRing
from app.audit.scanning import raw_rows_of
from app.errors import NotFound
from app.models.archive import Archive, ArchivedExecution


async def archived_between(
    session: AsyncSession, ring: KeyRing | None, last: Entry | None, entries: Sequence[Entry]
) -> tuple[Range, ...]:
    """The archived ranges in what is missing between these entries, and between `last` and them."""
    seqs = [last.seq if last else 0, *(entry.seq for entry in entries)]
    missing = [(a + 1, b - 1) for a, b in pairwise(seqs) if b > a + 1]
    if not missing:
        return ()
    found = await archived_within(session, ring, missing[0][0], missing[-1][1])
    return tuple(one for one in found if any(one.first <= b and one.last >= a for a, b in missing))


async def archived_within(
    session: AsyncSession, ring: KeyRing | None, first: int, last: int
) -> tuple[Range, ...]:
    """The archived ranges that have entries from `first` to `last`, by rows that count."""
    overlapping = (Archive.first_seq <= last, Archive.last_seq >= first)
    ranges = [
        Range.model_validate(told)
        for values in await _genuine(session, ring, *overlapping)
        for told in values["ranges"]
    ]
    return tuple(one for one in ranges if one.first <= last and one.last >= first)


async def _genuine(
    session: AsyncSession, ring: KeyRing | None, *where: ColumnElement[bool]
) -> list[dict[str, list[dict[str, object]]]]:
    """The values of the rows of archives that are as a genuine entry of the chain says."""
    mapper = mapper_of(Archive.__tablename__)
    assert mapper is not None, "archives are facts"
    genuine = []
    async for rows in raw_rows_of(session, mapper, *where):
        entries = await last_entries(session, Archive.__tablename__, list(rows))
        for row_id, values in rows.items():
            entry = entries.get(row_id)
            key = ring.get(entry.key_id) if ring and entry else None
            if entry is None or key is None or key.mac(entry.signed_part()) != entry.hash:
                continue  # `compare_rows` says what is wrong with it
            if not differing(content_of_entry(entry), content_of(values)):
                genuine.append(values)
    return genuine


async def archived_executions(session: AsyncSession) -> int:
    """How many executions were archived."""
    counted = select(func.count()).select_from(ArchivedExecution)
    return (await session.execute(counted)).scalar_one()


async def _archive_of(session: AsyncSession, execution_id: int) -> str | None:
    """The name of the file that an execution was archived in; None: it was not."""
    wanted = (
        select(Archive.name)
        .join(ArchivedExecution, ArchivedExecution.archive_id == Archive.id)
        .where(ArchivedExecution.id == execution_id)
    )
    return (await session.execute(wanted)).scalar_one_or_none()


async def not_there(session: AsyncSession, execution_id: int) -> NotFound:
    """What to say of an execution that is in no table: it may have been archived."""
    archive = await _archive_of(session, execution_id)
    if archive is None:
        return NotFound(f"There is no execution {execution_id}.")
    return NotFound(
        f"Execution {execution_id} was archived.",
        hint=f"Its story is in {archive}: sre-agent audit verify --archive FILE",
    )


async def compare_files(session: AsyncSession, findings: Findings, folder: Path) -> None:
    """Hold the archives that lie in a folder against what is said of them; others are elsewhere."""
    told = select(Archive.name, Archive.sha256).order_by(Archive.id)
    for name, sha256 in (await session.execute(told)).all():
        path = folder / name
        there = await asyncio.to_thread(sha256_of, path)
        if there is not None and there != sha256:
            findings.add(
                Fault.ARCHIVE_CHANGED,
                f"The archive {path} is not the file that was written: restore it from a copy.",
            )


def sha256_of(path: Path) -> str | None:
    """The SHA-256 of a file; None where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
