"""Limits that nginx puts on requests: raised where they stand, tried, taken back if refused."""

from __future__ import annotations

import re

from .answers import Params, answer, read_program
from .places import Places
from .refusal import Failed
from .rewriting import line_at, rewrite

NGINX = "/usr/sbin/nginx"
_SIZE = "client_max_body_size"
_DEFAULT_MEGABYTES = 1.0
_MOST = {_SIZE: 100.0}
_MOST_SECONDS = 300.0
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES = {"": 1 / 1024**2, "k": 1 / 1024, "m": 1.0, "g": 1024.0}
_AMOUNT = re.compile(r"([0-9]+)([a-z]*)")
_OPENS_SERVER = re.compile(r"(\s*)server\s*\{\s*(?:#.*)?")
_SECONDS = 10.0


def nginx_set_limit(params: Params, places: Places) -> int:
    """Raise a limit that stands on a line, or that the server beginning there does not have."""
    path, directive, value = str(params["path"]), str(params["directive"]), str(params["value"])
    line = int(str(params["line"]))

    def change(lines: list[str]) -> None:
        _raise(lines, line, directive, value)

    before = rewrite(path, change, _refusal, places)
    return answer({"path": path, "directive": directive, "value": value, "replaced": before})


def _refusal() -> str | None:
    code, _, said = read_program([NGINX, "-t"], _SECONDS)
    return None if code == 0 else said


def _raise(lines: list[str], line: int, directive: str, value: str) -> None:
    """One limit raised; nothing else changes."""
    text = line_at(lines, line)
    stands = re.compile(rf"(?<![\w-])({directive}\s+)([^\s;{{}}#]+)(\s*;)")
    code, hash_, comment = text.partition("#")
    found = stands.findall(code)
    if len(found) == 1:
        _require_raised(directive, _amount(directive, found[0][1]), _amount(directive, value))
        lines[line - 1] = stands.sub(rf"\g<1>{value}\g<3>", code) + hash_ + comment
        return
    opens = _OPENS_SERVER.fullmatch(text)
    if found or opens is None or directive != _SIZE:
        raise Failed(f"line {line} neither holds {directive} nor begins a server")
    _require_raised(directive, _DEFAULT_MEGABYTES, _amount(directive, value))
    lines.insert(line, f"{opens[1]}    {directive} {value};")


def _require_raised(directive: str, now: float, wanted: float) -> None:
    most = _MOST.get(directive, _MOST_SECONDS)
    if not 0 < now < wanted <= most:
        raise Failed(f"{directive} is {now:g} and is raised only, to {most:g} at most")


def _amount(directive: str, value: str) -> float:
    """Mebibytes of a size, seconds of a time; 0 for none (no limit) and for what is neither."""
    found = _AMOUNT.fullmatch(value.lower())
    units = _SIZES if directive == _SIZE else _UNITS
    return int(found[1]) * units[found[2]] if found and found[2] in units else 0.0
