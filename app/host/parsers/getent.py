"""`getent ahosts NAME`: an address and a socket type a line; exit 2 where there is no answer."""

from __future__ import annotations

import re

from app.host.facts import ResolveFacts
from app.host.parsers.raw import ParseError, RawOutput

_LINE = re.compile(r"([0-9A-Fa-f.:]+(?:%\S+)?)\s+(?:STREAM|DGRAM|RAW)\b.*")
_NOT_FOUND = 2
_WAITED = 1.0  # seconds after which a missing exit code means the deadline, not a failed start


def parse_resolve(raw: RawOutput) -> ResolveFacts:
    """The name's addresses in the order in which programs try them; a failure is facts too.

    getent does not tell an unknown name from a silent name server: `seconds` does.
    """
    name = raw.text_param("name")
    matches = [match for line in raw.whole_lines() if (match := _LINE.fullmatch(line.strip()))]
    addresses = tuple(dict.fromkeys(match[1] for match in matches))
    if not addresses and raw.stdout.strip():
        raise ParseError("getent ahosts: expected an address and a socket type on each line")
    error = None if addresses else _error(raw)
    return ResolveFacts(
        name=name, ok=bool(addresses), addresses=addresses, seconds=raw.seconds, error=error
    )


def _error(raw: RawOutput) -> str:
    if raw.exit_code == _NOT_FOUND:
        return "not-found"
    if raw.exit_code is None and raw.seconds >= _WAITED:
        return "timeout"
    raise ParseError(f"getent ahosts: neither addresses nor exit code 2: {raw.complaint()}")
