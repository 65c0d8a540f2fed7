"""The watchdog: looks every few seconds for what needs a person, keeps it, and tells.

One process at a time does it, under a lease. It runs beside the executions, shares nothing with
them but the database, and no failure of it reaches them: a pass that failed is made again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app import log
from app.alerts.wording import Message, message
from app.audit.alerts import Alert, Alerts
from app.audit.leases import Leases
from app.audit.workers import Workers
from app.domain.alert import AlertKind, Condition
from app.errors import SreAgentError

PASS_SECONDS = 5.0
AT_ONCE = 20  # notices in a pass: a storm is told in portions, the oldest first
NOT_KNOWN_YET = "ALERT_URLS"  # the name of whoever will receive, while nobody knows who that is
WATCHDOG = "#watchdog"  # a name in the table of leases that no host can have

logger = log.get(__name__)


class Receiver(Protocol):
    """Somewhere that notices are sent to: app/alerts/destinations.py."""

    @property
    def name(self) -> str: ...

    async def send(self, message: Message, /) -> str:
        """Send it; "" once it was accepted, else why not."""
        ...


@dataclass(frozen=True)
class Lookout:
    """One way of finding conditions, and how often it is used."""

    kinds: frozenset[AlertKind]
    look: Callable[[], Awaitable[Sequence[Condition] | None]]  # None: that cannot be said yet
    every_seconds: float = 0.0  # 0: at each pass


@dataclass
class _Due:
    """When each lookout looked last."""

    looked_at: dict[int, float] = field(default_factory=dict)

    def take(self, lookouts: Sequence[Lookout]) -> list[Lookout]:
        now = time.monotonic()
        due = []
        for place, lookout in enumerate(lookouts):
            last = self.looked_at.get(place)
            if last is None or now - last >= lookout.every_seconds:
                self.looked_at[place] = now
                due.append(lookout)
        return due


class Watchdog:
    """Looks and tells, in the background of one process."""

    def __init__(
        self,
        worker_id: str,
        *,
        lookouts: Sequence[Lookout],
        receivers: Callable[[], Sequence[Receiver]],
        alerts: Alerts,
        leases: Leases,
        workers: Workers,
        repeat_seconds: float,
        public_url: str | None = None,
    ) -> None:
        self._worker_id = worker_id
        self._lookouts = tuple(lookouts)
        self._current = receivers
        self._receivers: Mapping[str, Receiver] = {one.name: one for one in receivers()}
        # of a receiver that went: those that came; an earlier process may have known none
        self._heirs: dict[str, frozenset[str]] = {NOT_KNOWN_YET: frozenset(self._receivers)}
        self._alerts = alerts
        self._leases = leases
        self._workers = workers
        self._repeat_seconds = repeat_seconds
        self._public_url = public_url
        self._due = _Due()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch from now on. The worker of this process must be known already."""
        self._task = asyncio.create_task(self._run(), name="watchdog")

    async def stop(self) -> None:
        """Stop watching and leave it to the others."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        try:
            await self._leases.release(WATCHDOG, self._worker_id)
        except SreAgentError as error:  # they find out by this worker's leaving
            logger.warning("the watch was not given back", reason=str(error))

    async def watch(self) -> None:
        """One pass, where this process is the one that watches."""
        self._look_who_receives()
        if not await self._is_mine():
            return
        for lookout in self._due.take(self._lookouts):
            await self._note(lookout)
        for alert in await self._alerts.due(AT_ONCE):
            await self._tell(alert)

    async def _run(self) -> None:
        while True:
            try:
                await self.watch()
            except SreAgentError as error:
                logger.warning("a watchdog's pass failed; it is made again", reason=str(error))
            except Exception:  # a watchdog that ends silently would be worse than none
                logger.exception("a watchdog's pass failed; it is made again")
            await asyncio.sleep(PASS_SECONDS)

    async def _is_mine(self) -> bool:
        holder = await self._leases.holder(WATCHDOG)
        if holder is not None and holder.owner == self._worker_id:
            return True
        fence = await self._leases.acquire(WATCHDOG, self._worker_id, may_steal=self._is_dead)
        return fence is not None

    async def _is_dead(self, worker_id: str) -> bool:
        return worker_id not in await self._workers.live()

    def _look_who_receives(self) -> None:
        """Who receives may change while we run: an address was rotated, or is known at last.

        What those that went still lacked is for those that came instead: an address is often
        rotated because nothing reached it any more.
        """
        now = {one.name: one for one in self._current()}
        came = frozenset(now.keys() - self._receivers.keys())
        self._heirs |= dict.fromkeys(self._receivers.keys() - now.keys(), came)
        self._receivers = now

    def _stands_for(self, name: str) -> frozenset[str]:
        """Who is to get what a receiver lacks: itself while it is there, else its heirs.

        It ends: who inherits came later than who went, and went later still.
        """
        if name in self._receivers:
            return frozenset({name})
        return frozenset().union(*map(self._stands_for, self._heirs.get(name, ())))

    async def _note(self, lookout: Lookout) -> None:
        """Look once; a lookout that fails keeps no other from looking."""
        try:
            found = await lookout.look()
        except SreAgentError as error:
            kinds = sorted(lookout.kinds)
            logger.warning("could not look for alerts", kinds=kinds, reason=str(error))
            return
        if found is None:
            return
        await self._alerts.note(
            found,
            looked_for=lookout.kinds,
            destinations=tuple(self._receivers),
            repeat_seconds=self._repeat_seconds,
        )

    async def _tell(self, alert: Alert) -> None:
        """Send an alert's notice to who lacks it. Addresses that are not set any more lack none,
        unless others came in their place."""
        assert alert.notice is not None
        names = frozenset[str]().union(*map(self._stands_for, alert.undelivered))
        to = [one for name, one in self._receivers.items() if name in names]
        said = message(alert, alert.notice, self._public_url)
        answers = await asyncio.gather(*(receiver.send(said) for receiver in to))
        lacking = [receiver.name for receiver, why in zip(to, answers, strict=True) if why]
        error = "; ".join(filter(None, answers))
        tell = logger.warning if error else logger.info
        tell("alert told", alert=alert.id, kind=alert.kind, notice=alert.notice, failed=error)
        await self._alerts.told(alert.id, alert.notice, lacking=lacking, error=error)
