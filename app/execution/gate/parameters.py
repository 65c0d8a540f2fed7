"""Types of parameters, checked by the controller and again on the host: one definition, two places.

A type is a plain mapping, as it stands in the catalog and in the host's gate.json:

    {"kind": "int", "min": 1, "max": 1000}
    {"kind": "text", "pattern": "[0-9a-f]{64}"}            the whole text must match
    {"kind": "choice", "of": ["*.service", "*.socket"]}
    {"kind": "unit", "pattern": "..."}                     changes are bound to the host's own units
    {"kind": "path", "beneath": ["/etc"], "exactly": ["/tmp"], "refuse": ["/etc/ssh/*"]}
    {"kind": "path", "beneath": ["/etc"], "named": {"/srv": [".htaccess"]}}   files by their name

Whatever a pattern says, no text may begin with "-" or hold white space, control characters or
anything beyond ASCII: such a value can never become an option, a second word or a lookalike.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import Any, Union

Type = Mapping[str, Any]
Given = Union[str, int]

LONGEST = 512
_INERT = re.compile(r"[\x21-\x7e]+")
_PATH = re.compile(r"(?:/[A-Za-z0-9_@%+=:,.~\\-]+)+|/")


class Unfit(ValueError):
    """A parameter is not of its type. The text says what was given and what was expected."""


def check_all(types: Mapping[str, Type], given: Mapping[str, object]) -> dict[str, Given]:
    """The parameters, each proven to be of its type; nothing missing, nothing more."""
    for name in given:
        if name not in types:
            expected = ", ".join(sorted(types)) or "no parameters"
            raise Unfit(f"parameter {name!r} is not known here; expected {expected}")
    for name in types:
        if name not in given:
            raise Unfit(f"parameter {name!r} is missing")
    return {name: check(name, given[name], types[name]) for name in types}


def check(name: str, value: object, of: Type) -> Given:
    """`value` itself, proven to be of the type `of`."""
    if of["kind"] == "int":
        return _whole_number(name, value, of)
    if not isinstance(value, str):
        raise Unfit(f"{name} is {value!r}; expected text")
    _require_inert(name, value)
    if of["kind"] == "choice":
        if value not in of["of"]:
            raise Unfit(f"{name} is {value!r}; expected one of {', '.join(of['of'])}")
    elif of["kind"] in ("text", "unit"):
        if re.fullmatch(of["pattern"], value) is None:
            raise Unfit(f"{name} is {value!r}; expected {of.get('means', of['pattern'])}")
    elif of["kind"] == "path":
        _require_path(name, value, of)
    else:
        raise Unfit(f"{name} has the unknown kind {of['kind']!r}")
    return value


def is_inert(text: str) -> bool:
    """Whether a text can only ever be one plain word: no option, no blank, no control, ASCII."""
    return bool(_INERT.fullmatch(text)) and not text.startswith("-") and len(text) <= LONGEST


def lies_beneath(path: str, folders: Sequence[str]) -> bool:
    """Whether a normal absolute path lies strictly below one of the folders."""
    return any(path.startswith(folder.rstrip("/") + "/") for folder in folders)


def is_refused(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path, or a folder that it lies in, is one that must not be touched."""
    parts = path.split("/")
    prefixes = ["/".join(parts[:count]) for count in range(2, len(parts) + 1)]
    return any(fnmatch.fnmatchcase(prefix, pattern) for prefix in prefixes for pattern in patterns)


def _whole_number(name: str, value: object, of: Type) -> int:
    low, high = of["min"], of["max"]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Unfit(f"{name} is {value!r}; expected a whole number from {low} to {high}")
    return value


def _require_inert(name: str, value: str) -> None:
    if not is_inert(value):
        raise Unfit(
            f"{name} is {ascii(value)[:80]}; expected 1 to {LONGEST} printable ASCII characters, "
            "no blanks, not beginning with '-'"
        )


def _require_path(name: str, value: str, of: Type) -> None:
    parts = value.split("/")[1:]
    if not _PATH.fullmatch(value) or any(part in ("", ".", "..") for part in parts):
        raise Unfit(f"{name} is {value!r}; expected a plain absolute path without '.' or '..'")
    exactly, named = of.get("exactly", ()), of.get("named", {})
    by_name = any(parts[-1] in named[place] and lies_beneath(value, [place]) for place in named)
    if value not in exactly and not by_name and not lies_beneath(value, of["beneath"]):
        files = (f"{place} called {' or '.join(named[place])}" for place in sorted(named))
        places = ", ".join((*of["beneath"], *(f"{path} itself" for path in exactly), *files))
        raise Unfit(f"{name} is {value!r}; expected a path beneath {places}")
    if is_refused(value, of.get("refuse", ())):
        raise Unfit(f"{name} is {value!r}, which the agent never touches")
