"""One plain command line as words: no shell, and nothing that any shell would read differently.

One line of printable ASCII. Quotes are literal; one last `| head [-n N]` or `| tail [-n N]` becomes
a bound. Every other character that means something to a shell is refused, never interpreted.
"""

from __future__ import annotations

import re

from app.domain.value import Value

LONGEST = 400
MOST_LINES = 1000
_TOKEN = re.compile(
    r"(?P<blank> +)|(?P<plain>[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*)|"  # zsh expands =word
    r"'(?P<single>[^'\\]*)'|\"(?P<double>[^\"\\$`!]*)\""
)
_BOUND = re.compile(r"(?P<which>head|tail)(?: -n ?(?P<n>[0-9]{1,4})| -(?P<short>[0-9]{1,4}))?")
_AS_SHIPPED = 10  # what head and tail show by themselves


class NotPlain(ValueError):
    """The text is no plain command line. The message says which part is not."""


class Bound(Value):
    """Only the first or last lines of an answer, cut on this side."""

    which: str  # head | tail
    lines: int


class PlainLine(Value):
    """A command line's words, and the bound on its output."""

    words: tuple[str, ...]
    bound: Bound | None = None


def read(line: str) -> PlainLine:
    """The words of a line; NotPlain where it is anything but plain."""
    if not line.strip(" "):
        raise NotPlain("there is nothing in it")
    if len(line) > LONGEST:
        raise NotPlain(f"it is longer than {LONGEST} characters")
    odd = next((c for c in line if not " " <= c <= "~"), None)
    if odd is not None:
        raise NotPlain(f"{odd!a} is no printable ASCII")
    words, rest = _words(line)
    if not words:
        raise NotPlain(f"{line[:1]!r} begins no command")
    if not rest:
        return PlainLine(words=words)
    bound = _BOUND.fullmatch(rest[1:].strip(" ")) if rest[0] == "|" else None
    if bound is None:
        raise NotPlain(f"{rest[:1]!r} would mean something to a shell")
    return PlainLine(words=words, bound=_bound(bound))


def _words(line: str) -> tuple[tuple[str, ...], str]:
    """Words up to the first character that begins none, and what is left from there."""
    words: list[str] = []
    at = 0
    ended = True  # a word is whole only where a blank or the end follows it
    while at < len(line) and (found := _TOKEN.match(line, at)) is not None:
        at = found.end()
        if found["blank"] is not None:
            ended = True
            continue
        text = next(t for t in (found["plain"], found["single"], found["double"]) if t is not None)
        if not ended:
            raise NotPlain("quotes in the middle of a word")
        words.append(text)
        ended = False
    return tuple(words), line[at:]


def _bound(found: re.Match[str]) -> Bound:
    lines = int(found["n"] or found["short"] or _AS_SHIPPED)
    if not 0 < lines <= MOST_LINES:
        raise NotPlain(f"{lines} lines; expected 1 to {MOST_LINES}")
    return Bound(which=found["which"], lines=lines)
