"""`journalctl -o json`: one object a line; a field is a text, a list of bytes, or null."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.value import JsonObject
from app.host.facts import LogFacts
from app.host.parsers.json_text import object_lines, storable
from app.host.parsers.log_entry import Entry, headline_of, joined, plain
from app.host.parsers.log_template import deduplicated
from app.host.parsers.moments import from_epoch
from app.host.parsers.raw import ParseError, RawOutput

#: Which unit an entry is about, best first: systemd's own lines name the unit that they speak of.
_UNIT_FIELDS = ("UNIT", "OBJECT_SYSTEMD_UNIT", "COREDUMP_UNIT", "_SYSTEMD_UNIT", "USER_UNIT")
_TIME_FIELDS = ("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP")
_MICROSECONDS = 1_000_000


def parse_journal(raw: RawOutput) -> LogFacts:
    """Entries as templates; none where the journal has none. `source` is the unit asked about."""
    objects = [found for found in object_lines(raw.stdout) if _is_entry(found)]
    if not objects and (_says_something(raw.stdout) or raw.exit_code != 0):
        raise ParseError(f"journalctl: expected one JSON entry a line: {raw.complaint()}")
    entries = joined(entry for found in objects for entry in _entries(found))
    unit = raw.params.get("unit")
    source = f"journal:{unit}" if unit else "journal"
    return LogFacts(source=source, lines=deduplicated(entries))


def _is_entry(found: JsonObject) -> bool:
    return "MESSAGE" in found or "__REALTIME_TIMESTAMP" in found


def _says_something(text: str) -> bool:
    return bool(text.strip()) and "-- No entries --" not in text


def _entries(found: JsonObject) -> Iterator[Entry]:
    text = plain(_text(found.get("MESSAGE")))
    if text:
        yield Entry(
            text=text,
            headline=headline_of(text),
            moment=_moment(found),
            priority=_priority(found.get("PRIORITY")),
            unit=next((unit for name in _UNIT_FIELDS if (unit := _text(found.get(name)))), None),
            identifier=_text(found.get("SYSLOG_IDENTIFIER")) or _text(found.get("_COMM")) or None,
        )


def _text(value: object) -> str:
    """A field's text; bytes that are no UTF-8 become U+FFFD, a repeated field its values."""
    if isinstance(value, str):
        return str(storable(value))
    if not isinstance(value, list):
        return ""  # null: journald left the field out because it was too large
    if value and all(isinstance(item, int) and 0 <= item < 256 for item in value):
        return str(storable(bytes(value).decode("utf-8", "replace")))
    return "\n".join(_text(item) for item in value if isinstance(item, str))


def _moment(found: JsonObject) -> str | None:
    for name in _TIME_FIELDS:
        text = found.get(name)
        if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 20:
            return from_epoch(int(text) / _MICROSECONDS)
    return None


def _priority(value: object) -> int | None:
    text = _text(value)
    return int(text) if len(text) == 1 and text in "01234567" else None
