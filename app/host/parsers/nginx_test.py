"""`nginx -t`: its opinion stands on standard error, with a date or as `nginx: [emerg] ...`."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.host.facts import ConfigProblem, ConfigTestFacts
from app.host.parsers.complaint import kind_of_errno, kind_of_words, sayings, worst_first
from app.host.parsers.raw import ParseError, RawOutput

_LINE = re.compile(
    r"(?:nginx: |\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )\[(?P<level>[a-z]+)\] "
    r"(?:\d+#\d+: )?(?:\*\d+ )?(?P<message>.+)"
)
_PLACE = re.compile(r"(?P<message>.*) in (?P<file>/.*):(?P<line>\d{1,9})")
_PASSED = re.compile(r"configuration file (?P<file>\S+) test is successful")
_FAILED = re.compile(r"configuration file (?P<file>\S+) test failed")
_QUOTED = re.compile(r'"([^"]*)"')

Classify = Callable[[re.Match[str]], str]


def _by_errno(match: re.Match[str]) -> str:
    return kind_of_errno(match["errno"])


def _by_words(match: re.Match[str]) -> str:
    """A certificate that cannot be read is a file's fault; one that is read and refused its own."""
    return kind_of_words(match.string) or "certificate"


def _always(kind: str) -> Classify:
    return lambda _match: kind


_SYNTAX = (
    r"^(?:unknown|unexpected|invalid)\b|not allowed here|not terminated by"
    r"|has no opening|number of arguments|pcre2?_compile\(\) failed"
)
#: First match wins. A group `subject` is the name or path; else the first quoted word is.
_KINDS: tuple[tuple[re.Pattern[str], Classify], ...] = tuple(
    (re.compile(pattern), classify)
    for pattern, classify in (
        (r'host not found in (?:\w+ )?"(?P<subject>[^"]+)"', _always("host-not-found")),
        (r'cannot load certificate(?: key)? "(?P<subject>[^"]+)"', _by_words),
        (r'(?:SSL_|PEM_|BIO_|X509_|d2i_)\w+\("(?P<subject>[^"]+)"\)', _by_words),
        (r'no "ssl_certificate(?:_key)?" is defined', _always("certificate")),
        (r'get(?:pw|gr)nam\("(?P<subject>[^"]+)"\) failed', _always("user-missing")),
        (r"bind\(\) to (?P<subject>\S+) failed \((?P<errno>\d+):", _by_errno),
        (r"still could not bind", _always("bind")),
        (r'\w+\(\) "(?P<subject>[^"]+)" failed \((?P<errno>\d+):', _by_errno),
        (r'dlopen\(\) "(?P<subject>[^"]+)" failed', _by_words),
        (r"duplicate (?:listen|default server for) (?P<subject>\S+)", _always("duplicate")),
        (r"\bduplicate\b|conflicting server name|already bound", _always("duplicate")),
        (r'^unknown directive "', _always("unknown-word")),
        (_SYNTAX, _always("syntax")),
    )
)


def parse_nginx_test(raw: RawOutput) -> ConfigTestFacts:
    """nginx's verdict and its complaints; a failing test is facts, not an error."""
    text = f"{raw.stderr}\n{raw.stdout}"
    problems = [_problem(match) for match in map(_LINE.fullmatch, sayings(text)) if match]
    passed, failed = _PASSED.search(text), _FAILED.search(text)
    if not (passed or failed or problems):
        raise ParseError(f"nginx -t: expected its verdict on standard error: {raw.complaint()}")
    ok = passed is not None and failed is None and raw.exit_code in (0, None)
    return ConfigTestFacts(program="nginx", ok=ok, problems=worst_first(problems))


def _problem(found: re.Match[str]) -> ConfigProblem:
    message = found["message"]
    place = _PLACE.fullmatch(message)
    if place is not None:
        message = place["message"]
    kind, subject = _kind(message, placed=place is not None, level=found["level"])
    return ConfigProblem(
        level=found["level"],
        message=found["message"],
        file=place["file"] if place else None,
        line=int(place["line"]) if place else None,
        kind=kind,
        subject=subject,
    )


def _kind(message: str, *, placed: bool, level: str) -> tuple[str, str | None]:
    for pattern, classify in _KINDS:
        match = pattern.search(message)
        if match is not None:
            kind = classify(match)
            subject = match.groupdict().get("subject") or _first_quoted(message)
            return kind, _name_only(subject) if kind == "host-not-found" else subject
    # What nginx refuses at a place in a file is that file's content, whatever its words.
    refused = placed and level == "emerg"
    return "syntax" if refused else "other", _first_quoted(message)


def _first_quoted(message: str) -> str | None:
    match = _QUOTED.search(message)
    return match[1] if match else None


def _name_only(subject: str | None) -> str | None:
    """`app.example.net:8000/x` -> `app.example.net`: the resolver is asked for the name."""
    if subject is None:
        return None
    return subject.rpartition("://")[2].partition("/")[0].partition(":")[0] or subject
