"""Points in time as tools print them, into ISO 8601 in UTC. What is ambiguous becomes None.

A zone's abbreviation is not unique (CST is three zones), so a time that carries one other than
UTC is not guessed at: the catalog runs its commands with TZ=UTC, and then none appears.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_WEEKDAY_DATE = re.compile(
    r"(?:[A-Z][a-z]{2} )?(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(\.\d{1,6})?(?: (\S+))?"
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?")


def from_epoch(seconds: float) -> str | None:
    """Seconds since 1970 to ISO 8601; None where no calendar holds them."""
    try:
        return iso(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return None


def from_systemd(text: str) -> str | None:
    """`Mon 2026-11-23 08:45:30 UTC`, `@1795424721`, with microseconds or a numeric offset.

    None for an empty value, `n/a`, and for a zone that is told by its abbreviation.
    """
    if text.startswith("@") and text[1:].replace(".", "", 1).isdecimal():
        return from_epoch(float(text[1:])) if len(text) < 30 else None
    match = _WEEKDAY_DATE.fullmatch(text)
    zone = zone_of(match[4] or "") if match else None
    if match is None or zone is None:
        return None
    return from_iso(f"{match[1]}T{match[2]}{_six_digits(match[3])}", zone)


def from_iso(text: str, zone: timezone | None = None) -> str | None:
    """ISO 8601 with an offset of its own, or in `zone` where it has none; None if it is neither."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            if zone is None:
                return None
            moment = moment.replace(tzinfo=zone)
        return iso(moment)
    except (ValueError, OverflowError):
        return None


def iso(moment: datetime) -> str:
    """The one form in which facts carry time: `2026-11-23T08:45:30+00:00`."""
    return moment.astimezone(UTC).isoformat()


def zone_of(name: str) -> timezone | None:
    """`UTC`, `GMT`, `Z`, `+0530`, `-03` to a fixed offset; None for any other abbreviation."""
    if name in ("UTC", "GMT", "Z"):
        return UTC
    match = _OFFSET.fullmatch(name)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if offset >= timedelta(hours=24):
        return None
    return timezone(-offset if match[1] == "-" else offset)


def _six_digits(fraction: str | None) -> str:
    return "" if fraction is None else fraction.ljust(7, "0")
