"""How loaded the host is: its processors' queue, memory, what is waited for, disks, sockets."""

from __future__ import annotations

import os

from .answers import Params, answer, text_at
from .places import Places
from .window import looked_twice

_MOST_DISKS = 24
_NO_DISKS = ("loop", "ram", "zram", "sr", "fd")
_SECTOR_BYTES = 512  # in /proc/diskstats whatever the disk's own sectors are
_READ, _WRITTEN, _BUSY = 5, 9, 12  # columns of /proc/diskstats: sectors, sectors, milliseconds


def host_load(_: Params, __: Places) -> int:
    """HostLoadFacts."""
    first, second, seconds = looked_twice(_disks)
    one, five, fifteen = (float(word) for word in text_at("/proc/loadavg").split()[:3])
    memory, sockets = _sizes("/proc/meminfo"), _sockets()
    return answer(
        {
            "processors": os.cpu_count() or 1,
            "load": [one, five, fifteen],
            "memory_bytes": memory.get("MemTotal"),
            "memory_available_bytes": memory.get("MemAvailable"),
            "swap_bytes": memory.get("SwapTotal"),
            "swap_free_bytes": memory.get("SwapFree"),
            "waiting_for_processors_percent": _pressure("cpu"),
            "waiting_for_memory_percent": _pressure("memory"),
            "waiting_for_disks_percent": _pressure("io"),
            "tcp_in_use": sockets.get("inuse"),
            "tcp_orphans": sockets.get("orphan"),
            "tcp_time_wait": sockets.get("tw"),
            "disks": [
                _used(name, first[name], now, seconds)
                for name, now in sorted(second.items())[:_MOST_DISKS]
                if name in first
            ],
        }
    )


def _disks() -> dict[str, list[int]]:
    """The counters of each whole disk."""
    rows = [line.split() for line in text_at("/proc/diskstats").splitlines()]
    return {
        row[2]: [int(word) if word.isdigit() else 0 for word in row]
        for row in rows
        if len(row) > _BUSY
        and not row[2].startswith(_NO_DISKS)
        and os.path.isdir(f"/sys/block/{row[2]}")
    }


def _used(name: str, then: list[int], now: list[int], seconds: float) -> dict[str, object]:
    grown = {at: max(now[at] - then[at], 0) for at in (_READ, _WRITTEN, _BUSY)}
    return {
        "name": name,
        "busy_percent": round(min(grown[_BUSY] / 10.0 / seconds, 100.0), 1),
        "read_bytes_a_second": int(grown[_READ] * _SECTOR_BYTES / seconds),
        "written_bytes_a_second": int(grown[_WRITTEN] * _SECTOR_BYTES / seconds),
    }


def _sizes(path: str) -> dict[str, int]:
    """Lines such as "MemTotal: 2048 kB", in bytes."""
    rows = (line.replace(":", " ").split() for line in text_at(path).splitlines())
    return {row[0]: int(row[1]) * 1024 for row in rows if len(row) > 1 and row[1].isdigit()}


def _pressure(of: str) -> float | None:
    """The share of the last ten seconds in which something had to wait; None: not told here."""
    for line in text_at(f"/proc/pressure/{of}").splitlines():
        if line.startswith("some "):
            words = dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)
            return float(words["avg10"])
    return None


def _sockets() -> dict[str, int]:
    """What /proc/net/sockstat says of TCP."""
    for line in text_at("/proc/net/sockstat").splitlines():
        if line.startswith("TCP:"):
            words = line.split()[1:]
            return {name: int(count) for name, count in zip(words[::2], words[1::2])}
    return {}
