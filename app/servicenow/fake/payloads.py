"""What a business rule sends of a row: each shape that instances in the field send."""

from __future__ import annotations

from enum import StrEnum

from app.domain.value import JsonObject
from app.servicenow.fake.records import Records, Row
from app.servicenow.fake.rendering import Display, Look, Rendering


class Payload(StrEnum):
    """The shape of a delivery's body."""

    FLAT = "flat"  # as the webhook's own documentation has it
    RECORD = "record"  # as the Table API answers, raw values
    PAIRS = "pairs"  # as it answers with sysparm_display_value=all
    STUB = "stub"  # where to read it, and no more


def body_of(payload: Payload, records: Records, table: str, row: Row) -> JsonObject:
    """The body for a row of `table`."""
    rendering = Rendering(records)
    match payload:
        case Payload.FLAT:
            return _flat(records, rendering.row(table, row, Look(Display.LABELS, links=False)), row)
        case Payload.RECORD:
            return rendering.row(table, row, Look(Display.RAW))
        case Payload.PAIRS:
            return rendering.row(table, row, Look(Display.BOTH))
        case Payload.STUB:
            return {
                "table": table,
                "sys_id": row["sys_id"],
                "number": row.get("number", ""),
                "sys_mod_count": row["sys_mod_count"],
            }


def _flat(records: Records, shown: JsonObject, row: Row) -> JsonObject:
    item = records.find("cmdb_ci", row["cmdb_ci"])
    target = {
        "hostname": item["fqdn"] or item["name"] if item else "",
        "ip_address": item["ip_address"] if item else "",
        "service": shown["business_service"],
    }
    return {
        "incident_number": row["number"],
        "sys_id": row["sys_id"],
        "sys_mod_count": row["sys_mod_count"],
        "sys_updated_by": row["sys_updated_by"],
        "short_description": row["short_description"],
        "description": row["description"],
        "priority": shown["priority"],
        "category": shown["category"],
        "assignment_group": shown["assignment_group"],
        "state": row["state"],
        "target": target,
    }
