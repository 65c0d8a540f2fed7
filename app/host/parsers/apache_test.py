"""`apache2ctl configtest` and `httpd -t`: messages on standard error, `Syntax OK` at the end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.host.facts import ConfigProblem, ConfigTestFacts
from app.host.parsers.complaint import (
    kind_of_errno,
    kind_of_words,
    sayings,
    unknown_word,
    worst_first,
)
from app.host.parsers.raw import ParseError, RawOutput

#: Said beside the real complaint, and telling nothing.
_NOISE = re.compile(
    r"Syntax OK|Action '.*' failed\.|The Apache error log may have more information\."
    r"|AH00014: Configuration check failed|AH00015: Unable to open logs"
    r"|no listening sockets available, shutting down|AH00016: Configuration Failed"
)
_LOG_PREFIX = re.compile(r"^(?:\[[^\]]*\] )+")
_PLACE = re.compile(r"Syntax error on line (\d{1,9}) of ([^:]+):\s*")
_SELF_PLACE = re.compile(r"(/[^:\s]+):(\d{1,9}): ")
_ERRNO = re.compile(r"^\((\d+)\)[^:]*: ")
_SUBJECTS = (
    re.compile(r"could not bind to address (\S+)"),
    re.compile(r"Cannot load (\S+) into server"),
    re.compile(r"Could not open (?:configuration file|\w+) ([^\s:]+)"),
    re.compile(r"\[(/[^\]]*)\]"),
    re.compile(r"'([^']+)'"),
    re.compile(r"(<[A-Za-z][^>]*>)"),
)
_WARNINGS = re.compile(r"Warning|Could not reliably determine|overlap|NameVirtualHost|deprecated")
_KNOWN = re.compile(r"AH\d{5}|Syntax error|apache2:|httpd:|^\(\d+\)|\[pid \d+")


def parse_apache_test(raw: RawOutput) -> ConfigTestFacts:
    """Apache's verdict and its complaints; a failing test is facts, not an error."""
    lines = sayings(f"{raw.stderr}\n{raw.stdout}")
    passed = "Syntax OK" in lines
    if not passed and not any(_KNOWN.search(line) for line in lines):
        raise ParseError(f"apache configtest: expected its verdict: {raw.complaint()}")
    problems = [_problem(said) for said in _complaints(lines)]
    ok = passed and raw.exit_code in (0, None)
    return ConfigTestFacts(program="apache2", ok=ok, problems=worst_first(problems))


def _complaints(lines: Iterable[str]) -> Iterator[str]:
    """One text for each complaint: `Syntax error on line 12 of FILE:` goes on on the next line."""
    begun = ""
    for line in lines:
        said = _LOG_PREFIX.sub("", line)
        if not said or _NOISE.fullmatch(said):
            continue
        if begun:
            said, begun = f"{begun} {said}", ""
        if _PLACE.search(said) and said.endswith(":"):
            begun = said
            continue
        yield said
    if begun:
        yield begun


def _problem(said: str) -> ConfigProblem:
    places = _PLACE.findall(said)
    message = _PLACE.sub("", said).strip() if places else said
    own = _SELF_PLACE.search(message)
    line, file = places[-1] if places else (own[2], own[1]) if own else (None, None)
    return ConfigProblem(
        level="warn" if _WARNINGS.search(message) else "emerg",
        message=said,
        file=file,
        line=int(line) if line else None,
        kind=_kind(message, placed=bool(places)),
        subject=_subject(message),
    )


def _kind(message: str, *, placed: bool) -> str:
    errno = _ERRNO.search(message)
    if errno is not None:
        return kind_of_errno(errno[1])
    if "could not bind" in message:
        return "bind"
    if "bad user name" in message or "bad group name" in message:
        return "user-missing"
    if "duplicate" in message.lower():
        return "duplicate"
    if unknown_word(message):
        return "unknown-word"
    return kind_of_words(message) or ("syntax" if placed else "other")


def _subject(message: str) -> str | None:
    for pattern in _SUBJECTS:
        match = pattern.search(message)
        if match is not None:
            return match[1]
    return None
