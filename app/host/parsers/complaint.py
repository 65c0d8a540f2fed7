"""What kind of thing a configuration test complains about: words shared by nginx and Apache.

Kinds: syntax, unknown-word, duplicate, host-not-found, file-missing, permission, certificate, bind,
disk-full, read-only, user-missing, other.
"""

from __future__ import annotations

import re

from app.host.facts import ConfigProblem

_OF_ERRNO = {
    1: "permission",
    2: "file-missing",
    13: "permission",
    20: "file-missing",  # a component of the path is no folder
    28: "disk-full",
    30: "read-only",
    98: "bind",
    99: "bind",  # the address is not one of this host
}
_LONGEST = 4096
_UNKNOWN = re.compile(
    r"(?:unknown (?:directive|option|keyword)|bad configuration option:|invalid command)"
    r" ['\"]?([A-Za-z][\w-]*)",
    re.IGNORECASE,
)
_SEVERITY = {"emerg": 0, "alert": 1, "crit": 2, "error": 3, "warn": 4, "notice": 5, "info": 6}


def sayings(text: str) -> list[str]:
    """The lines of a tool's opinion, each cut where no complaint of either program is as long."""
    return [line[:_LONGEST].strip() for line in text.splitlines()]


def kind_of_errno(number: str) -> str:
    """The kind behind the number of a failed system call."""
    return _OF_ERRNO.get(int(number), "other") if len(number) < 5 else "other"


def kind_of_words(text: str) -> str | None:
    """The kind where a library put the system's reason into words instead of a number."""
    if re.search(r"no such file|does not exist|cannot open shared object", text, re.IGNORECASE):
        return "file-missing"
    if re.search(r"permission denied|not accessible|operation not permitted", text, re.IGNORECASE):
        return "permission"
    return None


def unknown_word(message: str) -> str | None:
    """The word that a program says it does not know as one of its directives or options."""
    found = _UNKNOWN.search(message)
    return found[1] if found else None


def worst_first(problems: list[ConfigProblem]) -> tuple[ConfigProblem, ...]:
    """Each problem once, the fatal ones before the warnings, otherwise as they were said."""
    unique = list(dict.fromkeys(problems))
    return tuple(sorted(unique, key=lambda problem: _SEVERITY.get(problem.level, 3)))
