"""One thing that a program said: a journal entry or a line of a log file, tracebacks joined."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|#033\[[0-9;]*m")
_TRACEBACK = "Traceback (most recent call last)"
_LONGEST = 8000


@dataclass
class Entry:
    """What was said once. `headline` is what templates are made of: a traceback's last line."""

    text: str
    headline: str
    kept: str = ""  # follows the headline in the template as it is: an HTTP status
    moment: str | None = None  # ISO 8601, UTC
    priority: int | None = None
    unit: str | None = None
    identifier: str | None = None

    @property
    def speaker(self) -> tuple[str | None, str | None]:
        """Whose lines follow each other: those of others may come in between."""
        return self.unit, self.identifier


def plain(text: str) -> str:
    """Without terminal colours and without the blanks at its end."""
    return _COLOUR.sub("", text).rstrip()


def joined(entries: Iterable[Entry]) -> list[Entry]:
    """Entries with continuation lines put to the entry that they continue.

    A traceback lasts until its first line that is not indented, the exception, which becomes the
    headline. Any other indented line belongs to what its speaker said before.
    """
    found: list[Entry] = []
    latest: dict[tuple[str | None, str | None], Entry] = {}
    unfinished: set[tuple[str | None, str | None]] = set()
    for entry in entries:
        before = latest.get(entry.speaker)
        indented = entry.text[:1].isspace() or not entry.text
        if before is not None and (indented or entry.speaker in unfinished):
            _append(before, entry)
            if not indented:
                before.headline = f"Traceback: {entry.text}"
                unfinished.discard(entry.speaker)
        elif entry.text.strip():
            found.append(entry)
            latest[entry.speaker] = entry
            if _ends_in_open_traceback(entry.text):
                unfinished.add(entry.speaker)
    return found


def _append(entry: Entry, continuation: Entry) -> None:
    if len(entry.text) < _LONGEST:
        entry.text = f"{entry.text}\n{continuation.text}"
    entry.moment = continuation.moment or entry.moment


def _ends_in_open_traceback(text: str) -> bool:
    """Whether a text begins a traceback whose exception is still to come."""
    _, begun, rest = text.rpartition(_TRACEBACK)
    return bool(begun) and not any(line[:1].strip() for line in rest.splitlines()[1:])


def headline_of(text: str) -> str:
    """The line of a text of several lines by which it is known."""
    if _TRACEBACK in text:
        after = text.rpartition(_TRACEBACK)[2].splitlines()[1:]
        exception = next((line for line in after if line[:1].strip()), None)
        if exception is not None:
            return f"Traceback: {exception}"
    return text.strip().partition("\n")[0]
