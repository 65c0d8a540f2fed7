"""Seals a transaction's facts into the chain, and afterwards says outside that it was done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import checkpoints
from app.audit.chain import Chain, head
from app.audit.checkpoints import Anchor, Checkpoint, checkpoint_of
from app.audit.entry import Entry, Fact
from app.audit.watching import Watch
from app.models.chain import AuditEntry
from app.settings import Settings

CHAIN_ID_DIGITS = 16


@dataclass(frozen=True)
class Seal:
    """What a transaction added to the chain: its checkpoint, once it is committed."""

    checkpoint: Checkpoint | None


class Sealing:
    """The chain and its checkpoints, as one installation's settings have them."""

    def __init__(self, settings: Settings) -> None:
        self._chain = Chain(settings.audit_keys_at)
        self._file = settings.audit_checkpoints_at
        self._every = settings.audit_checkpoint_every

    async def seal(self, session: AsyncSession, watch: Watch, told: Sequence[Fact] = ()) -> Seal:
        """Enter what the transaction wrote, and `told` after it. The last thing before a commit."""
        facts = (*await watch.facts(), *told)
        last = await self._chain.append(session, facts)
        if last is None:
            return Seal(checkpoint=None)
        return Seal(checkpoint=await self._checkpoint(session, last, len(facts), watch.ended()))

    async def publish(self, seal: Seal) -> None:
        """Write the checkpoint, where one is due. The transaction is committed."""
        if seal.checkpoint is not None:
            await checkpoints.write(self._file, seal.checkpoint)

    async def _checkpoint(
        self, session: AsyncSession, last: Entry, added: int, ended: Iterable[int]
    ) -> Checkpoint | None:
        """A checkpoint at the end of an execution, and after so many entries."""
        execution_id = max(ended, default=None)
        due = last.seq // self._every > (last.seq - added) // self._every
        if execution_id is None and not due:
            return None
        return checkpoint_of(
            last,
            await self._chain.key(last.key_id),
            chain=await chain_id(session),
            execution_id=execution_id,
        )


async def chain_id(session: AsyncSession) -> str:
    """The chain's name: the beginning of its first entry's hash; "" before there is one."""
    first = select(AuditEntry.hash).where(AuditEntry.seq == 1)
    found = (await session.execute(first)).scalar_one_or_none()
    return (found or "")[:CHAIN_ID_DIGITS]


async def last_anchor(session: AsyncSession) -> Anchor | None:
    """The end of the chain as of now; None before it has begun.

    Within a transaction that writes: the end before what it writes itself.
    """
    last = await head(session)
    if last is None:
        return None
    chain = await chain_id(session)
    return Anchor(chain=chain, seq=last.seq, hash=last.hash, key_id=last.key_id)
