"""Locks that scripts of jobs take by themselves, and one that an ended run left, taken away.

A job that was killed leaves its lock behind, and every later run ends at once, often without a
word. Only a file counts that a script tests and makes itself: what a kernel's lock is put on
(flock) means nothing by being there, and a script that asks whether a process runs helps itself.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import disk, made
from .answers import (
    Params,
    answer,
    kind_of,
    process_ids,
    start_time_of,
    started_at,
    text_at,
)
from .cron import paths_in
from .moving import lies_among_databases
from .parameters import is_refused
from .places import Places
from .refusal import Failed
from .scheduled import Script, scripts, served_places
from .store import Store

_LOCK_BYTES = 64
_DAY = 86_400.0
_LINE, _VALUE, _WHOLE = 1000, 512, 128 * 1024
_NAME = re.compile(r"(?:[\w.@-]*\.(?:lock|lck|pid|running)|(?:[\w.@-]*[._-])?lock)", re.IGNORECASE)
_HELPS_ITSELF = re.compile(
    r"\b(?:flock|fcntl|lockf|lockfile-create|setlock|shlock|pgrep|pidof)\b|kill +-(?:0|s +0)\b"
    r"|\bps +-?[a-z]*p\b|/proc/"
)
_SET = re.compile(
    r"\s*(?:export +|readonly +|local +)?([A-Za-z_]\w{0,60})\s*=\s*[\"']?([^\"'\s;#]+)"
)
_USED = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_TESTED = re.compile(r"(?<![\w-])-[efs]\b|\bexists\b|\bis_file\b|\bisfile\b|\bnoclobber\b")
_MADE_BEFORE = re.compile(r"(?:>\|?\s*[\"']?|\b(?:touch|ln +-s|install)\b[^|;&>]*|\bopen\([\"']?)$")
"""What stands before the path where a line makes the file."""
_PID = re.compile(r"\s*(\d{1,7})\s*")


class Lock(NamedTuple):
    """A lock file that a job's script takes."""

    path: str
    script: str
    job: str
    account: int  # whose it must be


def locks_of(script: Script) -> Iterator[Lock]:
    """The locks that a script takes; none where the kernel, or it itself, sees to them."""
    if _HELPS_ITSELF.search(script.text):
        return
    tested: set[str] = set()
    made: set[str] = set()
    for line in _spelt_out(script.text):
        for path in paths_in(line):
            if _NAME.fullmatch(path.rsplit("/", 1)[-1]):
                if _TESTED.search(line):
                    tested.add(path)
                if _MADE_BEFORE.search(line.partition(path)[0]):
                    made.add(path)
    served = served_places()
    for path in sorted(tested & made):
        folder, name = os.path.split(path)
        if is_refused(path, served):
            continue
        real = f"{os.path.realpath(folder)}/{name}"
        if not is_refused(real, served):
            yield Lock(real, script.path, script.job, script.account)


def shown_of(lock: Lock, *, running: bool) -> dict[str, Any] | None:
    """JobLock; None for what is somebody else's file, or too large for a lock.

    `ended`: whoever took it runs no more.
    """
    shown: dict[str, Any] = {
        "path": lock.path, "script": lock.script, "job": lock.job, "kind": "missing", "pid": None,
        "ended": False, "before_boot": False, "open": False, "running": running,
        "age_seconds": None,
    }  # fmt: skip
    try:
        with disk.parent_of(lock.path) as (folder, name):
            state = disk.state_of(folder, name)
            if state is None:
                return shown
            shown["kind"] = kind_of(state.st_mode)
            if not stat.S_ISREG(state.st_mode):
                return shown
            file = disk.open_regular(folder, name, lock.path)
        try:
            return _of_file(lock, file, shown)
        finally:
            os.close(file)
    except (Failed, OSError):
        return None


def lock_remove(params: Params, places: Places) -> int:
    """Take away the lock of a run that has ended, a copy kept; Failed where that is not certain."""
    path = str(params["path"])
    named = (one for script in scripts().values() for one in locks_of(script))
    lock = next((one for one in named if one.path == path), None)
    if lock is None:
        raise Failed(f"no script of a job here takes {path} as its lock")
    sign = lies_among_databases(path)
    if sign is not None:
        raise Failed(f"{path} lies among the files of a database ({sign})")
    with disk.parent_of(path) as (folder, name):
        file = disk.open_regular(folder, name, path)
        try:
            before = os.fstat(file)
            why = _why_held(shown_of(lock, running=_is_at_work(lock)))
            if why is not None:
                raise Failed(f"{path} stays: {why}")
            os.lseek(file, 0, os.SEEK_SET)
            sha256 = Store(places).put(disk.read_up_to(file, _LOCK_BYTES))
            mode = stat.S_IMODE(before.st_mode)
            note = f"{sha256} {before.st_uid} {before.st_gid} {mode:o} {before.st_mtime_ns}"
            made.note(_noted(path), places, note)
            now = disk.state_of(folder, name)
            if now is None or (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
                raise Failed(f"{path} was taken anew while it was looked at; it stays")
        finally:
            os.close(file)
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    return answer({"path": path, "kept": sha256})


def lock_put_back(params: Params, places: Places) -> int:
    """Put back a lock that this gate took away; Failed where there is a new one."""
    path = str(params["path"])
    noted = made.noted(_noted(path), places)
    if noted is None:
        raise Failed(f"{path} was not taken away by the gate")
    sha256, uid, gid, mode, *taken_at = noted.split()
    with disk.parent_of(path) as (folder, name):
        file = disk.create_new(folder, name, path)
        try:
            disk.write_all(file, Store(places).get(sha256))
            os.fchown(file, int(uid), int(gid))
            os.fchmod(file, int(mode, 8))
            for when in taken_at:  # how old it is tells whose it was
                os.utime(file, ns=(int(when), int(when)))
            os.fsync(file)
        finally:
            os.close(file)
        os.fsync(folder)
    made.forget(_noted(path), places)
    return answer({"path": path})


def _noted(path: str) -> str:
    return f"lock {path}"


def _of_file(lock: Lock, file: int, shown: dict[str, Any]) -> dict[str, Any] | None:
    state = os.fstat(file)
    if state.st_uid != lock.account or state.st_size > _LOCK_BYTES:
        return None
    said = _PID.fullmatch(disk.read_up_to(file, _LOCK_BYTES).decode("utf-8", "replace"))
    pid = int(said[1]) if said else None
    shown["pid"] = pid
    shown["age_seconds"] = max(0, int(time.time() - state.st_mtime))
    # a stepped clock moves the moment of the start: only what is much older is before it
    shown["before_boot"] = state.st_mtime < started_at(0) - _DAY
    shown["open"] = _is_open(lock.path) or f":{state.st_ino} " in text_at("/proc/locks", 1 << 20)
    gone = pid is not None and not _runs_since(pid, state.st_mtime) and not _is_inner(pid)
    shown["ended"] = shown["before_boot"] or gone
    return shown


def _why_held(state: dict[str, Any] | None) -> str | None:
    """Why a lock may still be somebody's; None: whoever took it has certainly ended."""
    if state is None:
        return "it belongs to another account, or is too large for a lock"
    if state["kind"] != "file":
        return f"it is a {state['kind']}"
    if state["open"]:
        return "a process has it open"
    if state["running"]:
        return f"{state['script']} runs"
    if state["pid"] is None and not state["before_boot"]:
        return "it does not say whose it is"
    return None if state["ended"] else f"process {state['pid']} runs"


def _is_at_work(lock: Lock) -> bool:
    """Whether any process has the script among its words: more than its job's own runs."""
    return any(
        lock.script in text_at(f"/proc/{pid}/cmdline", 8192).split("\0") for pid in process_ids()
    )


def _runs_since(pid: int, taken_at: float) -> bool:
    """Whether the process that took the lock still runs: not a later one of the same number."""
    started = start_time_of(pid)
    if started is None:
        return False
    return started_at(started) <= taken_at + 1.0


def _is_inner(pid: int) -> bool:
    """Whether a process in a container goes by that number there."""
    for one in process_ids():
        for line in text_at(f"/proc/{one}/status", 4096).splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                if len(numbers) > 1 and str(pid) in numbers[1:]:
                    return True
    return False


def _is_open(path: str) -> bool:
    """Whether a process has a file open by that path."""
    for pid in process_ids():
        if pid == str(os.getpid()):
            continue
        folder = f"/proc/{pid}/fd"
        try:
            if any(os.readlink(f"{folder}/{one}") == path for one in os.listdir(folder)):
                return True
        except OSError:
            continue  # it has just ended
    return False


def _spelt_out(text: str) -> Iterator[str]:
    """A script's lines with variables that are set to plain words put in; comments left out."""
    known: dict[str, str] = {}
    left = _WHOLE
    for line in text.splitlines():
        if line.lstrip().startswith("#") or len(line) > _LINE:
            continue
        spelt = _USED.sub(lambda used: known.get(used[1] or used[2], used[0]), line)[:_LINE]
        found = _SET.match(spelt)
        if found is not None:
            known[found[1]] = found[2][:_VALUE]
        left -= len(spelt)
        if left < 0:
            return
        yield spelt
