"""Holds the chain against what stands outside of the database: checkpoints, and notes' anchors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.checkpoints import Anchor, Checkpoint, anchor_in
from app.audit.findings import Fault, Findings
from app.errors import ConfigurationError
from app.models.chain import AuditEntry

AT_A_TIME = 500


@dataclass(frozen=True)
class Line:
    """An anchor and where it stands."""

    anchor: Anchor
    place: str  # "line 3 of FILE"


async def compare_anchors(
    session: AsyncSession, findings: Findings, path: Path, *, chain: str, head: int
) -> int:
    """Hold the chain against every anchor of a file. How many there were.

    Raises ConfigurationError where the file cannot be read.
    """
    anchors, seen = anchors_of(path, findings), 0
    while some := await compare_some_anchors(session, findings, anchors, chain=chain, head=head):
        seen += some
    return seen


async def compare_some_anchors(
    session: AsyncSession, findings: Findings, anchors: Iterator[Line], *, chain: str, head: int
) -> int:
    """The same with the next few hundred of them; reading and signatures are a thread's work."""
    some = await asyncio.to_thread(list, islice(anchors, AT_A_TIME))
    hashes = await _hashes(session, (line.anchor.seq for line in some))

    def compare_all() -> None:
        for line in some:
            compare_anchor(findings, line, hashes.get(line.anchor.seq), chain=chain, head=head)

    await asyncio.to_thread(compare_all)
    return len(some)


def compare_anchor(
    findings: Findings, line: Line, found: str | None, *, chain: str, head: int
) -> None:
    """Hold one anchor against the hash that the entry of its number has; None: not there."""
    anchor = line.anchor
    if isinstance(anchor, Checkpoint) and not anchor.is_genuine():
        return findings.add(
            Fault.ANCHOR_FORGED,
            f"The checkpoint in {line.place} is not signed by the key that it names.",
        )
    if anchor.chain != chain:
        return findings.add(
            Fault.TRUNCATED,
            f"In {line.place} an anchor of the chain {anchor.chain} stands, which is not in this "
            f"database ({'its chain is ' + chain if chain else 'it has none'}): it was removed, or "
            "this is another installation's file.",
        )
    if anchor.seq > head:
        return findings.add(
            Fault.TRUNCATED,
            f"The chain was truncated: it ends at entry {head}, but {line.place} says that it had "
            f"entry {anchor.seq}.",
            anchor.seq,
        )
    if found is not None and found != anchor.hash:
        return findings.add(
            Fault.HISTORY_REPLACED,
            f"Entry {anchor.seq} was replaced: its hash is not the one in {line.place}.",
            anchor.seq,
        )
    return None  # an entry that is missing in between is a gap, which the walk has found


async def _hashes(session: AsyncSession, seqs: Iterable[int]) -> dict[int, str]:
    """The hashes of these entries. Of one that was archived: what the next one is bound to."""
    wanted = set(seqs)
    there = select(AuditEntry.seq, AuditEntry.hash).where(AuditEntry.seq.in_(wanted))
    after = select(AuditEntry.seq, AuditEntry.previous).where(
        AuditEntry.seq.in_({seq + 1 for seq in wanted})
    )
    bound_to = {row.seq - 1: row.previous for row in await session.execute(after)}
    return bound_to | {row.seq: row.hash for row in await session.execute(there)}


def anchors_of(path: Path, findings: Findings) -> Iterator[Line]:
    """The anchors of a file, in order. Raises ConfigurationError where it cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                place = f"line {number} of {path}"
                try:
                    anchor = anchor_in(text)
                except ValueError:
                    findings.add(
                        Fault.ANCHOR_FORGED, f"In {place} is no checkpoint: it was cut or altered."
                    )
                    continue
                if anchor is not None:
                    yield Line(anchor, place)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The anchors in {path} cannot be read: {getattr(error, 'strerror', error)}.",
            hint="It is a checkpoint file, or any text with the anchor lines of work notes.",
        ) from error
