"""What commands printed: the first lines of it, its difference, and the line that says something.

preview(text)               the part that fits on a page; the rest has a page of its own
closest_line(claim, text)   the number of the line that a claim most likely rests on
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

PREVIEW_LINES = 40
PREVIEW_CHARACTERS = 6000

_WORD = re.compile(r"[\w./:@-]{3,}")
_COMMON = frozenset(
    ("the", "and", "was", "not", "has", "its", "that", "this", "with", "for", "are", "since", "now")
)


class Preview(NamedTuple):
    """The beginning of an output."""

    lines: tuple[str, ...]
    left_out: int  # lines


class DiffLine(NamedTuple):
    """One line of a unified difference."""

    kind: str  # "added", "removed", "place" or "same"
    text: str


def preview(text: str) -> Preview:
    """As many lines as fit; a line that is too long is cut with a mark."""
    lines = text.splitlines()
    shown: list[str] = []
    room = PREVIEW_CHARACTERS
    for line in lines[:PREVIEW_LINES]:
        if room <= 0:
            break
        shown.append(line if len(line) <= room else f"{line[:room]} […]")
        room -= len(line)
    return Preview(tuple(shown), len(lines) - len(shown))


def matches_hash(text: str, sha256: str) -> bool:
    """Whether an output is the one that was recorded."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() == sha256


def difference(output: str) -> tuple[DiffLine, ...]:
    """The unified difference that a diagnostic's JSON carries; () where it carries none."""
    if '"diff"' not in output:
        return ()
    try:
        found = json.loads(output)
    except ValueError:
        return ()  # cut off in the middle: it is shown as text
    text = found.get("diff") if isinstance(found, dict) else None
    if not isinstance(text, str):
        return ()
    return tuple(DiffLine(_kind(line), line) for line in text.splitlines())


def _kind(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "place"
    return {"+": "added", "-": "removed"}.get(line[:1], "same")


def closest_line(claim: str, output: str) -> int | None:
    """The number (1, 2, ...) of the line that shares most with a claim; None where none does.

    Two words of the claim must stand in the line, or one that names a thing: a path, a unit.
    """
    wanted = _words(claim)
    best, number = 1, None
    for at, line in enumerate(output.splitlines(), start=1):
        shared = sum(2 if _names_a_thing(word) else 1 for word in wanted & _words(line))
        if shared > best:
            best, number = shared, at
    return number


def _names_a_thing(word: str) -> bool:
    return len(word) > 6 and not word.isalnum()


def _words(text: str) -> frozenset[str]:
    found = (word.strip(".,:;").lower() for word in _WORD.findall(text))
    return frozenset(word for word in found if len(word) > 2 and word not in _COMMON)


def whole(text: str) -> Preview:
    """All lines, for the page that shows nothing else."""
    return Preview(tuple(text.splitlines()), 0)
