"""The last lines of a log file, whatever program writes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta, timezone

from app.host.facts import LogFacts
from app.host.parsers.json_text import storable
from app.host.parsers.log_entry import Entry, joined
from app.host.parsers.log_line import entry_of
from app.host.parsers.log_template import deduplicated
from app.host.parsers.raw import ParseError, RawOutput

_SOURCES = ("unit", "container", "path")


def parse_log_lines(raw: RawOutput) -> LogFacts:
    """Lines as templates, tracebacks and indented lines joined. An empty file has none.

    Any text is a log: only a run that failed and printed nothing is a ParseError.
    """
    if raw.exit_code not in (0, None) and not raw.stdout:
        raise ParseError(f"log file: nothing was read: {raw.complaint()}")
    entries = joined(_entries(raw))
    return LogFacts(
        source=raw.text_param(next(name for name in _SOURCES if name in raw.params)),
        lines=deduplicated(entries),
    )


def _entries(raw: RawOutput) -> Iterator[Entry]:
    minutes = raw.utc_offset_minutes
    zone = None if minutes is None else timezone(timedelta(minutes=minutes))
    speaker = None
    for line in raw.whole_lines():
        text = str(storable(line))
        if text[:1].isspace():  # goes on with the line before it, whoever wrote that
            yield Entry(text=text.rstrip(), headline=text.strip(), identifier=speaker)
        elif text:
            entry = entry_of(text, zone)
            speaker = entry.identifier
            yield entry
