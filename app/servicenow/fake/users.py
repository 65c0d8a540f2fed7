"""Who asks and what they may do: roles, rules for tables, and rules for single users."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.servicenow.fake.records import Records, Row
from app.servicenow.fake.schema import is_a

ADMIN = "admin"
ITIL = "itil"
ITIL_ADMIN = "itil_admin"

_WRITERS: dict[str, frozenset[str]] = {
    "incident": frozenset({ITIL, "sn_incident_write"}),
    "problem": frozenset({ITIL, "problem_admin"}),
    "change_request": frozenset({ITIL, "sn_change_write"}),
    "task_ci": frozenset({ITIL}),
    "cmdb_ci": frozenset({"asset", "cmdb_write"}),
    "cmdb_rel_ci": frozenset({"asset", "cmdb_write"}),
}
"""Roles that may write a table, beside admin; tables not named here are admin's alone."""

_READERS: dict[str, frozenset[str]] = {
    "task": frozenset({ITIL, "sn_incident_read", "sn_incident_write", "sn_change_write"}),
    "cmdb_ci": frozenset({ITIL, "cmdb_read", "cmdb_write", "asset"}),
    "sys_journal_field": frozenset({ITIL}),
    "sys_properties": frozenset(),
}
"""Roles that may read a table, beside admin; tables not named here everybody may read."""


class May(StrEnum):
    """What a rule leaves a user."""

    NOTHING = "nothing"  # the row is hidden: as if it were not there
    READ = "read"


@dataclass(frozen=True)
class Rule:
    """Takes rights from one user: on one row, or on a whole table where `sys_id` is ""."""

    user_name: str
    table: str
    may: May
    sys_id: str = ""

    def concerns(self, user: User, table: str, sys_id: str) -> bool:
        """Whether it says something about that user and that row."""
        return (
            self.user_name == user.user_name
            and is_a(table, self.table)
            and self.sys_id in ("", sys_id)
        )


@dataclass(frozen=True)
class User:
    """Somebody who is known."""

    sys_id: str
    user_name: str
    roles: frozenset[str]
    zone: str

    @property
    def is_admin(self) -> bool:
        return ADMIN in self.roles


def user_of(records: Records, user_name: str) -> User | None:
    """The active user of that name, with the roles that rows of sys_user_has_role give."""
    row = records.first("sys_user", user_name=user_name, active="true")
    if row is None:
        return None
    roles = (given["role"] for given in records.where("sys_user_has_role", user=row["sys_id"]))
    return User(
        sys_id=row["sys_id"],
        user_name=user_name,
        roles=frozenset(records.display("sys_user_role", role) for role in roles),
        zone=row["time_zone"] or "UTC",
    )


class Rights:
    """What users may do to rows."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def may_read(self, user: User, table: str, row: Row) -> bool:
        """Whether the row is there for this user."""
        if any(rule.may is May.NOTHING for rule in self._about(user, table, row["sys_id"])):
            return False
        return user.is_admin or all(
            user.roles & roles for base, roles in _READERS.items() if is_a(table, base)
        )

    def may_write(self, user: User, table: str, sys_id: str = "") -> bool:
        """Whether this user may write the row, or insert one where `sys_id` is ""."""
        if self._about(user, table, sys_id):
            return False
        writers = (roles for base, roles in _WRITERS.items() if is_a(table, base))
        return user.is_admin or any(user.roles & roles for roles in writers)

    def _about(self, user: User, table: str, sys_id: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.concerns(user, table, sys_id)]
