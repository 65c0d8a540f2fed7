"""Files that fill a volume and are nobody's at this moment: moved to another, never deleted."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat

from . import disk
from .answers import Params, answer, process_ids, text_at
from .edits import copy_marks
from .places import Places
from .refusal import Failed

_CHUNK = 4 * 1024 * 1024
_LARGEST = 20 * 1024**3
_FIRST_PERSON = 1000
_SIGNS_OF_DATABASES = (
    "PG_VERSION", "ibdata1", "aria_log_control", "mysql.ibd", "auto.cnf", "dump.rdb",
    "appendonlydir", "appendonly.aof", "WiredTiger", "mongod.lock", "member/wal", "CURRENT",
    "rpmdb.sqlite",
)  # fmt: skip
_ROOM_KEPT = 0.1
"""Of the other volume: what stays free there."""


def file_move_aside(params: Params, places: Places) -> int:
    """Move a file to the gate's folder for such files, on another volume, whole and proven."""
    path = str(params["path"])
    with disk.parent_of(path) as (folder, name):
        file = disk.open_regular(folder, name, path)
        try:
            state = os.fstat(file)
            _require_nobodys(path, state)
            _require_idle(path, state)
            target = f"{places.aside}/{_stem(path)}"
            _require_room(places.aside, state)
            _copy(file, target, state)
            disk.write_whole(target + ".from", path.encode())
            if _is_touched(file, folder, name, state):
                os.unlink(target)
                os.unlink(target + ".from")
                raise Failed(f"{path} was used while it was copied; it stays")
        finally:
            os.close(file)
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    return answer({"path": path, "moved_to": target, "bytes": state.st_size})


def file_move_back(params: Params, places: Places) -> int:
    """Move a file that was moved aside to where it was."""
    path = str(params["path"])
    target = f"{places.aside}/{_stem(path)}"
    if text_at(target + ".from") != path:
        raise Failed(f"{path} was not moved aside from here")
    with disk.parent_of(target) as (folder, name):
        file = disk.open_regular(folder, name, target)
        try:
            _copy(file, path, os.fstat(file))
        finally:
            os.close(file)
    os.unlink(target)
    os.unlink(target + ".from")
    return answer({"path": path})


def _stem(path: str) -> str:
    """One name for each path, by which people know the file."""
    return f"{hashlib.sha256(path.encode()).hexdigest()[:12]}-{os.path.basename(path)}"


def _require_nobodys(path: str, state: os.stat_result) -> None:
    """Failed where it belongs to a service, or lies among the files of a database."""
    if 0 < state.st_uid < _FIRST_PERSON:
        raise Failed(f"{path} belongs to the service account {state.st_uid}")
    sign = lies_among_databases(path)
    if sign is not None:
        raise Failed(f"{path} lies among the files of a database ({sign})")


def lies_among_databases(path: str) -> str | None:
    """By which file the folder of a path, or one above it, is known as a database's; None: none."""
    folder = os.path.dirname(path)
    while folder != "/":
        for sign in _SIGNS_OF_DATABASES:
            if os.path.lexists(f"{folder}/{sign}"):
                return f"{folder}/{sign}"
        folder = os.path.dirname(folder)
    return None


def _is_touched(file: int, folder: int, name: str, state: os.stat_result) -> bool:
    """Whether anybody wrote to it, replaced it or opened it since it was looked at."""
    now, there = os.fstat(file), disk.state_of(folder, name)
    same = there is not None and (there.st_dev, there.st_ino) == (state.st_dev, state.st_ino)
    written = (now.st_mtime_ns, now.st_size) != (state.st_mtime_ns, state.st_size)
    return not same or written or any(_holds(pid, state) for pid in _others())


def _others() -> list[str]:
    return [pid for pid in process_ids() if pid != str(os.getpid())]


def _require_idle(path: str, state: os.stat_result) -> None:
    """Failed where a process, a loop device or the swap uses it."""
    if state.st_size > _LARGEST:
        raise Failed(f"{path} is larger than {_LARGEST} bytes: a person must move it")
    if any(line.split()[:1] == [path] for line in text_at("/proc/swaps").splitlines()):
        raise Failed(f"{path} is swapped to")
    for device in os.listdir("/sys/block"):
        if text_at(f"/sys/block/{device}/loop/backing_file").strip() == path:
            raise Failed(f"{path} is a volume of its own ({device})")
    for pid in _others():
        if _holds(pid, state):
            raise Failed(f"{path} is open in process {pid}")


def _holds(pid: str, state: os.stat_result) -> bool:
    """Whether a process has the file open, mapped into its memory, or runs it."""
    places = [f"/proc/{pid}/exe"]
    for folder in ("fd", "map_files"):
        with contextlib.suppress(OSError):
            places += [f"/proc/{pid}/{folder}/{one}" for one in os.listdir(f"/proc/{pid}/{folder}")]
    for place in places:
        with contextlib.suppress(OSError):
            held = os.stat(place)
            if (held.st_dev, held.st_ino) == (state.st_dev, state.st_ino):
                return True
    return False


def _require_room(folder: str, state: os.stat_result) -> None:
    disk.make_folder(folder)
    if os.stat(folder).st_dev == state.st_dev:
        raise Failed(f"{folder} lies on the same volume")
    volume = os.statvfs(folder)
    free = volume.f_bavail - _ROOM_KEPT * volume.f_blocks
    if free * volume.f_frsize < state.st_size:
        raise Failed(f"there is no room for {state.st_size} bytes in {folder}")


def _copy(file: int, target: str, state: os.stat_result) -> None:
    """A whole copy under a new name with owner, mode, access list and times; never half a one."""
    with disk.parent_of(target) as (folder, name):
        copy = disk.create_new(folder, name, target)
        try:
            _fill(copy, file, state)
        except (OSError, Failed) as error:
            os.unlink(name, dir_fd=folder)
            raise Failed(f"{target} could not be written: {error}") from None
        finally:
            os.close(copy)
        os.fsync(folder)


def _fill(copy: int, file: int, state: os.stat_result) -> None:
    read, written = hashlib.sha256(), hashlib.sha256()
    os.lseek(file, 0, os.SEEK_SET)
    while chunk := os.read(file, _CHUNK):
        read.update(chunk)
        disk.write_all(copy, chunk)
    copy_marks(file, copy)
    os.fchown(copy, state.st_uid, state.st_gid)
    os.fchmod(copy, stat.S_IMODE(state.st_mode))
    os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))
    os.fsync(copy)
    os.lseek(copy, 0, os.SEEK_SET)
    while chunk := os.read(copy, _CHUNK):
        written.update(chunk)
    if read.digest() != written.digest() or os.fstat(file).st_size != state.st_size:
        raise Failed("it changed while it was copied")
