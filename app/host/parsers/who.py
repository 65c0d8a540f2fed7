"""`who`: people logged in. jc's parser fits its columns."""

from __future__ import annotations

from typing import Any

import jc
from jc.exceptions import ParseError as NotUnderstood

from app.host.facts import PersonsFacts
from app.host.parsers.raw import ParseError, RawOutput


def parse_persons(raw: RawOutput) -> PersonsFacts:
    """One text for each login: "alice pts/0 since 2026-11-23 09:04 from 192.0.2.5"."""
    text = "\n".join(line for line in raw.whole_lines() if line.strip())
    if not text:
        if raw.exit_code != 0:
            raise ParseError(f"who: nothing listed: {raw.complaint()}")
        return PersonsFacts()
    try:
        rows: Any = jc.parse("who", text, quiet=True)
    except (NotUnderstood, LookupError, ValueError, TypeError, AttributeError) as error:
        raise ParseError(f"who: expected user, terminal and time on each line: {error}") from error
    logged_in = tuple(_login(row) for row in rows if row.get("user") and row.get("time"))
    if not logged_in:
        raise ParseError("who: expected user, terminal and time on each line")
    return PersonsFacts(logged_in=logged_in)


def _login(row: dict[str, Any]) -> str:
    origin = f" from {row['from']}" if row.get("from") else ""
    return f"{row['user']} {row.get('tty', '?')} since {row['time']}{origin}"
