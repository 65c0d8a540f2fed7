"""Takes ended executions out of the tables, once a file holds all that was there of them.

    ids = await archiving.due(before, after=0)            # that may go, a few
    collected = await collect(database, ids, workflows)     # everything of them, as of one moment
    path = await archiving.write(collected)               # on disk, read back and verified
    await archiving.remove(collected, path)               # out of the tables, in one transaction

What goes is named by two facts that stay: a row for the file, with which entries of the chain it
holds, and one for each execution. They are entered in the chain before anything is removed, and the
database's guards let nothing go that they do not name (app/models/guards.py).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import archive_file, key_file
from app.audit.archive_file import ArchiveContents, ArchiveManifest
from app.audit.collecting import BESIDE, Collected, at_rest, of_executions
from app.audit.lasting_figures import lasting, lasting_of_archived
from app.audit.lessons import left_behind
from app.audit.verifying_archive import verify_archive
from app.audit.watching import Watch
from app.audit.writing import Writer
from app.domain.value import Value
from app.errors import AuditWriteFailed
from app.models.archive import Archive, ArchivedExecution
from app.models.audited import audited_mappers, table_of
from app.models.base import DatabaseNow
from app.models.chain import AuditEntry
from app.models.database import is_away, reason_of
from app.models.sre_execution import Execution

ONE_AT_A_TIME = 7_365_221  # any number; the key of PostgreSQL's advisory lock


class Due(Value):
    """An execution that may be archived."""

    id: int
    ended_at: datetime


class Archiving(Writer):
    """Archives on one database. Raises DatabaseNotReady, AuditWriteFailed."""

    async def due(self, before: datetime, *, after: int, most: int) -> tuple[Due, ...]:
        """Executions above the number `after` that ended before a moment and wait for nothing."""
        wanted = (
            select(Execution.id, Execution.ended_at)
            .where(Execution.id > after, Execution.ended_at < before, *at_rest())
            .order_by(Execution.id)
            .limit(most)
        )
        async with self._database.reading() as session:
            return tuple(
                Due(id=id_, ended_at=ended_at)
                for id_, ended_at in (await session.execute(wanted)).all()
            )

    async def write(self, collected: Collected) -> tuple[Path, ArchiveManifest]:
        """Have it on disk, read back and verified: its path and manifest.

        Raises AuditWriteFailed where it does not verify: what was altered stays where it is.
        """
        keys_at = self._database.settings.audit_keys_at
        ring = await asyncio.to_thread(key_file.load, keys_at)
        key = ring.get(collected.head.key_id) or ring.newest
        now = datetime.now(UTC)
        contents = collected.contents
        name = f"executions-{min(collected.ids)}-{max(collected.ids)}-{now:%Y%m%dT%H%M%S%f}"
        path = self._database.settings.archives_at / (name + archive_file.ENDING)
        unsigned = ArchiveManifest(
            chain=collected.chain,
            name=path.name,
            sha256="",
            executions=contents.executions,
            entries=len(contents.entries),
            rows=len(contents.rows),
            beside=len(contents.beside),
            workflows=len(contents.workflows),
            ranges=contents.ranges,
            head_seq=collected.head.seq,
            head_hash=collected.head.hash,
            archived_at=now.isoformat(timespec="seconds"),
            key_id=key.id,
            public_key=key.public,
        )

        def write_and_verify() -> ArchiveManifest:
            partial = archive_file.write(path, contents, unsigned, key)
            report = verify_archive(partial, keys_at=keys_at)
            read, manifest = archive_file.read(partial)
            if not report.sound or read != contents:
                raise AuditWriteFailed(
                    f"Executions {min(collected.ids)} to {max(collected.ids)} are not archived: "
                    f"{report.findings[0].sentence if report.findings else 'it reads otherwise.'}",
                    hint="Nothing was removed. Look into it: sre-agent audit verify",
                )
            archive_file.place(path)
            return manifest

        try:
            return path, await asyncio.to_thread(write_and_verify)
        except BaseException:
            archive_file.discard(path)
            raise

    async def remove(self, collected: Collected, manifest: ArchiveManifest) -> int | None:
        """Remove what the file holds, in one transaction. The archive's number.

        None where one of the executions is not as it was read: nothing is removed then.
        """
        try:
            async with self._database.transaction() as session:
                await _wait_for_turn(session)
                if not await _is_as_read(session, collected.contents):
                    return None
                watch = Watch(session)
                archive = await _told(session, collected, manifest)
                # entered before anything goes: the chain's end stays, whatever is removed
                seal = await self._sealing.seal(session, watch)
                await _remove(session, collected.ids)
        except SQLAlchemyError as error:
            raise AuditWriteFailed(
                f"The archive {manifest.name} could not be entered: {reason_of(error)}.",
                hint="Nothing was removed.",
                may_pass=is_away(error),
            ) from error
        await self._sealing.publish(seal)
        return archive

    async def uncleared(self) -> dict[int, tuple[int, ...]]:
        """The executions of archives whose rows the engine may still have, by the archive."""
        wanted = (
            select(ArchivedExecution.archive_id, ArchivedExecution.id)
            .join(Archive, Archive.id == ArchivedExecution.archive_id)
            .where(Archive.cleared_at.is_(None))
        )
        found: dict[int, tuple[int, ...]] = defaultdict(tuple)
        async with self._database.reading() as session:
            for archive_id, execution_id in (await session.execute(wanted)).all():
                found[archive_id] += (execution_id,)
        return found

    async def cleared(self, archive_id: int) -> None:
        """The engine has nothing of an archive's executions any more."""

        async def work(session: AsyncSession) -> None:
            row = await session.get(Archive, archive_id)
            assert row is not None, "what was archived is never deleted"
            row.cleared_at = (await session.execute(select(DatabaseNow()))).scalar_one()

        await self._write(f"The end of archive {archive_id}", work)


async def _wait_for_turn(session: AsyncSession) -> None:
    """One archive after the other: each counts what the one before it has counted."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))


async def _is_as_read(session: AsyncSession, contents: ArchiveContents) -> bool:
    """Whether these executions may still go, and nothing was written of them since.

    They are locked until the transaction ends. Whatever changes a fact of one adds an entry to it.
    """
    ids = [one.id for one in contents.executions]
    locked = select(Execution.id).where(Execution.id.in_(ids)).order_by(Execution.id)
    await session.execute(locked.with_for_update())
    there = select(Execution.id).where(Execution.id.in_(ids), *at_rest())
    if set((await session.execute(there)).scalars()) != set(ids):
        return False
    last = (
        select(AuditEntry.execution_id, func.max(AuditEntry.execution_seq))
        .where(AuditEntry.execution_id.in_(ids))
        .group_by(AuditEntry.execution_id)
    )
    found = {row[0]: row[1] for row in await session.execute(last)}
    return found == {one.id: one.entries for one in contents.executions}


async def _told(session: AsyncSession, collected: Collected, manifest: ArchiveManifest) -> int:
    """Write the facts that stay; the archive's number."""
    ids, contents = collected.ids, collected.contents
    figures = (await lasting_of_archived(session)).plus(await lasting(session, only=ids))
    lessons = await left_behind(session, ids)
    archive = Archive(
        name=manifest.name,
        sha256=manifest.sha256,
        executions=len(ids),
        entries=len(contents.entries),
        rows=len(contents.rows),
        first_seq=contents.entries[0].seq,
        last_seq=contents.entries[-1].seq,
        ranges=[one.model_dump() for one in contents.ranges],
        head_seq=collected.head.seq,
        head_hash=collected.head.hash,
        figures=figures.model_dump(mode="json"),
        cleared_at=None,
    )
    session.add(archive)
    await session.flush()
    wanted = select(Execution).where(Execution.id.in_(ids)).order_by(Execution.id)
    for row in (await session.execute(wanted)).scalars():
        assert row.ended_at is not None, "only what has ended is archived"
        session.add(
            ArchivedExecution(
                id=row.id,
                archive_id=archive.id,
                simulated=row.simulated,
                incident_number=row.incident_number,
                episode=row.episode,
                sys_id=row.sys_id,
                sys_mod_count=row.sys_mod_count,
                host=row.host,
                status=row.status,
                outcome=row.outcome,
                started_at=row.started_at,
                ended_at=row.ended_at,
                teaches=row.id in lessons,
                lessons=lessons.get(row.id, []),
            )
        )
    await session.flush()
    return archive.id


async def _remove(session: AsyncSession, ids: Collection[int]) -> None:
    """Remove everything of these executions, what points to a row before that row.

    On the connection itself: a session refuses it, and the guards look at each row.
    """
    connection = await session.connection()
    for table in BESIDE:
        await connection.execute(delete(table).where(table.c.execution_id.in_(ids)))
    for mapper in reversed(audited_mappers()):
        where = of_executions(table_of(mapper), ids)
        if where is not None:
            await connection.execute(delete(table_of(mapper)).where(where))
    await connection.execute(delete(AuditEntry).where(AuditEntry.execution_id.in_(ids)))
