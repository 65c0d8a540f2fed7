"""Looking at tickets by ourselves: people who stop the work, and incidents whose call was lost.

ServiceNow's outgoing calls are sent once and may be lost, so every so often the tickets at work are
read. One that was cancelled, closed, resolved or given to somebody else stops its execution at the
next safe boundary. Where an assignment group is set, its open incidents that nobody is assigned to
and no execution was ever made for are taken on as if their call had come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app import log
from app.audit.tickets import TicketAtWork, Tickets
from app.domain.ticket import OVER, SeenTicket, TicketState
from app.domain.value import JsonObject
from app.errors import Conflict, IncidentRejected, SreAgentError
from app.servicenow.delivery import taken_over
from app.servicenow.records import AT_ONCE, Records, Ticket, raw_value
from app.settings import Settings

logger = log.get(__name__)

OVERLAP = timedelta(minutes=2)
FIRST_LOOK_BACK = timedelta(hours=1)  # where nothing was read yet: old incidents are people's
BOOKMARK = "servicenow.incidents"
PAGES_MAX = 40
REFUSED_MAX = 10_000
BY = "servicenow"

TakeOn = Callable[[JsonObject], Awaitable[None]]
"""Take a record of an incident on, as the webhook would. Raises what the webhook would answer."""


class Cancel(Protocol):
    """Ends an execution at its next safe boundary: app/engine/engine.py."""

    async def __call__(self, execution_id: int, *, by: str, reason: str) -> None: ...


def reason_to_stop(ticket: Ticket, seen: SeenTicket | None, *, own_user: str | None) -> str:
    """Why the work on a ticket must stop; "" to go on. On hold alone stops nothing."""
    if ticket.state in OVER or (seen is not None and ticket.state != TicketState.ON_HOLD):
        found = taken_over(ticket, seen, own_user=own_user)
        return f"Ticket {ticket.number}: {found}" if found else ""
    return ""


class Watching:
    """The looks at ServiceNow that nobody asked for."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        tickets: Tickets,
        *,
        cancel: Cancel,
        take_on: TakeOn,
        mine: Callable[[], Awaitable[bool]],
    ) -> None:
        self._settings = settings
        self._records = records
        self._tickets = tickets
        self._cancel = cancel
        self._take_on = take_on
        self._mine = mine
        self._refused: dict[str, str] = {}  # sys_id -> its last change, of what cannot be taken on

    async def run(self) -> None:
        """Look every SERVICENOW_POLL_SECONDS until cancelled."""
        while True:
            try:
                if await self._mine():
                    await self.look()
            except SreAgentError as error:
                logger.warning("ServiceNow could not be looked at", reason=str(error))
            except Exception:  # a watcher that ends silently would let executions run on
                logger.exception("a look at ServiceNow broke; it is made again")
            await asyncio.sleep(self._settings.servicenow_poll_seconds)

    async def look(self) -> None:
        """One look at everything."""
        await self._stop_what_people_took()
        if self._settings.servicenow_assignment_group is not None:
            await self._take_on_the_lost(self._settings.servicenow_assignment_group)

    async def consider(self, at_work: TicketAtWork, ticket: Ticket) -> bool:
        """Stop the execution where its ticket is not ours any more; whether it was."""
        reason = reason_to_stop(ticket, at_work.seen, own_user=self._records.own_user)
        if not reason:
            return False
        logger.info("a ticket stops its execution", execution_id=at_work.execution_id, why=reason)
        try:
            await self._cancel(at_work.execution_id, by=BY, reason=reason)
        except Conflict:
            return False  # it has ended meanwhile
        return True

    async def _stop_what_people_took(self) -> None:
        """Simulated executions too, where their notes are written: it is their ticket."""
        simulated = None if self._settings.servicenow_write_simulated else False
        by_sys_id = {
            at_work.sys_id: at_work
            for at_work in await self._tickets.at_work(simulated=simulated)
            if at_work.sys_id is not None
        }
        ids = sorted(by_sys_id)
        for start in range(0, len(ids), AT_ONCE):
            for ticket in await self._records.several(ids[start : start + AT_ONCE]):
                await self.consider(by_sys_id[ticket.sys_id], ticket)

    async def _take_on_the_lost(self, group: str) -> None:
        """Every open incident of the group that changed since the last look, page by page."""
        began = datetime.now(UTC)
        marked = await self._tickets.bookmark(BOOKMARK)
        since = (datetime.fromisoformat(marked) if marked else began - FIRST_LOOK_BACK) - OVERLAP
        reached, offset = since, 0
        for _ in range(PAGES_MAX):
            rows, count = await self._records.changed_since(group, reached, offset=offset)
            await self._take_on_new(rows)
            if count == 0:  # a short page may be one of which the rest is hidden from us
                break
            newest = max([reached, *(_changed_at(row) or reached for row in rows)])
            # by time and not by place: what is changed meanwhile moves to the end, and the rest up
            offset = 0 if newest > reached else offset + count
            reached = newest
        # by ServiceNow's own clock: ours may differ from it
        if reached > since:
            await self._tickets.set_bookmark(BOOKMARK, reached.isoformat())

    async def _take_on_new(self, rows: Sequence[JsonObject]) -> None:
        """Those without an execution. Whatever but a refusal of the incident ends the look, before
        the bookmark moves on: nothing is skipped because the queue was full.
        """
        by_number = {raw_value(row, "number"): row for row in rows}
        for number in await self._tickets.without_execution(tuple(by_number)):
            row = by_number[number]
            sys_id, changed = raw_value(row, "sys_id"), raw_value(row, "sys_updated_on")
            if self._refused.get(sys_id) == changed:
                continue
            try:
                await self._take_on(row)
                logger.info("taken on without a call from ServiceNow", incident_number=number)
            except IncidentRejected as error:
                self._remember_refused(sys_id, changed)
                logger.warning(
                    "an incident of our group cannot be taken on",
                    incident_number=number,
                    reason=str(error),
                )

    def _remember_refused(self, sys_id: str, changed: str) -> None:
        """So that it is said once. The oldest is forgotten where there are too many."""
        self._refused.pop(sys_id, None)
        self._refused[sys_id] = changed
        while len(self._refused) > REFUSED_MAX:
            del self._refused[next(iter(self._refused))]


def _changed_at(row: JsonObject) -> datetime | None:
    try:
        text = raw_value(row, "sys_updated_on")
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
