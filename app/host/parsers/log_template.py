"""Lines that are alike, once: what changes from line to line becomes a mark.

Numbers, times, addresses, uuids and hexadecimal always become marks. Paths and quoted strings are
what a line is about, so they are kept; only where more than a few different ones stand at the
same place of otherwise equal lines does that place become a mark too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.host.facts import LogLine
from app.host.parsers.log_entry import Entry

_MOST_VARIANTS = 3
_LONGEST_TEMPLATE = 400
_LONGEST_EXAMPLE = 1200
_HEAD_OF_EXAMPLE = 300

_TIME = (
    r"\b\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\b|\b\d{4}-\d\d-\d\d\b"
)
_IPV6 = (
    r"\[[0-9a-fA-F:]*:[0-9a-fA-F:.]*\](?::\d{1,5})?"
    r"|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){2,7}(?::?[0-9a-fA-F]{1,4}){1,7}(?![\w:])"
)
_MARKS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (mark, re.compile(pattern))
    for mark, pattern in (
        ("<uuid>", r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
        ("<time>", _TIME),
        ("<address>", r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d{1,5})?(?![\w.]*\w)"),
        ("<address>", _IPV6),
        ("<hex>", r"\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b"),
        ("<n>", r"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]\.)\d+(?:\.\d+)*"),
    )
)
#: What is kept while it is stable: quoted strings, then paths of at least two characters.
_SLOT = re.compile(
    r"""("[^"\n]{1,300}"|(?<!\w)'[^'\n]{1,300}'(?!\w)|(?<![\w<.])/[\w<][^\s,;"')\]]*)"""
)
_SLOT_MARKS = {'"': '"<text>"', "'": "'<text>'", "/": "<path>"}


def template_of(text: str) -> str:
    """A line with its numbers, times, addresses and identifiers marked; the rest as it is."""
    for mark, pattern in _MARKS:
        text = pattern.sub(mark, text)
    return text[:_LONGEST_TEMPLATE]


def deduplicated(entries: Iterable[Entry]) -> tuple[LogLine, ...]:
    """One LogLine for each template, by who said it and how grave; the last said stands last."""
    named = _generalised([(entry, template_of(entry.headline) + entry.kept) for entry in entries])
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry, template in named:
        key = (template, entry.priority, entry.unit, entry.identifier)
        group = groups.pop(key, [])  # taken out and put back: the newest goes last
        group.append(entry)
        groups[key] = group
    return tuple(_line(str(key[0]), group) for key, group in groups.items())


def _generalised(named: Sequence[tuple[Entry, str]]) -> list[tuple[Entry, str]]:
    """Templates that differ only in paths and quoted strings, made one where they are many."""
    alike: dict[tuple[str, ...], set[str]] = {}
    for _, template in named:
        alike.setdefault(_skeleton(template), set()).add(template)
    general = {key: _general(same) for key, same in alike.items() if len(same) > _MOST_VARIANTS}
    return [(entry, general.get(_skeleton(template), template)) for entry, template in named]


def _skeleton(template: str) -> tuple[str, ...]:
    return tuple(_SLOT.split(template)[::2])


def _general(templates: Iterable[str]) -> str:
    places = zip(*(_SLOT.split(template) for template in templates), strict=True)
    return "".join(
        parts[0] if len(set(parts)) == 1 else _SLOT_MARKS[parts[0][0]] for parts in places
    )


def _line(template: str, entries: Sequence[Entry]) -> LogLine:
    moments = [entry.moment for entry in entries if entry.moment is not None]
    newest = entries[-1]
    return LogLine(
        template=template,
        example=_capped(newest.text),
        count=len(entries),
        first=min(moments, default=None),
        last=max(moments, default=None),
        priority=newest.priority,
        unit=newest.unit,
        identifier=newest.identifier,
    )


def _capped(text: str) -> str:
    """A long text's beginning and, since that is where a traceback says why, its end."""
    if len(text) <= _LONGEST_EXAMPLE:
        return text
    tail = _LONGEST_EXAMPLE - _HEAD_OF_EXAMPLE - 5
    return f"{text[:_HEAD_OF_EXAMPLE]} ... {text[-tail:]}"
