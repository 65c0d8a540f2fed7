"""Leases: one execution at a time changes a host.

A lease has no time limit: who holds it may be slow, and a second hand on the host would be worse
than a late one. It is given back on every exit, and taken away only from who is known to have
ended. Its fence grows each time, so the host can refuse a command of an earlier holder.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.workers import require_alive
from app.audit.writing import Writer
from app.domain.value import Value
from app.models.database import database_now
from app.models.operations import HostLease

NOBODY = ""


class Lease(Value):
    """Who may change a host."""

    host: str
    owner: str  # a workflow's id
    fence: int
    acquired_at: datetime | None


class Leases(Writer):
    """The leases of all hosts."""

    async def acquire(
        self,
        host: str,
        owner: str,
        *,
        may_steal: Callable[[str], Awaitable[bool]] | None = None,
        worker: str | None = None,
    ) -> int | None:
        """Take the host, or take it again. Returns the fence; None: another holds it.

        `worker`: who runs the owner now. Raises Fenced where that one was given up by its peers.

        `may_steal` is asked about the other holder and says True only where that one has ended
        for good. It is asked outside of any transaction.
        """
        fence = await self._take(host, owner, {NOBODY, owner}, worker)
        if fence is not None or may_steal is None:
            return fence
        other = await self.holder(host)
        if other is not None and not await may_steal(other.owner):
            return None
        # only from the holder that was asked about: whoever came after it is not robbed
        from_whom = {NOBODY, owner, other.owner if other else NOBODY}
        return await self._take(host, owner, from_whom, worker)

    async def renew(self, owner: str, *, worker: str) -> dict[str, int]:
        """Take everything again that `owner` holds, for a worker that goes on with it.

        The fences by host; what an earlier worker still sends has an older one. Raises Fenced.
        """

        async def work(session: AsyncSession) -> dict[str, int]:
            await require_alive(session, worker)
            its_own = select(HostLease).where(HostLease.owner == owner).with_for_update()
            leases = (await session.execute(its_own)).scalars().all()
            for lease in leases:
                lease.fence += 1
            return {lease.host: lease.fence for lease in leases}

        return await self._write(f"The leases of {owner}", work)

    async def release(self, host: str, owner: str) -> None:
        """Give the host back. Giving back what is not held changes nothing."""

        async def work(session: AsyncSession) -> None:
            lease = await session.get(HostLease, host, with_for_update=True)
            if lease is not None and lease.owner == owner:
                lease.owner, lease.acquired_at = NOBODY, None

        await self._write(f"The lease of {host}", work)

    async def release_all(self, owner: str) -> tuple[str, ...]:
        """Give back everything that `owner` holds; the names of those hosts."""

        async def work(session: AsyncSession) -> tuple[str, ...]:
            its_own = select(HostLease).where(HostLease.owner == owner).with_for_update()
            leases = (await session.execute(its_own)).scalars().all()
            for lease in leases:
                lease.owner, lease.acquired_at = NOBODY, None
            return tuple(sorted(lease.host for lease in leases))

        return await self._write(f"The leases of {owner}", work)

    async def raise_fences(self, hosts: Iterable[str], *, to: int) -> None:
        """Have every next fence be above `to`; for hosts that were never held, these too.

        After a restore: the hosts remember fences that the copy does not know, and refuse older.
        """

        async def work(session: AsyncSession) -> None:
            known = (await session.execute(select(HostLease).with_for_update())).scalars().all()
            for lease in known:
                lease.fence = max(lease.fence, to)
            for host in sorted(set(hosts) - {lease.host for lease in known}):
                session.add(HostLease(host=host, owner=NOBODY, fence=to))

        await self._write("The fences of all hosts", work)

    async def holder(self, host: str) -> Lease | None:
        """Who holds the host; None where nobody does."""
        async with self._database.reading() as session:
            lease = await session.get(HostLease, host)
            if lease is None or lease.owner == NOBODY:
                return None
            return Lease(
                host=lease.host,
                owner=lease.owner,
                fence=lease.fence,
                acquired_at=lease.acquired_at,
            )

    async def _take(
        self, host: str, owner: str, from_whom: set[str], worker: str | None
    ) -> int | None:
        async def work(session: AsyncSession) -> int | None:
            if worker is not None:
                await require_alive(session, worker)
            now = await database_now(session)
            lease = await session.get(HostLease, host, with_for_update=True)
            if lease is None:
                lease = HostLease(host=host, owner=NOBODY, fence=0)
                session.add(lease)
            if lease.owner not in from_whom:
                return None
            lease.owner, lease.fence, lease.acquired_at = owner, lease.fence + 1, now
            return lease.fence

        return await self._write(f"The lease of {host}", work)
