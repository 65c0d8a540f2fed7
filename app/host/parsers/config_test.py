"""Configuration tests that say `FILE:LINE: what is wrong`: sshd -t, named-checkconf, haproxy -c."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.host.facts import ConfigProblem, ConfigTestFacts
from app.host.parsers.complaint import kind_of_words, sayings, unknown_word, worst_first
from app.host.parsers.raw import ParseError, RawOutput

_PLACED = re.compile(r"\[?(/[^\s:\]]+)(?:: line |:)(\d{1,9})\]?(?: :|:)\s*(.*)")
_WARNING = re.compile(r"\[(?:WARNING|NOTICE)\]|\bwarning\b|deprecated", re.IGNORECASE)
_NOISE = re.compile(r"terminating, \d+ bad configuration|Fatal errors found|Error\(s\) found")
_QUOTED = re.compile(r"'([^']{1,200})'")


def _parser(program: str) -> Callable[[RawOutput], ConfigTestFacts]:
    def parse(raw: RawOutput) -> ConfigTestFacts:
        if raw.exit_code is None:
            raise ParseError(f"{program}: the test did not end: {raw.complaint()}")
        said = [line for line in sayings(f"{raw.stderr}\n{raw.stdout}") if line]
        problems = [_problem(line) for line in said if not _NOISE.search(line)]
        ok = raw.exit_code == 0
        return ConfigTestFacts(program=program, ok=ok, problems=worst_first(problems))

    return parse


def _problem(said: str) -> ConfigProblem:
    placed = _PLACED.search(said)
    message = placed[3] if placed else said
    quoted = _QUOTED.search(message)
    unknown = unknown_word(message)
    return ConfigProblem(
        level="warn" if _WARNING.search(said) else "emerg",
        message=said,
        file=placed[1] if placed else None,
        line=int(placed[2]) if placed else None,
        kind=_kind(message, placed=placed is not None),
        subject=unknown or (quoted[1] if quoted else None),
    )


def _kind(message: str, *, placed: bool) -> str:
    if unknown_word(message):
        return "unknown-word"
    return kind_of_words(message) or ("syntax" if placed else "other")


parse_sshd_test = _parser("sshd")
parse_named_test = _parser("named")
parse_haproxy_test = _parser("haproxy")
