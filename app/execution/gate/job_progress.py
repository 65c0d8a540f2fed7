"""Whether a job that is at work gets anywhere, and how often its timer is to run it."""

from __future__ import annotations

import os
import re
import time
from datetime import datetime

from . import window
from .answers import (
    Params,
    answer,
    command_of,
    process_ids,
    read_program,
    started_at,
    stat_fields,
    text_at,
    unit_of,
)
from .network import connections_of
from .places import Places
from .refusal import Failed

_SYSTEMCTL, _ANALYZE = "/usr/bin/systemctl", "/usr/bin/systemd-analyze"
_WINDOWS = 3
"""Looks in a row between which nothing may move: who polls each second is not idle."""

_MOST = 10
_AFTER_ITSELF = re.compile(r"OnUnit(?:Active|Inactive)USec=([^;}]+)")
_CALENDAR = re.compile(r"OnCalendar=([^;}]+)")
_DUE = re.compile(r"(?:Next elapse|Iter\. #2):\D*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d|w|month|y)\b")
_SECONDS = {
    "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0,
    "month": 2629800.0, "y": 31557600.0,
}  # fmt: skip

_Look = dict[int, tuple[int, int]]
"""Of each process: clock ticks that it used, bytes that it read and wrote."""


def job_progress(params: Params, _: Places) -> int:
    """JobProgressFacts."""
    unit = str(params["unit"])
    shown = dict(_properties(unit, "ActiveState", "TriggeredBy"))
    looks = [look for _ in range(_WINDOWS) for look in window.looked_twice(lambda: _look(unit))[:2]]
    timers = [name for name in shown.get("TriggeredBy", "").split() if name.endswith(".timer")]
    periods = {name: period for name in timers if (period := _period(name)) is not None}
    timer = min(periods, key=lambda name: periods[name], default=None)
    return answer(
        {
            "unit": unit,
            "at_work": shown.get("ActiveState") == "activating",
            "seconds": _age(looks[-1]),
            "idle": bool(looks[0]) and all(look == looks[0] for look in looks),
            "commands": sorted({command_of(pid) for pid in looks[-1]})[:_MOST],
            "peers": connections_of(looks[-1])[:_MOST],
            "timer": timer,
            "period_seconds": None if timer is None else periods[timer],
        }
    )


def _properties(unit: str, *names: str) -> list[tuple[str, str]]:
    """A property may be told several times, each time with one of its values."""
    asked = [f"--property={name}" for name in names]
    code, told, error = read_program([_SYSTEMCTL, "show", "--no-pager", *asked, "--", unit])
    if code != 0:
        raise Failed(f"systemctl show {unit}: {error.strip() or code}")
    pairs = (line.partition("=") for line in told.splitlines())
    return [(name, value) for name, _, value in pairs]


def _look(unit: str) -> _Look:
    found = {}
    for pid in process_ids():
        fields = stat_fields(pid) if unit_of(pid) == unit else None
        if fields is not None:
            ticks = sum(int(fields[index]) for index in (11, 12, 13, 14))
            found[int(pid)] = (ticks, _bytes(pid))
    return found


def _bytes(pid: str) -> int:
    lines = text_at(f"/proc/{pid}/io").splitlines()
    told = dict(line.split(": ", 1) for line in lines if ": " in line)
    return int(told.get("rchar", 0)) + int(told.get("wchar", 0))


def _age(look: _Look) -> float:
    """Seconds since the first of its processes started; 0 where it has none."""
    starts = [int(fields[19]) for pid in look if (fields := stat_fields(pid)) is not None]
    return max(0.0, round(time.time() - started_at(min(starts)), 1)) if starts else 0.0


def _period(timer: str) -> float | None:
    """Seconds from one run to the next by a timer; None where that is not told."""
    periods: list[float] = []
    for _, told in _properties(timer, "TimersMonotonic", "TimersCalendar"):
        periods += [span(text) for text in _AFTER_ITSELF.findall(told)]
        periods += [gap for text in _CALENDAR.findall(told) if (gap := _gap(text.strip()))]
    return min((period for period in periods if period > 0), default=None)


def span(text: str) -> float:
    """Seconds of a time span as systemd writes it: "1min 30s"."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(text))


def _gap(calendar: str) -> float | None:
    if not os.path.exists(_ANALYZE):
        return None
    code, told, _ = read_program([_ANALYZE, "calendar", "--iterations=2", "--", calendar])
    return between(told) if code == 0 else None


def between(told: str) -> float | None:
    """Seconds between the next two times of `systemd-analyze calendar --iterations=2`."""
    due = [
        datetime.strptime(f"{text} +0000", "%Y-%m-%d %H:%M:%S %z") for text in _DUE.findall(told)
    ]
    return (due[1] - due[0]).total_seconds() if len(due) > 1 else None
