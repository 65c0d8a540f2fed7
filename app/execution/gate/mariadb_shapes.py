"""How tables of MariaDB are made: columns and triggers. No row and no default is told."""

from __future__ import annotations

import json
from typing import Any

from .mariadb_client import Server, rows
from .refusal import Failed

_MOST = 2000
_OWN = "NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
_PARTS = f"""
    SELECT TABLE_SCHEMA AS d, TABLE_NAME AS t, CONCAT('column ', COLUMN_NAME, ' ', COLUMN_TYPE,
        IF(IS_NULLABLE = 'NO', ' not null', '')) AS p
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA {_OWN}
    UNION ALL SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE,
        CONCAT('trigger ', TRIGGER_NAME, ' ', ACTION_TIMING, ' ', EVENT_MANIPULATION)
    FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA {_OWN}
"""
_LISTED = " ".join(
    f"SELECT JSON_OBJECT('database', d, 'table', t, 'part', LEFT(p, 200)) FROM ({_PARTS}) s "
    f"ORDER BY d, t, p LIMIT {_MOST}".split()
)


def shapes(server: Server) -> list[dict[str, Any]] | None:
    """Every table with its parts, each a line; None where they cannot be listed."""
    try:
        listed = [json.loads(row[0]) for row in rows(server, _LISTED)]
    except Failed:
        return None
    found: dict[tuple[str, str], list[str]] = {}
    for one in listed:
        found.setdefault((one["database"], one["table"]), []).append(one["part"])
    return [{"database": d, "table": t, "parts": parts} for (d, t), parts in found.items()]
