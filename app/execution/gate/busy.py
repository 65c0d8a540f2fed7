"""Who uses the processors, by two looks at every process."""

from __future__ import annotations

import os
from dataclasses import dataclass

from . import window
from .answers import Params, answer, command_of, process_ids, stat_fields, text_at, unit_of
from .places import Places
from .processes import is_stray, owner_of

_MOST_PROCESSES = 4000
_MOST_TOLD = 20
_LEAST_PERCENT = 5.0


@dataclass(frozen=True)
class _Look:
    started: int  # clock ticks since boot
    used: float  # seconds, by it and by its children that have ended
    queued: float  # seconds that it waited for a processor, its first thread alone
    parent: int
    terminal: bool


def processors_busy(_: Params, __: Places) -> int:
    """ProcessorsFacts: the processes that want the most, kernel threads left out."""
    first, second, seconds = window.looked_twice(_look)
    lasting = [
        pid for pid, now in second.items() if pid in first and first[pid].started == now.started
    ]
    demands = {pid: _percent(*_between(first[pid], second[pid]), seconds) for pid in lasting}
    used = {pid: _percent(_between(first[pid], second[pid])[0], 0.0, seconds) for pid in lasting}
    ranked = sorted(demands, key=lambda pid: -demands[pid])[:_MOST_TOLD]
    told = [
        _told(pid, second[pid]) | {"busy_percent": used[pid], "demand_percent": demands[pid]}
        for pid in ranked
        if demands[pid] >= _LEAST_PERCENT
    ]
    return answer(
        {
            "processors": os.cpu_count() or 1,
            "busy_percent": round(sum(used.values()), 1),
            "processes": told,
        }
    )


def _between(then: _Look, now: _Look) -> tuple[float, float]:
    """Seconds that were used, and seconds in the queue, between two looks at one process.

    A child that ends hands all that it ever used to its parent: more than there are processors for
    is not of these two looks.
    """
    used = min(now.used - then.used, (os.cpu_count() or 1) * window.SECONDS)
    return used, now.queued - then.queued


def _look() -> dict[int, _Look]:
    found, rate = {}, os.sysconf("SC_CLK_TCK")
    for pid in process_ids()[:_MOST_PROCESSES]:
        fields = stat_fields(pid)
        if fields is None or "2" in (fields[1], pid) or int(pid) == os.getpid():
            continue
        used = sum(int(fields[index]) for index in (11, 12, 13, 14)) / rate
        queued = _queued(pid)
        found[int(pid)] = _Look(int(fields[19]), used, queued, int(fields[1]), fields[4] != "0")
    return found


def _queued(pid: str) -> float:
    """Seconds in a processor's queue: where many want one, none of them gets all of it."""
    told = text_at(f"/proc/{pid}/schedstat", 256).split()
    return int(told[1]) / 1e9 if len(told) > 1 and told[1].isdigit() else 0.0


def _told(pid: int, look: _Look) -> dict[str, object]:
    uptime = float(text_at("/proc/uptime").split()[0])
    seconds = uptime - look.started / os.sysconf("SC_CLK_TCK")
    return {
        "pid": pid,
        "ppid": look.parent,
        "user": owner_of(pid),
        "command": command_of(pid),
        "unit": unit_of(pid),
        "start_time": look.started,
        "seconds": max(int(seconds), 0),
        "lifetime_percent": _percent(look.used, look.queued, seconds),
        "stray": is_stray(pid, terminal=look.terminal),
    }


def _percent(used: float, queued: float, seconds: float) -> float:
    """What was used and waited for, as a share of one processor."""
    return round(100.0 * (used + queued) / seconds, 1) if seconds > 0 else 0.0
