"""What runs, and ending one of it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
_SESSIONS = "/run/systemd/sessions"
_SESSION = re.compile(r"session-([A-Za-z0-9]+)\.scope")
_LETS_IN = frozenset({"sshd", "sshd-session", "login", "systemd", "systemd-logind", "agetty"})
"""What lets people in: never ended, wherever it runs."""


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
                "user": owner_of(pid),
                "state": fields[0],
                "seconds": int(seconds),
                "start_time": int(fields[19]),
                "rss_bytes": int(fields[21]) * page,
                "cpu_percent": round(100 * busy / seconds, 1) if seconds > 0 else None,
                "command": command_of(pid),
                "unit": unit_of(pid),
                "stray": is_stray(pid, terminal=fields[4] != "0"),
            }
        )
    return answer({"processes": found})


def process_state(params: Params, _: Places) -> int:
    """ProcessStateFacts; `state` is missing where it is gone, or another one has its number."""
    pid = params["pid"]
    fields = stat_fields(pid)
    if fields is None or int(fields[19]) != params["start_time"]:
        return answer({"pid": pid, "start_time": params["start_time"], "state": "missing"})
    return answer(
        {
            "pid": pid,
            "start_time": int(fields[19]),
            "state": fields[0],
            "user": owner_of(pid),
            "command": command_of(pid),
            "unit": unit_of(pid),
            "nice": int(fields[16]),
        }
    )


def process_set_nice(params: Params, _: Places) -> int:
    """Let exactly that process, all its threads, stand back for others by so much."""
    with _of_unit(params):
        pid, nice = params["pid"], int(params["nice"])
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(ProcessLookupError):  # a thread that has ended needs nothing
                os.setpriority(os.PRIO_PROCESS, int(thread), nice)
    return answer({"pid": pid, "nice": nice})


def process_terminate(params: Params, _: Places) -> int:
    """Ask exactly that process to end: the same start, in that unit, through a pidfd."""
    return _signalled(params, signal.SIGTERM)


def process_terminate_stray(params: Params, _: Places) -> int:
    """Ask exactly that process to end, where it is what is left of a login that has ended."""
    with _meant(params) as (handle, fields):
        pid = params["pid"]
        if command_of(pid) != params["command"]:
            raise Failed(f"process {pid} is {command_of(pid)!r}, not {params['command']!r}")
        if not is_stray(pid, terminal=fields[4] != "0"):
            raise Failed(f"process {pid} belongs to {unit_of(pid) or 'nobody'}: it is not astray")
        return _sent(params, handle, signal.SIGTERM)


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
    with _of_unit(params) as handle:
        return _sent(params, handle, number)


def _sent(params: Params, handle: int, number: signal.Signals) -> int:
    signal.pidfd_send_signal(handle, number)
    return answer({"pid": params["pid"], "signal": number.name.removeprefix("SIG")})


@contextmanager
def _of_unit(params: Params) -> Iterator[int]:
    """A handle on exactly the process that was meant, in the unit that was meant."""
    with _meant(params) as (handle, _):
        pid = params["pid"]
        if unit_of(pid) != params["unit"]:
            raise Failed(f"process {pid} belongs to {unit_of(pid)}, not to {params['unit']}")
        yield handle


@contextmanager
def _meant(params: Params) -> Iterator[tuple[int, list[str]]]:
    """A handle on exactly the process that was meant, and its state (`stat_fields`)."""
    pid = int(params["pid"])
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise Failed(f"there is no process {pid}") from None
    try:
        fields = stat_fields(pid)
        if fields is None or int(fields[19]) != params["start_time"]:
            raise Failed(f"process {pid} is another one than was meant: it started at another time")
        yield handle, fields
    finally:
        os.close(handle)


def is_stray(pid: int | str, *, terminal: bool) -> bool:
    """Whether a process is what is left of a login that has ended: nobody waits for it.

    A service, a container and a job have somebody who started them and may start them again; a
    multiplexer's programs have a terminal. What is not in a session's group is never one.
    """
    session = _SESSION.fullmatch(unit_of(pid) or "")
    if session is None or terminal or command_of(pid) in _LETS_IN:
        return False
    state = text_at(f"{_SESSIONS}/{session[1]}").splitlines()
    return "STATE=active" not in state and "STATE=online" not in state


def owner_of(pid: int | str) -> str:
    """The name of a process's user; "" where it has just ended."""
    try:
        return user_name(os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        return ""
