"""Locks that scripts of jobs take by themselves, and one that an ended run left, taken away.

A job that was killed leaves its lock behind, and every later run ends at once, often without a
word. Only a file counts that a script tests and makes itself, or a folder by whose making it tells
whether another run is at work: what a kernel's lock is put on (flock) means nothing by being there,
and a script that asks whether a process runs helps itself: it is only misled where the number of
the one that took the lock is another's by now.
"""

from __future__ import annotations

import json
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
    command_of,
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
_HELPS_ITSELF = re.compile(r"\b(?:flock|fcntl|lockf|lockfile-create|setlock|shlock|pgrep|pidof)\b")
_LOOKS = re.compile(r"\bkill +-(?:0|s +0)\b|\bps +-?[a-z]*p\b|/proc/")
"""How a script asks whether a process of that number runs, whoever's it is."""
_SET = re.compile(
    r"\s*(?:export +|readonly +|local +)?([A-Za-z_]\w{0,60})\s*=\s*[\"']?([^\"'\s;#]+)"
)
_USED = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_TESTED = re.compile(r"(?<![\w-])-[efs]\b|\bexists\b|\bis_file\b|\bisfile\b|\bnoclobber\b")
_MADE_BEFORE = re.compile(r"(?:>\|?\s*[\"']?|\b(?:touch|ln +-s|install)\b[^|;&>]*|\bopen\([\"']?)$")
"""What stands before the path where a line makes the file."""
_PID = re.compile(r"\s*(\d{1,7})\s*")
_FOLDER_MADE = re.compile(
    r"(?P<asked>\b(?:if|until|while)\s+(?:!\s*)?|!\s*)?\bmkdir\s+(?:--\s+)?"
    r"[\"']?(?P<path>[^\s\"';|&<>-][^\s\"';|&<>]*)[\"']?"
    r"(?P<refused>[^;|&]*\|\|\s*(?:\{|\(|exit|return|die|fail|bail)?)?"
)
"""A folder made where whether that succeeds decides: `mkdir x || exit`, `if ! mkdir x`."""
_SENT_ELSEWHERE = re.compile(r"[0-9&]?>>?&?[^\s;|&]*")
"""Where what is said goes: nothing that is decided by."""

_GOES_TO = re.compile(r"\s*cd\s+(?:--\s+)?[\"']?(/[^\s\"';|&]*)")
_WITHIN = 2
"""Files that such a folder may hold: which process took it, and since when."""


_ENDINGS = ("{", "(", "exit", "return", "die", "fail", "bail")
_A_FOLDER = "folder"


class Lock(NamedTuple):
    """A lock that a job's script takes: a file, or a folder."""

    path: str
    script: str
    job: str
    account: int  # whose it must be
    is_folder: bool = False
    looks: bool = False  # the script asks whether a process of the lock's number runs


def locks_of(script: Script) -> Iterator[Lock]:
    """The locks that a script takes; none where the kernel, or it itself, sees to them."""
    if _HELPS_ITSELF.search(script.text):
        return
    tested: set[str] = set()
    made: set[str] = set()
    folders: set[str] = set()
    at = ""
    for line in _spelt_out(script.text):
        gone_to = _GOES_TO.match(line)
        at = gone_to[1].rstrip("/") if gone_to is not None else at
        folders.update(_folders_made(line, at))
        for path in paths_in(line):
            if _NAME.fullmatch(path.rsplit("/", 1)[-1]):
                if _TESTED.search(line):
                    tested.add(path)
                if _MADE_BEFORE.search(line.partition(path)[0]):
                    made.add(path)
    served = served_places()
    for path in sorted(tested & made | folders):
        folder, name = os.path.split(path)
        if is_refused(path, served):
            continue
        real = f"{os.path.realpath(folder)}/{name}"
        if not is_refused(real, served):
            looks = _LOOKS.search(script.text) is not None
            yield Lock(real, script.path, script.job, script.account, path in folders, looks)


def _folders_made(line: str, at: str) -> Iterator[str]:
    """Folders by whose making a line decides whether to go on; `at`: where the script went."""
    for found in _FOLDER_MADE.finditer(_SENT_ELSEWHERE.sub("", line)):
        decides = found["asked"] or (found["refused"] or "").rstrip().endswith(_ENDINGS)
        path = found["path"]
        if decides and "$" not in path and "*" not in path and (at or path.startswith("/")):
            yield os.path.normpath(path if path.startswith("/") else f"{at}/{path}")


def shown_of(lock: Lock, *, running: bool) -> dict[str, Any] | None:
    """JobLock; None for somebody else's file, what is too large, or what its script sees to.

    `ended`: whoever took it runs no more; `reused`: its number is another process's.
    """
    told = _shown_of(lock, running=running)
    return None if told is not None and lock.looks and not told["reused"] else told


def _shown_of(lock: Lock, *, running: bool) -> dict[str, Any] | None:
    shown: dict[str, Any] = {
        "path": lock.path, "script": lock.script, "job": lock.job, "kind": "missing", "pid": None,
        "ended": False, "before_boot": False, "open": False, "running": running,
        "age_seconds": None, "reused": False, "holder": "",
    }  # fmt: skip
    try:
        with disk.parent_of(lock.path) as (folder, name):
            state = disk.state_of(folder, name)
            if state is None:
                return shown
            shown["kind"] = kind_of(state.st_mode)
            if stat.S_ISDIR(state.st_mode) and lock.is_folder:
                return _of_folder(lock, disk.open_any(folder, name, lock.path), shown)
            if not stat.S_ISREG(state.st_mode) or lock.is_folder:
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
        opened = disk.open_any(folder, name, path)
        try:
            before = os.fstat(opened)
            why = _why_held(shown_of(lock, running=_is_at_work(lock)))
            if why is not None:
                raise Failed(f"{path} stays: {why}")
            within = _within(opened) if lock.is_folder else {}
            kept = json.dumps(within).encode() if lock.is_folder else _content(opened)
            sha256 = Store(places).put(kept)
            mode = stat.S_IMODE(before.st_mode)
            note = f"{sha256} {before.st_uid} {before.st_gid} {mode:o} {before.st_mtime_ns}"
            note += f" {_A_FOLDER}" if lock.is_folder else ""
            made.note(_noted(path), places, note)
            now = disk.state_of(folder, name)
            if now is None or (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
                raise Failed(f"{path} was taken anew while it was looked at; it stays")
            for one in within:
                os.unlink(one, dir_fd=opened)
        finally:
            os.close(opened)
        if lock.is_folder:
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    return answer({"path": path, "kept": sha256})


def lock_put_back(params: Params, places: Places) -> int:
    """Put back a lock that this gate took away; Failed where there is a new one."""
    path = str(params["path"])
    noted = made.noted(_noted(path), places)
    if noted is None:
        raise Failed(f"{path} was not taken away by the gate")
    is_folder = noted.endswith(f" {_A_FOLDER}")
    sha256, uid, gid, mode, *taken_at = noted.removesuffix(f" {_A_FOLDER}").split()
    kept = Store(places).get(sha256)
    with disk.parent_of(path) as (folder, name):
        again = _folder_again if is_folder else _file_again
        opened = again(folder, name, path, kept)
        try:
            os.fchown(opened, int(uid), int(gid))
            os.fchmod(opened, int(mode, 8))
            for when in taken_at:  # how old it is tells whose it was
                os.utime(opened, ns=(int(when), int(when)))
            os.fsync(opened)
        finally:
            os.close(opened)
        os.fsync(folder)
    made.forget(_noted(path), places)
    return answer({"path": path})


def _noted(path: str) -> str:
    return f"lock {path}"


def _content(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    return disk.read_up_to(file, _LOCK_BYTES)


class _Inner(NamedTuple):
    """A file in a folder that is a lock."""

    text: str  # in hexadecimal
    uid: int
    gid: int
    mode: int
    modified: int  # nanoseconds


def _within(folder: int) -> dict[str, _Inner]:
    """What a folder that is a lock holds; Failed where that is more than a lock needs."""
    names = os.listdir(folder)
    if len(names) > _WITHIN:
        raise Failed("more lies in it than in a lock")
    found = {}
    for name in names:
        file = disk.open_regular(folder, name, name)
        try:
            state = os.fstat(file)
            if state.st_size > _LOCK_BYTES:
                raise Failed(f"{name} in it is too large for a lock")
            shape = (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode), state.st_mtime_ns)
            found[name] = _Inner(_content(file).hex(), *shape)
        finally:
            os.close(file)
    return found


def _folder_again(folder: int, name: str, path: str, kept: bytes) -> int:
    """The folder that a lock was, opened. Failed where something stands there."""
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        raise Failed(f"{path} could not be made: there is one already") from None
    opened = disk.open_any(folder, name, path)
    for inner, shape in json.loads(kept).items():
        one = _Inner(*shape)
        file = disk.create_new(opened, os.path.basename(inner), f"{path}/{inner}")
        try:
            disk.write_all(file, bytes.fromhex(one.text))
            os.fchown(file, one.uid, one.gid)
            os.fchmod(file, one.mode)
            os.utime(file, ns=(one.modified, one.modified))
        finally:
            os.close(file)
    return opened


def _file_again(folder: int, name: str, path: str, kept: bytes) -> int:
    """The file that a lock was, opened. Failed where something stands there."""
    file = disk.create_new(folder, name, path)
    disk.write_all(file, kept)
    return file


def _of_folder(lock: Lock, folder: int, shown: dict[str, Any]) -> dict[str, Any] | None:
    """The same of a folder: whichever file in it has a number names the process."""
    try:
        state = os.fstat(folder)
        if state.st_uid != lock.account:
            return None
        texts = [bytes.fromhex(one.text).decode("utf-8", "replace")
                 for one in _within(folder).values()]  # fmt: skip
    finally:
        os.close(folder)
    said = next(filter(None, map(_PID.fullmatch, texts)), None)
    return _of_whom(lock, shown, None if said is None else int(said[1]), state.st_mtime)


def _of_file(lock: Lock, file: int, shown: dict[str, Any]) -> dict[str, Any] | None:
    state = os.fstat(file)
    if state.st_uid != lock.account or state.st_size > _LOCK_BYTES:
        return None
    said = _PID.fullmatch(disk.read_up_to(file, _LOCK_BYTES).decode("utf-8", "replace"))
    shown["open"] = _is_open(lock.path) or f":{state.st_ino} " in text_at("/proc/locks", 1 << 20)
    return _of_whom(lock, shown, int(said[1]) if said else None, state.st_mtime)


def _of_whom(lock: Lock, shown: dict[str, Any], pid: int | None, taken_at: float) -> dict[str, Any]:
    """What is known of the run that took a lock."""
    shown["pid"] = pid
    shown["age_seconds"] = max(0, int(time.time() - taken_at))
    # a stepped clock moves the moment of the start: only what is much older is before it
    shown["before_boot"] = taken_at < started_at(0) - _DAY
    if pid is not None:
        anothers = _is_of_others(pid, lock.account) or not _runs_since(pid, taken_at)
        gone = anothers and not _is_inner(pid)
        shown["reused"] = gone and start_time_of(pid) is not None
        shown["holder"] = command_of(pid) if shown["reused"] else ""
        shown["ended"] = gone
    shown["ended"] = shown["ended"] or shown["before_boot"]
    return shown


def _is_of_others(pid: int, account: int) -> bool:
    """Whether a process is of an account that cannot have taken the lock; root may have been."""
    try:
        return account != 0 and os.stat(f"/proc/{pid}").st_uid != account
    except OSError:
        return False


def _why_held(state: dict[str, Any] | None) -> str | None:
    """Why a lock may still be somebody's; None: whoever took it has certainly ended."""
    if state is None:
        return "it belongs to another account, is too large for a lock, or its script sees to it"
    if state["kind"] not in ("file", "directory"):
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
