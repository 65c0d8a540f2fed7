"""What users were refused by web servers lately, as their access logs tell it."""

from __future__ import annotations

import os
import re
import stat
import time
from calendar import timegm
from collections.abc import Iterable
from typing import Any

from . import disk
from .answers import Params, answer, process_ids
from .places import Places
from .refusal import Failed

_FOLDERS = tuple(
    f"/var/log/{name}" for name in ("nginx", "apache2", "httpd", "caddy", "lighttpd", "haproxy")
)
_SERVERS = frozenset({"nginx", "apache2", "httpd", "caddy", "lighttpd", "haproxy"})
_ACCESS = re.compile(r"(?:access|request)[^/]*$")
_ROTATED = re.compile(r"\.(?:gz|xz|zst|bz2|[0-9]+)$")
_MOST_FILES, _MOST_LINES = 6, 40
_TAIL_BYTES = 512 * 1024
_LATELY_SECONDS = 900.0

_LINE = re.compile(
    r"\[(\d\d)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\] "
    r'"([A-Z]{3,10}) ([^ "?#]{1,300})[^"]{0,4000}" (\d{3}) '
)
"""The common log format and its descendants: when, what was asked, how it was answered."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


_TOO_LARGE = 413
"""The server's own limit refused it: nothing of it arrives at the application."""

_WITHDRAWN = frozenset({403, 404, 410})
"""Nobody's loss where it was never answered otherwise: strangers ask for what is not there."""

_GIVEN_UP = 499
"""Written by nginx: the user did not wait for the answer any longer."""

_OURS = "sre-agent"
"""Stands in our own requests: what they were answered is not what users were."""


def web_errors(_: Params, __: Places) -> int:
    """WebErrorFacts: what was answered 500 and above, or 413, or given up by who asked for it (499)
    in the last 15 minutes; and what was answered well before, and now as not there or forbidden."""
    now = time.time()
    found: dict[tuple[str, str], dict[str, Any]] = {}
    answers, logs = 0, _logs()
    for log in logs:
        try:
            text = disk.tail_of(log, _TAIL_BYTES)
        except (Failed, OSError):
            continue  # rotated in the meantime: the others still speak
        for line in text.splitlines():
            told = _LINE.search(line)
            if told is None or _OURS in line:
                continue
            ago = now - _time(told)
            answers += ago <= _LATELY_SECONDS
            _note(found, told, max(ago, 0.0))
    failing = [one for one in found.values() if one["failed"]]
    failing.sort(key=lambda one: (-one["failed"], one["path"]))
    return answer({"logs": logs, "answers": answers, "failing": failing[:_MOST_LINES]})


def _note(found: dict[tuple[str, str], dict[str, Any]], told: re.Match[str], ago: float) -> None:
    """Of what is long past only that it was answered well."""
    method, path, status = told[10], told[11], int(told[12])
    fresh = {"method": method, "path": path, "failed": 0, "answered": 0, "served": False}
    one = found.setdefault((method, path), {**fresh, "last_ago": ago, "last_status": status})
    if ago <= _LATELY_SECONDS:
        withdrawn = status in _WITHDRAWN and one["served"]
        fails = status >= 500 or status in (_TOO_LARGE, _GIVEN_UP) or withdrawn
        one["failed" if fails else "answered"] += 1
    one["served"] = one["served"] or status < 400
    if ago <= one["last_ago"]:
        one["last_ago"], one["last_status"] = round(ago, 1), status


def _time(told: re.Match[str]) -> float:
    if told[2] not in _MONTHS:
        return 0.0
    day = (int(told[3]), _MONTHS.index(told[2]) + 1, int(told[1]))
    away = (int(told[8]) * 60 + int(told[9])) * 60 * (1 if told[7] == "+" else -1)
    return timegm((*day, int(told[4]), int(told[5]), int(told[6]))) - away


def _logs() -> list[str]:
    """Access logs that were written to lately, the newest first."""
    dated = []
    for path in {*_customary(), *_held_open()}:
        if _ROTATED.search(path) or not _ACCESS.search(path):
            continue
        try:
            state = os.stat(path, follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode) and time.time() - state.st_mtime < 3600:
            dated.append((state.st_mtime, path))
    return [path for _, path in sorted(dated, reverse=True)[:_MOST_FILES]]


def _customary() -> Iterable[str]:
    for folder in _FOLDERS:
        try:
            yield from (f"{folder}/{name}" for name in os.listdir(folder))
        except OSError:
            continue


def _held_open() -> Iterable[str]:
    """Files that web servers have open, wherever their configuration puts them."""
    for pid in process_ids():
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                if comm.read().strip() not in _SERVERS:
                    continue
            numbers = os.listdir(f"/proc/{pid}/fd")
            yield from [os.readlink(f"/proc/{pid}/fd/{number}") for number in numbers]
        except OSError:
            continue  # the process has ended, or closed one meanwhile: its siblings have the same
