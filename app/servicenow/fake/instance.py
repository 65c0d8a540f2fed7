"""One instance with all its parts, and what may be done to it from behind the scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.servicenow.fake.access import Access
from app.servicenow.fake.business_rules import Outbound
from app.servicenow.fake.clock import Clock, SysIds
from app.servicenow.fake.faults import Faults
from app.servicenow.fake.records import Records, Row
from app.servicenow.fake.refusal import no_record, not_authenticated
from app.servicenow.fake.request_log import RequestLog
from app.servicenow.fake.schema import columns_of
from app.servicenow.fake.seeding import Credentials, seed
from app.servicenow.fake.users import Rights, User, user_of
from app.servicenow.fake.writing import Writing


@dataclass(frozen=True)
class Instance:
    """An instance, everything in memory."""

    records: Records
    rights: Rights
    clock: Clock
    writing: Writing
    access: Access
    outbound: Outbound
    faults: Faults = field(default_factory=Faults)
    requests: RequestLog = field(default_factory=RequestLog)

    @classmethod
    def fresh(cls, credentials: Credentials, ids_from: str | None) -> Instance:
        """A seeded instance. `ids_from`: a seed for sys_ids; None: they are random."""
        records, rights, clock = Records(), Rights(), Clock()
        writing = Writing(records, rights, clock, SysIds(ids_from))
        access, outbound = Access(records, clock), Outbound(records, clock)
        seed(writing, access, credentials)
        writing.listeners.append(outbound.on_write)
        return cls(records, rights, clock, writing, access, outbound)

    def insert(self, by: str, table: str, values: Mapping[str, object]) -> Row:
        """Insert a row as that user. References may be given by name. Raises Refused."""
        return self.writing.insert(self._user(by), table, self._resolved(table, values))

    def edit(self, by: str, table: str, key: str, changes: Mapping[str, object]) -> Row:
        """Change a row, by its number or sys_id, as that user. Raises Refused."""
        row = self.row(table, key)
        changes = self._resolved(table, changes)
        return self.writing.update(self._user(by), table, row["sys_id"], changes)

    def row(self, table: str, key: str) -> Row:
        """The row of that sys_id or number. Raises Refused."""
        found = self.records.find(table, key)
        if found is None and "number" in columns_of(table):
            found = self.records.first(table, number=key)
        if found is None:
            raise no_record()
        return found

    def _user(self, name: str) -> User:
        user = user_of(self.records, name)
        if user is None:
            raise not_authenticated()
        return user

    def _resolved(self, table: str, values: Mapping[str, object]) -> dict[str, object]:
        """As a person fills in a form: a reference is chosen by what is shown of its row."""
        resolved = dict(values)
        for name, value in values.items():
            column = columns_of(table).get(name)
            if column is None or not column.to or not isinstance(value, str):
                continue
            for row in self.records.of(column.to):
                if value in (self.records.display(column.to, row["sys_id"]), row.get("user_name")):
                    resolved[name] = row["sys_id"]
        return resolved


@dataclass
class Current:
    """The instance that is served now; `reset` puts a fresh one in its place."""

    credentials: Credentials
    ids_from: str | None
    instance: Instance

    @classmethod
    def begin(cls, credentials: Credentials, ids_from: str | None = None) -> Current:
        """With a fresh instance."""
        return cls(credentials, ids_from, Instance.fresh(credentials, ids_from))

    async def reset(self) -> None:
        """As at the start: rows, faults, rules, tokens and the log."""
        await self.instance.outbound.stop()
        self.instance = Instance.fresh(self.credentials, self.ids_from)
