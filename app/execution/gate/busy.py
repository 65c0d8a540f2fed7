"""Who uses the processors, by two looks at every process."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from .answers import Params, answer, command_of, process_ids, stat_fields, text_at, unit_of
from .places import Places
from .processes import is_stray, owner_of

WINDOW_SECONDS = 1.0
_MOST_PROCESSES = 4000
_MOST_TOLD = 20
_LEAST_PERCENT = 5.0


@dataclass(frozen=True)
class _Look:
    started: int  # clock ticks since boot
    ticks: int  # used by it and by its children that have ended
    parent: int
    terminal: bool


def processors_busy(_: Params, __: Places) -> int:
    """ProcessorsFacts: the processes that use the most, kernel threads left out."""
    first, began = _look(), time.monotonic()
    time.sleep(WINDOW_SECONDS)  # there is no event to wait for: what is measured is time itself
    second, seconds = _look(), time.monotonic() - began
    rate = os.sysconf("SC_CLK_TCK")
    most = 100.0 * (os.cpu_count() or 1)
    shares = {
        pid: min(100.0 * (now.ticks - then.ticks) / rate / seconds, most)
        for pid, now in second.items()
        if (then := first.get(pid)) is not None and then.started == now.started
    }
    uptime = float(text_at("/proc/uptime").split()[0])
    ranked = sorted(shares, key=lambda pid: -shares[pid])[:_MOST_TOLD]
    told = [
        _told(pid, second[pid], shares[pid], uptime - second[pid].started / rate)
        for pid in ranked
        if shares[pid] >= _LEAST_PERCENT
    ]
    return answer(
        {
            "processors": os.cpu_count() or 1,
            "busy_percent": round(sum(shares.values()), 1),
            "processes": told,
        }
    )


def _look() -> dict[int, _Look]:
    found = {}
    for pid in process_ids()[:_MOST_PROCESSES]:
        fields = stat_fields(pid)
        if fields is None or "2" in (fields[1], pid) or int(pid) == os.getpid():
            continue
        used = sum(int(fields[index]) for index in (11, 12, 13, 14))
        found[int(pid)] = _Look(int(fields[19]), used, int(fields[1]), fields[4] != "0")
    return found


def _told(pid: int, look: _Look, share: float, seconds: float) -> dict[str, object]:
    return {
        "pid": pid,
        "ppid": look.parent,
        "user": owner_of(pid),
        "command": command_of(pid),
        "unit": unit_of(pid),
        "seconds": max(int(seconds), 0),
        "start_time": look.started,
        "busy_percent": round(share, 1),
        "lifetime_percent": round(_lifetime(look, seconds), 1),
        "stray": is_stray(pid, terminal=look.terminal),
    }


def _lifetime(look: _Look, seconds: float) -> float:
    rate = os.sysconf("SC_CLK_TCK")
    return 100.0 * look.ticks / rate / seconds if seconds > 0 else 0.0
