"""What runs, and ending one of it."""

from __future__ import annotations

import os
import signal

from .answers import (
    Params,
    answer,
    command_of,
    process_ids,
    stat_fields,
    text_at,
    unit_of,
    user_name,
)
from .places import Places
from .refusal import Failed

_MOST_PROCESSES = 2000


def processes(_: Params, __: Places) -> int:
    """ProcessesFacts: kernel threads left out."""
    uptime = float(text_at("/proc/uptime").split()[0])
    ticks = os.sysconf("SC_CLK_TCK")
    page = os.sysconf("SC_PAGE_SIZE")
    found = []
    for pid in process_ids()[:_MOST_PROCESSES]:
        fields = stat_fields(pid)
        if fields is None or (fields[1] == "2" or pid == "2"):
            continue
        seconds = max(uptime - int(fields[19]) / ticks, 0.0)
        busy = (int(fields[11]) + int(fields[12])) / ticks
        found.append(
            {
                "pid": int(pid),
                "ppid": int(fields[1]),
                "user": _owner(pid),
                "state": fields[0],
                "seconds": int(seconds),
                "start_time": int(fields[19]),
                "rss_bytes": int(fields[21]) * page,
                "cpu_percent": round(100 * busy / seconds, 1) if seconds > 0 else None,
                "command": command_of(pid),
                "unit": unit_of(pid),
            }
        )
    return answer({"processes": found})


def process_terminate(params: Params, _: Places) -> int:
    """Ask exactly that process to end: the same start, in that unit, through a pidfd."""
    return _signalled(params, signal.SIGTERM)


def process_continue(params: Params, _: Places) -> int:
    """Let exactly that process go on that was stopped by a signal."""
    fields = stat_fields(str(params["pid"]))
    if fields is None or fields[0] != "T":
        raise Failed(f"process {params['pid']} is not stopped by a signal")
    return _signalled(params, signal.SIGCONT)


def process_stop(params: Params, _: Places) -> int:
    """Stop exactly that process as it was: the undo of letting it go on."""
    return _signalled(params, signal.SIGSTOP)


def _signalled(params: Params, number: signal.Signals) -> int:
    pid = int(params["pid"])
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise Failed(f"there is no process {pid}") from None
    try:
        fields = stat_fields(str(pid))
        if fields is None or int(fields[19]) != params["start_time"]:
            raise Failed(f"process {pid} is another one than was meant: it started at another time")
        if unit_of(pid) != params["unit"]:
            raise Failed(f"process {pid} belongs to {unit_of(pid)}, not to {params['unit']}")
        signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)
    return answer({"pid": pid, "signal": number.name.removeprefix("SIG")})


def _owner(pid: str) -> str:
    try:
        return user_name(os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        return ""
