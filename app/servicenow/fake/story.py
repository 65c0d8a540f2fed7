"""A ticket as a person would see it: its fields, then its activity, the newest first."""

from __future__ import annotations

from app.servicenow.fake.instance import Instance
from app.servicenow.fake.records import Row
from app.servicenow.fake.rendering import Display, Look, Rendering, own_table
from app.servicenow.fake.users import user_of

_FIELDS = (
    ("State", "state"),
    ("Priority", "priority"),
    ("Configuration item", "cmdb_ci"),
    ("Assignment group", "assignment_group"),
    ("Assigned to", "assigned_to"),
    ("On hold reason", "hold_reason"),
    ("Resolution code", "close_code"),
    ("Resolution notes", "close_notes"),
    ("Resolved", "resolved_at"),
    ("Resolved by", "resolved_by"),
    ("Updated", "sys_updated_on"),
    ("Updated by", "sys_updated_by"),
)

_ELEMENTS = {"work_notes": "Work notes", "comments": "Additional comments"}


def ticket(instance: Instance, number: str) -> str:
    """The text of one ticket. Raises Refused where there is none of that number."""
    row = instance.row("task", number)
    table = own_table("task", row)
    shown = Rendering(instance.records).row(table, row, Look(Display.LABELS, links=False))
    lines = [f"{row['number']}  {row['short_description']}", ""]
    lines += [f"{label:<19} {shown[name]}" for label, name in _FIELDS if shown.get(name)]
    lines += ["", "Activity", *_activity(instance, row)]
    return "\n".join(lines) + "\n"


def _activity(instance: Instance, row: Row) -> list[str]:
    entries = [*instance.records.where("sys_journal_field", element_id=row["sys_id"])]
    lines = []
    for entry in reversed(entries):
        user = user_of(instance.records, entry["sys_created_by"])
        name = instance.records.display("sys_user", user.sys_id) if user else "System"
        lines += ["", f"{entry['sys_created_on']}  {name} - {_ELEMENTS[entry['element']]}"]
        lines += [f"  {line}" for line in entry["value"].splitlines()]
    return lines or ["  none"]
