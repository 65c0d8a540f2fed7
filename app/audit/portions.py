"""Verification in portions: each is one short look of its own, so nobody waits for the whole.

`Following` goes on from the last entry that was verified, with the rows that the new ones are
about. `Pass` goes over everything from the beginning and may then be followed from its end. Hashing
and comparing happen in a thread: the event loop has the queries alone to do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper

from app.audit.adopting import chained_tables
from app.audit.anchoring import Line, anchors_of, compare_some_anchors
from app.audit.archives import archived_between, archived_within
from app.audit.chain import entry_of, head
from app.audit.checkpoints import Anchor
from app.audit.comparing import compare_portion, compare_rows_about, find_deleted
from app.audit.entry import Entry
from app.audit.findings import Fault, Findings
from app.audit.key_file import KeyRing
from app.audit.sealing import chain_id
from app.audit.verifying import TABLES, look_at_guards
from app.audit.walking import Walk
from app.errors import ConfigurationError
from app.models.chain import AuditEntry
from app.models.database import Database

PORTION = 200
"""Entries or rows in one look."""


class Following:
    """Verifies what is new since the last entry that was verified."""

    def __init__(self, walk: Walk, chain: str) -> None:
        self.walk = walk
        self._chain = chain

    async def portion(self, session: AsyncSession) -> bool:
        """Verify the next entries and the rows that they are about. False: there are no more."""
        there = await entries_after(session, self.walk.last)
        more = await _walk_on(session, self.walk, there)
        entries = there[:PORTION]
        await find_deleted(session, self.walk.findings, entries)
        await compare_rows_about(session, self.walk.findings, entries)
        return more

    async def lost(self, session: AsyncSession) -> Anchor | None:
        """The last verified entry where it is gone or replaced; None: it stands or was archived."""
        last = self.walk.last
        if last is None:
            return None
        wanted = select(AuditEntry.hash).where(AuditEntry.seq == last.seq)
        there = (await session.execute(wanted)).scalar_one_or_none()
        if there == last.hash:
            return None
        if there is None and await archived_within(session, self.walk.ring, last.seq, last.seq):
            return None
        return Anchor(chain=self._chain, seq=last.seq, hash=last.hash, key_id=last.key_id)


class Pass:
    """Goes over all entries, then all rows, then anchors and guards."""

    def __init__(self, ring: KeyRing, findings: Findings) -> None:
        self.walk = Walk(ring, TABLES, findings)
        self.rows = 0
        self.anchors = 0
        self.done = False
        self._walked = False
        self._tables: deque[Mapper[Any]] = deque()  # those whose rows are still to be compared
        self._after: object = None  # the last row's key in the first of these tables
        self._anchors: Iterator[Line] | None = None  # None: not yet begun

    async def portion(self, database: Database) -> None:
        """One portion further."""
        async with database.reading() as session:
            if not self._walked:
                await self._walk(session)
            elif self._tables:
                await self._compare(session)
            elif await self._compare_anchors(session, database.settings.audit_checkpoints_at):
                pass  # there may be more of them
            else:
                await look_at_guards(session, self.walk.findings)
                self.done = True

    async def followed(self, session: AsyncSession) -> Following:
        """What follows on from the end of this pass."""
        return Following(self.walk, await chain_id(session))

    async def _walk(self, session: AsyncSession) -> None:
        there = await entries_after(session, self.walk.last)
        self._walked = not await _walk_on(session, self.walk, there)
        await find_deleted(session, self.walk.findings, there[:PORTION])
        if self._walked:
            self._tables.extend(await chained_tables(session))

    async def _compare(self, session: AsyncSession) -> None:
        mapper = self._tables[0]
        compared, self._after = await compare_portion(
            session, self.walk.findings, mapper, self._after, PORTION
        )
        self.rows += compared
        if self._after is None:
            self._tables.popleft()

    async def _compare_anchors(self, session: AsyncSession, path: Path) -> bool:
        """The next anchors of the checkpoint file. False: there are no more."""
        if self._anchors is None:
            there = await asyncio.to_thread(path.exists)
            self._anchors = anchors_of(path, self.walk.findings) if there else iter(())
        last, findings = await head(session), self.walk.findings
        try:
            some = await compare_some_anchors(
                session,
                findings,
                self._anchors,
                chain=await chain_id(session),
                head=last.seq if last else 0,
            )
        except ConfigurationError as error:
            findings.add(Fault.ANCHOR_FORGED, error.message)
            return False
        self.anchors += some
        return some > 0


async def entries_after(session: AsyncSession, last: Entry | None) -> list[Entry]:
    """The next entries, one more than a portion where there are more."""
    table = AuditEntry.__table__
    wanted = select(table).order_by(table.c.seq).limit(PORTION + 1)
    if last is not None:
        wanted = wanted.where(table.c.seq > last.seq)
    rows: Sequence[Row[Any]] = (await session.execute(wanted)).all()
    return [entry_of(row) for row in rows]


async def _walk_on(session: AsyncSession, walk: Walk, there: Sequence[Entry]) -> bool:
    """Walk over a portion of these entries. Whether there are more than that."""
    walk.gaps.forget_before(walk.last.seq if walk.last else 0)
    walk.gaps.add(await archived_between(session, walk.ring, walk.last, there))
    more = len(there) > PORTION
    pairs = list(pairwise([*there, *([] if more else [None])]))
    await asyncio.to_thread(_see, walk, pairs)
    return more


def _see(walk: Walk, pairs: Sequence[tuple[Entry | None, Entry | None]]) -> None:
    for entry, following in pairs:
        assert entry is not None, "only the last is followed by nothing"
        walk.see(entry, following)


def truncated(findings: Findings, lost: Anchor) -> None:
    """Say that an entry which this process had verified is not there any more."""
    findings.add(
        Fault.TRUNCATED,
        f"Entry {lost.seq} was verified by this service and is gone or another one now: the "
        "chain's end was cut off or made anew.",
        lost.seq,
    )
