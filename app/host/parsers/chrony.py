"""`chronyc -c -n tracking`: one line of fields with commas between."""

from __future__ import annotations

from app.host.facts import ClockFacts
from app.host.parsers.raw import ParseError, RawOutput

_FIELDS = 14
_NOT_SYNCHRONISED = "Not synchronised"


def parse_tracking(raw: RawOutput) -> ClockFacts:
    """Whether the clock follows a source, which one, and how far it is off."""
    fields = raw.stdout.strip().split(",")
    if len(fields) < _FIELDS:
        raise ParseError(f"chronyc tracking: expected {_FIELDS} fields: {raw.complaint()}")
    try:
        stratum, offset = int(fields[2]), float(fields[4])
    except ValueError as error:
        raise ParseError(f"chronyc tracking: a number is none: {error}") from error
    return ClockFacts(
        synchronised=fields[13] != _NOT_SYNCHRONISED and stratum > 0,
        source=fields[1] or None,
        stratum=stratum,
        offset_seconds=offset,
    )
