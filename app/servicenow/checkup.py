"""What a person should know of the instance before relying on it: `sre-agent doctor` asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from secrets import token_hex

from app.domain.ticket import READ_ONLY
from app.domain.value import Value
from app.errors import ServiceNowError
from app.servicenow.client import Client
from app.servicenow.records import Records, raw_value, shown_value, usual_close_code
from app.settings import Settings

WRITING_ROLES = frozenset({"itil", "sn_incident_write", "admin"})
UTC_ZONES = frozenset({"UTC", "GMT", "Etc/UTC"})


class Found(Value):
    """One thing that was looked at on the instance."""

    about: str
    found: str
    follows: str = ""
    ok: bool = True


async def look(settings: Settings, test_incident: str | None) -> AsyncIterator[Found]:
    """Ask the instance; with `test_incident` also write a work note to it and read it back."""
    async with Client(settings) as client:
        records = Records(client)
        login = await _tried("login", lambda: _login(records, client.login.way.value))
        yield login
        if not login.ok:
            return
        user = settings.servicenow_username
        if user is not None:
            yield await _tried("user's zone", lambda: _zone(records, user))
            yield await _tried("user's roles", lambda: _roles(records, user))
        yield await _tried("close codes", lambda: _close_codes(records, settings))
        groups = {
            "our group": settings.servicenow_assignment_group,
            "escalation": settings.servicenow_escalation_group,
        }
        for about, group in groups.items():
            if group is not None:
                yield await _tried(about, partial(_group, records, about, group))
        if test_incident is not None:
            yield await _tried("test incident", lambda: _round_trip(records, test_incident))


async def _tried(about: str, ask: Callable[[], Awaitable[Found]]) -> Found:
    try:
        return await ask()
    except ServiceNowError as error:
        return Found(about=about, found=error.message, follows=error.hint, ok=False)


async def _login(records: Records, way: str) -> Found:
    await records.rows("incident", "ORDERBYDESCsys_created_on", "sys_id", limit=1)
    return Found(about="login", found=f"{records.instance} lets us in by {way}")


async def _zone(records: Records, user: str) -> Found:
    rows = await records.rows("sys_user", f"user_name={user}", "user_name,time_zone", limit=1)
    zone = raw_value(rows[0], "time_zone") if rows else ""
    if zone in UTC_ZONES:
        return Found(about="user's zone", found=zone)
    return Found(
        about="user's zone",
        found=zone or "the system's, or not readable",
        follows=f"Set the time zone of {user} to GMT: times in queries are read in the user's.",
        ok=not zone,
    )


async def _roles(records: Records, user: str) -> Found:
    query, fields = f"user.user_name={user}", "role"
    rows = await records.rows("sys_user_has_role", query, fields, limit=100)
    roles = sorted({shown_value(row, "role") for row in rows} - {""})
    if not roles:
        return Found(
            about="user's roles",
            found="not readable",
            follows="It needs itil or sn_incident_write; the test incident tells for sure.",
        )
    return Found(
        about="user's roles",
        found=", ".join(roles),
        follows="" if WRITING_ROLES & set(roles) else "It needs itil or sn_incident_write.",
        ok=bool(WRITING_ROLES & set(roles)),
    )


async def _close_codes(records: Records, settings: Settings) -> Found:
    codes = await records.close_codes()
    chosen = usual_close_code(codes, settings.servicenow_close_code)
    return Found(
        about="close codes",
        found=f"{chosen} is used" if chosen is not None else "none of them can be used",
        follows="There are: " + (", ".join(code.label for code in codes) or "none to be seen"),
        ok=chosen is not None,
    )


async def _group(records: Records, about: str, name: str) -> Found:
    return Found(about=about, found=f"{name} is {await records.group(name)}")


async def _round_trip(records: Records, number: str) -> Found:
    ticket = await records.find(number)
    if ticket.state in READ_ONLY:
        return Found(
            about="test incident",
            found=f"{number} is {ticket.state_shown}, so read-only",
            follows="Name one that is open.",
            ok=False,
        )
    mark = f"[sre-agent doctor · {token_hex(3)}]"
    await records.write(ticket.sys_id, {"work_notes": f"A check of the SRE agent. {mark}"})
    entries = await records.work_notes(ticket.sys_id)
    read = [entry.by for entry in entries if mark in entry.text]
    own = records.own_user
    if read and own is not None and read[0].casefold() != own.casefold():
        return Found(
            about="test incident",
            found=f"the work note on {number} is by {read[0]}, not by {own}",
            follows=f"Set SERVICENOW_USERNAME to {read[0]}: by it the agent knows its own notes.",
            ok=False,
        )
    return Found(
        about="test incident",
        found=f"a work note was written to {number}" + (" and read back" if read else ""),
        follows=""
        if read
        else "It cannot be read back: let the user read sys_journal_field, or a repetition after "
        "a cut connection writes a note twice.",
        ok=bool(read),
    )
