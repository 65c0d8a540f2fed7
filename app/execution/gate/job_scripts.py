"""Scripts that cron and timers run: which of them run now, and the locks that they take.

A job that was killed leaves its lock behind, and every later run ends at once, often without a
word. Only files by which a script itself tells that it runs are meant: what a kernel's lock is put
on (flock) means nothing by being there. A job that is started faster than it ends piles up.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import disk
from .answers import (
    Params,
    answer,
    kind_of,
    process_ids,
    read_program,
    start_time_of,
    stat_fields,
    text_at,
)
from .cron import PATH, commands
from .moving import keep_copy, lies_among_databases
from .places import Places
from .refusal import Failed

_SCRIPT_BYTES = 64 * 1024
_MOST = 100
_PILED_UP, _MOST_RUNS = 3, 200
_SECONDS = 20.0
_LOCK_NAME = re.compile(
    r"(?:[\w.@-]*\.(?:lock|lck|pid|running)|(?:[\w.@-]*[._-])?lock)", re.IGNORECASE
)
_BY_THE_KERNEL = re.compile(r"\b(?:flock|fcntl|lockf|lockfile-create|setlock|shlock)\b")
_SET = re.compile(
    r"^\s*(?:export\s+|readonly\s+|local\s+)?([A-Za-z_]\w*)\s*=\s*[\"']?([^\"'\s;#]+)"
)
_USED = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PID = re.compile(r"\s*(\d{1,7})\b")
_PROGRAM = re.compile(r"argv\[\]=(.*?) ; ignore_errors=")


class Run(NamedTuple):
    """One run of a script that is at work."""

    pid: int
    started: int  # clock ticks since boot
    seconds: int  # since then
    forked: tuple[int, ...]


class Lock(NamedTuple):
    """A lock file that a job's script names."""

    path: str
    script: str
    job: str  # the table or the timer's service that runs the script
    owner: int  # of the script: who else may write it names no files of others


def job_scripts(_: Params, __: Places) -> int:
    """JobScriptsFacts: the scripts of jobs and their runs; the locks that they name, and whose."""
    scripts = dict(_scripts())
    found = {one.path: one for path, job in scripts.items() for one in _named_by(path, job)}
    shown = []
    for path, job in list(scripts.items())[:_MOST]:
        runs = _runs_of(path)
        ages = [run.seconds for run in runs]
        shown.append(
            {"path": path, "job": job, "runs": len(runs), "oldest_seconds": max(ages, default=None)}
        )
    return answer({
        "scripts": shown, "locks": [_state(lock) for lock in list(found.values())[:_MOST]],
    })  # fmt: skip


def job_end_extra_runs(params: Params, _: Places) -> int:
    """Ask every run of a job's script to end but the one that was there first."""
    path = str(params["script"])
    if path not in dict(_scripts()):
        raise Failed(f"no job here runs {path}")
    runs = sorted(_runs_of(path), key=lambda run: (run.started, run.pid))
    if len(runs) < _PILED_UP:
        raise Failed(f"{path} runs {len(runs)} times: that is no pile")
    if len(runs) > _MOST_RUNS:
        raise Failed(f"{path} runs {len(runs)} times: so many are for a person to end")
    extra = [pid for run in runs[1:] for pid in (run.pid, *run.forked)]
    ended = [pid for pid in extra if _asked_to_end(pid, path)]
    return answer({"script": path, "kept": runs[0].pid, "asked_to_end": ended})


def _asked_to_end(pid: int, script: str) -> bool:
    """Whether that process was there to be asked, and runs the script."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not _runs(str(pid), script):
            return False
        signal.pidfd_send_signal(handle, signal.SIGTERM)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def _runs_of(script: str) -> list[Run]:
    """The runs of a script, each with the processes that it has forked and that run it too."""
    states = {pid: stat_fields(pid) for pid in process_ids() if _runs(pid, script)}
    parents = {int(pid): int(fields[1]) for pid, fields in states.items() if fields is not None}
    found = []
    for pid, parent in parents.items():
        fields = states[str(pid)]
        if parent in parents or fields is None:
            continue
        started = int(fields[19])
        seconds = time.time() - _booted() - started / os.sysconf("SC_CLK_TCK")
        forked = tuple(one for one in parents if one != pid and _first_of(one, parents) == pid)
        found.append(Run(pid, started, max(0, int(seconds)), forked))
    return found


def _first_of(pid: int, parents: dict[int, int]) -> int:
    """The process of a run that forked all its others."""
    while parents[pid] in parents:
        pid = parents[pid]
    return pid


def lock_remove(params: Params, places: Places) -> int:
    """Take away the lock of a run that has ended, a copy kept; Failed where that is not certain."""
    path = str(params["path"])
    named = (one for script, job in _scripts() for one in _named_by(script, job))
    lock = next((one for one in named if one.path == path), None)
    if lock is None:
        raise Failed(f"no script of a job here names {path} as its lock")
    with disk.parent_of(path) as (folder, name):
        file = disk.open_regular(folder, name, path)
        try:
            before = os.fstat(file)
            if lock.owner not in (0, before.st_uid):
                raise Failed(f"{path} belongs to another account than {lock.script}")
            sign = lies_among_databases(path)
            if sign is not None:
                raise Failed(f"{path} lies among the files of a database ({sign})")
            why = _why_held(_state(lock))
            if why is not None:
                raise Failed(f"{path} stays: {why}")
            kept = keep_copy(file, path, before, places)
            now = disk.state_of(folder, name)
            if now is None or (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
                raise Failed(f"{path} was taken anew while it was looked at; it stays")
        finally:
            os.close(file)
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    return answer({"path": path, "kept": kept})


def _why_held(state: dict[str, Any]) -> str | None:
    """Why a lock may still be somebody's; None: whoever took it has certainly ended."""
    if state["kind"] != "file":
        return f"it is a {state['kind']}"
    if state["open"]:
        return "a process has it open"
    if state["running"]:
        return f"{state['script']} runs"
    if state["pid"] is None and not state["before_boot"]:
        return "it does not say whose it is"
    return None if state["ended"] else f"process {state['pid']} runs"


def _state(lock: Lock) -> dict[str, Any]:
    """How a lock looks now. `ended`: whoever took it runs no more."""
    shown: dict[str, Any] = {
        "path": lock.path, "script": lock.script, "job": lock.job, "kind": "missing", "pid": None,
        "ended": False, "before_boot": False, "open": False, "running": False, "age_seconds": None,
    }  # fmt: skip
    try:
        state = os.lstat(lock.path)
    except OSError:
        return shown
    shown["kind"] = kind_of(state.st_mode)
    shown["age_seconds"] = max(0, int(time.time() - state.st_mtime))
    shown["before_boot"] = state.st_mtime < _booted()
    if not stat.S_ISREG(state.st_mode):
        return shown
    said = _PID.match(text_at(lock.path, 64))
    shown["pid"] = int(said[1]) if said else None
    shown["open"] = any(_has_open(pid, state) for pid in process_ids() if pid != str(os.getpid()))
    shown["running"] = any(_runs(pid, lock.script) for pid in process_ids())
    gone = shown["pid"] is not None and not _is_that_process(shown["pid"], state.st_mtime)
    shown["ended"] = shown["before_boot"] or gone
    return shown


def _booted() -> float:
    words = [line.split() for line in text_at("/proc/stat", 1 << 20).splitlines()]
    return float(next((w[1] for w in words if w and w[0] == "btime"), 0))


def _is_that_process(pid: int, taken_at: float) -> bool:
    """Whether the process that took the lock still runs: not a later one of the same number."""
    started = start_time_of(pid)
    if started is None:
        return False
    return _booted() + started / os.sysconf("SC_CLK_TCK") <= taken_at + 1.0


def _has_open(pid: str, state: os.stat_result) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    for name in names:
        try:
            held = os.stat(f"{folder}/{name}")
        except OSError:
            continue
        if (held.st_dev, held.st_ino) == (state.st_dev, state.st_ino):
            return True
    return False


def _runs(pid: str, script: str) -> bool:
    """Whether a process runs this script; of its arguments nothing is told."""
    return script in text_at(f"/proc/{pid}/cmdline", 4096).split("\0")


def _scripts() -> Iterator[tuple[str, str]]:
    """The scripts that jobs run, each with its table or service; programs are none."""
    for job, command in (*commands(), *_timed()):
        for script in dict.fromkeys(PATH.findall(command)):
            if _text_of(script) is not None:
                yield script, job


def _timed() -> Iterator[tuple[str, str]]:
    """The services that timers start, and what they run."""
    _, timers, _ = read_program(
        ["/usr/bin/systemctl", "list-timers", "--all", "--no-legend", "--no-pager", "--plain"]
    )
    units = [line.split()[-1] for line in timers.splitlines() if line.endswith(".service")]
    if not units:
        return
    _, shown, _ = read_program(
        ["/usr/bin/systemctl", "show", "--no-pager", "-p", "Id", "-p", "ExecStart", "--", *units]
    )
    for block in shown.split("\n\n"):
        name = next((ln[3:] for ln in block.splitlines() if ln.startswith("Id=")), "")
        for command in _PROGRAM.findall(block):
            yield name, command


def _named_by(script: str, job: str) -> Iterator[Lock]:
    """The locks that a script names; none where it leaves them to the kernel."""
    text = _text_of(script)
    if text is None or _BY_THE_KERNEL.search(text):
        return
    owner = os.stat(script).st_uid
    for path in dict.fromkeys(PATH.findall(_spelt_out(text))):
        folder, name = os.path.split(path)
        if _LOCK_NAME.fullmatch(name):
            yield Lock(f"{os.path.realpath(folder)}/{name}", script, job, owner)


def _text_of(script: str) -> str | None:
    """What a script says; None for programs, and for what is not there."""
    try:
        state = os.stat(script)
    except OSError:
        return None
    if not stat.S_ISREG(state.st_mode) or state.st_size > _SCRIPT_BYTES:
        return None
    text = text_at(script, _SCRIPT_BYTES)
    return text if text and "\0" not in text else None


def _spelt_out(text: str) -> str:
    """The script with variables that are set to plain words put in, comments left out."""
    known: dict[str, str] = {}
    lines = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        spelt = _USED.sub(lambda used: known.get(used[1] or used[2], used[0]), line)
        found = _SET.match(spelt)
        if found is not None:
            known[found[1]] = found[2]
        lines.append(spelt)
    return "\n".join(lines)
