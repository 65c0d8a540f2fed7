"""The tables: their columns, what a reference points to, and which table extends which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache


class Kind(StrEnum):
    """What a column holds. Every value travels as a string, whatever its kind."""

    TEXT = "string"
    NUMBER = "integer"
    FLAG = "boolean"
    MOMENT = "glide_date_time"
    CHOICE = "choice"
    JOURNAL = "journal_input"  # written by appending, reads back ""
    REFERENCE = "reference"


@dataclass(frozen=True)
class Column:
    """One column. `to` names the table that a reference points into."""

    kind: Kind
    to: str = ""


@dataclass(frozen=True)
class Table:
    """One table with the columns that it adds to those of the table that it extends."""

    name: str
    extends: str | None = None
    display: str = "name"  # the column whose value stands for the whole row
    prefix: str = ""  # of the numbers that rows are given
    columns: Mapping[str, Column] = field(default_factory=dict)


def _columns(**kinds: str) -> dict[str, Column]:
    """Columns by kind: `text="a b", incident="parent_incident"`; a table's name is a reference."""
    found: dict[str, Column] = {}
    for kind, names in kinds.items():
        plain = kind in Kind.__members__
        column = Column(Kind[kind]) if plain else Column(Kind.REFERENCE, to=kind)
        found |= dict.fromkeys(names.split(), column)
    return found


_SYSTEM = _columns(
    TEXT="sys_id sys_created_by sys_updated_by",
    MOMENT="sys_created_on sys_updated_on",
    NUMBER="sys_mod_count",
)

_TABLES = (
    Table(
        "task",
        display="number",
        prefix="TASK",
        columns=_columns(
            TEXT="number short_description description correlation_id correlation_display "
            "close_notes sys_class_name",
            CHOICE="state priority impact urgency approval contact_type",
            FLAG="active",
            JOURNAL="work_notes comments",
            MOMENT="opened_at closed_at work_start work_end due_date",
            sys_user="assigned_to opened_by closed_by",
            sys_user_group="assignment_group",
            cmdb_ci="cmdb_ci business_service",
            task="parent",
        ),
    ),
    Table(
        "incident",
        extends="task",
        display="number",
        prefix="INC",
        columns=_columns(
            CHOICE="category subcategory incident_state hold_reason close_code severity",
            MOMENT="resolved_at reopened_time",
            NUMBER="reopen_count",
            sys_user="caller_id resolved_by",
            change_request="rfc caused_by",
            problem="problem_id",
            incident="parent_incident",
        ),
    ),
    Table(
        "problem",
        extends="task",
        display="number",
        prefix="PRB",
        columns=_columns(
            TEXT="cause_notes fix_notes",
            FLAG="known_error",
            CHOICE="resolution_code",
            task="first_reported_by_task",
        ),
    ),
    Table(
        "change_request",
        extends="task",
        display="number",
        prefix="CHG",
        columns=_columns(
            TEXT="justification implementation_plan backout_plan test_plan reason",
            CHOICE="type risk close_code",
            FLAG="on_hold",
            MOMENT="start_date end_date",
            std_change_record_producer="std_change_producer_version",
            sys_user="requested_by",
        ),
    ),
    Table("std_change_record_producer", columns=_columns(TEXT="name short_description")),
    Table(
        "cmdb_ci",
        columns=_columns(
            TEXT="name ip_address fqdn dns_domain short_description asset_tag serial_number "
            "category sys_class_name",
            CHOICE="operational_status install_status",
            sys_user="assigned_to",
            sys_user_group="support_group",
        ),
    ),
    Table("cmdb_ci_computer", extends="cmdb_ci", columns=_columns(TEXT="host_name os os_version")),
    Table("cmdb_ci_server", extends="cmdb_ci_computer", columns=_columns(CHOICE="used_for")),
    Table("cmdb_ci_linux_server", extends="cmdb_ci_server"),
    Table("cmdb_ci_service", extends="cmdb_ci", columns=_columns(CHOICE="busines_criticality")),
    Table("cmdb_rel_type", columns=_columns(TEXT="name parent_descriptor child_descriptor")),
    Table(
        "cmdb_rel_ci",
        display="sys_id",
        columns=_columns(cmdb_ci="parent child", cmdb_rel_type="type"),
    ),
    Table("task_ci", display="sys_id", columns=_columns(task="task", cmdb_ci="ci_item")),
    Table(
        "sys_user",
        columns=_columns(TEXT="user_name name first_name last_name email time_zone", FLAG="active"),
    ),
    Table(
        "sys_user_group",
        columns=_columns(TEXT="name description", FLAG="active", sys_user="manager"),
    ),
    Table(
        "sys_user_grmember",
        display="sys_id",
        columns=_columns(sys_user="user", sys_user_group="group"),
    ),
    Table("sys_user_role", columns=_columns(TEXT="name description")),
    Table(
        "sys_user_has_role",
        display="sys_id",
        columns=_columns(CHOICE="state", FLAG="inherited", sys_user="user", sys_user_role="role"),
    ),
    Table(
        "sys_journal_field",
        display="element",
        columns=_columns(TEXT="name element element_id value"),
    ),
    Table(
        "sys_choice",
        display="label",
        columns=_columns(
            TEXT="name element value label language", NUMBER="sequence", FLAG="inactive"
        ),
    ),
    Table("sys_properties", columns=_columns(TEXT="name value type description")),
)

SCHEMA: dict[str, Table] = {table.name: table for table in _TABLES}
"""Every table by its name."""

CLASSED = frozenset({"task", "cmdb_ci"})
"""Tables whose rows say in `sys_class_name` which extension they belong to."""


def ancestry(table: str) -> Iterator[Table]:
    """The table itself, then the tables that it extends."""
    name: str | None = table
    while name is not None:
        yield SCHEMA[name]
        name = SCHEMA[name].extends


@cache
def columns_of(table: str) -> Mapping[str, Column]:
    """Every column of a table, those of the tables that it extends among them."""
    found = dict(_SYSTEM)
    for part in reversed([*ancestry(table)]):
        found |= part.columns
    return found


@cache
def is_a(table: str, ancestor: str) -> bool:
    """Whether rows of `table` are rows of `ancestor` too."""
    return any(part.name == ancestor for part in ancestry(table))


@cache
def extensions_of(table: str) -> tuple[str, ...]:
    """The table and every table that extends it."""
    return tuple(name for name in SCHEMA if is_a(name, table))


def number_prefix(table: str) -> str:
    """What numbers of rows begin with; "" where rows have none."""
    return next((part.prefix for part in ancestry(table) if part.prefix), "")
