"""The log files that a unit writes beside the journal, by who holds them open and by name."""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Iterable

from . import disk
from .answers import Params, process_ids, unit_of
from .places import Places
from .refusal import Failed

LOGS = "/var/log"
_MOST_FILES = 3
_TAIL_BYTES = 48 * 1024
_FRESH_SECONDS = 3600.0
"""A file that nobody has written to for so long says nothing of now."""

_NO_WORDS = re.compile(r"access|request|\.(?:gz|xz|zst|[0-9]+)$")
"""Lists of who asked for what, and what was rotated away."""

_NEVER = ("/var/log/audit", "/var/log/journal", "/var/log/sudo-io", "/var/log/private")


def unit_logs(params: Params, _: Places) -> int:
    """The last lines of up to three log files of a unit, those of errors last: they weigh most."""
    unit, lines = str(params["unit"]), int(params["lines"])
    found = _fresh({*_held_open(unit), *_named_after(unit)})
    for path in sorted(found[:_MOST_FILES], key=lambda path: "error" in path):
        try:
            text = disk.tail_of(path, _TAIL_BYTES)
        except (Failed, OSError):
            continue  # rotated in the meantime: the others still speak
        sys.stdout.write("".join(f"{line}\n" for line in text.splitlines()[-lines:]))
    return 0


def _held_open(unit: str) -> Iterable[str]:
    """Files below /var/log that a process of the unit has open."""
    for pid in process_ids():
        if unit_of(pid) != unit:
            continue
        try:
            links = [f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]
            yield from (path for link in links if (path := _target(link)).startswith(f"{LOGS}/"))
        except OSError:
            continue  # the process has ended


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _named_after(unit: str) -> Iterable[str]:
    """Files where a service keeps its logs by its name: /var/log/NAME*.log, /var/log/NAME/*."""
    name, _, instance = unit.rsplit(".", 1)[0].partition("@")
    for stem in dict.fromkeys((name, name.removesuffix("-server"))):
        own = re.compile(rf"{re.escape(f'{LOGS}/{stem}')}[._-]")
        yield from (path for path in _listed(LOGS) if own.match(path))
        yield from (path for path in _listed(f"{LOGS}/{stem}") if instance in path)


def _listed(folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]
    except OSError:
        return []


def _fresh(paths: Iterable[str]) -> list[str]:
    """Of these the files that were written to lately, the newest first."""
    now = time.time()
    dated = []
    for path in paths:
        if path.startswith(_NEVER) or _NO_WORDS.search(os.path.basename(path)):
            continue
        try:
            state = os.stat(path, follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode) and now - state.st_mtime < _FRESH_SECONDS:
            dated.append((state.st_mtime, path))
    return [path for _, path in sorted(dated, reverse=True)]
