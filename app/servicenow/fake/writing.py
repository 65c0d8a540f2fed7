"""Writes: rights first, then what is given, what follows from it, policies, journal, stamps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.servicenow.fake.clock import Clock, SysIds
from app.servicenow.fake.derived import (
    READ_ONLY,
    settled,
    stamped_changed,
    stamped_new,
    with_defaults,
)
from app.servicenow.fake.policies import check
from app.servicenow.fake.records import Records, Row, empty_row
from app.servicenow.fake.refusal import Operation, against_acl, duplicate, no_record
from app.servicenow.fake.schema import Kind, columns_of
from app.servicenow.fake.users import Rights, User

_SYS_ID = re.compile(r"[0-9a-f]{32}")


class Event(StrEnum):
    """What a business rule can wait for."""

    INSERT = "insert"
    UPDATE = "update"


Listener = Callable[[Event, str, Row], None]
"""Told of each write: what it was, in which table, and the row as it is now."""


@dataclass
class Writing:
    """Changes rows as a user; every change is told to the listeners once it is there."""

    records: Records
    rights: Rights
    clock: Clock
    ids: SysIds
    listeners: list[Listener] = field(default_factory=list)

    def insert(self, user: User, table: str, given: Mapping[str, object]) -> Row:
        """A new row. Raises Refused."""
        if not self.rights.may_write(user, table):
            raise against_acl(Operation.INSERT)
        values, journal = _sorted_out(table, given)
        now = self.clock.stamp()
        row = with_defaults(table, empty_row(table) | values)
        row = stamped_new(table, row, user, now) | {"sys_id": self._key(table, given)}
        row = settled(table, empty_row(table), row, user, now)
        check(table, empty_row(table), row, journal, user)
        if "number" in row and not row["number"]:
            row["number"] = self.records.next_number(table)
        self.records.put(table, row)
        self._append(table, row, journal, user, now)
        self._tell(Event.INSERT, table, row)
        return row

    def update(self, user: User, table: str, sys_id: str, given: Mapping[str, object]) -> Row:
        """The row as it is afterwards; the same one where nothing was new. Raises Refused."""
        own, before = self._visible(user, table, sys_id)
        if not self.rights.may_write(user, own, sys_id):
            raise against_acl(Operation.UPDATE)
        values, journal = _sorted_out(own, given)
        now = self.clock.stamp()
        row = settled(own, before, before | values, user, now)
        check(own, before, row, journal, user)
        if row == before and not journal:
            return before
        row = stamped_changed(row, user, now)
        self.records.put(own, row)
        self._append(own, row, journal, user, now)
        self._tell(Event.UPDATE, own, row)
        return row

    def delete(self, user: User, table: str, sys_id: str) -> None:
        """Take a row away; admin alone may. Raises Refused."""
        own, _ = self._visible(user, table, sys_id)
        if not user.is_admin or not self.rights.may_write(user, own, sys_id):
            raise against_acl(Operation.DELETE)
        self.records.remove(own, sys_id)

    def _visible(self, user: User, table: str, sys_id: str) -> tuple[str, Row]:
        found = self.records.locate(table, sys_id)
        if found is None or not self.rights.may_read(user, *found):
            raise no_record()
        return found

    def _key(self, table: str, given: Mapping[str, object]) -> str:
        """The caller's own sys_id where it is one, else a fresh one."""
        chosen = str(given.get("sys_id") or "").lower()
        if not _SYS_ID.fullmatch(chosen):
            return self.ids.draw()
        if self.records.find(table, chosen) is not None:
            raise duplicate(table, chosen)
        return chosen

    def _append(self, table: str, row: Row, journal: Row, user: User, now: str) -> None:
        """One row of sys_journal_field for each text that the write appends."""
        for element, text in journal.items():
            entry = empty_row("sys_journal_field") | {
                "sys_id": self.ids.draw(),
                "name": table,
                "element": element,
                "element_id": row["sys_id"],
                "value": text,
            }
            entry = stamped_new("sys_journal_field", entry, user, now)
            self.records.put("sys_journal_field", entry)

    def _tell(self, event: Event, table: str, row: Row) -> None:
        for listener in self.listeners:
            listener(event, table, row)


def _sorted_out(table: str, given: Mapping[str, object]) -> tuple[Row, Row]:
    """Values for the row and texts for the journal; unknown and read-only columns are ignored."""
    values: Row = {}
    journal: Row = {}
    columns = columns_of(table)
    for name, value in given.items():
        if name not in columns or name in READ_ONLY:
            continue
        text = as_text(value)
        if columns[name].kind is not Kind.JOURNAL:
            values[name] = text
        elif text:
            journal[name] = text
    return values, journal


def as_text(value: object) -> str:
    """A JSON value as a row keeps it: of a pair or a reference its value, True as `true`."""
    if isinstance(value, dict):
        value = value.get("value", "")
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
