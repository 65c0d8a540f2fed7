"""Telling one ticket one thing: what is written, and what is left to a person who took it over.

Each delivery reads the ticket first and writes at most one PATCH: the work note with the change of
state that belongs to it. Whether a person is on the ticket is a check, not a lock: ServiceNow has
none to offer, so what a person does between our look and our write is seen only afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.audit.tickets import Tickets
from app.domain.ticket import OVER, READ_ONLY, Delivery, OutboxState, SeenTicket, TicketState, Told
from app.domain.value import JsonObject, Value
from app.errors import ServiceNowRefused, ServiceNowUncertain
from app.servicenow.records import JournalEntry, Records, Ticket, usual_close_code
from app.settings import Settings

NOTE = "work_notes"


class Delivered(Value):
    """What came of a delivery."""

    state: OutboxState  # sent, parked or dropped
    result: JsonObject
    error: str = ""
    mod_count: int | None = None  # the ticket's after our write; None: nothing was written
    ticket: Ticket | None = None  # as it is now

    @property
    def asked(self) -> bool:
        """Whether ServiceNow was asked at all, and so has answered."""
        return self.ticket is not None or self.state is not OutboxState.DROPPED


@dataclass(frozen=True)
class Change:
    """The fields to write beside the note; `left`: why a change of state was left undone."""

    fields: JsonObject
    left: str = ""
    refused: str = ""  # ServiceNow cannot be given what it needs: a person must mend that


class Postman:
    """Delivers rows of the outbox, one at a time each."""

    def __init__(self, settings: Settings, records: Records, tickets: Tickets) -> None:
        self._settings = settings
        self._records = records
        self._tickets = tickets

    async def deliver(self, delivery: Delivery) -> Delivered:
        """Tell it. Raises ServiceNowUnavailable where it is to be tried again."""
        if delivery.simulated and not self._settings.servicenow_write_simulated:
            return _dropped("Simulated executions write nothing (SERVICENOW_WRITE_SIMULATED).")
        try:
            ticket = await self._ticket(delivery)
            if ticket.state in READ_ONLY:
                return _dropped(f"The ticket is {ticket.state_shown}; it is read-only.", ticket)
            return await self._tell(delivery, ticket)
        except ServiceNowRefused as refusal:
            return Delivered(state=OutboxState.PARKED, result={}, error=str(refusal))

    async def _ticket(self, delivery: Delivery) -> Ticket:
        """The ticket as it is now; its number is resolved once."""
        if delivery.sys_id is not None:
            return await self._records.get(delivery.sys_id)
        ticket = await self._records.find(delivery.incident_number)
        await self._tickets.remember(
            delivery.incident_number, ticket.sys_id, execution_id=delivery.execution_id
        )
        return ticket

    async def _tell(self, delivery: Delivery, ticket: Ticket) -> Delivered:
        """Write what is not there yet. What an earlier attempt wrote is found by its marker."""
        needs_notes = delivery.attempts > 1 or delivery.proven
        journal = await self._records.work_notes(ticket.sys_id) if needs_notes else ()
        own = _own_user(delivery, journal, self._records.own_user)
        noted = any(delivery.marker in entry.text and _is_by(own, entry) for entry in journal)
        if delivery.unsure_seconds and not noted:
            raise ServiceNowUncertain(
                "What was sent before is not on the ticket yet, and may still arrive.",
                retry_after_seconds=delivery.unsure_seconds,
                everyone=False,
            )
        try:
            change = await self._change(delivery, ticket, journal)
        except ServiceNowRefused as refusal:
            change = Change({}, left=_not_changed(refusal), refused=str(refusal))
        fields = dict(change.fields)
        if not noted:
            fields[NOTE] = _with(delivery, change.left)
        if not fields:
            await self._remember(delivery, ticket)
            return _sent(ticket, change, note="found")
        try:
            after = await self._records.write(ticket.sys_id, fields)
        except ServiceNowRefused as refusal:
            return await self._note_alone(delivery, ticket, fields, refusal)
        await self._remember(delivery, after)
        return _sent(after, change, note="found" if noted else "written")

    async def _note_alone(
        self, delivery: Delivery, ticket: Ticket, fields: JsonObject, refusal: ServiceNowRefused
    ) -> Delivered:
        """The change of state was refused: the note is told at least, with the refusal in it."""
        if set(fields) == {NOTE}:
            raise refusal
        parked = Delivered(
            state=OutboxState.PARKED,
            result={"left": "state", "why": refusal.message},
            error=refusal.message,
            ticket=ticket,
        )
        if NOTE not in fields:
            return parked
        said = _with(delivery, _not_changed(refusal))
        after = await self._records.write(ticket.sys_id, {NOTE: said})
        await self._remember(delivery, after)
        return parked.model_copy(update={"mod_count": after.mod_count, "ticket": after})

    async def _change(
        self, delivery: Delivery, ticket: Ticket, journal: tuple[JournalEntry, ...]
    ) -> Change:
        """The fields that this delivery changes on the ticket as it is now."""
        if delivery.simulated:
            return Change({})
        if delivery.told is Told.TAKEN_ON and ticket.state == TicketState.NEW:
            return Change({"state": TicketState.IN_PROGRESS.value})
        if delivery.told is Told.RESOLVED and delivery.proven:
            return await self._resolution(delivery, ticket, journal)
        if delivery.told is Told.HANDED_OVER:
            return await self._handing_over(delivery, ticket)
        return Change({})

    async def _resolution(
        self, delivery: Delivery, ticket: Ticket, journal: tuple[JournalEntry, ...]
    ) -> Change:
        if delivery.marker in ticket.close_notes:
            return Change({})  # an earlier attempt has resolved it
        seen = await self._seen(delivery)
        person = taken_over(ticket, seen, own_user=self._records.own_user)
        person = person or _noted_by_person(delivery, journal, self._records.own_user)
        if person:
            return Change({}, f"The ticket was not resolved by the agent: {person}")
        code = usual_close_code(
            await self._records.close_codes(), self._settings.servicenow_close_code
        )
        if code is None:
            raise ServiceNowRefused(
                "The instance has no resolution code that could be used.",
                hint="Set SERVICENOW_CLOSE_CODE to one of its own; `sre-agent doctor` lists them.",
            )
        return Change(
            {
                "state": TicketState.RESOLVED.value,
                "close_code": code,
                "close_notes": delivery.close_notes,
            }
        )

    async def _handing_over(self, delivery: Delivery, ticket: Ticket) -> Change:
        group = self._settings.servicenow_escalation_group
        if group is None:
            return Change({})
        wanted = await self._records.group(group)
        if ticket.assignment_group == wanted:
            return Change({})
        seen = await self._seen(delivery)
        person = taken_over(ticket, seen, own_user=self._records.own_user)
        if person:
            return Change({}, f"It was not reassigned by the agent: {person}")
        return Change({"assignment_group": wanted})

    async def _seen(self, delivery: Delivery) -> SeenTicket | None:
        known = await self._tickets.known(delivery.incident_number)
        return None if known is None or known.execution_id != delivery.execution_id else known.seen

    async def _remember(self, delivery: Delivery, after: Ticket) -> None:
        """How the ticket is once we have taken it on: a takeover is told by the difference."""
        await self._tickets.remember(
            delivery.incident_number,
            after.sys_id,
            execution_id=delivery.execution_id,
            seen=after.seen if delivery.told is Told.TAKEN_ON else None,
        )


def taken_over(ticket: Ticket, seen: SeenTicket | None, *, own_user: str | None) -> str:
    """Who or what took the ticket from us since we took it on, as a sentence; "" for nobody."""
    if ticket.state in OVER:
        return f"it is {ticket.state_shown} (last changed by {ticket.updated_by})."
    if ticket.state == TicketState.ON_HOLD:
        return f"it was put on hold (last changed by {ticket.updated_by})."
    before = seen or SeenTicket(assignment_group=ticket.assignment_group)
    to_us = own_user is not None and ticket.assigned_user == own_user
    if ticket.assigned_to and ticket.assigned_to != before.assigned_to and not to_us:
        return f"it was assigned to {ticket.assigned_name}."
    if ticket.assignment_group != before.assignment_group:
        return f"it was given to the group {ticket.group_name or 'none'}."
    return ""


def _about(delivery: Delivery) -> str:
    """What stands in each of our notes about this execution."""
    return f"[sre-agent execution {delivery.execution_id} "


def _own_user(
    delivery: Delivery, journal: tuple[JournalEntry, ...], own_user: str | None
) -> str | None:
    """Who we are on the instance; None: nothing says it.

    With OAuth or an API key the settings need not say it. Then the first note with our marker does:
    who copies it is later. Its beginning can be guessed, its end is random: who writes a guess
    before us makes our own notes a stranger's, so the ticket stays unresolved.
    """
    if own_user is not None:
        return own_user
    marked = [entry for entry in journal if _about(delivery) in entry.text]
    return min(reversed(marked), key=lambda entry: entry.at).by if marked else None


def _is_by(user: str | None, entry: JournalEntry) -> bool:
    return user is not None and entry.by.casefold() == user.casefold()


def _noted_by_person(
    delivery: Delivery, journal: tuple[JournalEntry, ...], own_user: str | None
) -> str:
    """Whether a person wrote a work note since our first one; "" where nobody did.

    A person who copies a note of ours, marker and all, has written a note. The journal counts in
    whole seconds: a note of the same second may be the later one, and is taken for it.
    """
    own = _own_user(delivery, journal, own_user)
    marked = [entry for entry in journal if _about(delivery) in entry.text]
    ours = [entry for entry in marked if _is_by(own, entry)]
    if marked and not ours:
        return (
            f"{marked[-1].by} wrote what looks like the agent's notes, and SERVICENOW_USERNAME "
            f"says that it is {own}."
        )
    if not ours:
        return ""
    began = min(entry.at for entry in ours)
    others = [entry for entry in journal if not _is_by(own, entry) and entry.at >= began]
    return f"{others[0].by} wrote a work note at {others[0].at} UTC." if others else ""


def _not_changed(refusal: ServiceNowRefused) -> str:
    return f"The ticket's state could not be changed: {refusal.message}"


def _with(delivery: Delivery, more: str) -> str:
    """The note with a line before its marker."""
    if not more:
        return delivery.note
    body = delivery.note.removesuffix(delivery.marker).rstrip("\n")
    return f"{body}\n{more}\n{delivery.marker}"


def _sent(after: Ticket, change: Change, *, note: str) -> Delivered:
    written = {name: value for name, value in change.fields.items() if name != "close_notes"}
    result: JsonObject = {"note": note, "written": written, "state": after.state}
    if change.left:
        result["left"] = change.left
    return Delivered(
        state=OutboxState.PARKED if change.refused else OutboxState.SENT,
        result=result,
        error=change.refused,
        mod_count=after.mod_count,
        ticket=after,
    )


def _dropped(why: str, ticket: Ticket | None = None) -> Delivered:
    return Delivered(state=OutboxState.DROPPED, result={"left": why}, error="", ticket=ticket)
