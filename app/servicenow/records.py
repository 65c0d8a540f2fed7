"""ServiceNow's records as we read and write them: incidents, their journal, choices, groups.

Values are asked for with `sysparm_display_value=all`, so each is a pair of a code, which we go by,
and a display value, which people read. Raw times are UTC. ServiceNow ignores a term of a query
that it does not understand and then returns more: what comes back is compared with what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.domain.ticket import SeenTicket
from app.domain.value import JsonObject, Value
from app.errors import ServiceNowRefused, ServiceNowUnavailable
from app.servicenow.client import Client

FIELDS = (
    "sys_id,number,state,assigned_to,assigned_to.user_name,assignment_group,close_notes,"
    "sys_mod_count,sys_updated_by,sys_updated_on"
)
ALL = {"sysparm_display_value": "all"}
JOURNAL_MAX = 500
PAGE = 50
AT_ONCE = 40  # sys_ids in one question: longer addresses are refused

_SYS_ID = re.compile(r"[0-9a-f]{32}")
_PLAIN = re.compile(r"[^\^\r\n]{1,200}")

_USUAL_CLOSE_CODES = (
    "solution provided",
    "solved (permanently)",
    "workaround provided",
    "solved (work around)",
)


class Ticket(Value):
    """An incident as it is now."""

    sys_id: str
    number: str
    state: str
    state_shown: str
    assigned_to: str  # sys_id; "" for nobody
    assigned_name: str
    assigned_user: str  # user name, where it may be read
    assignment_group: str  # sys_id; "" for none
    group_name: str
    close_notes: str
    mod_count: int
    updated_by: str
    updated_on: str  # "YYYY-MM-DD HH:MM:SS", UTC

    @property
    def seen(self) -> SeenTicket:
        return SeenTicket(
            state=self.state,
            assigned_to=self.assigned_to,
            assignment_group=self.assignment_group,
        )


class JournalEntry(Value):
    """One work note, as the ticket's history has it."""

    text: str
    by: str
    at: str  # UTC


class CloseCode(Value):
    """One resolution code of this instance."""

    value: str
    label: str


class Records:
    """Incidents and what belongs to them, over one client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._close_codes: tuple[CloseCode, ...] | None = None
        self._groups: dict[str, str] = {}

    @property
    def instance(self) -> str:
        return self._client.instance

    @property
    def own_user(self) -> str | None:
        """Our user name on the instance, where the settings say it."""
        return self._client.login.own_user

    async def find(self, number: str) -> Ticket:
        """The incident with a number. Raises ServiceNowRefused where there is none to be seen."""
        _require(_PLAIN, number, "an incident's number")
        rows = await self.rows("incident", f"number={number}", FIELDS, limit=2)
        found = [ticket for ticket in map(_ticket, rows) if ticket.number == number]
        if len(found) != 1:
            raise ServiceNowRefused(
                f"ServiceNow shows {len(found) or 'no'} incidents with the number {number}.",
                hint="It is gone, its domain is hidden from the integration user, or it never was.",
            )
        return found[0]

    async def get(self, sys_id: str) -> Ticket:
        """One incident. Raises ServiceNowRefused where it is gone or hidden."""
        _require(_SYS_ID, sys_id, "a sys_id")
        body = await self._client.read(
            f"table/incident/{sys_id}", {**ALL, "sysparm_fields": FIELDS}
        )
        return _ticket(_one(body))

    async def several(self, sys_ids: Sequence[str]) -> tuple[Ticket, ...]:
        """Those of these incidents that can be seen, in no order. At most `AT_ONCE`."""
        for sys_id in sys_ids:
            _require(_SYS_ID, sys_id, "a sys_id")
        query = f"sys_idIN{','.join(sys_ids)}^ORDERBYsys_id"
        found = map(_ticket, await self.rows("incident", query, FIELDS, limit=PAGE))
        return tuple(ticket for ticket in found if ticket.sys_id in set(sys_ids))

    async def write(self, sys_id: str, fields: JsonObject) -> Ticket:
        """Write fields of an incident in one PATCH; it as it is afterwards."""
        _require(_SYS_ID, sys_id, "a sys_id")
        body = await self._client.write(
            f"table/incident/{sys_id}", fields, {**ALL, "sysparm_fields": FIELDS}
        )
        return _ticket(_one(body))

    async def work_notes(self, sys_id: str) -> tuple[JournalEntry, ...]:
        """The newest work notes of an incident, newest first. The record itself shows none."""
        _require(_SYS_ID, sys_id, "a sys_id")
        query = f"element_id={sys_id}^name=incident^element=work_notes^ORDERBYDESCsys_created_on"
        fields = "element_id,value,sys_created_by,sys_created_on"
        rows = await self.rows("sys_journal_field", query, fields, limit=JOURNAL_MAX)
        return tuple(
            JournalEntry(
                text=raw_value(row, "value"),
                by=raw_value(row, "sys_created_by"),
                at=raw_value(row, "sys_created_on"),
            )
            for row in rows
            if raw_value(row, "element_id") == sys_id
        )

    async def close_codes(self) -> tuple[CloseCode, ...]:
        """The resolution codes that this instance takes; read once."""
        if self._close_codes is None:
            query = "name=incident^element=close_code^inactive=false^ORDERBYsequence^ORDERBYsys_id"
            rows = await self.rows("sys_choice", query, "name,element,value,label", limit=200)
            self._close_codes = tuple(
                CloseCode(value=raw_value(row, "value"), label=raw_value(row, "label"))
                for row in rows
                if raw_value(row, "element") == "close_code"
                and raw_value(row, "name") == "incident"
            )
        return self._close_codes

    async def group(self, name: str) -> str:
        """The sys_id of an assignment group by its name, or by itself; looked up once."""
        if _SYS_ID.fullmatch(name):
            return name
        _require(_PLAIN, name, "a group's name")
        if name not in self._groups:
            rows = await self.rows("sys_user_group", f"name={name}", "sys_id,name", limit=2)
            found = [raw_value(row, "sys_id") for row in rows if raw_value(row, "name") == name]
            if len(found) != 1:
                raise ServiceNowRefused(
                    f"ServiceNow shows {len(found) or 'no'} groups called {name!r}.",
                    hint="Name it by its sys_id, or let the integration user read sys_user_group.",
                )
            self._groups[name] = found[0]
        return self._groups[name]

    async def changed_since(
        self, group: str, moment: datetime, *, offset: int
    ) -> tuple[Sequence[JsonObject], int]:
        """A page of open incidents of a group that nobody has, oldest change first; their count.

        The count is of what ServiceNow went through: where it is `PAGE`, another page may follow.
        """
        sys_id = await self.group(group)
        since = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        query = (
            f"assignment_group={sys_id}^stateIN1,2^sys_updated_on>={since}"
            "^ORDERBYsys_updated_on^ORDERBYsys_id"
        )
        rows = await self.rows("incident", query, "", limit=PAGE, offset=offset)
        asked = [
            row
            for row in rows
            if _is(row, assignment_group=sys_id, assigned_to="")
            and raw_value(row, "state") in ("1", "2")
        ]
        return asked, len(rows)

    async def rows(
        self, table: str, query: str, fields: str, *, limit: int, offset: int = 0
    ) -> Sequence[JsonObject]:
        """Rows of a table, as pairs of value and display value; `fields` "": all of them."""
        asked = {**ALL, "sysparm_query": query, "sysparm_limit": str(limit)}
        asked |= {"sysparm_fields": fields} if fields else {}
        asked |= {"sysparm_offset": str(offset)} if offset else {}
        body = await self._client.read(f"table/{table}", asked)
        result = body.get("result")
        if not isinstance(result, list):
            raise ServiceNowUnavailable(f"ServiceNow's list of {table} is no list.", everyone=False)
        return [row for row in result if isinstance(row, dict)]


def usual_close_code(codes: Iterable[CloseCode], wanted: str | None) -> str | None:
    """The value to resolve with: the one that is set, else a usual one; only what there is."""
    by_word = {word.lower(): code.value for code in codes for word in (code.label, code.value)}
    words = _USUAL_CLOSE_CODES if wanted is None else (wanted.lower(),)
    return next((by_word[word] for word in words if word in by_word), None)


def _one(body: JsonObject) -> JsonObject:
    result = body.get("result")
    if not isinstance(result, dict):
        raise ServiceNowUnavailable("ServiceNow's answer has no record in it.", everyone=False)
    return result


def _ticket(row: JsonObject) -> Ticket:
    count = raw_value(row, "sys_mod_count")
    return Ticket(
        sys_id=raw_value(row, "sys_id"),
        number=raw_value(row, "number"),
        state=raw_value(row, "state"),
        state_shown=shown_value(row, "state"),
        assigned_to=raw_value(row, "assigned_to"),
        assigned_name=shown_value(row, "assigned_to"),
        assigned_user=raw_value(row, "assigned_to.user_name"),
        assignment_group=raw_value(row, "assignment_group"),
        group_name=shown_value(row, "assignment_group"),
        close_notes=raw_value(row, "close_notes"),
        mod_count=int(count) if count.isascii() and count.isdigit() else 0,
        updated_by=raw_value(row, "sys_updated_by"),
        updated_on=raw_value(row, "sys_updated_on"),
    )


def _is(row: JsonObject, **wanted: str) -> bool:
    """Whether a row is one of those that were asked for."""
    return all(raw_value(row, field) == value for field, value in wanted.items())


def raw_value(row: Mapping[str, Any], field: str) -> str:
    """The code of a field, in whichever of ServiceNow's shapes it comes; "" for none."""
    found = row.get(field, "")
    if isinstance(found, dict):
        found = found.get("value", "")
    return "" if found is None else str(found)


def shown_value(row: Mapping[str, Any], field: str) -> str:
    """What a person sees of a field; "" for none."""
    found = row.get(field, "")
    if isinstance(found, dict):
        found = found.get("display_value") or found.get("value", "")
    return "" if found is None else str(found)


def _require(shape: re.Pattern[str], text: str, what: str) -> None:
    """Nothing that would mean more than itself may come into a query or an address."""
    if not shape.fullmatch(text):
        raise ServiceNowRefused(f"{text!r} is not {what}.")
